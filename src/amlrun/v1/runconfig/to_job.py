"""Finds, reads and translates a v1 run configuration: file → job."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from amlrun.errors import AmlError, located, nearest
from amlrun.spec import node
from amlrun.spec.job import CommandJob, SparkJob
from amlrun.v1 import reading
from amlrun.v1.config import Config, Value, by_line, is_file, raise_first
from amlrun.v1.runconfig import recognise, to_command, to_compute, to_data, to_environment, to_spark, workbench
from amlrun.v1.runconfig.context import TranslationContext
from amlrun.v1.runconfig.field_table import RUNCONFIG


def config_folder(path: Path) -> Path:
    """Where v1 kept run configurations: `aml_config/` if it exists, else `.azureml/`; never both."""
    old = path / "aml_config"
    return old if old.is_dir() else path / ".azureml"


def _models_with(path: Path, name: str) -> list[str]:
    """The folders below, at most two deep, whose own configurations include `name`."""
    found = []
    for pattern in ("*/aml_config", "*/*/aml_config", "*/.azureml", "*/*/.azureml"):
        for folder in sorted(path.glob(pattern)):
            if folder.parts[len(path.parts)] not in ("runs", ".venv") and any(
                is_file(folder / one) for one in (name, f"{name}.runconfig")
            ):
                found.append(folder.parent.relative_to(path).as_posix())
    return found


def find(path: Path, name: str) -> Path:
    """The file that `-c NAME` means, by v1's rules: NAME in the config folder, then with `.runconfig`, then that in
    `path`; `path` may itself be the file. A NAME that is a path to a file means that file.

    Raises AmlError that says where it looked and which names there are.
    """
    if path.is_file():
        return path
    folder = config_folder(path)
    tried = [folder / name, folder / f"{name}.runconfig", path / f"{name}.runconfig", path / name, Path(name)]
    for place in tried:
        if is_file(place):
            return place.absolute()
    there = _names(folder)
    near = nearest(name, there)
    meant = f" Did you mean {near!r}?" if near else ""
    known = f"Available: {', '.join(there)}.{meant}" if there else f"There is no run configuration in {folder}."
    others = [f"{name}{ending}" for ending in (".yml", ".yaml", ".json") if is_file(path / f"{name}{ending}")]
    if others:
        raise AmlError(
            f"-c: there is no run configuration {name!r}", hint=f"There is a file {others[0]}: -c {others[0]}"
        )
    below = _models_with(path, name)
    if below:
        words = " or ".join(f"--path {model}" for model in below[:3])
        raise AmlError(
            f"-c: there is no run configuration {name!r} in {path}", hint=f"It exists in a subfolder: add {words}."
        )
    looked = ", ".join(str(place) for place in tried[:3])
    if folder.name == "aml_config" and name in _names(path / ".azureml"):
        known += " One of that name is in .azureml/, which is not searched if there is an aml_config/."
    raise AmlError(f"-c: there is no run configuration {name!r}", hint=f"{known}\nLooked for {looked}.")


def _names(folder: Path) -> list[str]:
    try:
        files = sorted(item for item in folder.iterdir() if item.is_file())
    except OSError:
        return []
    return [item.stem for item in files if item.suffix == ".runconfig"] + [
        item.name for item in files if item.suffix == "" and not item.name.startswith(".")
    ]


def read(file: Path, path: Path | None = None) -> Config:
    """What a file says, converted from a Workbench file where it is one; `path` is the project's or model's folder.

    Raises AmlError, with file and line, for a file that is no run configuration; problems with single values are
    in the result.
    """
    root, notes = node.read(file)
    recognise.refuse_others(root, file)
    config = workbench.convert(root, file) if workbench.is_workbench(root) else reading.build(root, file, RUNCONFIG)
    for line, text in notes:
        config.note((), text, line)
    _environment_file(config, file.parent if path is None or path.is_file() else path)
    return config


def _environment_file(config: Config, path: Path) -> None:
    """`environment: FILE` means the environment in that file, relative to the folder that conda files are."""
    value = config.value("environment")
    if value is None or not value.words:
        return
    name = str(value.words)
    place = path / name
    if not is_file(place):
        if name.endswith((".yml", ".yaml", ".json")) or "/" in name.partition(":")[0]:
            config.problem(("environment",), f"there is no file {place}", "The path is relative to --path.")
        return
    root, _ = node.read(place)
    part = Config(RUNCONFIG, place)
    reading.read_value(part, RUNCONFIG.field(("environment",)), ("environment",), root, 1)
    reading.read_synonyms(part)
    config.values.pop(("environment",), None)
    config.values.update(part.values)
    config.problems += part.problems
    config.notes += part.notes


def translate(
    config: Config,
    path: Path,
    *,
    source_directory: Path | None = None,
    target: str | None = None,
    conda_file: Path | None = None,
    script_and_arguments: Sequence[str] = (),
    exporting: bool = False,
    container: bool = False,
    machines: Collection[str] = (),
) -> TranslationContext:
    """The job that `config` describes (the context's `spark`, else its `job`), and how it came about.

    What is wrong is not raised but gathered, in `TranslationContext.blocking_errors` and `Config.problems`.
    """
    folder = path.parent if path.is_file() else path
    source = (source_directory or folder).absolute()
    named = target or config.text("target") or "local"
    if named.lower() == "local":
        named = "local"
    context = TranslationContext(config, folder.absolute(), source, named, CommandJob(code=source), exporting=exporting)
    context.machine = named in machines
    context.container = container and context.here
    context.job.local.container = context.container or None
    context.script_and_arguments, context.conda_file = list(script_and_arguments), conda_file
    to_data.translate(context)
    to_environment.translate(context)
    to_compute.translate(context)
    to_command.translate(context)
    to_data.report_paths(context)
    if not to_spark.is_spark(context):
        to_spark.unused(context, "only PySpark uses it")
    elif context.here:
        to_spark.on_this_machine(context)
    else:
        context.spark = to_spark.translate(context)
    return context


def load(
    name: str | None,
    path: Path,
    *,
    source_directory: Path | None = None,
    target: str | None = None,
    conda_file: Path | None = None,
    script_and_arguments: Sequence[str] = (),
    container: bool = False,
    machines: Collection[str] = (),
) -> CommandJob | SparkJob:
    """The job to submit: of the configuration `name`, or, when it is None, v1's default (local, managed Python).

    `path` is the folder that the name and conda files are relative to; `target`, `conda_file` and
    `script_and_arguments` replace the file's. PySpark gives a SparkJob, but a CommandJob on the local target.
    Raises AmlError with file and line for what is wrong in the file or missing beside it.
    """
    if name is None:
        config = Config(RUNCONFIG, path / "(no run configuration)")
        where = path
    else:
        file = find(path, name)
        config, where = read(file, path), path
    context = translate(
        config,
        where,
        source_directory=source_directory,
        target=target,
        conda_file=conda_file,
        script_and_arguments=script_and_arguments,
        container=container,
        machines=machines,
    )
    raise_first([*by_line(config.problems), *by_line(context.blocking_errors)], without_file=name is None)
    job = context.spark or context.job
    job.local.notes = notes(context)
    return job


def notes(context: TranslationContext) -> list[str]:
    """What to say once at submit: unknown keys, conversions, and settings that have no effect or no counterpart."""
    found = [(note.line, f"{note.key}: {note.text}" if note.key else note.text) for note in context.config.notes]
    for key, value in context.config.values.items():
        if value.field is None:
            found.append((value.line, f"{context.config.shown(key)}: {value.unknown}"))
        if value.field is None or not value.is_set:
            continue
        status, becomes, quiet = report_of(context, value)
        if status in ("ignored", "unsupported") and not quiet:
            what = "has no effect" if status == "ignored" else "is not supported"
            found.append((value.line, f"{context.config.shown(key)}: {what}: {becomes}"))
    file = context.config.file.name if context.config.file else ""
    return [located(text, file, line) for line, text in sorted(set(found))]


def report_of(context: TranslationContext, value: Value) -> tuple[str, str, bool]:
    """Status, what it became, and whether that is not worth saying, for one key of the file."""
    found = context.report_of(value.key)
    if found is not None:
        return found.status, found.becomes, found.quiet
    if value.field is not None and value.field.status == "unsupported" and not value.is_set:
        return "ignored", "not set", True
    return *context.config.status(value), False
