"""`aml run`: submit, list, show, watch, cancel, fetch and tag runs."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import click

from amlrun import project as projects
from amlrun.cli import completion
from amlrun.cli.common import Context, common_options, key_values
from amlrun.cli.lazy import LazyGroup
from amlrun.cli.watching import publish, stream, summary
from amlrun.errors import CANCELLED, AmlError
from amlrun.runs import store as runs

# Commands of this group that live in modules of their own, imported only when they are called.
ELSEWHERE: dict[str, tuple[str, str]] = {
    "submit-script": ("amlrun.cli.submit:submit_script", "Run a script as a run configuration says."),
    "submit-hyperdrive": ("amlrun.cli.sweep:submit_hyperdrive", "Run a script many times, with values drawn for it."),
    "best": ("amlrun.cli.sweep:best", "Find an experiment's best run by a metric."),
    "submit-batch": ("amlrun.cli.batch:submit_batch", "Score a folder of files, several at a time."),
}


@click.group("run", cls=LazyGroup, elsewhere=ELSEWHERE)
def command() -> None:
    """Submit, list, watch, cancel and fetch runs.

    A run is a folder under runs/: the script's files, its outputs/, its log in user_logs/std_log.txt.
    """


def run_option(function: Any) -> Any:
    """`-r RUN`: a run id, `latest`, or a run.json that `-t` wrote."""
    return click.option(
        "-r",
        "--run",
        "run_id",
        metavar="RUN",
        required=True,
        shell_complete=completion.run_ids,
        help="A run id, `latest`, or a run.json.",
    )(function)


def chosen(context: Context, run_id: str) -> tuple[projects.Project, runs.Run]:
    """The project and the run that `-r` means. Raises AmlError when there is none."""
    project = projects.find(context.path)
    if run_id.endswith(".json") and Path(run_id).is_file():
        run_id = id_in(Path(run_id))
    from amlrun.cli import cloud

    return project, cloud.find(context, project, run_id)


def id_in(file: Path) -> str:
    """The run id in a run.json. Raises AmlError for a file that is not one."""
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))["run_id"]
    except (ValueError, KeyError, TypeError):
        raise AmlError("is not a run.json: it has no run_id", file=file, hint="Write one with -t.") from None
    except OSError as error:
        raise AmlError(f"can't be read: {error.strerror}", file=file) from error
    return str(found)


@command.command("list")
@click.option("-e", "--experiment-name", metavar="NAME", help="Only this experiment's runs.")
@click.option("--last", default=10, show_default=True, type=click.IntRange(min=1), help="How many, newest first.")
@click.option("--status", "status", metavar="STATUS", help="Only runs in this state, e.g. Completed.")
@click.option("--tags", multiple=True, metavar="KEY[=VALUE]", help="Only runs with this tag; can be repeated.")
@click.option("--minimal", is_flag=True, help="Only id, type, state, times, target and tags.")
@click.option("--parent-run-id", metavar="RUN", help="The children of this run (an id, `latest`, or a run.json).")
@click.option("--compute-target-name", metavar="NAME", help="Only runs on this target.")
@common_options
def list_runs(
    context: Context,
    experiment_name: str | None,
    last: int,
    status: str | None,
    tags: tuple[str, ...],
    minimal: bool,
    parent_run_id: str | None,
    compute_target_name: str | None,
) -> None:
    """List runs, newest first."""
    project = projects.find(context.path)
    publish(context, project)
    if status is not None and status.lower() not in {name.lower() for name in STATUSES}:
        raise AmlError(f"--status: there is no state {status!r}", hint="The states are: " + ", ".join(STATUSES))
    from amlrun.cli import cloud

    if parent_run_id is not None:
        from amlrun.cli import sweep_cloud

        _, parent = chosen(context, parent_run_id)
        parent_run_id = parent.id
        sweep_cloud.refresh(context, project, parent)
    else:
        # A sweep's trials are told by the sweep.
        own = (run for run in runs.listing(project.runs) if "parent_run_id" not in run.part("submit"))
        cloud.refresh(context, list(itertools.islice(own, max(last, 20))))
    wanted: dict[str, Any] = {
        "_experiment_name": experiment_name,
        "parent_run_id": parent_run_id,
        "target": compute_target_name,
    }
    found = []
    for record in runs.records(project.runs):
        if any(value is not None and record.get(key) != value for key, value in wanted.items()):
            continue
        if parent_run_id is None and record.get("parent_run_id"):
            continue
        if status is not None and record.get("status", "").lower() != status.lower():
            continue
        if not all(_has_tag(record, tag) for tag in tags):
            continue
        found.append(_short(record) if minimal else record)
        if len(found) == last:
            break
    columns = ["RunId", "Experiment", "Status", "Started", "Seconds", "Target", "Tags"]
    rows = [_row(record) for record in found]
    empty = "No runs. Submit one: aml run submit-script -c train-local -e first"
    context.result(found, lambda: context.table(columns, rows) if rows else context.say(empty))


def _row(record: dict[str, Any]) -> list[Any]:
    begun = str(record.get("start_time_utc") or record.get("created_utc") or "")
    values = [record.get(key) for key in ("run_id", "_experiment_name", "status")]
    tags = ", ".join(f"{key}={value}" for key, value in (record.get("tags") or {}).items())
    return [*values, begun[:19].replace("T", " "), record.get("seconds"), record.get("target"), tags]


STATUSES = ("Queued", "Preparing", "Running", "Completed", "Failed", "Canceled", "NotResponding", "Starting",
            "Provisioning", "Finalizing")  # fmt: skip


def _has_tag(record: dict[str, Any], wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    tags = record.get("tags") or {}
    return key in tags and (not equals or str(tags[key]) == value)


def _short(record: dict[str, Any]) -> dict[str, Any]:
    keys = ("run_id", "_experiment_name", "run_type", "status", "start_time_utc", "end_time_utc", "seconds", "target")
    return {key: record[key] for key in keys if key in record} | {"tags": record.get("tags", {})}


@command.command()
@run_option
@click.option("-e", "--experiment-name", metavar="NAME", hidden=True)
@common_options
def show(context: Context, run_id: str, experiment_name: str | None) -> None:
    """Show a run's record, with its metrics."""
    from amlrun.cli import cloud
    from amlrun.runs import metrics, tracking

    project, run = chosen(context, run_id)
    publish(context, project)
    cloud.refresh(context, [run])
    record = run.record()
    record["metrics"] = record.get("metrics", {}) if cloud.is_cloud(run) else metrics.metrics(project, run.id)
    record["outputs"] = sorted(
        file.relative_to(run.folder).as_posix() for file in (run.folder / "outputs").rglob("*") if file.is_file()
    ) + tracking.artifact_names(run)
    long = ("run_definition", "environment", "data_container_id", "hidden", "warnings", "root_run_id")
    short = {key: value for key, value in record.items() if key not in long and value not in ({}, [], None)}
    context.result(record, lambda: context.pairs(short))


