"""v1's HyperDrive file (`hdconfig.yml`) → a v2 sweep job.

The service's v2 client checks nothing of a sweep, so what v1 refused is refused here (V1 CLI §6), and every mistake
in the file is named with its line, not the first alone. Beyond v1: `sampling` may have v2's `rule` and `seed`.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from amlrun.errors import AmlError
from amlrun.spec.job import CommandJob, EarlyTermination, Limits, Objective, Parameter, Sampling, SweepJob, shell_line
from amlrun.spec.search_space import MOST_TRIALS
from amlrun.v1.hyperdrive import space as hyperdrive_space
from amlrun.v1.hyperdrive.file import HyperdriveFile, expected, number, whole

_TOP = ("sampling", "policy", "primary_metric_name", "primary_metric_goal", "max_total_runs",
        "max_concurrent_runs", "max_duration_minutes")  # fmt: skip
_POLICIES = {
    "banditpolicy": "bandit",
    "medianstoppingpolicy": "median_stopping",
    "truncationselectionpolicy": "truncation_selection",
    "noterminationpolicy": "",
}
_POLICY_NAMES = "BanditPolicy, MedianStoppingPolicy, TruncationSelectionPolicy, NoTerminationPolicy"
_POLICY_KEYS = {
    "bandit": ("slack_factor", "slack_amount"),
    "truncation_selection": ("truncation_percentage",),
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
    return _Reader(file).sweep(trial)


class _Reader(HyperdriveFile):
    def sweep(self, trial: CommandJob) -> SweepJob:
        self.unknown(self.tree, _TOP, "")
        sampling = self.section("sampling", required=True)
        algorithm = self.sampling(sampling)
        space = hyperdrive_space.read(self, sampling, algorithm.type if algorithm else None) if sampling else {}
        policy = self.policy()
        if policy and algorithm and algorithm.type == "bayesian":
            hint = "Write `type: NoTerminationPolicy`, or use random sampling."
            self.mistake(
                "bayesian sampling allows no early termination", self.tree["policy"], "type", "policy.type", hint
            )
        objective = self.objective()
        limits = self.limits()
        if self.mistakes:
            self.raise_first_fault()
        assert algorithm and objective  # noqa: S101 - each is there when nothing was wrong
        self.remarks(trial, space, algorithm, limits)
        return SweepJob(
            trial=replace(
                trial,
                command=_with_parameters(trial.command, space),
                local=replace(trial.local, notes=[*trial.local.notes, *self.notes]),
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

    def sampling(self, section: Any) -> Sampling | None:
        if section is None:
            return None
        self.unknown(section, ("type", "parameter_space", "rule", "seed", "properties"), "sampling.")
        kind = str(section.get("type", "")).lower()
        if kind not in ("random", "grid", "bayesian"):
            self.mistake(expected("random, grid or bayesian", section.get("type")), section, "type", "sampling.type")
            return None
        extra = section
        if isinstance(section.get("properties"), dict):
            extra = {**section["properties"], **{key: section[key] for key in ("rule", "seed") if key in section}}
        rule, seed = extra.get("rule"), extra.get("seed")
        if rule is not None and (str(rule).lower() not in ("random", "sobol") or kind != "random"):
            wanted = "random or sobol" if kind == "random" else "no rule: it belongs to random sampling"
            self.mistake(expected(wanted, rule), section, "rule", "sampling.rule")
        if seed is not None and (not whole(seed) or seed < 0):
            self.mistake(expected("a whole number, 0 or more", seed), section, "seed", "sampling.seed")
        sampled: Literal["random", "grid", "bayesian"] = kind  # type: ignore[assignment]
        return Sampling(sampled, rule=None if rule is None else str(rule).lower(), seed=seed)

    def policy(self) -> EarlyTermination | None:
        section = self.section("policy", required=False)
        if not section or section.get("type") is None:
            return None
        named = str(section["type"])
        kind = _POLICIES.get(named.lower())
        if kind is None:
            self.mistake(expected(f"one of {_POLICY_NAMES}", named), section, "type", "policy.type")
            return None
        if not kind:
            return None
        own = _POLICY_KEYS.get(kind, ())
        self.unknown(section, ("type", "evaluation_interval", "delay_evaluation", *own), "policy.", f" of {named}")
        policy = EarlyTermination(
            kind,
            evaluation_interval=self.count(section, "evaluation_interval", "policy.", 1, None) or 1,
            delay_evaluation=self.count(section, "delay_evaluation", "policy.", 0, None) or 0,
        )
        if kind == "bandit":
            policy.slack_factor = self.slack(section, "slack_factor")
            policy.slack_amount = self.slack(section, "slack_amount")
            given = [key for key in own if section.get(key) is not None]
            if len(given) != 1:
                wrong = "both are given" if given else "neither is given"
                place = given[-1] if given else None
                self.mistake(f"expected slack_factor or slack_amount; {wrong}", section, place, "policy")
        elif kind == "truncation_selection":
            policy.truncation_percentage = self.count(section, "truncation_percentage", "policy.", 1, 99)
            if section.get("truncation_percentage") is None:
                self.mistake("expected truncation_percentage, 1 to 99", section, None, "policy")
        return policy

    def slack(self, section: Any, key: str) -> float | None:
        value = section.get(key)
        if value is None:
            return None
        if not number(value) or value < 0:
            self.mistake(expected("a number, 0 or more", value), section, key, f"policy.{key}")
            return None
        return float(value)

    def objective(self) -> Objective | None:
        name, goal = self.tree.get("primary_metric_name"), self.tree.get("primary_metric_goal")
        if not isinstance(name, str) or not name.strip():
            self.mistake(expected("the metric that the script logs", name), self.tree, "primary_metric_name")
        folded = str(goal).lower()
        if folded not in ("maximize", "minimize"):
            hint = "Write it with a `z`." if folded in ("maximise", "minimise") else ""
            self.mistake(expected("maximize or minimize", goal), self.tree, "primary_metric_goal", hint=hint)
            return None
        chosen: Literal["maximize", "minimize"] = folded  # type: ignore[assignment]
        return Objective(str(name), chosen)

    def limits(self) -> Limits:
        minutes = self.count(self.tree, "max_duration_minutes", "", 1, _MOST_MINUTES)
        return Limits(
            timeout=None if minutes is None else minutes * 60,
            max_total_trials=self.count(self.tree, "max_total_runs", "", 1, MOST_TRIALS),
            max_concurrent_trials=self.count(self.tree, "max_concurrent_runs", "", 1, MOST_TRIALS),
        )

    def remarks(self, trial: CommandJob, space: dict[str, Parameter], algorithm: Sampling, limits: Limits) -> None:
        """What is legal and probably not meant: said once at submit."""
        words = trial.command if isinstance(trial.command, list) else []
        for parameter in space.values():
            if any(word.partition("=")[0] == parameter.argument for word in words):
                self.notes.append(
                    f"{parameter.argument} is also in the run configuration; the sweep's value comes last."
                )
        total, together = limits.max_total_trials, limits.max_concurrent_trials
        if total and together and together > total:
            self.notes.append(f"max_concurrent_runs {together} is more than max_total_runs {total}: {total} is used.")
            limits.max_concurrent_trials = total
        if algorithm.type == "bayesian" and (total or MOST_TRIALS) < 20 * len(space):
            self.notes.append(f"Bayesian sampling learns slowly: {20 * len(space)} runs or more are advised here.")


def _with_parameters(command: list[str] | str, space: dict[str, Parameter]) -> list[str] | str:
    words = [word for key, one in space.items() for word in (one.argument, f"${{{{search_space.{key}}}}}")]
    return f"{command} {shell_line(words)}" if isinstance(command, str) else [*command, *words]
