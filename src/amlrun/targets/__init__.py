"""Where a job runs, a module each with the same verbs (`base.Target`), and which of them a job or a run means."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.events import OnEvent, ignore
from amlrun.prepare import machines
from amlrun.prepare.machines import Machine
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.targets.base import Target
from amlrun.workspace import Workspace

if TYPE_CHECKING:
    from amlrun.spec.jobs import Job
    from amlrun.targets.azureml import AzureMLTarget


def launch_ahead(compute: str | None) -> subprocess.Popen[bytes] | None:
    """A supervisor for `SubmitOptions`, where a job of that compute may need one; None says that the file names it."""
    from amlrun.targets import processes

    return processes.launch_supervisor() if compute in (None, "local") else None


@dataclass
class Targets:
    """Finds the target of a job or of a run, each made once. `find_workspace` is asked when a workspace is needed."""

    project: Project
    find_workspace: Callable[[], Workspace]
    on_event: OnEvent = ignore
    _known: dict[object, Target] = field(default_factory=dict)

    def for_job(self, job: Job) -> Target:
        """The target of a job: a container where its `local` part asks for one, else what its `compute` names."""
        own = getattr(getattr(job, "trial", job), "local", None)
        if job.compute == "local" and own is not None and own.container:
            return self._get("container")
        return self.for_compute(job.compute)

    def for_compute(self, compute: str | None) -> Target:
        """The target that a job's `compute` names: `local`, a machine of computes.yml, else the workspace's."""
        if compute == "local":
            return self._get("local")
        machine = machines.load(self.project).get((compute or "").removeprefix("azureml:"))
        if machine is not None:
            return self._get(machine)
        try:
            return self._get(None)
        except AmlError as error:
            error.hint += "\nOr run it on this machine: --ct local"
            raise

    def for_run(self, run: runs.RunFolder) -> Target:
        """The target that a run's record names. Raises AmlError for a kind that this version does not know."""
        submitted = run.part("submit")
        kind = submitted.get("_target_type") or ("azureml" if submitted.get("remote") else "local")
        if kind in ("local", "container"):
            return self._get(kind)
        if kind == "ssh":
            return self._get(machines.of_record(submitted["_machine"]))
        if kind != "azureml":
            raise AmlError(
                f"{run.id} ran on {kind!r}, a type of target that this version does not support", file=run.folder
            )
        ids = submitted.get("workspace")
        if not ids:
            return self._get(None)
        return self._get(Workspace(ids["subscription_id"], ids["resource_group"], ids["workspace_name"]))

    def workspace(self) -> AzureMLTarget:
        """The workspace's target. Raises AmlError when no workspace is known."""
        from amlrun.targets.azureml import AzureMLTarget

        found = self._get(None)
        assert isinstance(found, AzureMLTarget)  # noqa: S101 - `_make` makes it of a workspace
        return found

    def _get(self, key: Workspace | Machine | str | None) -> Target:
        # By the workspace itself, so that "the one that is meant" and a run's are one connection.
        found = self.find_workspace() if key is None else key
        if found not in self._known:
            self._known[found] = self._make(found)
        return self._known[found]

    def _make(self, found: Workspace | Machine | str) -> Target:
        if found == "container":
            from amlrun.targets.container import ContainerTarget

            return ContainerTarget(self.project, self.on_event)
        if isinstance(found, str):
            from amlrun.targets.local import LocalTarget

            return LocalTarget(self.project, self.on_event)
        if isinstance(found, Machine):
            from amlrun.targets.ssh import SshTarget

            return SshTarget(self.project, found, self.on_event)
        from amlrun.targets.azureml import AzureMLTarget

        return AzureMLTarget(self.project, found, self.on_event)
