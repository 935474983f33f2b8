"""What each call of SDK v1 becomes in a job or scoring script."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from amlrun.migrate.result import Kind, Verdict
from amlrun.migrate.scripts import rewrite

EXAMPLES = Path(__file__).parents[4] / "shared" / "reference" / "migration-examples" / "scripts"
HEAD = "from azureml.core import Run\n\nrun = Run.get_context()\n"


def rewritten(text: str, kind: Kind = Kind.JOB) -> str:
    """The new text; it parses, and a second rewrite changes nothing."""
    result = rewrite("train.py", text, kind).result
    new = result.changes[0].new if result.changes else text
    ast.parse(new.removeprefix("\ufeff"))
    again = rewrite("train.py", new, kind).result
    assert not again.changes, again.changes[0].diff
    return new


def verdict(text: str, kind: Kind = Kind.JOB) -> Verdict:
    return rewrite("train.py", text, kind).result.verdict


def body(text: str, kind: Kind = Kind.JOB) -> str:
    """The new text of a script that begins with HEAD, without its imports."""
    lines = rewritten(HEAD + text, kind).split("\n")
    return "\n".join(line for line in lines if line and not line.startswith(("import ", "from ")))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("run.log('a', 1)", "mlflow.log_metric('a', 1)"),
        ("run.log('a', True)", "mlflow.log_metric('a', True)"),
        ("run.log('a', 'word')", "mlflow.log_param('a', 'word')"),
        ("run.log(name='a', value=1.5, description='x')", "mlflow.log_metric('a', 1.5)"),
        ("run.log(value=1.5, name='a')", "mlflow.log_metric('a', 1.5)"),
        ("run.log('time (s)', 1)", "mlflow.log_metric('time _s_', 1)"),
        ("run.log('a', 1, step=3)", "mlflow.log_metric('a', 1, step=3)"),
        ("for e in range(3):\n    run.log('a', 1 / e)",
         "for e in range(3):\n    mlflow.log_metric('a', 1 / e, step=e)"),
        ("for e, x in enumerate('ab'):\n    run.log('a', e)",
         "for e, x in enumerate('ab'):\n    mlflow.log_metric('a', e, step=e)"),
        ("run.log_list('a', [1, 2])",
         "for step, value in enumerate([1, 2]):\n    mlflow.log_metric('a', value, step=step)"),
        ("run.log_row('t', x=1, y='b')", "mlflow.log_table({\"x\": [1], \"y\": ['b']}, 't.json')"),
        ("run.log_table('t', {'x': [1]})", "mlflow.log_table({'x': [1]}, 't.json')"),
        ("run.log_image('p', path='a.png')", "mlflow.log_artifact('a.png')"),
        ("run.log_residuals('r', {'a': 1})", "mlflow.log_dict({'a': 1}, 'r.json')"),
        ("run.tag('k')", "mlflow.set_tag('k', \"\")"),
        ("run.set_tags({'a': 'b'})", "mlflow.set_tags({'a': 'b'})"),
        ("run.upload_folder('plots', 'here')", "mlflow.log_artifacts('here', 'plots')"),
        ("run.upload_file('x/a.txt', 'b/a.txt')", "mlflow.log_artifact('b/a.txt', \"x\")"),
        ("run.upload_file('outputs/b.txt', 'a.txt')", "shutil.copy('a.txt', 'outputs/b.txt')"),
        ("run.upload_file('outputs/a.txt', './outputs/a.txt')", ""),
        ("print(run.id)", 'print(os.environ.get("AZUREML_RUN_ID", "local"))'),
        ("print(run.experiment.name)", 'print(os.environ.get("AZUREML_EXPERIMENT_NAME", "local"))'),
        ("print(run.get_portal_url())", ""),
        ("p = run.get_secret('db-key')", 'p = os.environ["DB_KEY"]'),
        ("run.fail('no data')", "raise SystemExit('no data')"),
        ("x = run.complete()", "x = None"),
        ("run.complete(); print(1)", "pass; print(1)"),
        ("if not run.id.startswith('OfflineRun'):\n    print(1)", 'if "AZUREML_RUN_ID" in os.environ:\n    print(1)'),
        ("run.parent.cancel()", 'sys.exit("stopped: the steps after this one do not run")'),
        ("run.register_model('m', 'outputs/m.pkl')",
         "# After the run: aml model register -n m --asset-path outputs/m.pkl -f run.json"),
        ("d = run.input_datasets['x']\nprint(len(open(d).read()))",
         'd = os.environ["x"]\nprint(len(open(d).read()))'),
    ],
)  # fmt: skip
def test_a_call(old: str, new: str) -> None:
    assert body(f"{old}\n") == new
    assert verdict(HEAD + old + "\n") is not Verdict.LEFT


@pytest.mark.parametrize(
    "value", ["x", "f()", "logs['loss']", "args.kernel", "None", "a + b", "df.mean()", "[1, 2]", "args.missing"]
)
def test_a_value_of_unknown_kind_is_guarded(value: str) -> None:
    new = rewritten(f"import argparse\n{HEAD}args = argparse.ArgumentParser().parse_args()\nrun.log('a', {value})\n")
    assert f"log_value('a', {value})" in new
    assert "def log_value(name, value, step=None):" in new


def test_the_kinds_of_argparse_options() -> None:
    new = rewritten(
        "import argparse\nfrom azureml.core import Run\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('--lr', type=float, default=0.1)\n"
        "parser.add_argument('--epochs', type=int)\n"
        "parser.add_argument('--kernel', default='rbf')\n"
        "args = parser.parse_args()\nrun = Run.get_context()\n"
        "run.log('lr', args.lr)\nrun.log('epochs', args.epochs)\nrun.log('kernel', args.kernel)\n"
    )
    assert "mlflow.log_metric('lr', args.lr)" in new
    assert "log_value('epochs', args.epochs)" in new  # without a default it may be None
    assert "mlflow.log_param('kernel', args.kernel)" in new


def test_a_name_that_is_logged_again_becomes_a_series() -> None:
    assert body("run.log('a', 1)\nrun.log('a', 2)\n") == (
        "a_step = itertools.count()\n"
        "mlflow.log_metric('a', 1, step=next(a_step))\nmlflow.log_metric('a', 2, step=next(a_step))"
    )


def test_branches_that_exclude_each_other_are_no_series() -> None:
    assert "step" not in body("if __file__:\n    run.log('a', 1)\nelse:\n    run.log('a', 2)\n")


def test_text_that_may_come_again_is_a_tag() -> None:
    assert "mlflow.set_tag('a', 'x')" in body("for _ in range(2):\n    run.log('a', 'x')\n")
    assert "mlflow.set_tag('a', 'x')" in body("import mlflow\nmlflow.autolog()\nrun.log('a', 'x')\n")


def test_comments_spacing_and_the_order_of_arguments_stay() -> None:
    text = HEAD + "x   = {'a':1}   # odd\nrun.log(\n    'a',  # the name\n    1,\n)\n"
    assert (
        rewritten(text)
        == "import mlflow\n\nx   = {'a':1}   # odd\nmlflow.log_metric(\n    'a',  # the name\n    1,\n)\n"
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_and_the_byte_order_mark_stay(end: str) -> None:
    text = ("\ufeff" + HEAD + "run.log('é', 1)\n").replace("\n", end)
    new = rewritten(text)
    assert new == "\ufeffimport mlflow\n\nmlflow.log_metric('_', 1)\n".replace("\n", end)


def test_mixed_line_ends_stay() -> None:
    text = "from azureml.core import Run\r\n\r\nrun = Run.get_context()\r\nx = 1\nrun.log('a', 1)\r\ny = 2\n"
    assert rewritten(text) == "import mlflow\r\n\r\nx = 1\nmlflow.log_metric('a', 1)\r\ny = 2\n"


def test_a_lone_carriage_return_is_named() -> None:
    result = rewrite("train.py", HEAD.replace("\n", "\r\r\n"), Kind.JOB).result
    assert result.verdict is Verdict.LEFT and not result.changes
    assert result.findings[0].line == 1


def test_the_run_handed_to_a_function_of_the_file() -> None:
    new = rewritten(HEAD + "\n\ndef log(r, x):\n    r.log('x', x)\n\n\nlog(run, 0.5)\n")
    assert "run = None  # SDK v1's run: MLflow logs now" in new
    assert "mlflow.log_metric('x', x)" in new
    assert "azureml" not in new


def test_a_test_for_the_run_still_holds() -> None:
    new = rewritten(HEAD + "\n\ndef log(r=None):\n    if r is not None:\n        r.log('x', 1)\n\n\nlog(run)\n")
    assert "run = mlflow" in new


def test_the_run_handed_to_unknown_code_is_left() -> None:
    text = HEAD + "from elsewhere import train\n\ntrain(run)\nrun.log('a', 1)\n"
    result = rewrite("train.py", text, Kind.JOB).result
    assert result.verdict is Verdict.LEFT
    (left,) = [one for one in result.findings if one.verdict is Verdict.LEFT]
    assert (left.line, left.message) == (6, "the run is passed to train, which this file does not define")
    assert "run = Run.get_context()" in rewritten(text)


def test_the_tracking_uri_of_a_job_is_set_already() -> None:
    text = (
        "import mlflow\nfrom azureml.core import Run, Workspace\n\nws = Run.get_context().experiment.workspace\n"
        "mlflow.set_tracking_uri(ws.get_mlflow_tracking_uri())\nmlflow.log_metric('a', 1)\n"
    )
    assert rewritten(text) == "import mlflow\n\nmlflow.log_metric('a', 1)\n"
    assert "client = mlflow.MlflowClient(mlflow.get_tracking_uri())" in rewritten(
        text + "client = mlflow.MlflowClient(ws.get_mlflow_tracking_uri())\n"
    )


def test_packages_that_are_still_released_stay() -> None:
    text = "import azureml.mlflow\nfrom azureml.featurestore import FeatureStoreClient\n\nFeatureStoreClient()\n"
    assert rewritten(text) == text


def test_a_table_from_a_dataset() -> None:
    text = (
        "from azureml.core import Dataset, Run\n\nws = Run.get_context().experiment.workspace\n"
        "data = Dataset.get_by_name(ws, 'my data')\ndf = data.keep_columns(['a']).to_pandas_dataframe()\n"
    )
    new = rewritten(text)
    assert "data = read_table(os.environ[\"my_data\"])\ndf = data[['a']]\n".replace("[['a']]", "[['a']]") in new
    assert verdict(text) is Verdict.NOTE


def test_each_table_is_its_own() -> None:
    text = HEAD + "d = run.input_datasets['x']\na = d.to_pandas_dataframe()\nb = d.to_pandas_dataframe()\n"
    assert "a = d.copy()\nb = d.copy()\n" in rewritten(text)


@pytest.mark.parametrize(("word", "variable"), [("north", "north_data"), ("2024:", "_2024_data")])
def test_a_name_that_only_the_run_knows_names_the_variable(
    word: str, variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = (
        "import sys\nfrom azureml.core import Dataset, Run\n\nws = Run.get_context().experiment.workspace\n"
        "rows = Dataset.get_by_name(ws, f'{sys.argv[1]} data').to_pandas_dataframe()\n"
    )
    assert verdict(text) is Verdict.NOTE
    (tmp_path / "t.csv").write_text("a\n7\n")
    monkeypatch.setenv(variable, str(tmp_path / "t.csv"))
    monkeypatch.setattr("sys.argv", ["train.py", word])
    found: dict[str, Any] = {}
    exec(rewritten(text), found)  # noqa: S102 - what was just made
    assert found["rows"]["a"].tolist() == [7]


@pytest.mark.parametrize(("name", "bound"), [("'my net'", True), ("'my net'", False), ("sys.argv[1]", False),
                                             ("asked", True)])  # fmt: skip
def test_a_model_that_a_job_downloads(name: str, bound: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file and a folder; the workspace and the sign-in go with it."""
    made = f"Model(ws, name={name})"
    use = f"net = {made}\nnet.download(target_dir='here', exist_ok=True)\n" if bound else f"{made}.download('here')\n"
    head = (
        "import sys\nfrom azureml.core import Model, Workspace\n\nasked = sys.argv[1]\nws = Workspace.from_config()\n"
    )
    text = head + use
    assert verdict(text) is Verdict.NOTE and "azureml" not in rewritten(text)
    (tmp_path / "net.pt").write_text("weights")
    (tmp_path / "saved" / "inside").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py", "my net"])
    for one in ("net.pt", "saved"):
        monkeypatch.setenv("my_net", str(tmp_path / one))
        exec(rewritten(text), {})  # noqa: S102 - what was just made
    assert (tmp_path / "here" / "net.pt").read_text() == "weights" and (tmp_path / "here" / "saved" / "inside").is_dir()


