"""A pipeline with steps on this machine and on a cluster: this machine starts each, and carries data both ways."""

from __future__ import annotations

from pathlib import Path

import pytest
from standin import pipeline_project
from standin.project import Cloud
from standin.world import World


@pytest.fixture
def mixed(world: World, tmp_path: Path) -> Cloud:
    """The pipeline of four steps, of which `train` runs on the cluster."""
    cloud = pipeline_project.project(world, tmp_path / "project")
    file = cloud.path / "pipeline.yml"
    text = file.read_text(encoding="utf-8").replace("default_compute: azureml:cpu-cluster", "default_compute: local")
    text = text.replace(", conda_file: aml_config/conda.yml", "")
    file.write_text(text.replace("  train:\n", "  train:\n    compute: azureml:cpu-cluster\n"), encoding="utf-8")
    return cloud


def test_a_step_on_the_cluster_between_two_here(mixed: Cloud) -> None:
    done = mixed.aml(*pipeline_project.WORDS)
    assert done.code == 0 and "Steps: 4, 0 reused" in done.out, done.text
    run = mixed.run()["run_id"]
    assert mixed.workspace.creates == [f"{run}_train"]
    # What the cluster made is read by the next step, here.
    assert (mixed.path / "runs" / f"{run}_train" / "outputs" / "made").is_dir()
    assert "\x1b" not in done.text, done.text
    again = mixed.aml(*pipeline_project.WORDS)
    assert again.code == 0 and "Steps: 4, 4 reused" in again.out, again.text
    assert len(mixed.workspace.creates) == 1


def test_a_failure_on_the_cluster_ends_the_pipeline(mixed: Cloud) -> None:
    file = mixed.path / "pipeline.yml"
    text = file.read_text(encoding="utf-8").replace("--word train", "--word train && exit 3")
    file.write_text(text, encoding="utf-8")
    done = mixed.aml(*pipeline_project.WORDS)
    assert done.code == 1 and "train: failed" in done.out and "evaluate: completed" not in done.out, done.text


def test_what_only_a_whole_pipeline_has_there_is_refused_with_its_line(mixed: Cloud) -> None:
    file = mixed.path / "pipeline.yml"
    text = file.read_text(encoding="utf-8").replace(
        "    compute: azureml:cpu-cluster\n    command: python step.py",
        "    compute: azureml:cpu-cluster\n    type: spark\n    entry: {file: step.py}\n    args:",
    )
    file.write_text(text, encoding="utf-8")
    done = mixed.aml(*pipeline_project.WORDS)
    assert done.code == 2 and "a spark step runs on cpu-cluster only if all steps do" in done.err, done.text
