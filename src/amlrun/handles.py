"""Finds runs and opens their handles: of this project, by what their records say, and in its workspace."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from amlrun.errors import SERVICE, AmlError
from amlrun.events import Message
from amlrun.pipeline.search_runs import open_search
from amlrun.runs import store as runs
from amlrun.runs.record import AUTOML_RUN, PIPELINE_RUN, SWEEP_RUN, RunRecord
from amlrun.targets import Targets
from amlrun.targets.base import Run
from amlrun.workspace import discover

if TYPE_CHECKING:
    from amlrun.spec.jobs import Job


def open_run(files: runs.RunFolder, targets: Targets) -> Run:
    """The handle of a run, by what kind of run it is."""
    target = targets.for_run(files)
    search = open_search(files, target)
    if search is not None:
        return search
    if files.part("submit").get("run_type") == PIPELINE_RUN:
        from amlrun.pipeline import handles as pipelines

        return pipelines.open_pipeline(files, target)
    if files.part("batch"):
        from amlrun import batches

        return batches.open_batch(files, target)
    return Run(files, target)


def import_run(run_id: str, targets: Targets) -> runs.RunFolder:
    """A local record of a run of the workspace. Raises AmlError when it is not there, or cannot be asked for."""
    from amlrun.azure import record

    try:
        return record.import_remote_run(targets.workspace().client, targets.project.runs, run_id)
    except AmlError as error:
        if error.exit_code != SERVICE:
            raise
        hint = f"There is no run {run_id!r} here, and the workspace could not be queried.\n{error.hint}"
        raise AmlError(error.message, hint=hint, exit_code=SERVICE) from error


def refresh(found: list[runs.RunFolder], targets: Targets) -> None:
    """Bring remote runs up to date; a workspace that cannot be asked is warned of once and not asked again."""
    unreachable: set[int] = set()
    for files in found:
        submitted = files.part("submit")
        asked = submitted.get("remote") or (not files.part("exit") and {"_engine", "_machine"} & set(submitted))
        if not asked:
            continue
        target = targets.for_run(files)
        if id(target) in unreachable:
            continue
        try:
            target.status(files)
        except AmlError as error:
            unreachable.add(id(target))
            targets.on_event(Message(f"{files.id}: last known state; {error.message}", warning=True))


def publish(targets: Targets, known: list[runs.RunFolder]) -> None:
    """Bring MLflow's database up to date with this project's ended runs, where any was made here."""
    from amlrun.targets.local import LocalTarget

    local = targets.for_compute("local")
    assert isinstance(local, LocalTarget)  # noqa: S101 - that is the one
    local.publish(known)


def matches(
    run: runs.RunFolder, wanted: Mapping[str, str | None], status: str | None, tags: Mapping[str, str | None]
) -> bool:
    """Whether a run's record has the wanted fields (None: any), state and tags; children only of the wanted parent."""
    record = cast(Mapping[str, object], run.finished_view() or run.record())
    if any(value is not None and record.get(key) != value for key, value in wanted.items()):
        return False
    if wanted["parent_run_id"] is None and record.get("parent_run_id"):
        return False
    if status is not None and str(record.get("status", "")).lower() != str(status).lower():
        return False
    own = cast(dict[str, str], record.get("tags") or {})
    return all(key in own and value in (None, str(own[key])) for key, value in tags.items())


def completed(targets: Targets, experiment: str, metric: str) -> list[RunRecord]:
    """The records of the completed runs of an experiment that are known here and logged the metric."""
    from amlrun.runs import metrics

    values = metrics.latest(targets.project, metric)
    _refresh_experiment(targets, experiment)
    found = []
    for record in runs.records(targets.project.runs):
        if record.get("_experiment_name") != experiment or record.get("status") != "Completed":
            continue
        remote = record.get("remote")
        value = (record.get("metrics") or {}).get(metric) if remote else values.get(record["run_id"])
        if value is not None and value == value:
            found.append({**record, "metrics": {metric: value}})
    return cast(list[RunRecord], found)


def completed_in_workspace(targets: Targets, experiment: str, metric: str) -> list[RunRecord]:
    """The same of the workspace, whoever submitted the runs."""
    from amlrun.azure import sweeps

    return cast(list[RunRecord], sweeps.completed(targets.workspace().client, experiment, metric))


def _refresh_experiment(targets: Targets, experiment: str) -> None:
    """Bring the records of an experiment's remote runs, and of its sweeps' trials, up to date."""
    parts = [(run, run.part("submit")) for run in runs.list_runs(targets.project.runs)]
    own = [run for run, part in parts if part.get("remote") and part.get("_experiment_name") == experiment]
    refresh([run for run in own if "parent_run_id" not in run.part("submit")], targets)
    for files in own:
        if files.part("submit").get("run_type") in (SWEEP_RUN, AUTOML_RUN):
            children(open_run(files, targets))


def children(run: Run) -> list[Run]:
    """A run's children; where a service cannot be asked for them, those that are known, and a warning."""
    try:
        return run.children()
    except AmlError as error:
        run.target.on_event(
            Message(f"{run.id}: its children are in their last known state; {error.message}", warning=True)
        )
        return Run.children(run)


def experiment_name(job: Job, given: str | None, path: Path) -> str:
    """The name given, the job's, the attached project's, else the folder's, as v1 had it. Raises AmlError."""
    name = given or job.experiment_name
    if not name:
        attached = discover(path)
        if attached and attached.experiment:
            return runs.check_experiment(attached.experiment, "experiment_name", attached.file)
    if not name:
        letters = (one if one.isascii() and (one.isalnum() or one in "-_") else "-" for one in path.name)
        name = "".join(letters).strip("-_") or "experiment"
    return runs.check_experiment(name)