@pytest.mark.parametrize(("prefix", "name"), [("'maps/a.npy'", "maps_a_npy"), ("f'maps/{sys.argv[1]}'", "maps_north")])
def test_files_of_a_datastore(prefix: str, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file and a folder lie where the download had put them."""
    text = (
        "import sys\nfrom azureml.core import Run\n\nstore = Run.get_context().experiment.workspace"
        f".get_default_datastore()\nstore.download(target_path='here', prefix={prefix}, overwrite=True)\n"
    )
    assert verdict(text) is Verdict.NOTE and "azureml" not in rewritten(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py", "north"])
    source = tmp_path / "source"
    source.write_text("file")
    monkeypatch.setenv(name, str(source))
    exec(rewritten(text), {})  # noqa: S102 - what was just made
    place = next(one for one in (tmp_path / "here" / "maps").iterdir())
    assert place.read_text() == "file"
    source.unlink()
    place.unlink()
    (source / "inside").mkdir(parents=True)
    exec(rewritten(text), {})  # noqa: S102 - what was just made
    assert (place / "inside").is_dir()


@pytest.mark.parametrize("other", ["from subprocess import run", "def run(words):\n    return words"])
def test_a_name_that_is_something_else_too_stays(other: str) -> None:
    """The run's variable has an import's or a function's name: which is meant where is not known."""
    head = f"from azureml.core import Run\n{other}\n\n\n"
    text = head + "run(['ls'])\nrun = Run.get_context()\nprint(run.parent.id.upper())\n"
    assert verdict(text) is Verdict.LEFT and "run = Run.get_context()" in rewritten(text)


def test_a_model_whose_name_another_function_knows_stays() -> None:
    text = (
        "from azureml.core import Model, Workspace\n\n\ndef find(name):\n    global net\n"
        "    net = Model(Workspace.from_config(), name=name)\n\n\ndef use():\n    net.download('here')\n"
    )
    assert verdict(text) is Verdict.LEFT and "net.download('here')" in rewritten(text)


def test_what_pandas_does_not_have_is_left() -> None:
    text = HEAD + "d = run.input_datasets['x']\na, b = d.random_split(0.8)\nprint(a.to_pandas_dataframe())\n"
    assert verdict(text) is Verdict.LEFT
    assert "run.input_datasets['x']" in rewritten(text)


def test_a_scoring_script() -> None:
    text = (
        "import json\nfrom azureml.core.model import Model\nfrom sklearn.externals import joblib\n\n\n"
        "def init():\n    global model\n    model = joblib.load(Model.get_model_path('m'))\n\n\n"
        "def run(data):\n    return model.predict(json.loads(data)).tolist()\n"
    )
    new = rewritten(text, Kind.SCORING)
    assert 'joblib.load(glob.glob(os.path.join(os.environ["AZUREML_MODEL_DIR"], "*"))[0])' in new
    assert new.startswith("import glob\nimport json\nimport os\nimport joblib\n")
    assert verdict(text, Kind.SCORING) is Verdict.NOTE


def test_two_models_ask_for_a_layout() -> None:
    text = (
        "from azureml.core.model import Model\n\n\ndef init():\n    global a, b\n"
        "    a = Model.get_model_path('a')\n    b = Model.get_model_path('b')\n\n\ndef run(data):\n    return a + b\n"
    )
    assert verdict(text, Kind.SCORING) is Verdict.ASKS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import numpy as np\nx = np.float(1)\n", "x = float(1)\n"),
        ("import numpy as np\nx = np.zeros(1, dtype=np.bool)\n", "import numpy as np\nx = np.zeros(1, dtype=bool)\n"),
        ("import numpy as np\nx = np.NaN, np.float_(1)\n", "import numpy as np\nx = np.nan, np.float64(1)\n"),
        ("from sklearn.metrics import f1_score as f\nx = f(a, (b), (c), # d\n  None, zero=1)\n",
         "from sklearn.metrics import f1_score as f\nx = f(a, (b), labels=(c), # d\n  pos_label=None, zero=1)\n"),
        ("from sklearn.externals import joblib\njoblib.dump(1, 'x')\n", "import joblib\njoblib.dump(1, 'x')\n"),
        ("from sklearn.externals.joblib import load\nload('x')\n", "from joblib import load\nload('x')\n"),
        ("def f():\n    from sklearn.externals import joblib as j\n    j.load('x')\n",
         "def f():\n    import joblib as j\n    j.load('x')\n"),
    ],
)  # fmt: skip
def test_names_that_other_packages_dropped(old: str, new: str) -> None:
    assert rewritten(old) == new


