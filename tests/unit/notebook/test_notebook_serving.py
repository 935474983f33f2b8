"""With --apply a notebook becomes a script, what serves its model, and a test of both that passes as it is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support import notebooks as notebooks_help
from support.rendering import commit_all, template_file

from amlrun.cli.notebook import command
from amlrun.notebook.edited import is_edited

pytestmark = pytest.mark.slow

CASES = Path(__file__).parents[4] / "shared" / "cases" / "notebooks"
TICKETS = "id;age;words;plan;late\n" + "".join(
    f"{n};{'' if n % 7 == 0 else 20 + n % 40};{'bad late' if n % 3 else 'all good'};{'A' if n % 2 else 'B'};"
    f"{'yes' if n % 3 else 'no'}\n"
    for n in range(1, 61)
)
IMPORTS = """# %%
import pickle
import joblib
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
df = pd.read_csv('../data/tickets.csv', sep=';', index_col='id')
# %%
"""
# Each with the key of its answers, the file of its model, and the columns of a row of its request.
NOTEBOOKS = {
    "text, gaps and a function of its own": (
        """
LIMIT = 60
def clipped(x):
    return np.minimum(x, LIMIT)
df['y'] = (df['late'] == 'yes').astype(int)
X = df.drop(columns=['late', 'y'])
gaps = make_pipeline(SimpleImputer(), FunctionTransformer(clipped))
prepare = make_column_transformer((gaps, ['age']), (OneHotEncoder(), ['plan']), (TfidfVectorizer(), 'words'))
model = make_pipeline(prepare, LogisticRegression())
model.fit(X, df['y'])
""",
        "probabilities",
        "outputs/model.pkl",
        ["age", "words", "plan"],
    ),
    "a class of its own, and no probabilities": (
        """
