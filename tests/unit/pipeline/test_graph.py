"""The graph: pipeline components are their steps, bindings are followed through them, and what is set over a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.pipelines import PIPELINE, project

from amlrun.errors import AmlError
from amlrun.pipeline import graph, load, overrides
from amlrun.pipeline.graph import Ref
from amlrun.spec import read_pipeline

OUTER = """\
type: pipeline
settings: {default_compute: local}
inputs:
  raw: {type: uri_folder, path: src}
  word: outside
outputs:
  made: {type: uri_folder}
jobs:
  first:
    type: pipeline
    component: inner.yml
    inputs: {table: "${{parent.inputs.raw}}", word: "${{parent.inputs.word}}"}
  second:
    type: pipeline
    component: inner.yml
    inputs: {table: "${{parent.jobs.first.outputs.result}}"}
    outputs: {result: "${{parent.outputs.made}}"}
  last:
    command: python step.py --read ${{inputs.x}} --word ${{inputs.same}}
    code: src
    environment: {image: x}
    inputs: {x: "${{parent.jobs.second.outputs.result}}", same: "${{parent.jobs.first.inputs.word}}"}
"""
INNER = """\
type: pipeline
inputs:
  table: {type: uri_folder}
  word: {type: string, default: inside}
outputs:
  result: {type: uri_folder}
jobs:
  work:
    command: python step.py --read ${{inputs.t}} --word ${{inputs.w}} --write ${{outputs.o}}
    code: src
    environment: {image: x}
    inputs: {t: "${{parent.inputs.table}}", w: "a_${{parent.inputs.word}}_b"}
    outputs: {o: "${{parent.outputs.result}}"}
"""


def test_pipeline_components_are_their_steps(tmp_path: Path) -> None:
    file = project(tmp_path, OUTER)
    (tmp_path / "inner.yml").write_text(INNER, encoding="utf-8")
    reading = read_pipeline.inspect(file)
    assert load.mistakes(reading) == []
    nodes = graph.nodes(reading.job)
    assert {name: node.needs for name, node in nodes.items()} == {
        "first.work": set(),
        "second.work": {"first.work"},
        "last": {"second.work"},
    }
    assert nodes["first.work"].given["w"].value == "a_outside_b"
    assert nodes["second.work"].given["w"].value == "a_inside_b"
    assert nodes["second.work"].given["t"].ref == Ref("first.work", "o")
    assert nodes["second.work"].publishes == {"o": "made"}
    assert nodes["last"].given["same"].value == "outside"
    assert nodes["first.work"].given["t"].from_input == "raw"
    assert {node.compute for node in nodes.values()} == {"local"}


def test_order_closure_and_what_follows(tmp_path: Path) -> None:
    nodes = graph.nodes(load.load(project(tmp_path), tmp_path))
    assert graph.order(nodes) == ["prep", "train", "report"]
    assert graph.closure(nodes, ["train"]) == {"prep", "train"}
    assert graph.downstream(nodes, "train") == {"train", "report"}
    with pytest.raises(AmlError, match="no step 'trian'"):
        graph.select(nodes, "trian")


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        (("inputs.wrod", "x"), "did you mean 'word'"),
        (("settings.force_rerun", "maybe"), "true or false"),
        (("jobs.prepp.compute", "x"), "did you mean 'prep'"),
        (("jobs.prep.code", "x"), "only inputs and compute"),
        (("name.x", "1"), "there is no 'name.x'"),
        (("inputs.raw.colour", "1"), "path, type and mode"),
    ],
)
def test_what_cannot_be_set(tmp_path: Path, pair: tuple[str, str], words: str) -> None:
    with pytest.raises(AmlError, match=words):
        overrides.apply(load.load(project(tmp_path), tmp_path), [pair])


def test_what_is_set(tmp_path: Path) -> None:
    job = load.load(project(tmp_path, PIPELINE.replace("word: first", "word: 1")), tmp_path)
    overrides.apply(job, [("inputs.word", "2.5"), ("settings.force_rerun", "true"), ("tags.a", "b"),
                          ("jobs.prep.inputs.word", "x"), ("jobs.prep.compute", "gpu")])  # fmt: skip
    assert job.inputs["word"].value == 2.5 and job.settings.force_rerun is True and job.tags == {"a": "b"}
    assert job.jobs["prep"].inputs["word"].value == "x" and job.jobs["prep"].compute == "azureml:gpu"
    overrides.apply(job, overrides.datapaths("raw=store/in/raw.csv") + overrides.parameters("word=3"))
    assert job.inputs["raw"].path == "azureml://datastores/store/paths/in/raw.csv" and job.inputs["word"].value == 3
    for wrong in ("raw", "=x", "raw=store"):
        with pytest.raises(AmlError):
            overrides.datapaths(wrong)
