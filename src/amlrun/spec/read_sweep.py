"""Reads a v2 sweep job YAML into a job; what a local sweep and the service would refuse is refused with its line.

The keys are those of reference-yaml-job-sweep.md. The trial's part is read as a command job's.
"""

from __future__ import annotations

import re
import shlex
from typing import Literal

from amlrun.spec import search_space
from amlrun.spec.job import (
    BINDING,
    CommandJob,
    EarlyTermination,
    Limits,
    Objective,
    Parameter,
    Sampling,
    Scalar,
    SweepJob,
)
from amlrun.spec.node import Node
from amlrun.spec.read_command import Reader

_SHARED = ("name", "display_name", "experiment_name", "description", "tags", "compute", "inputs", "outputs",
           "identity", "queue_settings", "resources")  # fmt: skip
_KEYS = ("$schema", "type", *_SHARED, "properties", "trial", "sampling_algorithm", "search_space", "objective",
         "early_termination", "limits", "parent_job_name")  # fmt: skip
_UNUSED = ("properties", "parent_job_name")
_TRIAL = ("code", "command", "environment", "environment_variables", "distribution", "resources")
# What a shell would do something with, and where it would not.
_QUOTED = re.compile(r"""'[^']*'|"[^"$`\\!]*\"""")
_SHELL = re.compile(r"[|&;<>()$`\\*?\[\]#~!{}\n]")
_POLICIES: dict[str, tuple[str, ...]] = {
    "bandit": ("slack_factor", "slack_amount"),
    "median_stopping": (),
    "truncation_selection": ("truncation_percentage", "exclude_finished_jobs"),
}


def sweep(reader: Reader) -> SweepJob:
    """The sweep job of a file. Raises AmlError with file and line."""
    found = reader.section("", reader.root, _KEYS)
    for key in ("trial", "search_space", "objective", "sampling_algorithm"):
        if key not in found:
            raise reader.error(key, "is missing", reader.root.line, "A sweep job has trial, search_space, objective "
                               "and sampling_algorithm.")  # fmt: skip
    objective, space, sampling, policy, limits = parts(reader, found)
    trial = _trial(reader, found, space)
    job = SweepJob(
        trial,
        objective,
        space,
        sampling,
        policy,
        limits,
        experiment_name=trial.experiment_name,
        tags=dict(trial.tags),
        compute=trial.compute,
    )
    reader.unused("", found, _UNUSED)
    trial.local.notes, trial.local.sources = reader.notes, reader.sources(trial.inputs)
    return job


def parts(
    reader: Reader, found: dict[str, Node]
) -> tuple[Objective, dict[str, Parameter], Sampling, EarlyTermination | None, Limits]:
    """What a sweep says beside its trial: of a job, or of a pipeline's step."""
    sampling = _sampling(reader, found["sampling_algorithm"])
    space = _space(reader, found, sampling.type)
    policy = _policy(reader, found, sampling.type)
    return _objective(reader, found["objective"]), space, sampling, policy, _limits(reader, found)


def _trial(reader: Reader, found: dict[str, Node], space: dict[str, Parameter]) -> CommandJob:
    node = found["trial"]
    if node.kind == "scalar":
        hint = "Write its code, command and environment below `trial:`."
        raise reader.error("trial", f"{node.text!r} names a component, which is not supported here", node.line, hint)
    parts = reader.section("trial", node, _TRIAL)
    for name in parts:
        reader.lines[name] = reader.lines[f"trial.{name}"]
    trial = reader.command({**{name: found[name] for name in _SHARED if name in found}, **parts})
    reader.check_bindings(trial, space)
    trial.command = _words(str(trial.command), trial)
    if not any(f"search_space.{name}" in str(trial.command) for name in space):
        # The service hands the values out as environment variables too (azure-ai-ml's SweepJob).
        reader.notes.append(
            "trial.command: does not use ${{search_space.…}}: trials get their values only as AZUREML_SWEEP_…"
        )
    return trial


