"""v1's inference and deployment configurations (`--ic`, `--dc`): read, checked and explained by `inference_fields`."""

from __future__ import annotations

import difflib
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError
from amlrun.runs import redact
from amlrun.spec.yaml_data import line_of, load
from amlrun.v1.scoring.inference_fields import SYNONYMS, Field


@dataclass
class Row:
    """One key of a file as explained: see `Field`; `value` as read unless it is a secret, `line` 1-based."""

    key: str
    value: Any
    line: int | None
    status: str
    becomes: str


@dataclass
class Config:
    """A file's values by dotted camelCase key, in the spelling of the table."""

    file: Path | None = None
    values: dict[str, Any] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def get(self, key: str) -> Any:
        """The value of `key`; None when the file does not say (null means the default)."""
        return self.values.get(key)

    def line(self, key: str) -> int | None:
        return next((row.line for row in self.rows if row.key == key), None)

    def override(self, table: list[Field], key: str, word: str) -> None:
        """Put a flag's word in place of what the file says. Raises AmlError for one that does not fit the key."""
        one = next(field for field in table if field.key == key)
        value = typed(one, word, None, None)
        self.rows = [row for row in self.rows if row.key != key]
        self.rows.append(Row(key, redact.masked(value, key), None, one.status, one.becomes))
        self.values[key] = value

    def problems(self) -> list[Row]:
        """What was neither mapped nor honoured, for a line each at deployment."""
        return [row for row in self.rows if row.status in ("unsupported", "unknown")]

    def notes(self) -> list[str]:
        """The problems as lines for a person, each with its place."""
        places = {row.key: f"{self.file}:{row.line}: " if self.file and row.line else "" for row in self.rows}
        return [f"{places[row.key]}{row.key}: {row.becomes}" for row in self.problems()]


def read(file: Path, table: list[Field]) -> Config:
    """Read a configuration (YAML or JSON; keys in camelCase, TitleCase or snake_case) by its table of fields.

    Raises AmlError naming file, line and key for what is no such file (nor has a key of it) and for a value of the
    wrong type.
    """
    tree = load(file, expected="keys and values, such as entryScript: score.py")
    config = Config(file)
    known = {_plain(one.key): one for one in table}
    synonyms = {_plain(word): known[_plain(key)] for word, key in SYNONYMS.items() if _plain(key) in known}
    known = {**synonyms, **known}
    for key, value, line in _leaves(tree, "", known):
        one = known.get(_plain(key))
        if one is None:
            near = difflib.get_close_matches(_plain(key), known, 1, 0.75)
            meant = f"did you mean {known[near[0]].key}?" if near else "no such key; it has no effect"
            config.rows.append(Row(key, redact.masked(value, key), line, "unknown", meant))
            continue
        if value is not None:
            value = typed(one, value, file, line)
            config.values[one.key] = value
        config.rows.append(Row(one.key, redact.masked(value, one.key), line, one.status, one.becomes))
    if config.rows and all(row.status == "unknown" for row in config.rows):
        raise AmlError(
            "is another kind of file: none of its keys belongs here", file=file,
            hint=f"Expected are keys such as {', '.join(one.key for one in table[:3])}.",
        )  # fmt: skip
    return config


def _plain(key: str) -> str:
    return key.replace("_", "").lower()


def _leaves(tree: dict[str, Any], prefix: str, known: dict[str, Field]) -> Iterator[tuple[str, Any, int | None]]:
    """Every key that the table may know: below a key with parts its parts, else the key itself."""
    for key, value in tree.items():
        path = f"{prefix}{key}"
        parts = any(name.startswith(_plain(path) + ".") for name in known)
        if isinstance(value, dict) and parts:
            yield from _leaves(value, path + ".", known)
        elif value is None and parts:
            continue
        elif isinstance(value, str) and parts and _plain(path) + ".address" in known:
            yield path + ".address", value, line_of(tree, key)  # a registry given as its bare name
        else:
            yield path, value, line_of(tree, key)


def typed(one: Field, value: Any, file: Path | None, line: int | None) -> Any:
    """The value in the field's type; v1 took `"true"` and `"2"` too, and `"false"` is false.

    Raises AmlError for a value that does not fit.
    """
    words = {"true": True, "false": False}
    if one.kind is bool and isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    if one.kind in (int, float) and not isinstance(value, (bool, dict, list)):
        try:
            number = float(value)
        except (ValueError, TypeError):
            number = float("nan")
        if math.isfinite(number) and (one.kind is float or number.is_integer()):
            return one.kind(number)
    elif one.kind is str and isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value)
    elif isinstance(value, one.kind):
        return value
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false", dict: "keys and values"}
    raise AmlError(f"expected {names.get(one.kind, 'a list')}, got {value!r}", file=file, line=line, field=one.key)


