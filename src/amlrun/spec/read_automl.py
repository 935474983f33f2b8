"""Reads a v2 AutoML job YAML into a job; what a search here and the service would refuse is refused with its line.

azure-ai-ml lets pass much that the service, hours later, does not: shares of 2.0, one algorithm allowed and blocked,
more trials at a time than trials. The keys are those of its schema (`_schema/automl`).
"""

from __future__ import annotations

from amlrun.errors import AmlError, folded
from amlrun.spec.automl import ALGORITHMS, CLOUD_TASKS, METRICS, TABLE_TASKS, TABLES, VERBOSITIES, AutoMLJob
from amlrun.spec.job import Input
from amlrun.spec.node import Node
from amlrun.spec.read_automl_settings import Settings

_SHARED = ("name", "display_name", "experiment_name", "description", "tags", "properties", "compute", "resources",
           "queue_settings", "identity", "outputs", "environment_variables", "environment_id",
           "log_verbosity")  # fmt: skip
_TABLE = ("training_data", "target_column_name", "validation_data", "validation_data_size", "n_cross_validations",
          "cv_split_column_names", "test_data", "test_data_size", "weight_column_name", "positive_label",
          "primary_metric", "limits", "featurization", "training")  # fmt: skip
KEYS = ("$schema", "type", "task", *_SHARED, *_TABLE)
_UNUSED = ("properties",)


def automl(reader: Settings) -> AutoMLJob:
    """The AutoML job of a file. Raises AmlError with file and line."""
    task = _task(reader)
    if task not in TABLE_TASKS:
        return _cloud_only(reader, task)
    found = reader.known("", reader.root, KEYS)
    job = AutoMLJob(task)
    _shared(reader, found, job)
    _data(reader, found, job)
    _validation(reader, found, job)
    job.primary_metric = _metric(reader, found, task)
    _limits(reader, found, job)
    job.featurization = reader.featurization(found)
    job.training = reader.training(found, ALGORITHMS[task])
    reader.unused("", found, _UNUSED)
    job.source.file, job.source.lines, job.source.notes = reader.file, reader.lines, reader.notes
    return job


def _task(reader: Settings) -> str:
    node = reader.root.get("task")
    if node is None or node.empty:
        hint = f"One of: {', '.join((*TABLE_TASKS, *CLOUD_TASKS))}."
        raise reader.error("task", "is missing", reader.root.line, hint)
    named = {folded(name): name for name in (*TABLE_TASKS, *CLOUD_TASKS)}
    task = named.get(folded(node.text)) if node.kind == "scalar" else None
    if task is None:
        raise reader.error(
            "task", f"there is no task {node.text!r}", node.line, f"One of: {', '.join(named.values())}."
        )
    return task


def _cloud_only(reader: Settings, task: str) -> AutoMLJob:
    """A task that only a workspace runs: its own keys are left to azure-ai-ml to check."""
    known = {name: node for name, _, node in reader.root.pairs if name in (*_SHARED, "training_data", *TABLES)}
    reader.lines.update({name: line for name, line, _ in reader.root.pairs})
    job = AutoMLJob(task)
    _shared(reader, known, job)
    shared = ("$schema", "type", "task", *_SHARED)
    job.rest = {name: node.plain() for name, _, node in reader.root.pairs if name not in shared}
    for name in TABLES:
        if name in known:
            setattr(job, name, _input(reader, name, known[name]))
            del job.rest[name]
    job.target_column_name = str(job.rest.get("target_column_name", "")) or None
    job.primary_metric = str(job.rest.get("primary_metric", ""))
    job.source.file, job.source.lines, job.source.notes = reader.file, reader.lines, reader.notes
    return job


def _shared(reader: Settings, found: dict[str, Node], job: AutoMLJob) -> None:
    for name in ("name", "display_name", "experiment_name", "description", "compute", "environment_id"):
        setattr(job, name, reader.word(name, found))
    job.tags = reader.words("tags", found)
    job.environment_variables = reader.variables(found)
    job.outputs = reader.outputs(found)
    for name in job.outputs:
        if name != "best_model":
            raise reader.error(f"outputs.{name}", "AutoML writes no such output", reader.lines[f"outputs.{name}"],
                               "Its one output is best_model, of type mlflow_model.")  # fmt: skip
    if "resources" in found:
        job.resources = reader.resources(found["resources"])
    if "queue_settings" in found:
        job.queue_settings = reader.queue_settings(found["queue_settings"])
    if "identity" in found:
        job.identity = reader.word("type", reader.section("identity", found["identity"], ("type",)))
    job.log_verbosity = reader.one_of("log_verbosity", found, VERBOSITIES)


def _data(reader: Settings, found: dict[str, Node], job: AutoMLJob) -> None:
    for name in ("training_data", "target_column_name"):
        if name not in found:
            hint = {"training_data": "Write: training_data: {type: mltable, path: FOLDER}, or a CSV or Parquet file.",
                    "target_column_name": "Name the column to predict."}[name]  # fmt: skip
            raise reader.error(name, "is missing", reader.root.line, hint)
    for name in TABLES:
        if name in found:
            setattr(job, name, _input(reader, name, found[name]))
    for name in ("target_column_name", "weight_column_name", "positive_label"):
        setattr(job, name, reader.word(name, found))
    if job.weight_column_name is not None and job.weight_column_name == job.target_column_name:
        line = reader.lines["weight_column_name"]
        raise reader.error(
            "weight_column_name", "is the target column", line, "Name the column with the sample weights."
        )
    if job.positive_label is not None and job.task != "classification":
        raise reader.error("positive_label", "a regression has no classes", reader.lines["positive_label"])


