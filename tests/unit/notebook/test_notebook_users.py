"""Notebooks as their owners have them: Kaggle's, Colab's, other frameworks', with secrets, out of order.

What they import is not installed here, so they are converted, linted and read, and not run.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import notebooks as notebooks_help
from support.rendering import template_file

from amlrun.cli.notebook import command

pytestmark = pytest.mark.slow


class Converted:
    """A converted notebook: the script's text, and its report's parts."""

    def __init__(self, root: Path, text: str) -> None:
        path = notebooks_help.write(root / "notebooks" / "n.ipynb", text)
        self.file = root / "models" / "m" / "train.py"
        words = ["convert", str(path), "-o", str(self.file), "--json", "--overwrite"]
        report = json.loads(CliRunner().invoke(command, words, catch_exceptions=False).stdout)
        self.text = self.file.read_text(encoding="utf-8")
        self.code = "\n".join(line for line in self.text.split("\n") if not line.strip().startswith("#"))
        self.todo = "\n".join(report["todo"])
        self.done = "\n".join(report["done"])
        self.options = {option["flag"]: option["default"] for option in report["options"]}
        self.packages = report["conda"]["add"] if report["conda"] else []
        compile(self.text, "train.py", "exec")

    def undefined(self) -> str:
        """The names that ruff does not find."""
        words = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F", "--quiet"]
        return subprocess.run([*words, str(self.file)], capture_output=True, text=True).stdout


@pytest.fixture
def convert(tmp_path: Path):
    notebooks_help.data(tmp_path / "data")
    return lambda text: Converted(tmp_path, text)


def test_a_notebook_of_kaggles_finds_the_files_below_data(convert, tmp_path):
    (tmp_path / "data" / "titanic").mkdir()
    for name in ("train.csv", "test.csv"):
        (tmp_path / "data" / "titanic" / name).write_text("a\n1\n")
    found = convert(
        """# %% [markdown]
# 🚢 <b>Titanic</b>
# %%
import os
import pandas as pd
import seaborn as sns
%matplotlib inline
for dirname, _, filenames in os.walk('/kaggle/input'):
    print(dirname)
# %%
train = pd.read_csv('/kaggle/input/titanic/train.csv')
test = pd.read_csv('/kaggle/input/titanic/test.csv')
sns.heatmap(train.isnull())
# %%
g = sns.FacetGrid(train, col='a')
g.map(print, 'a')
# %%
test['a'].fillna(0, inplace=True)
# %%
test.style.highlight_max()
"""
    )
    assert found.options["--data-path"] == "'../../data'"
    assert 'pd.read_csv(f"{args.data_path}/titanic/train.csv")' in found.code
    assert '"""🚢 Titanic. Converted from n.ipynb."""' in found.text
    assert "found titanic/test.csv, titanic/train.csv in ../../data" in found.done
    assert "print(g.map" not in found.code and "print(test" not in found.code and "highlight_max" not in found.code
    assert found.code.count("save_figures()\n") == 2 and "seaborn" in found.packages


def test_a_notebook_of_colabs(convert):
    found = convert(
        """# %%
