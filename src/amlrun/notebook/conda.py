"""The script's imports as a proposal for the conda file, shown as a diff. Nothing is written unless asked."""

from __future__ import annotations

import ast
import difflib
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.notebook.pypi_modules import SAME_NAME
from amlrun.notebook.report import Report
from amlrun.prepare.conda_names import pypi_name
from amlrun.python_source import literal_text
from amlrun.runs.redact import masked_text
from amlrun.spec.node import parse

# Modules whose package has another name, for those that are not installed here.
_PACKAGES = {
    "sklearn": "scikit-learn", "skimage": "scikit-image", "cv2": "opencv-python-headless", "PIL": "pillow",
    "yaml": "pyyaml", "bs4": "beautifulsoup4", "dateutil": "python-dateutil", "dotenv": "python-dotenv",
    "Crypto": "pycryptodome", "umap": "umap-learn", "imblearn": "imbalanced-learn", "lightning": "lightning",
    "pytorch_lightning": "pytorch-lightning", "googleapiclient": "google-api-python-client", "fitz": "pymupdf",
    "mpl_toolkits": "matplotlib", "pylab": "matplotlib", "serial": "pyserial", "docx": "python-docx",
    "sentence_transformers": "sentence-transformers", "category_encoders": "category-encoders", "skops": "skops",
    "mlflow": "mlflow-skinny", "faiss": "faiss-cpu", "surprise": "scikit-surprise", "scikitplot": "scikit-plot",
    "SALib": "SALib", "bayes_opt": "bayesian-optimization",
    "tensorflow_probability": "tensorflow-probability", "github": "pygithub",
}  # fmt: skip
# Modules of shared packages whose distribution is named by their first parts: azure.ai.ml is in azure-ai-ml.
_SHARED = {"azure": 3, "google.cloud": 3, "azureml": 2}
_ONE_PART = {"azure.identity", "azure.core", "azure.cosmos", "azure.eventhub", "azure.servicebus", "azure.functions"}
# What brings another along, or is the same under another name.
_BRINGS = {
    "mlflow": {"mlflow-skinny", "sqlalchemy", "alembic"}, "azureml-mlflow": {"mlflow-skinny"},
    "opencv-python": {"opencv-python-headless"}, "opencv-contrib-python": {"opencv-python-headless"},
    "tensorflow": {"keras"}, "tensorflow-cpu": {"tensorflow", "keras"}, "psycopg2": {"psycopg2-binary"},
}  # fmt: skip
# What MLflow needs beside itself: for its database where the script runs by itself, and Azure ML's plugin for it.
WITH_MLFLOW = ("sqlalchemy>=2,<3", "alembic>=1.13,<2", "azureml-mlflow>=1.60,<2")
# What people call files of their own: never proposed as a package, for PyPI has strangers' under these names.
_OWN = {
    "utils", "util", "helper", "helpers", "src", "lib", "common", "config", "settings", "model", "models", "data",
    "features", "preprocessing", "tools", "functions", "my_utils", "constants", "scripts", "dataset", "train",
}  # fmt: skip
# Packages that a call needs though nothing imports them.
_BEHIND = {
    "read_parquet": "pyarrow", "to_parquet": "pyarrow", "read_feather": "pyarrow", "to_feather": "pyarrow",
    "read_excel": "openpyxl", "to_excel": "openpyxl", "read_html": "lxml", "read_xml": "lxml",
    "to_markdown": "tabulate", "read_hdf": "tables", "to_hdf": "tables",
}  # fmt: skip


@dataclass
class Proposal:
    """`text` is what a file would hold; `added` the new requirements, of a conda file."""

    file: Path
    text: str
    added: list[str] = field(default_factory=list)

    @property
    def diff(self) -> str:
        """What would change, with no secret."""
        old = self.file.read_text(encoding="utf-8-sig") if self.file.exists() else ""
        before, after = f"a/{self.file.name}", f"b/{self.file.name}"
        lines = difflib.unified_diff(old.splitlines(), self.text.splitlines(), before, after, lineterm="")
        return masked_text("\n".join(lines))


def propose(script: str, file: Path, report: Report, beside: Path) -> Proposal | None:
    """What `file` needs for `script`; None when it has it all. `beside` is the notebook's folder.

    Raises `AmlError` when the conda file is there and cannot be read.
    """
    wanted = requirements(script, report, beside)
    old = file.read_text(encoding="utf-8") if file.exists() else ""
    try:
        have = _named(old)
    except AmlError as error:
        raise AmlError(error.message, file=file, line=error.line, hint="Fix the file, then convert again.") from None
    added = [word for word in wanted if _name(word) not in have]
    if not added:
        return None
    new = _with(old, added) if old.strip() else _fresh(added)
    return Proposal(file, new, added)


