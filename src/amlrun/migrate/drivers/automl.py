"""`AutoMLConfig` as a v2 AutoML job file.

v1's arguments are those of azureml-train-automl-client 1.62; their names in v2 are those of its migration guide
(learn.microsoft.com: "Migrate AutoML"), and of azure-ai-ml's schema.
"""

from __future__ import annotations

import math
from typing import Any

from amlrun.errors import folded
from amlrun.migrate.drivers import compute
from amlrun.migrate.drivers.context import Construction, ConversionContext, stem
from amlrun.migrate.drivers.data import data
from amlrun.migrate.drivers.signatures import bound, configured, name_of
from amlrun.migrate.drivers.values import NOTHING, Gap, Name, SdkObject, gaps_in, known
from amlrun.spec.automl import ALGORITHMS, GONE, TABLES

KIND = "AutoMLConfig"
_SAME = ("validation_size", "test_size", "n_cross_validations", "weight_column_name", "positive_label",
         "primary_metric")  # fmt: skip
_NEW_NAMES = {"validation_size": "validation_data_size", "test_size": "test_data_size"}
_LIMITS = {
    "iterations": "max_trials", "max_concurrent_iterations": "max_concurrent_trials",
    "max_cores_per_iteration": "max_cores_per_trial", "iteration_timeout_minutes": "trial_timeout_minutes",
    "experiment_exit_score": "exit_score", "enable_early_stopping": "enable_early_termination",
}  # fmt: skip
_TRAINING = {
    "enable_voting_ensemble": "enable_vote_ensemble", "enable_stack_ensemble": "enable_stack_ensemble",
    "enable_onnx_compatible_models": "enable_onnx_compatible_models",
    "model_explainability": "enable_model_explainability", "enable_dnn": "enable_dnn_training",
}  # fmt: skip
_LISTS = {"allowed_models": "allowed", "whitelist_models": "allowed", "blocked_models": "blocked",
          "blacklist_models": "blocked"}  # fmt: skip
# What v2 has no key for, and what that means.
_GONE = {
    "debug_log": "the log is in the run's folder", "path": "the files are the job's own",
    "X": "arrays: write them as one table with the target column",
    "y": "arrays: write them as one table with the target column",
    "X_valid": "arrays: write them as a table, and name it as validation_data",
    "y_valid": "arrays: write them as a table, and name it as validation_data",
    "sample_weight": "an array: make it a column, and name that as weight_column_name",
    "cv_splits_indices": "arrays: mark the rows in columns, and name those as cv_split_column_names",
    "drop_columns": "leave those columns out of the table, or give them the type Ignore",
    "enable_tf": "v2 has no TensorFlow models", "enable_local_managed": "there is no managed local run",
    "spark_context": "there is no AutoML on Spark",
}  # fmt: skip
_SILENT = (*TABLES, "task", "compute_target", "label_column_name", "experiment_timeout_hours",
           "experiment_timeout_minutes", "featurization", "verbosity", "cv_split_column_names", "preprocess",
           "show_warnings", "enable_cache", "is_timeseries", "**")  # fmt: skip


def automl(context: ConversionContext, made: SdkObject) -> Construction:
    """Write the AutoML job of an `AutoMLConfig`."""
    done = context.note(made, KIND)
    given = {key: value for key, value in bound(made).items() if known(value) is not None}
    task = known(given.get("task"))
    if not isinstance(task, str) or task not in ALGORITHMS:
        what = f"its task is {task}" if isinstance(task, str) else "its task is not in the code"
        done.reason = done.reason or f"{what}: write a v2 AutoML job of that task for the workspace"
    if done.reason:
        return done
    if "**" in given:
        done.gaps.append(given["**"] if isinstance(given["**"], Gap) else Gap("more settings", made.line, "settings"))
    target = compute.target(given.get("compute_target", NOTHING))
    tree: dict[str, Any] = {
        "$schema": "https://azuremlschemas.azureedge.net/latest/autoMLJob.schema.json", "type": "automl",
        "task": task, "compute": "local" if target is NOTHING else _prefixed(target),
    }  # fmt: skip
    for key in TABLES:
        if key in given:
            tree[key] = _table(given[key], key, made, done)
    if "training_data" not in tree:
        gap = Gap("not a dataset that the code names", made.line, "training_data")
        tree["training_data"] = {"type": "mltable", "path": gap}
    tree["target_column_name"] = given.get("label_column_name", Gap("not given", made.line, "label_column_name"))
    tree |= {_NEW_NAMES.get(key, key): given[key] for key in _SAME if key in given}
    if (columns := given.get("cv_split_column_names")) is not None:
        tree["cv_split_column_names"] = columns
    if isinstance(level := known(given.get("verbosity")), Name) and level.full.startswith("logging."):
        tree["log_verbosity"] = level.full.rpartition(".")[2].lower()
    tree |= {"limits": part} if (part := _limits(given)) else {}
    tree |= {"featurization": part} if (part := _featurization(given, done)) else {}
    tree |= {"training": part} if (part := _training(given, task, done)) else {}
    for key in given:
        if key in _GONE:
            done.notes.append(f"{key} has no counterpart in v2: {_GONE[key]}")
        elif key not in (*_SILENT, *_SAME, *_LIMITS, *_TRAINING, *_LISTS):
            done.notes.append(f"{key} is not known and was left out")
    context.write(stem(made.variable, "automl").replace("_", "-"), ".yml", tree, made, [], "")
    return done


