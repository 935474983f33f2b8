"""A pipeline through the API: it is loaded, planned, submitted, followed, and found again like any other run."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.pipelines import PIPELINE, project

import amlrun
from amlrun.runs.status import RunStatus

pytestmark = pytest.mark.slow
SLOW = PIPELINE.replace("python step.py --read ${{inputs.raw}}", "python -c 'import time; time.sleep(600)'")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return project(tmp_path / "p")


def test_it_goes_on_in_the_background(file: Path, tmp_path: Path) -> None:
    job = amlrun.load_job(file, settings={"inputs.word": "second"})
    assert isinstance(job, amlrun.PipelineJob)
    assert amlrun.plan(job, path=file.parent).location == "this machine" and not (file.parent / "runs").exists()
    run = amlrun.submit(job, path=file.parent)
    assert run.wait() == RunStatus.COMPLETED and run.experiment == "training"
    assert b"train: completed" in b"".join(run.logs())
    assert sorted(one.id.rpartition("_")[2] for one in run.children()) == ["prep", "report", "train"]
    assert [one.read_text() for one in run.outputs()] == ["a,b\n1,2\nsecond"]
    assert (tmp_path / "d" / "outputs" / "model" / "made.txt") in run.download(tmp_path / "d")

    again = amlrun.get_run(run.id, path=file.parent)
    assert again.type == "pipeline" and again.record()["status"] == "Completed" and again.metrics() == {}
    assert [one.id for one in amlrun.list_runs(path=file.parent)] == [run.id]


def test_wait_drives_it_when_that_is_asked_for(file: Path) -> None:
    told: list[amlrun.Event] = []
    options = amlrun.SubmitOptions(detach=False, only_step=None, from_step="train")
    run = amlrun.submit(amlrun.load_job(file), path=file.parent, on_event=told.append, options=options)
    assert run.in_process and [one.run.id for one in told if isinstance(one, amlrun.RunCreated)] == [run.id]
    with pytest.raises(amlrun.AmlError, match="no timeout"):
        run.wait(timeout=1)
    assert run.wait() == RunStatus.COMPLETED and not run.in_process
    assert any(isinstance(one, amlrun.Message) and one.text.startswith("train: completed") for one in told)


def test_it_is_cancelled_with_all_its_steps(file: Path) -> None:
    file.write_text(SLOW, encoding="utf-8")
    run = amlrun.submit(amlrun.load_job(file), path=file.parent)
    assert run.wait(timeout=0.1) in (RunStatus.RUNNING, RunStatus.PREPARING)
    assert run.cancel() == RunStatus.CANCELED == run.wait()
    assert {one.status() for one in run.children()} <= {RunStatus.CANCELED}


def test_why_it_failed_names_the_step(file: Path) -> None:
    file.write_text(PIPELINE.replace("word: first", "word: fail"), encoding="utf-8")
    run = amlrun.submit(amlrun.load_job(file), path=file.parent)
    assert run.wait() == RunStatus.FAILED
    outcome = run.outcome()
    assert outcome.message == "a step failed: prep" and outcome.hint.startswith("prep: the script ended with exit code")


def test_what_is_no_pipeline_and_a_cluster_without_a_workspace_are_refused(file: Path) -> None:
    command = file.with_name("job.yml")
    command.write_text("command: python step.py\ncode: src\nenvironment: {image: x}\ncompute: local\n")
    with pytest.raises(amlrun.AmlError, match="is not a pipeline"):
        amlrun.load_job(command, settings={"inputs.x": "1"})
    job = amlrun.load_job(file, settings={"jobs.train.compute": "gpu"})
    with pytest.raises(amlrun.AmlError, match="runs on gpu: no workspace is configured"):
        amlrun.submit(job, path=file.parent)
    assert not (file.parent / "runs").exists()


def test_a_pipeline_made_in_code_is_checked(file: Path) -> None:
    job = amlrun.load_job(file)
    assert isinstance(job, amlrun.PipelineJob)
    job.jobs["train"].inputs["tables"].value = "${{parent.jobs.gone.outputs.tables}}"
    with pytest.raises(amlrun.AmlError, match="gone"):
        amlrun.submit(job, path=file.parent)


def test_it_is_dumped_as_it_was_loaded(file: Path) -> None:
    text = amlrun.dump_job(amlrun.load_job(file), file.with_name("copy.yml"))
    assert "type: pipeline" in text
    assert amlrun.dump_job(amlrun.load_job(file.with_name("copy.yml"))) == amlrun.dump_job(amlrun.load_job(file))