def _input(reader: Settings, key: str, node: Node) -> Input:
    """A table: an MLTable's folder, a data asset, or a bare file, which only this machine reads as it is."""
    if node.kind == "list":
        raise reader.error(key, "expected type and path", node.line)
    parts = {"path": node} if node.kind == "scalar" else reader.section(key, node, ("type", "path", "mode"))
    path = reader.word("path", parts, f"{key}.path")
    line = parts["path"].line if "path" in parts else node.line
    if not path:
        raise reader.error(
            f"{key}.path", "is missing", node.line, "Name an MLTable's folder, or a CSV or Parquet file."
        )
    kind = reader.word("type", parts, f"{key}.type")
    if path.startswith("${{"):
        return Input(kind or "mltable", path, reader.word("mode", parts))
    if not path.startswith(("azureml:", "runs:/", "models:/")) and "://" not in path:
        path = str(reader.path(f"{key}.path", path, line))
    if kind not in (None, "mltable", "uri_file", "uri_folder"):
        raise reader.error(f"{key}.type", f"expected mltable, got {kind!r}", parts["type"].line)
    return Input(kind or "mltable", path, reader.word("mode", parts))


def _validation(reader: Settings, found: dict[str, Node], job: AutoMLJob) -> None:
    for name in ("validation_data_size", "test_data_size"):
        size = reader.fraction(name, found, name)
        if size is not None and not 0 < size < 1:
            raise reader.error(name, f"expected a fraction between 0 and 1, got {size:g}", found[name].line)
        setattr(job, name, size)
    node = found.get("n_cross_validations")
    if node is not None and not (node.kind == "scalar" and node.text.lower() == "auto"):
        folds = reader.number("n_cross_validations", found, "n_cross_validations")
        if folds is None or folds < 2:
            wrong = f"expected auto, or 2 or more folds, got {node.text!r}"
            hint = "For one held-out part: validation_data_size: 0.2"
            raise reader.error("n_cross_validations", wrong, node.line, hint)
        job.n_cross_validations = folds
    elif node is not None:
        job.n_cross_validations = "auto"
    job.cv_split_column_names = reader.list_of_words("cv_split_column_names", found)
    ways = [name for name in ("validation_data", "validation_data_size", "n_cross_validations", "cv_split_column_names")
            if name in found]  # fmt: skip
    # A number of folds with a share is how the service makes Monte Carlo folds; no other pair means anything.
    if len(ways) > 1 and ways != ["validation_data_size", "n_cross_validations"]:
        raise reader.error(ways[1], f"cannot be combined with {ways[0]}", reader.lines[ways[1]],
                           "Give one of the two.")  # fmt: skip
    if job.test_data is not None and job.test_data_size is not None:
        raise reader.error("test_data_size", "cannot be combined with test_data", found["test_data_size"].line,
                           "Give one of the two.")  # fmt: skip


def _metric(reader: Settings, found: dict[str, Node], task: str) -> str:
    node = found.get("primary_metric")
    if node is None:
        return METRICS[task][0]
    named = {folded(name): name for name in METRICS[task]}
    text = node.text if node.kind == "scalar" else ""
    if folded(text) in named:
        return named[folded(text)]
    other = next((name for name, metrics in METRICS.items() if folded(text) in map(folded, metrics)), None)
    wrong = f"{text} is a metric of {other}" if other else f"there is no metric {text!r}"
    raise reader.error("primary_metric", wrong, node.line, f"For {task}: {', '.join(METRICS[task])}.")


def _limits(reader: Settings, found: dict[str, Node], job: AutoMLJob) -> None:
    job.limits = reader.limits(found)
    limits = job.limits
    for small, large in (("max_concurrent_trials", "max_trials"), ("trial_timeout_minutes", "timeout_minutes")):
        low, high = getattr(limits, small), getattr(limits, large)
        if low is not None and high is not None and low > high:
            raise reader.error(
                f"limits.{small}", f"{low} is more than {large}, {high}", reader.lines[f"limits.{small}"]
            )


def at(job: AutoMLJob, target: str | None) -> AutoMLJob:
    """The job on `target` (`local`, or a compute's name), which replaces its compute.

    Raises AmlError for a task that does not run on this machine.
    """
    if target is not None:
        job.compute = "local" if target.lower() == "local" else f"azureml:{target.removeprefix('azureml:')}"
    elif job.compute and job.compute.removeprefix("azureml:").lower() == "local":
        job.compute = "local"
    if job.compute == "local" and job.task not in TABLE_TASKS:
        hint = f"Submit it with --ct NAME of a cluster. Here: {' and '.join(TABLE_TASKS)}."
        raise AmlError(f"{job.task} runs in the cloud only", file=job.source.file, line=job.line("task"),
                       field="task", hint=hint)  # fmt: skip
    return job
