"""The `aml` lines that do what a driver did: create computes, submit, register, deploy."""

from __future__ import annotations

import posixpath
import shlex
from typing import Any

from amlrun.migrate.drivers import automl, compute, estimators, sweeps
from amlrun.migrate.drivers.context import Construction, ConversionContext
from amlrun.migrate.drivers.runconfigs import source_directory
from amlrun.migrate.drivers.signatures import argument, bound, name_of
from amlrun.migrate.drivers.values import NOTHING, Gap, Item, SdkObject, Text, gaps_in, known

_DEPLOYS = ("Model.deploy", "Webservice.deploy", "Webservice.deploy_from_model", "Model.deploy_from_model")

_COMPUTES = (
    (compute.is_creation, compute.create_line, "AmlCompute", "size"),
    (compute.is_attachment, compute.attach_line, "RemoteCompute", "address"),
)


def lines(context: ConversionContext, made: list[SdkObject]) -> list[str]:
    """The lines in the order of the driver; each is noted as a construction of its own where it is one."""
    found: list[str] = []
    registering = {id(run) for one in made if name_of(one) == ".register_model" and (run := _run(one)) is not None}
    for one in made:
        for words in _words(context, one, registering):
            line = shlex.join(words)
            if line not in found:
                found.append(line)
    if found and context.base:
        found.insert(0, shlex.join(["cd", context.base]))
    return found


def _words(context: ConversionContext, made: SdkObject, registering: set[int]) -> list[list[str]]:
    name = name_of(made)
    for is_one, line_of, kind, wanted in _COMPUTES:
        if is_one(made):
            done = context.note(made, kind)
            words, gaps = line_of(made)
            done.gaps += gaps
            done.reason = done.reason or ("" if words else f"its {wanted} is not in the code")
            return [words] if not done.reason else []
    if name == ".submit":
        return _submit(context, made, id(made) in registering)
    if name == ".register_model" or name == "Model.register":
        return _register(context, made)
    if name in _DEPLOYS:
        return _deploy(context, made)
    if name == ".get_best_run_by_primary_metric":
        return _best(made)
    return []


def _submit(context: ConversionContext, made: SdkObject, registering: bool) -> list[list[str]]:
    config = known(argument(made, "config"))
    if not isinstance(config, SdkObject):
        return []
    words = ["-e", experiment] if (experiment := experiment_of(made)) else []
    if config.name in sweeps.KINDS:
        run, file = sweeps.trial(config), context.names.get(id(config))
        if run is None or file is None or id(run) not in context.names:
            return []
        start = ["aml", "run", "submit-hyperdrive", "-c", _stem(context.names[id(run)]), *words]
        return [[*start, "--hyperdrive-configuration-name", file, *_folder(context, run), *_kept(registering)]]
    if id(config) not in context.names:
        return []
    if config.name == automl.KIND:
        return [["aml", "automl", "submit", context.names[id(config)], *words, *_kept(registering)]]
    if config.name == "Pipeline":
        return [["aml", "job", "create", "-f", context.names[id(config)], *words, *_kept(registering)]]
    if config.name == "ScriptRunConfig" or config.name in estimators.KINDS:
        start = ["aml", "run", "submit-script", "-c", _stem(context.names[id(config)]), *words]
        return [[*start, *_folder(context, config), *_kept(registering)]]
    return []


def experiment_of(made: SdkObject) -> str:
    """The experiment that `.submit` belongs to, when the text names it."""
    owner = known(made.owner)
    if isinstance(owner, SdkObject) and owner.name == "Experiment":
        name = known(argument(owner, "name"))
        return name.text if isinstance(name, Text) else name if isinstance(name, str) else ""
    name = known(bound(made).get("experiment_name"))
    return name if isinstance(name, str) else ""


def _kept(registering: bool) -> list[str]:
    return ["-t", "run.json"] if registering else []


def _stem(path: str) -> str:
    return posixpath.basename(path).removesuffix(".runconfig")


def _folder(context: ConversionContext, config: SdkObject) -> list[str]:
    given = bound(config)
    folder = source_directory(context, given.get("source_directory"))
    script = known(given.get("script", given.get("entry_script")))
    if not folder or folder.startswith(("/", "..")):
        return []
    inside = isinstance(script, str) and context.exists(posixpath.join(folder, script))
    if isinstance(script, str) and not inside and context.exists(script):
        # The driver copies the script there before it submits.
        return []
    return ["--source-directory", folder]


def _run(made: SdkObject) -> SdkObject | None:
    """The submit whose run a model is registered from."""
    owner = known(made.owner)
    while isinstance(owner, (SdkObject, Item)):
        if isinstance(owner, Item):
            owner = known(owner.of)
        elif name_of(owner) == ".submit":
            return owner
        else:
            owner = known(owner.owner)
    return None