!pip install -q xgboost==2.0.3
!pip install git+https://example.org/bar.git
# %%
from google.colab import drive, files; drive.mount('/content/drive'); import os
uploaded = files.upload()
# %%
#@title Settings { run: "auto" }
data_dir = "/content/drive/MyDrive/data" #@param {type:"string"}
n_rounds = 50 #@param {type:"integer"}
# %%
import pandas as pd
import xgboost as xgb
from sklearn.metrics import mean_squared_error
from google.colab import userdata
key = userdata.get('MY_KEY')
df = pd.read_csv(os.path.join(data_dir, 'housing.csv'))
params = {'eta': 0.1}
bst = xgb.train(params, xgb.DMatrix(df), num_boost_round=n_rounds)
rmse = mean_squared_error(df.y, bst.predict(df)) ** 0.5
# %%
bst.save_model(os.path.join(data_dir, 'model.json'))
files.download('model.json')
"""
    )
    assert "google" not in found.code and found.packages.count("xgboost==2.0.3") == 1
    assert not any(word.startswith("google") for word in found.packages)
    assert found.options["--data-path"] == "'/content/drive/MyDrive/data'" and found.options["--n_rounds"] == "50"
    assert 'pd.read_csv(os.path.join(data_dir, "housing.csv"))' in found.code, "the data's folder is not an output"
    assert 'bst.save_model("outputs/model.json")' in found.code
    assert 'os.environ["MY_KEY"]' in found.code
    assert 'logged("rmse", mean_squared_error(df.y, bst.predict(df)) ** 0.5)' in found.code
    assert "files.upload() asked for a file" in found.todo and "outputs/model.json: register that" in found.todo
    assert found.undefined() == ""


def test_a_secret_is_not_copied(convert):
    found = convert(
        """# %%
token_column = "token"
API_KEY = "sk-abc123456789"
password: str = "hunter2!"
conn = "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=abcd=="
settings = dict(client_secret="0123456789", pad_token="<pad>")
# %%
print(API_KEY, password, conn, settings, token_column)
"""
    )
    assert not any(word in found.text for word in ("sk-abc", "hunter2", "abcd==", "0123456789"))
    assert set(found.options) == {"--token_column"}
    for name in ("API_KEY", "PASSWORD", "CONN", "CLIENT_SECRET"):
        assert f'os.environ["{name}"]' in found.code
    assert found.todo.count("holds a secret") == 4 and '"<pad>"' in found.code
    assert found.undefined() == ""


def test_a_secret_is_not_copied_wherever_it_stands(convert):
    found = convert(
        """# %%
# API_KEY = "sk-oldone12345678"
import os
from azureml.core.authentication import ServicePrincipalAuthentication
auth = ServicePrincipalAuthentication(service_principal_password="aB3~secretpw99")
os.environ["WANDB_API_KEY"] = "0123456789abcdef"
os.environ.setdefault("DB_PASSWORD", "geheim12")
os.environ["CUDA_VISIBLE_DEVICES"] = "0"
%env OPENAI_API_KEY=sk-proj-abcdefgh
!curl -H "Authorization: Bearer abcdef123456" https://example.org
# %%
%%bash
export AZURE_CLIENT_SECRET=abc123def456
# %%
from sqlalchemy import create_engine
url = "postgresql://admin:s3cr3tpw@db.example.com/prod"
engine = create_engine("mssql://sa:Passw0rd@host/db")
def connect(user, password="hunter2!"):
    return {"Authorization": "Bearer eyJhbGciOiJIUzI1NiJ9.abc.def"}, user, password
print(url, engine, connect("me"))
"""
    )
    everything = found.text + found.todo + found.done
    for word in (
        "oldone",
        "secretpw99",
        "0123456789",
        "geheim12",
        "sk-proj",
        "abcdef123",
        "eyJ",
        "abc123def",
        "s3cr3t",
    ):
        assert word not in everything
    assert "Passw0rd" not in everything and "hunter2" not in everything
    assert "left out (a secret): WANDB_API_KEY is to be set" in found.text and found.options == {}
    assert 'create_engine(os.environ["CREATE_ENGINE_ARGUMENT"])' in found.code
    assert 'os.environ["CUDA_VISIBLE_DEVICES"] = "0"' in found.code
    assert found.undefined() == ""


def test_a_secret_in_an_f_string_or_a_list_is_read_from_the_environment(convert):
    found = convert(
        """# %%
import json
host = "db"
def url(name):
    \'\'\'As in sk-plantDoc123456789.\'\'\'
    return f"https://me:plantA1pw@{host}.example.org/{name}"
