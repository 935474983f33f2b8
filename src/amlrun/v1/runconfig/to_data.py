"""`data`, `dataReferences` and `outputData` of a run configuration → v2 inputs and outputs."""

from __future__ import annotations

from typing import Any

from amlrun.spec.job import V1_DATASET, Input, Output
from amlrun.v1.config import Key, input_name
from amlrun.v1.runconfig.context import TranslationContext

_INPUT_MODES = {"mount": "ro_mount", "download": "download", "direct": "direct"}
_OUTPUT_MODES = {"mount": "rw_mount", "upload": "upload"}


def translate(context: TranslationContext) -> None:
    """Set the job's inputs and outputs, and `context.names`: what each name of the file is called in the job."""
    for name in context.config.names("dataReferences"):
        _reference(context, ("dataReferences", name))
    _warn_of_writing(context)
    for name in context.config.names("data"):
        _data(context, ("data", name))
    for name in context.config.names("outputData"):
        _output(context, ("outputData", name))


def _warn_of_writing(context: TranslationContext) -> None:
    """v1 mounted a datastore's folder for writing too, v2 for reading only: a script that writes fails there."""
    mounted = [name for name in context.config.names("dataReferences")
               if context.config.choice("dataReferences", name, "mode") == "mount"]  # fmt: skip
    if mounted and not context.local:
        text = f"{', '.join(mounted)}: mounted read-only in v2; v1's mount was writable. "
        context.config.note(("dataReferences",), f"{text}For a folder that the script writes to, set mode: upload")


def report_paths(context: TranslationContext) -> None:
    """Say so where a path on the compute is used by no argument, so that the script is not told of it.

    v2 chooses the path where data is mounted, and nothing is mounted here. Call after the command.
    """
    given = len(context.script_and_arguments) > 1
    for key, named in context.names.items():
        place = (*key, "pathOnCompute")
        value = context.config.value(*place)
        if value is None or not value.is_set:
            continue
        kind, _, name = named.partition(".")
        if context.container and kind == "inputs" and str(value.words).startswith("/"):
            context.job.local.mounts[name] = str(value.words)
            context.set(place, "local", "mounted there in the container", quiet=True)
            continue
        if context.report_of(place) is not None:
            continue
        if given:
            context.set(place, "ignored", "the arguments given on the command line do not name it", quiet=True)
        else:
            what = "nothing is mounted here" if context.local else "v2 mounts data where it chooses"
            context.set(place, "unsupported", f"no argument names it, and {what}: give it to the script as an argument")


def _name(context: TranslationContext, key: Key, kind: str) -> str:
    """A v2 name for the user's: letters, digits and `_`, not starting with a digit, not taken."""
    name = input_name(key[1], {place.partition(".")[2] for place in context.names.values()})
    if name != key[1]:
        context.config.note(key, f"is called {name} in the job: v2 allows letters, digits and _")
    context.names[key] = f"{kind}.{name}"
    return name


def _datastore(store: str, path: str) -> str:
    return f"azureml://datastores/{store}/paths/{path.replace(chr(92), '/').lstrip('/').removeprefix('./')}"


def _reference(context: TranslationContext, key: Key) -> None:
    config = context.config
    store = config.text(*key, "dataStoreName").strip()
    mode = config.choice(*key, "mode")
    kind = "outputs" if mode == "upload" else "inputs"
    name = _name(context, key, kind)
    path = _datastore(store, config.text(*key, "pathOnDataStore")) if store else None
    if not store:
        config.problem((*key, "dataStoreName"), "has no datastore", "Write the datastore's name.")
    if kind == "outputs":
        context.job.outputs[name] = Output("uri_folder", path, "upload")
    else:
        context.job.inputs[name] = Input("uri_folder", path, _INPUT_MODES.get(mode))
        _source(context, key, name)
    for part in ("dataStoreName", "pathOnDataStore"):
        context.mapped((*key, part), f"{kind}.{name}.path")
    remark = "v1 mounted it writable: make it an output if the script writes there" if mode == "mount" else ""
    context.mapped((*key, "mode"), f"{kind}.{name}.mode", remark)


def _source(context: TranslationContext, key: Key, name: str) -> None:
    """Remember where the file names an input's data, for the message that it is not here."""
    if context.config.file is not None:
        place = (context.config.file, context.config.line(*key), context.config.shown(key))
        context.job.local.sources[name] = place


