"""`Environment` in its three ways, and `CondaDependencies`: the `environment` section, and the conda file beside it."""

from __future__ import annotations

from typing import Any

from amlrun.migrate.drivers import packages
from amlrun.migrate.drivers.context import Construction, ConversionContext, stem
from amlrun.migrate.drivers.packages import Packages
from amlrun.migrate.drivers.signatures import bound, name_of
from amlrun.migrate.drivers.values import NOTHING, Gap, Item, Name, SdkObject, Text, gaps_in, known
from amlrun.migrate.drivers.views import View

KINDS = ("Environment", "Environment.get", "Environment.from_conda_specification", "Environment.from_pip_requirements",
         "Environment.from_docker_image", "Environment.from_dockerfile", "Environment.from_docker_build_context",
         "Environment.from_existing_conda_environment", "Environment.load_from_directory")  # fmt: skip
# Stands for a pip file until it is known what else the environment gets.
_PIP_FILE = "pip file"
_DOCKER = {
    "enabled": "enabled", "base_image": "baseImage", "base_dockerfile": "baseDockerfile", "shm_size": "shmSize",
    "arguments": "arguments",
}  # fmt: skip


def section(
    context: ConversionContext, value: Any, through: list[tuple[SdkObject, str]], owner: Construction, name: str
) -> dict[str, Any]:
    """The `environment` section for an environment that `value` is, seen `through` other objects too.

    Gaps go to `owner`, the construction that uses it; `name` names a conda file that has no better name.
    """
    plain = known(value)
    if isinstance(plain, SdkObject) and plain.name in KINDS:
        context.note(plain, "Environment")
    if isinstance(value, Gap):
        owner.gaps.append(value)
    environment = context.registered_environment(plain)
    if isinstance(environment, Gap):
        return {"name": environment} if not _settings(through) else _own(context, None, through, owner, name, {})
    if isinstance(environment, str):
        return {"name": environment}
    made = environment if isinstance(environment, SdkObject) else None
    if made is not None and made.name.endswith("environments.get"):
        return {"name": made.args[0] if made.args else Gap("an environment without a name", made.line, "environment")}
    if isinstance(environment, Item):
        return {"name": environment.key}
    start: dict[str, Any] = {}
    if made is not None:
        while name_of(made) == ".clone" and isinstance(made.owner, SdkObject):
            through = [*through, (made, "")]
            copied = bound(made).get("name")
            start = {"name": copied} if copied else start
            made = made.owner
        start = _named(context, made, owner, name) | start
        if made.name.startswith(".") or made.name not in KINDS:
            owner.gaps.append(Gap(f"the result of {made.name.lstrip('.')}()", made.line, made.variable))
            return {"name": Gap(f"the result of {made.name.lstrip('.')}()", made.line, made.variable or "environment")}
    return _own(context, made, through, owner, name, start)


def _named(context: ConversionContext, made: SdkObject, owner: Construction, name: str) -> dict[str, Any]:
    """What a class method of Environment says by itself."""
    given, kind = bound(made), name_of(made)
    named = {"name": given["name"]} if "name" in given else {}
    if kind == "Environment.get":
        version = given.get("version")
        return named if version is None else {**named, "version": version}
    if kind == "Environment.from_conda_specification":
        return {**named, "python": file(context, given.get("file_path"), owner)}
    if kind == "Environment.from_pip_requirements":
        return {**named, "python": {_PIP_FILE: given.get("file_path")}}
    if kind == "Environment.from_docker_image":
        found: dict[str, Any] = {**named, "docker": {"baseImage": given.get("image")}}
        if given.get("conda_specification") is not None:
            found["python"] = file(context, given["conda_specification"], owner)
        elif given.get("pip_requirements") is not None:
            found["python"] = {_PIP_FILE: given["pip_requirements"]}
        else:
            found["python"] = {"userManagedDependencies": True}
        return found
    if kind == "Environment.from_dockerfile":
        text = known(given.get("dockerfile"))
        content = text if isinstance(text, str) and "\n" in text else None
        if content is None and isinstance(text, str):
            content = context.lookup(context.place(context.resolve(text)))
        gap = Gap("a Dockerfile that is not here", made.line, "dockerfile")
        found = {**named, "docker": {"baseDockerfile": content if content is not None else gap}}
        if given.get("conda_specification") is not None:
            found["python"] = file(context, given["conda_specification"], owner)
        else:
            found["python"] = {"userManagedDependencies": True}
        return found
    if kind == "Environment.load_from_directory":
        saved = _directory(context, given.get("path"))
        if saved is not None:
            return saved
    if kind in ("Environment.from_existing_conda_environment", "Environment.load_from_directory",
                "Environment.from_docker_build_context"):  # fmt: skip
        owner.gaps.append(Gap(f"what {kind} finds on the driver's machine", made.line, made.variable))
    return named


