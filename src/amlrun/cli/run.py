"""`aml run`: submit, list, show, watch, cancel, fetch and tag runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from amlrun.cli import completion
from amlrun.cli.common import Context, common_options, key_values
from amlrun.cli.lazy import LazyGroup
from amlrun.cli.watching import Printer, follow
from amlrun.errors import AmlError
from amlrun.runs.record import RunRecord
from amlrun.runs.status import RunStatus
from amlrun.targets.base import LOG_FOLDERS, Run

# Commands of this group that live in modules of their own, imported only when they are called.
LAZY_SUBCOMMANDS: dict[str, tuple[str, str]] = {
    "submit-script": ("amlrun.cli.submit:submit_script", "Run a script with a run configuration."),
    "submit-hyperdrive": ("amlrun.cli.sweep:submit_hyperdrive", "Run a hyperparameter sweep."),
    "submit-pipeline": ("amlrun.cli.submit_pipeline:submit_pipeline", "Run the steps of a pipeline's YAML."),
    "best": ("amlrun.cli.sweep:best", "Find an experiment's best run by a metric."),
    "submit-batch": ("amlrun.cli.batch:submit_batch", "Score a folder of files in parallel."),
}


@click.group("run", cls=LazyGroup, lazy_subcommands=LAZY_SUBCOMMANDS)
def command() -> None:
    """Submit, list, watch, cancel and fetch runs.

    A run is a folder under runs/: the script's files, its outputs/, its log in user_logs/std_log.txt.
    """


run_option = click.option("-r", "--run", "run_id", metavar="RUN", required=True, shell_complete=completion.run_ids,
                          help="A run id, `latest`, or a run.json.")  # fmt: skip


# v1 asked for the experiment too, which a run's id makes needless.
_experiment = click.option("-e", "--experiment-name", metavar="NAME", hidden=True, expose_value=False)


def run_id_of(name: str) -> str:
    """The run id that a RUN of the command line means: the one in a run.json, else the word itself."""
    return id_in(Path(name)) if name.endswith(".json") and Path(name).is_file() else name


def find(context: Context, name: str, show: Printer) -> Run:
    """The run that `-r` means, of this project or of the workspace in use. Raises AmlError when there is none."""
    from amlrun import api, workspace

    known = (context.workspace_name and context.resource_group) or workspace.discover(context.path)
    place = context.find_workspace if known else None
    return api.get_run(run_id_of(name), path=context.path, workspace=place, on_event=show)


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
@click.option(
    "--last", default=10, show_default=True, type=click.IntRange(min=1), help="How many to list, newest first."
)
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
    from amlrun import api, handles

    names = [one.value for one in RunStatus if one != RunStatus.UNKNOWN]
    if status is not None and status.lower() not in (name.lower() for name in names):
        raise AmlError(f"--status: there is no state {status!r}", hint="The states are: " + ", ".join(names))
    with Printer(context) as show:
        if parent_run_id is not None:
            parent = find(context, parent_run_id, show)
            parent_run_id = parent.id
            handles.children(parent)
        pairs = (tag.partition("=") for tag in tags)
        listed = api.list_runs(
            experiment=experiment_name,
            status=status,
            tags={key: value if equals else None for key, equals, value in pairs},
            parent=parent_run_id,
            compute=compute_target_name,
            path=context.path,
            last=last,
            workspace=context.find_workspace,
            on_event=show,
        )
    records = [run.record() for run in listed]
    found = [_short(record) for record in records] if minimal else records
    columns = ["RunId", "Experiment", "Status", "Started", "Seconds", "Target", "Tags"]
    rows = [_row(record) for record in records]
    if not any(row[-1] for row in rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]  # no tags: room for the ids
    empty = "No runs. Submit one: aml run submit-script -c train-local -e first"
    if experiment_name or status or tags or compute_target_name:
        empty = "No runs match."
    elif parent_run_id is not None:
        empty = f"{parent_run_id} has no child runs."
    context.listed(found, columns, rows, empty)


def _row(record: RunRecord) -> list[Any]:
    begun = str(record.get("start_time_utc") or record.get("created_utc") or "")
    tags = ", ".join(f"{key}={value}" for key, value in (record.get("tags") or {}).items())
    about = [record.get("run_id"), record.get("_experiment_name"), record.get("status")]
    return [*about, begun[5:16].replace("T", " "), record.get("seconds"), record.get("target"), tags]


def _short(record: RunRecord) -> dict[str, Any]:
    keys = ("run_id", "_experiment_name", "run_type", "status", "start_time_utc", "end_time_utc", "seconds", "target")
    values: dict[str, Any] = {**record}
    return {key: values[key] for key in keys if key in values} | {"tags": record.get("tags", {})}


@command.command()
@run_option
@_experiment
@common_options
def show(context: Context, run_id: str) -> None:
    """Show a run's record, with its metrics."""
    with Printer(context) as printer:
        run = find(context, run_id, printer)
        waiting = ""
        try:
            waiting = run.why_waiting()
            metrics = run.metrics()
        except AmlError as error:
            context.warn(f"{run.id}: last known state; {error.message}")
            metrics = run.record().get("metrics", {})
    from amlrun.runs import logged

    record = run.record()
    record["metrics"] = metrics
    if waiting:
        record["waiting"] = waiting
    # A pipeline's outputs lie in the folders of its steps.
    own, files = run.folder, run.outputs()
    record["outputs"] = [file.relative_to(own).as_posix() if file.is_relative_to(own) else str(file) for file in files]
    record["outputs"] += logged.artifact_names(run.files)
    long = ("run_definition", "environment", "data_container_id", "hidden", "warnings", "root_run_id")
    short = {key: value for key, value in record.items() if key not in long and value not in ({}, [], None)}
    context.result(record, lambda: context.pairs(short))


