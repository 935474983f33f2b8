"""What a step of a v1 pipeline runs, and where, as a node of a v2 pipeline."""

from __future__ import annotations

import re
from typing import Any

from amlrun.migrate.drivers import compute, environments, scoring, sweeps
from amlrun.migrate.drivers.context import ConversionContext, stem
from amlrun.migrate.drivers.packages import Packages
from amlrun.migrate.drivers.runconfigs import source_directory
from amlrun.migrate.drivers.signatures import bound, configured
from amlrun.migrate.drivers.steps import Step, line
from amlrun.migrate.drivers.values import NOTHING, Gap, SdkObject, Text, gaps_in, known, plain, shown
from amlrun.migrate.drivers.views import View
from amlrun.spec.job import DEFAULT_IMAGE
from amlrun.spec.search_space import SIGNATURES


def node(context: ConversionContext, step: Step, default_source: Any) -> dict[str, Any]:
    """The node without its inputs and outputs, which the pipeline binds."""
    made, given = step.made, step.given
    if made.name in ("PythonScriptStep", "CommandStep"):
        return _command(context, step, given, given.get("source_directory", default_source), given.get("runconfig"))
    inner = known(given.get("estimator") or given.get("hyperdrive_config") or given.get("parallel_run_config"))
    if not isinstance(inner, SdkObject):
        step.done.reason = "what it runs is not in the code"
        return {}
    if made.name == "ParallelRunStep":
        return _parallel(context, step, inner)
    if made.name == "HyperDriveStep":
        return _sweep(context, step, inner)
    own = bound(inner)
    given.setdefault("script_name", own.get("entry_script", own.get("script")))
    given.setdefault("compute_target", own.get("compute_target"))
    return _command(context, step, given, own.get("source_directory", default_source), None, inner)


def _command(
    context: ConversionContext,
    step: Step,
    given: dict[str, Any],
    source: Any,
    runconfig: Any,
    inner: SdkObject | None = None,
) -> dict[str, Any]:
    script, command = plain(given.get("script_name"), step.made.line), given.get("command")
    found: dict[str, Any] = {"type": "command"}
    if isinstance(known(source), Gap) and source is not None:
        step.done.gaps.append(source)
    folder = source_directory(context, source)
    found["code"] = folder or "."
    if command is not None and not script:
        text = known(command)
        found["command"] = line(step.words) if isinstance(text, (list, tuple)) else command
    elif script is None or isinstance(known(script), Gap):
        step.done.reason = f"its script is {known(script).reason}" if script else "it names no script"
        return found
    else:
        step.done.gaps += gaps_in(script) if isinstance(script, (Gap, Text)) else []
        found["command"] = line(["python", shown(script).replace("\\", "/"), *step.words])
    run = known(runconfig)
    if isinstance(run, SdkObject):
        context.note(run, "RunConfiguration") if run.name == "RunConfiguration" else None
    elif isinstance(run, Gap):
        step.done.gaps.append(run)
    _where(context, step, found, given, run if isinstance(run, SdkObject) else None)
    found["environment"] = environment(context, step, given, run if isinstance(run, SdkObject) else None, inner)
    _distribution(found, run if isinstance(run, SdkObject) else inner)
    return found


def _where(
    context: ConversionContext, step: Step, found: dict[str, Any], given: dict[str, Any], run: SdkObject | None
) -> None:
    wanted = compute.target(given.get("compute_target"))
    if wanted is NOTHING and run is not None:
        wanted = compute.target(run.setting("target"))
    if wanted is NOTHING:
        return
    step.done.gaps += gaps_in(wanted)
    found["compute"] = f"azureml:{shown(wanted)}"


def environment(
    context: ConversionContext, step: Step, given: dict[str, Any], run: SdkObject | None, inner: SdkObject | None
) -> Any:
    """The node's environment: a name of the workspace's, or an image and a conda file."""
    name = stem(given.get("script_name") or given.get("name"), step.key)
    section: dict[str, Any] = {}
    if inner is not None and id(inner) in context.names:
        section = context.sections.get(id(inner), {})
    elif run is not None:
        value = run.setting("environment")
        base = None if value is NOTHING else value
        section = environments.section(context, base, [(run, "environment.")], step.done, run.variable or name)
        dependencies = bound(run).get("conda_dependencies")
        if dependencies is not None and "python" not in section:
            section["python"] = environments.conda(context, dependencies, [], step.done, run.variable or name)
    python, docker = section.get("python", {}), section.get("docker", {})
    if not python and not docker:
        if section.get("name") is not None:
            return _reference(step, section)
        return {"image": DEFAULT_IMAGE, "conda_file": _default(context, step)}
    found: dict[str, Any] = {"image": docker.get("baseImage") or DEFAULT_IMAGE}
    if docker.get("baseDockerfile"):
        step.done.gaps.append(
            Gap("an image built from a Dockerfile: name it as environment.build", step.made.line, "image")
        )
    if python.get("condaDependenciesFile") is not None:
        found["conda_file"] = python["condaDependenciesFile"]
    if section.get("environmentVariables"):
        context.variables[step.key] = section["environmentVariables"]
    return found


def _reference(step: Step, section: dict[str, Any]) -> Any:
    text, version = shown(section["name"]), known(section.get("version"))
    step.done.gaps += gaps_in([section["name"], section.get("version")])
    return f"azureml:{text}:{version}" if isinstance(version, (str, int)) else f"azureml:{text}@latest"


def _default(context: ConversionContext, step: Step) -> str:
    """The conda file of SDK v1's own default environment, once for the driver."""
    if context.default_conda is None:
        found = Packages("default", remarks=["The driver names no environment; this is what SDK v1's default had."])
        environments.write(context, found, step.made, step.done)
        context.default_conda = context.names.pop(id(step.made))
    return context.default_conda


