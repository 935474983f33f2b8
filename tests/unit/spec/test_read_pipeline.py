"""v2 pipeline YAML: what azure-ai-ml loads is read, and every mistake that it refuses or lets pass has its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.pipelines import PIPELINE, line_of, project

from amlrun.errors import AmlError
from amlrun.pipeline import load
from amlrun.spec import read_pipeline
from amlrun.spec.job import CommandJob

COMPONENT = """\
type: command
name: train
version: "1"
is_deterministic: false
inputs:
  tables: {type: uri_folder}
  rate: {type: number, optional: true, min: -1, max: 1}
  centre: {type: string, default: mean, enum: [mean, median]}
  steps: {type: integer, default: 3}
outputs:
  model: {type: custom_model}
code: src
command: >-
  python step.py --read ${{inputs.tables}} --write ${{outputs.model}} $[[--word ${{inputs.rate}}]]
  --word ${{inputs.centre}} --word ${{inputs.steps}}
environment: {image: python:3.11}
"""
WITH_COMPONENT = """\
type: pipeline
settings: {default_compute: azureml:cpu}
inputs:
  raw: {type: uri_folder, path: src}
jobs:
  train:
    component: train.yml
    inputs:
      tables: ${{parent.inputs.raw}}
      rate: 0.5
"""


def mistakes(tmp_path: Path, text: str, component: str = COMPONENT) -> list[AmlError]:
    file = project(tmp_path, text)
    (tmp_path / "train.yml").write_text(component, encoding="utf-8")
    return load.mistakes(read_pipeline.inspect(file))


def test_the_good_ones_have_no_mistake(tmp_path: Path) -> None:
    assert mistakes(tmp_path, PIPELINE) == []
    assert mistakes(tmp_path, WITH_COMPONENT) == []


PIPELINE_COMPONENT = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineComponent.schema.json
type: pipeline
name: retrain
version: 1
inputs:
  raw: {type: uri_folder}
  rate: {type: number, default: 0.5}
jobs:
  train:
    component: train.yml
    inputs:
      tables: ${{parent.inputs.raw}}
      rate: ${{parent.inputs.rate}}
"""


def test_a_pipeline_component_is_checked_as_one(tmp_path: Path) -> None:
    assert mistakes(tmp_path, PIPELINE_COMPONENT) == []
    without_schema = PIPELINE_COMPONENT.partition("\n")[2].replace("version: 1\n", "")
    assert mistakes(tmp_path, without_schema) == []
    one = mistakes(tmp_path, PIPELINE_COMPONENT.replace("tables: ", "table: "))[1]
    assert (one.line, one.field) == (12, "jobs.train.inputs.table")
    with pytest.raises(AmlError, match="is a pipeline component, not a job"):
        load.load(project(tmp_path, PIPELINE_COMPONENT), tmp_path)


def test_a_deployment_is_no_pipeline(tmp_path: Path) -> None:
    with pytest.raises(AmlError, match="is a deployment, not a pipeline"):
        mistakes(tmp_path, "type: pipeline\nendpoint_name: e\ncomponent: azureml:x@latest\n")


def test_data_can_be_named_when_the_job_is_submitted(tmp_path: Path) -> None:
    text = WITH_COMPONENT.replace(", path: src", "")
    (one,) = mistakes(tmp_path, text)
    assert (one.line, one.field, one.message) == (4, "inputs.raw", "has no path")
    assert "--set inputs.raw.path=" in one.hint
    file = tmp_path / "pipeline.yml"
    job = load.load(file, tmp_path, settings={"inputs.raw.path": str(tmp_path / "src")})
    assert job.inputs["raw"].path == str(tmp_path / "src")
    with pytest.raises(AmlError, match=r"--set inputs.raw.path: .*gone does not exist"):
        load.load(file, tmp_path, settings={"inputs.raw.path": str(tmp_path / "gone")})


def test_code_may_be_one_file(tmp_path: Path) -> None:
    assert mistakes(tmp_path, WITH_COMPONENT, COMPONENT.replace("code: src", "code: src/step.py")) == []


