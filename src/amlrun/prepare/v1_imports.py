"""Where Python files import SDK v1 and log with it, read from their syntax."""

from __future__ import annotations

import ast
import functools
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from amlrun.dataclass import dataclass, field

# SDK v1's part of the name azureml, which packages of today use too (azureml.mlflow, azureml.ai.monitoring).
_V1 = frozenset(
    {"api", "automl", "contrib", "core", "data", "datacollector", "dataprep", "exceptions", "explain", "interpret"}
    | {"logging", "monitoring", "opendatasets", "pipeline", "responsibleai", "telemetry", "tensorboard", "train"}
    | {"widgets"}
)
_LOGS = frozenset(
    {"log", "log_list", "log_row", "log_table", "log_image", "log_confusion_matrix", "log_accuracy_table"}
    | {"log_residuals", "log_predictions"}
)
# What a log call is called on, when it is v1's run and not a logger or a logarithm.
_NOT_RUNS = frozenset({"np", "numpy", "math", "tf", "torch", "mlflow", "logger", "logging", "jnp", "sp", "K"})


@dataclass(frozen=True)
class Location:
    """A line of a file, and what stands there."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass
class Uses:
    """Where SDK v1 is imported, and where its run logs."""

    imports: list[Location] = field(default_factory=list)
    logs: list[Location] = field(default_factory=list)


def of_command(command: str | Sequence[str], folder: Path, script: str | None) -> Uses:
    """What a job's script uses, and the modules of its folder that it imports.

    Without a script, the Python files that the command names.
    """
    starts = [script] if script else []
    if not starts:
        words = command if not isinstance(command, str) else _words(command)
        starts = [word for word in words if word.endswith(".py")]
    return _of_files(tuple(starts), folder)


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


@functools.lru_cache(maxsize=4)
def _of_files(starts: tuple[str, ...], folder: Path) -> Uses:
    found = Uses()
    waiting = [folder / start for start in starts]
    seen: set[Path] = set()
    # Scripts put folders such as src/ on their path.
    roots = [folder, *(place for place in sorted(folder.iterdir()) if place.is_dir())] if folder.is_dir() else []
    while waiting:
        file = waiting.pop(0)
        if file in seen or not file.is_file():
            continue
        seen.add(file)
        shown = file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)
        uses, modules = _read(file, shown)
        found.imports += uses.imports
        found.logs += uses.logs
        for module in modules:
            for base in (file.parent, *roots):
                place = base.joinpath(*module.split("."))
                waiting += [place.with_suffix(".py"), place / "__init__.py"]
    return found


def _read(file: Path, shown: str) -> tuple[Uses, list[str]]:
    """A file's uses, and every module that it may import; nothing for a file that is not Python 3."""
    try:
        source = file.read_bytes()
        tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return Uses(), []
    uses, modules = Uses(), []
    for line, module, names in _imports(tree):
        modules += [module, *(f"{module}.{name}".lstrip(".") for name in names)]
        parts = module.split(".")
        inside = [parts[1]] if len(parts) > 1 else names
        # The inference server has azureml.contrib.services itself.
        own = parts[:3] == ["azureml", "contrib", "services"]
        if parts[0] == "azureml" and _V1.intersection(inside) and not own:
            what = f"from {module} import {names[0]}" if names else f"import {module}"
            uses.imports.append(Location(shown, line, what))
    if uses.imports or re.search(rb"\bget_context\b|\.log\(", source):
        uses.logs += _logs(tree, shown)
    return uses, modules


def _imports(tree: ast.AST) -> Iterator[tuple[int, str, list[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A relative import is looked for in the file's own folder, which is near enough for a look.
            yield node.lineno, node.module or "", [alias.name for alias in node.names]


def _logs(tree: ast.AST, shown: str) -> list[Location]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LOGS:
            on = node.func.value
            name = on.id if isinstance(on, ast.Name) else on.attr if isinstance(on, ast.Attribute) else "run"
            # run.log takes a name and a value, a logarithm one number.
            if name not in _NOT_RUNS and len(node.args) + len(node.keywords) > 1:
                found.append(Location(shown, node.lineno, f"{name}.{node.func.attr}"))
    return sorted(found, key=lambda place: place.line)
