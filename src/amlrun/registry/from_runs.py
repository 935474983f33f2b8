"""Brings the models that scripts registered themselves (`mlflow.register_model`) into the project's registry.

A script writes into its run's own MLflow store; on Azure ML the same call reaches the workspace's registry.
"""

from __future__ import annotations

from collections.abc import Iterable

from amlrun.errors import AmlError, os_error
from amlrun.events import Message, OnEvent
from amlrun.project import Project
from amlrun.runs import logged
from amlrun.runs.store import RunFolder

_DONE = "registered"


def take_over(project: Project, found: Iterable[RunFolder], on_event: OnEvent) -> None:
    """Register what ended runs registered and the project does not have yet; a fault is a warning with what to do."""
    for run in found:
        versions = logged.registered(run)
        if not versions:
            continue
        from amlrun.registry.local import LocalRegistry

        registry = LocalRegistry(project)
        for version in versions:
            mark = f"{version.name}/{version.version}"
            try:
                if mark in _done(run):
                    continue
                made = registry.take_over(version, run)
                with (run.private / _DONE).open("a", encoding="utf-8") as stream:
                    stream.write(mark + "\n")
            except OSError as error:
                on_event(Message(str(os_error(error, f"register {version.name}")), warning=True))
            except AmlError as error:
                again = f"aml model register -n NAME -r {run.id} --asset-path {version.asset_name}"
                text = (
                    f"the model {version.name}, which the script registered, is not in the project's registry: {error}"
                )
                on_event(Message(f"{text}\nRegister it with: {again}", warning=True))
            else:
                on_event(Message(f"Registered {made.id}, as the script did ({version.asset_name})"))


def _done(run: RunFolder) -> list[str]:
    try:
        return (run.private / _DONE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
