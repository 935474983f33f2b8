"""The `environment` of a run configuration → the v2 environment, the script's variables, the local interpreter."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from amlrun.spec.job import DEFAULT_IMAGE, Build, Environment
from amlrun.v1.config import Key, is_file
from amlrun.v1.runconfig.context import TranslationContext

_PYTHON: Key = ("environment", "python")
_DOCKER: Key = ("environment", "docker")


def translate(context: TranslationContext) -> None:
    """Set the job's environment, environment variables and what the local target needs of it."""
    _variables(context)
    _refuse_secrets(context)
    reference = _reference(context)
    if reference and context.conda_file is None:
        context.job.environment = Environment(reference=reference)
        return
    environment = Environment()
    context.job.environment = environment
    _image(context, environment)
    _python(context, environment)
    if (environment.build or environment.dockerfile) and environment.conda_file is not None and not context.here:
        for name in ("condaDependenciesFile", "condaDependencies"):
            why = "v2 builds from the Dockerfile alone: install the conda file's packages in it"
            context.set((*_PYTHON, name), "unsupported", why)
        environment.conda_file = None
    for part in ("name", "version"):
        value = context.config.value("environment", part)
        if value is not None and value.is_set:
            context.set(("environment", part), "ignored", "an inline environment has no name", quiet=True)


def _variables(context: TranslationContext) -> None:
    for key, filler in ((("environment", "environmentVariables"), True), (("environmentVariables",), False)):
        value = context.config.value(*key)
        if value is None or not isinstance(value.words, dict):
            continue
        for name, word in value.words.items():
            entry = (*key, name)
            if filler and name == "EXAMPLE_ENV_VAR" and word.replace(" ", "_").upper() == "EXAMPLE_VALUE":
                context.set(entry, "ignored", "the example value that v1's tools wrote into every file", quiet=True)
                continue
            context.job.environment_variables[name] = word
            context.mapped(entry, f"environment_variables.{name}")
        context.mapped(key, "environment_variables")


def _refuse_secrets(context: TranslationContext) -> None:
    """A registry's login has no place in a job: the password is refused, a name alone is reported."""
    for key, value in context.config.values.items():
        if value.field is not None and value.field.secret and value.value:
            context.config.problem(
                key, "a secret in a configuration file is refused; it is not copied anywhere",
                "Delete the line, rotate the secret, and create a workspace connection to the registry instead.",
            )  # fmt: skip


def _reference(context: TranslationContext) -> str | None:
    """The v2 name of a registered environment, when the file only names one."""
    config = context.config
    asset = config.text("environment", "assetId")
    if asset:
        context.mapped(("environment", "assetId"), "environment")
        return asset if asset.startswith("azureml:") else f"azureml:{asset}"
    alone = config.value("environment")
    if alone is not None and alone.words:
        context.mapped(("environment",), "environment")
        name = str(alone.words).removeprefix("azureml:")
        return f"azureml:{name}" if ":" in name or "@" in name else f"azureml:{name}@latest"
    others = [key for key in config.values if key[0] == "environment" and key[1:2] not in (("name",), ("version",))]
    name = config.text("environment", "name")
    if others or not name:
        return None
    version = config.text("environment", "version")
    context.mapped(("environment", "name"), "environment")
    context.mapped(("environment", "version"), "environment")
    return f"azureml:{name}:{version}" if version else f"azureml:{name}@latest"


def _image(context: TranslationContext, environment: Environment) -> None:
    config = context.config
    image = config.text(*_DOCKER, "baseImage")
    dockerfile = config.text(*_DOCKER, "baseDockerfile")
    location = config.text(*_DOCKER, "buildContext", "location")
    if image and dockerfile:
        config.problem((*_DOCKER, "baseDockerfile"), "cannot be combined with baseImage", "Delete one of the two.")
    if location:
        environment.build = Build(location, config.text(*_DOCKER, "buildContext", "dockerfilePath") or None)
        context.mapped((*_DOCKER, "buildContext", "location"), "environment.build.path")
    elif dockerfile:
        environment.dockerfile = _dockerfile(context, dockerfile)
        context.mapped((*_DOCKER, "baseDockerfile"), "environment.build")
    else:
        address = config.text(*_DOCKER, "baseImageRegistry", "address").removeprefix("https://").rstrip("/")
        if image and address and not image.startswith(f"{address}/"):
            image = f"{address}/{image}"
        if address:
            context.mapped((*_DOCKER, "baseImageRegistry", "address"), "environment.image")
        environment.image = image or DEFAULT_IMAGE
        if image:
            context.mapped((*_DOCKER, "baseImage"), "environment.image")


def _dockerfile(context: TranslationContext, text: str) -> str:
    """Dockerfile text; a file's name in its place is taken for what the file holds."""
    if "\n" in text.strip() or re.match(r"\s*(FROM|ARG|#)", text, re.IGNORECASE):
        return text
    place = context.path / text.strip()
    try:
        found = place.read_text(encoding="utf-8")
    except (OSError, ValueError):
        hint = "Write the Dockerfile's lines there, or the name of a file relative to --path."
        context.config.problem((*_DOCKER, "baseDockerfile"), "is neither the text of a Dockerfile nor a file", hint)
        return text
    context.config.note((*_DOCKER, "baseDockerfile"), "names a file; v1 expected its text: the file is read")
    return found


def _python(context: TranslationContext, environment: Environment) -> None:
    config = context.config
    managed = config.get(*_PYTHON, "userManagedDependencies")
    file, inline = config.value(*_PYTHON, "condaDependenciesFile"), config.value(*_PYTHON, "condaDependencies")
    interpreter = config.value(*_PYTHON, "interpreterPath")
    if context.conda_file is not None:
        environment.conda_file = context.conda_file.absolute()
        for value in (file, inline):
            if value is not None and value.is_set:
                context.set(value.key, "ignored", "the conda file given on the command line is used", quiet=True)
        return
    if managed:
        context.job.local.interpreter = config.text(*_PYTHON, "interpreterPath") or "python"
        context.mapped((*_PYTHON, "userManagedDependencies"), "environment", "no conda_file: packages are preinstalled")
        for value in (file, inline):
            if value is not None and value.is_set:
                context.set(value.key, "ignored", "userManagedDependencies is true: nothing is installed", quiet=True)
        return
    if interpreter is not None and interpreter.is_set:
        context.set(interpreter.key, "ignored", "userManagedDependencies is false: the environment's own Python runs")
    if file is not None and file.is_set:
        environment.conda_file = _conda_file(context, file.words)
        if inline is not None and inline.is_set:
            context.set(inline.key, "ignored", "condaDependenciesFile is used instead")
    elif inline is not None and isinstance(inline.value, dict) and inline.value:
        environment.conda_file = inline.value
        context.mapped(inline.key, "environment.conda_file")


def _conda_file(context: TranslationContext, name: str) -> Path:
    key = (*_PYTHON, "condaDependenciesFile")
    place = Path(name) if PurePosixPath(name).is_absolute() else context.path / name.replace("\\", "/")
    if not is_file(place):
        hint = "Conda file paths are relative to --path, not to the run configuration."
        context.blocking_error(key, f"there is no file {place}", hint)
    context.mapped(key, "environment.conda_file")
    return place.absolute()