keys = ["sk-plantB123456789", "plain"]
db = {"user": "me", "pwd": "plantC1pw"}
raw = b"sk-plantD123456789"
print(json.dumps([url("x"), keys, db, raw.decode()]))
"""
    )
    assert "plant" not in found.text + found.todo + found.done
    assert 'os.environ["PASSWORD"]' in found.code and '"PWD"' not in found.code
    assert '"https://" + os.environ["SECRET"] + f"@{host}.example.org/{name}"' in found.code
    assert '[os.environ["KEYS"], "plain"]' in found.code and 'os.environ["RAW"].encode()' in found.code
    assert found.undefined() == ""


def test_cells_out_of_order_are_named(convert):
    found = convert(
        """# %%
df.describe()
# %%
import pandas as pd
df = pd.read_csv('../data/cancer.csv')
# %%
def later():
    return model.predict(df)
# %%
from sklearn.dummy import DummyClassifier
model = DummyClassifier()
model.fit(df, df.target)
"""
    )
    assert "cell 1: uses df, which only cell 2, further down, sets" in found.todo
    assert "uses model" not in found.todo, "a function may use what is set before it is called"


RUN_LAST_FIRST = """# %% n=4
print(model.score(df, target), model)
# %% n=1
import pandas as pd
# %% n=2
df = pd.read_csv('../data/cancer.csv')
target = df.pop("target")
# %% n=3
from sklearn.dummy import DummyClassifier
model = DummyClassifier().fit(df, target)
"""


def test_cells_are_put_in_the_order_in_which_they_were_run(convert):
    found = convert(RUN_LAST_FIRST)
    assert found.code.index("DummyClassifier()") < found.code.index("logged(", found.code.index("df.pop"))
    assert "do not work in the order written: 2, 3, 4, 1" in found.done and "uses" not in found.todo
    found = convert(RUN_LAST_FIRST.replace("n=1", "n=5"))
    assert "do not work in the order written: 3, 4, 1, 2" in found.done, "imports are gathered, wherever they stand"
    for partly in (RUN_LAST_FIRST.replace("# %% n=1", "# %%"), RUN_LAST_FIRST.replace("n=4", "n=2")):
        found = convert(partly)
        assert "cell 1: uses df, model and target, which only cells 3 and 4, further down, set" in found.todo
    found = convert("# %% n=2\nx = 1\n# %% n=1\nx = 2\nprint(x)\n")
    assert "do not work" not in found.done, "what works as it lies stays so"


def test_the_environment_is_set_before_the_imports_that_came_after_it(convert):
    cells = ["# %% n=3\nprint(a)\n", "# %% n=2\nimport json\na = json.dumps(1)\n"]
    found = convert("".join(cells) + '# %% n=1\nimport os\n# of importance\nos.environ["A"] = "1"\n')
    assert found.code.index('os.environ["A"]') < found.code.index("import json") < found.code.index("print(a)")
    assert "# of importance" in found.text


def test_what_is_typed_must_be_given(convert):
    found = convert('# %%\nn = int(input("How many? "))\nimport getpass\npw = getpass.getpass()\nprint(n, pw)\n')
    assert 'parser.add_argument("--n", type=int, required=True, help="How many?")' in found.code
    assert "input() became the required option --n" in found.todo and 'pw = os.environ["PW"]' in found.code


def test_numbers_that_are_set_once_are_options_wherever_they_stand(convert):
    found = convert(
        """# %%
import torch
from torch import nn
from sklearn.preprocessing import StandardScaler
device = torch.device("cpu")
EPOCHS = 3
total = 0
# %%
def make_net(hidden=16):
    return nn.Sequential(nn.Linear(2, hidden))
hidden_size = 32
model = make_net(hidden_size)
opt = torch.optim.Adam(model.parameters(), lr=0.01)
scaler = StandardScaler()
X = scaler.fit_transform([[1.0, 2.0]])
# %%
def train(model):
    for _ in range(EPOCHS):
        model(torch.tensor(X)).sum().backward()
        opt.step()
for _ in range(2):
    train(model)
    total += 1
