"""Notebooks of many kinds become scripts that lint clean and run; what they cannot carry over is reported."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import notebooks as notebooks_help
from support.rendering import template_file

from amlrun.cli.notebook import command
from amlrun.errors import AmlError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
# The rules that a rendered project lints with.
RUFF = '[tool.ruff]\nline-length = 120\n[tool.ruff.lint]\nselect = ["E", "F", "W", "I", "B", "UP"]\n'


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the data, in which every notebook was converted: models/NAME/train.py and report.json."""
    root = tmp_path_factory.mktemp("notebooks")
    (root / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\n' + RUFF)
    notebooks_help.data(root / "data")
    for name in notebooks_help.NAMES:
        text = (notebooks_help.FOLDER / f"{name}.nb").read_text(encoding="utf-8")
        path = notebooks_help.write(root / "notebooks" / f"{name}.ipynb", text)
        before = path.read_bytes()
        target = root / "models" / name / "train.py"
        words = ["convert", str(path), "-o", str(target), "--json", "-t", str(target.with_name("report.json"))]
        result = CliRunner().invoke(command, words, catch_exceptions=False)
        assert result.exit_code == 0
        assert json.loads(result.stdout)["script"] == str(target)
        assert path.read_bytes() == before, "the notebook was touched"
    return root


def script(project: Path, name: str) -> str:
    return (project / "models" / name / "train.py").read_text(encoding="utf-8")


def report(project: Path, name: str) -> dict:
    return json.loads((project / "models" / name / "report.json").read_text(encoding="utf-8"))


def run(project: Path, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{(project / 'mlflow.db').as_posix()}"}
    folder = project / "models" / name
    command = [sys.executable, "train.py", *words]
    env |= {"PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, encoding="utf-8")


def test_there_are_twenty_notebooks() -> None:
    assert len(notebooks_help.NAMES) >= 20


@pytest.mark.parametrize("name", notebooks_help.NAMES)
def test_the_script_runs(project: Path, name: str) -> None:
    result = run(project, name, "--an-option-of-somebody-else", "1")
    assert result.returncode == 0, result.stderr
    model = report(project, name)["model"]
    saved = list((project / "models" / name / "outputs").rglob("*.pkl"))
    assert bool(saved) == (model is not None)


def test_the_scripts_lint_and_are_formatted(project: Path) -> None:
    # F821, an undefined name, would be a fault of the notebook: none of ours has one.
    found = subprocess.run(["ruff", "check", "models"], cwd=project, capture_output=True, text=True, env=_path())
    assert found.returncode == 0, found.stdout
    found = subprocess.run(
        ["ruff", "format", "--check", "models"], cwd=project, capture_output=True, text=True, env=_path()
    )
    assert found.returncode == 0, found.stdout


def _path() -> dict[str, str]:
    return {**os.environ, "PATH": str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]}


@pytest.mark.parametrize("name", notebooks_help.NAMES)
def test_the_outline_is_the_templates(project: Path, name: str) -> None:
    heads = re.findall(r"# ---- (\w+)", script(project, name))
    order = ["Arguments", "Functions", "Data", "Model", "Evaluation", "Save"]
    assert heads == sorted(heads, key=order.index)
    assert "parse_known_args" in script(project, name)


def test_tagged_cells_become_typed_options(project: Path) -> None:
    text = script(project, "tagged_parameters")
    assert report(project, "tagged_parameters")["todo"] == [
        "cell 2: --note is None, so its type is a guess, str: give it a type="
    ]
    options = {
        option["flag"]: (option["type"], option["default"])
        for option in report(project, "tagged_parameters")["options"]
    }
    assert options["--epochs"] == ("int", "30")
    assert options["--learning_rate"] == ("float", "1")
    assert options["--shuffle"][0] == "yes_or_no"
    assert options["--hidden"] == ("int", "[8, 4]")
    assert options["--note"] == ("str", "None")
    assert options["--data-path"] == ("str", "'../../data/cancer.csv'")
    assert "100%% of it" in text
    folder = project / "data"
    result = run(project, "tagged_parameters", "--data-path", str(folder), "--shuffle", "false", "--hidden", "2", "3")
    assert result.returncode == 0, result.stderr
    assert run(project, "tagged_parameters", "--epochs", "many").returncode == 2
    assert run(project, "tagged_parameters", "--shuffle", "perhaps").returncode == 2
    assert run(project, "tagged_parameters", "--data-path", "nowhere.csv").returncode != 0
    assert run(project, "tagged_parameters", "--help").returncode == 0


def test_every_kind_of_parameter(project: Path) -> None:
    found = report(project, "kinds_of_parameters")
    options = {option["flag"]: (option["type"], option["default"]) for option in found["options"]}
    assert options["--min_impurity"] == ("float", "-0.5") and options["--big"] == ("int", "1_000_000")
    assert options["--start"] == ("date.fromisoformat", "date(2020, 1, 1)")
    assert options["--lambda"] == ("float", "0.3") and options["--help_"] == ("str", "'no'")
    assert 'data_path = Path(data_file(args.data_path, "cancer.csv"))' in script(project, "kinds_of_parameters")
    for name in ("empty", "options", "when"):
        assert f"cell 2: parameter {name} is not a plain value, so it stays as code" in found["todo"]
    assert any("assigns several parameters at once" in line for line in found["todo"])
    result = run(project, "kinds_of_parameters", "--start", "2021-02-03", "--lambda", "2", "--min_impurity", "-1")
    assert result.returncode == 0 and "2021-02-03" in result.stdout
    assert run(project, "kinds_of_parameters", "--start", "yesterday").returncode == 2


def test_the_model_chosen_is_the_one_saved(project: Path) -> None:
    assert report(project, "chosen_of_several")["model"] == "best_model"
    assert report(project, "best_of_folds")["model"] == "final"
    assert "f1_score in a loop is not logged" in str(report(project, "best_of_folds")["todo"])
    assert 'rmse = logged("rmse", mean_squared_error(' in script(project, "chosen_of_several")
    assert "from tqdm import tqdm\n" in script(project, "chosen_of_several")
    grid = script(project, "columns_and_grid")
    assert "outputs/model.pkl" not in grid, "the notebook saves the best estimator of its search"
    assert "outputs/models/best.pkl: register that" in str(report(project, "columns_and_grid")["todo"])
    assert 'auc = logged("auc", round(' in grid


def test_a_path_that_begins_with_dots_is_a_place_of_data(project: Path) -> None:
    for name in ("columns_and_grid", "best_of_folds", "own_transformer"):
        assert report(project, name)["options"][0]["default"].startswith("'../../data")
    assert "DATA_DIR = Path(args.data_path)" in script(project, "columns_and_grid")
    assert 'load_data(f"{args.data_path}/train.csv")' in script(project, "best_of_folds")


def test_sdk_v1_is_not_needed(project: Path) -> None:
    text = script(project, "sdk_v1")
    code = [line for line in text.split("\n") if "azureml" in line and not line.strip().startswith("#")]
    assert code == [] and 'mlflow.log_metric("mse", mse)' in text
    found = report(project, "sdk_v1")
    assert "sdk" not in str(found["conda"]["add"]) and not any("azureml-core" in w for w in found["conda"]["add"])
    assert any("the dataset parts is read as the CSV files in data/parts" in line for line in found["todo"])


def test_the_metric_lands_in_mlflow(project: Path) -> None:
    import sqlite3

    assert run(project, "several_models").returncode == 0
    with sqlite3.connect(project / "mlflow.db") as database:
        names = {name for (name,) in database.execute("select key from latest_metrics")}
    assert "f1" in names


def test_literals_at_the_top_become_options(project: Path) -> None:
    flags = {option["flag"] for option in report(project, "untagged_literals")["options"]}
    assert {"--seed", "--test_size", "--n_estimators", "--learning_rate", "--criterion", "--columns"} <= flags
    assert "--late" in flags, "a number that is set once is one wherever it stands"
    assert "--counter" not in flags, "a counter is no parameter"


def test_figures_are_saved(project: Path) -> None:
    outputs = project / "models" / "plots" / "outputs"
    assert run(project, "plots").returncode == 0
    assert len(list(outputs.glob("figure-*.png"))) >= 5
    assert (outputs / "figs" / "scatter.png").exists()
    assert "plt.show" not in script(project, "plots")


def test_magics_leave_their_reason(project: Path) -> None:
    found = report(project, "magics")
    text = script(project, "magics")
    assert any("add humanize to the conda file" in line for line in found["done"])
    assert any("humanize" in word for word in found["conda"]["add"])
    assert "# left out (not Python):\n    # %%bash" in text
    assert "%not a magic\n!not a shell line\n" in text
    assert any("%%bash" in line for line in found["todo"])


def test_left_out_cells_are_left_out(project: Path) -> None:
    text = script(project, "skipped")
    assert "pairplot" not in text and "seaborn" not in text and "not even Python" not in text
    assert sum("it is tagged" in line for line in report(project, "skipped")["done"]) == 2


def test_files_come_from_the_data_path_and_go_to_outputs(project: Path) -> None:
    assert run(project, "data_folder").returncode == run(project, "saves_itself").returncode == 0
    assert (project / "models" / "data_folder" / "outputs" / "results").is_dir()
    assert not (project / "models" / "data_folder" / "clean.csv").exists()
    text = script(project, "two_files")
    assert 'f"{args.data_path}/parts/train.csv"' in text and 'f"{args.data_path}/settings.json"' in text
    assert report(project, "two_files")["options"][0]["default"] == "'../../data'"
    assert not (project / "models" / "models").exists(), "saves_itself wrote outside outputs/"


def test_names_of_files_that_only_a_run_can_tell(project: Path) -> None:
    result = run(project, "file_names")
    assert result.stdout.strip().endswith("rf 284 284"), "a name that is printed stays as it is"
    names = {path.name for path in (project / "models" / "file_names" / "outputs").rglob("*") if path.is_file()}
    assert names == {
        *("ridge.pkl", "logistic.pkl", "log_ridge.txt", "log_logistic.txt", "ridge.csv", "logistic.csv"),
        *("rf.pickle", "rf.joblib", "last.joblib"),
    }
    moved = run(project, "file_names", "--data-path", str(project / "data" / "parts"))
    assert moved.returncode == 0, "--data-path is the folder, not the beginning of a name"


def test_what_needs_a_person_is_said(project: Path) -> None:
    assert any("no fitted model" in line for line in report(project, "no_model")["todo"])
    assert "fitted too, but only final is saved: candidate" in report(project, "several_models")["todo"]


def convert(tmp_path: Path, text: str, *words: str, **metadata: object) -> tuple[str, dict]:
    path = notebooks_help.write(tmp_path / "notebooks" / "n.ipynb", text, **metadata)
    target = tmp_path / "out" / "train.py"
    result = CliRunner().invoke(
        command, ["convert", str(path), "-o", str(target), "--json", *words], catch_exceptions=False
    )
    return target.read_text(encoding="utf-8"), json.loads(result.stdout)


def test_a_metric_inside_an_f_string(tmp_path: Path) -> None:
    text, _ = convert(
        tmp_path,
        "# %%\nfrom sklearn.metrics import r2_score\nprint(f'R2 {r2_score([1, 2], [1, 2]):.2f}')\n"
        'print(f"again {r2_score([1, 3], [1, 2]):.2f}")\n',
    )
    assert text.count("logged(") == 3
    compile(text, "train.py", "exec")


def test_hidden_state_is_named(tmp_path: Path) -> None:
    _, found = convert(tmp_path, '# %% tags=["skip"]\nx = 1\n# %%\nprint(x, ghost)\n')
    assert "cell 2: uses x, which only cell 1 sets, and that is left out" in found["todo"]
    assert "cell 2: uses ghost, which no cell sets" in found["todo"]


def test_preparation_that_is_not_applied_is_named(tmp_path: Path) -> None:
    _, found = convert(
        tmp_path,
        "# %%\nfrom sklearn.preprocessing import StandardScaler\nfrom sklearn.linear_model import Ridge\n"
        "scaler = StandardScaler()\nX = scaler.fit_transform([[1], [2]])\nmodel = Ridge().fit(X + 1, [1, 2])\n",
    )
    assert any("not applied by score.py: scaler. They are saved in the model" in line for line in found["todo"])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import torch\nfrom torch import nn\nnet = nn.Sequential(nn.Linear(1, 1))\n", "torch.save(net.state_dict(), "),
        ("import keras\nm = keras.Sequential([])\nhistory = m.fit([1], [1])\n", 'm.save("outputs/model.keras")'),
        ("import xgboost as xgb\nbooster = xgb.train({}, None)\n", "joblib.dump(booster, "),
    ],
)
def test_models_of_other_frameworks(tmp_path: Path, source: str, expected: str) -> None:
    text, _ = convert(tmp_path, f"# %%\n{source}")
    assert expected in text


def test_paths_of_this_machine_and_of_the_network_are_named(tmp_path: Path) -> None:
    _, found = convert(
        tmp_path,
        '# %%\nimport pandas as pd\na = pd.read_csv("/home/me/a.csv")\nb = pd.read_csv("https://example.org/b.csv")\n'
        "print(a, b)\n",
    )
    assert any("path of one machine" in line for line in found["todo"])
    assert any("https://example.org/b.csv from the network" in line for line in found["todo"])


def test_a_module_beside_the_notebook_is_named(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "helpers_of_mine.py").write_text("A = 1\n")
    _, found = convert(tmp_path, "# %%\nimport helpers_of_mine\nprint(helpers_of_mine.A)\n")
    assert "imports helpers_of_mine, a file of your own: copy it beside the script" in found["todo"]
    assert found["conda"] is None


CONDA = (
    "name: mine  # keep\nchannels: [conda-forge]\ndependencies:\n  - python=3.11\n  - pip:\n    - scikit-learn>=1.5\n"
)


def test_the_conda_file_is_proposed_and_written_only_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "out" / "aml_config" / "train-conda.yml"
    file.parent.mkdir(parents=True)
    file.write_text(CONDA)
    text = (
        "# %%\n!pip install left-pad==1.0\nimport sklearn, yaml_of_nobody, joblib\n"
        "print(sklearn, yaml_of_nobody, joblib)\n"
    )
    _, found = convert(tmp_path, text)
    assert file.read_text() == CONDA
    assert found["conda"]["add"][0].startswith("joblib==")
    # A module that nobody knows may be a stranger's package of that name: it is not proposed.
    assert found["conda"]["add"][1:] == ["left-pad==1.0"]
    assert "+    - left-pad==1.0" in found["conda"]["diff"] and "scikit-learn" not in "".join(found["conda"]["add"])
    convert(tmp_path, text, "--overwrite", "--apply")
    assert file.read_text().startswith(CONDA) and "    - left-pad==1.0\n" in file.read_text()


RUNCONFIG = """\
script: train.py
arguments:
  - --data-path
  - /data
  - --epochs  # of the sample
  - "20"
target: local
data:
  sample:
    dataLocation:
      dataset:
        name: sample
    environmentVariableName: sample
    pathOnCompute: /data
"""


def test_the_run_configurations_are_proposed_and_written_only_when_asked(tmp_path: Path) -> None:
    config = tmp_path / "out" / "aml_config"
    config.mkdir(parents=True)
    (tmp_path / ".copier-answers.yml").touch()
    (tmp_path / "data" / "rows").mkdir(parents=True)
    (tmp_path / "data" / "rows" / "rows.csv").write_text("a\n1\n")
    flow = 'script: ./train.py\narguments: [--data-path, /data, --epochs, "20", --seed, "1"]\n'
    for name, text in {"a": RUNCONFIG, "b": flow, "c": RUNCONFIG.replace("train.py", "other.py")}.items():
        (config / f"{name}.runconfig").write_text(text)
    text = "# %%\nseed = 3\nimport pandas as pd\nprint(pd.read_csv('../data/rows/rows.csv'), seed)\n"
    _, found = convert(tmp_path, text)
    assert [Path(change["file"]).name for change in found["runconfigs"]] == ["a.runconfig", "b.runconfig"]
    assert found["dataset"].startswith("aml dataset register -n rows -p ")
    assert (config / "a.runconfig").read_text() == RUNCONFIG and not (tmp_path / "data" / "datasets.yml").exists()
    convert(tmp_path, text, "--overwrite", "--apply")
    kept = [line for line in RUNCONFIG.split("\n") if "--epochs" not in line and '"20"' not in line]
    assert (config / "a.runconfig").read_text() == "\n".join(kept).replace("sample", "rows")
    assert (config / "b.runconfig").read_text() == "script: ./train.py\narguments: [--data-path, /data, --seed, '1']\n"
    assert "path: data/rows" in (tmp_path / "data" / "datasets.yml").read_text()
    _, found = convert(tmp_path, text, "--overwrite")
    assert found["runconfigs"] == [] and found["dataset"] is None, "all is as it should be"
    _, found = convert(tmp_path, text.replace("../data/rows/rows.csv", "/elsewhere/other.csv"), "--overwrite")
    assert "a.runconfig gives the script another --data-path: name the data there, or remove it" in found["todo"]
    _, found = convert(tmp_path, text.replace("../data/rows/rows.csv", "../data"), "--overwrite")
    assert found["dataset"].startswith("aml dataset register -n data -p "), "all of data/ is a place too"


def test_overwriting_asks(tmp_path: Path) -> None:
    path = notebooks_help.write(tmp_path / "n.ipynb", "# %%\nprint(1)\n")
    target = tmp_path / "train.py"
    target.write_text("mine\n")
    words = ["convert", str(path), "-o", str(target)]
    for answer in ("", "n\n"):
        with pytest.raises(AmlError, match="already exists"):
            CliRunner().invoke(command, words, input=answer, catch_exceptions=False)
        assert target.read_text() == "mine\n"
    assert CliRunner().invoke(command, words, input="y\n").exit_code == 0
    assert "print(1)" in target.read_text()


def test_a_script_named_from_here_is_formatted_as_its_project_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "pyproject.toml").write_text(RUFF)
    notebooks_help.write(tmp_path / "n.ipynb", "# %%\nprint(" + ", ".join(["'a word of ten'"] * 6) + ")\n")
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(command, ["convert", "n.ipynb", "-o", "models/train.py"]).exit_code == 0
    longest = max(map(len, (tmp_path / "models" / "train.py").read_text().split("\n")))
    assert 88 < longest <= 120, "the project's line length is 120, ruff's own 88"


