"""v1's HyperDrive file (`hdconfig.yml`) → a v2 sweep job.

The service's v2 client checks nothing of a sweep, so what v1 refused is refused here (V1 CLI §6), and every mistake
in the file is named with its line, not the first alone. Beyond v1: `sampling` may have v2's `rule` and `seed`.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError, located
from amlrun.spec import node
from amlrun.spec.job import CommandJob, EarlyTermination, Limits, Objective, Parameter, Sampling, SweepJob, shell_line
from amlrun.spec.search_space import MOST_TRIALS
from amlrun.v1 import reading
from amlrun.v1.config import Config, by_line, raise_first
from amlrun.v1.hyperdrive import space as parameter_space
from amlrun.v1.hyperdrive.field_table import HYPERDRIVE

# v1's policies: v2's name, and the keys that are its own.
_POLICIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "BanditPolicy": ("bandit", ("slack_factor", "slack_amount")),
    "MedianStoppingPolicy": ("median_stopping", ()),
    "TruncationSelectionPolicy": ("truncation_selection", ("truncation_percentage",)),
}
_MOST_MINUTES = 10080  # v1's cap: a week
_SKIPPED = frozenset({".git", ".venv", "runs", "mlruns", "node_modules", "__pycache__"})


def find(name: str, path: Path) -> Path:
    """The file that `--hyperdrive-configuration-name` means (V1 CLI §2).

    An existing file, from the current folder, wins. Else everything below `path` is searched for files whose name
    ends with `name`; where v1 took the last that it happened to meet, here the whole name beats an ending, and a
    configuration folder beats the others. Raises AmlError when there is none.
    """
    direct = Path(name)
    if direct.is_file():
        return direct.absolute()
    root = path if path.is_dir() else path.parent
    found = []
    for folder, below, files in os.walk(root):
        below[:] = sorted(item for item in below if item not in _SKIPPED)
        found += [Path(folder, file) for file in files if file.endswith(name)]
    if not found:
        raise AmlError(
            f"--hyperdrive-configuration-name: there is no file {name}",
            hint=f"Searched: ./{name}, and for a file whose name ends with it anywhere below {root}.",
        )
    return max(
        found, key=lambda file: (file.name == name, file.parent.name in ("aml_config", ".azureml"), file.as_posix())
    )


def load(file: Path, trial: CommandJob) -> SweepJob:
    """The sweep of `trial` (what the runconfig says) that a HyperDrive file describes.

    The parameters are appended to the trial's arguments, as v1 did, as `--name ${{search_space.name}}`.
    Raises AmlError naming file and line; further mistakes stand in its hint, a line each.
    """
    root, _ = node.read(file)
    if root.kind != "map":
        expected = "expected the keys of a sweep, such as sampling and primary_metric_name"
        raise AmlError(expected, file=file, line=root.line)
    config = reading.build(root, file, HYPERDRIVE)
    algorithm, space = _sampling(config)
    policy = _policy(config)
    if policy is not None and algorithm.type == "bayesian":
        hint = "Write `type: NoTerminationPolicy`, or use random sampling."
        config.problem(("policy", "type"), "bayesian sampling allows no early termination", hint)
    objective, limits = _objective(config), _limits(config)
    raise_first(by_line(config.problems))
    _remarks(config, trial, space, algorithm, limits)
    notes = [located(note.text, file.name if note.line else None, note.line, note.key) for note in config.notes]
    return SweepJob(
        trial=replace(
            trial,
            command=_with_parameters(trial.command, space),
            local=replace(trial.local, notes=[*trial.local.notes, *notes]),
        ),
        objective=objective,
        search_space=space,
        sampling_algorithm=algorithm,
        early_termination=policy,
        limits=limits,
        experiment_name=trial.experiment_name,
        tags=dict(trial.tags),
        compute=trial.compute,
    )


def _sampling(config: Config) -> tuple[Sampling, dict[str, Parameter]]:
    kind: Any = config.choice("sampling", "type")
    if not config.has("sampling"):
        config.problem(("sampling",), "expected a section with type and parameter_space")
        return Sampling(), {}
    if not kind and config.get("sampling", "type") is None:
        config.problem(("sampling", "type"), "expected random, grid or bayesian")
    extra = config.get("sampling", "properties") or {}
    rule = config.choice("sampling", "rule") or str(extra.get("rule") or "")
    seed = config.get("sampling", "seed")
    seed = extra.get("seed") if seed is None else seed
    if rule and kind != "random":
        config.problem(("sampling", "rule"), f"{kind} sampling has no rule: it belongs to random sampling")
    if seed is not None and (not isinstance(seed, int) or seed < 0):
        config.problem(("sampling", "seed"), f"expected a whole number, 0 or more, got {seed}")
    space = parameter_space.read(config, kind)
    return Sampling(kind, rule=rule.lower() or None, seed=seed), space


def _policy(config: Config) -> EarlyTermination | None:
    named = config.choice("policy", "type")
    kind, own = _POLICIES.get(named, ("", ()))
    if not kind:
        return None
    for key in ("slack_factor", "slack_amount", "truncation_percentage"):
        if key not in own and config.value("policy", key) is not None:
            config.note(("policy", key), f"has no effect with {named}")
    policy = EarlyTermination(
        kind,
        evaluation_interval=_count(config, "policy.evaluation_interval", 1) or 1,
        delay_evaluation=_count(config, "policy.delay_evaluation", 0) or 0,
    )
    if kind == "bandit":
        given = [key for key in own if config.has("policy", key)]
        for key in given:
            slack = config.get("policy", key)
            if slack is not None and slack < 0:
                config.problem(("policy", key), f"expected a number, 0 or more, got {slack:g}")
            setattr(policy, key, slack)
        if not any(config.value("policy", key) for key in own) or len(given) > 1:
            wrong = "both are given" if given else "neither is given"
            line = config.line("policy", given[-1]) if given else None
            config.problem(("policy",), f"expected slack_factor or slack_amount; {wrong}", line=line)
    elif kind == "truncation_selection":
        policy.truncation_percentage = _count(config, "policy.truncation_percentage", 1, 99)
        if config.value("policy", "truncation_percentage") is None:
            config.problem(("policy",), "expected truncation_percentage, 1 to 99")
    return policy


def _objective(config: Config) -> Objective:
    name, goal = config.text("primary_metric_name"), config.choice("primary_metric_goal")
    if not name.strip():
        config.problem(("primary_metric_name",), "expected the metric that the script logs")
    if config.get("primary_metric_goal") is None:
        config.problem(("primary_metric_goal",), "expected maximize or minimize")
    return Objective(name, "minimize" if goal == "minimize" else "maximize")


def _limits(config: Config) -> Limits:
    minutes = _count(config, "max_duration_minutes", 1, _MOST_MINUTES)
    return Limits(
        timeout=None if minutes is None else minutes * 60,
        max_total_trials=_count(config, "max_total_runs", 1, MOST_TRIALS),
        max_concurrent_trials=_count(config, "max_concurrent_runs", 1, MOST_TRIALS),
    )


def _count(config: Config, key: str, low: int, high: int | None = None) -> int | None:
    """A whole number within bounds; None when the file does not say."""
    found: int | None = config.get(key)
    if found is not None and (found < low or (high is not None and found > high)):
        between = f"{low} to {high:,}" if high is not None else f"{low} or more"
        config.problems.append(config.error(key, f"expected a whole number, {between}, got {found}"))
    return found


def _remarks(
    config: Config, trial: CommandJob, space: dict[str, Parameter], algorithm: Sampling, limits: Limits
) -> None:
    """What is legal and probably not meant: said once at submit."""
    for value in config.values.values():
        if value.field is None:
            config.note(value.key, value.unknown)
    words = trial.command if isinstance(trial.command, list) else []
    for parameter in space.values():
        if any(word.partition("=")[0] == parameter.argument for word in words):
            text = f"{parameter.argument} is also in the run configuration; the sweep's value comes last."
            config.note((), text, 0)
    total, together = limits.max_total_trials, limits.max_concurrent_trials
    if total and together and together > total:
        config.note((), f"max_concurrent_runs {together} is more than max_total_runs {total}: {total} is used.", 0)
        limits.max_concurrent_trials = total
    if algorithm.type == "bayesian" and (total or MOST_TRIALS) < 20 * len(space):
        text = f"Bayesian sampling learns slowly: {20 * len(space)} runs or more are recommended."
        config.note((), text, 0)


def _with_parameters(command: list[str] | str, space: dict[str, Parameter]) -> list[str] | str:
    words = [word for key, one in space.items() for word in (one.argument, f"${{{{search_space.{key}}}}}")]
    return f"{command} {shell_line(words)}" if isinstance(command, str) else [*command, *words]
