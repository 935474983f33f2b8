"""The job that a step runs as on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from amlrun.pipeline import graph, load, step_job
from amlrun.pipeline.filling import Filled, without_absent
from amlrun.spec.job import CommandJob, Input

pytestmark = pytest.mark.unit


def test_a_spark_step_is_its_script_with_its_settings(tmp_path: Path) -> None:
    for name in ("count.py", "helpers.zip"):
        (tmp_path / name).touch()
    (tmp_path / "raw.csv").write_text("a\n")
    file = tmp_path / "pipeline.yml"
    file.write_text(
        "type: pipeline\nsettings: {default_compute: local}\ninputs: {raw: {type: uri_file, path: raw.csv}}\njobs:\n"
        "  count:\n    type: spark\n    code: .\n    entry: {file: count.py}\n"
        "    args: --raw ${{inputs.raw}} --word 'a b'\n    py_files: [helpers.zip]\n"
        "    conf: {spark.driver.cores: 1, spark.driver.memory: 2g, spark.executor.cores: 2,\n"
        "           spark.executor.memory: 2g, spark.executor.instances: 2}\n"
        "    resources: {instance_type: standard_e4s_v3, runtime_version: '3.4'}\n"
        "    inputs: {raw: {type: uri_file, path: '${{parent.inputs.raw}}', mode: direct}}\n"
    )
    node = graph.nodes(load.load(file, tmp_path))["count"]
    assert step_job.runnable(node.step) == ""
    job = step_job.job_of(node, Filled(places={"raw": tmp_path / "raw.csv"}, types={"raw": "uri_file"}), tmp_path)
    assert isinstance(job, CommandJob) and job.compute == "local"
    assert job.command == ["python", "count.py", "--raw", "${{inputs.raw}}", "--word", "a b"]
    assert job.local.spark is not None and job.local.spark.conf["spark.executor.memory"] == "2g"
    assert job.local.spark.py_files == ["helpers.zip"] and job.inputs["raw"].path == str(tmp_path / "raw.csv")


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["--a", "", "$[[--rate", "${{inputs.rate}}]]"], ["--a", ""]),
        (["$[[", "--n=${{inputs.n}}", "]]", "x"], ["--n=${{inputs.n}}", "x"]),
        (["$[[--n", "${{inputs.n}}", "--rate", "${{inputs.rate}}]]", "x"], ["x"]),
        (["--m=$[[${{inputs.n}}]]$[[${{inputs.rate}}]]"], ["--m=${{inputs.n}}"]),
    ],
)
def test_an_optional_part_of_several_words(words: list[str], left: list[str]) -> None:
    assert without_absent(words, {"n": Input("number", value=1)}) == left
