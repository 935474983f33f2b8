"""What every way of scoring needs: the model's files, checked, and the interpreter of the inference conda file."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amlrun.errors import JOB_FAILED, AmlError, os_error
from amlrun.project import Project
from amlrun.v1.scoring.inference import Inference

Report = Callable[[str], None]
SERVER = "azureml-inference-server-http"
# They would point a scoring process at the packages of `aml` itself.
NOT_INHERITED = ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH")
HARNESS = Path(__file__).parents[1] / "workers" / "score_once.py"


@dataclass(frozen=True)
class Model:
    """A model's file or folder, the SHA-256 of the file, and where it is from (`name:version`, a run, a path)."""

    path: Path
    sha256: str
    source: str

    @property
    def folder(self) -> Path:
        """What AZUREML_MODEL_DIR names: the folder that holds the file."""
        return self.path if self.path.is_dir() else self.path.parent


def advice(error: str) -> str:
    """What to do about an exception of a scoring script; empty when only its author can tell."""
    if error.startswith("ModuleNotFoundError"):
        return "A package that is missing belongs into the conda file that --ic names (condaFile)."
    return ""


def digest(path: Path) -> str:
    """The SHA-256 of a file, of a folder's content as the registry counts it. Raises AmlError if unreadable."""
    from amlrun.registry import local

    try:
        return local.sha256(path)
    except OSError as error:
        raise os_error(error, f"read the model {path}") from error


def registered(project: Project, reference: str) -> Model:
    """The registered model `NAME` or `NAME:VERSION`.

    Raises AmlError when there is none, and when its file is no longer the one that was registered.
    """
    from amlrun.registry import local

    name, _, version = reference.partition(":")
    found = local.find(project, name, version or None)
    got = digest(found.path)
    if found.sha256 and got != found.sha256:
        raise AmlError(
            f"{found.name}:{found.version}: the file is not the one that was registered",
            file=found.path,
            hint=f"Its SHA-256 is {got}, the registered one {found.sha256}. It was not opened.\n"
            "Register the model again if the change was yours.",
        )
    return Model(found.path, got, found.id)


def of_run(project: Project, run_file: Path, asset_path: str) -> Model:
    """The file that a run wrote, by the `run.json` of `aml run submit-script -t`."""
    from amlrun.runs import store as runs

    try:
        record = json.loads(run_file.read_text(encoding="utf-8"))
        run_id = record["run_id"]
    except OSError as error:
        raise os_error(error, "read the run's metadata") from error
    except (ValueError, KeyError, TypeError):
        raise AmlError("has no run_id", file=run_file, hint="Give the file that `-t run.json` wrote.") from None
    run = runs.find(project.runs, str(run_id))
    path = run.folder / asset_path
    if not path.exists():
        have = [
            p.relative_to(run.folder).as_posix() for p in sorted((run.folder / "outputs").rglob("*")) if p.is_file()
        ]
        hint = "It wrote: " + ", ".join(have[:10]) if have else "It wrote nothing into outputs/."
        raise AmlError(f"run {run.id} has no {asset_path}", hint=hint)
    return Model(path, digest(path), f"{run.id}/{asset_path}")


def at_path(path: Path) -> Model:
    """A model file or folder anywhere on this machine."""
    if not path.exists():
        raise AmlError("there is no such model", file=path)
    return Model(path.absolute(), digest(path), str(path))


def interpreter(inference: Inference, *, report: Report, server: bool) -> tuple[Path, dict[str, str]]:
    """The Python that scores, and the variables of its conda file.

    With `server` the environment must hold Microsoft's inference server: a conda file that does not name it (v1's
    images had it, through azureml-defaults) gets it, which is reported.
    """
    from amlrun.prepare import environment

    if inference.interpreter:
        return environment.user_managed(inference.interpreter).python, {}
    if inference.conda is None:
        raise AmlError(
            "no conda file for scoring", file=inference.config.file, field="condaFile",
            hint="Name one: condaFile: aml_config/inference-conda.yml (or --cf FILE).",
        )  # fmt: skip
    wanted: Path | dict[str, Any] = inference.conda
    if server:
        wanted = _with_server(inference.conda, report)
    found = environment.prepare(wanted, report=report)
    return found.python, found.variables


def _with_server(conda: Path | dict[str, Any], report: Report) -> Path | dict[str, Any]:
    tree = conda
    if isinstance(conda, Path):
        from amlrun.prepare.conda_file import read

        if any(one.text.startswith(SERVER) for one in read(conda).requirements):
            return conda
        from ruamel.yaml import YAML

        tree = json.loads(json.dumps(YAML(typ="safe").load(conda.read_text(encoding="utf-8-sig"))))
    assert isinstance(tree, dict)  # noqa: S101 - a conda file is a mapping, which conda.read has checked
    lines = list(tree.get("dependencies") or [])
    pips = [line for group in lines if isinstance(group, dict) for line in group.get("pip") or []]
    if any(str(line).startswith(SERVER) for line in [*lines, *pips]):
        return tree
    # azureml-defaults was v1's name for the server and its friends; it is retired.
    pips = [line for line in pips if not re.match(r"azureml-defaults\b", str(line))]
    report(f"The conda file does not name {SERVER}: it is added.")
    plain = [line for line in lines if not isinstance(line, dict)]
    return {**tree, "dependencies": [*plain, {"pip": [*pips, SERVER]}]}


def variables_of(inference: Inference, model: Model, conda: dict[str, str]) -> dict[str, str]:
    """The environment of a scoring process: the conda file's, the file's own, and Azure ML's contract."""
    own = {"AZUREML_MODEL_DIR": str(model.folder.absolute()), "AML_APP_ROOT": str(inference.source)}
    if model.path.is_file():
        own["MODEL_SHA256"] = model.sha256
    inherited = {key: value for key, value in os.environ.items() if key not in NOT_INHERITED}
    return {**inherited, **conda, **inference.variables, **own, "PYTHONUNBUFFERED": "1"}


def once(inference: Inference, model: Model, body: str, *, report: Report, log: Callable[[str], None]) -> Any:
    """Score one request in a process of its own; what the script prints goes to `log`.

    Raises AmlError with the script's own message (exit code 1) when it raises or answers with an error status.
    """
    python, conda = interpreter(inference, report=report, server=False)
    script = inference.source / inference.entry
    done = subprocess.run(
        [str(python), str(HARNESS), str(script)],
        input=body.encode("utf-8"), capture_output=True, check=False,
        cwd=inference.source, env=variables_of(inference, model, conda),
    )  # fmt: skip
    printed = done.stderr.decode("utf-8", "replace")
    if printed.strip():
        log(printed.rstrip())
    try:
        result = json.loads(done.stdout)
    except ValueError:
        raise AmlError(
            f"{inference.entry} ended its process (exit code {done.returncode})", exit_code=JOB_FAILED
        ) from None
    if "error" in result:
        where = {"file": inference.entry, "line": result["line"], "field": result["stage"]}
        raise AmlError(result["error"], exit_code=JOB_FAILED, hint=advice(result["error"]), **where)
    if result["status"] >= 400:
        answer = result["answer"]
        message = answer.get("message", answer) if isinstance(answer, dict) else answer
        raise AmlError(f"{inference.entry}: status {result['status']}: {message}", exit_code=JOB_FAILED)
    return result["answer"]
