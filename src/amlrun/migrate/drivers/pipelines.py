"""`Pipeline` and its steps as a v2 pipeline YAML."""

from __future__ import annotations

import re
from typing import Any

from amlrun.migrate.drivers import nodes as nodes_of_steps
from amlrun.migrate.drivers import steps
from amlrun.migrate.drivers.context import Construction, ConversionContext, stem
from amlrun.migrate.drivers.packages import listed
from amlrun.migrate.drivers.signatures import bound, name_of
from amlrun.migrate.drivers.steps import Step, input_name, output_entry, root
from amlrun.migrate.drivers.values import NOTHING, Gap, SdkObject, gaps_in, known
from amlrun.spec.pipeline import literal_type

SCHEMA = "https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json"


def pipeline(
    context: ConversionContext, made: SdkObject, others: list[SdkObject], submitted: dict[str, Any], experiment: Any
) -> Construction:
    """Write the YAML of a `Pipeline`. `others` are the driver's steps: those that feed a listed one belong to it.

    `submitted` are the parameters it was submitted with, `experiment` the experiment's name or None.
    """
    done = context.note(made, "Pipeline")
    if done.reason:
        return done
    named, orders = _listed(bound(made).get("steps"))
    done.reason = _hindrance(named)
    if done.reason:
        return done
    chosen = _closure([one for one in named if isinstance(one, SdkObject)], others)
    keys = _keys(chosen)
    producers = {root(one.made): (keys[id(step)], one.name) for step in chosen for one in steps.outputs_of(step)}
    read = [steps.read(context, step, keys[id(step)], producers) for step in chosen]
    nodes: dict[str, Any] = {}
    inputs: dict[str, Any] = {}
    for step in read:
        node = nodes_of_steps.node(context, step, bound(made).get("default_source_directory"))
        if step.done.reason:
            done.reason = f"its step ({context.source.spot(step.made.line)}) was not read: {step.done.reason}"
            return done
        nodes[step.key] = _wired(context, step, node, producers, inputs, submitted)
    _order(read, orders, nodes)
    for step in read:
        done.gaps += [gap for gap in step.done.gaps if gap not in done.gaps]
        done.notes += step.done.notes
    tree: dict[str, Any] = {"$schema": SCHEMA, "type": "pipeline"}
    if isinstance(known(experiment), str):
        tree["experiment_name"] = known(experiment)
    if bound(made).get("description"):
        tree["description"] = bound(made)["description"]
    targets = {node.get("compute") for node in nodes.values()}
    if len(targets) == 1 and None not in targets:
        tree["settings"] = {"default_compute": targets.pop()}
        for node in nodes.values():
            del node["compute"]
    elif None in targets and len(targets) == 2:
        tree["settings"] = {"default_compute": next(one for one in targets if one)}
    if inputs:
        tree["inputs"] = inputs
    tree["jobs"] = nodes
    name = stem(experiment if isinstance(known(experiment), str) else None, "pipeline")
    path = context.write(name if name.endswith("pipeline") else f"{name}-pipeline", ".yml", tree, made, [], "")
    for step in read:
        step.done.wrote.append(context.place(path))
    return done


def _listed(value: Any) -> tuple[list[Any], list[tuple[SdkObject, SdkObject]]]:
    """The steps that are named, and the pairs of which the second follows the first."""
    plain = known(value)
    orders: list[tuple[SdkObject, SdkObject]] = []
    if isinstance(plain, SdkObject) and name_of(plain) == "StepSequence":
        groups = known(bound(plain).get("steps"))
        found: list[Any] = []
        before: list[Any] = []
        for group in groups if isinstance(groups, (list, tuple)) else [groups]:
            here, more = _listed(group)
            orders += [(one, two) for one in before for two in here] + more
            found += here
            before = here
        return found, orders
    if isinstance(plain, (list, tuple)):
        found = []
        for item in plain:
            here, more = _listed(item)
            found += here
            orders += more
        return found, orders
    return [plain if isinstance(plain, SdkObject) else value], []


def _hindrance(named: list[Any]) -> str:
    if not named:
        return "its steps are added in a loop, or there are none in the code"
    for one in named:
        if isinstance(one, Gap):
            return f"one of its steps is {one.reason}"
        if not isinstance(one, SdkObject):
            return "its steps are not in the code"
        if one.name not in steps.KINDS:
            return f"its {one.name.lstrip('.')} has no counterpart that is written"
        if one.loop:
            return f"its step is made in a loop (line {one.loop})"
    return ""


def _closure(named: list[SdkObject], others: list[SdkObject]) -> list[SdkObject]:
    """The steps that are named and those that write what they read, in the order of the text."""
    chosen = {id(one): one for one in named}
    grown = True
    while grown:
        grown = False
        wanted: set[int] = set()
        for one in chosen.values():
            given = bound(one)
            for value in [*listed(given.get("inputs")), *steps.arguments_of(one)]:
                wanted.add(root(value))
            wanted |= {id(call.args[0]) for call in one.calls if call.path == "run_after" and call.args}
        for other in others:
            feeds = {root(one.made) for one in steps.outputs_of(other)} | {id(other)}
            if id(other) not in chosen and feeds & wanted and other.name in steps.KINDS and not other.loop:
                chosen[id(other)] = other
                grown = True
    order = {id(one): at for at, one in enumerate(others)}
    return sorted(chosen.values(), key=lambda one: order.get(id(one), 0))


