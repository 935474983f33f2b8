"""The lines of a conda file's `pip:` list: requirements, paths, and the options that pip takes from a file."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath, PureWindowsPath

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.runs.redact import masked_text

_ARCHIVE = re.compile(r"\.(?:whl|tar\.gz|zip)$")
_PATH_OPTION = re.compile(r"(-r|--requirement|-c|--constraint|-e|--editable|-f|--find-links)[ =]+(.+)")
_ATTACHED = re.compile(r"^-([recfi])(?=[^\s=-])")
_SSH = re.compile(r"(?:git\+)?([\w.-]+@[\w.-]+):(.+)")
_NAMED = re.compile(r"([A-Za-z0-9][\w.-]*\s*(?:\[[\w\s,.-]*\])?\s*@\s*)(.+)")
# A path may be followed by extras and by a marker.
_PATH = re.compile(r"(?P<path>[^\[;]+?)(?P<more>\[[\w\s,.-]+\])?(?P<marker>\s*;.*)?")
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


@dataclass
class _Path:
    """A path of a line, with what stands before and after it."""

    before: str
    name: str
    after: str

    @property
    def full(self) -> bool:
        """Whether it starts at a disk's root, on this kind of machine or on another."""
        return PurePosixPath(self.name).is_absolute() or PureWindowsPath(self.name).is_absolute()


def read(text: str, file: Path | None, line: int | None, *, inline: bool, named: Path | None = None) -> PipLine:
    """A line as uv takes it, its path taken from the conda file's folder, as conda has it.

    A message names `named` where the line stands in that file rather than in the conda file.

    Raises AmlError for a path at which there is nothing, for what is no requirement, and for an option that pip
    refuses in a file.
    """
    text, folder, file = _plain(text), file.parent if file else None, named or file
    option = re.match(r"(--?[A-Za-z][\w-]*)(?:[ =]+(.*))?$", text)
    if option is not None and option[1] in _UV_OPTIONS:
        wanted = _UV_OPTIONS[option[1]]
        if wanted is None:
            return PipLine("", note=f"{text}: left out (uv has no such option)")
        return PipLine("", [*wanted, *([option[2]] if option[2] else [])])
    if option is not None and option[1] not in _FILE_OPTIONS:
        raise AmlError(
            f"{option[1]}: not a valid option in a conda file's pip list", file=file, line=line,
            hint="Delete the line: an option like this belongs to pip's command line.",
        )  # fmt: skip
    git = re.fullmatch(r"(?:-e|--editable)[ =]+(\w+\+[a-z]+:.*)", text)
    if git:
        return PipLine(git[1], note=f"{masked_text(git[1])}: installed as it is, not editable")
    path = _path_in(text)
    if path is not None and folder is not None and file is not None and not inline:
        return PipLine(_with_path(text, path, folder, file, line))
    if text and option is None and path is None:
        _check(text, file, line)
    return PipLine(text)


def path_of(text: str, folder: Path) -> Path | None:
    """The file or folder that a line names, in a conda file of that folder; None for any other line."""
    path = _path_in(_plain(text))
    return None if path is None else folder / path.name


def _plain(text: str) -> str:
    """A line as pip reads it: without its comment and quotes, a short option apart from its value."""
    text = re.sub(r"(?:^|\s+)#.*$|\s+\\$", "", text.strip())
    text = _ATTACHED.sub(r"-\1 ", text)
    return re.sub(r"""^(-\S+[ =]+)?(["'])(.*)\2$""", r"\1\3", text)


def _path_in(text: str) -> _Path | None:
    option, named = _PATH_OPTION.fullmatch(text), _NAMED.fullmatch(text)
    before, word = (f"{option[1]} ", option[2].strip()) if option else named.groups() if named else ("", text)
    word = re.sub(r"^file:(?!/)", "", word)
    if "://" in word.partition(";")[0] or "::" in word or word.startswith("file:/"):
        return None
    found = _PATH.fullmatch(word)
    if found is None or (found["path"].startswith("-") and not option) or _SSH.match(text):
        return None
    name = found["path"].strip().replace("\\", "/")
    if not (option or named or re.fullmatch(r"\.{1,2}", name) or "/" in name or _ARCHIVE.search(name)):
        return None
    return _Path(before, name, f"{found['more'] or ''}{found['marker'] or ''}")


