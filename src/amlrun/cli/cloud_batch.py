"""`aml run submit-batch` on a cluster: the ParallelRunConfig as a batch endpoint that scores the files as a job."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import click

from amlrun.cli.azure import connect
from amlrun.cli.common import Context
from amlrun.cli.watching import Printer, follow
from amlrun.prepare import snapshot
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.v1.scoring.endpoint import Managed


def submit(context: Context, project: Project, made: Managed, data: str, experiment: str, *, detach: bool) -> int:
    """Have the workspace score the files, follow the job, and fetch its rows. Returns the exit code."""
    from amlrun.azure import batch
    from amlrun.targets.azureml import AzureMLTarget
    from amlrun.targets.base import Run, RunCreated
    from amlrun.v1.scoring import endpoint

    runs.check_experiment(experiment)
    client = connect(context)
    for note in made.notes:
        context.warn(note)
    with tempfile.TemporaryDirectory(prefix="aml-batch-") as folder:
        # A copy: what travels is what travels with a run, no ignored file, and none that looks like a secret.
        code = Path(folder) / "code"
        script = made.deployment["code_configuration"]
        snapshot.copy(snapshot.take(script["code"], runs=project.runs), code)
        sent = replace(made, deployment={**made.deployment, "code_configuration": {**script, "code": code}})
        files = endpoint.write(sent, Path(folder), "endpoint.yml", "deployment.yml")
        run = batch.submit(
            client, files[0], files[1], _address(data),
            folder=project.runs, experiment=experiment, report=context.say,
        )  # fmt: skip
    with Printer(context) as show:
        handle = Run(run, AzureMLTarget(project, client.workspace, show))
        show(RunCreated(handle))
        studio = run.part("process").get("studio_url")
        if studio:
            context.say(f"Web View: {studio}")
        if detach:
            context.result(run.record(), f"Submitted. Follow it: aml run monitor-logs -r {run.id}")
            return 0
        code_of_run = follow(context, handle, show, submitted=True)
    rows = batch.rows(client, run) if code_of_run == 0 else None
    if rows:
        click.echo(f"Rows: {rows}", err=context.json)
    return code_of_run


def _address(data: str) -> str:
    """The files as the workspace knows them: what is here is uploaded, `NAME` is a data asset's newest version."""
    if Path(data).exists() or data.startswith("azureml:") or "://" in data:
        return data
    return f"azureml:{data}" if ":" in data or "@" in data else f"azureml:{data}@latest"
