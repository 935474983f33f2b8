"""What a conda file asks for, and the same as pip's requirements for a machine without conda."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError, os_error
from amlrun.prepare import pip_files, pip_lines
from amlrun.prepare.conda_names import is_mpi, is_public_channel, is_renamed, left_out, pypi_name
from amlrun.prepare.conda_version import specifier
from amlrun.runs.redact import url_without_user
from amlrun.spec.yaml_data import Map, line_of, load

_NESTED = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[ =]+(\S+)", re.MULTILINE)
# What tools and runs leave beside a package's own files.
_BUILT = re.compile(r"\..*|__pycache__|build|dist|.*\.egg-info|runs|mlruns|outputs|logs|venv|node_modules|mlflow\.db.*")
_QUOTED = re.compile(r"""^(["'])(.*)\1$""")
_KEYS = ("name", "channels", "dependencies", "prefix", "variables")
_SPEC = re.compile(r"(?:(?P<channel>[^\s:]+)(?::[^\s:]*)?::)?(?P<name>[A-Za-z0-9_][\w.+-]*)\s*(?P<rest>.*)")


@dataclass
class Requirement:
    """One requirement in pip's words, and the line that asks for it: of the conda file, or of a `file` named in it."""

    text: str
    line: int | None
    file: Path | None = None


@dataclass
class CondaFile:
    """A conda file read for uv: `python` is a PEP 440 specifier or empty; `substitutions` says what was changed.

    `options` are uv's for the whole file. An `inline` one stands in `file`, which is another kind of file.
    """

    file: Path | None
    python: str = ""
    requirements: list[Requirement] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    substitutions: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    text: str = ""
    inline: bool = False


def read(source: Path | dict[str, Any]) -> CondaFile:
    """Read a conda file (or the specification itself) as what pip installs.

    Raises AmlError naming file and line for what is not a conda file or has no counterpart on PyPI.
    """
    inline = isinstance(source, dict)
    file = source.file if isinstance(source, Map) else None if isinstance(source, dict) else source
    found = CondaFile(file, text=content(source), inline=inline)
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
    _channels(tree.get("channels"), found)
    pips: list[Requirement] = []
    for index, item in enumerate(dependencies):
        line = line_of(dependencies, index)
        if isinstance(item, str):
            _conda_package(item, line, found)
        elif isinstance(item, dict) and list(item) == ["pip"] and isinstance(item["pip"], (list, type(None))):
            for place, text in enumerate(item["pip"] or []):
                pips += _pip_requirements(str(text), line_of(item["pip"], place) or line, found)
        else:
            raise AmlError(f"expected `name=version` or `pip:`, got {item!r}", file=found.file, line=line)
    if pips and not any(re.match(r"pip(?![\w.-])", one.text) for one in found.requirements):
        found.requirements.append(Requirement("pip", None))  # as conda does
    found.requirements += [Requirement(_retired(one.text, found), one.line, one.file) for one in pips]
    return found


def _pip_requirements(
    text: str, line: int | None, found: CondaFile, named: Path | None = None
) -> Iterator[Requirement]:
    """What a line of the pip list asks for; of `-r FILE` all that the file asks for."""
    one = pip_lines.read(text, found.file, line, inline=found.inline, named=named)
    found.options += one.options
    found.substitutions += [one.note] if one.note else []
    file = pip_files.included(one.requirement) if named is None and not found.inline else None
    if file is not None and file.is_file():
        for nested, place, number in pip_files.lines(file):
            yield from _pip_requirements(nested, number, found, place)
    elif one.requirement:
        yield Requirement(one.requirement, line, named)


def content(source: Path | dict[str, Any]) -> str:
    """All that decides what an environment holds: the file's text, the pip files it names, and its local packages.

    Raises AmlError for a file that can't be read.
    """
    if isinstance(source, dict):
        import json

        return json.dumps(source, sort_keys=True, default=str)
    text = _text(source)
    paths = dict.fromkeys(pip_lines.path_of(word, source.parent) for word in _words(text))
    return text + "".join(_content_of(path, 0) for path in paths if path is not None)


def _words(text: str) -> Iterator[str]:
    """What may be a line of the pip list, in either of YAML's styles of lists."""
    for line in text.splitlines():
        item = re.sub(r"^\s*(?:-\s+)*|\s+#.*$", "", line)
        yield from (_QUOTED.sub(r"\2", word.strip()) for word in (item, *re.split(r"[\[\],]", item)))


def _content_of(path: Path, level: int) -> str:
    """What tells one state of a pip file, a wheel or a package's folder from another."""
    try:
        if path.is_dir():
            marks = [
                (file.relative_to(path).as_posix(), file.stat().st_size, file.stat().st_mtime_ns)
                for file in sorted(_sources(path))
            ]
            return f"\n{marks[:5000]}"
        if not path.is_file():
            return ""
        if path.suffix in (".whl", ".gz", ".zip"):
            return f"\n{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}"
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    nested = [path.parent / match[1].strip() for match in _NESTED.finditer(text)] if level < 5 else []
    return text + "".join(_content_of(one, level + 1) for one in nested)


def _sources(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not _BUILT.fullmatch(name)]
        yield from (Path(place, name) for name in files if not _BUILT.fullmatch(name))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise AmlError(
            "there is no such conda file", file=file,
            hint="Conda file paths are relative to --path (default: this folder), as in v1. -d FILE names another one.",
        ) from None  # fmt: skip
    except UnicodeDecodeError as error:
        raise AmlError("is not UTF-8 text", file=file) from error
    except OSError as error:
        raise os_error(error, "read the conda file") from error


def _channels(channels: Any, found: CondaFile) -> None:
    """Say which private channels are not reached: PyPI's packages are other ones."""
    for channel in channels if isinstance(channels, list) else []:
        if not is_public_channel(str(channel)):
            shown = url_without_user(str(channel))
            found.substitutions.append(f"channel {shown}: not used without conda; all packages come from PyPI")


def _conda_package(text: str, line: int | None, found: CondaFile) -> None:
    match = _SPEC.fullmatch(text.split("#")[0].strip())
    if not match:
        raise AmlError(f"can't read the package {text!r}", file=found.file, line=line, hint="Write name=version.")
    name, channel = match["name"], match["channel"]
    low = name.lower()
    if is_mpi(low):
        found.substitutions.append(f"{text}: taken from PyPI as {low}, in the version available")
        found.requirements.append(Requirement(low, line))
        return
    if why := left_out(low):
        found.substitutions.append(f"{text}: left out ({why})")
        return
    if channel and not is_public_channel(channel):
        raise AmlError(
            f"{text!r} is from the private channel {channel!r}, which only conda can use", file=found.file, line=line,
            hint="PyPI may have a different package with that name. Install conda or micromamba, or name the package "
            "below `pip:`, with its index.",
        )  # fmt: skip
    try:
        version, build = specifier(match["rest"])
    except ValueError as error:
        raise AmlError(f"{text!r}: {error}", file=found.file, line=line, hint="Name one version.") from error
    if low == "python":
        found.python = version
        return
    requirement = _retired(pypi_name(name) + version, found)
    if build:
        found.substitutions.append(
            f"{text}: {'any build of that version' if version else requirement} (the build {build!r} is conda's)"
        )
    elif is_renamed(name):
        found.substitutions.append(f"{text}: taken from PyPI as {requirement}")
    found.requirements.append(Requirement(requirement, line))


def _retired(text: str, found: CondaFile) -> str:
    """SDK v1's packages without a version: a resolver may go back to releases of 2019, which no longer build."""
    if not re.fullmatch(r"azureml-(?:defaults|sdk|core|widgets|train|train-core|pipeline|pipeline-core|dataset-runtime|"
                        r"automl-runtime|interpret|contrib-[\w-]+)(?:\[[\w,-]+\])?", text):  # fmt: skip
        return text
    found.substitutions.append(f"{text}: taken as {text}>=1.50 (older releases no longer build)")
    return f"{text}>=1.50"