def _words(line: str, trial: CommandJob) -> list[str] | str:
    """A plain `python …` line as words, so that trials can be forked from a warm worker; else the line as it is."""
    bound = {name for kind, name in BINDING.findall(line) if kind == "inputs"}
    texts = [one.value for name, one in trial.inputs.items() if name in bound and isinstance(one.value, str)]
    if not all(re.fullmatch(r"[\w./:@%+,=-]+", text) for text in texts):
        return line  # the service puts a text into the line before the shell parts it
    line = BINDING.sub(r"${{\1.\2}}", line)
    if _SHELL.search(_QUOTED.sub("", BINDING.sub("", line))):
        return line
    try:
        words = shlex.split(line)
    except ValueError:
        return line
    return words if words and words[0] in ("python", "python3") else line


def _sampling(reader: Reader, node: Node) -> Sampling:
    key = "sampling_algorithm"
    parts = {"type": node}
    if node.kind == "map":
        parts = reader.section(key, node, ("type", "seed", "rule", "logbase"))
    kind = (reader.word("type", parts, f"{key}.type") or "").lower()
    if kind not in ("random", "grid", "bayesian"):
        raise reader.error(f"{key}.type", f"expected random, grid or bayesian, got {kind!r}", node.line)
    rule, seed = reader.word("rule", parts, f"{key}.rule"), reader.number("seed", parts, f"{key}.seed")
    for name in ("rule", "seed", "logbase"):
        if name in parts and kind != "random":
            raise reader.error(f"{key}.{name}", "belongs to random sampling only", parts[name].line)
    if rule is not None and rule.lower() not in ("random", "sobol"):
        raise reader.error(f"{key}.rule", f"expected random or sobol, got {rule!r}", parts["rule"].line)
    reader.unused(key, parts, ("logbase",))
    chosen: Literal["random", "grid", "bayesian"] = kind  # type: ignore[assignment]
    return Sampling(chosen, None if rule is None else rule.lower(), seed)


def _space(reader: Reader, found: dict[str, Node], kind: str) -> dict[str, Parameter]:
    named = reader.named("search_space", found)
    if not named:
        raise reader.error("search_space", "expected the parameters, each with its type", found["search_space"].line)
    return {name: _parameter(reader, f"search_space.{name}", name, node, kind) for name, node in named}


def _parameter(reader: Reader, key: str, name: str, node: Node, kind: str) -> Parameter:
    line = reader.lines[key]
    if not name.replace("_", "a").isalnum() or not name.isascii():
        raise reader.error(key, "a parameter's name has letters, digits and _ only", line)
    expression = node.get("type") if node.kind == "map" else None
    names = None if expression is None else search_space.SIGNATURES.get(expression.text)
    if expression is None or names is None:
        got = "nothing" if expression is None else repr(expression.text)
        raise reader.error(f"{key}.type", f"expected one of {', '.join(search_space.SIGNATURES)}, got {got}", line)
    allowed = search_space.ALLOWED.get(kind)
    if allowed and expression.text not in allowed:
        message = f"{kind} sampling takes {', '.join(allowed)} only, not {expression.text}"
        raise reader.error(f"{key}.type", message, expression.line)
    parameter = Parameter(expression.text, f"--{name}")
    parts = reader.section(key, node, ("type", *(names or ("values",))))
    if expression.text == "choice":
        wrong = search_space.choice(parameter, _values(parts.get("values")), kind)
    else:
        missing = [one for one in names if one not in parts]
        wrong = f"{', '.join(missing)}: missing" if missing else ""
        wrong = wrong or search_space.numbers(parameter, [parts[one].value for one in names], whole_q=False)
    if wrong:
        raise reader.error(key, wrong, line)
    slip = search_space.warn_suspicious_bounds(parameter, key)
    reader.notes += [f"{reader.file.name}:{line}: {slip}"] if slip else []
    return parameter