def _keys(chosen: list[SdkObject]) -> dict[int, str]:
    found: dict[int, str] = {}
    for one in chosen:
        given = bound(one)
        named = known(given.get("name")) or known(given.get("script_name")) or one.variable
        word = re.sub(r"[^a-z0-9_]+", "_", (named if isinstance(named, str) else one.variable or "step").lower())
        word = word.removesuffix("_py").strip("_") or "step"
        word = f"step_{word}" if word[0].isdigit() else word
        key, number = word, 2
        while key in found.values():
            key, number = f"{word}_{number}", number + 1
        found[id(one)] = key
    return found


def _wired(
    context: ConversionContext,
    step: Step,
    node: dict[str, Any],
    producers: dict[int, tuple[str, str]],
    inputs: dict[str, Any],
    submitted: dict[str, Any],
) -> dict[str, Any]:
    """The node with inputs and outputs bound, its keys in the usual order."""
    wired: dict[str, Any] = {}
    variables = dict(context.variables.get(step.key) or {})
    for name in list(step.reads):
        wired[name] = steps.bound_input(step, name, producers, inputs)
        if step.reads[name].kind in ("dataset", "intermediate") and node["type"] == "command":
            variables.setdefault(name, f"${{{{inputs.{name}}}}}")
    if re.match(r"python\S* (?!-)\S*/", str(node.get("command"))):
        # v1 had the snapshot's root on sys.path, v2 has not (azure-sdk-for-python#29724).
        variables.setdefault("PYTHONPATH", ".")
    for name, parameter in step.parameters.items():
        label = input_name(name)
        default = submitted.get(name, bound(parameter).get("default_value", NOTHING))
        if isinstance(known(default), SdkObject):
            default = Gap("data that the pipeline's user chooses", parameter.line, name)
        if default is NOTHING or default is None:
            default = Gap("a parameter without a default", parameter.line, name)
        step.done.gaps += gaps_in(default)
        inputs[label] = default
        wired[label] = f"${{{{parent.inputs.{label}}}}}"
    shown: dict[str, Any] = {}
    label = known(step.given.get("name"))
    if isinstance(label, str) and label != step.key:
        shown["display_name"] = label
    shown["type"] = node.pop("type")
    reuse = known(step.given.get("allow_reuse"))
    body = {key: value for key, value in node.items() if key not in ("compute", "resources", "distribution")}
    if reuse is False and shown["type"] == "command":
        kinds = {name: _kind(step, name, inputs.get(name)) for name in wired}
        component: dict[str, Any] = {**body, "is_deterministic": False}
        if kinds:
            component["inputs"] = kinds
        if step.writes:
            component["outputs"] = {name: {"type": "uri_folder"} for name in step.writes}
        body = {"component": component}
    elif shown["type"] == "sweep":
        trial = body["trial"]
        named = {name: _kind(step, name, inputs.get(name)) for name in wired}
        named |= {name: {"type": _space_kind(space)} for name, space in body["search_space"].items()}
        trial["inputs"] = named
        if step.writes:
            trial["outputs"] = {name: {"type": "uri_folder"} for name in step.writes}
    shown |= body
    shown |= {key: node[key] for key in ("compute", "resources", "distribution") if key in node}
    if variables and shown["type"] == "command":
        shown["environment_variables"] = variables
    if wired:
        shown["inputs"] = wired
    if step.writes:
        shown["outputs"] = {name: output_entry(one) for name, one in step.writes.items()}
    return shown


def _kind(step: Step, name: str, value: Any) -> dict[str, Any]:
    if name in step.reads:
        return {"type": value["type"] if isinstance(value, dict) else "uri_folder"}
    return {"type": literal_type(known(value))}


def _space_kind(space: dict[str, Any]) -> str:
    if space["type"] != "choice":
        return "integer" if space["type"] == "randint" else "number"
    values = [known(one) for one in space["values"]]
    if all(isinstance(one, int) and not isinstance(one, bool) for one in values):
        return "integer"
    return "number" if all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in values) else "string"


def _order(read: list[Step], orders: list[tuple[SdkObject, SdkObject]], nodes: dict[str, Any]) -> None:
    """`run_after` and StepSequence as an output that nobody fills, where data does not say the order already."""
    by_made = {id(step.made): step for step in read}
    pairs = [(one, two) for one, two in orders if isinstance(one, SdkObject) and isinstance(two, SdkObject)]
    for step in read:
        pairs += [(call.args[0], step.made) for call in step.made.calls if call.path == "run_after" and call.args]
    for one, two in pairs:
        first, second = by_made.get(id(known(one))), by_made.get(id(known(two)))
        if first is None or second is None or _follows(second.key, first.key, nodes):
            continue
        for part in [nodes[first.key], nodes[first.key].get("component")]:
            if isinstance(part, dict):
                part.setdefault("outputs", {})["done"] = {"type": "uri_folder"}
        nodes[second.key].setdefault("inputs", {})[f"after_{first.key}"] = (
            f"${{{{parent.jobs.{first.key}.outputs.done}}}}"
        )
        component = nodes[second.key].get("component") or nodes[second.key].get("trial")
        if isinstance(component, dict):
            component.setdefault("inputs", {})[f"after_{first.key}"] = {"type": "uri_folder"}


def _follows(key: str, before: str, nodes: dict[str, Any]) -> bool:
    """Whether data already makes one node wait for another."""
    waiting, seen = [key], {key}
    while waiting:
        for binding in (nodes[waiting.pop()].get("inputs") or {}).values():
            match = re.match(r"\$\{\{parent\.jobs\.(\w+)\.", str(binding))
            if match and match[1] == before:
                return True
            if match and match[1] not in seen and match[1] in nodes:
                seen.add(match[1])
                waiting.append(match[1])
    return False
