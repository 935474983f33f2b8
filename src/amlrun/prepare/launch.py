"""What the script sees on this machine: its command, working directory and environment (DESIGN.md, contract)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError
from amlrun.prepare import data, shell, v1_sdk
from amlrun.prepare.environment import Interpreter
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.runs import tracking
from amlrun.spec.job import BINDING, CommandJob

Report = Callable[[str], None]


def plan(
    project: Project,
    run: runs.RunFolder,
    job: CommandJob,
    interpreter: Interpreter,
    experiment: str,
    *,
    report: Report = lambda line: None,
) -> dict[str, Any]:
    """What the supervisor starts: folder, command, cwd, env, timeout (s); every `${{…}}` and `-v` path is filled in."""
    places = _places(project, run, job)
    variables = _script_environment(project, run, job, interpreter, experiment, places)
    if "MLFLOW_RUN_ID" in variables:
        tracking.create(run, experiment, {"mlflow.source.name": job.script or ""})
    for volume in job.local.volumes:
        host = Path(volume.host).expanduser()
        if not (project.root / host).exists():
            raise AmlError(f"docker.arguments: -v {volume.host}: there is nothing there", hint="Correct the path.")
        report(f"Arguments at or below {volume.container} mean {project.root / host} here (-v, without a container).")
    command = job.command
    if isinstance(command, str):
        paths = {*(f"inputs.{name}" for name, one in job.inputs.items() if one.value is None),
                 *(f"outputs.{name}" for name in job.outputs)}  # fmt: skip
        _fill(command, places)  # refuses a binding that names nothing
        words = shell.start(shell.fill(command, places, paths), report)
    else:
        words = [_volume(project, _fill(word, places), job) for word in command]
        if words[0] in ("python", "python3"):
            words[0] = str(interpreter.python)
    return {
        "folder": str(run.folder),
        "command": words,
        "cwd": str(run.folder),
        "env": v1_sdk.for_run(variables, project, job, interpreter, report=report),
        "timeout": job.limits.timeout if job.limits else None,
    }


def _places(project: Project, run: runs.RunFolder, job: CommandJob) -> dict[str, str]:
    """`inputs.NAME` and `outputs.NAME` → the path or literal they stand for here."""
    places = {}
    for name, wanted in job.inputs.items():
        if wanted.value is not None:
            places[f"inputs.{name}"] = str(wanted.value)
        else:
            places[f"inputs.{name}"] = str(data.locate(project, name, wanted.path))
    for name, output in job.outputs.items():
        inside = output.path is None or "://" in output.path or output.path.startswith("azureml:")
        folder = run.folder / "outputs" / name if inside else project.root / str(output.path)
        (folder if output.type != "uri_file" else folder.parent).mkdir(parents=True, exist_ok=True)
        places[f"outputs.{name}"] = str(folder)
    return places


def _fill(text: str, places: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        key = f"{match[1]}.{match[2]}"
        if key not in places:
            raise AmlError(
                f"the command names ${{{{{key}}}}}, which the job does not have", hint="Add it, or remove it."
            )
        return places[key]

    return BINDING.sub(value, text)


def _volume(project: Project, word: str, job: CommandJob) -> str:
    """A word at or below a container path (also after `--name=`) as the host's path."""
    for volume in job.local.volumes:
        inside = volume.container.rstrip("/")
        flag, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
        if value == inside or value.startswith(inside + "/"):
            host = project.root / Path(volume.host).expanduser()
            return f"{flag}{equals}{host}{value[len(inside) :]}"
    return word


def _script_environment(
    project: Project,
    run: runs.RunFolder,
    job: CommandJob,
    interpreter: Interpreter,
    experiment: str,
    places: dict[str, str],
) -> dict[str, str]:
    """The script's contract (DESIGN.md): the user's environment, then our names, then the job's own."""
    # What a caller told its own MLflow is not meant for the run.
    dropped = (
        "MLFLOW_RUN_ID",
        "MLFLOW_EXPERIMENT_ID",
        "VIRTUAL_ENV",
        "PYTHONHOME",
        "UV_PROJECT",
        "UV_RUN_RECURSION_DEPTH",
        "CONDA_PREFIX",
    )
    variables = {key: value for key, value in os.environ.items() if key not in dropped}
    variables["PATH"] = os.pathsep.join([str(interpreter.bin), variables.get("PATH", "")])
    if interpreter.folder is not None:
        variables["VIRTUAL_ENV"] = str(interpreter.folder)
    variables |= interpreter.variables
    variables |= {
        "AZUREML_RUN_ID": run.id,
        "AZUREML_EXPERIMENT_NAME": experiment,
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": variables.get("PYTHONIOENCODING", "utf-8"),
        "MPLBACKEND": variables.get("MPLBACKEND", "Agg"),
    }
    variables |= tracking.environment(run, experiment, variables | job.environment_variables)
    if job.distribution is not None:
        # One process stands for all of them: scripts that ask for their rank get an answer.
        alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
        variables |= alone
    for name in job.inputs:
        variables[f"AZUREML_DATAREFERENCE_{name}"] = places[f"inputs.{name}"]
    own = {key: _volume(project, _fill(value, places), job) for key, value in job.environment_variables.items()}
    if own.get("PYTHONPATH") and variables.get("PYTHONPATH"):
        own["PYTHONPATH"] += os.pathsep + variables["PYTHONPATH"]
    return variables | own