def _prefixed(target: Any) -> Any:
    name = known(target)
    if name == "local":
        return "local"
    return f"azureml:{name}" if isinstance(target, str) else target


def _table(value: Any, key: str, made: SdkObject, done: Construction) -> dict[str, Any]:
    found = data(value, key)
    path = NOTHING if found is None else found.path
    done.notes += found.remarks if found is not None else []
    if path is NOTHING:
        path = Gap("not a dataset that the code names", made.line, key)
    done.gaps += [gap for gap in gaps_in(path) if gap not in done.gaps]
    # A registered table of v1 is no MLTable: `aml automl submit` reads what the name means in datasets.yml.
    plain = str(known(path)).lower()
    kind = "uri_file" if plain.endswith((".csv", ".tsv", ".parquet")) else "mltable"
    return {"type": kind, "path": path}


def _limits(given: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, factor in (("experiment_timeout_hours", 60), ("experiment_timeout_minutes", 1)):
        hours = known(given.get(key))
        if isinstance(hours, (int, float)) and not isinstance(hours, bool):
            found["timeout_minutes"] = math.ceil(round(hours * factor, 6))
        elif hours is not None:
            found["timeout_minutes"] = given[key]
    return {**found, **{new: given[old] for old, new in _LIMITS.items() if old in given}}


def _featurization(given: dict[str, Any], done: Construction) -> dict[str, Any]:
    wanted = known(given.get("featurization"))
    if wanted is None:
        # Before 1.0.85 the switch was `preprocess`.
        return {"mode": "auto" if known(given["preprocess"]) else "off"} if "preprocess" in given else {}
    if isinstance(wanted, str):
        return {"mode": wanted}
    if not isinstance(wanted, SdkObject) or name_of(wanted) != "FeaturizationConfig":
        done.gaps.append(wanted if isinstance(wanted, Gap) else Gap("not in the code", done.made.line, "featurization"))
        return {}
    config = configured(wanted)
    types = dict(known(config.get("column_purposes")) or {})
    params: dict[str, list[Any]] = {}
    for name, entries in (known(config.get("transformer_params")) or {}).items():
        params[name] = [{"fields": list(one[0]), "parameters": one[1]} for one in known(entries)]
    blocked = list(known(config.get("blocked_transformers")) or [])
    for call in wanted.calls:
        words = [*call.args, *call.kwargs.values()]
        if call.path == "add_column_purpose" and len(words) == 2:
            types[words[0]] = words[1]
        elif call.path == "add_transformer_params" and len(words) == 3:
            params.setdefault(words[0], []).append({"fields": words[1], "parameters": words[2]})
        elif call.path == "add_blocked_transformers" and words:
            blocked += words[0] if isinstance(words[0], list) else [words[0]]
    for column in known(config.get("drop_columns")) or []:
        types[column] = "Ignore"
    found: dict[str, Any] = {"mode": "custom"}
    if blocked:
        found["blocked_transformers"] = blocked
    if types:
        found["column_name_and_types"] = types
    if params:
        # HashOneHotEncoder and imputer are what v2 takes parameters of.
        found["transformer_params"] = {name[:1].lower() + name[1:] if name == "Imputer" else name: entries
                                       for name, entries in params.items()}  # fmt: skip
    return found


def _training(given: dict[str, Any], task: str, done: Construction) -> dict[str, Any]:
    found = {new: given[old] for old, new in _TRAINING.items() if old in given}
    names = {folded(name): name for name in ALGORITHMS[task]}
    for key, verb in _LISTS.items():
        models = known(given.get(key))
        if models is None:
            continue
        if not isinstance(models, (list, tuple)):
            gap = models if isinstance(models, Gap) else Gap("not in the code", done.made.line, key)
            found[f"{verb}_training_algorithms"] = [gap]
            continue
        words = [one.short.rpartition(".")[2] if isinstance(one, Name) else str(known(one)) for one in models]
        kept = [names[folded(word)] for word in words if folded(word) in names]
        for word in words:
            if folded(word) not in names:
                why = "v2 has no such algorithm" if word in GONE else f"no algorithm of a {task}"
                done.notes.append(f"{key}: {word} is left out: {why}")
        if kept:
            found[f"{verb}_training_algorithms"] = kept
    return found
