"""What the script sees where it runs: its command, working directory and environment (DESIGN.md, contract)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from amlrun.errors import AmlError, placed
from amlrun.prepare import ranks, shell, v1_sdk
from amlrun.prepare.environment import Interpreter
from amlrun.prepare.site import Site
from amlrun.project import Project
from amlrun.runs import root_run, tracking
from amlrun.runs import store as runs
from amlrun.spec.job import BINDING, CommandJob, Input

Report = Callable[[str], None]


def plan(
    project: Project,
    run: runs.RunFolder,
    job: CommandJob,
    interpreter: Interpreter,
    experiment: str,
    *,
    report: Report = lambda line: None,
    site: Site | None = None,
) -> dict[str, Any]:
    """What the supervisor starts: folder, command, cwd, env, timeout (s); every `${{…}}` and `-v` path is filled in.

    `site` is where the script runs, this machine by default: `command`, `cwd` and `env` are as they are there. The
    command of a distributed job is the rank launcher, which finds its ranks in a variable; `ranks` then names the
    file in the folder that says which of them failed first.
    """
    site = site or Site(project, run, interpreter)
    places = _places(site, job)
    variables = _script_environment(site, job, experiment, places)
    if "MLFLOW_RUN_ID" in variables:
        tracking.create(run, experiment, {"mlflow.source.name": job.script or ""}, site.folder)
        if (root := root_run.of(run)) is not None:
            root_run.lend(root, run, site.folder)
            variables["AZUREML_ROOT_RUN_ID"] = root.id
    site.volumes(job, report)
    command = job.command
    if isinstance(command, str):
        paths = {*(f"inputs.{name}" for name, one in job.inputs.items() if one.value is None),
                 *(f"outputs.{name}" for name in job.outputs)}  # fmt: skip
        _fill(command, places)  # refuses a binding that names nothing
        words = site.shell(shell.fill(command, places, paths), report)
    else:
        words = [site.word(_fill(word, places), job) for word in command]
        if words[0] in ("python", "python3"):
            words[0] = site.python
    if job.local.spark is not None:
        from amlrun.prepare import spark

        words = spark.submit(site, job, words)
    made: dict[str, Any] = {
        "folder": str(run.folder),
        "command": words,
        "cwd": site.folder,
        "env": v1_sdk.for_run(variables, job, site, report=report),
        "timeout": job.limits.timeout if job.limits else None,
    }
    several = ranks.plan(job, run, words, lambda program: site.has(program, variables["PATH"]))
    if several is not None:
        made["command"] = [*site.launcher, f"{site.workers}/rank_launcher.py"]
        made["env"]["AML_RANKS"] = json.dumps(several)
        made["ranks"] = ranks.FAILED
    return made


def _places(site: Site, job: CommandJob) -> dict[str, str]:
    """`inputs.NAME` and `outputs.NAME` → the path or literal they stand for there."""
    places = {}
    for name, wanted in job.inputs.items():
        places[f"inputs.{name}"] = _input(site, job, name, wanted) if wanted.value is None else str(wanted.value)
    for name, output in job.outputs.items():
        places[f"outputs.{name}"] = site.output(name, output)
    return places


def _input(site: Site, job: CommandJob, name: str, wanted: Input) -> str:
    with placed(*job.local.sources.get(name, (None, None, ""))):
        return site.input(name, wanted)


def _fill(text: str, places: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        key = f"{match[1]}.{match[2]}"
        if key not in places:
            raise AmlError(
                f"the command names ${{{{{key}}}}}, which the job does not have", hint="Add it, or remove it."
            )
        return places[key]

    return BINDING.sub(value, text)


def _script_environment(site: Site, job: CommandJob, experiment: str, places: dict[str, str]) -> dict[str, str]:
    """The script's contract (DESIGN.md): what the place gives, then our names, then the job's own."""
    variables = site.variables()
    variables |= {
        "AZUREML_RUN_ID": site.run.id,
        "AZUREML_EXPERIMENT_NAME": experiment,
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": variables.get("PYTHONIOENCODING", "utf-8"),
        "MPLBACKEND": variables.get("MPLBACKEND", "Agg"),
    }
    if job.local.spark is not None:
        from amlrun.prepare import spark

        variables |= spark.variables(site, job, variables)
    variables |= tracking.environment(site.run, experiment, variables | job.environment_variables, site.folder)
    if job.distribution is not None and ranks.of_job(job) is None:
        # One process stands for all of them: scripts that ask for their rank get an answer.
        alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
        variables |= alone
    for name in job.inputs:
        variables[f"AZUREML_DATAREFERENCE_{name}"] = places[f"inputs.{name}"]
    own = {key: site.word(_fill(value, places), job) for key, value in job.environment_variables.items()}
    if own.get("PYTHONPATH") and variables.get("PYTHONPATH"):
        own["PYTHONPATH"] += site.separator + variables["PYTHONPATH"]
    return variables | own
