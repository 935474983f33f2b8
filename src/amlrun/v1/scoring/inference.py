"""v1's inference and deployment configurations (`--ic`, `--dc`): read, checked and explained by `field_table`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.spec import node
from amlrun.v1 import reading
from amlrun.v1.config import Config, by_line, raise_first
from amlrun.v1.scoring.field_table import INFERENCE
from amlrun.v1.table import Table


def read(file: Path, table: Table) -> Config:
    """Read a configuration (YAML or JSON; keys in camelCase, TitleCase or snake_case) by its table of fields.

    Raises AmlError naming file, line and key for what is no such file (nor has a key of it) and for a value of the
    wrong type; the file's further mistakes stand in its hint.
    """
    root, _ = node.read(file)
    if root.kind != "map":
        raise AmlError("expected keys and values, such as entryScript: score.py", file=file, line=root.line)
    config = reading.build(root, file, table)
    raise_first(by_line(config.problems))
    if config.values and all(value.field is None for value in config.values.values()):
        raise AmlError(
            "is a different kind of file: none of its keys is valid here", file=file,
            hint=f"Expected keys such as {', '.join([*table.members(())][:3])}.",
        )  # fmt: skip
    return config


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
    config: Config = field(default_factory=lambda: Config(INFERENCE))


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
        result.conda = config.get("environment.python.condaDependencies")
    if config.get("environment.python.userManagedDependencies") and not conda:
        result.conda, result.interpreter = None, config.get("environment.python.interpreterPath") or "python"
    variables = config.words("environment.environmentVariables") or {}
    result.variables = {key: text for key, text in variables.items() if key != "EXAMPLE_ENV_VAR"}
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
    if config.value(key) is not None:
        raise config.error(key, f"there is no {what} {name}", hint)
    raise AmlError(f"there is no {what} {name}", hint=hint)