def _with_path(text: str, path: _Path, folder: Path, file: Path, line: int | None) -> str:
    """The line with its path in full."""
    inside, above = folder / path.name, folder.parent / path.name
    below = path.name.removeprefix("./")
    if path.full and not inside.exists():
        raise AmlError(f"{text}: no such file or folder", file=file, line=line,
                       hint="Put it beside the conda file, and name it from there: ./NAME.")  # fmt: skip
    hint = f"Paths in the pip list are relative to the conda file's folder, {folder}."
    if not inside.exists():
        hint += f" Did you mean ../{below}?" if above.exists() else ""
        raise AmlError(f"{text}: no such file or folder: {inside.resolve()}", file=file, line=line, hint=hint)
    if inside.is_dir() and not path.before.startswith(("-f", "--f")) and not _is_package(inside):
        hint += f" Did you mean ../{'' if below == '.' else below}?" if _is_package(above) else ""
        raise AmlError(f"{text}: not a Python package: {inside.resolve()} has no pyproject.toml or setup.py", file=file,
                       line=line, hint=hint)  # fmt: skip
    if path.before.rstrip().endswith("@"):
        return f"{path.before}{inside.resolve().as_uri()}{path.after}"
    return f"{path.before}{inside.resolve().as_posix()}{path.after}"


def _is_package(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("pyproject.toml", "setup.py"))


def _check(text: str, file: Path | None, line: int | None) -> None:
    """Refuse what pip cannot read as a requirement."""
    from packaging.requirements import InvalidRequirement, Requirement

    body, *options = re.split(r"\s+(?=-)", text)
    if _SSH.fullmatch(body) and "://" not in body:
        raise AmlError(f"{body}: is not a URL that pip can read", file=file, line=line, hint=_advice(body))
    more = next((one for one in options if not one.startswith("--hash")), None)
    if more is not None:
        name = more.split("=")[0].split()[0]
        hint = f"Write {masked_text(more)} on its own line." if name in _FILE_OPTIONS else f"Leave out {name}."
        raise AmlError(
            f"{masked_text(text)}: pip ignores or refuses {name} beside a requirement", file=file, line=line, hint=hint
        )
    if re.match(r"python\s*(?:[<>=!~]|$)", body, re.IGNORECASE):
        version = body[len("python") :].strip().replace("==", "=")
        raise AmlError(f"{body}: pip does not install Python", file=file, line=line,
                       hint=f"Name it under `dependencies:`: - python{version}")  # fmt: skip
    if "://" in body or "${" in body:
        return
    try:
        Requirement(body)
    except InvalidRequirement:
        raise AmlError(
            f"{masked_text(text)}: is not a requirement that pip can read", file=file, line=line, hint=_advice(body)
        ) from None


def _advice(text: str) -> str:
    """What was probably meant."""
    ssh = _SSH.fullmatch(text)
    if ssh:
        return f"Write git+ssh://{ssh[1]}/{ssh[2]}."
    command = re.match(r"(?:(?:python3? -m )?pip3? install|-) (.+)", text)
    if command:
        return f"Write only {command[1]}."
    if "::" in text:
        return f"Channels are conda's: write {text.partition('::')[2]}, or name it under `dependencies:`."
    text = re.sub(r"=([<>])", r"\1=", text)
    single = re.fullmatch(r"([\w.-]+(?:\[[^\]]*\])?)\s*(?:=\s*|\s)([0-9][\w.*+!]*)(?:=\w+)?", text)
    if single:
        return f"Write {single[1]}=={single[2]}: pip uses ==, conda uses =."
    commas = re.sub(r"(?<=[\w*])\s*(?=[<>!~])", ",", re.sub(r"^[\w.-]+", lambda name: name[0] + "\0", text))
    meant = re.sub(r"((?:>=?|<=?|~=)\s*[\d.]*\d)\.\*", r"\1", commas).replace("\0,", "").replace("\0", "")
    meant = meant.rstrip(", \\")
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return f"Write {Requirement(meant)}."
    except InvalidRequirement:
        return "Write name==version."