@command.command("monitor-logs")
@run_option
@click.option("-e", "--experiment-name", metavar="NAME", hidden=True)
@common_options
def monitor_logs(context: Context, run_id: str, experiment_name: str | None) -> int:
    """Show a run's log, and follow it while the run goes on. Ctrl-C stops the watching, not the run."""
    from amlrun.cli import cloud
    from amlrun.targets import local

    project, run = chosen(context, run_id)
    if cloud.is_cloud(run):
        return cloud.monitor(context, project, run)
    try:
        stream(context, local.logs(run))
    except KeyboardInterrupt:
        context.say(f"\nThe run goes on. End it with: aml run cancel -r {run.id}")
        return CANCELLED
    return summary(context, project, run)


@command.command()
@run_option
@click.option("-e", "--experiment-name", metavar="NAME", hidden=True)
@common_options
def cancel(context: Context, run_id: str, experiment_name: str | None) -> None:
    """End a run: the script and every process it started."""
    from amlrun.cli import cloud
    from amlrun.targets import local

    _, run = chosen(context, run_id)
    if cloud.is_cloud(run):
        cloud.cancel(context, run)
        return
    before = local.status(run)
    state = local.cancel(run)
    if before in runs.FINAL:
        text = f"{run.id} had ended already: {state}"
    else:
        text = f"{run.id}: {state}" if state in runs.FINAL else f"{run.id} will be cancelled before its script starts"
    context.result(run.record(), text)


@command.command("download-logs")
@run_option
@click.option("-d", "--output-dir", required=True, metavar="FOLDER", type=click.Path(path_type=Path), help="Where to.")
@click.option("-e", "--experiment-name", metavar="NAME", hidden=True)
@common_options
def download_logs(context: Context, run_id: str, output_dir: Path, experiment_name: str | None) -> None:
    """Copy a run's logs into a folder, keeping their sub-folders."""
    from amlrun.cli import cloud
    from amlrun.targets import local

    _, run = chosen(context, run_id)
    if cloud.is_cloud(run):
        cloud.download(context, run, output_dir)
        return
    files = [str(path) for path in local.download(run, output_dir)]
    context.result(files, "\n".join(files) or f"{run.id} has no logs")


@command.command()
@run_option
@click.option("--add-tag", "add_tag", multiple=True, metavar="KEY=VALUE", help="Add a tag, or change one.")
@click.option("-e", "--experiment-name", metavar="NAME", hidden=True)
@common_options
def update(context: Context, run_id: str, add_tag: tuple[str, ...], experiment_name: str | None) -> None:
    """Tag a run."""
    added = key_values(add_tag, "--add-tag")
    if not added:
        raise AmlError("nothing to do", hint="Add a tag: --add-tag key=value")
    from amlrun.cli import cloud
    from amlrun.runs import mlflow_db

    _, run = chosen(context, run_id)
    if cloud.is_cloud(run):
        cloud.tag(context, run, added)
    run.write_part("tags", {"tags": {**run.part("tags").get("tags", {}), **added}})
    mlflow_db.changed(run)
    record = run.record()
    context.result(record, f"{run.id}: tags " + ", ".join(f"{k}={v}" for k, v in record["tags"].items()))