class Half(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self
    def transform(self, X):
        return np.asarray(X) / 2
features = ['age']
df = df.dropna()
clf = make_pipeline(Half(), RidgeClassifier()).fit(df[features], df.late)
joblib.dump(clf, 'late.joblib')
""",
        "predictions",
        "outputs/late.joblib",
        ["age"],
    ),
    "a regression in a pickle, with a column made here": (
        """
def prepared(table):
    table = table.dropna()
    table['decade'] = table['age'] / 10
    return table[['decade', 'plan']], table['age']
X, y = prepared(df)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
forest = make_pipeline(make_column_transformer((OneHotEncoder(), ['plan']), remainder='passthrough'),
                       RandomForestRegressor(n_estimators=3))
forest.fit(X_train, y_train)
with open('forest.pickle', 'wb') as file:
    pickle.dump(forest, file)
""",
        "predictions",
        "outputs/forest.pickle",
        ["age", "plan"],
    ),
    "a column made of others, and one cleaned": (
        """
df['decade'] = df['age'].fillna(40) / 10
df['plan'] = df.plan.str.lower()
gaps = make_column_transformer((OneHotEncoder(), ['plan']), remainder='passthrough')
model = make_pipeline(gaps, LogisticRegression())
model.fit(df[['decade', 'plan']], df['late'])
""",
        "probabilities",
        "outputs/model.pkl",
        ["age", "plan"],
    ),
    "columns made in functions, one of them called for each value": (
        """
LONG = 7
def is_long(text):
    df = len(text)
    return int(df > LONG)
def features(df):
    df = df.copy()
    for name in ['plan', 'words']:
        df[name + '_long'] = df[name].apply(is_long)
    df['age'] = df['age'].fillna(-1)
    return df
df = features(df)
model = LogisticRegression().fit(df[['age', 'words_long', 'plan_long']], df['late'])
""",
        "probabilities",
        "outputs/model.pkl",
        ["age", "words", "plan"],
    ),
    "a column for each value of another": (
        """
def ready(table, label='late'):
    table = table.rename(columns={'age': 'years'}).fillna({'years': 0})
    return pd.get_dummies(table.drop(columns=[label, 'words']), drop_first=True), table[label] == 'yes'
X, y = ready(df)
model = LogisticRegression().fit(X, y)
""",
        "probabilities",
        "outputs/model.pkl",
        ["age", "plan"],
    ),
    "a class that calls its own variables as the notebook does": (
        """
NAMES = {'A': 0, 'B': 1}
class Plan(BaseEstimator, TransformerMixin):
    def fit(self, X, y=None):
        return self
    def transform(self, X):
        X = X.assign(plan=X['plan'].map(NAMES))
        return X
years = lambda table: table.assign(decade=lambda d: d.age.fillna(0) // 10)
X = df[['age', 'plan']].fillna(0)
model = make_pipeline(Plan(), LogisticRegression())
model.fit(X, df['late'])
""",
        "probabilities",
        "outputs/model.pkl",
        ["age", "plan"],
    ),
    "texts alone": (
        "model = make_pipeline(TfidfVectorizer(), LogisticRegression())\nmodel.fit(df['words'], df['late'])\n",
        "probabilities",
        "outputs/model.pkl",
        None,
    ),
    "a scaler before the model": (
        """
from sklearn.preprocessing import StandardScaler
X_train, X_test, y_train, y_test = train_test_split(df[['age']].fillna(0), df['late'], random_state=0)
scaler = StandardScaler()
X_train_scaled = scaler.fit_transform(X_train)
X_test_scaled = scaler.transform(X_test)
model = LogisticRegression().fit(X_train_scaled, y_train)
score = model.score(X_test_scaled, y_test)
""",
        "probabilities",
        "outputs/model.pkl",
        ["age"],
    ),
    "an array": (
        "df = df.dropna()\nmodel = LogisticRegression()\nmodel.fit(df[['age']].values, df['late'])\n",
        "probabilities",
        "outputs/model.pkl",
        None,
    ),
}


def project(root: Path) -> Path:
    """A project with the sample's files, as far as the conversion meets them."""
    template = Path(__file__).parents[3] / "template"
    model = root / "models" / "model1"
    shutil.copytree(template / "models" / "model1", model, ignore=shutil.ignore_patterns("__pycache__", "*.jinja"))
    for name in ("train.py", "score.py", "tests/test_train.py", "tests/test_score.py"):
        (model / name).write_text(template_file(f"models/model1/{name}"), encoding="utf-8")
    shutil.copytree(template / "deployment", root / "deployment")
    (root / "data").mkdir()
    (root / "pyproject.toml").write_text(
        '[tool.amlrun]\n[tool.pytest.ini_options]\naddopts = "--import-mode=importlib"\n'
    )
    (root / "data" / "tickets.csv").write_text(TICKETS)
    return model


def convert(notebook: Path, model: Path) -> dict[str, Any]:
    words = ["convert", str(notebook), "-o", str(model / "train.py"), "--overwrite", "--apply", "--json"]
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def own_tests(root: Path) -> None:
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "models"]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0 and "passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_converted_projects_own_tests_pass(tmp_path: Path, name: str) -> None:
    text, key, file, columns = NOTEBOOKS[name]
    model = project(tmp_path)
    report = convert(notebooks_help.write(tmp_path / "notebooks" / "n.ipynb", IMPORTS + text), model)
    assert report["model_file"] == file
    assert [line for line in report["todo"] if "no metric" not in line] == []
    assert "which train.py makes of other columns" not in str(report["done"])
    rows = json.loads((tmp_path / "deployment" / "sample-request.json").read_text())["data"]
    assert len(rows) == 2 and (columns is None or list(rows[0]) == columns)
    own_tests(tmp_path)
    score = f"import score; score.init(); print(list(score.run({{'data': {rows!r}}})))"
    trained = (
        "import os, runpy; runpy.run_path('train.py', run_name='__main__'); os.environ['AZUREML_MODEL_DIR'] = 'outputs'"
    )
    done = subprocess.run([sys.executable, "-c", trained], cwd=model, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    code = f"import os; os.environ['AZUREML_MODEL_DIR'] = 'outputs'; {score}"
    done = subprocess.run([sys.executable, "-c", code], cwd=model, capture_output=True, text=True)
    assert done.stdout.strip() == f"['{key}']", done.stderr
    if "send rows as in the training data" in str(report["done"]):
        # The training data as it is: what train.py makes of it is made here too.
        code = "import score_batch as s; s.init(); print(len(s.run(['../../data/tickets.csv'])))"
        code = f"import os; os.environ['AZUREML_MODEL_DIR'] = 'outputs'; {code}"
        done = subprocess.run([sys.executable, "-c", code], cwd=model, capture_output=True, text=True)
        assert done.stdout.split() == [str(TICKETS.count("\n") - 1)], done.stderr


def test_a_score_py_of_somebodys_own_stays(tmp_path: Path) -> None:
    model = project(tmp_path)
    (model / "score.py").write_text("def init(): ...\n")
    text = "model = LogisticRegression().fit(df.dropna()[['age']], df.dropna()['late'])\n"
    report = convert(notebooks_help.write(tmp_path / "notebooks" / "n.ipynb", IMPORTS + text), model)
    assert (model / "score.py").read_text() == "def init(): ...\n"
    assert "score.py is your own and was not changed" in str(report["todo"])


# What only a run knows, each with the rows that the training writes as a request: their columns, or their type.
SAMPLED: dict[str, tuple[str, list[str] | type]] = {
    "dummies put beside": (
        """
df = df.dropna()
X = pd.concat([df[['age']], pd.get_dummies(df.plan)], axis=1)
model = LogisticRegression().fit(X, df['late'])
""",
        ["age", "A", "B"],
    ),
    "columns of a closure": (
        """
def per(divisor):
    def more(table):
        return table.assign(**{f'age_per_{divisor}': table.age / divisor})
    return more
df = per(10)(df.dropna())
model = RandomForestRegressor(5)
for share in (0.5, 0.7):
    part = df.sample(frac=share, random_state=0)
    model.fit(X=part.drop(columns=['words', 'plan', 'late']), y=part['late'] == 'yes')
""",
        ["age", "age_per_10"],
    ),
    "columns named anew, and a model in a function": (
        """
df.columns = ['years', 'text', 'tariff', 'target']
def trained(rows, wanted):
    estimator = LogisticRegression()
    estimator.fit(rows, wanted)
    return estimator
clf = trained(df[['years']].fillna(0), df['target'])
""",
        ["years"],
    ),
    "texts cleaned before a vectorizer with a lambda": (
        """
def clean(text):
    return text.replace('bad', 'good')
df['clean'] = (df['plan'] + ' ' + df['words']).apply(clean)
vectorizer = TfidfVectorizer(tokenizer=lambda text: clean(text).split(), token_pattern=None)
vectors = vectorizer.fit_transform(df['clean'])
model = LogisticRegression()
model.fit(vectors, df['late'])
""",
        str,
    ),
    "encoded beside the model": (
        """
encoder = OneHotEncoder(sparse_output=False)
codes = np.hstack([encoder.fit_transform(df[['plan']]), df[['age']].fillna(0).to_numpy()])
model = LogisticRegression().fit(codes, df['late'])
""",
        list,
    ),
    "a pipeline that begins with a class of its own": (
        """
class Chosen(BaseEstimator, TransformerMixin):
    def fit(self, X, y=None):
        self.columns_ = [name for name in X.columns if X[name].isna().mean() < 0.5]
        return self
    def transform(self, X):
        return X[self.columns_].assign(more=X['age'].fillna(0) * 2)
rows = df[[name for name in df.columns if name in ('age', 'plan')]]
best, best_score = None, -1
for depth in (1, 2):
    columns = make_column_transformer((OneHotEncoder(), ['plan']), (SimpleImputer(), ['age', 'more']))
    pipe = make_pipeline(Chosen(), columns, RandomForestRegressor(5, max_depth=depth))
    pipe.fit(rows, df['late'] == 'yes')
    if pipe.score(rows, df['late'] == 'yes') > best_score:
        best, best_score = pipe, pipe.score(rows, df['late'] == 'yes')
""",
        ["age", "plan"],
    ),
    "a lambda, and a run of MLflow's": (
        """
import mlflow
log = FunctionTransformer(lambda x: np.log1p(x))
with mlflow.start_run():
    model = make_pipeline(SimpleImputer(), log, LogisticRegression()).fit(df[[c for c in df if c == 'age']], df['late'])
    mlflow.log_param('kind', 'log')
""",
        ["age"],
    ),
}


@pytest.mark.parametrize("name", SAMPLED)
def test_a_request_that_only_a_run_knows_is_written_by_it(tmp_path: Path, name: str) -> None:
    text, rows_are = SAMPLED[name]
    model = project(tmp_path)
    report = convert(notebooks_help.write(tmp_path / "notebooks" / "n.ipynb", IMPORTS + text), model)
    assert "the training writes outputs/sample-request.json" in str(report["done"])
    assert not [told for told in report["todo"] if "sample-request" in told or "lambda" in told]
    own_tests(tmp_path)
    done = subprocess.run([sys.executable, "train.py"], cwd=model, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = json.loads((model / "outputs" / "sample-request.json").read_text())["data"]
    assert len(rows) == 2
    assert list(rows[0]) == rows_are if isinstance(rows_are, list) else isinstance(rows[0], rows_are)


def test_a_model_that_only_mlflow_logs_is_saved_as_a_file_too(tmp_path: Path) -> None:
    text = "import mlflow\ndf = df.dropna()\nmodel = LogisticRegression()\nmodel.fit(df[['age']], df['late'])\n"
    text += "mlflow.sklearn.log_model(model, 'model')\n"
    report = convert(notebooks_help.write(tmp_path / "notebooks" / "n.ipynb", IMPORTS + text), project(tmp_path))
    assert report["model_file"] == "outputs/model.pkl"


@pytest.mark.parametrize(
    "line",
    [
        "df['age'] = df['age'].fillna(df['age'].median())",
        "df['age'] = df.groupby('plan')['age'].transform('max')",
        "df['more'] = df['age'].fillna(0).rank()",
    ],
)
def test_what_all_rows_decide_is_named_in_its_own_words(tmp_path: Path, line: str) -> None:
    column = line[4:].split("'")[0]
    text = f"def ready(df):\n    {line}\n    return df\ndf = ready(df)\n"
    text += f"model = LogisticRegression().fit(df[['{column}']], df['late'])\n"
    report = convert(notebooks_help.write(tmp_path / "notebooks" / "n.ipynb", IMPORTS + text), project(tmp_path))
    assert [told for told in report["todo"] if told.endswith(f"or send it done: {line}")]
    assert ("need more, which train.py makes" in str(report["done"])) == (column == "more")


@pytest.mark.skipif(not CASES.exists(), reason="the two notebooks with their data are not here")
@pytest.mark.parametrize("name", ["Churn v3 (final).ipynb"])
def test_a_real_notebook_needs_no_edit(tmp_path: Path, name: str) -> None:
    model = project(tmp_path)
    (tmp_path / "data" / "churn").mkdir()
    shutil.copy(CASES / "churn_export_FINAL (2).csv", tmp_path / "data" / "churn")
    (tmp_path / "notebooks").mkdir()
    assert convert(Path(shutil.copy(CASES / name, tmp_path / "notebooks")), model)["todo"] == []
    own_tests(tmp_path)


def again(notebook: Path, model: Path, *words: str) -> dict[str, Any]:
    """Convert once more, saying yes where a person is asked."""
    line = ["convert", str(notebook), "-o", str(model / "train.py"), "--apply", "--json", *words]
    done = CliRunner().invoke(command, line, input="y\n", catch_exceptions=False)
    assert done.exit_code == 0, done.output
    report: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return report


FITTED = """\
from sklearn.metrics import accuracy_score
C = 0.5
model = LogisticRegression(C=C).fit(df.dropna()[['age']], df.dropna()['late'])
print(accuracy_score(df.dropna()['late'], model.predict(df.dropna()[['age']])))
"""


def test_what_was_edited_since_stays_or_is_kept(tmp_path: Path) -> None:
    model = project(tmp_path)
    notebook = notebooks_help.write(tmp_path / "notebooks" / "n.ipynb", IMPORTS + FITTED)
    convert(notebook, model)
    score, request = model / "score.py", tmp_path / "deployment" / "sample-request.json"
    untouched = again(notebook, model)
    assert "was edited" not in str(untouched["todo"]) + str(untouched["done"])
    mine = score.read_text().replace("MAX_BYTES = 5_000_000", "MAX_BYTES = 7")
    score.write_text(mine)
    request.write_text('{"data": [{"age": 99}]}')
    told = again(notebook, model)
    assert score.read_text() == mine and "99" in request.read_text()
    for name in ("score.py", "sample-request.json"):
        assert f"{name} was edited and was not changed: --overwrite replaces it, and keeps a copy" in told["todo"]
    replaced = again(notebook, model, "--overwrite")
    assert score.read_text() != mine and (model / "score.py.bak").read_text() == mine
    assert "replaced score.py, which was edited; your text is in score.py.bak" in replaced["done"]


def test_git_knows_what_was_edited(tmp_path: Path) -> None:
    model = project(tmp_path)
    commit_all(tmp_path, "as it was")
    assert not is_edited(model / "score.py", tmp_path)
    (model / "score.py").write_text("# mine\n")
    assert is_edited(model / "score.py", tmp_path)
    commit_all(tmp_path, "an edit")
    assert is_edited(model / "score.py", tmp_path)


SWEEP = """\
sampling:
  type: random
  parameter_space:
    - {name: --alpha, expression: uniform, values: [0, 1]}
policy: {type: BanditPolicy, slack_factor: 0.1}
primary_metric_name: val_accuracy
primary_metric_goal: maximize
max_total_runs: 4
max_concurrent_runs: 1
max_duration_minutes: 10
"""
LAUNCH = """\
{
    // comments are allowed here
    "configurations": [
        {"program": "${workspaceFolder}/models/model1/train.py", "args": ["--data-path", "x", "--epochs", "20"]},
        {"program": "${workspaceFolder}/other.py", "args": ["--epochs", "20"]}
    ]
}
"""


def test_the_sweep_and_the_debugger_name_the_scripts_options(tmp_path: Path) -> None:
    model = project(tmp_path)
    (tmp_path / ".vscode").mkdir()
    (tmp_path / ".vscode" / "launch.json").write_text(LAUNCH)
    sweep = model / "aml_config" / "sweep.yml"
    sweep.parent.mkdir(exist_ok=True)
    sweep.write_text(SWEEP)
    commit_all(tmp_path, "rendered")
    notebook = notebooks_help.write(tmp_path / "notebooks" / "n.ipynb", IMPORTS + FITTED)
    report = convert(notebook, model)
    flags = {option["flag"] for option in report["options"]}
    named = set(re.findall(r"name: (--\w+)", sweep.read_text()))
    assert named == {"--c"} <= flags and "primary_metric_name: accuracy" in sweep.read_text()
    launch = (tmp_path / ".vscode" / "launch.json").read_text()
    assert "--epochs" not in launch.split("other.py")[0] and '"${workspaceFolder}/data/tickets.csv"' in launch
    assert launch.endswith(LAUNCH.split("other.py")[1])
    sweep.write_text(sweep.read_text().replace("--c", "--gone"))
    told = convert(notebook, model)
    assert "sweep.yml sweeps over --gone, which train.py does not have: correct it" in told["todo"]


def test_a_keras_model_is_loaded_by_score_py(tmp_path: Path) -> None:
    model = project(tmp_path)
    text = """# %%
import pandas as pd
from tensorflow import keras
df = pd.read_csv('../data/tickets.csv', sep=';').dropna()
X = df[['age']].to_numpy().reshape(-1, 1, 1)
net = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
net.compile(loss='mse')
history = net.fit(X, df['late'] == 'yes', epochs=1)
"""
    report = convert(notebooks_help.write(tmp_path / "notebooks" / "n.ipynb", text), model)
    assert report["model_file"] == "outputs/model.keras"
    assert "net.fit(save_request(X)," in (model / "train.py").read_text()
    score = (model / "score.py").read_text()
    assert "return keras.models.load_model(" in score and "from tensorflow import keras" in score
    assert "joblib" not in score


SAVED_OTHERWISE = {
    "xgb.train": ("import xgboost as xgb\nbst = xgb.train({}, xgb.DMatrix(X, label=y), 3)\nbst.save_model('b.ubj')\n", [
        'bst = xgboost.Booster(model_file=next(Path(os.environ["AZUREML_MODEL_DIR"]).rglob("b.ubj")))',
        "bst.predict(xgboost.DMatrix(pd.DataFrame(rows))).tolist()"]),
    "lightgbm.train": ("import lightgbm\nbst = lightgbm.train({}, lightgbm.Dataset(X, y), 3)\n"
                       "bst.save_model('b.txt')\n", [
        'bst = lightgbm.Booster(model_file=next(Path(os.environ["AZUREML_MODEL_DIR"]).rglob("b.txt")))']),
    "torch's state": ("""import torch
from torch import nn
class Net(nn.Module):
    def __init__(self, wide):
        super().__init__()
        self.line = nn.Linear(1, wide)
    def forward(self, x):
        return self.line(x)
net = Net(4)
best = torch.optim.SGD(net.parameters(), lr=0.1)
loss = net(torch.tensor(X.values)).sum()
loss.backward()
best.step()
torch.save(net.state_dict(), 'weights.pt')
""", ["net = Net(4); net.load_state_dict(torch.load(", 'rglob("weights.pt")', "net.eval()",
      "import Net from model_parts", "net(torch.tensor(rows, dtype=torch.float32)).tolist()"]),
    "torch's whole": ("import torch\nfrom torch import nn\nnet = nn.Sequential(nn.Linear(1, 1))\n"
                      "best = torch.optim.SGD(net.parameters(), lr=0.1)\nnet(torch.tensor(X.values)).sum().backward()\n"
                      "best.step()\ntorch.save(net, 'net.pth')\n", ["net = torch.load(", "weights_only=False"]),
}  # fmt: skip


@pytest.mark.parametrize("name", SAVED_OTHERWISE)
def test_what_to_write_for_a_model_of_another_format_is_said(tmp_path: Path, name: str) -> None:
    lines, told = SAVED_OTHERWISE[name]
    model = project(tmp_path)
    text = IMPORTS + "X, y = df[['age']], df['late'] == 'yes'\n" + lines
    report = convert(notebooks_help.write(tmp_path / "notebooks" / "n.ipynb", text), model)
    (line,) = [one for one in report["todo"] if "write score.py yourself" in one]
    assert all(one in line for one in told), line


def test_a_boosting_librarys_own_file_is_no_hindrance(tmp_path: Path) -> None:
    model = project(tmp_path)
    text = IMPORTS + (
        "from xgboost import XGBClassifier\nclf = XGBClassifier(n_estimators=3)\nclf.fit(df[['age']].fillna(0), "
        "df['late'] == 'yes')\nclf.save_model('clf.json')\n"
    )
    report = convert(notebooks_help.write(tmp_path / "notebooks" / "n.ipynb", text), model)
    assert report["model_file"] == "outputs/model.pkl" and "write score.py" not in str(report["todo"])
    script = (model / "train.py").read_text()
    assert 'clf.save_model("outputs/clf.json")' in script and 'joblib.dump(clf, "outputs/model.pkl")' in script


# Stands in for Keras, of which the script and score.py use this much.
KERAS = """
import json, sys, types
import numpy as np
class Model:
    inputs = ["age", "gain"]
    input_shape = [(None, 1), (None, 1)]
    def compile(self, **words): pass
    def fit(self, x, y, **words): return self
    def save(self, path): open(path, "w").write("{}")
    def predict(self, x, verbose=0):
        parts = x.values() if isinstance(x, dict) else x
        return sum(np.asarray(part).reshape(-1, 1) for part in parts)
def build(): return Model()
models = types.SimpleNamespace(load_model=lambda path: Model())
"""


@pytest.mark.parametrize(
    "given", ["[df[['age']].values, df['gain']]", "{'age': df[['age']].values, 'gain': df['gain']}"]
)
def test_a_keras_model_of_several_inputs_answers_its_request(tmp_path: Path, given: str) -> None:
    model = project(tmp_path)
    text = f"""# %%
import pandas as pd
import keras
df = pd.read_csv('../data/tickets.csv', sep=';').dropna()
df['gain'] = df['age'] * 2
net = keras.build()
net.compile(loss='mse')
net.fit({given}, df['late'] == 'yes', epochs=1)
net.save('net.keras')
"""
    report = convert(notebooks_help.write(tmp_path / "notebooks" / "n.ipynb", text), model)
    assert report["model_file"] == "outputs/net.keras"
    (model / "keras.py").write_text(KERAS)
    code = """
import json, os, subprocess, sys
subprocess.run([sys.executable, "train.py"], check=True)
os.environ["AZUREML_MODEL_DIR"] = "outputs"
import score
score.init()
rows = json.loads(open("outputs/sample-request.json").read())["data"]
values = [list(row.values()) if isinstance(row, dict) else row for row in rows]
flat = [[one[0] if isinstance(one, list) else one for one in row] for row in values]
print(len(rows), score.run({"data": rows})["predictions"] == [[sum(row)] for row in flat])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=model, capture_output=True, text=True)
    assert done.stdout.split()[-2:] == ["2", "True"], done.stdout + done.stderr


OPTION_CELL = '# %% tags=["parameters"]\nCEILING = 60\nFACTOR = 1.5\n'
OPTIONS = {
    "in a line": ("df['age'] = df['age'].fillna(0).clip(upper=CEILING)\ndf['twice'] = df['age'] * FACTOR\n", ""),
    "in a lambda": ("df['age'] = df['age'].fillna(0).apply(lambda a: min(a, CEILING))\n"
                    "df = df.assign(twice=lambda d: d.age * FACTOR)\n", ""),
    "given to a function": ("def cut(table, top, by):\n    table['age'] = table['age'].fillna(0).clip(upper=top)\n"
                            "    table['twice'] = table['age'] * by\n    return table\n"
                            "df = cut(df, CEILING, by=FACTOR)\n", ""),
    "saved by the notebook": ("df['age'] = df['age'].fillna(0).clip(upper=CEILING)\ndf['twice'] = df['age'] * FACTOR\n",
                              "import pickle\nwith open('m.pkl', 'wb') as f:\n    pickle.dump(model, f)\n"),
    "in a pipeline": ("df['age'] = df['age'].fillna(0).clip(upper=CEILING)\ndf['twice'] = df['age'] * FACTOR\n",
                      "scaled"),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_score_py_prepares_rows_with_the_options_of_the_run(tmp_path: Path, name: str) -> None:
    lines, save = OPTIONS[name]
    model = project(tmp_path)
    fit = "model = LogisticRegression().fit(df[['age', 'twice']], df['late'])\n"
    if save == "scaled":
        save = ""
        fit = (
            "from sklearn.preprocessing import StandardScaler\nscaler = StandardScaler()\n"
            "X = scaler.fit_transform(df[['age', 'twice']])\nmodel = LogisticRegression()\nmodel.fit(X, df['late'])\n"
        )
    report = convert(
        notebooks_help.write(tmp_path / "notebooks" / "n.ipynb", OPTION_CELL + IMPORTS + lines + fit + save), model
    )
    assert [line for line in report["todo"] if "no metric" not in line] == []
    code = """
import json, os, sys, subprocess
subprocess.run([sys.executable, "train.py", "--ceiling", "30", "--factor", "3"], check=True)
os.environ["AZUREML_MODEL_DIR"] = "outputs"
import joblib, pandas as pd, score
score.init()
rows = json.loads(open("../../deployment/sample-request.json").read())["data"]
for row in rows:
    row["age"] = 77.0
made = score.prepared(pd.DataFrame(rows))
print(made.values.tolist() == [[30.0, 90.0]] * len(rows), len(score.run({"data": rows})))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=model, capture_output=True, text=True)
    assert done.stdout.split()[-2:] == ["True", "1"], done.stdout + done.stderr


ENCODED = {
    "encoders and a scaler": ("""
from sklearn.preprocessing import LabelEncoder, StandardScaler
df = df.dropna()
plans = LabelEncoder()
df['plan'] = plans.fit_transform(df['plan'])
late = LabelEncoder()
y = late.fit_transform(df['late'])
X_train, X_test, y_train, y_test = train_test_split(df[['age', 'plan']], y, random_state=0)
scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_test = scaler.transform(X_test)
model = LogisticRegression()
model.fit(X_train, y_train)
score = model.score(X_test, y_test)
""", "model.train_values = {'plans': plans}", ["age", "plan"]),
    "columns scaled in place": ("""
from sklearn.preprocessing import LabelEncoder, MinMaxScaler
df = df.dropna()
sizes = MinMaxScaler()
df[['age']] = sizes.fit_transform(df[['age']])
late = LabelEncoder()
df['late'] = late.fit_transform(df['late'])
y = df['late']
model = LogisticRegression().fit(df[['age']], y)
""", "model.train_values = {'sizes': sizes}", ["age"]),
}  # fmt: skip


@pytest.mark.parametrize("lines", [
    "df['age'] = one.fit_transform(df['age'])\ndf['plan'] = one.fit_transform(df['plan'])\n",
    "for name in ['age', 'plan']:\n    df[name] = one.fit_transform(df[name])\n",
])  # fmt: skip
def test_an_encoder_that_learns_twice_is_not_applied_to_a_request(tmp_path: Path, lines: str) -> None:
    model = project(tmp_path)
    text = (
        f"{IMPORTS}from sklearn.preprocessing import LabelEncoder\ndf = df.dropna()\none = LabelEncoder()\n{lines}"
        "model = LogisticRegression().fit(df[['age', 'plan']], df['late'])\n"
    )
    report = convert(notebooks_help.write(tmp_path / "notebooks" / "n.ipynb", text), model)
    assert "transform" not in (model / "score.py").read_text()
    assert any("not applied by score.py: one." in line for line in report["todo"])


@pytest.mark.parametrize("name", ENCODED)
def test_several_preparations_beside_a_model_are_applied_to_a_request(tmp_path: Path, name: str) -> None:
    lines, kept, columns = ENCODED[name]
    model = project(tmp_path)
    report = convert(notebooks_help.write(tmp_path / "notebooks" / "n.ipynb", IMPORTS + lines), model)
    assert [line for line in report["todo"] if "no metric" not in line] == []
    assert kept in (model / "train.py").read_text().replace('"', "'") and "late encodes the target" in str(
        report["done"]
    )
    rows = json.loads((tmp_path / "deployment" / "sample-request.json").read_text())["data"]
    assert list(rows[0]) == columns
    code = f"""
import os, runpy
made = runpy.run_path("train.py", run_name="__main__")
os.environ["AZUREML_MODEL_DIR"] = "outputs"
import score
score.init()
table = made["pd"].DataFrame({rows!r})
if "plans" in made:
    table["plan"] = made["plans"].transform(table["plan"])
else:
    table[["age"]] = made["sizes"].transform(table[["age"]])
answers = score.run({{"data": {rows!r}}})["probabilities"]
print(answers == made["model"].predict_proba(table).tolist(), len(answers))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=model, capture_output=True, text=True)
    assert done.stdout.split()[-2:] == ["True", "2"], done.stdout + done.stderr