# What is replaced in PIPELINE by what, the words on the line of the mistake, and words of the message.
SLIPS: list[tuple[str, str, str, str]] = [
    ("  train:\n", "  Train:\n", "Train:", "valid step name"),
    ("    code: src\n", "    codes: src\n", "codes:", "did you mean 'code'"),
    ("    code: src\n", "    code: sources\n", "code: sources", "no such file or folder"),
    ("    code: src\n", "    depends_on: [train]\n", "depends_on", "Order follows data"),
    ("    code: src\n", "    is_deterministic: false\n", "is_deterministic", "belongs to a component"),
    ("    code: src\n", "    type: comand\n", "comand", "did you mean 'command'"),
    ("    code: src\n", "    type: if_else\n", "if_else", "preview"),
    ("    code: src\n", "    type: pipeline\n    jobs: {}\n", "    jobs: {}", "names a component's file"),
    ("  default_compute: local", "  default_compute: cpu", "default_compute: cpu", "azureml:cpu"),
    ("  continue_on_step_failure: false", "  continue_on_step_failure: maybe", "maybe", "true or false"),
    ("  word: first\n", "  word:\n", "  word:\n", "has no value"),
    ("  word: first\n", "  word: [a, b]\n", "word: [a", "got a list"),
    ("  word: first\n", "  word: {type: integer, default: 3}\n", "word: {type", "for inputs of components"),
    ("  word: first\n", "  word: 2026-01-05\n", "word: 2026", "cannot be sent"),
    ("    path: raw.csv", "    path: rows.csv", "rows.csv", "no such file or folder"),
    ("    type: uri_file", "    type: uri_fil", "uri_fil", "did you mean 'uri_file'"),
    ("      word: ${{parent.inputs.word}}", "      word: ${{parent.inputs.wrod}}", "wrod", "did you mean 'word'"),
    ("parent.jobs.prep.outputs.tables", "parent.jobs.prepp.outputs.tables", "prepp", "did you mean 'prep'"),
    ("parent.jobs.prep.outputs.tables", "parent.jobs.prep.outputs.table", "outputs.table}", "did you mean 'tables'"),
    ("parent.outputs.model", "parent.outputs.modle", "modle", "did you mean 'model'"),
    ("parent.jobs.prep.outputs.tables", "parent.prep.outputs.tables", "parent.prep", "not a valid binding"),
    ("--word ${{inputs.word}}", "--word ${{inputs.words}}", "--read ${{inputs.raw}}", "'word'"),
    ("parent.jobs.prep.outputs.tables", "parent.jobs.report.outputs.x", "report.outputs.x", "names no output"),
    ("      tables: ${{parent.jobs.prep.outputs.tables}}\n    outputs",
     "      tables: ${{parent.jobs.train.outputs.model}}\n    outputs", "tables: ${{parent.jobs.train",
     "reads its own output"),
    ("      word: ${{parent.inputs.word}}\n", "      word: ${{parent.inputs.word}}\n      again: ${{parent.jobs.train."
     "outputs.model}}\n", "      tables: ${{parent.jobs.prep", "depend on each other"),
    ("  model:\n    type: custom_model", "  modell:\n    type: custom_model", "modell:", "no step writes"),
    ("  word: first\n", "  word: first\n  spare: 1\n", "spare", "no step uses this input"),
    ("    environment: *environment\n    inputs:\n      model", "    inputs:\n      model", "  report:", "without one"),
    ("  default_compute: local\n", "", "  prep:", "no compute is named"),
    ("      raw: ${{parent.inputs.raw}}", "      raw: ${{parent.inputs.raw}}\n      path: 1", "path: 1", "reserved"),
    ("      tables:\n        type", "      Tables: {}\n      tables:\n        type", "      tables:\n", "by case"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "where", "words"), SLIPS, ids=[f"{slip[3]}-{n}" for n, slip in enumerate(SLIPS)]
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, where: str, words: str) -> None:
    assert old in PIPELINE
    text = PIPELINE.replace(old, new, 1)
    found = mistakes(tmp_path, text)
    told = [error for error in found if words in str(error)]
    assert told, [str(error) for error in found]
    assert told[0].line == line_of(text, where), str(told[0])
    assert told[0].file == tmp_path / "pipeline.yml"


COMPONENT_SLIPS: list[tuple[str, str, str, str]] = [
    ("    component: train.yml", "    component: trian.yml", "trian.yml", "there is no file"),
    ("      rate: 0.5", "      rates: 0.5", "rates", "did you mean 'rate'"),
    ("      rate: 0.5", "      rate: 2", "rate: 2", "expected 1 or less, got 2"),
    ("      rate: 0.5", "      rate: high", "rate: high", "expected a number, got 'high'"),
    ("      rate: 0.5", "      centre: middle", "middle", "expected one of mean, median; got 'middle'"),
    ("      rate: 0.5", "      steps: 1.5", "steps: 1.5", "expected a whole number, got 1.5"),
    ("      rate: 0.5", "      centre: {type: uri_file, path: raw.csv}", "centre:", "expected a string, got data"),
    ("      tables: ${{parent.inputs.raw}}", "      tables: here", "tables: here", "expected data (uri_folder)"),
    ("      tables: ${{parent.inputs.raw}}\n", "", "    inputs:\n      rate", "needs the data input 'tables'"),
    ("      rate: 0.5", "      rate: 0.5\n    environment: azureml:x:1", "environment:", "ignored by Azure ML"),
    ("      rate: 0.5", "      rate: 0.5\n    command: ls", "command: ls", "ignored by Azure ML"),
    ("      rate: 0.5", "      rate: 0.5\n    outputs: {modell: {}}", "    outputs:", "did you mean 'model'"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "where", "words"), COMPONENT_SLIPS, ids=[slip[3] for slip in COMPONENT_SLIPS])