def _best(made: SdkObject) -> list[list[str]]:
    run = _run(made)
    config = known(argument(run, "config")) if run is not None else None
    if run is None or not isinstance(config, SdkObject) or config.name not in sweeps.KINDS:
        return []
    given = bound(config)
    metric, goal = known(given.get("primary_metric_name")), known(given.get("primary_metric_goal"))
    experiment = experiment_of(run)
    if not isinstance(metric, str) or not experiment:
        return []
    words = ["aml", "run", "best", "-e", experiment, "--metric", metric]
    return [[*words, "--minimize"] if "MINIMIZE" in str(getattr(goal, "full", goal)).upper() else words]


def _register(context: ConversionContext, made: SdkObject) -> list[list[str]]:
    done = context.note(made, "Model.register")
    given = bound(made)
    if done.reason:
        return []
    name = _text(given.get("model_name"), done, "model")
    words = ["aml", "model", "register", "-n", name]
    if name_of(made) == ".register_model":
        words += _from_run(made, given, done)
    else:
        path = given.get("model_path")
        if path is None:
            done.reason = "it has no path"
            return []
        words += ["-p", context.resolve(path) if isinstance(known(path), str) else _text(path, done, "path")]
        done.gaps += gaps_in(path) if isinstance(known(path), str) else []
    for flag, key in (("--tag", "tags"), ("--property", "properties")):
        pairs = known(given.get(key))
        if isinstance(pairs, dict):
            for word, value in pairs.items():
                if isinstance(known(value), (str, int, float, bool, Text, Gap)):
                    words += [flag, f"{word}={_text(value, done, str(word))}"]
                else:
                    done.gaps.append(Gap("a value that is not in the code", made.line, str(word)))
    if isinstance(known(given.get("description")), str):
        words += ["-d", known(given["description"])]
    return [words]


def _from_run(made: SdkObject, given: dict[str, Any], done: Construction) -> list[str]:
    path = given.get("model_path")
    asset = f"outputs/{_text(given.get('model_name'), done, 'model')}" if path is None else _text(path, done, "path")
    run = _run(made)
    owner = known(made.owner)
    best = (isinstance(owner, SdkObject) and "best" in owner.name) or isinstance(owner, Item)
    config = known(argument(run, "config")) if run is not None else None
    searched = isinstance(config, SdkObject) and config.name == automl.KIND
    if searched and path is None:
        asset = "outputs/model.pkl"  # v1 registered the best child's
    if run is not None and (searched or not best):
        return ["-f", "run.json", "--asset-path", asset]
    return ["-r", "RUN_ID" if best or run is None else "latest", "--asset-path", asset]


def _deploy(context: ConversionContext, made: SdkObject) -> list[list[str]]:
    done = context.note(made, "Model.deploy")
    given = bound(made)
    if made.name.startswith("Webservice"):
        done.reason = "an image or a service made with the SDK of 2018"
        return []
    words = ["aml", "model", "deploy", "-n", _text(given.get("name"), done, "service")]
    models = known(given.get("models"))
    if isinstance(given.get("models"), Gap):
        done.gaps.append(given["models"])
    for model in models if isinstance(models, (list, tuple)) else [models]:
        words += ["-m", _model(model, made, done)]
    for flag, key in (("--ic", "inference_config"), ("--dc", "deployment_config")):
        config = known(given.get(key))
        if isinstance(given.get(key), Gap):
            done.gaps.append(given[key])
        if isinstance(config, SdkObject) and id(config) in context.names:
            words += [flag, context.names[id(config)]]
        elif config is not None and not isinstance(config, Gap):
            done.gaps.append(Gap(f"the {key} was not written", made.line, key))
    if known(given.get("overwrite")) is True:
        words.append("--overwrite")
    if isinstance(models, Gap) and "--ic" not in words:
        done.reason = f"its model is {models.reason}"
    return [] if done.reason else [words]


def _model(value: Any, made: SdkObject, done: Construction) -> str:
    model = known(value)
    if isinstance(model, SdkObject):
        if name_of(model) in ("Model.register", ".register_model"):
            return _text(bound(model).get("model_name"), done, "model")
        if model.name == "Model":
            given = bound(model)
            named = given.get("name", given.get("id"))
            version = known(given.get("version"))
            name = _text(named, done, "model")
            return f"{name}:{version}" if isinstance(version, (str, int)) else name
    if isinstance(model, Item) and isinstance(model.key, str) and not model.key.startswith("."):
        return model.key
    gap = model if isinstance(model, Gap) else Gap("a model that is not in the code", made.line, "model")
    done.gaps.append(gap)
    return gap.placeholder


def _text(value: Any, done: Construction, otherwise: str) -> str:
    done.gaps += gaps_in(value)
    plain = known(value)
    if isinstance(plain, (str, int, float, bool)):
        return str(plain)
    if isinstance(plain, Text):
        return plain.text
    gap = plain if isinstance(plain, Gap) else Gap("a value that is not in the code", done.made.line, otherwise)
    if plain in (None, NOTHING) or not isinstance(plain, Gap):
        done.gaps.append(gap)
    return gap.placeholder