def _data(context: TranslationContext, key: Key) -> None:
    config = context.config
    mode = config.choice(*key, "mechanism")
    kind = "outputs" if mode == "upload" else "inputs"
    name = _name(context, key, kind)
    path, keys = _location(context, (*key, "dataLocation"))
    is_file = bool(config.get(*key, "dataLocation", "uri", "isFile"))
    type_ = "uri_file" if is_file else "uri_folder"
    if path is None and not context.local:
        hint = "Give dataLocation.dataset a name (and a version), or run with --ct local and a name in datasets.yml."
        near = "dataPath" if config.value(*key, "dataLocation", "datapath") else ""
        remark = f" ({near} is spelt with a capital P)" if near else ""
        context.blocking_error((*key, "dataLocation"), f"no dataset, datastore path or URI is specified{remark}", hint)
    if kind == "outputs":
        context.job.outputs[name] = Output(type_, path, "upload")
    else:
        context.job.inputs[name] = Input(type_, path, _INPUT_MODES.get(mode))
        _source(context, keys[0] if keys else key, name)
    for part in keys:
        context.mapped(part, f"{kind}.{name}.path")
    if is_file:
        context.mapped((*key, "dataLocation", "uri", "isFile"), f"{kind}.{name}.type")
    context.mapped((*key, "mechanism"), f"{kind}.{name}.mode")
    variable = config.text(*key, "environmentVariableName")
    if variable:
        context.job.environment_variables[variable] = f"${{{{{kind}.{name}}}}}"
        context.mapped((*key, "environmentVariableName"), f"environment_variables.{variable}")


def _location(context: TranslationContext, key: Key) -> tuple[str | None, list[Key]]:
    """The v2 path of a v1 location, and the keys that said it."""
    config = context.config
    address = config.text(*key, "uri", "path")
    store = config.text(*key, "dataPath", "datastoreName")
    name, version = config.text(*key, "dataset", "name"), config.text(*key, "dataset", "version")
    guid = config.text(*key, "dataset", "id")
    if name:
        newest = not version or version.lower() == "latest"
        path = f"azureml:{name}@latest" if newest else f"azureml:{name}:{version}"
        keys = [(*key, "dataset", "name"), (*key, "dataset", "version")]
        if guid:
            context.set((*key, "dataset", "id"), "ignored", "the dataset's name is used instead", quiet=True)
        return path, keys
    if guid:
        if not context.local:
            config.note(
                (*key, "dataset", "id"),
                "v2 knows datasets by name, not by a v1 id: write dataset.name (and version) to run in the cloud",
            )
        return f"{V1_DATASET}{guid}", [(*key, "dataset", "id")]
    if store:
        path = _datastore(store, config.text(*key, "dataPath", "relativePath"))
        return path, [(*key, "dataPath", "datastoreName"), (*key, "dataPath", "relativePath")]
    if address:
        return address, [(*key, "uri", "path")]
    return None, []


def _output(context: TranslationContext, key: Key) -> None:
    config = context.config
    name = _name(context, key, "outputs")
    place = (*key, "outputLocation")
    output = Output("uri_folder", mode=_OUTPUT_MODES.get(config.choice(*key, "mechanism")))
    store = config.text(*place, "dataPath", "datastoreName")
    if store:
        output.path = _datastore(store, config.text(*place, "dataPath", "relativePath"))
        for part in ("datastoreName", "relativePath"):
            context.mapped((*place, "dataPath", part), f"outputs.{name}.path")
    elif config.text(*place, "uri", "path"):
        output.path = config.text(*place, "uri", "path")
        context.mapped((*place, "uri", "path"), f"outputs.{name}.path")
    if config.get(*place, "uri", "isFile"):
        output.type = "uri_file"
        context.mapped((*place, "uri", "isFile"), f"outputs.{name}.type")
    if config.text(*place, "dataset", "name"):
        output.name = config.text(*place, "dataset", "name")
        context.mapped((*place, "dataset", "name"), f"outputs.{name}.name")
        if config.text(*place, "dataset", "version"):
            output.version = config.text(*place, "dataset", "version")
            context.mapped((*place, "dataset", "version"), f"outputs.{name}.version")
    context.mapped((*key, "mechanism"), f"outputs.{name}.mode")
    _options(context, key, name, output)
    context.job.outputs[name] = output


def _options(context: TranslationContext, key: Key, name: str, output: Output) -> None:
    """`additionalOptions`: registration becomes the output's name; upload and mount settings have no counterpart."""
    options: Any = context.config.get(*key, "additionalOptions")
    if not isinstance(options, dict):
        return
    registration = options.get("registrationOptions") or options.get("registration_options")
    if isinstance(registration, dict) and registration.get("name") and not output.name:
        output.name = str(registration["name"])
        context.mapped((*key, "additionalOptions"), f"outputs.{name}.name", "its registrationOptions")
    others = [item for item in options if item.replace("_", "").lower() in ("uploadoptions", "mountoptions")]
    if any(options[item] for item in others):
        context.config.note(
            (*key, "additionalOptions"), f"{', '.join(others)}: v2 uploads and mounts with its own settings"
        )