def test_a_name_of_ones_own_is_not_touched() -> None:
    text = (
        "import logging\nimport subprocess\n\n\n"
        "class Run:\n    def log(self, a, b):\n        print(f'run.log({a})', b)\n\n\n"
        "run = Run()\nrun.log('a',   1)   # stays\nsubprocess.run(['true'])\n"
        "logging.getLogger('azureml.core').setLevel(logging.ERROR)\n"
    )
    assert rewritten(text) == text


@pytest.mark.parametrize(
    "text",
    ['print "python 2"\nimport azureml.core\n', "import azureml.core\ndef f(:\n", "import azureml.core\n\0\n"],
)
def test_what_does_not_parse_is_named(text: str) -> None:
    result = rewrite("train.py", text, Kind.JOB).result
    assert result.verdict is Verdict.LEFT and not result.changes
    assert result.findings[0].hint


def test_a_script_too_deep_to_read_is_named() -> None:
    text = HEAD + f"x = {'-' * 20_000}1\n"
    result = rewrite("train.py", text, Kind.JOB).result
    assert result.verdict is Verdict.LEFT and not result.changes


def test_a_secret_is_in_no_message() -> None:
    text = (
        "from azureml.core.authentication import ServicePrincipalAuthentication as Auth\n"
        "print(len(Auth('t', 'c', service_principal_password='hunter2hunter2').get_token()))\nx = Auth.get_token\n"
        "y = Auth('t', 'c', service_principal_password='hunter2hunter2').get_token()\n"
    )
    result = rewrite("train.py", text, Kind.JOB).result
    assert result.verdict is Verdict.LEFT
    assert not any("hunter2" in finding.message + finding.hint for finding in result.findings)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("try:\n    from azureml.core import Run\n    run = Run.get_context()\nexcept ImportError:\n    run = None\n"
         "if run is not None:\n    run.log('a', 1)\n", "run = None\nif run is not None:\n    mlflow.log_metric"),
        ("from azureml.core import Run\nrun = None\nif __file__:\n    run = Run.get_context()\n"
         "if run:\n    run.log('a', 1)\n", "run = None\nif __file__:\n    run = mlflow"),
    ],
)  # fmt: skip
def test_whether_there_is_a_run_is_still_asked(text: str, kept: str) -> None:
    assert kept in rewritten(text)


