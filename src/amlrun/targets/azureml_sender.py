"""What every kind of job needs to be sent to a workspace: the connection, and one attempt at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from amlrun.azure import client as azure_client
from amlrun.azure import record, submission
from amlrun.azure.client import Client
from amlrun.events import Message, OnEvent, PackageLoaded, ignore
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.runs.record import SubmitPart
from amlrun.targets import steps
from amlrun.targets.base import Run, SubmitOptions, Target
from amlrun.workspace import Workspace


class Sender(Target):
    """Sends jobs to one workspace; a part of `AzureMLTarget`, which its modules for pipelines and AutoML are given."""

    type = "azureml"

    def __init__(self, project: Project, workspace: Workspace, on_event: OnEvent = ignore) -> None:
        self.project = project
        self.workspace = workspace
        self.on_event = on_event

    @cached_property
    def client(self) -> Client:
        """The connection; it signs in at its first call. Raises AmlError when azure-ai-ml is not installed."""
        azure_client.require()
        return azure_client.to(self.workspace, self.report, lambda name: self.on_event(PackageLoaded(name)))

    @property
    def location(self) -> str:
        """The workspace's name."""
        return self.workspace.name

    def report(self, text: str) -> None:
        """Tell one line."""
        self.on_event(Message(text))

    @contextmanager
    def attempt(self, mark: str, first: SubmitPart, name: str, options: SubmitOptions) -> Iterator[tuple[Run, bool]]:
        """The run of a submit, and whether its job was sent before: an identical command may have left it unfinished.

        A new one begins with the record `first` and is called `name`. The listener is told of it.
        """
        first |= {"_target_type": self.type, "remote": True, "workspace": record.workspace_ids(self.workspace)}

        def make() -> runs.RunFolder:
            return steps.create_run(self.project, first, name, options)

        with submission.attempt(self.project.runs, mark, make, detach=options.detach, report=self.report) as files:
            run = Run(files, self)
            steps.announce(run)
            yield run, "status" in files.part("process")
