"""A sweep job as v2's YAML: the trial's command job, taken apart into what the sweep says and what `trial` says.

The keys are those of reference-yaml-job-sweep.md. azure-ai-ml's own `dump` of a job can't be loaded again, so the
tree is written here.
"""

from __future__ import annotations

import re
from typing import Any

from amlrun.spec.job import EarlyTermination, Parameter, SweepJob, to_dict
from amlrun.spec.pipeline import Sweep
from amlrun.spec.shell_parts import parts

_PLAIN = re.compile(r"[\w./:@%+,=-]+")
_SCHEMA = "https://azuremlschemas.azureedge.net/latest/sweepJob.schema.json"
_OF_THE_TRIAL = ("code", "command", "environment", "environment_variables", "resources", "distribution")
_OF_THE_SWEEP = ("name", "display_name", "experiment_name", "description", "tags", "compute", "inputs", "outputs",
                 "identity", "queue_settings")  # fmt: skip


def tree(job: SweepJob, trial: dict[str, Any], *, schema: bool = True) -> dict[str, Any]:
    """The sweep's plain data, given its trial's as a command job's."""
    found: dict[str, Any] = {"$schema": _SCHEMA} if schema else {}
    found["type"] = "sweep"
    for name in _OF_THE_SWEEP:
        # Where the trial is to run without a compute's name (serverless), the sweep names none either.
        value = trial.get(name) or (getattr(job, name, None) if name != "compute" else None)
        if value:
            found[name] = value
    found |= settings(job)
    own = (trial.get("limits") or {}).get("timeout")
    if own and not job.limits.trial_timeout:
        found.setdefault("limits", {})["trial_timeout"] = own
    found["trial"] = {name: trial[name] for name in _OF_THE_TRIAL if trial.get(name)}
    if any(
        isinstance(one, str) and not _PLAIN.fullmatch(one)
        for two in job.search_space.values()
        for one in two.values or ()
    ):
        found["trial"]["command"] = _in_quotes(trial["command"])
    return found


def settings(job: SweepJob | Sweep) -> dict[str, Any]:
    """What a sweep says beside its trial, as a job or as a pipeline's step."""
    random = job.sampling_algorithm.type == "random"
    found: dict[str, Any] = {
        "sampling_algorithm": to_dict(job.sampling_algorithm) if random else {"type": job.sampling_algorithm.type},
        "search_space": {name: _parameter(one) for name, one in job.search_space.items()},
        "objective": {"goal": job.objective.goal, "primary_metric": job.objective.primary_metric},
    }
    if job.early_termination is not None:
        found["early_termination"] = _policy(job.early_termination)
    limits = to_dict(job.limits)
    if limits:
        found["limits"] = limits
    return found


def _in_quotes(line: str) -> str:
    """The line with each bare `${{search_space.x}}` in quotes: the service fills in the text before bash parts it."""
    return "".join(
        f'"{found[0]}"' if found[1] == "search_space" and not quote else found[0] for found, quote in parts(line)
    )


def left_out(job: SweepJob) -> list[str]:
    """What the sweep says that v2's YAML has no word for, a line each."""
    sampling, notes = job.sampling_algorithm, []
    if sampling.seed is not None and sampling.type != "random":
        why = f"in v2 a seed belongs to random sampling, not to {sampling.type}"
        notes.append(f"sampling.seed: has no effect there: {why}")
    if job.trial.services:
        notes.append(f"services ({', '.join(job.trial.services)}): have no effect there: a v2 sweep's trials have none")
    return notes


def _parameter(parameter: Parameter) -> dict[str, Any]:
    value: dict[str, Any] = to_dict(parameter)
    value.pop("argument")
    if parameter.values is not None:
        # azure-ai-ml chooses from texts and numbers; a trial gets the same word on its command line.
        value["values"] = [repr(one) if isinstance(one, bool) else one for one in parameter.values]
    return value


def _policy(policy: EarlyTermination) -> dict[str, Any]:
    # The interval is always written: the SDK's classes and the documents disagree on its default.
    value: dict[str, Any] = to_dict(policy)
    return value