def test_a_mistake_at_a_component_s_step(tmp_path: Path, old: str, new: str, where: str, words: str) -> None:
    assert old in WITH_COMPONENT
    text = WITH_COMPONENT.replace(old, new, 1)
    found = mistakes(tmp_path, text)
    told = [error for error in found if words in str(error)]
    assert told, [str(error) for error in found]
    assert told[0].line == line_of(text, where), str(told[0])


def test_a_mistake_in_a_component_s_file_is_told_there(tmp_path: Path) -> None:
    component = COMPONENT.replace("${{outputs.model}}", "${{outputs.modle}}")
    (told,) = mistakes(tmp_path, WITH_COMPONENT, component)
    assert told.file == tmp_path / "train.yml"
    assert told.line == line_of(component, "command:")
    assert "did you mean 'model'" in told.message


def test_only_an_optional_input_stands_in_brackets(tmp_path: Path) -> None:
    component = COMPONENT.replace("--word ${{inputs.centre}}", "$[[--word ${{inputs.centre}}]]")
    assert "only optional inputs" in str(mistakes(tmp_path, WITH_COMPONENT, component)[0])
    component = COMPONENT.replace("$[[--word ${{inputs.rate}}]]", "--word ${{inputs.rate}}")
    assert "is optional" in str(mistakes(tmp_path, WITH_COMPONENT, component)[0])


def test_two_steps_that_write_one_output(tmp_path: Path) -> None:
    text = PIPELINE.replace("      tables:\n        type: uri_folder", "      tables: ${{parent.outputs.model}}")
    assert "also written by step prep" in str(mistakes(tmp_path, text)[0])


def test_a_table_does_not_fit_a_file(tmp_path: Path) -> None:
    text = PIPELINE.replace("      tables:\n        type: uri_folder", "      tables:\n        type: mltable").replace(
        "      tables: ${{parent.jobs.prep.outputs.tables}}\n    outputs",
        "      tables: {type: uri_file, path: '${{parent.jobs.prep.outputs.tables}}'}\n    outputs",
    )
    (told,) = mistakes(tmp_path, text)
    assert "expected uri_file" in told.message and "mltable" in told.message


def test_a_key_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AmlError, match="is given twice"):
        mistakes(tmp_path, PIPELINE + "  prep:\n    command: ls\n")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = PIPELINE.replace("parent.inputs.word", "parent.inputs.wrod").replace(
        "parent.outputs.model", "parent.outputs.m"
    )
    found = mistakes(tmp_path, text)
    assert len(found) >= 2
    assert [error.line for error in found] == sorted(error.line or 0 for error in found)


def test_overrides_are_laid_over_the_component(tmp_path: Path) -> None:
    text = WITH_COMPONENT + "    environment_variables: {LEVEL: debug}\n    resources: {instance_count: 2}\n"
    file = project(tmp_path, text)
    (tmp_path / "train.yml").write_text(COMPONENT, encoding="utf-8")
    step = load.load(file, tmp_path).jobs["train"]
    assert isinstance(step.job, CommandJob)
    assert step.job.environment_variables == {"LEVEL": "debug"}
    assert step.job.resources is not None and step.job.resources.instance_count == 2
    assert not step.component.is_deterministic


def test_a_pipeline_component_that_contains_itself(tmp_path: Path) -> None:
    file = project(tmp_path, "type: pipeline\njobs:\n  a: {type: pipeline, component: inner.yml}\n")
    (tmp_path / "inner.yml").write_text("type: pipeline\njobs:\n  b: {type: pipeline, component: inner.yml}\n")
    with pytest.raises(AmlError, match="contains itself"):
        load.load(file, tmp_path)


@pytest.mark.parametrize(
    ("written", "value"),
    [("yes", True), ("007", 7), ("1_000", 1000), ('"007"', "007"), ("1e-3", 0.001), ("0.1", 0.1), ("text", "text")],
)
def test_a_literal_is_what_azure_ml_takes_it_for(tmp_path: Path, written: str, value: Any) -> None:
    # azure-ai-ml reads YAML 1.1; 1e-3 without a point is a text there, and a number again on the wire.
    file = project(tmp_path, PIPELINE.replace("word: first", f"word: {written}"))
    found = load.load(file, tmp_path).inputs["word"].value
    assert found == value or str(found) == written


def test_what_azure_ai_ml_loads_is_read_with_the_same_steps(tmp_path: Path) -> None:
    from azure.ai.ml import load_job

    for text in (PIPELINE.replace("default_compute: local", "default_compute: azureml:cpu"), WITH_COMPONENT):
        file = project(tmp_path, text)
        (tmp_path / "train.yml").write_text(COMPONENT, encoding="utf-8")
        theirs = load_job(file)
        ours = load.load(file, tmp_path)
        assert {name: step.type for name, step in theirs.jobs.items()} == {n: s.type for n, s in ours.jobs.items()}
        for name, step in theirs.jobs.items():
            assert set(step.inputs) >= set(ours.jobs[name].inputs)