# %%
torch.save(model, 'model.pth')
"""
    )
    assert found.options == {"--epochs": "3", "--hidden_size": "32"}
    heads = [line.strip() for line in found.text.split("\n") if "# ----" in line]
    assert heads[2:] == ["# ---- Data", "# ---- Model", "# ---- Save"]
    assert "not saved with it: scaler" in found.todo and "outputs/model.pth: register that" in found.todo


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (
            "import tensorflow as tf\ndef build():\n    return tf.keras.Sequential([])\nm = build()\nm.fit([1], [1])\n"
            "test_loss, test_acc = m.evaluate([1], [1])\n",
            'm.save("outputs/model.keras")',
        ),
        (
            "from transformers import Trainer\ntrainer = Trainer(model=1)\ntrainer.train()\n",
            'trainer.save_model("outputs/model")',
        ),
        (
            "import torch, sklearn.metrics\nfrom torchvision import models\nnet = models.resnet18()\n"
            "opt = torch.optim.SGD(net.parameters(), lr=1)\nnet.eval()\nsklearn.metrics.r2_score([1], [1])\n",
            'torch.save(net.state_dict(), "outputs/model.pt")',
        ),
        (
            "import pytorch_lightning as pl\ntrainer = pl.Trainer()\ntrainer.fit(1)\n",
            'trainer.save_checkpoint("outputs/model.ckpt")',
        ),
    ],
)
def test_each_framework_saves_in_its_own_way(convert, source, line):
    assert f"    {line}\n" in convert(f"# %%\n{source}").code


def test_keras_metrics_are_logged_by_their_names(convert):
    found = convert("# %%\nimport keras\nm = keras.Sequential()\nm.fit(1, 1)\ntest_loss, test_acc = m.evaluate(1, 1)\n")
    assert 'logged("test_acc", test_acc)' in found.code and 'logged("test_loss", test_loss)' in found.code


def test_a_model_made_in_a_loop_is_named(convert):
    found = convert(
        "# %%\nfrom sklearn.dummy import DummyClassifier\nmodels = []\nfor i in range(3):\n"
        "    clf = DummyClassifier(random_state=i)\n    clf.fit([[1]], [1])\n    models.append(clf)\n"
    )
    assert "clf is created in each pass of a loop and the last one is saved" in found.todo


def test_what_cannot_be_unpickled_elsewhere_is_named(convert):
    found = convert(
        """# %%
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.linear_model import Ridge
def shifted(X):
    return X + 1
def made():
    return Ridge()
pipe = make_pipeline(FunctionTransformer(shifted), made())
pipe.fit([[1]], [1])
"""
    )
    assert "pipe is saved with shifted of this script in it" in found.todo
    found = convert(
        "# %%\nfrom sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import FunctionTransformer\n"
        "shift = len(str(2))\npipe = make_pipeline(FunctionTransformer(lambda X: X * shift))\npipe.fit([[1]], [1])\n"
    )
    assert "a lambda in the model cannot be pickled" in found.todo


def test_what_a_function_of_the_notebook_builds_is_looked_into(convert):
    source = """# %%
from dataclasses import dataclass
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.linear_model import Ridge
@dataclass
class Settings:
    alpha: float = 1.0
class Clip(BaseEstimator):
    pass
def build(settings):
    steps = [CLIP("m", Ridge(alpha=settings.alpha))]
    return Pipeline(steps)