def test_without_ruff_the_script_is_plain_and_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from amlrun.notebook import formatting

    monkeypatch.setattr(formatting, "_ruff", lambda: None)
    text, found = convert(tmp_path, "# %%\nx = 1\n# %%\nprint( x )\n")
    assert "print( x )" in text and any("ruff" in line for line in found["todo"])
    compile(text, "train.py", "exec")


BAD = {
    "missing": (None, "no such notebook"),
    "empty": ("", "empty"),
    "blank": ("  \n", "empty"),
    "not_json": ("{", "not a notebook"),
    "conflict": ("<<<<<<< a\n{}\n>>>>>>> b\n", "not a notebook"),
    "not_a_notebook": ("[1, 2]", "no nbformat"),
    "nbformat_3": ('{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": []}', "nbformat 3 is too old"),
    "nbformat_99": ('{"nbformat": 99, "nbformat_minor": 0, "metadata": {}, "cells": []}', "newer"),
    "no_cells": ('{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": []}', "no code cell"),
    "cells_missing": ('{"nbformat": 4, "nbformat_minor": 4, "metadata": {}}', "damaged"),
    "cells_wrong": ('{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [{"a": 1}]}', "damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_notebooks_are_named(tmp_path: Path, name: str) -> None:
    content, message = BAD[name]
    path = tmp_path / "bad.ipynb"
    if content is not None:
        path.write_text(content)
    with pytest.raises(AmlError, match=message) as caught:
        CliRunner().invoke(command, ["convert", str(path), "-o", str(tmp_path / "o.py")], catch_exceptions=False)
    assert "bad.ipynb" in str(caught.value) and caught.value.exit_code == 2
    assert not (tmp_path / "o.py").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# %%\nx = 1\n# %%\nfor\n", "cell 2, line 1: "),
        ("# %%\nprint 'python 2'\n", "cell 1, line 1: "),
        ("# %%\nx = 1\nreturn x\n", "cell 1, line 2: 'return' outside function"),
    ],
)
def test_a_cell_that_is_no_python_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = notebooks_help.write(tmp_path / "n.ipynb", text)
    with pytest.raises(AmlError, match=re.escape(message)):
        CliRunner().invoke(command, ["convert", str(path), "-o", str(tmp_path / "o.py")], catch_exceptions=False)