def _distribution(found: dict[str, Any], run: SdkObject | None) -> None:
    if run is None:
        return
    view = View([(run, "")])
    nodes = view.get("node_count") if view.get("node_count") is not NOTHING else bound(run).get("node_count", NOTHING)
    if nodes is not NOTHING and nodes is not None and known(nodes) != 1:
        found["resources"] = {"instance_count": nodes}
    made = known(bound(run).get("distributed_training", bound(run).get("distributed_job_config")))
    if isinstance(made, SdkObject) and made.name in ("Mpi", "MpiConfiguration"):
        given = configured(made)
        found["distribution"] = {"type": "mpi", "process_count_per_instance": given.get("process_count_per_node", 1)}


def _sweep(context: ConversionContext, step: Step, inner: SdkObject) -> dict[str, Any]:
    run = sweeps.trial(inner)
    file = sweeps.tree_of(inner, step.done)
    if run is None or not file:
        step.done.reason = step.done.reason or "what it runs is not in the code"
        return {}
    own = bound(run)
    given = {**step.given, "script_name": own.get("entry_script", own.get("script"))}
    given.setdefault("compute_target", own.get("compute_target"))
    space: dict[str, Any] = {}
    for one in file["sampling"]["parameter_space"]:
        name = re.sub(r"[^A-Za-z0-9_]", "_", str(one["name"]).lstrip("-"))
        flag = one["name"] if str(one["name"]).startswith("-") else f"--{one['name']}"
        step.words += [flag, f"${{{{inputs.{name}}}}}"]
        if one["expression"] == "choice":
            space[name] = {"type": "choice", "values": one["values"]}
        else:
            space[name] = {"type": one["expression"], **dict(zip(SIGNATURES[one["expression"]], one["values"]))}
    trial = _command(context, step, given, own.get("source_directory"), None, run)
    policy = dict(file.get("policy", {}))
    kind = {"BanditPolicy": "bandit", "MedianStoppingPolicy": "median_stopping",
            "TruncationSelectionPolicy": "truncation_selection"}.get(policy.pop("type", ""))  # fmt: skip
    goal = known(file["primary_metric_goal"])
    limits = {"max_total_trials": file.get("max_total_runs"), "max_concurrent_trials": file.get("max_concurrent_runs")}
    minutes = known(file.get("max_duration_minutes"))
    if isinstance(minutes, int):
        limits["timeout"] = minutes * 60
    found: dict[str, Any] = {
        "type": "sweep",
        "trial": {key: trial[key] for key in ("code", "command", "environment", "resources") if key in trial},
        **({"compute": trial["compute"]} if "compute" in trial else {}),
        "search_space": space,
        "sampling_algorithm": file["sampling"]["type"],
        "objective": {"primary_metric": file["primary_metric_name"],
                      "goal": goal.lower() if isinstance(goal, str) else file["primary_metric_goal"]},
        "limits": {key: value for key, value in limits.items() if value is not None},
    }  # fmt: skip
    if kind:
        found["early_termination"] = {"type": kind, "evaluation_interval": 1, **policy}
    return found


def _parallel(context: ConversionContext, step: Step, inner: SdkObject) -> dict[str, Any]:
    context.note(inner, "ParallelRunConfig")
    file = scoring.parallel_tree(context, inner, step.done)
    if "entry_script" not in file:
        step.done.reason = "its ParallelRunConfig names no script"
        return {}
    task: dict[str, Any] = {"type": "run_function", "code": file.get("source_directory", "."),
                            "entry_script": file["entry_script"]}  # fmt: skip
    image = (file.get("environment") or {}).get("docker", {}).get("baseImage")
    if "conda_file" in file:
        task["environment"] = {"image": image or DEFAULT_IMAGE, "conda_file": file["conda_file"]}
    elif (file.get("environment") or {}).get("name"):
        task["environment"] = f"azureml:{known(file['environment']['name'])}@latest"
    else:
        task["environment"] = {"image": image or DEFAULT_IMAGE, "conda_file": _default(context, step)}
    if step.words:
        task["program_arguments"] = line(step.words)
    rows = next(iter(step.writes), None)
    by_rows = str(known(file.get("output_action")) or "append_row") == "append_row"
    if rows and by_rows and not any(f"outputs.{rows}}}" in str(word) for word in step.words):
        task["append_row_to"] = f"${{{{outputs.{rows}}}}}"
        step.writes[rows].is_file = True
        step.done.notes.append(f"{rows} is the file of rows itself; v1 put it into a folder")
    found: dict[str, Any] = {"type": "parallel"}
    if step.reads:
        found["input_data"] = f"${{{{inputs.{next(iter(step.reads))}}}}}"
    if file.get("partition_keys"):
        found["partition_keys"] = file["partition_keys"]
    size = known(file.get("mini_batch_size"))
    if size is not None and not isinstance(size, Gap):
        found["mini_batch_size"] = str(size).lower()
    names = {"process_count_per_node": "max_concurrency_per_instance"}
    for key in ("error_threshold", "process_count_per_node", "logging_level"):
        if file.get(key) is not None:
            found[names.get(key, key)] = file[key]
    retry = {"timeout": file.get("run_invocation_timeout"), "max_retries": file.get("run_max_try")}
    if any(value is not None for value in retry.values()):
        found["retry_settings"] = {key: value for key, value in retry.items() if value is not None}
    if file.get("node_count") is not None:
        found["resources"] = {"instance_count": file["node_count"]}
    if "compute_target" in file:
        step.done.gaps += gaps_in(file["compute_target"])
        found["compute"] = f"azureml:{shown(file['compute_target'])}"
    found["task"] = task
    return found
