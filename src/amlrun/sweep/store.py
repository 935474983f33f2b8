"""What a sweep remembers on disk: one file of settings, and its trials' own run folders, nothing else.

Everything that must survive a kill is in there, each file written whole: a resumed sweep reads which trials there
are, what they were given and how they ended from their folders. A trial's folder is `<sweep id>_<number>`; when a
trial was interrupted its next attempt gets a folder of its own, `<sweep id>_<number>_r2`, and the old one stays.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import types
import typing
from pathlib import Path
from typing import Any, Union

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError, os_errors
from amlrun.prepare.snapshot import Snapshot
from amlrun.runs import redact
from amlrun.runs import store as runs
from amlrun.runs.record import SWEEP_RUN
from amlrun.spec.job import CommandJob, Scalar, SweepJob, to_dict
from amlrun.sweep.policies import Curve
from amlrun.sweep.space import word

# Trials of a search that only its time limit ends.
UNLIMITED = 100_000
_MASKED_OPTION = re.compile(
    r"""(?P<name>-{0,2}[A-Za-z_][\w.-]*)(?P<sign>=|\s+)["']?""" + re.escape(redact.MASK) + r"""["']?"""
)


@dataclass
class Settings:
    """What is fixed for a sweep's life. `slots` is how many trials run at a time; `setup` a module's file and the
    arguments with which a fork server calls its `prepare`, for what all trials share.
    """

    job: SweepJob
    experiment: str
    seed: int
    total: int
    slots: int
    files: list[tuple[str, int]]
    warm: bool = True
    setup: list[str] = field(default_factory=list)


@dataclass
class Trial:
    """One trial: its number, its values, the run of its latest attempt, and what it has reported."""

    number: int
    values: dict[str, Scalar]
    raw: dict[str, Any] | None
    run: runs.RunFolder
    attempt: int
    curve: Curve
    state: str = "Preparing"
    stopped: dict[str, Any] | None = None
    why: str = ""
    needs_retry: bool = False
    judged: int = 0
    plan: dict[str, Any] | None = None

    @property
    def best(self) -> float | None:
        """The best of the usable reports; None when there is none."""
        usable = [value for value in self.curve.values if value == value]
        if not usable:
            return None
        return max(usable) if self.curve.sign > 0 else min(usable)

    def summary(self, metric: str) -> str:
        """The trial's end in one line."""
        values = " ".join(f"{name}={word(value)}" for name, value in self.values.items())
        best = "no report" if self.best is None else f"{metric} {self.best:.6g}"
        why = f": {self.why}" if self.why else ""
        return f"trial {self.number} {self.state}{why}; {best}; {values}"

    @property
    def done(self) -> bool:
        return self.state in runs.FINAL and not self.needs_retry


def plain(settings: Settings) -> dict[str, Any]:
    """The settings as plain data, with all that a secret may be in."""
    return {
        "job": to_dict(settings.job),
        "experiment": settings.experiment,
        "seed": settings.seed,
        "total": settings.total,
        "slots": settings.slots,
        "files": settings.files,
        "warm": settings.warm,
        "setup": settings.setup,
    }


def from_plain(value: dict[str, Any]) -> Settings:
    """The settings that `plain` wrote. Raises KeyError, TypeError or ValueError for anything else."""
    job: SweepJob = revive(SweepJob, value["job"])
    files = [(path, size) for path, size in value["files"]]
    return Settings(job, value["experiment"], value["seed"], value["total"], value["slots"], files, value["warm"],
                    value.get("setup", []))  # fmt: skip


def save(sweep: runs.RunFolder, settings: Settings) -> None:
    """Write the settings, once, before the first trial. Secret-looking values are masked (DESIGN.md, promise 9)."""
    value = plain(settings)
    with os_errors("write the sweep's settings"):
        runs.replace_json(sweep.private / "sweep.json", {**value, "job": redact.masked(value["job"])})


def load(sweep: runs.RunFolder) -> Settings:
    """The settings of a sweep's run, with its secrets from the environment: `--api-key` from API_KEY.

    Raises AmlError for a run that is no sweep, one that never got that far, and a secret that is not in the
    environment.
    """
    file = sweep.private / "sweep.json"
    try:
        settings = from_plain(json.loads(file.read_text(encoding="utf-8")))
        _restore_secrets(settings.job.trial)
        return settings
    except FileNotFoundError:
        if sweep.part("submit").get("run_type") == SWEEP_RUN:
            hint = "It was interrupted before its first trial: submit it again."
        else:
            hint = "--resume takes the id of a sweep (HD_…)."
        raise AmlError(f"{sweep.id} has no sweep to resume", hint=hint) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AmlError(f"can't be read: {error}", file=file, hint="Submit the sweep again.") from error


