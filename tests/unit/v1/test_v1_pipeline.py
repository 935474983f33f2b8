"""v1's pipeline YAML: the graph it means, what becomes of every key, and every mistake with its line."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from support.pipelines import line_of

from amlrun.errors import AmlError
from amlrun.pipeline import graph, load
from amlrun.spec import write
from amlrun.spec.job import CommandJob
from amlrun.spec.read_pipeline import inspect as inspect_v2
from amlrun.v1.pipeline import exporting, to_pipeline

CORPUS = Path(__file__).resolve().parents[4] / "shared" / "corpus" / "pipeline"
V1 = """\
pipeline:
  description: Prepare and train
  parameters:
    shift:
      type: float
      default: 0.1
    flag:
      type: bool
      default: "False"
  data_references:
    raw_data:
      datastore: workspaceblobstore
      path_on_datastore: in/raw.csv
  default_compute: cpu-cluster
  steps:
    Prepare:
      type: PythonScriptStep
      name: Prepare data
      script_name: prep.py
      source_directory: scripts
      runconfig: train.runconfig
      arguments: [--raw, input:raw, --out, output:tables, --also, /data/more]
      inputs:
        raw:
          source: raw_data
          bind_mode: download
          path_on_compute: /data
      outputs:
        tables:
          destination: prepared_tables
          datastore: workspaceblobstore
          bind_mode: upload
    Train:
      python_script_step:
        name: train
        script_name: train.py
        source_directory: scripts
        allow_reuse: false
      runconfig: train.runconfig
      arguments: [--tables, input:tables, --shift, parameter:shift, --flag, parameter:flag]
      parameters:
        shift: {source: shift}
        flag: {source: flag}
        rounds: 7
      inputs:
        tables: {source: prepared_tables}
"""
RUNCONFIG = """\
framework: Python
target: cpu-cluster
environment:
  python:
    userManagedDependencies: false
    condaDependenciesFile: conda.yml
