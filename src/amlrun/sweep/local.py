"""A sweep on this machine: submit one, resume one, drive it to its end. The sweep's run is its trials' parent."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Callable
from pathlib import Path

from amlrun.errors import CANCELLED, JOB_FAILED, AmlError
from amlrun.prepare import code, script_options, script_tracking
from amlrun.registry.inputs import with_models
from amlrun.runs import provenance
from amlrun.runs import store as runs
from amlrun.runs.process import cores
from amlrun.runs.record import SWEEP_RUN, ExitPart
from amlrun.runs.status import RunStatus
from amlrun.spec.job import CommandJob, SweepJob
from amlrun.sweep import samplers, store
from amlrun.sweep.driver import Driver
from amlrun.sweep.progress import SweepLog
from amlrun.sweep.store import Settings
from amlrun.targets import processes, steps
from amlrun.targets.base import Outcome, Run, SubmitOptions
from amlrun.targets.local import LocalTarget
from amlrun.targets.parents import write_end


def submit(
    target: LocalTarget, job: SweepJob, experiment: str, options: SubmitOptions
) -> tuple[runs.RunFolder, Settings]:
    """Make the sweep's run: its snapshot and its settings. No trial is started.

    Raises AmlError; the run's record says how it ended then.
    """
    trial, folder = job.trial, code.find(job.trial)
    notes = steps.notes(trial)
    samplers.check_optuna(job.sampling_algorithm)
    _check_options(trial, folder)
    git = provenance.git_properties(folder)
    files = options.take_snapshot(trial, folder, target.project)
    stage = target.stage(trial, options)
    seed = job.sampling_algorithm.seed
    if seed is None:
        seed = secrets.randbelow(2**31)
    total = samplers.total_trials(job)
    together = min(job.limits.max_concurrent_trials or total, cores(), total)
    first = steps.first_record(trial, job, experiment, "local", options.command_line)
    first |= {"run_type": SWEEP_RUN, "primary_metric_name": job.objective.primary_metric, "seed": seed}
    first["_target_type"] = target.type
    run = Run(steps.create_run(target.project, first, runs.check_id(job.name or f"HD_{uuid.uuid4()}"), options), target)
    settings = Settings(job, experiment, seed, total, together, files.files, options.warm)
    try:
        steps.announce(run)
        elsewhere = script_tracking.elsewhere(folder / trial.script) if trial.script else []
        steps.prepare(run, trial, files, stage, [*notes, *elsewhere], git)
        store.save(run.files, settings)
    except BaseException as error:
        steps.mark_failed(run.files, error)
        raise
    target.report(f"Sweep: {total} trials, {together} at a time, seed {seed}")
    return run.files, settings


def _check_options(trial: CommandJob, folder: Path) -> None:
    """Refuse a sweep whose values would never arrive. Raises AmlError."""
    if not trial.script or not isinstance(trial.command, list):
        return
    words = trial.command[2:]
    swept = [word for word, value in zip(words, [*words[1:], ""]) if "${{search_space." in word + value]
    found = script_options.ignored(folder / trial.script, [word for word in swept if word.startswith("--")])
    if found:
        raise AmlError(
            f"the script would not get the swept values: {found[0]}",
            hint="Correct the name in the sweep's file, or add the option to the script.",
        )


def reopen(run: runs.RunFolder) -> Settings:
    """The settings of a sweep that is to be resumed; what it had written about its end is taken back.

    Raises AmlError for a run that is no sweep, one that still runs, and one that ran on another machine.
    """
    settings = store.load(run)
    state, why = run.state()
    if state == RunStatus.RUNNING:
        raise AmlError(f"{run.id} is running", hint=f"Watch it: aml run monitor-logs -r {run.id}")
    if state == RunStatus.NOT_RESPONDING:
        raise AmlError(f"{run.id}: {why}", hint="Resume it on that machine.")
    for part in ("exit", "cancel"):
        (run.private / f"{part}.json").unlink(missing_ok=True)
    return settings


def drive_in_background(run: runs.RunFolder, settings: Settings, module: str = "amlrun.sweep") -> None:
    """Start a process that drives the sweep, and return once it has signed the record. Raises AmlError."""
    processes.start_driver(run, module, json.dumps(store.plain(settings)).encode())


def drive(
    target: LocalTarget, run: runs.RunFolder, settings: Settings, log: SweepLog, kind: Callable[..., Driver] = Driver
) -> Outcome:
    """Run the sweep's trials to its end, and write its results and the end into its run.

    Raises AmlError when a trial could not be started; the record says so then.
    """
    begun = run.part("process").get("start_time_utc") or runs.now()
    run.write_part("process", {"start_time_utc": begun, "_supervisor": runs.this_process()})
    trial = settings.job.trial = with_models(target.project, settings.job.trial)
    stage = target.stage(trial, SubmitOptions())
    driver = kind(target, stage, run, settings, stage.interpreter(trial, log.line), log)
    outcome = None
    error: BaseException | None = None
    try:
        outcome = driver.run()
        if outcome.status == RunStatus.CANCELED and not (run.private / "cancel.json").exists():
            run.write_part("cancel", {"cancel": {"at": runs.now(), "reason": "Ctrl-C"}})
        driver.write_results()
        return outcome
    except BaseException as problem:
        error = problem
        raise
    finally:
        _write_end(run, outcome, error, begun)
        driver.close()


def _write_end(run: runs.RunFolder, outcome: Outcome | None, error: BaseException | None, begun: str) -> None:
    end = runs.now()
    codes = {RunStatus.COMPLETED: 0, RunStatus.FAILED: JOB_FAILED, RunStatus.CANCELED: CANCELLED}
    cancelled = isinstance(error, KeyboardInterrupt)
    exit_code = codes[outcome.status] if outcome and not error else CANCELLED if cancelled else JOB_FAILED
    seconds = runs.seconds_between(begun, end) or 0.0
    ended: ExitPart = {"exit_code": exit_code, "end_time_utc": end, "seconds": seconds}
    if exit_code == JOB_FAILED:
        ended["error"] = {"message": outcome.message if outcome else ""}
        if outcome and outcome.hint:
            ended["error"]["hint"] = outcome.hint
        if error and str(error):
            ended["error"] = {"message": str(error).splitlines()[0]}
    if outcome and outcome.best and not error:
        ended["properties"] = {"best_child_run_id": outcome.best, "score": outcome.best_value}
    write_end(run, ended, cancelled=cancelled)
