"""What runs told MLflow, read without importing it (two seconds) where a run has a store of its own.

A run whose script was sent elsewhere by `MLFLOW_TRACKING_URI` is asked for there, through MLflow's client.
"""

from __future__ import annotations

import os
from typing import Any

from amlrun.errors import SERVICE, AmlError
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.runs import tracking


def metrics(project: Project, run_id: str) -> dict[str, float]:
    """The last value of each metric that the run itself logged; empty when it logged none.

    Raises AmlError when the run's tracking server does not answer.
    """
    run = runs.RunFolder(project.runs / run_id)
    if tracking.exists(run):
        return tracking.metrics(run)
    uri = tracking_uri(run)
    found = _on_server(uri, run_id) if uri else None
    return dict(found.data.metrics) if found else {}


def latest(project: Project, metric: str) -> dict[str, float]:
    """The last value of one metric of every run that logged it, by run id."""
    values = {}
    for run in runs.list_runs(project.runs):
        value = tracking.metric(run, metric) if tracking.exists(run) else None
        if value is None and not tracking.exists(run) and (uri := tracking_uri(run)):
            server = _on_server(uri, run.id)
            value = server.data.metrics.get(metric) if server else None
        if value is not None:
            values[run.id] = value
    return values


def tracking_uri(run: runs.RunFolder) -> str | None:
    """Where a run without a store of its own reports to: as its job says, else as this process's environment does."""
    definition = run.part("submit").get("run_definition") or {}
    variables = definition.get("environment_variables") or {}
    return variables.get("MLFLOW_TRACKING_URI") or os.environ.get("MLFLOW_TRACKING_URI") or None


def mlflow_run(project: Project, run_id: str) -> str | None:
    """MLflow's own id of a run: the same, where it has a store of its own; None when there is none."""
    run = runs.RunFolder(project.runs / run_id)
    if tracking.exists(run):
        return run_id
    uri = tracking_uri(run)
    found = _on_server(uri, run_id) if uri else None
    return str(found.info.run_id) if found else None


def _on_server(uri: str, run_id: str) -> Any:
    """The MLflow run on a tracking server that our run made, the last of them; None when there is none."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        client = MlflowClient(uri)
        experiments = [known.experiment_id for known in client.search_experiments()]
        query = f"tags.`{tracking.RUN_ID_TAG}` = '{run_id}'"
        made = client.search_runs(experiments, query)
        # A nested run carries the tag too; its metrics are its own.
        return next((run for run in made if "mlflow.parentRunId" not in run.data.tags), None)
    except (MlflowException, OSError) as error:
        first = str(error).splitlines()[0]
        raise AmlError(
            f"MLFLOW_TRACKING_URI: the tracking server did not answer: {first}",
            hint="Start it, or correct the variable (in the shell or in the run configuration).",
            exit_code=SERVICE,
        ) from error