def test_another_separator_is_asked_for() -> None:
    text = (
        "from azureml.core import Dataset, Datastore, Run\n\n"
        "store = Datastore.get(Run.get_context().experiment.workspace, 's')\n"
        "data = Dataset.Tabular.from_delimited_files(path=(store, 'a.csv'), separator=';').to_pandas_dataframe()\n"
    )
    assert verdict(text) is Verdict.ASKS


def test_all_on_one_line() -> None:
    text = "from azureml.core import Run;run=Run.get_context();run.log('a',1);run.complete()\n"
    new = rewritten(text)
    assert "azureml" not in new and "mlflow.log_metric('a',1)" in new


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not beside this checkout")
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.before.py")), ids=lambda path: path.name[:2])
def test_an_example(path: Path) -> None:
    kind = Kind.SCORING if "score" in path.name else Kind.JOB
    text = path.read_text(encoding="utf-8")
    new = rewritten(text, kind)
    if path.name.startswith("23"):
        assert new == text
    elif path.name.startswith("24"):
        assert {"Model", "PipelineRun", "ExplanationClient"} <= set(new.replace(".", " ").replace("(", " ").split())
        assert verdict(text) is Verdict.LEFT
    else:
        assert "azureml.core" not in new.split('"""', 2)[2]
        assert verdict(text, kind) in (Verdict.DONE, Verdict.NOTE)


