"""Find the files of a folder that have to do with SDK v1, and say what each is."""

from __future__ import annotations

import ast
import io
import os
import re
import tokenize
import warnings
from collections.abc import Iterator
from pathlib import Path

from amlrun.dataclass import dataclass
from amlrun.migrate.result import FileResult, Finding, Kind, Verdict

# Folders that hold other people's code, or what was made.
_SKIPPED = {
    ".git", ".hg", ".svn", ".venv", "venv", "env", ".env", ".tox", ".nox", "node_modules", "site-packages",
    "__pycache__", ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache", ".ruff_cache", "build", "dist", "runs",
    "mlruns", ".eggs", "azureml-models",
}  # fmt: skip
# Files beyond this are data or generated; Python of this size is not written by hand.
_MOST_BYTES = 2_000_000
_OLD = re.compile(r"sklearn\.externals|\b(np|numpy)\.(float|int|bool|object|str|complex|long|unicode)\b")
_OLD_2 = re.compile(r"\b(np|numpy)\.(float_|complex_|unicode_|string_|Inf|Infinity|infty|PINF|NaN|NAN|product)\b")
_CONDA = re.compile(r"^dependencies:\s*(#.*)?$", re.MULTILINE)
_CONTROL = {
    "ScriptRunConfig", "Estimator", "PyTorch", "TensorFlow", "SKLearn", "Chainer", "HyperDriveConfig",
    "RunConfiguration", "CondaDependencies", "Environment", "Pipeline", "PythonScriptStep", "EstimatorStep",
    "HyperDriveStep", "ParallelRunStep", "ParallelRunConfig", "DataTransferStep", "DatabricksStep", "AutoMLStep",
    "AutoMLConfig", "AmlCompute", "ComputeTarget", "ComputeInstance", "AksCompute", "InferenceConfig", "Webservice",
    "AciWebservice", "AksWebservice", "LocalWebservice", "PublishedPipeline", "PipelineEndpoint", "Schedule",
    "PipelineData", "PipelineParameter", "ContainerImage", "Image", "OutputFileDatasetConfig", "ScheduleRecurrence",
    "MpiConfiguration", "DataReference", "TrainingOutput", "StepSequence",
}  # fmt: skip


@dataclass(frozen=True)
class V1File:
    """A file with v1 code: its path below the folder with `/`, what it is, and its text with its line ends."""

    path: str
    kind: Kind
    text: str


def left(found: V1File, message: str, hint: str = "") -> FileResult:
    """The result of a file that is left as it is, and why."""
    return FileResult(found.path, found.kind, (Finding(found.path, 0, Verdict.LEFT, message, hint),))


def discover(folder: Path) -> Iterator[V1File | Finding | None]:
    """Every file below `folder` (or the one file): V1File, a Finding for what cannot be read, None for no v1 code.

    Links are not followed. Files are read one at a time, in order.
    """
    for path in _files(folder):
        shown = path.relative_to(folder).as_posix() if folder.is_dir() else path.name
        try:
            if path.stat().st_size > _MOST_BYTES:
                yield Finding(shown, 0, Verdict.LEFT, "larger than 2 MB: not read", "Migrate generated files by hand.")
                continue
            data = path.read_bytes()
        except OSError as error:
            reason = error.strerror or str(error)
            yield Finding(shown, 0, Verdict.LEFT, f"cannot be read: {reason}", "Check the file's permissions.")
            continue
        try:
            yield classify(shown, data)
        except (SyntaxError, UnicodeDecodeError, LookupError):
            if b"azureml" in data:
                hint = "Save the file as UTF-8, then migrate again."
                yield Finding(shown, 0, Verdict.LEFT, "its text is not in the encoding it declares", hint)
            else:
                yield None


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
        return
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(
            one for one in folders if one not in _SKIPPED and not (Path(root) / one / "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            if name.endswith((".py", ".ipynb", ".yml", ".yaml")) and not (Path(root) / name).is_symlink():
                yield Path(root) / name


def classify(path: str, data: bytes) -> V1File | None:
    """What a file is, by its content; None when there is nothing of v1 in it.

    Raises SyntaxError or UnicodeDecodeError for text that is not in the encoding it declares.
    """
    if path.endswith((".yml", ".yaml")):
        text = data.decode("utf-8-sig", errors="replace")
        return V1File(path, Kind.CONDA, text) if _CONDA.search(text) else None
    if path.endswith(".ipynb"):
        if b"azureml" not in data:
            return None
        return V1File(path, Kind.NOTEBOOK, data.decode("utf-8"))
    text = decode(data)
    if "azureml" not in text:
        old = _OLD.search(text) or _OLD_2.search(text)
        return V1File(path, Kind.SCORING if _scoring(text) else Kind.JOB, text) if old else None
    return V1File(path, kind_of(text), text)


def decode(data: bytes) -> str:
    """Python source as text, in the encoding that it declares; a byte order mark stays."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return data.decode("utf-8" if encoding == "utf-8-sig" else encoding)


def kind_of(text: str) -> Kind:
    """Whether a script is a driver, scores, or runs as a job. What does not parse is taken for a job script."""
    if _scoring(text):
        return Kind.SCORING
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Kind.JOB
    names, calls = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("azureml"):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute):
            calls.add(node.attr)
    if calls & {"get_context", "get_submitted_run"} or "get_azureml_logger" in names:
        return Kind.JOB
    if names & _CONTROL or calls & {"ScriptRunConfig", "deploy_configuration"}:
        return Kind.DRIVER
    if "start_logging" in calls or not names & {"Workspace", "Experiment", "Webservice"}:
        return Kind.JOB
    return Kind.DRIVER


def _scoring(text: str) -> bool:
    defined = re.findall(r"^def (init|run)\(", text, re.MULTILINE)
    return {"init", "run"} <= set(defined)