pipe = build(Settings())
pipe.fit([[1]], [1])
"""
    assert "pipe is saved with Clip of this script" in convert(source.replace("CLIP", '("clip", Clip()), ')).todo
    assert "is saved with" not in convert(source.replace("CLIP", "")).todo, "what only gave values is not in the model"


def test_a_parameter_that_is_set_again_is_one_option(convert):
    tagged = '# %% tags=["parameters"]\n'
    found = convert(f"{tagged}epochs = 3\n{tagged}epochs = 5\n# %%\nprint(epochs)\n")
    assert found.options == {"--epochs": "5"} and "the last value counts" in found.done
    found = convert(f"{tagged}epochs = 3\nsteps = epochs * 2\nepochs = 5\n# %%\nprint(epochs, steps)\n")
    assert "which overrides --epochs" in found.todo, "the first value was needed"


def test_a_model_that_is_only_judged_is_named(convert):
    found = convert(
        "# %%\nfrom sklearn.svm import SVC\nfrom sklearn.model_selection import cross_val_score\nclf = SVC()\n"
        "print(cross_val_score(clf, [[1], [2]] * 9, [0, 1] * 9))\n"
    )
    assert "clf is cross-validated, but never fitted" in found.todo


def test_the_model_of_a_loop_over_the_chosen_ones_is_no_other(convert):
    found = convert(
        "# %%\nfrom sklearn.svm import SVC\nmodels = {'a': SVC()}\nfor name, m in models.items():\n"
        "    m.fit([[1], [2]], [0, 1])\nbest = models['a']\n"
    )
    assert "joblib.dump(best" in found.code and "fitted too" not in found.todo


def test_the_history_of_a_notebook_is_not_there(convert):
    found = convert("# %%\nx = 1\n# %%\nfor i in range(2):\n    y = Out[3]\n# %%\ncwd = %pwd\nprint(x, cwd)\n# %%\n_\n")
    assert "cell 2: uses Out, which only a notebook has" in found.todo
    assert "print(_)" not in found.code and "cell 4: uses _, which only a notebook has" in found.todo
    assert "cwd = os.getcwd()" in found.code


def test_what_sets_the_notebook_up_needs_no_ipython(convert):
    found = convert(
        "# %%\nfrom IPython.core.interactiveshell import InteractiveShell\n"
        'InteractiveShell.ast_node_interactivity = "all"\nprint(1)\n'
    )
    assert "InteractiveShell" not in found.code and found.packages == []


def test_input_that_is_no_option_is_named(convert):
    assert "cell 1: calls input()" in convert("# %%\nwhile input('more? ') == 'y':\n    pass\n").todo


def test_figures_that_are_web_pages_need_no_matplotlib(convert):
    found = convert(
        """# %%
import plotly.express as px
from IPython.display import HTML, display
import ipywidgets as widgets
slider = widgets.IntSlider(value=5)
display(slider)
display(HTML("<h1>x</h1>"))
# %%
fig = px.scatter(x=[1], y=[2])
fig.show()
# %%
px.histogram(x=[slider.value])
# %%
fig
"""
    )
    assert found.code.count("save_figures(fig)") == 2 and "save_figures(px.histogram(x=[slider.value]))" in found.code
    assert "matplotlib" not in found.text and "print(slider)" not in found.code
    assert found.options == {"--slider": "5"}


def test_what_the_network_must_give_is_named(convert):
    found = convert(
        "# %%\nimport seaborn as sns\nimport nltk\nimport sklearn.datasets\ndf = sns.load_dataset('iris')\n"
        "nltk.download('stopwords')\ndata = sklearn.datasets.fetch_openml('mnist_784')\n"
    )
    assert found.todo.count("fetches from the network") == 3


def test_the_tracking_uri_is_the_runs(convert):
    found = convert(
        "# %%\nimport mlflow\nmlflow.set_tracking_uri('http://localhost:5000')\nmlflow.set_experiment('x')\n"
        "with mlflow.start_run():\n    mlflow.log_metric('a', 1)\n"
    )
    assert "set_tracking_uri" not in found.code and "set_experiment" not in found.code
    assert "-e names the experiment" in found.done


def test_packages_are_called_by_their_own_names(convert):
    conda = convert("# %%\nprint(1)\n").file.parent / "aml_config" / "train-conda.yml"
    conda.parent.mkdir()
    conda.write_text("dependencies:\n  - matplotlib-base>=3.9\n  - pytorch\n  - opencv\n  - pip:\n    - sqlalchemy\n")
    found = convert(
        """# %%
