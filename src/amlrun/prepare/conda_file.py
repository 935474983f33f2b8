"""What a conda file asks for, and the same in PyPI's words for a machine without conda."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError, os_error
from amlrun.spec.yaml_data import line_of, load

# Packages that PyPI knows under another name.
_PYPI_NAMES = {
    "pytorch": "torch", "pytorch-cpu": "torch", "pytorch-gpu": "torch", "matplotlib-base": "matplotlib",
    "seaborn-base": "seaborn", "opencv": "opencv-python-headless", "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost", "py-xgboost-cpu": "xgboost", "tensorflow-gpu": "tensorflow", "dask-core": "dask",
    "pytables": "tables", "psycopg2": "psycopg2-binary", "python-graphviz": "graphviz", "msgpack-python": "msgpack",
    "pyqt": "PyQt5", "tensorflow-base": "tensorflow", "pillow-simd": "pillow", "lightgbm-cpu": "lightgbm",
}  # fmt: skip
# Packages that a conda environment carries and a Python one has in its wheels or not at all.
_NOT_PYPI = re.compile(
    r"^(cudatoolkit|cudnn|cuda(-.*)?|nccl|pytorch-cuda|cpuonly|mkl|nomkl|blas|libblas|openblas|openmp|llvm-openmp|"
    r"_openmp_mutex|_libgcc_mutex|libgcc.*|libstdcxx.*|gcc.*|gxx.*|compilers|ca-certificates|openssl|sqlite|tk|xz|"
    r"zlib|readline|ncurses|libffi|ld_impl_.*|python_abi|openmpi|mpich|vs2015_runtime|vc|tzdata)$"
)
_PIP_FILE = re.compile(r"^\s*-\s*[\"']?(?:-r|--requirement|-c|--constraint)[ =]+(.+)$", re.MULTILINE)
_KEYS = ("name", "channels", "dependencies", "prefix", "variables")
_SPEC = re.compile(r"(?:[\w./-]+::)?(?P<name>[A-Za-z0-9_][\w.-]*)\s*(?P<rest>.*)")


@dataclass
class Requirement:
    """One requirement in pip's words, and the line of the conda file that asks for it."""

    text: str
    line: int | None


@dataclass
class CondaFile:
    """A conda file read for uv: `python` is a version or None; `substitutions` says what was changed."""

    file: Path | None
    python: str | None = None
    requirements: list[Requirement] = field(default_factory=list)
    substitutions: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    text: str = ""


def read(source: Path | dict[str, Any]) -> CondaFile:
    """Read a conda file (or the specification itself) and say it in PyPI's words.

    Raises AmlError naming file and line for what is not a conda file or can't be said to pip.
    """
    found = CondaFile(None if isinstance(source, dict) else source, text=content(source))
    tree = source if isinstance(source, dict) else load(source, expected="a conda file with `dependencies:`")
    for key in tree:
        if key not in _KEYS:
            raise AmlError(
                f"unknown key; a conda file has {', '.join(_KEYS)}",
                file=found.file,
                line=line_of(tree, key),
                field=str(key),
            )
    variables = tree.get("variables") or {}
    found.variables = {str(key): str(value) for key, value in variables.items()} if isinstance(variables, dict) else {}
    dependencies = tree.get("dependencies")
    if dependencies is None:
        dependencies = []
    if not isinstance(dependencies, list):
        raise AmlError("expected a list", file=found.file, line=line_of(tree, "dependencies"), field="dependencies")
    for index, item in enumerate(dependencies):
        line = line_of(dependencies, index)
        if isinstance(item, str):
            _conda_package(item, line, found)
        elif isinstance(item, dict) and list(item) == ["pip"] and isinstance(item["pip"], (list, type(None))):
            pips = item["pip"] or []
            for place, text in enumerate(pips):
                found.requirements.append(Requirement(_pipline_of(str(text), found), line_of(pips, place) or line))
        else:
            raise AmlError(f"expected `name=version` or `pip:`, got {item!r}", file=found.file, line=line)
    return found


def pypi_name(name: str) -> str:
    """What PyPI calls the package that conda calls `name`."""
    return _PYPI_NAMES.get(name.lower(), name)


def content(source: Path | dict[str, Any]) -> str:
    """All that decides what an environment holds: the file's text and that of the pip files it names.

    Raises AmlError for a file that can't be read.
    """
    if isinstance(source, dict):
        import json

        return json.dumps(source, sort_keys=True, default=str)
    text = _text(source)
    for match in _PIP_FILE.finditer(text):
        file = source.parent / match[1].strip().strip("'\"")
        if file.is_file():
            text += file.read_text(encoding="utf-8", errors="replace")
    return text


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise AmlError(
            "there is no such conda file", file=file,
            hint="Paths of conda files start at --path (default: this folder), as in v1. Use -d FILE for another one.",
        ) from None  # fmt: skip
    except UnicodeDecodeError as error:
        raise AmlError("is not UTF-8 text", file=file) from error
    except OSError as error:
        raise os_error(error, "read the conda file") from error


def _conda_package(text: str, line: int | None, found: CondaFile) -> None:
    match = _SPEC.fullmatch(text.split("#")[0].strip())
    if not match:
        raise AmlError(f"can't read the package {text!r}", file=found.file, line=line, hint="Write name=version.")
    name, rest = match["name"], match["rest"].strip()
    low = name.lower()
    if low == "python":
        version = re.search(r"\d+(?:\.\d+)*", rest)
        found.python = version[0] if version else None
        return
    if low == "pip":
        return
    if _NOT_PYPI.match(low):
        found.substitutions.append(f"{text}: left out (not a Python package; conda alone has it)")
        return
    requirement = pypi_name(name) + _version(rest, text, found, line)
    if low in _PYPI_NAMES:
        found.substitutions.append(f"{text}: taken from PyPI as {requirement}")
    found.requirements.append(Requirement(requirement, line))


def _version(rest: str, text: str, found: CondaFile, line: int | None) -> str:
    """conda's match specification as PEP 440: `=1.2` means 1.2.*, `=1.2=build` loses its build."""
    if not rest or rest == "*":
        return ""
    bracket = re.fullmatch(r"\[version=['\"]?(.*?)['\"]?\]", rest)
    if bracket:
        rest = bracket[1]
    rest = rest.replace(" ", "") if re.match(r"^[<>=!~]", rest) else "=" + "=".join(rest.split())
    if "|" in rest:
        raise AmlError(
            f"{text!r}: alternatives (|) can't be said to pip", file=found.file, line=line, hint="Name one version."
        )
    if re.match(r"^=[^=]", rest):
        version, _, build = rest[1:].partition("=")
        if build:
            found.substitutions.append(f"{text}: the conda build {build!r} is not PyPI's; any build of that version")
            return f"=={version}"
        if re.match(r"^[<>!~=]", version):
            return version
        return f"=={version}" if version.endswith("*") else f"=={version}.*"
    return rest


def _pipline_of(text: str, found: CondaFile) -> str:
    """A pip line as written, with the path of `-r`, `-c` and `-e` taken from the conda file's folder."""
    match = re.fullmatch(r"(-r|--requirement|-c|--constraint|-e|--editable)[ =]+(.+)", text.strip())
    if not match or found.file is None:
        return text.strip()
    place = Path(match[2])
    inside = found.file.parent / place
    if "://" in match[2] or not inside.exists():
        return text.strip()
    return f"{match[1]} {inside.as_posix()}"
