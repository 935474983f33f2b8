"""One request through a scoring script, without a server that stays."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass
from amlrun.errors import JOB_FAILED, AmlError, os_error
from amlrun.project import Project
from amlrun.serving import environment
from amlrun.serving.environment import Report
from amlrun.serving.model_file import ModelFile
from amlrun.v1.scoring.inference import Inference

_WORKER = Path(__file__).parents[1] / "workers" / "score_once.py"
JSON = "application/json"


@dataclass(frozen=True)
class Request:
    """What is sent to a scoring script: a body and its content type."""

    body: bytes
    content_type: str = JSON


def score(
    project: Project,
    inference: Inference,
    model: ModelFile,
    request: Request,
    *,
    report: Report,
    log: Callable[[str], None],
) -> Any:
    """Score one request in a process of its own, as the server would; what the script prints goes to `log`.

    Returns the answer, read if it is JSON; bytes where it is neither JSON nor text. Raises AmlError with the script's
    own message (exit code 1) when it raises or answers with an error status.
    """
    python, conda = environment.interpreter(inference, report=report)
    folder = _folder(project)
    try:
        directory = model.lay_out(folder, link=True)
        variables = environment.variables(project, inference, directory, conda, python=python, report=report)
        if model.path.is_file():
            variables["MODEL_SHA256"] = model.sha256
        script = inference.source / inference.entry
        done = subprocess.run(
            [str(python), str(_WORKER), str(script), request.content_type],
            input=request.body, capture_output=True, check=False, cwd=inference.source,
            env={**environment.inherited(), **variables},
        )  # fmt: skip
    except OSError as error:
        raise os_error(error, f"score with {model.source}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    printed = done.stderr.decode("utf-8", "replace").rstrip()
    if printed.strip():
        log(printed)
    return _answer(inference, done)


def _folder(project: Project) -> Path:
    """A folder for the model: in runs/, on the registry's own disk, where links can be made; else a temporary one."""
    import psutil

    for left in project.runs.glob(".scoring-*-*"):  # by a process that was killed
        pid = left.name.split("-")[1]
        if not (pid.isdigit() and psutil.pid_exists(int(pid))):
            shutil.rmtree(left, ignore_errors=True)
    try:
        project.runs.mkdir(exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".scoring-{os.getpid()}-", dir=project.runs))
    except OSError:
        return Path(tempfile.mkdtemp(prefix="aml-scoring-"))


def _answer(inference: Inference, done: subprocess.CompletedProcess[bytes]) -> Any:
    try:
        result = json.loads(done.stdout)
    except ValueError:
        raise AmlError(
            f"{inference.entry} ended its process (exit code {done.returncode})", exit_code=JOB_FAILED
        ) from None
    if "error" in result:
        where = {"file": inference.entry, "line": result["line"], "field": result["stage"]}
        hint = environment.advice(result["error"])
        raise AmlError(result["error"], exit_code=JOB_FAILED, hint=hint, **where)
    answer = base64.b64decode(result["base64"]) if "base64" in result else result["answer"]
    if result["status"] >= 400:
        message = answer.get("message", answer) if isinstance(answer, dict) else answer
        raise AmlError(f"{inference.entry}: status {result['status']}: {message!s}", exit_code=JOB_FAILED)
    return answer
