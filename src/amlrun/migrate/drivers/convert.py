"""A driver, read and turned into files, lines for `aml`, and a finding for each construction."""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.migrate.drivers import automl, commands, environments, estimators, nodes, pipelines, scoring, steps, sweeps
from amlrun.migrate.drivers import interpreter as reader
from amlrun.migrate.drivers import source as sources
from amlrun.migrate.drivers.context import Construction, ConversionContext
from amlrun.migrate.drivers.interpreter import Reading
from amlrun.migrate.drivers.runconfigs import run_configuration, script_run_config
from amlrun.migrate.drivers.signatures import argument, bound, name_of
from amlrun.migrate.drivers.source import Source
from amlrun.migrate.drivers.values import ROOT, SdkObject, Text, known

Lookup = Callable[[str], str | None]
# What a driver does that has no file and no line: what to do instead.
_LEFT = {
    ".publish": "submit the pipeline's YAML, or make it a component and schedule that",
    "Schedule.create": "write a v2 schedule: az ml schedule create",
    "PipelineEndpoint.publish": "use a batch endpoint with a pipeline component deployment",
    "PublishedPipeline.get": "submit the pipeline's YAML",
    "ContainerImage.image_configuration": "write an inference configuration, and use aml model deploy",
    "ReinforcementLearningEstimator": "one node, ray[rllib] in the conda file, ray.init() in the script",
}