def _directory(context: ConversionContext, path: Any) -> dict[str, Any] | None:
    """The environment that `save_to_directory` left in a folder: its definition, and its conda file."""
    folder = known(path)
    if not isinstance(folder, str):
        return None
    import json

    text = context.lookup(context.place(context.resolve(f"{folder}/azureml_environment.json")))
    try:
        saved = json.loads(text or "")
        found: dict[str, Any] = {"name": saved["name"]}
        image = (saved.get("docker") or {}).get("baseImage")
        managed = (saved.get("python") or {}).get("userManagedDependencies")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if saved.get("environmentVariables"):
        found["environmentVariables"] = saved["environmentVariables"]
    if image:
        found["docker"] = {"baseImage": image}
    file = context.resolve(f"{folder}/conda_dependencies.yml")
    found["python"] = {"userManagedDependencies": True} if managed else {
        "userManagedDependencies": False, "condaDependenciesFile": file}  # fmt: skip
    return found


def _own(
    context: ConversionContext,
    made: SdkObject | None,
    through: list[tuple[SdkObject, str]],
    owner: Construction,
    name: str,
    start: dict[str, Any],
) -> dict[str, Any]:
    """The section with all that was set on the environment later."""
    view = View([*through, *([(made, "")] if made is not None else [])])
    found = {key: dict(value) if isinstance(value, dict) else value for key, value in start.items()}
    variables = view.mapping("environment_variables")
    if variables is not NOTHING:
        found["environmentVariables"] = variables
    python = _python(context, view, owner, stem(found.get("name"), name), found.get("python", {}))
    if python:
        found["python"] = python
    docker = found.get("docker", {})
    for path, key in _DOCKER.items():
        value = view.get(f"docker.{path}")
        if isinstance(known(value), Name):
            value = (
                Gap("the SDK's default image", owner.made.line, path) if "DEFAULT" not in known(value).full else NOTHING
            )
        if value is not NOTHING and value is not None:
            docker[key] = value
    address = view.get("docker.base_image_registry.address")
    if address is not NOTHING:
        docker["baseImageRegistry"] = {"address": address}
    if view.get("docker.base_image_registry.password") is not NOTHING:
        owner.notes.append("the registry's password is not copied: make a workspace connection to the registry")
    if docker:
        found["docker"] = docker
    return found


def _settings(through: list[tuple[SdkObject, str]]) -> bool:
    return any(path.startswith(prefix) for made, prefix in through for path in made.settings)


def _python(
    context: ConversionContext, view: View, owner: Construction, name: str, start: dict[str, Any]
) -> dict[str, Any]:
    python = view.below("python")
    managed = python.get("user_managed_dependencies")
    found = dict(start)
    if managed is not NOTHING:
        found["userManagedDependencies"] = managed
    interpreter = python.get("interpreter_path")
    if interpreter is not NOTHING:
        found["interpreterPath"] = interpreter
    named_file = python.get("conda_dependencies_file")
    if isinstance(known(named_file), str):
        found |= file(context, named_file, owner)
    requirements = found.pop(_PIP_FILE, None)
    dependencies = python.get("conda_dependencies")
    later = [call for call in python.calls() if call.path.startswith("conda_dependencies.")]
    if requirements is not None and dependencies is NOTHING:
        found |= _requirements(context, requirements, later, owner, name)
    elif dependencies is not NOTHING or later:
        found.pop("condaDependenciesFile", None)
        first = dependencies
        if dependencies is NOTHING and isinstance(start.get("condaDependenciesFile"), str):
            first = start["condaDependenciesFile"]
        found |= conda(context, first, later, owner, name)
    return found


