"""The verbs of a sweep on this machine: submit one, resume one. The sweep's run is its trials' parent."""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Callable

from amlrun.errors import CANCELLED, JOB_FAILED, AmlError
from amlrun.prepare import snapshot
from amlrun.project import Project
from amlrun.runs import mlflow_db, provenance, redact
from amlrun.runs import store as runs
from amlrun.spec.job import SweepJob, said
from amlrun.sweep import results, samplers, store
from amlrun.sweep.driver import Driver, Outcome, View
from amlrun.sweep.store import Settings
from amlrun.targets import local

Report = Callable[[str], None]


def submit(
    project: Project,
    job: SweepJob,
    experiment: str,
    *,
    report: Report,
    seed: int | None = None,
    warm: bool = True,
    limits: bool = True,
    created: Callable[[runs.Run], None] = lambda run: None,
) -> runs.Run:
    """Make the sweep's run: its snapshot and its settings. No trial is started.

    `created` is called once the run can be listed. Raises AmlError; the run's record says how it ended then.
    """
    trial = job.trial
    code = local.check(trial)
    git = provenance.git_properties(code)
    files = snapshot.take(code, runs=project.runs, limits=limits)
    local.check_travels(trial, files)
    if seed is None:
        seed = job.sampling_algorithm.seed
    if seed is None:
        seed = secrets.randbelow(2**31)
    total = samplers.total_trials(job)
    together = min(job.limits.max_concurrent_trials or total, cores(), total)
    record = local.first_record(trial, experiment) | {
        "run_type": store.RUN_TYPE,
        "primary_metric_name": job.objective.primary_metric,
        "run_definition": redact.masked(said(job)),
        "seed": seed,
    }
    run = runs.create(project.runs, f"HD_{uuid.uuid4()}", record)
    try:
        created(run)
        report(f"RunId: {run.id}")
        mlflow_db.prepare(project)
        for note in trial.local.notes:
            report(note)
        report(f"Snapshot: {files}" + (f"; withheld: {', '.join(files.withheld)}" if files.withheld else ""))
        local.fill(run, files, trial)
        interpreter = local.prepare(trial, report=report)
        run.write_part("prepared", local.prepared_record(interpreter, trial, git()))
        store.save(run, Settings(job, experiment, seed, total, together, files.files, warm))
    except BaseException as error:
        local.give_up(run, error)
        raise
    report(f"Sweep: {total} trials, {together} at a time, seed {seed}")
    return run


def cores() -> int:
    """The processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def reopen(run: runs.Run, job: SweepJob | None = None) -> Settings:
    """The settings of a sweep that is to go on; what it had written about its end is taken back.

    `job` is the sweep as it was submitted, where that is at hand: records do not keep its secrets.
    Raises AmlError for a run that is no sweep, one that still runs, and one that has nothing left to run.
    """
    settings = store.load(run, job)
    state = run.state()[0]
    if state == "Running":
        raise AmlError(f"{run.id} is running", hint=f"Watch it: aml run monitor-logs -r {run.id}")
    if state == "NotResponding":
        raise AmlError(f"{run.id}: {run.state()[1]}", hint="Resume it on that machine.")
    for part in ("exit", "cancel"):
        (run.private / f"{part}.json").unlink(missing_ok=True)
    return settings


def drive(project: Project, run: runs.Run, settings: Settings, view: View) -> Outcome:
    """Run the sweep's trials to its end, and write its results and the end into its run.

    Raises AmlError when a trial could not be started; the record says so then.
    """
    begun = run.part("process").get("start_time_utc") or runs.now()
    run.write_part("process", {"start_time_utc": begun, "_supervisor": runs.this_process()})
    interpreter = local.prepare(settings.job.trial, report=view.line)
    driver = Driver(project, run, settings, interpreter, view)
    outcome = None
    error: BaseException | None = None
    try:
        outcome = driver.run()
        if outcome.status == "Canceled" and not (run.private / "cancel.json").exists():
            run.write_part("cancel", {"cancel": {"at": runs.now(), "reason": "Ctrl-C"}})
        results.write(driver, outcome)
        return outcome
    except BaseException as problem:
        error = problem
        raise
    finally:
        _write_end(run, outcome, error, begun)
        driver.close()


def _write_end(run: runs.Run, outcome: Outcome | None, error: BaseException | None, begun: str) -> None:
    from datetime import datetime

    end = runs.now()
    codes = {"Completed": 0, "Failed": JOB_FAILED, "Canceled": CANCELLED}
    code = codes[outcome.status] if outcome and not error else CANCELLED if _cancelled(error) else JOB_FAILED
    first, last = (datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (begun, end))
    ended = {"exit_code": code, "end_time_utc": end, "seconds": round((last - first).total_seconds(), 3)}
    message = str(error).splitlines()[0] if error and str(error) else outcome.message if outcome else ""
    try:
        if _cancelled(error):
            run.write_part("cancel", {"cancel": {"at": end, "reason": "Ctrl-C"}})
        if outcome and outcome.best and not error:
            best = outcome.best
            ended["properties"] = {"best_child_run_id": best.run.id, "score": best.best}
        run.write_part("exit", ended | ({"error": {"message": message}} if code == JOB_FAILED else {}))
        (run.private / "reserve").unlink(missing_ok=True)
    except OSError:
        return  # a full disk: the state is inferred


def _cancelled(error: BaseException | None) -> bool:
    return isinstance(error, KeyboardInterrupt)