"""


def project(root: Path, text: str = V1) -> Path:
    (root / "scripts").mkdir(parents=True, exist_ok=True)
    for name in ("prep.py", "train.py"):
        (root / "scripts" / name).write_text("print(1)\n", encoding="utf-8")
    (root / "train.runconfig").write_text(RUNCONFIG, encoding="utf-8")
    (root / "conda.yml").write_text("name: x\ndependencies: [python=3.11]\n", encoding="utf-8")
    file = root / "pipeline.yml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_two_steps_and_what_they_read(tmp_path: Path) -> None:
    file = project(tmp_path)
    reading = to_pipeline.inspect(file, tmp_path)
    assert load.mistakes(reading) == []
    job = reading.job
    assert list(job.jobs) == ["prepare_data", "train"]
    assert {name: node.needs for name, node in graph.nodes(job).items()} == {
        "prepare_data": set(),
        "train": {"prepare_data"},
    }
    prep, train = job.jobs["prepare_data"].job, job.jobs["train"].job
    assert isinstance(prep, CommandJob) and isinstance(train, CommandJob)
    assert prep.command == [
        "python", "prep.py", "--raw", "${{inputs.raw}}", "--out", "${{outputs.tables}}", "--also",
        "${{inputs.raw}}/more",
    ]  # fmt: skip
    assert train.command[2:] == [
        "--tables", "${{inputs.tables}}", "--shift", "${{inputs.shift}}", "--flag", "${{inputs.flag}}",
    ]  # fmt: skip
    assert train.environment_variables["AML_PARAMETER_rounds"] == "${{inputs.rounds}}"
    assert not job.jobs["train"].component.is_deterministic
    assert job.inputs["raw_data"].path == "azureml://datastores/workspaceblobstore/paths/in/raw.csv"
    assert job.inputs["flag"].value is False
    assert any("v1 treated as true" in note for note in reading.notes)


SLIPS = [
    ("      type: float\n      default: 0.1", "    type: float\n    default: 0.1", "    shift:\n    type", "Indent"),
    ("type: float", "type: double", "type: double", "expected one of string, int, float, bool, datapath"),
    ("default: 0.1", "default: much", "much", "expected a number, got 'much'"),
    ("source: raw_data", "source: raw_dat", "raw_dat\n", "did you mean 'raw_data'"),
    ("{source: prepared_tables}", "{source: prepared}", "{source: prepared}", "nor a step's destination"),
    ("{source: shift}", "{source: shit}", "{source: shit}", "did you mean 'shift'"),
    ("input:raw,", "input:rwa,", "input:rwa", "did you mean 'input:raw'"),
    ("arguments: [--raw", "arguments: --raw #[", "arguments: --raw", "into letters"),
    ("type: PythonScriptStep", "type: PythonScript", "PythonScript\n", "did you mean 'PythonScriptStep'"),
    ("python_script_step:", "azurebatch_step:", "azurebatch_step:", "nested spelling"),
    ("allow_reuse: false", 'allow_reuse: "false"', "allow_reuse", "expected true or false"),
    ("script_name: prep.py\n      source", "script_name: perp.py\n      source", "perp.py", "there is no 'perp.py'"),
    ("      source_directory: scripts", "      source_directory: script", "directory: script\n", "there is no folder"),
    ("runconfig: train.runconfig\n      arguments: [--raw", "runconfig: t.runconfig\n      arguments: [--raw",
     "t.runconfig", "there is no file"),
    ("bind_mode: download", "bind_mode: direct", "bind_mode: direct", "expected mount or download"),
    ("destination: prepared_tables", "datastores: x", "datastores", "is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "where", "words"), SLIPS, ids=[slip[3] for slip in SLIPS])
def test_a_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, where: str, words: str) -> None:
    assert old in V1
    text = V1.replace(old, new, 1)
    found = load.mistakes(to_pipeline.inspect(project(tmp_path, text), tmp_path))
    told = [error for error in found if words in str(error)]
    assert told, [str(error) for error in found]
    if words != "is missing":
        assert told[0].line == line_of(text, where), str(told[0])


def test_every_key_is_explained(tmp_path: Path) -> None:
    text = (
        V1.replace("      bind_mode: upload", "      bind_mode: upload\n          overwrite: true") + "  nonsense: 1\n"
    )
    rows = {row.key: row for row in to_pipeline.inspect(project(tmp_path, text), tmp_path).rows}
    leaves = [line for line in text.splitlines() if line.strip() and not line.rstrip().endswith(":")]
    assert len(rows) >= len(leaves)
    assert rows["pipeline.nonsense"].status == "unknown"
    assert rows["pipeline.steps.Prepare.outputs.tables.overwrite"].status == "ignored"
    assert rows["pipeline.steps.Prepare.inputs.raw.source"].becomes == "jobs.prepare_data.inputs.raw.path"
    assert {row.status for row in rows.values()} <= {"mapped", "local", "ignored", "unsupported", "unknown"}


def test_a_step_that_v2_has_not_is_explained_and_told(tmp_path: Path) -> None:
    text = V1.replace("python_script_step:", "adla_step:")
    reading = to_pipeline.inspect(project(tmp_path, text), tmp_path)
    rows = {row.key: row for row in reading.rows}
    assert rows["pipeline.steps.Train.adla_step.script_name"].status == "unsupported"
    assert rows["pipeline.steps.Train.runconfig"].status == "unsupported"
    assert rows["pipeline.steps.Train.inputs.tables.source"].status == "mapped"
    told = [error for error in load.mistakes(reading) if "Data Lake Analytics was retired" in error.message]
    assert told and told[0].line == line_of(text, "    Train:")
    with pytest.raises(AmlError, match="retired"):
        exporting.export(tmp_path / "pipeline.yml", tmp_path, tmp_path)


def test_what_is_exported_is_a_v2_pipeline_with_the_same_graph(tmp_path: Path) -> None:
    from azure.ai.ml import load_job

    file = project(tmp_path)
    made = exporting.export(file, tmp_path, tmp_path)
    written = tmp_path / "v2.yml"
    written.write_text(write.text(made.job, tmp_path, made.comments, made.head), encoding="utf-8")
    assert str(tmp_path) not in written.read_text(encoding="utf-8")
    again = inspect_v2(written)
    assert load.mistakes(again) == []
    ours = {name: node.needs for name, node in graph.nodes(made.job).items()}
    assert {name: node.needs for name, node in graph.nodes(again.job).items()} == ours
    assert set(load_job(written).jobs) == set(ours)
    assert not again.job.jobs["train"].component.is_deterministic


def test_the_public_files_are_read_as_v1_s_own_reader_read_them() -> None:
    if not CORPUS.is_dir():
        pytest.skip("the public files are not beside this checkout")
    refused = {"02cdc25b": 19, "4b761989": 4, "5cd5e0f9": 4}
    with (CORPUS / "index.csv").open(encoding="utf-8") as stream:
        names = [row["id"] for row in csv.DictReader(stream)]
    for name in names:
        reading = to_pipeline.inspect(CORPUS / f"{name}.yml", CORPUS)
        if name in refused:
            assert reading.refused[0].line == refused[name]
            continue
        assert reading.refused == [], name
        edges = {node.name: node.needs for node in graph.nodes(reading.job).values()}
        assert edges
        if name in ("8096ab4d", "fdad4b89"):
            assert edges == {"train_model": set(), "register_model": {"train_model"}}


def test_a_file_that_is_no_pipeline(tmp_path: Path) -> None:
    file = tmp_path / "x.yml"
    file.write_text("steps: {}\n", encoding="utf-8")
    with pytest.raises(AmlError, match="not a v1 pipeline"):
        to_pipeline.inspect(file, tmp_path)
