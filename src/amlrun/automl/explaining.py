"""Every key of an AutoML job's YAML with its value, its line, and what becomes of it on this machine and there."""

from __future__ import annotations

from typing import Any

from amlrun.runs import redact
from amlrun.spec import node
from amlrun.spec.automl import TABLE_TASKS, AutoMLJob
from amlrun.spec.node import Node
from amlrun.v1.config import Row

_CLOUD = "cloud only"
_RULE = "else more than 20,000 rows: 10 % held out; fewer than 1,000: 10 folds; between: 3 folds"
# What each key means on this machine: (status, what it becomes). `*` stands for a name that the user chose.
_HERE: dict[str, tuple[str, str]] = {
    "$schema": ("ignored", "for editors"),
    "type": ("mapped", "a search: each trial is a run"),
    "task": ("mapped", "which estimators and metrics"),
    "name": ("mapped", "the run's id"),
    "display_name": ("mapped", "the run's display name"),
    "experiment_name": ("mapped", "the experiment"),
    "description": ("ignored", "has no effect here"),
    "tags": ("mapped", "tags of the run"),
    "properties": ("ignored", "has no effect here"),
    "compute": ("mapped", "local: this machine; else the workspace's compute"),
    "resources": ("ignored", f"{_CLOUD}: serverless compute"),
    "queue_settings": ("ignored", f"{_CLOUD}: serverless compute"),
    "identity": ("ignored", f"{_CLOUD}"),
    "environment_id": ("ignored", f"{_CLOUD}: here the trials use amlrun's own Python"),
    "environment_variables": ("mapped", "environment variables of the trials"),
    "log_verbosity": ("ignored", "has no effect here: each trial has its own log"),
    "outputs": ("mapped", "outputs/mlflow-model, and outputs/model.pkl for score.py"),
    "outputs.best_model": ("mapped", "outputs/mlflow-model, and outputs/model.pkl for score.py"),
    "training_data": ("mapped", "the table: an MLTable's folder, a CSV or a Parquet file"),
    "validation_data": ("mapped", "a fixed split"),
    "test_data": ("mapped", "scored once, with the best model"),
    "target_column_name": ("mapped", "the column to predict"),
    "weight_column_name": ("mapped", "sample_weight"),
    "positive_label": ("mapped", "the positive class of the binary metrics"),
    "primary_metric": ("mapped", "the metric that trials are compared by"),
    "validation_data_size": ("mapped", f"this fraction is held out, stratified; {_RULE}"),
    "n_cross_validations": ("mapped", f"stratified or plain folds; {_RULE}"),
    "cv_split_column_names": ("mapped", "one column per fold: 1 is a training row, 0 a validation row"),
    "test_data_size": ("mapped", "this fraction is set aside, and scored once, with the best model"),
    "limits.timeout_minutes": ("mapped", "the whole search, models and explanation included"),
    "limits.trial_timeout_minutes": ("mapped", "a trial that takes longer is stopped"),
    "limits.max_trials": ("mapped", "the maximum number of trials, not counting ensembles"),
    "limits.max_concurrent_trials": ("mapped", "how many run at once; 1 by default"),
    "limits.max_cores_per_trial": ("mapped", "n_jobs and OMP_NUM_THREADS of a trial; 1 by default, -1 is all cores"),
    "limits.max_nodes": ("ignored", f"{_CLOUD}: one machine here"),
    "limits.enable_early_termination": ("mapped", "stop after 20 trials without improvement"),
    "limits.exit_score": ("mapped", "stop when a trial reaches it"),
    "featurization.mode": ("mapped", "auto and custom: impute, encode, scale; off: numbers only, as they are"),
    "featurization.blocked_transformers": ("mapped", "one_hot_encoder: ordinal codes instead; tf_idf: text columns"
                                           " are dropped; the others are not used here"),
    "featurization.column_name_and_types": ("mapped", "overrides the detected column type"),
    "featurization.transformer_params": ("mapped", "the imputer's strategy for its fields"),
    "featurization.dataset_language": ("ignored", f"{_CLOUD}"),
    "featurization.enable_dnn_featurization": ("ignored", f"{_CLOUD}"),
    "training.allowed_training_algorithms": ("mapped", "only these"),
    "training.blocked_training_algorithms": ("mapped", "all but these"),
    "training.enable_vote_ensemble": ("mapped", "a soft-voting ensemble of each algorithm's best model; on by default"),
    "training.enable_stack_ensemble": ("mapped", "a stacking ensemble of each algorithm's best model; off by default"),
    "training.enable_model_explainability": ("mapped", "permutation importance of the best model; on by default"),
    "training.enable_onnx_compatible_models": ("ignored", f"{_CLOUD}"),
    "training.enable_dnn_training": ("ignored", f"{_CLOUD}"),
    "training.ensemble_model_download_timeout_minutes": ("ignored", f"{_CLOUD}: nothing is downloaded here"),
    "training.training_mode": ("ignored", f"{_CLOUD}"),
    "training.stack_ensemble_settings": ("ignored", f"{_CLOUD}, and azure-ai-ml can't send it: a submit refuses it"),
}  # fmt: skip
_SECTIONS = ("limits", "featurization", "training")
_OTHER_TASK = "left to azure-ai-ml and the service to check"


def rows(job: AutoMLJob) -> list[Row]:
    """A row a key, in the file's order; what is secret is hidden. `job` was read from its file."""
    assert job.source.file is not None  # noqa: S101 - `read` sets it
    root, _ = node.read(job.source.file)
    found: list[Row] = []
    for name, line, item in root.pairs:
        if name in _SECTIONS and item.kind == "map" and job.task in TABLE_TASKS:
            found += [_row(f"{name}.{key}", at, child, job) for key, at, child in item.pairs]
        else:
            found.append(_row(name, line, item, job))
    return found


def _row(key: str, line: int, item: Node, job: AutoMLJob) -> Row:
    value: Any = redact.masked(item.plain(), key.rpartition(".")[2])
    status, becomes = _HERE.get(key, ("mapped", _OTHER_TASK))
    if job.task not in TABLE_TASKS and key not in ("$schema", "compute"):
        status, becomes = "mapped", f"sent as it is: {job.task} runs in the cloud only"
    elif job.compute != "local" and status == "ignored" and _CLOUD in becomes and "can't send" not in becomes:
        status = "mapped"
    return Row(key, value, line, status, becomes)


def notes(job: AutoMLJob) -> list[str]:
    """What is said once, at a submit on this machine: keys that have no effect here, and limits that were not said."""
    told = []
    for key in job.source.lines:
        status, becomes = _HERE.get(key, ("", ""))
        if status == "ignored" and becomes.startswith(_CLOUD):
            told.append(f"{_place(job, key)}: {key}: {becomes}")
    for name in job.featurization.blocked_transformers:
        if name not in ("one_hot_encoder", "tf_idf"):
            key = "featurization.blocked_transformers"
            told.append(f"{_place(job, key)}: {key}: {name} is not used here")
    return told


def _place(job: AutoMLJob, key: str) -> str:
    file = job.source.file
    return f"{file.name if file else 'job'}:{job.line(key)}"
