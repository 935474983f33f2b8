"""What a pipeline leaves behind: its outputs in their places, and what is registered."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlrun.errors import os_error, os_errors
from amlrun.pipeline.graph import Node
from amlrun.pipeline.launcher import StepRun
from amlrun.pipeline.state import PipelineState
from amlrun.prepare import data
from amlrun.project import Project
from amlrun.runs.files import read_json, replace_json
from amlrun.runs.store import RunFolder
from amlrun.spec.job import Output
from amlrun.spec.pipeline import MODEL_TYPES, PipelineJob

Report = Callable[[str], None]


def publish(
    project: Project,
    job: PipelineJob,
    state: PipelineState,
    made: list[tuple[Node, StepRun, dict[str, str]]],
    lock: Callable[[], Any],
    report: Report,
) -> None:
    """Copy the job's outputs that have a path there, and register what is named; reused results only once.

    `lock` makes a lock that is held while it is decided what a result is registered as.

    Raises AmlError when a place can't be written or a name can't be registered.
    """
    for node, run, digests in made:
        for name, digest in digests.items():
            own = node.step.outputs.get(name)
            outer = job.outputs.get(node.publishes.get(name, ""))
            place = run.output(name)
            if outer is not None:
                state.outputs[node.publishes[name]] = str(place)
                if outer.path and "${{" not in outer.path and "://" not in outer.path and place.exists():
                    target = job.source.file.parent / outer.path
                    _copy(place, target)
                    state.outputs[node.publishes[name]] = str(target)
            for output in (own, outer):
                if output is not None and output.name and place.exists():
                    kind = (node.step.component.outputs.get(name) or output).type
                    wanted = output.type if output.type in MODEL_TYPES else kind
                    with lock():
                        label = _register(project, output, wanted, run, name, digest)
                    state.steps[node.name].registered[name] = label
                    report(f"{node.name}: {name} is {label}")


def _register(project: Project, output: Output, kind: str, run: StepRun, name: str, digest: str) -> str:
    """Register an output, unless this very content of this run is registered already. Returns what it is called."""
    record = run.folder / ".run" / "registered.json"
    known = read_json(record)
    mark = f"{output.name} {digest}"
    if mark in known:
        return f"{known[mark]}, as before"
    place = run.output(name)
    git = {key: str(value) for key, value in (run.record().get("properties") or {}).items()}
    lineage = {"data_sha256": _inputs(run), **git}
    if kind in MODEL_TYPES:
        from amlrun.registry.base import Description, RunFile
        from amlrun.registry.content import sha256
        from amlrun.registry.local import LocalRegistry

        registry = LocalRegistry(project)
        newest = max(registry.models(str(output.name)), key=lambda one: int(one.version), default=None)
        if newest is not None and newest.sha256 == sha256(place):
            return f"model {newest.id}, which has this content already"
        about = Description(output.description or "", properties=lineage)
        model = registry.register(str(output.name), RunFile(RunFolder(run.folder), f"outputs/{place.name}"), about)
        label = f"model {model.id}"
    else:
        data.register(project, str(output.name), place, output.description or "", {"run_id": run.id, **lineage})
        label = f"dataset {output.name}"
    with os_errors("record what was registered"):
        replace_json(record, {**known, mark: label})
    return label


def _inputs(run: StepRun) -> str:
    """What the step's inputs held, as one hash."""
    import hashlib
    import json

    try:
        record = json.loads((run.folder / ".run" / "step.json").read_text(encoding="utf-8"))
        text = json.dumps(record["parts"]["inputs"], sort_keys=True)
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return hashlib.sha256(text.encode()).hexdigest()


def _copy(source: Path, target: Path) -> None:
    """Copy a file or folder; what lies at the target is replaced once the copy is whole."""
    new = target.with_name(f".{target.name}.{os.getpid()}.aml-tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, new)
        else:
            shutil.copy2(source, new)
        if target.is_dir() and not target.is_symlink():
            old = target.with_name(f".{target.name}.{os.getpid()}.aml-old")
            target.rename(old)
            new.rename(target)
            shutil.rmtree(old, ignore_errors=True)
        else:
            new.replace(target)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise os_error(error, f"copy the output to {target}") from error
