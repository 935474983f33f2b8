"""`ScriptRunConfig` and `RunConfiguration` as run configuration files."""

from __future__ import annotations

import posixpath
from typing import Any

from amlrun.migrate.drivers import compute, environments
from amlrun.migrate.drivers.context import Construction, ConversionContext, stem
from amlrun.migrate.drivers.data import Data
from amlrun.migrate.drivers.signatures import bound, configured, name_of
from amlrun.migrate.drivers.values import NOTHING, Gap, Name, SdkObject, Text, gaps_in, known, plain
from amlrun.migrate.drivers.views import View
from amlrun.migrate.drivers.words import add_sections, arguments

_DISTRIBUTED = ("MpiConfiguration", "Mpi", "PyTorchConfiguration", "TensorflowConfiguration", "ParameterServer",
                "Nccl", "Gloo")  # fmt: skip


def script_run_config(context: ConversionContext, made: SdkObject) -> Construction:
    """Write the run configuration of a `ScriptRunConfig`."""
    done = context.note(made, "ScriptRunConfig")
    given = bound(made)
    base = known(given.get("run_config"))
    for key in ("script", "arguments", "command", "compute_target", "environment", "max_run_duration_seconds"):
        later = made.setting(key)
        if later is not NOTHING:
            given[key] = later
    loaded = isinstance(base, SdkObject) and name_of(base) == "RunConfiguration.load"
    if loaded and isinstance(base, SdkObject):
        done.notes.append(f"its run configuration is the file {_shown(bound(base).get('name'))}: submit that one")
    if not given.get("script") and not given.get("command") and isinstance(base, SdkObject):
        later = base.setting("script")
        given["script"] = bound(base).get("script") if later is NOTHING else later
    tree: dict[str, Any] = {}
    _script(context, done, tree, given)
    holders: list[tuple[SdkObject, str]] = [(made, "run_config.")]
    if isinstance(base, SdkObject) and not loaded:
        context.note(base, "RunConfiguration")
        holders = [(base, ""), *holders]
        inner = bound(base)
        given.setdefault("conda_dependencies", inner.get("conda_dependencies"))
        for key in ("framework", "communicator"):
            if inner.get(key):
                tree[key] = inner[key]
        if not given.get("arguments"):
            given["arguments"] = inner.get("arguments")
    elif isinstance(given.get("run_config"), Gap) or base is not None:
        done.gaps += gaps_in(given.get("run_config"))
    sections: list[Data] = []
    script = known(given.get("script"))
    name = stem(script if isinstance(script, (str, Text)) else None, made.variable or "train")
    settings(context, done, tree, View(holders), given, sections, name)
    if done.reason:
        return done
    context.write(name, ".runconfig", ordered(tree), made, [])
    return done


def run_configuration(context: ConversionContext, made: SdkObject) -> Construction:
    """Write a `RunConfiguration` that no other construction uses."""
    done = context.note(made, "RunConfiguration")
    given = bound(made)
    tree: dict[str, Any] = {}
    if given.get("script"):
        _script(context, done, tree, given)
    for key in ("framework", "communicator"):
        if given.get(key):
            tree[key] = given[key]
    settings(context, done, tree, View([(made, "")]), given, [], made.variable or "run")
    if done.reason:
        return done
    head = [] if "script" in tree else ["It names no script: give one at submit."]
    context.write(
        made.variable.replace("_", "-") or "run", ".runconfig", ordered(tree) or {"target": "local"}, made, head
    )
    return done


def _script(context: ConversionContext, done: Construction, tree: dict[str, Any], given: dict[str, Any]) -> None:
    script, command = plain(given.get("script"), done.made.line), given.get("command")
    if command:
        words = known(command)
        tree["command"] = _command(context, done, words, tree) if isinstance(words, (list, tuple)) else command
    elif script:
        if isinstance(known(script), Gap):
            done.reason = f"its script is {known(script).reason}"
            return
        tree["script"] = _below(context, script, given.get("source_directory"))
    else:
        done.reason = "it names no script"


def _below(context: ConversionContext, script: Any, folder: Any) -> Any:
    found = known(script)
    if isinstance(script, (Gap, Text)) or not isinstance(found, str):
        return script
    text = found.replace("\\", "/")
    source = source_directory(context, folder)
    if source and text.startswith(f"{source}/") and not context.exists(posixpath.join(source, text)):
        return text[len(source) + 1 :]
    return text


def _command(context: ConversionContext, done: Construction, words: Any, tree: dict[str, Any]) -> list[Any]:
    return arguments(done, words, tree, [])


def source_directory(context: ConversionContext, value: Any) -> str:
    """The folder that is copied, below the base folder; empty for the base itself."""
    found = known(value)
    if not isinstance(found, (str, Text)):
        return ""
    path = context.local(found.text if isinstance(found, Text) else found)
    return "" if path == "." else path