def _restore_secrets(job: CommandJob) -> None:
    """Put what the record masks back in place, from the environment of now. Raises AmlError."""
    for name, value in job.environment_variables.items():
        if redact.MASK in value:
            job.environment_variables[name] = _secret(name, f"environment_variables.{name}")
    for name, data in job.inputs.items():
        if isinstance(data.value, str) and redact.MASK in data.value:
            data.value = _secret(name, f"inputs.{name}")
    if isinstance(job.command, str):
        job.command = _MASKED_OPTION.sub(
            lambda found: f"{found['name']}{found['sign']}{shlex.quote(_secret(found['name'], 'command'))}", job.command
        )
    else:
        before = ""
        for place, word in enumerate(job.command):
            option, equals, given = word.partition("=")
            if word == redact.MASK and before.startswith("-"):
                job.command[place] = _secret(before, "arguments")
            elif equals and given == redact.MASK:
                job.command[place] = f"{option}={_secret(option, 'arguments')}"
            before = word
    if any(redact.MASK in word for word in ([job.command] if isinstance(job.command, str) else job.command)):
        raise AmlError("arguments: a secret in them is not kept in records", hint="Submit the sweep again.")


def _secret(name: str, field: str) -> str:
    variable = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").upper()
    for known in (name, variable):
        if known in os.environ:
            return os.environ[known]
    raise AmlError(
        f"the secret {name} is not kept in records",
        field=field,
        hint=f"Set {variable} in your environment, then resume.",
    )


def revive(hint: Any, value: Any) -> Any:
    """Plain data back into the dataclasses of `job.py` that `said` made it from."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = typing.get_type_hints(hint)
        return hint(**{name: revive(hints[name], item) for name, item in value.items()})
    if origin in (Union, types.UnionType):
        options = [option for option in args if option is not type(None)]
        if isinstance(value, str) and Path in options and str not in options:
            return Path(value)
        shape = dict if isinstance(value, dict) else list if isinstance(value, list) else None
        for option in options:
            if shape and (typing.get_origin(option) is shape or (shape is dict and dataclasses.is_dataclass(option))):
                return revive(option, value)
        return value
    if origin is list:
        return [revive(args[0], item) for item in value]
    if origin is dict:
        return {key: revive(args[1], item) for key, item in value.items()}
    return Path(value) if hint is Path else value


def snapshot_of(sweep: runs.RunFolder, settings: Settings) -> Snapshot:
    """The sweep's own copy of the code: every trial gets the same, whatever was edited since."""
    return Snapshot(sweep.folder, settings.files)


def trial_id(sweep_id: str, number: int, attempt: int) -> str:
    return f"{sweep_id}_{number}" if attempt == 1 else f"{sweep_id}_{number}_r{attempt}"


def trials(runs_folder: Path, sweep_id: str, goal: Any, *, take_over: bool = False) -> dict[int, Trial]:
    """The latest attempt of each trial, by number; their reports are not read here.

    A resumed sweep takes over: a trial that was ordered and not begun is called off, so that nobody begins it now.
    """
    name = re.compile(re.escape(sweep_id) + r"_(\d+)(?:_r(\d+))?")
    found: dict[int, Trial] = {}
    for entry in os.scandir(runs_folder):
        match = name.fullmatch(entry.name)
        if not match or not Path(entry.path, ".run").is_dir():
            continue
        number, attempt = int(match[1]), int(match[2] or 1)
        run = runs.RunFolder(runs_folder / entry.name)
        submitted = run.part("submit")
        known = found.get(number)
        if known and known.attempt > attempt:
            continue
        found[number] = Trial(
            number, submitted.get("hyperparameters", {}), submitted.get("_draw"), run, attempt, Curve(goal)
        )
        refresh(found[number])
        if take_over and found[number].needs_retry and not run.part("process"):
            run.write_part("cancel", {"cancel": {"at": runs.now(), "reason": "interrupted", "with_sweep": True}})
    return found


def refresh(trial: Trial) -> None:
    """Read a trial's state from its folder; `needs_retry`: nobody saw it end, or it ended with the sweep."""
    run = trial.run
    trial.state, trial.why = run.state()
    ended, cancelled = run.part("exit"), run.part("cancel").get("cancel", {})
    if trial.state == "Canceled":
        trial.stopped = cancelled.get("stopped")
        trial.why = cancelled.get("reason", "")
        trial.needs_retry = bool(cancelled.get("with_sweep"))
    elif trial.state == "Failed":
        trial.needs_retry = "exit_code" not in ended
        trial.why = ended.get("error", {}).get("message", trial.why)