def test_another_kernel_is_named(tmp_path: Path) -> None:
    kernel = {"name": "ir", "display_name": "R", "language": "R"}
    with pytest.raises(AmlError, match="kernel is R"):
        convert(tmp_path, "# %%\nx <- 1\n", kernelspec=kernel)


def test_nbconvert_reaches_the_exporter(tmp_path: Path) -> None:
    path = notebooks_help.write(tmp_path / "n.ipynb", "# %%\nepochs = 3\nprint(epochs)\n")
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    entry = re.search(r'"nbconvert\.exporters"\]\naml-train = "([\w.]+):(\w+)"', settings)
    assert entry and hasattr(importlib.import_module(entry[1]), entry[2])
    words = [sys.executable, "-m", "nbconvert", "--to", f"{entry[1]}.{entry[2]}", str(path)]
    result = subprocess.run(words, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert '"--epochs", type=int, default=3' in (tmp_path / "n.py").read_text().replace("'", '"')


def test_the_sample_notebook_becomes_the_samples_outline_and_trains(project: Path) -> None:
    import shutil

    root = project / "sample"
    for name in ("notebooks", "data"):
        shutil.copytree(ROOT / "template" / name, root / name, dirs_exist_ok=True)
    target = root / "models" / "model1" / "train.py"
    words = ["convert", str(root / "notebooks" / "explore.ipynb"), "-o", str(target), "--json"]
    found = json.loads(CliRunner().invoke(command, words, catch_exceptions=False).stdout)
    assert found["todo"] == []
    text = target.read_text(encoding="utf-8")
    heads = re.findall(r"# ---- (\w+)", text)
    outline = re.findall(r"# ---- (\w+)", template_file("models/model1/train.py"))
    assert [head for head in heads if head != "Functions"] == outline
    flags = {option["flag"] for option in found["options"]}
    assert {"--data-path", "--epochs", "--batch_size", "--alpha", "--penalty", "--train_test_split_ratio"} <= flags
    env = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{(project / 'mlflow.db').as_posix()}"}
    words = [sys.executable, "train.py", "--data-path", str(root / "data" / "sample"), "--epochs", "5"]
    result = subprocess.run(words, cwd=target.parent, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    auc = re.search(r"AUC ([\d.]+)", result.stdout)
    assert auc and float(auc[1]) > 0.95
    assert (target.parent / "outputs" / "model.pkl").exists() and (target.parent / "outputs" / "figure-1.png").exists()