INTERACTIVE = """\
from azureml.core import Experiment, Workspace

experiment = Experiment(Workspace.from_config(), "diabetes")
for alpha in (0.1, 0.2):
    run = experiment.start_logging()
    run.log("rmse", 1 / alpha)
    run.upload_file("best.pkl", "outputs/best.pkl")
    run.upload_file(name=f"model_{alpha}.pkl", path_or_stream="outputs/best.pkl")
    run.complete()
"""


def test_a_run_of_its_own_in_each_round_counts_no_steps_and_gets_its_files() -> None:
    new = rewritten(INTERACTIVE)
    assert '    log_value("rmse", 1 / alpha)\n' in new and "azureml" not in new
    assert '    mlflow.log_artifact("outputs/best.pkl")\n' in new and "shutil" not in new


@pytest.mark.parametrize(
    "finds", ["experiment.get_runs()", "[experiment.workspace.get_run(run.id)]", "Run.list(experiment)"]
)
def test_runs_that_are_found_again_stay_as_they_are(finds: str) -> None:
    text = (
        INTERACTIVE.replace("import ", "import Run, " if "Run." in finds else "import ")
        + f"for old in {finds}:\n    print(old.get_metrics())\n"
    )
    assert rewritten(text) == text and verdict(text) is Verdict.LEFT


