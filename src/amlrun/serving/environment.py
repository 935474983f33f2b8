"""The environment that a scoring script runs in: its Python, its packages, and its variables."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError
from amlrun.prepare import environment, pip_files, v1_sdk
from amlrun.project import Project
from amlrun.spec.yaml_data import load
from amlrun.v1.scoring.inference import Inference

Report = Callable[[str], None]
SERVER = "azureml-inference-server-http"
# SDK v1's names for the server and what it needed: their versions resolve only with the Python of their time.
_RETIRED = re.compile(r"(azureml-defaults|azureml-sdk|azureml-model-management-sdk)\b", re.IGNORECASE)
# They would point a scoring process at the packages of `aml` itself.
_NOT_INHERITED = ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH")


def interpreter(inference: Inference, *, report: Report) -> tuple[Path, dict[str, str]]:
    """The Python that scores, and the variables of its conda file; the environment is made if need be.

    A conda file that does not name Microsoft's inference server (v1's images had it, through azureml-defaults) gets
    it, which is reported. Raises AmlError for a conda file that cannot be used.
    """
    if inference.interpreter:
        return environment.user_managed(inference.interpreter).python, {}
    found = environment.prepare(packages(inference, report=report), report=report)
    return found.python, found.variables


def packages(inference: Inference, *, report: Report, server: bool = True) -> Path | dict[str, Any]:
    """The conda file to make the environment of: as it is, or the specification with what changes for scoring.

    With `server` Microsoft's inference server is in it.
    """
    if inference.conda is None:
        raise AmlError(
            "no conda file for scoring", file=inference.config.file, field="condaFile",
            hint="Name one: condaFile: aml_config/inference-conda.yml (or --cf FILE).",
        )  # fmt: skip
    tree = (
        inference.conda
        if isinstance(inference.conda, dict)
        else load(inference.conda, expected="a conda file with `dependencies:`")
    )
    lines = tree.get("dependencies") if isinstance(tree, dict) else None
    if not isinstance(lines, list):
        return inference.conda  # whoever reads it says what is wrong
    plain = [line for line in lines if not isinstance(line, dict)]
    pips = [str(line) for group in lines if isinstance(group, dict) for line in group.get("pip") or []]
    kept = [line for line in [*plain, *pips] if not _RETIRED.match(str(line))]
    retired = [str(line) for line in [*plain, *pips] if _RETIRED.match(str(line))]
    missing = server and not any(str(line).lower().startswith(SERVER) for line in kept)
    if not retired and not missing:
        return inference.conda
    if retired:
        instead = f"{SERVER} is installed instead" if missing else "it is left out"
        report(f"{', '.join(retired)}: retired; {instead}.")
    elif missing:
        report(f"{SERVER} is added: the conda file does not name it.")
    base = inference.conda.parent if isinstance(inference.conda, Path) else None
    pips = [one for line in pips if not _RETIRED.match(line) for one in _inlined(line, base)]
    plain = [line for line in plain if not _RETIRED.match(str(line))]
    return {**tree, "dependencies": [*plain, {"pip": [*pips, SERVER] if missing else pips}]}


def _inlined(line: str, base: Path | None) -> list[str]:
    """A pip line without the conda file's folder to start from: a requirements file's own lines, an absolute path."""
    match = re.fullmatch(r"(-r|--requirement|-c|--constraint|-e|--editable)[ =]+(.+)", line.strip())
    place = base / match[2].strip() if match and base else None
    if match is None or place is None or not place.exists():
        return [line]
    if match[1] not in ("-r", "--requirement"):
        return [f"{match[1]} {place.resolve().as_posix()}"]
    return [one for text, file, _ in pip_files.lines(place) for one in _inlined(text, file.parent)]


def variables(
    project: Project,
    inference: Inference,
    model_directory: Path,
    conda: dict[str, str],
    *,
    python: Path,
    report: Report,
) -> dict[str, str]:
    """The variables of a scoring process beside those it inherits: the conda file's, the file's, and Azure ML's.

    A script of SDK v1 finds `aml`'s own package in place of azureml-core, which is reported.
    """
    own = {"AZUREML_MODEL_DIR": str(model_directory), "AML_APP_ROOT": str(inference.source)}
    v1 = v1_sdk.for_scoring(project, inference.source, inference.entry, python, report=report)
    return {**conda, **v1, **inference.variables, **own, "PYTHONUNBUFFERED": "1"}


def inherited() -> dict[str, str]:
    """The variables that a scoring process takes over from this one."""
    return {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}


def advice(error: str) -> str:
    """What to do about an exception of a scoring script; empty when only its author can tell."""
    if re.match(r"ModuleNotFoundError: No module named '(azureml|azureml\.core|azureml\.core\..*)'", error):
        return (
            "SDK v1 (azureml-core) is retired: where score.py calls Model.get_model_path, read the folder from "
            'os.environ["AZUREML_MODEL_DIR"] instead; it holds the registered file or folder.'
        )
    if error.startswith("ModelNotFoundException"):
        return 'Instead of Model.get_model_path, read the folder from os.environ["AZUREML_MODEL_DIR"].'
    if error.startswith("ModuleNotFoundError"):
        return "Name the missing package in the conda file that --ic names (condaFile)."
    if "is not JSON serializable" in error:
        return (
            "run() must return JSON types: dicts, lists, strings, numbers; convert arrays and columns with .tolist()."
        )
    if match := re.search(r"Can't get attribute '(\w+)' on <module '([\w.]+)'", error):
        return (
            f"The model was saved with {match[1]}, which train.py defines itself. Move it into a module beside both "
            f"(such as features.py), import it from there in train.py and score.py, and train again."
        )
    return ""