def requirements(script: str, report: Report, beside: Path) -> list[str]:
    """pip requirements for what `script` imports, with the versions of the environment in use where it has them."""
    tree = ast.parse(script)
    modules: set[str] = set()
    packages: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules.update(_part(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            modules.update(_part(f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Attribute) and node.attr in _BEHIND:
            packages.add(_BEHIND[node.attr])
    asked = {_name(word): word for word in report.packages}
    known = metadata.packages_distributions()
    folders = [beside, beside / "src", beside.parent, beside.parent / "src", *(beside / one for one in _paths(tree))]
    for module in sorted(modules - set(sys.stdlib_module_names) - set(report.modules)):
        if _is_own(module, folders, report):
            report.ask(f"imports {module}, a file of your own: copy it beside the script")
            continue
        found = known.get(module, [])
        if not found and "." not in module and not _is_known(module, asked):
            # PyPI may well have a stranger's package of that name.
            report.ask(
                f"imports {module}, which is not installed here: copy it beside the script if it is a file of your "
                "own, or add the package that it is in to the conda file"
            )
            continue
        if "." in module:
            packages.add(module.replace(".", "-"))
            continue
        packages.add(_PACKAGES.get(module) or (found[0] if len(set(found)) == 1 else module))
    words = dict(asked)
    for package in sorted(packages):
        if _name(package) in asked and re.search(r"[=<>~!]", asked[_name(package)]):
            continue
        try:
            words[_name(package)] = f"{_name(package)}=={metadata.version(package)}"
        except metadata.PackageNotFoundError:
            words[_name(package)] = asked.get(_name(package), _name(package))
            report.ask(f"{package} is not installed here, so its version is open: pin it in the conda file")
    if "mlflow-skinny" in words and re.search(r"\bmlflow\.sklearn\b|from mlflow import .*\bsklearn\b", script):
        # What mlflow.sklearn.log_model writes with, unless it is told otherwise.
        words.setdefault("skops", "skops>=0.13,<1")
    if "mlflow-skinny" in words:
        words.update({_name(word): word for word in WITH_MLFLOW})
    return [words[name] for name in sorted(words)]


def _paths(tree: ast.AST) -> list[str]:
    """The folders that the script adds to `sys.path`, as far as they are written out."""
    return [
        text
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and re.match(r"(sys\.)?path\.\w+|site\.addsitedir", ast.unparse(call.func))
        for part in ast.walk(call)
        if (text := literal_text(part)) is not None
    ]


def _is_known(module: str, asked: dict[str, str]) -> bool:
    return module in _PACKAGES or module in SAME_NAME or _name(module) in asked


def _is_own(module: str, folders: list[Path], report: Report) -> bool:
    near = any((folder / f"{module}.py").is_file() or (folder / module / "__init__.py").is_file() for folder in folders)
    return near or module in _OWN or f"{module}.py" in report.files or (folders[0] / module).is_dir()


def _part(module: str) -> str:
    """The part of a module's name that says which distribution it is in."""
    for shared, parts in _SHARED.items():
        if module.startswith(f"{shared}."):
            whole = ".".join(module.split(".")[:parts])
            return next((one for one in _ONE_PART if whole == one or whole.startswith(f"{one}.")), whole)
    return module.split(".")[0]


def _name(word: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", word)
    return re.sub(r"[-_.]+", "-", match[0]).lower() if match else word


def _named(text: str) -> set[str]:
    """Packages that a conda file lists, conda's and pip's."""
    data: Any = parse(text, Path("conda.yml")).plain() if text.strip() else {}
    if not isinstance(data, dict):
        raise AmlError("this is not a conda file: expected a mapping with `dependencies`")
    names: set[str] = set()
    for item in data.get("dependencies") or []:
        if isinstance(item, str):
            names.add(_name(pypi_name(_name(item.split("::")[-1]))))
        elif isinstance(item, dict):
            names.update(_name(str(word)) for word in item.get("pip") or [])
    return names.union(*(_BRINGS.get(name, set()) for name in names))


def _with(text: str, added: list[str]) -> str:
    """`text` with `added` behind its last pip line; nothing else changes."""
    lines = text.rstrip("\n").split("\n")
    at = next((i for i, line in enumerate(lines) if re.match(r"\s*-\s*pip:\s*(#.*)?$", line)), None)
    if at is None:
        last = next(i for i in range(len(lines) - 1, -1, -1) if re.match(r"\s*-\s", lines[i])) if "- " in text else -1
        if last < 0:
            return _fresh(added)
        margin = re.match(r"\s*", lines[last])[0]  # type: ignore[index]
        extra = [] if "pip" in _named(text) else [f"{margin}- pip"]
        new = [*extra, f"{margin}- pip:", *(f"{margin}    - {word}" for word in added)]
        return "\n".join([*lines[: last + 1], *new, *lines[last + 1 :]]) + "\n"
    outer = len(lines[at]) - len(lines[at].lstrip())
    end, margin = at + 1, " " * (outer + 4)
    while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > outer):
        if lines[end].lstrip().startswith("- "):
            margin = lines[end][: len(lines[end]) - len(lines[end].lstrip())]
        end += 1
    while not lines[end - 1].strip():
        end -= 1
    return "\n".join([*lines[:end], *(f"{margin}- {word}" for word in added), *lines[end:]]) + "\n"


def _fresh(added: list[str]) -> str:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    lines = [
        "name: train",
        "channels:",
        "  - conda-forge",
        "dependencies:",
        f"  - python={version}",
        "  - pip",
        "  - pip:",
    ]
    return "\n".join([*lines, *(f"      - {word}" for word in added)]) + "\n"
