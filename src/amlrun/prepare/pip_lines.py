"""The lines of a conda file's `pip:` list: requirements, paths, and the options that pip takes from a file."""

from __future__ import annotations

import re
from pathlib import Path

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError

_ARCHIVE = re.compile(r"\.(?:whl|tar\.gz|zip)$")
_PATH_OPTION = re.compile(r"(-r|--requirement|-c|--constraint|-e|--editable|-f|--find-links)[ =]+(.+)")
# What pip takes from a file and uv only on its command line, as uv has it; None: without effect in uv.
_UV_OPTIONS = {
    "--pre": ["--prerelease", "allow"],
    "--trusted-host": ["--allow-insecure-host"],
    "--require-hashes": ["--require-hashes"],
    "--prefer-binary": None,
    "--use-feature": None,
}
# All that pip takes from a file (pip's documentation, "Requirements File Format"); uv reads these there too.
_FILE_OPTIONS = (
    "-i", "--index-url", "--pypi-url", "--extra-index-url", "--no-index", "-c", "--constraint", "-r", "--requirement",
    "-e", "--editable", "-f", "--find-links", "--no-binary", "--only-binary",
)  # fmt: skip


@dataclass
class PipLine:
    """What a line becomes: a requirement (empty where there is none), options for uv, and what is to be said."""

    requirement: str
    options: list[str] = field(default_factory=list)
    note: str = ""


def read(text: str, file: Path | None, line: int | None, *, inline: bool) -> PipLine:
    """A line as uv takes it, its path taken from the conda file's folder, as conda has it.

    Raises AmlError for a path at which there is nothing, and for an option that pip refuses in a file.
    """
    text = text.strip()
    option = re.match(r"(--?[A-Za-z][\w-]*)(?:[ =]+(.*))?$", text)
    if option is not None and option[1] in _UV_OPTIONS:
        wanted = _UV_OPTIONS[option[1]]
        if wanted is None:
            return PipLine("", note=f"{text}: left out (uv has no such option)")
        return PipLine("", [*wanted, *([option[2]] if option[2] else [])])
    if option is not None and option[1] not in _FILE_OPTIONS:
        raise AmlError(
            f"{option[1]}: pip takes no such option from a conda file's pip list", file=file, line=line,
            hint="Delete the line: an option like this belongs to pip's command line.",
        )  # fmt: skip
    if file is None or inline:
        return PipLine(text)
    return PipLine(_with_path(text, file, line))


def _with_path(text: str, file: Path, line: int | None) -> str:
    if "://" in text.partition(";")[0]:
        return text
    option = _PATH_OPTION.fullmatch(text)
    word = option[2].strip() if option else text
    # A path may be followed by extras and by a marker.
    path = re.fullmatch(r"(?P<path>[^\[;]+?)(?P<more>\[[\w,.-]+\])?(?P<marker>\s*;.*)?", word)
    if path is None or not (option or re.match(r"\.{1,2}(?:[/\\]|$)", word) or _ARCHIVE.search(path["path"])):
        return text
    name = path["path"].strip().replace("\\", "/")
    inside = file.parent / name
    if not inside.exists():
        hint = f"The paths of the pip list start at the conda file's folder, {file.parent}."
        if (file.parent.parent / name).exists():
            hint += f" Did you mean ../{name.removeprefix('./')}?"
        raise AmlError(f"{text}: no such file or folder: {inside.resolve()}", file=file, line=line, hint=hint)
    place = inside.resolve().as_posix()
    return f"{f'{option[1]} ' if option else ''}{place}{path['more'] or ''}{path['marker'] or ''}"
