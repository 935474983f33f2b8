"""What `aml run …` does when the run is on Azure ML: the same words as for a local run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun.cli.common import Context
from amlrun.cli.watching import recording, stream, summary
from amlrun.errors import CANCELLED, AmlError
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.spec.job import Job

if TYPE_CHECKING:
    from amlrun.azure.client import Client


def is_cloud(run: runs.Run) -> bool:
    """Whether a run's record says that it lives in a workspace."""
    return bool(run.part("submit").get("remote"))


def is_sweep(run: runs.Run) -> bool:
    """Whether a run's record says that it is a sweep."""
    return run.part("submit").get("run_type") == "hyperdrive"


def client_of(context: Context, run: runs.Run | None = None) -> Client:
    """A client for the run's own workspace, else for the one that the flags and the folder mean."""
    from amlrun.azure import client, record

    client.require()
    place = None if run is None else record.workspace_of(run)
    if place is not None:
        return client.to(place, context.say)
    return client.connect(
        context.path,
        report=context.say,
        name=context.workspace_name,
        resource_group=context.resource_group,
        subscription_id=context.subscription_id,
    )


@contextlib.contextmanager
def bar(context: Context, title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A progress bar in bytes, on stderr, where a person watches; the function that moves it on.

    Without `total`, how much it will be is not known.
    """
    if not sys.stderr.isatty() or (total is not None and total < 1_000_000):
        yield lambda size: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(title, total=total)
        yield lambda size: shown.advance(task, size)


def submit(
    context: Context,
    project: Project,
    job: Job,
    experiment: str,
    *,
    detach: bool = False,
    limits: bool = True,
    dry_run: bool = False,
) -> int:
    """Submit a job to the workspace, follow it, and say how it ended. Returns the exit code."""
    from amlrun.spec import write_sweep
    from amlrun.spec.job import SweepJob
    from amlrun.targets import azureml

    client = client_of(context)
    if isinstance(job, SweepJob):
        job.trial.local.notes += write_sweep.left_out(job)
    if dry_run:
        return _dry_run(context, client, azureml.plan(project, job, experiment, limits=limits))
    # The file that -t writes changes with every submit: were it sent, no snapshot would ever be unchanged.
    planned = azureml.plan(project, job, experiment, limits=limits, without=context.metadata_file)
    with recording(context) as created, bar(context, "Uploading", planned.files.size) as progress:
        run = azureml.submit(
            client,
            project,
            planned,
            job,
            experiment,
            report=context.say,
            created=created,
            progress=progress,
        )
    studio = run.part("process").get("studio_url")
    if studio:
        context.say(f"Web View: {studio}")
    if detach:
        from amlrun.azure import record

        record.done(run)
        context.result(run.record(), f"Submitted. Follow it: aml run monitor-logs -r {run.id}")
        return 0
    return monitor(context, project, run, client)


def _dry_run(context: Context, client: Client, planned: Any) -> int:
    """Print what a submit would send; nothing is sent, and nobody signs in."""
    import io

    from ruamel.yaml import YAML

    from amlrun.spec.job import V1_DATASET

    text = io.StringIO()
    YAML().dump(planned.tree, text)
    where = client.workspace.name
    trial = planned.tree.get("trial") or planned.tree
    paths = [str(one.get("path")) for one in (planned.tree.get("inputs") or {}).values() if isinstance(one, dict)]
    ids = [path.removeprefix(V1_DATASET) for path in paths if path.startswith(V1_DATASET)]
    calls = [
        *(f"GET data, GET data/…/versions (which one has the id {one}?)" for one in ids),
        f"GET codes?hash=… ({where}: is the snapshot there already?)",
        "POST codes/…/startPendingUpload, PUT each file, PUT codes/… (only when it is not)",
        *(["PUT environments/CliV2AnonymousEnvironment/…"] if isinstance(trial.get("environment"), dict) else []),
        "PUT jobs/RUN-ID",
    ]
    value = {
        "job": planned.tree,
        "snapshot": {"files": len(planned.files.files), "bytes": planned.files.size},
        "workspace": where,
        "calls": calls,
    }
    lines = [text.getvalue().rstrip(), "", f"Snapshot: {planned.files}", f"Workspace: {where}", "Calls:"]
    context.result(value, "\n".join([*lines, *(f"  {call}" for call in calls)]))
    return 0


def monitor(context: Context, project: Project, run: runs.Run, client: Client | None = None) -> int:
    """Show a cloud run's log, or a sweep's trials, until it has ended. Ctrl-C stops the watching, not the run."""
    from amlrun.azure import record
    from amlrun.targets import azureml

    client = client or client_of(context, run)
    how = f"Follow it: aml run monitor-logs -r {run.id}\nEnd it: aml run cancel -r {run.id}"
    try:
        if is_sweep(run):
            from amlrun.cli import sweep_cloud

            return sweep_cloud.follow(context, project, run, client)
        stream(context, azureml.logs(client, run))
    except KeyboardInterrupt:
        record.done(run)
        context.say(f"\nThe run goes on in {client.workspace.name}.\n{how}")
        return CANCELLED
    except AmlError as error:
        if error.exit_code == 3:
            error.hint = f"Only the watching has ended.\n{how}"
        raise
    return summary(context, project, run)


def refresh(context: Context, found: list[runs.Run]) -> None:
    """Bring the records of unfinished cloud runs up to date; where that fails, say so and show what is known."""
    from amlrun.azure import record

    clients: dict[Any, Client] = {}
    for run in found:
        ended = run.part("exit")
        if not is_cloud(run) or ("exit_code" in ended and "status" in run.part("process") and _told(run)):
            continue
        try:
            place = record.workspace_of(run)
            if place not in clients:
                clients[place] = client_of(context, run)
            ended_there = record.refresh(clients[place], run) in runs.FINAL and "status" in run.part("process")
            if ended_there and not _told(run):
                from amlrun.azure import watching

                watching.settle(clients[place], run)
        except AmlError as error:
            context.warn(f"{run.id}: shown as last seen; {error.message}")
            return


def _told(run: runs.Run) -> bool:
    """Whether an ended run's metrics were asked for; a sweep has none of its own."""
    return "metrics" in run.part("exit") or bool(run.part("process").get("_log_complete")) or is_sweep(run)


def find(context: Context, project: Project, run_id: str) -> runs.Run:
    """The run of that id, here or in the attached workspace. Raises AmlError when there is none."""
    try:
        return runs.find(project.runs, run_id)
    except AmlError as missing:
        return adopt(context, project, run_id, missing)


def adopt(context: Context, project: Project, run_id: str, missing: AmlError) -> runs.Run:
    """The run of that id in the attached workspace, when there is no local record. Else raises `missing`."""
    from amlrun import workspace
    from amlrun.azure import record

    attached = (context.workspace_name and context.resource_group) or workspace.discover(context.path)
    if not attached or Path(run_id).name != run_id or run_id in ("latest", "", ".", ".."):
        raise missing
    try:
        return record.adopt(client_of(context), project.runs, run_id)
    except AmlError as error:
        if error.exit_code == 3:
            error.hint = f"There is no run {run_id!r} here, and the workspace could not be asked.\n{error.hint}"
        raise


def cancel(context: Context, run: runs.Run) -> None:
    """Cancel a cloud run."""
    from amlrun.targets import azureml

    client = client_of(context, run)
    before = azureml.status(client, run)
    state = azureml.cancel(client, run)
    ended = before in runs.FINAL
    text = f"{run.id} had ended already: {state}" if ended else f"{run.id}: the workspace was asked to cancel it"
    context.result(run.record(), text)


def download(context: Context, run: runs.Run, output_dir: Path) -> None:
    """Fetch a cloud run's files into its folder, then copy the logs to `output_dir`."""
    from amlrun.targets import azureml, local

    client = client_of(context, run)
    if is_sweep(run):
        from amlrun.cli import sweep_cloud

        fetched = sweep_cloud.fetch(context, run, client)
    else:
        with bar(context, "Downloading") as progress:
            fetched = azureml.download(client, run, progress=progress)
    context.say(f"{len(fetched)} file{'' if len(fetched) == 1 else 's'} in {run.folder}")
    files = [str(path) for path in local.download(run, output_dir)]
    context.result(files, "\n".join(files) or f"{run.id} has no logs")


def tag(context: Context, run: runs.Run, tags: dict[str, str]) -> None:
    """Add tags in the workspace."""
    from amlrun.targets import azureml

    azureml.tag(client_of(context, run), run, tags)
