"""`HyperDriveConfig` as a sweep file."""

from __future__ import annotations

from typing import Any

from amlrun.migrate.drivers.context import Construction, ConversionContext
from amlrun.migrate.drivers.signatures import bound, name_of
from amlrun.migrate.drivers.values import NOTHING, Gap, Name, SdkObject, gaps_in, known

KINDS = ("HyperDriveConfig", "HyperDriveRunConfig")
_SAMPLING = {"RandomParameterSampling": "random", "GridParameterSampling": "grid",
             "BayesianParameterSampling": "bayesian"}  # fmt: skip
_POLICIES = ("BanditPolicy", "MedianStoppingPolicy", "TruncationSelectionPolicy", "NoTerminationPolicy")
_EXPRESSIONS = ("choice", "randint", "uniform", "quniform", "loguniform", "qloguniform", "normal", "qnormal",
                "lognormal", "qlognormal")  # fmt: skip


def tree_of(made: SdkObject, done: Construction) -> dict[str, Any]:
    """The sweep file as plain data; what hinders it is noted in `done`."""
    given = bound(made)
    sampling = known(given.get("hyperparameter_sampling"))
    if not isinstance(sampling, SdkObject) or name_of(sampling) not in _SAMPLING:
        done.reason = f"its sampling is {_why(given.get('hyperparameter_sampling'))}"
        return {}
    if "**" in given:
        done.gaps.append(given["**"])
    tree: dict[str, Any] = {
        "sampling": {"type": _SAMPLING[name_of(sampling)], "parameter_space": _space(sampling, done)}
    }
    policy = known(given.get("policy"))
    if isinstance(policy, SdkObject) and policy.name in _POLICIES:
        tree["policy"] = {"type": policy.name, **bound(policy)}
    elif given.get("policy") is not None:
        done.gaps.append(_gap(given["policy"], "a policy that is not in the code"))
    for key in ("primary_metric_name", "primary_metric_goal", "max_total_runs", "max_concurrent_runs",
                "max_duration_minutes"):  # fmt: skip
        value = given.get(key)
        if value is None:
            continue
        tree[key] = _goal(value) if key.endswith("goal") else value
    for key in ("primary_metric_name", "primary_metric_goal"):
        if key not in tree:
            tree[key] = Gap("not given", made.line, key)
    return tree


def sweep(context: ConversionContext, made: SdkObject) -> Construction:
    """Write the sweep file of a `HyperDriveConfig`; its run configuration is written by itself."""
    done = context.note(made, "HyperDriveConfig")
    if done.reason:
        return done
    tree = tree_of(made, done)
    run = trial(made)
    if run is None:
        done.reason = done.reason or f"what it runs is {_why(_run(bound(made)))}"
    elif id(run) in context.done:
        inner = context.done[id(run)]
        if inner.reason:
            done.gaps.append(Gap(f"what it runs was not written: {inner.reason}", run.line, "run_config"))
    if done.reason:
        return done
    name = "sweep"
    context.write(name, ".yml", tree, made, [])
    return done


def trial(made: SdkObject) -> SdkObject | None:
    """The `ScriptRunConfig` or estimator that a sweep runs."""
    found = known(_run(bound(made)))
    return found if isinstance(found, SdkObject) else None


def _run(given: dict[str, Any]) -> Any:
    return given.get("run_config") or given.get("estimator") or given.get("pipeline")


def _space(sampling: SdkObject, done: Construction) -> Any:
    space = bound(sampling).get("parameter_space")
    if isinstance(space, Gap):
        done.gaps.append(space)
    plain = known(space)
    if not isinstance(plain, dict):
        done.reason = f"its parameters are {_why(space)}"
        return []
    return [_parameter(str(key), value, done) for key, value in plain.items()]


def _parameter(name: str, value: Any, done: Construction) -> dict[str, Any]:
    made = known(value)
    if isinstance(value, Gap):
        done.gaps.append(value)
    if isinstance(made, SdkObject) and made.name in _EXPRESSIONS:
        given = [*made.args, *made.kwargs.values()]
        if made.name == "choice" and len(given) == 1 and isinstance(known(given[0]), (list, tuple)):
            done.gaps += gaps_in(given[0]) if isinstance(given[0], Gap) else []
            given = list(known(given[0]))
        return {"name": name, "expression": made.name, "values": [_option(one) for one in given]}
    if isinstance(made, (str, int, float, bool)):
        return {"name": name, "expression": "choice", "values": [made]}
    return {"name": name, "expression": "choice", "values": [_gap(value, "a distribution that is not in the code")]}


def _option(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return str(list(value))
    return value if isinstance(known(value), (str, int, float, bool, Gap)) else _gap(value, "not in the code")


def _goal(value: Any) -> Any:
    plain = known(value)
    if isinstance(plain, Name):
        return plain.full.rpartition(".")[2].capitalize()
    if isinstance(plain, str):
        return plain.capitalize() if plain.lower() in ("maximize", "minimize") else plain
    return value


def _gap(value: Any, reason: str) -> Gap:
    return value if isinstance(value, Gap) else Gap(reason, getattr(value, "line", 0) or 0, "value")


def _why(value: Any) -> str:
    plain = known(value)
    if isinstance(plain, Gap):
        return plain.reason
    if isinstance(plain, SdkObject):
        return f"the result of {plain.name.lstrip('.')}()"
    return "not given" if plain in (None, NOTHING) else "not in the code"
