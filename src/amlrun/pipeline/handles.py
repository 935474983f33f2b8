"""The handle of a pipeline's run: a `Run` whose children are its steps' runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from amlrun.errors import AmlError, first_of
from amlrun.events import Message, OnEvent, ignore
from amlrun.pipeline import check, graph
from amlrun.pipeline import state as states
from amlrun.pipeline.state import PipelineState
from amlrun.prepare import machines
from amlrun.runs import redact
from amlrun.runs import store as runs
from amlrun.runs.status import RunStatus
from amlrun.spec.job import to_dict
from amlrun.spec.pipeline import PipelineJob
from amlrun.targets import Targets
from amlrun.targets.base import FOLDERS, Plan, Run, SubmitOptions, Target
from amlrun.targets.parents import DrivenRun, WatchedRun

if TYPE_CHECKING:
    from amlrun.pipeline.local import Work
    from amlrun.pipeline.remote import RemotePipeline


def target_of(job: PipelineJob, targets: Targets) -> Target:
    """The target that starts the steps: the workspace takes a pipeline whose steps all run there, this machine starts
    the steps of any other: here, on its own machines, or each as a job of the workspace.
    """
    nodes = [*graph.nodes(job).values()]
    known = {"local", *machines.load(targets.project)}
    here = [node for node in nodes if (node.compute or "").removeprefix("azureml:") in known]
    elsewhere = [node for node in nodes if node not in here]
    return targets.for_compute("local" if here else elsewhere[0].compute if elsewhere else job.compute)


def plan(target: Target, job: PipelineJob, experiment: str, options: SubmitOptions) -> Plan:
    """Make every check of a submit and send nothing."""
    _check(job)
    if target.runs_pipelines:
        return target.plan(job, experiment, options)
    from amlrun.pipeline import local

    local.preflight(target.project, job, options.only_step)
    return Plan(redact.masked(to_dict(job)), None, target.location)


def submit(target: Target, job: PipelineJob, experiment: str, options: SubmitOptions) -> Run:
    """Submit a pipeline: whole where the target takes it so, else its steps are started from this machine.

    With `options.detach` a process of its own drives it; else `wait` does, in the process that calls it.
    """
    _check(job)
    if target.runs_pipelines:
        run = target.submit(job, experiment, options)
        if not (run.files.private / states.FILE).exists():
            states.planned(job).save(run.files.private)
        return RemotePipelineRun(run.files, target)
    from amlrun.pipeline import local

    files, work = local.submit(target, job, experiment, options)
    run = LocalPipelineRun(files, target)
    if options.detach:
        local.drive_in_background(files, work)
    else:
        run.drive_with(work)
    return run


def open_pipeline(files: runs.RunFolder, target: Target) -> PipelineRun:
    """The handle of a pipeline's run."""
    return RemotePipelineRun(files, target) if target.runs_pipelines else LocalPipelineRun(files, target)


def _check(job: PipelineJob) -> None:
    wrong = check.check(job)
    if wrong:
        raise first_of(wrong)


class PipelineRun(Run):
    """A pipeline's run, wherever its steps run."""

    type = "pipeline"

    def progress(self) -> PipelineState:
        """How each step is, and where the pipeline's outputs lie; without steps where nothing was written yet."""
        found = states.load(self.files.private) or PipelineState("", self.id)
        for step in found.steps.values():
            # A pipeline that was killed could not write down how its last steps ended.
            if step.state == states.RUNNING and step.run_id:
                step.state = str(runs.RunFolder(self.folder.parent / step.run_id).state()[0])
        return found

    def outputs(self) -> list[Path]:
        """The files of the pipeline's own outputs, which lie where the steps that made them wrote them."""
        places = [Path(place) for place in self.progress().outputs.values()]
        files = (file for place in places for file in (place.rglob("*") if place.is_dir() else [place]))
        return sorted({file for file in files if file.is_file()} | {*super().outputs()})

    def children(self) -> list[Run]:
        """The steps' runs that this pipeline started, oldest first; a reused result is another pipeline's child."""
        from amlrun.pipeline.search_runs import open_search

        return [open_search(run.files, self.target) or run for run in super().children()]

    def download(self, dest: str | Path | None = None, *, folders: Sequence[str] = FOLDERS) -> list[Path]:
        """Bring the run's files here; below `dest` the pipeline's outputs lie in `outputs/NAME`."""
        fetched = super().download(dest, folders=folders)
        if dest is not None and "outputs" in folders:
            for name, place in self.progress().outputs.items():
                fetched += self.copy_files(Path(place), Path(dest) / "outputs" / name)
        return fetched


class LocalPipelineRun(PipelineRun, DrivenRun["Work"]):
    """A pipeline whose steps are started from this machine."""

    noun = "pipeline"

    def owner_of(self, path: str) -> tuple[runs.RunFolder, str]:
        """The step that wrote one of the pipeline's outputs, `outputs/NAME`, and its path there."""
        made = {name: Path(place) for name, place in self.progress().outputs.items()}
        name, _, rest = path.removeprefix("outputs/").partition("/")
        if name not in made:
            hint = f"Its outputs are: {', '.join(f'outputs/{one}' for one in made) or 'none; name a run of its steps'}"
            raise AmlError(f"--asset-path: the pipeline {self.id} has no {path or 'such output'}", hint=hint)
        place, inside = made[name] / rest, self.folder.parent
        if not place.is_relative_to(inside):
            raise AmlError(f"--asset-path: {path} is outside the runs: {place}", hint=f"Register it with -p {place}")
        step, *parts = place.relative_to(inside).parts
        return runs.RunFolder(inside / step), "/".join(parts)

    def drive(self, work: Work, on_event: OnEvent) -> None:
        """Run the steps to their end."""
        from amlrun.pipeline import local
        from amlrun.pipeline.progress import PipelineLog

        local.drive(self.target.project, self.files, work, PipelineLog(self.files.log, on_event))


class RemotePipelineRun(PipelineRun, WatchedRun):
    """A pipeline that a workspace runs."""

    results = "pipeline's record"

    def _pipeline(self, on_event: OnEvent = ignore, log: Path | None = None) -> RemotePipeline:
        from amlrun.pipeline.progress import PipelineLog
        from amlrun.pipeline.remote import RemotePipeline
        from amlrun.targets.azureml import AzureMLTarget

        assert isinstance(self.target, AzureMLTarget)  # noqa: S101 - the only one that runs pipelines whole
        return RemotePipeline(self.target.client, self.target.project, self.files, PipelineLog(log, on_event))

    def watch(self, on_event: OnEvent, until: float | None) -> RunStatus | None:
        """Follow the pipeline; `on_event` gets a line a step, and its state (`PipelineProgress`)."""
        return self._pipeline(on_event, self.files.log).follow(until)

    def children(self) -> list[Run]:
        """The steps' runs, oldest first, as the workspace lists them now."""
        pipeline = self._pipeline()
        if not pipeline.finalized:
            pipeline.look()
        return super().children()

    def download(self, dest: str | Path | None = None, *, folders: Sequence[str] = FOLDERS) -> list[Path]:
        """Bring the pipeline's own files and its outputs into its run folder, and below `dest`."""
        fetched = self._pipeline(self.target.on_event).fetch()
        self.target.on_event(Message(f"{len(fetched)} file{'' if len(fetched) == 1 else 's'} in {self.folder}"))
        return fetched if dest is None else self._copy(Path(dest), folders)