@command.command("monitor-logs")
@run_option
@_experiment
@common_options
def monitor_logs(context: Context, run_id: str) -> int:
    """Show a run's log, and follow it until the run ends. Ctrl-C stops following the log, not the run."""
    with Printer(context) as printer:
        return follow(context, find(context, run_id, printer), printer)


@command.command()
@run_option
@_experiment
@common_options
def cancel(context: Context, run_id: str) -> None:
    """Cancel a run: end the script and every process it started."""
    with Printer(context) as printer:
        run = find(context, run_id, printer)
        before = run.status()
        state = run.cancel("aml run cancel")
    if before.is_final:
        text = f"{run.id} has already finished: {state}"
    else:
        text = f"{run.id}: {state}" if state.is_final else f"{run.id}: cancellation requested; current state: {state}"
    context.result(run.record(), text)


@command.command("download-logs")
@run_option
@click.option(
    "-d",
    "--output-dir",
    required=True,
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="The folder to copy the logs to.",
)
@_experiment
@common_options
def download_logs(context: Context, run_id: str, output_dir: Path) -> None:
    """Copy a run's logs into a folder, keeping their sub-folders."""
    with Printer(context) as printer:
        run = find(context, run_id, printer)
        files = [str(path) for path in run.download(output_dir, folders=LOG_FOLDERS)]
    context.result(files, "\n".join(files) or f"{run.id} has no logs")


@command.command()
@run_option
@click.option("--add-tag", "add_tag", multiple=True, metavar="KEY=VALUE", help="Add a tag, or change one.")
@_experiment
@common_options
def update(context: Context, run_id: str, add_tag: tuple[str, ...]) -> None:
    """Tag a run."""
    added = key_values(add_tag, "--add-tag")
    if not added:
        raise AmlError("nothing to do", hint="Add a tag: --add-tag key=value")
    with Printer(context) as printer:
        run = find(context, run_id, printer)
        run.tag(**added)
    record = run.record()
    context.result(record, f"{run.id}: tags " + ", ".join(f"{k}={v}" for k, v in record["tags"].items()))