def test_the_branch_for_a_run_of_its_own_only_names_the_experiment() -> None:
    new = rewritten(
        "from azureml.core import Experiment, Run, Workspace\n\nrun = Run.get_context()\n"
        'if run.id.startswith("OfflineRun"):\n    ws = Workspace.from_config()\n'
        '    exp = Experiment(workspace=ws, name="titanic")\n    run = exp.start_logging()\n'
        'else:\n    ws = run.experiment.workspace\nrun.log("acc", 0.5)\nrun.complete()\n'
    )
    assert '    mlflow.set_experiment("titanic")\n' in new and 'mlflow.log_metric("acc", 0.5)' in new
    assert "azureml" not in new and "start_run" not in new


def test_a_run_started_in_each_round_is_not_taken_for_the_script_s() -> None:
    text = HEAD + "for a in range(2):\n    if a:\n        run = Run.start_logging()\n    run.log('a', a)\n"
    assert rewritten(text) == text and verdict(text) is Verdict.LEFT


@pytest.mark.parametrize("parent", ['run.parent if hasattr(run, "parent") else run', "run.parent or run"])
def test_the_parent_if_there_is_one_is_the_parent(parent: str) -> None:
    new = rewritten(HEAD + f"parent = {parent}\nparent.log('a', 1)\nparent.tag('k', 'v')\n")
    assert "log_metric(root_run_id(), 'a', 1)" in new and "azureml" not in new


@pytest.mark.parametrize("second", ["other = run", "self.run = run"])
def test_a_second_name_of_the_run_starts_no_second_run_and_is_no_use_of_it(second: str) -> None:
    new = rewritten(HEAD + f"child = run.child_run('c')\n{second}\nchild.complete()\n")
    assert new.count("start_run(") == 2 and "start_run(run_name='c', nested=True)" in new and "azureml" not in new
