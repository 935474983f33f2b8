"""A search on this machine: its run, its table read and checked, and a sweep's settings over the trial of AutoML."""

from __future__ import annotations

import os
import secrets
import sys
import time
import uuid

from amlrun.automl import explaining, request, settings
from amlrun.events import Message
from amlrun.prepare import environment, launch
from amlrun.prepare.environment import Interpreter
from amlrun.runs import new_mlflow_db, provenance, redact
from amlrun.runs import store as runs
from amlrun.runs.process import cores
from amlrun.runs.record import AUTOML_RUN
from amlrun.spec.automl import AutoMLJob
from amlrun.spec.job import CommandJob, Limits, Local, Objective, Parameter, Sampling, SweepJob, to_dict
from amlrun.sweep import store, warm
from amlrun.sweep.store import Settings
from amlrun.targets import steps
from amlrun.targets.base import Run, RunCreated, SubmitOptions, Target
from amlrun.targets.local import LocalTarget
from amlrun.workers.automl.spaces import ALGORITHMS

_SCRIPT = request.WORKERS / "trial.py"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# Of a time limit, what one trial may take when trial_timeout_minutes is not said: one slow algorithm must not eat it.
_SHARE, _LEAST_SECONDS = 6, 10


def submit(
    target: LocalTarget, job: AutoMLJob, experiment: str, options: SubmitOptions
) -> tuple[runs.RunFolder, Settings, warm.Warm | None]:
    """Make the search's run; its table is read and checked. No trial is started.

    The fork server of a driver in this process begins its imports meanwhile. Raises AmlError; the run's record says
    how it ended then.
    """
    began = time.monotonic()
    request.require()

    def report(text: str) -> None:
        target.on_event(Message(text))

    git = provenance.git_properties(job.source.file.parent if job.source.file else target.project.root)
    seed = secrets.randbelow(2**31) if job.source.seed is None else job.source.seed
    name = options.run_id or runs.check_id(job.name or f"AutoML_{uuid.uuid4()}")
    trial = _trial(job)
    first = steps.first_record(trial, trial, experiment, "local", options.command_line)
    first |= {"run_type": AUTOML_RUN, "primary_metric_name": job.primary_metric, "seed": seed}
    first |= {"display_name": job.display_name, "tags": dict(job.tags), "_target_type": target.type}
    first["run_definition"] = redact.masked(to_dict(job))
    if options.parent_run_id is not None:
        first["parent_run_id"] = options.parent_run_id
    run = runs.create(target.project.runs, name, first)
    server = None
    try:
        target.on_event(RunCreated(Run(run, target)))
        report(f"RunId: {run.id}")
        new_mlflow_db.prepare(target.project)
        for note in explaining.notes(job):
            report(note)
        interpreter = environment.of_job(trial, report=report)
        run.write_part("prepared", steps.prepared_record(interpreter, git()))
        server = _fork_server(target, run, trial, interpreter, experiment, options)
        variables = {**os.environ, **trial.environment_variables}
        plan = request.prepare(target.project, job, settings.folder(run), seed, interpreter.python, variables)
        made = _settings(run, job, trial, experiment, seed, plan["algorithms"], options)
        store.save(run, made)
        settings.save(run, job, time.monotonic() - began)
    except BaseException as error:
        if server is not None:
            server.close()
        steps.mark_failed(run, error)
        raise
    _tell(target, job, plan, made)
    return run, made, server


def _fork_server(
    target: LocalTarget,
    run: runs.RunFolder,
    trial: CommandJob,
    interpreter: Interpreter,
    experiment: str,
    options: SubmitOptions,
) -> warm.Warm | None:
    """A fork server at work on its imports, where the driver will be in this process; None where it can't be had."""
    stage = target.stage(trial, options)
    if options.detach or not options.warm or not stage.forks:
        return None
    site = stage.site(target.project, run, interpreter)
    plan = launch.plan(target.project, run, trial, interpreter, experiment, report=lambda line: None, site=site)
    if warm.refusal(plan, interpreter.python):
        return None
    try:
        return warm.Warm(plan, run)
    except OSError:
        return None  # the driver tries again, and says why


def _trial(job: AutoMLJob) -> CommandJob:
    """The command of a trial, in the Python that `aml` itself runs in: the extra `automl` is installed there."""
    threads = dict.fromkeys(_THREADS, str(job.limits.threads))
    return CommandJob(
        command=["python", str(_SCRIPT)],
        compute="local",
        environment_variables={**threads, **job.environment_variables},
        display_name=job.display_name,
        tags=dict(job.tags),
        local=Local(interpreter=sys.executable),
    )


def _settings(
    run: runs.RunFolder,
    job: AutoMLJob,
    trial: CommandJob,
    experiment: str,
    seed: int,
    algorithms: list[str],
    options: SubmitOptions,
) -> Settings:
    folder = str(settings.folder(run))
    values = ("--algorithm", "${{search_space.algorithm}}", "--parameters", "${{search_space.parameters}}")
    assert isinstance(trial.command, list)  # noqa: S101 - made by _trial
    trial.command += ["--folder", folder, *values]
    limits = Limits(trial_timeout=_trial_seconds(job))
    space = {
        "algorithm": Parameter("choice", "--algorithm", values=list(algorithms)),
        "parameters": Parameter("choice", "--parameters", values=[]),
    }
    sweep = SweepJob(
        trial, Objective(job.primary_metric, job.goal), space, Sampling("bayesian"), limits=limits, compute="local"
    )
    total = job.limits.max_trials or store.UNLIMITED
    slots = min(job.limits.max_concurrent_trials or 1, cores(), total)
    families = dict.fromkeys(ALGORITHMS[job.task][name]["family"] for name in algorithms)
    setup = [str(request.WORKERS / "context.py"), folder, ",".join(families)]
    return Settings(sweep, experiment, seed, total, slots, [], options.warm, setup)


def _trial_seconds(job: AutoMLJob) -> int | None:
    if job.limits.trial_timeout_minutes is not None:
        return 60 * job.limits.trial_timeout_minutes
    minutes = settings.minutes(job)
    return None if minutes is None else max(_LEAST_SECONDS, int(60 * minutes / _SHARE))


def _tell(target: Target, job: AutoMLJob, plan: dict[str, object], made: Settings) -> None:
    """What the search will do, its guardrails first."""
    rails = plan["guardrails"]
    assert isinstance(rails, list)  # noqa: S101 - of prepare.py
    for rail in rails:
        text = f"{rail['guardrail']}: {rail['status']}: {rail['detail']}"
        target.on_event(Message(text, warning=rail["status"] == "Alerted"))
    left = plan["left_out"]
    assert isinstance(left, dict)  # noqa: S101 - of prepare.py
    for name, why in left.items():
        target.on_event(Message(f"{name}: left out: {why}"))
    minutes = settings.minutes(job)
    limit = f"at most {made.total} trials" if job.limits.max_trials else ""
    time_limit = f"{minutes:g} minutes" if minutes else ""
    if not job.limits.max_trials and not job.limits.timeout_minutes:
        time_limit += " (neither timeout_minutes nor max_trials is set)"
    shown = ", ".join(part for part in (time_limit, limit) if part)
    target.on_event(Message(f"AutoML: {shown}, {made.slots} at a time, seed {made.seed}"))