@dataclass
class Conversion:
    """What became of a driver: texts by path, lines, and its constructions in the order of the text."""

    source: Source
    base: str
    texts: dict[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    constructions: list[Construction] = field(default_factory=list)
    left: list[tuple[SdkObject, str]] = field(default_factory=list)
    unread: int = 0


def convert(path: str, text: str, lookup: Lookup) -> Conversion:
    """Read the driver at `path`; `lookup` gives the text of other files of its repository, or None.

    Raises AmlError for a text that is no Python, or no notebook.
    """
    source = sources.read(path, text)
    reading = reader.read(source, _module_finder(lookup), _text_finder(lookup, path))
    base = _base(reading, lookup)
    context = ConversionContext(source, lookup, base)
    for name, content, _ in reading.written:
        plain = known(name)
        if isinstance(plain, str):
            context.written[posixpath.normpath(posixpath.join(posixpath.dirname(path), plain))] = content
    if lookup(context.place("aml_config/")) is None and lookup(context.place(".azureml/")) is not None:
        context.folder = ".azureml"
    for place, made in reading.saved:
        context.saved[context.resolve(place)] = made
    for one in reading.made:
        if name_of(one) in (".save_to_file", ".save") and isinstance(one.owner, SdkObject) and one.args:
            named = known(one.args[-1])
            if isinstance(named, str) and one.owner.name.startswith("CondaDependencies"):
                context.saved[context.resolve(named)] = one.owner
        owner = known(one.owner)
        if name_of(one) == ".register" and isinstance(owner, SdkObject) and owner.name in environments.KINDS:
            label = known(argument(owner, "name"))
            if isinstance(label, str) and owner.name != "Environment.get":
                context.registered[label] = owner
    _constructions(context, reading.made)
    lines = commands.lines(context, reading.made)
    found = Conversion(source, base, context.texts, lines, unread=reading.unread)
    order = {id(one): at for at, one in enumerate(reading.made)}
    found.constructions = sorted(context.done.values(), key=lambda one: order.get(id(one.made), 0))
    found.left = [(one, _LEFT[name_of(one)]) for one in reading.made if name_of(one) in _LEFT]
    for place, content in context.written.items():
        if lookup(place) is None and content.strip():
            found.texts.setdefault(place, content if content.endswith("\n") else f"{content}\n")
    return found


def _constructions(context: ConversionContext, made: list[SdkObject]) -> None:
    for one in made:
        if one.name == "ScriptRunConfig":
            script_run_config(context, one)
        elif one.name in estimators.KINDS:
            estimators.estimator(context, one)
    for one in made:
        if one.name in sweeps.KINDS:
            sweeps.sweep(context, one)
        elif one.name == automl.KIND:
            automl.automl(context, one)
    own_steps = [one for one in made if one.name in steps.KINDS]
    for one in made:
        if one.name == "Pipeline":
            submit = next(
                (call for call in made if name_of(call) == ".submit" and argument(call, "config") is one), None
            )
            given = known(bound(submit).get("pipeline_parameters")) if submit else None
            experiment = commands.experiment_of(submit) if submit else ""
            pipelines.pipeline(context, one, own_steps, given if isinstance(given, dict) else {}, experiment or None)
    for one in own_steps:
        if id(one) not in context.done:
            _lone_step(context, one)
    for one in made:
        if one.name == "InferenceConfig":
            scoring.inference(context, one)
        elif one.name in scoring.DEPLOYMENTS:
            scoring.deployment(context, one)
        elif one.name in ("ParallelRunConfig", "ParallelRunConfig.load_yaml") and id(one) not in context.done:
            scoring.parallel(context, one)
    for one in made:
        if id(one) in context.done:
            continue
        if one.name == "RunConfiguration":
            run_configuration(context, one)
        elif one.name in environments.KINDS:
            done = context.note(one, "Environment")
            environments.section(context, one, [], done, one.variable or "environment")
    for one in made:
        if id(one) not in context.done and one.name in ("CondaDependencies", "CondaDependencies.create"):
            done = context.note(one, "CondaDependencies")
            environments.conda(context, one, [], done, one.variable.replace("_", "-") or "environment")


def _lone_step(context: ConversionContext, one: SdkObject) -> None:
    """A step that no pipeline of the driver has: what is known of it is noted."""
    step = steps.read(context, one, "step", {})
    if not step.done.reason:
        nodes.node(context, step, None)
        step.done.notes.append("no pipeline in this file has this step")


def _base(reading: Reading, lookup: Lookup) -> str:
    """The folder that the driver was run in: of its own folder and those above, the one where most files are found."""
    own = posixpath.dirname(reading.source.path)
    folders = [own]
    while folders[-1]:
        folders.append(posixpath.dirname(folders[-1]))
    named = {text for one in reading.made for text in _files(one)}
    fixed = [text[len(ROOT) + 1 :] for text in named if text.startswith(f"{ROOT}/")]
    wanted = {text for text in named if not text.startswith(("/", ".."))}
    folders = [one for one in folders if all(not one or text.startswith(f"{one}/") for text in fixed)] or folders
    best = max(folders, key=lambda folder: sum(
        lookup(posixpath.normpath(posixpath.join(folder, text))) is not None for text in wanted))  # fmt: skip
    return best


def _files(made: SdkObject) -> list[str]:
    """The relative files that a construction names."""
    given = bound(made)
    folder = known(given.get("source_directory"))
    found: list[str] = []
    for key in ("script", "script_name", "entry_script"):
        script = known(given.get(key))
        if isinstance(script, str):
            found.append(posixpath.join(folder, script) if isinstance(folder, str) else script)
    for key in ("file_path", "conda_dependencies_file_path", "conda_dependencies_file", "conda_file"):
        file = known(given.get(key))
        if isinstance(file, (str, Text)):
            found.append(file.text if isinstance(file, Text) else file)
    return [posixpath.normpath(one.replace("\\", "/")) for one in found]


def _text_finder(lookup: Lookup, driver: str) -> reader.FindText:
    """Finds a file as the driver names it, from its own folder or one above."""

    def find(name: str) -> str | None:
        clean = posixpath.normpath(name.replace("\\", "/"))
        if clean.startswith(f"{ROOT}/"):
            return lookup(clean[len(ROOT) + 1 :])
        folder = posixpath.dirname(driver)
        while True:
            place = posixpath.normpath(posixpath.join(folder, clean))
            text = None if place.startswith(("/", "..")) else lookup(place)
            if text is not None or not folder:
                return text
            folder = posixpath.dirname(folder)

    return find


def _module_finder(lookup: Lookup) -> reader.FindModule:
    """Finds a module beside the file that imports it, in the folders above, or in `src/` of those."""

    def find(name: str, importer: str) -> Source | None:
        folder = posixpath.dirname(importer)
        dots = len(name) - len(name.lstrip("."))
        for _ in range(dots - 1):
            folder = posixpath.dirname(folder)
        tail = name.lstrip(".").replace(".", "/")
        folders = [folder]
        while not dots and folders[-1]:
            folders.append(posixpath.dirname(folders[-1]))
        for start in [*folders, *([posixpath.join(one, "src") for one in folders] if not dots else [])]:
            for ending in (".py", "/__init__.py") if tail else ("__init__.py",):
                place = posixpath.join(start, f"{tail}{ending}") if tail else posixpath.join(start, ending)
                text = lookup(posixpath.normpath(place))
                if text is None or posixpath.normpath(place) == importer:
                    continue
                try:
                    return sources.read(posixpath.normpath(place), text)
                except AmlError:
                    return None
        return None

    return find