import matplotlib.pyplot as plt, torch, cv2, utils, helper_mod
from azure.ai.ml.entities import Data
from azure.identity import DefaultAzureCredential
from google.cloud import bigquery
import mlflow
print(plt, torch, cv2, utils, helper_mod, Data, DefaultAzureCredential, bigquery, mlflow)
# %%
%%writefile helper_mod.py
x = 1
"""
    )
    names = {word.split("=")[0].split(">")[0] for word in found.packages}
    assert names == {
        "alembic",
        "azure-ai-ml",
        "azure-identity",
        "azureml-mlflow",
        "google-cloud-bigquery",
        "mlflow-skinny",
    }
    assert "imports utils, a file of your own" in found.todo and "imports helper_mod, a file" in found.todo


def test_a_fresh_conda_file_can_log_as_the_templates_can(convert):
    found = convert("# %%\nfrom sklearn.metrics import r2_score\nprint(r2_score([1, 2], [1, 2]))\n")
    lines = {line.strip("- \n") for line in template_file("models/model1/aml_config/train-conda.yml").split("\n")}
    logging = {"sqlalchemy>=2,<3", "alembic>=1.13,<2", "azureml-mlflow>=1.60,<2"}
    assert logging <= lines and logging <= set(found.packages)


def test_ipythons_odder_words(convert):
    found = convert(
        """# %%
%%timeit -n 10
sum(range(100))
# %%
%%capture cap --no-stderr
print("captured")
# %%
?len
!echo {x} > coef.txt
!ls
if True:
    !mkdir -p results
"""
    )
    assert "sum(range" not in found.code and "keeps" not in found.done
    assert "%%capture kept what the cell prints in cap" in found.todo
    assert "`!echo {x} > coef.txt` was left out" in found.todo and "`!ls`" not in found.todo


def test_text_that_names_a_file_is_data_however_it_is_read(convert):
    found = convert(
        "# %%\nimport h5py\nSETTINGS = '../data/settings.json'\n"
        "x = h5py.File('../data/cancer.csv')\nprint(SETTINGS, x)\n"
    )
    assert 'h5py.File(f"{args.data_path}/cancer.csv")' in found.code
    assert 'SETTINGS = f"{args.data_path}/settings.json"' in found.code and "--settings" not in found.options


def test_several_places_have_several_options(convert):
    found = convert(
        "# %%\nimport pandas as pd\na = pd.read_csv('../data/cancer.csv')\nb = pd.read_csv(r'C:\\x\\train.csv')\n"
        "c = pd.read_csv('../other/rows.csv')\nprint(a, b, c)\n"
    )
    assert found.options == {
        "--data-path": "'../../data/cancer.csv'",
        "--data-path-2": "'../../data/parts/train.csv'",
        "--data-path-3": "'../../other/rows.csv'",
    }


@pytest.mark.parametrize(
    "cell", ["print 'x'", "try:\n    f()\nexcept ValueError, e:\n    pass", "s = ur'x'", "n = 0777"]
)
def test_python_2_is_called_what_it_is(tmp_path, cell):
    path = notebooks_help.write(tmp_path / "old.ipynb", f"# %%\nx = 1\n# %%\n{cell}\n")
    done = CliRunner().invoke(command, ["convert", str(path), "-o", str(tmp_path / "train.py")])
    assert "cell 2, line " in str(done.exception) and "the notebook is written in Python 2" in str(done.exception)
    assert "`2to3`" in str(done.exception)


def test_one_metric_many_times_is_counted(convert):
    judge = "from sklearn.metrics import accuracy_score\n" + "print(accuracy_score([1], [1]))\n" * 4
    found = convert(f"# %%\n{judge}")
    assert "logs to MLflow: accuracy, accuracy_2, accuracy_3, accuracy_4" in found.done


def test_data_that_is_nowhere_is_said(convert):
    found = convert("# %%\nimport pandas as pd\nprint(pd.read_csv('nowhere.csv'))\n")
    assert "../../notebooks/nowhere.csv does not exist yet" in found.todo
