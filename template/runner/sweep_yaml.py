"""A sweep job as v2's YAML: the trial's command job, taken apart into what the sweep says and what `trial` says.

The keys are those of reference-yaml-job-sweep.md. azure-ai-ml's own `dump` of a job can't be loaded again, so the
tree is written here.
"""

from __future__ import annotations

from typing import Any

from runner.job import EarlyTermination, Parameter, SweepJob, said

_SCHEMA = "https://azuremlschemas.azureedge.net/latest/sweepJob.schema.json"
_OF_THE_TRIAL = ("code", "command", "environment", "environment_variables", "resources", "distribution")
_OF_THE_SWEEP = ("name", "display_name", "experiment_name", "description", "tags", "compute", "inputs", "outputs",
                 "identity", "queue_settings")  # fmt: skip


def tree(job: SweepJob, trial: dict[str, Any], *, schema: bool = True) -> dict[str, Any]:
    """The sweep's plain data, given its trial's as a command job's."""
    found: dict[str, Any] = {"$schema": _SCHEMA} if schema else {}
    found["type"] = "sweep"
    for name in _OF_THE_SWEEP:
        value = trial.get(name) or getattr(job, name, None)
        if value:
            found[name] = value
    found["sampling_algorithm"] = said(job.sampling_algorithm)
    found["search_space"] = {name: _parameter(one) for name, one in job.search_space.items()}
    found["objective"] = {"goal": job.objective.goal, "primary_metric": job.objective.primary_metric}
    if job.early_termination is not None:
        found["early_termination"] = _policy(job.early_termination)
    limits = said(job.limits)
    own = (trial.get("limits") or {}).get("timeout")
    if own and not job.limits.trial_timeout:
        limits["trial_timeout"] = own
    if limits:
        found["limits"] = limits
    found["trial"] = {name: trial[name] for name in _OF_THE_TRIAL if trial.get(name)}
    return found


def _parameter(parameter: Parameter) -> dict[str, Any]:
    value: dict[str, Any] = said(parameter)
    value.pop("argument")
    return value


def _policy(policy: EarlyTermination) -> dict[str, Any]:
    # The interval is always written: the SDK's classes and the documents disagree on its default.
    value: dict[str, Any] = said(policy)
    return value