def conda(context: ConversionContext, value: Any, later: list[Any], owner: Construction, name: str) -> dict[str, Any]:
    """The `python` section for a `CondaDependencies`, or a conda file's name with packages added `later`."""
    dependencies = known(value)
    if isinstance(value, Gap):
        owner.gaps.append(value)
    if isinstance(dependencies, Gap):
        return {"condaDependenciesFile": dependencies}
    found: Packages | None = None
    if isinstance(dependencies, SdkObject) and name_of(dependencies) in (
        "CondaDependencies",
        "CondaDependencies.create",
    ):
        context.note(dependencies, "CondaDependencies")
        start = bound(dependencies).get("conda_dependencies_file_path")
        if start is None:
            found = packages.from_create(dependencies, name)
        elif not later and not dependencies.calls:
            return file(context, start, owner)
        else:
            later, dependencies = [*dependencies.calls, *later], start
    if found is None and isinstance(known(dependencies), str):
        found = _read(context, known(dependencies), name)
        if found is None:
            owner.notes.append(
                f"the conda file {known(dependencies)} is not here: the driver's packages alone are written"
            )
    if found is None:
        found = Packages(name)
    packages.apply(found, later, "conda_dependencies.")
    packages.apply(found, [call for call in later if not call.path.startswith("conda_dependencies.")])
    made = known(value) if isinstance(known(value), SdkObject) else owner.made
    return write(context, found, made, owner)


def write(context: ConversionContext, found: Packages, made: SdkObject, owner: Construction) -> dict[str, Any]:
    """Write a conda file, once for each set of packages, and say where it is."""
    key = id(made)
    if key not in context.names or made is owner.made:
        context.note(made, made.name)
        context.write(f"{found.name}-conda", ".yml", found.tree(), made, found.remarks)
    path = context.names[key]
    if made is not owner.made:
        owner.gaps += context.done[key].gaps
    return {"userManagedDependencies": False, "condaDependenciesFile": path}


def file(context: ConversionContext, value: Any, owner: Construction) -> dict[str, Any]:
    if isinstance(known(value), Gap) or value is None:
        return {"condaDependenciesFile": value or Gap("a conda file that is not in the code", owner.made.line, "file")}
    path = context.resolve(value)
    owner.gaps += gaps_in(value)
    if path in context.saved:
        return conda(context, context.saved[path], [], owner, stem(path, "environment"))
    if not context.exists(path):
        owner.notes.append(f"the conda file {path} is not in the repository")
    shown = Gap(value.reason, value.line, value.source, path, value.file) if isinstance(value, Gap) else path
    return {"userManagedDependencies": False, "condaDependenciesFile": value if isinstance(value, Text) else shown}


def _requirements(
    context: ConversionContext, value: Any, later: list[Any], owner: Construction, name: str
) -> dict[str, Any]:
    """A conda file that names a pip file, which is read from the conda file's own folder."""
    path = context.resolve(value)
    owner.gaps += gaps_in(value)
    found = Packages(name, sdk=False)
    up = "/".join([".."] * len([part for part in context.folder.split("/") if part]))
    line = f"-r {up}/{path}" if up else f"-r {path}"
    found.pip = [Gap(value.reason, value.line, value.source, line, value.file) if isinstance(value, Gap) else line]
    packages.apply(found, later, "conda_dependencies.")
    if not context.exists(path):
        owner.notes.append(f"{path} is not in the repository")
    return write(context, found, owner.made, owner)


def _read(context: ConversionContext, file: str, name: str) -> Packages | None:
    tree = context.load(file)
    return None if tree is None else packages.from_tree(tree, name)
