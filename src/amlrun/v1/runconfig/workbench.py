"""Run configurations of Azure ML Workbench (2017, 2018): recognised and converted as far as they map."""

from __future__ import annotations

from pathlib import Path

from amlrun.spec import node as yaml_tree
from amlrun.spec.node import Node
from amlrun.v1 import reading
from amlrun.v1.config import Config, Key, Value, is_file
from amlrun.v1.runconfig.field_table import RUNCONFIG
from amlrun.v1.table import camel, near

_MARKS = ("argumentVector", "condaFile", "trackedRun", "sparkDependenciesFile", "managedEnvironment", "useSampling")
_MODERN = ("script", "environment", "command", "arguments", "data", "dataReferences")
PLAIN: dict[str, Key] = {
    "target": ("target",),
    "framework": ("framework",),
    "environmentVariables": ("environment", "environmentVariables"),
    "condaDependenciesFile": ("environment", "python", "condaDependenciesFile"),
    "condaFile": ("environment", "python", "condaDependenciesFile"),
    "managedEnvironment": ("environment", "python", "userManagedDependencies"),
}
_REASONS = {
    "trackedRun": ("ignored", "every run is recorded"),
    "prepareEnvironment": ("ignored", "environments are always prepared"),
    "description": ("ignored", "for documentation only"),
    "sparkDependenciesFile": ("unsupported", "write its packages below environment: spark: packages"),
    "useSampling": ("unsupported", "Workbench's data sources are retired: sample in the script"),
    "dataSourceSubstitutions": ("unsupported", "Workbench's data sources are retired: give the path as an argument"),
}
_COMPUTE: dict[str, Key] = {
    "baseDockerImage": ("environment", "docker", "baseImage"),
    "pythonLocation": ("environment", "python", "interpreterPath"),
    "userManagedEnvironment": ("environment", "python", "userManagedDependencies"),
    "sharedVolumes": ("environment", "docker", "sharedVolumes"),
    "yarnDeployMode": ("hdi", "yarnDeployMode"),
    "nodeCount": ("nodeCount",),
    "priority": ("priority",),
}
# Compute types that were this machine, and the names that Workbench gave them in every new project.
_HERE = ("local", "localdocker", "docker", "docker-python", "docker-spark")


def is_workbench(root: Node) -> bool:
    """Whether a tree is a Workbench file: it has a key that only those have, and none that they lack."""
    keys = {camel(key) for key, _, _ in root.pairs}
    own = any(mark in keys for mark in _MARKS) or ("condaDependenciesFile" in keys and "target" in keys)
    return own and not any(key in keys for key in _MODERN)


def convert(root: Node, file: Path) -> Config:
    """A Workbench file as a run configuration of today; what does not map is noted."""
    config = Config(RUNCONFIG, file)
    config.note((), "a Workbench file of 2017 or 2018, converted: `aml export` writes it as a v2 job", 1)
    for key, line, node in root.pairs:
        name = camel(key)
        origin = Value((name,), None, node.plain(), line)
        config.converted.append(origin)
        if name == "argumentVector":
            _arguments(config, node, origin)
        elif name in PLAIN and not node.empty:
            _take(config, PLAIN[name], node, origin)
            if name == "managedEnvironment":
                value = config.values[PLAIN[name]]
                value.value = not value.value
        elif name in _REASONS and _REASONS[name][0] == "unsupported" and node.value is not False and not node.empty:
            config.note((name,), f"is not supported: {_REASONS[name][1]}", line)
        elif name not in _REASONS and name not in PLAIN:
            origin.meant = near(name, (*PLAIN, *_REASONS))
            config.note((name,), "unknown key, not used", line)
    _compute_file(config, file)
    return config


def reason(name: str) -> tuple[str, str]:
    """Status and reason of a Workbench key that becomes nothing."""
    return _REASONS.get(name, ("unknown", "not a key of a Workbench file"))


def _take(config: Config, key: Key, node: Node, origin: Value) -> None:
    config.origins[key] = origin
    reading.read_value(config, RUNCONFIG.field(key), key, node, origin.line)


def _arguments(config: Config, node: Node, origin: Value) -> None:
    """ArgumentVector: the script, then its arguments. `$file` stood for the file open in the editor."""
    config.origins[("arguments",)] = config.origins[("script",)] = origin
    words = [item for item in node.items if item.kind == "scalar"] if node.kind == "list" else [node]
    if words and words[0].text not in ("$file", ""):
        reading.read_value(config, RUNCONFIG.field(("script",)), ("script",), words[0], words[0].line)
    elif words:
        config.note(
            ("script",), "$file was the file open in the editor: give the script after the options", origin.line
        )
    rest = Node("list", origin.line, items=words[1:])
    reading.read_value(config, RUNCONFIG.field(("arguments",)), ("arguments",), rest, origin.line)


def _compute_file(config: Config, file: Path) -> None:
    """The target's own file, `<target>.compute`, said what it is and what it has."""
    target = config.text("target")
    place = file.with_name(f"{Path(target).name}.compute") if target else file
    kind = target if target in _HERE else ""
    if target and place != file and is_file(place):
        root, _ = yaml_tree.read(place)
        if root.kind == "map":
            line = config.line("target")
            others = [camel(key) for key, _, _ in root.pairs]
            others = [name for name in others if name not in _COMPUTE and name not in ("type", "name")]
            if others:
                config.note(("target",), f"{place.name}: no effect: {', '.join(others)}")
            for key, _, node in root.pairs:
                name = camel(key)
                if name == "type":
                    kind = node.text
                elif name in _COMPUTE and not node.empty and _COMPUTE[name] not in config.values:
                    _take(config, _COMPUTE[name], node, Value((f"{place.name}: {name}",), None, node.plain(), line))
    if kind.lower() in _HERE and target != "local":
        config.note(("target",), f"{target!r} was a container on this machine: the local target, without a container")
        config.values[("target",)].words = config.values[("target",)].value = "local"
