"""The key of a step: what its result depends on, in parts that can be compared, so that it can be said what changed.

In it: the command, the code's files, the environment, variables, processes, inputs by content and outputs by type.
Not in it: the step's name, display name, tags, compute and timeouts.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from amlrun.pipeline.filling import Filled
from amlrun.pipeline.hashing import FileHashes
from amlrun.prepare.snapshot import Snapshot
from amlrun.runs.redact import masked
from amlrun.spec.automl import AutoMLJob
from amlrun.spec.job import CommandJob, Environment, SweepJob, to_dict

FORMAT = 1
_NAMED = (("code", "{}"), ("inputs", "input {}"), ("environment_variables", "variable {}"), ("outputs", "output {}"))
# What of a search is no part of its key, or another one.
_ELSEWHERE = ("source", "name", "display_name", "experiment_name", "description", "tags", "compute", "outputs",
              "environment_variables")  # fmt: skip
Parts = dict[str, Any]


def parts(job: CommandJob | SweepJob | AutoMLJob, filled: Filled, code: dict[str, str], data: dict[str, str]) -> Parts:
    """The parts of a step's key. `code` has the files' hashes, `data` the content's hash of each data input."""
    if isinstance(job, AutoMLJob):
        return _of_search(job, data)
    own = job.trial if isinstance(job, SweepJob) else job
    found: Parts = {
        "format": FORMAT,
        "command": _digest(own.command),
        "code": code,
        "environment": _digest(_environment(own.environment, own.local.interpreter)),
        "environment_variables": {name: _digest(text) for name, text in own.environment_variables.items()},
        "inputs": {
            **{name: _digest(str(value)) for name, value in filled.literals.items()},
            **data,
        },
        "outputs": {name: output.type for name, output in own.outputs.items()},
        "distribution": to_dict(own.distribution),
        "instances": own.resources.instance_count if own.resources else None,
    }
    if own.local.container:
        found["container"] = True
    if own.local.spark is not None:
        found["spark"] = _digest(to_dict(own.local.spark))
    if isinstance(job, SweepJob):
        search = (job.objective, job.search_space, job.sampling_algorithm, job.early_termination, job.limits)
        found["sweep"] = _digest([to_dict(part) for part in search])
    return found


def _of_search(job: AutoMLJob, data: dict[str, str]) -> Parts:
    """A search has no code; what it finds depends on its limits, too. `data` has the hash of each table."""
    said = {name: value for name, value in to_dict(job).items() if name not in (*data, *_ELSEWHERE)}
    return {
        "format": FORMAT,
        "environment_variables": {name: _digest(text) for name, text in job.environment_variables.items()},
        "inputs": data,
        "outputs": {name: output.type for name, output in job.outputs.items()},
        "automl": _digest(said),
    }


def key_of(found: Parts) -> str:
    """The key: one hash over all parts."""
    return _digest(found)


def shown(filled: Filled) -> dict[str, str]:
    """The literals as they may be shown; what is secret by its name is masked."""
    values: dict[str, str] = masked({name: str(value) for name, value in filled.literals.items()})
    return values


def files_of(snapshot: Snapshot, hashes: FileHashes) -> dict[str, str]:
    """The hash of each file of a snapshot. Raises AmlError for one that changes meanwhile."""
    found = {}
    for name, _ in snapshot.files:
        place = snapshot.root / name
        found[name] = hashes.file(str(place), os.stat(place))  # noqa: PTH116 - thousands of them
    return found


def changes(old: Parts, new: Parts, old_shown: dict[str, str], new_shown: dict[str, str], folder: str = "") -> str:
    """What differs between the keys of two runs of a step, in a few words; the first few of many.

    `folder` is what the code's folder is called.
    """
    if old.get("format") != new["format"]:
        return "it last ran with another version of amlrun"
    found: list[str] = []
    for part, say in _NAMED:
        say = f"{folder}/{{}}" if part == "code" and folder else say
        before, after = old.get(part) or {}, new.get(part) or {}
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) == after.get(name):
                continue
            what = "is new" if name not in before else "is gone" if name not in after else "changed"
            words = f"{say.format(name)} {what}"
            if part == "inputs" and what == "changed" and name in old_shown and name in new_shown:
                words = f"{words}: {old_shown[name]} → {new_shown[name]}"
            found.append(words)
    for part in ("command", "environment", "distribution", "instances", "container", "spark", "sweep", "automl"):
        if old.get(part) != new.get(part):
            found.append({"command": "the command changed", "environment": "the environment changed",
                          "distribution": "the distribution changed", "instances": "instance_count changed",
                          "container": "it ran outside a container" if new.get(part) else "it ran in a container",
                          "spark": "Spark's settings changed",
                          "sweep": "the sweep's settings changed",
                          "automl": "AutoML's settings changed"}[part])  # fmt: skip
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return ", ".join(found[:3]) + more


def _environment(environment: Environment | None, interpreter: str | None) -> Any:
    if environment is None:
        return interpreter
    conda, text = environment.conda_file, None
    if conda is not None:
        from amlrun.prepare import conda_file

        text = conda_file.content(conda)
    build = environment.build
    return [interpreter, environment.reference, environment.image, environment.dockerfile, text, to_dict(build) or None]


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