def settings(
    context: ConversionContext,
    done: Construction,
    tree: dict[str, Any],
    view: View,
    given: dict[str, Any],
    sections: list[Data],
    name: str,
) -> None:
    """All that a run configuration says beside its script, from arguments and from what was set later."""
    done.gaps += gaps_in(given.get("source_directory"))
    if given.get("arguments") is not None:
        words = arguments(done, given["arguments"], tree, sections)
        if words:
            tree["arguments"] = words
    later = view.get("arguments")
    if later is not NOTHING and not given.get("arguments"):
        tree["arguments"] = arguments(done, later, tree, sections)
    wanted = compute.target(given.get("compute_target"))
    if wanted is NOTHING:
        wanted = compute.target(view.get("target"))
    tree["target"] = "local" if wanted is NOTHING else wanted
    _plain(tree, view, given)
    _distribution(tree, given, view, done)
    _docker(tree, given, view)
    holders = View([(made, f"{prefix}environment.") for made, prefix in view.sources]).sources
    environment = given.get("environment")
    if environment is None:
        set_later = view.get("environment")
        environment = None if set_later is NOTHING else set_later
    unknown = known(environment)
    if isinstance(unknown, Gap) and not done.reason:
        done.reason = f"its environment is {unknown.reason}"
    found = environments.section(context, environment, holders, done, name)
    if given.get("conda_dependencies") is not None and "python" not in found:
        found["python"] = environments.conda(context, given["conda_dependencies"], [], done, name)
    if found:
        tree["environment"] = context.sections[id(done.made)] = found
    add_sections(tree, sections, view)


def _plain(tree: dict[str, Any], view: View, given: dict[str, Any]) -> None:
    names = {"node_count": "nodeCount", "framework": "framework", "communicator": "communicator",
             "max_run_duration_seconds": "maxRunDurationSeconds", "priority": "priority",
             "credential_passthrough": "credentialPassthrough"}  # fmt: skip
    for path, key in names.items():
        value = given.get(path, NOTHING) if path != "framework" else NOTHING
        later = view.get(path)
        value = later if later is not NOTHING else value
        if value is not NOTHING and value is not None and not isinstance(known(value), Name):
            tree[key] = value
    sections = {"mpi": {"process_count_per_node": "processCountPerNode"},
                "tensorflow": {"worker_count": "workerCount", "parameter_server_count": "parameterServerCount"},
                "pytorch": {"process_count": "processCount", "communication_backend": "communicationBackend"},
                "amlcompute": {"vm_size": "vmSize", "vm_priority": "vmPriority",
                               "cluster_max_node_count": "clusterMaxNodeCount"}}  # fmt: skip
    for section, keys in sections.items():
        inner = view.below(section)
        for path, key in keys.items():
            value = inner.get(path)
            if value is not NOTHING and value is not None:
                tree.setdefault(section, {})[key] = value
    variables = view.mapping("environment_variables")
    if variables is NOTHING:
        variables = given.get("environment_variables", NOTHING)
    if variables is not NOTHING and variables is not None:
        tree["environmentVariables"] = variables


def _distribution(tree: dict[str, Any], given: dict[str, Any], view: View, done: Construction) -> None:
    value = given.get("distributed_job_config", given.get("distributed_training"))
    made = known(value)
    if not isinstance(made, SdkObject) or made.name not in _DISTRIBUTED:
        done.gaps += gaps_in(value)
        return
    given = configured(made)
    if made.name in ("MpiConfiguration", "Mpi"):
        tree["framework"], tree["communicator"] = "Python", "Mpi"
        tree["mpi"] = {"processCountPerNode": given.get("process_count_per_node", 1)}
    elif made.name in ("PyTorchConfiguration", "Nccl", "Gloo"):
        backend = made.name if made.name in ("Nccl", "Gloo") else given.get("communication_backend", "Nccl")
        tree["framework"], tree["communicator"] = "PyTorch", backend
        if given.get("process_count") is not None:
            tree["pytorch"] = {"processCount": given["process_count"]}
    else:
        tree["framework"], tree["communicator"] = "TensorFlow", "ParameterServer"
        tree["tensorflow"] = {"workerCount": given.get("worker_count", 1),
                              "parameterServerCount": given.get("parameter_server_count", 1)}  # fmt: skip
    if given.get("node_count") is not None:
        tree["nodeCount"] = given["node_count"]
    elif made.name == "TensorflowConfiguration":
        counts = [known(count) for count in tree["tensorflow"].values()]
        if all(isinstance(count, int) for count in counts):
            tree["nodeCount"] = sum(counts)


def _docker(tree: dict[str, Any], given: dict[str, Any], view: View) -> None:
    made = known(given.get("docker_runtime_config"))
    inner = view.below("docker")
    given = dict(bound(made)) if isinstance(made, SdkObject) else {}
    names = {"use_docker": "useDocker", "arguments": "arguments", "shm_size": "shmSize"}
    own = known(view.get("docker"))
    if isinstance(own, SdkObject):
        given = {**bound(own), **given}
    for path, key in names.items():
        value = inner.get(path)
        value = given.get(path, NOTHING) if value is NOTHING else value
        if value is not NOTHING and value is not None:
            tree.setdefault("docker", {})[key] = value


_ORDER = ("script", "arguments", "command", "target", "framework", "communicator", "nodeCount", "maxRunDurationSeconds",
          "priority", "mpi", "pytorch", "tensorflow", "amlcompute", "environment", "docker", "data", "dataReferences",
          "outputData", "environmentVariables")  # fmt: skip


def ordered(tree: dict[str, Any]) -> dict[str, Any]:
    """The keys in the order that the SDK wrote them."""
    return {key: tree[key] for key in (*_ORDER, *tree) if key in tree}


def _shown(value: Any) -> str:
    found = known(value)
    return found if isinstance(found, str) else "that the driver loads"
