"""Names for data: reading, registering and finding them, and what a run gets to see."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from support.workplace import Workplace

from amlrun.errors import AmlError
from amlrun.prepare import data
from amlrun.project import Project

CONFIG = """\
data:
  my_data:
    dataLocation:
      dataset:
        name: table
    mechanism: mount
    environmentVariableName: WHERE
    pathOnCompute: /data
"""


def named(tmp_path: Path, text: str) -> Project:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "datasets.yml").write_text(text, encoding="utf-8")
    return Project(tmp_path)


def test_places_start_at_the_projects_root(tmp_path: Path) -> None:
    project = named(tmp_path, "a:\n  path: data/a\n  description: first\nb: data/b\n")
    found = data.load(project)
    assert found["a"].path == tmp_path / "data" / "a" and found["a"].description == "first"
    assert found["b"].path == tmp_path / "data" / "b" and found["b"].line == 4


@pytest.mark.parametrize("reference", ["azureml:table:3", "azureml:table@latest", "azureml:table", None])
def test_a_reference_is_found_by_the_datasets_name_or_the_inputs(tmp_path: Path, reference: str | None) -> None:
    project = named(tmp_path, "table: {path: data/t}\n")
    (tmp_path / "data" / "t").mkdir()
    assert data.locate(project, "table", reference) == tmp_path / "data" / "t"
    assert data.locate(project, "table", "azureml://datastores/blob/paths/x") == tmp_path / "data" / "t"
    assert data.locate(project, "x", "azureml://registries/r/data/table/versions/1") == tmp_path / "data" / "t"


@pytest.mark.parametrize(
    "address",
    ["https://example.org/x.csv", "wasbs://c@a.blob.core.windows.net/x", "azureml://datastores/blob/paths/x"],
)
def test_an_address_is_named_in_the_message_that_asks_for_a_local_path(tmp_path: Path, address: str) -> None:
    with pytest.raises(AmlError) as wrong:
        data.locate(Project(tmp_path), "x", address)
    assert str(wrong.value).startswith(f"input x: {address} is not downloaded here, and dataset 'x' has no local path")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "datasets.yml:1: expected a mapping"),
        ("a: 5\n", "datasets.yml:1: a: expected `path: FOLDER`"),
        ("x: {path: y}\na:\n  pth: data\n", "datasets.yml:2: a: expected `path: FOLDER`"),
        ("a: [\n", "datasets.yml:2: is not YAML"),
        ("a: {path: gone}\n", "datasets.yml:1: a: no data found at"),
        ("aa: {path: gone}\n", "did you mean 'aa'?"),
        ("", "aml dataset register -n a -p FOLDER"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    project = named(tmp_path, text)
    with pytest.raises(AmlError) as wrong:
        data.locate(project, "a", "azureml:a:1")
    assert message in str(wrong.value)


def test_registering_keeps_comments_and_writes_relative_paths(tmp_path: Path) -> None:
    project = named(tmp_path, "# ours\na: {path: x} # kept\n")
    (tmp_path / "data" / "b").mkdir()
    data.register(project, "b", tmp_path / "data" / "b", "second")
    text = project.datasets_file.read_text()
    assert "# ours" in text and "# kept" in text and "path: data/b" in text
    assert data.load(project)["b"].path == tmp_path / "data" / "b"
    for name in ("", "a b", "-x", "x/y"):
        with pytest.raises(AmlError, match="is not a valid dataset name"):
            data.register(project, name, tmp_path, "")


def test_a_run_sees_the_data_by_argument_and_variable(workplace: Workplace, tmp_path: Path) -> None:
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "x.csv").write_text("1,2\n")
    config = workplace.model / "aml_config" / "local.runconfig"
    config.write_text(config.read_text() + CONFIG)
    workplace.script("import os, sys\nprint(sys.argv[1:], os.environ['WHERE'], open(sys.argv[1]).read())\n")
    missing = workplace.submit("train.py", "/data/x.csv", "DatasetConsumptionConfig:my_data", code=2)
    assert "aml dataset register -n table -p FOLDER" in missing.stderr
    workplace.aml("dataset", "register", "-n", "table", "-p", str(tmp_path / "table"))
    assert json.loads(workplace.aml("dataset", "show", "-n", "table", "-o", "json").stdout)["exists"] is True
    done = workplace.submit("train.py", "/data/x.csv", "DatasetConsumptionConfig:my_data")
    place = str(tmp_path / "table")
    assert f"['{place}/x.csv', '{place}'] {place} 1,2" in done.stdout.replace("\\\\", "/")


def test_an_interpreter_that_is_not_there(workplace: Workplace) -> None:
    config = workplace.model / "aml_config" / "local.runconfig"
    config.write_text(
        "script: train.py\nenvironment: {python: {userManagedDependencies: true, interpreterPath: /no/py}}\n"
    )
    done = workplace.submit(code=2)
    assert "interpreterPath: '/no/py' was not found" in done.stderr
    assert workplace.record()["status"] == "Failed"


def test_what_was_written_since_is_seen_by_its_time_alone(tmp_path: Path) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "a.csv").write_text("1\n")
    future = tmp_path / "in" / "clock.csv"
    future.write_text("1\n")
    for place, when in ((tmp_path / "in", 1), (tmp_path / "in" / "sub", 1), (tmp_path / "in" / "a.csv", 1)):
        os.utime(place, (when, when))
    os.utime(future, (2**33, 2**33))
    os.utime(tmp_path / "in", (1, 1))
    start = time.time_ns() - 60_000_000_000
    assert not data.changed_since(tmp_path / "in", start)
    for change in (lambda: (tmp_path / "in" / "a.csv").write_text("2\n"), lambda: (tmp_path / "in/sub/b").touch()):
        change()
        assert data.changed_since(tmp_path / "in", start)
        for place in (tmp_path / "in").rglob("*"):
            os.utime(place, (1, 1))
    assert not data.changed_since(tmp_path / "in" / "a.csv", start) and not data.changed_since(tmp_path / "gone", 0)


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("aml_config/flowers.runconfig", "script: train.py\ntarget: local\ndata:\n  x:\n    dataLocation:\n"
         "      dataset:\n        version: 3\n        name: flowres\n", "8: data.x.dataLocation.dataset.name"),
        ("aml_config/flowers.runconfig", "script: train.py\ntarget: local\ndata:\n  flowres:\n    mechanism: mount\n",
         "5: data.flowres"),
        ("job.yml", "command: python train.py ${{inputs.x}}\ncode: .\nenvironment: azureml:e:1\ncompute: local\n"
         "inputs:\n  x:\n    path: azureml:flowres@latest\n", "7: inputs.x.path"),
        ("job.yml", "type: sweep\ntrial:\n  command: python train.py --a ${{search_space.a}} ${{inputs.x}}\n  code: .\n"
         "  environment: azureml:e:1\ncompute: local\ninputs:\n  x: {path: 'azureml:flowres:1'}\n"
         "sampling_algorithm: random\nsearch_space: {a: {type: choice, values: [1]}}\n"
         "objective: {goal: minimize, primary_metric: m}\nlimits: {max_total_trials: 1}\n", "8: inputs.x.path"),
        ("job.yml", "type: pipeline\ninputs:\n  raw: {type: uri_folder, path: 'azureml:flowres:1'}\njobs:\n  a:\n"
         "    command: python train.py ${{inputs.d}}\n    code: .\n    environment: azureml:e:1\n"
         "    inputs: {d: '${{parent.inputs.raw}}'}\nsettings: {default_compute: local}\n", "3: inputs.raw.path"),
        ("job.yml", "type: automl\ntask: classification\nprimary_metric: accuracy\ntarget_column_name: y\n"
         "compute: local\ntraining_data:\n  type: mltable\n  path: azureml:flowres:1\n", "8: training_data.path"),
    ],
)  # fmt: skip
def test_a_misspelt_name_is_told_where_it_was_written(workplace: Workplace, name: str, text: str, place: str) -> None:
    (workplace.root / "data").mkdir(exist_ok=True)
    (workplace.root / "data" / "datasets.yml").write_text("# ours\nflowers: {path: data}\n", encoding="utf-8")
    own = "environment: {python: {userManagedDependencies: true}}\n" if name.endswith(".runconfig") else ""
    (workplace.model / name).write_text(text + own, encoding="utf-8")
    workplace.script("print('trained')\n")
    words = ("run", "submit-script", "-c", "flowers") if own else ("job", "create", "-f", name)
    done = workplace.aml(*words, code=None)
    assert done.returncode in (1, 2)
    told = f"{Path(name).name}:{place}: dataset 'flowres' has no local path; did you mean 'flowers'?"
    assert told in done.stderr + done.stdout
    for record in workplace.runs.glob("*/.run/run.json"):
        assert '"sources"' not in record.read_text(encoding="utf-8")