def _values(node: Node | None) -> list[Scalar | None] | None:
    if node is None or node.kind != "list":
        return None
    # Words that YAML takes for dates or the like stay words; a list or a section among them is refused.
    values: list[Scalar | None] = []
    for item in node.items:
        values.append(item.literal if item.kind == "scalar" and item.value is not None else None)
    return values


def _objective(reader: Reader, node: Node) -> Objective:
    parts = reader.section("objective", node, ("goal", "primary_metric"))
    metric = reader.word("primary_metric", parts, "objective.primary_metric")
    goal = (reader.word("goal", parts, "objective.goal") or "").lower()
    if not metric:
        raise reader.error("objective.primary_metric", "expected the metric that the script logs", node.line)
    if goal not in ("maximize", "minimize"):
        line = reader.lines.get("objective.goal", node.line)
        raise reader.error("objective.goal", f"expected maximize or minimize, got {goal!r}", line)
    chosen: Literal["maximize", "minimize"] = goal  # type: ignore[assignment]
    return Objective(metric, chosen)


def _policy(reader: Reader, found: dict[str, Node], kind: str) -> EarlyTermination | None:
    node = found.get("early_termination")
    if node is None:
        return None
    key = "early_termination"
    named = node.get("type") if node.kind == "map" else None
    policy = None if named is None else named.text.lower()
    if policy not in _POLICIES:
        raise reader.error(f"{key}.type", f"expected one of {', '.join(_POLICIES)}", node.line)
    if kind == "bayesian":
        raise reader.error(key, "bayesian sampling allows no early termination", node.line, "Leave it out.")
    own = _POLICIES[policy]
    parts = reader.section(key, node, ("type", "evaluation_interval", "delay_evaluation", *own))
    interval = reader.number("evaluation_interval", parts, f"{key}.evaluation_interval")
    made = EarlyTermination(
        policy,
        # 0 is what azure-ai-ml writes for "not said"; the reference says 1.
        evaluation_interval=interval or 1,
        delay_evaluation=reader.number("delay_evaluation", parts, f"{key}.delay_evaluation") or 0,
    )
    if policy == "bandit":
        _slack(reader, parts, made, node.line)
    elif policy == "truncation_selection":
        share = reader.number("truncation_percentage", parts, f"{key}.truncation_percentage")
        if share is None or not 1 <= share <= 99:
            raise reader.error(f"{key}.truncation_percentage", "expected 1 to 99", node.line)
        made.truncation_percentage = share
        reader.unused(key, parts, ("exclude_finished_jobs",))
    return made


def _slack(reader: Reader, parts: dict[str, Node], policy: EarlyTermination, line: int) -> None:
    # azure-ai-ml writes the one that is not meant as 0.
    given = {name: parts[name] for name in _POLICIES["bandit"] if name in parts and parts[name].value != 0}
    given = given or {name: parts[name] for name in _POLICIES["bandit"] if name in parts}
    if len(given) != 1:
        wrong = "both are given" if given else "neither is given"
        raise reader.error("early_termination", f"expected slack_factor or slack_amount; {wrong}", line)
    for name, node in given.items():
        if isinstance(node.value, bool) or not isinstance(node.value, (int, float)) or not node.value >= 0:
            raise reader.error(f"early_termination.{name}", "expected a number, 0 or more", node.line)
        setattr(policy, name, float(node.value))


def _limits(reader: Reader, found: dict[str, Node]) -> Limits:
    if "limits" not in found:
        return Limits()
    names = ("timeout", "trial_timeout", "max_total_trials", "max_concurrent_trials")
    parts = reader.section("limits", found["limits"], names)
    values = {name: reader.number(name, parts, f"limits.{name}") for name in names}
    for name in names[2:]:
        value = values[name]
        if value is not None and not 1 <= value <= search_space.MOST_TRIALS:
            between = f"expected 1 to {search_space.MOST_TRIALS:,}, got {value}"
            raise reader.error(f"limits.{name}", between, parts[name].line)
    return Limits(**values)
