"""A registered model as the input of a job on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from amlrun.errors import AmlError
from amlrun.project import Project
from amlrun.registry import register_model
from amlrun.registry.inputs import with_models
from amlrun.spec.job import CommandJob, Input


def test_a_model_is_the_registered_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "model.txt").write_text("1")
    for _ in range(2):
        made = register_model(tmp_path / "model.txt", "demo", path=tmp_path)
    project = Project(tmp_path)
    for path, version in (
        ("azureml:demo:1", "1"),
        ("azureml:demo@latest", "2"),
        ("azureml:demo", "2"),
        ("models:/demo/1", "1"),
        ("models:/demo/latest", "2"),
        ("azureml://registries/azureml/models/demo/versions/1", "1"),
    ):
        job = CommandJob(inputs={"m": Input("custom_model", path), "d": Input("uri_folder", "azureml:demo:1")})
        found = with_models(project, job)
        place = found.inputs["m"].path
        assert place is not None and Path(place).exists() and (place == made.uri) == (version == "2")
        assert found.inputs["d"].path == "azureml:demo:1" and job.inputs["m"].path == path
    for path, words in (("azureml:other:1", "no model other"), ("azureml:demo:9", "demo has the versions 1, 2")):
        with pytest.raises(AmlError, match=words):
            with_models(project, CommandJob(inputs={"m": Input("mlflow_model", path)}))
    run = CommandJob(inputs={"m": Input("mlflow_model", "runs:/x/model")})
    assert with_models(project, run).inputs["m"].path == "runs:/x/model"