@dataclass
class Inference:
    """How requests are scored: `entry` is below `source`; `conda` is a file or the specification itself.

    `interpreter` is set when the user manages the environment, and `conda` is None then.
    """

    source: Path
    entry: str
    conda: Path | dict[str, Any] | None = None
    interpreter: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    config: Config = field(default_factory=Config)


def find_file(name: str, path: Path, root: Path, flag: str) -> Path:
    """A configuration file by name: as given, below `--path`, below the project's root.

    Raises AmlError naming the places looked in.
    """
    places = [Path.cwd() / name, path / name, path / "aml_config" / name, path / ".azureml" / name, root / name]
    for place in places:
        if place.is_file():
            return place
    raise AmlError(f"{flag}: there is no file {name}", hint=_looked(places, name, [*path.glob("models/*")]))


def _looked(places: list[Path], name: str, folders: list[Path]) -> str:
    """Where a file was looked for; and, if it is in one of `folders`, that the command belongs there."""
    hint = "\n".join(["Looked for:", *(f"  {place}" for place in dict.fromkeys(places))])
    for folder in folders:
        if any((place / name).exists() for place in (folder, folder / "aml_config")):
            here = os.path.relpath(folder)
            return f"{hint}\nIt is in {here}: run the command there (cd {here}), or give --path {here}."
    return hint


def inference(
    path: Path, config: Config, *, entry: str | None = None, source: str | None = None, conda: str | None = None
) -> Inference:
    """What `--ic` asks for, with the flags `--es`, `--sd` and `--cf` before the file's own keys.

    v1 took entryScript and condaFile from sourceDirectory (machine-learning-service-inference-config.md), and that
    from the folder it was called in; the folder of the file itself is tried last, for files that lie beside score.py.

    Raises AmlError for a script, folder or conda file that is not there.
    """
    beside = [config.file.parent] if config.file else []
    folder = source or config.get("sourceDirectory")
    roots = [path.resolve(), *beside]
    if folder:
        found = _existing(folder, roots, config, "sourceDirectory", "folder", typed=source)
        roots = [found, *roots]
    script_name = entry or config.get("entryScript") or "score.py"
    script = _existing(script_name, roots[:1] if folder else roots, config, "entryScript", "file", typed=entry)
    root = roots[0] if script.is_relative_to(roots[0]) else script.parent
    result = Inference(root, script.relative_to(root).as_posix(), config=config)
    wanted = conda or config.get("condaFile") or config.get("environment.python.condaDependenciesFile")
    if wanted:
        result.conda = _existing(wanted, roots, config, "condaFile", "file", typed=conda)
    elif config.get("environment.python.condaDependencies"):
        result.conda = json.loads(json.dumps(config.get("environment.python.condaDependencies")))
    if config.get("environment.python.userManagedDependencies") and not conda:
        result.conda, result.interpreter = None, config.get("environment.python.interpreterPath") or "python"
    variables = config.get("environment.environmentVariables") or {}
    result.variables = {str(key): str(value) for key, value in variables.items() if key != "EXAMPLE_ENV_VAR"}
    return result


def _existing(name: str, roots: list[Path], config: Config, key: str, what: str, *, typed: str | None = None) -> Path:
    """The folder or file `name` in one of `roots`. A name that was `typed` is no fault of the file's."""
    for root in roots:
        place = root / Path(name.replace("\\", "/"))
        if place.is_dir() if what == "folder" else place.is_file():
            return place.resolve()
    folders = [*([config.file.parent.parent] if config.file else []), *Path().glob("models/*")]
    hint = _looked([root / name for root in roots], name, folders)
    flags = {"entryScript": "--entry-script", "sourceDirectory": "--source-directory", "condaFile": "--conda-file"}
    if typed:
        raise AmlError(f"{flags[key]}: there is no {what} {name}", hint=hint)
    line = config.line(key)
    where = {"file": config.file, "line": line, "field": key} if line else {}
    raise AmlError(f"there is no {what} {name}", hint=hint, **where)  # type: ignore[arg-type]
