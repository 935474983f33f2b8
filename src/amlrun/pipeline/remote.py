"""A pipeline that a workspace runs: what it says of the steps is written down as a local pipeline would leave it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from amlrun.azure import batch, named_outputs, pipeline_runs, record, watching
from amlrun.azure.client import Client
from amlrun.azure.pipeline_runs import StepInfo
from amlrun.pipeline import state as states
from amlrun.pipeline.progress import PipelineLog, Progress, draw_page
from amlrun.pipeline.state import PipelineState, StepState
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.runs.record import SubmitPart
from amlrun.runs.status import RunStatus

_WAITING = ("NotStarted", "Queued", "Unapproved")
_FINAL = {"Completed": states.COMPLETED, "Failed": states.FAILED, "Canceled": states.CANCELED}


class RemotePipeline:
    """One pipeline's run in a workspace; `log` is told what changes."""

    def __init__(self, client: Client, project: Project, run: runs.RunFolder, log: PipelineLog) -> None:
        self.client, self.project, self.run = client, project, run
        self.job: dict[str, Any] = {}
        self.progress = Progress(run, states.load(run.private) or PipelineState("", run.id), log)
        self.log = log

    @property
    def finalized(self) -> bool:
        """Whether the pipeline has ended, and all that there is to know of it is written down here."""
        return bool(self.run.part("process").get("_log_complete"))

    def look(self) -> RunStatus:
        """Ask for the pipeline and its steps, write down what is new; the pipeline's state. Raises AmlError."""
        self._ask()
        state = str((self.job.get("properties") or {}).get("status"))
        for found in pipeline_runs.steps(self.client, self.run, ended=state in runs.FINAL):
            self._take(found)
        if state not in runs.FINAL:
            record.update_from_service(self.run, self.job)
        elif not self.finalized:
            self._end(state)
        self.progress.save()
        return self.run.state()[0]

    def _ask(self) -> None:
        job = record.ask(self.client, self.run.id)
        if job is None:
            raise record.not_there(self.client, self.run)
        self.job = job
        steps = self.progress.state.steps
        for name, after in pipeline_runs.after(job).items():
            # One that was submitted elsewhere is known from here on; a component's steps have names of their own.
            if name not in steps and not any(known.startswith(f"{name}.") for known in steps):
                steps[name] = StepState(name, after=after)

    def _take(self, found: StepInfo) -> None:
        step = self.progress.state.steps.setdefault(found.name, StepState(found.name))
        if step.state in states.FINAL or found.state in _WAITING:
            return
        new = _FINAL.get(found.state, states.RUNNING)
        if step.run_id is None:
            step.run_id = self._steps_run(found).id
        if new == step.state:
            return
        times = {"startTimeUtc": found.started, "endTimeUtc": found.ended, "error": found.error}
        files = runs.RunFolder(self.project.runs / step.run_id)
        record.update_from_service(files, {"properties": {"status": found.state}}, times)
        if new != states.RUNNING and step.state == states.WAITING and found.reused is None:
            self.progress.change(step.name, states.RUNNING, f"on {found.target}")
        step.reused = found.reused is not None
        reason = f"as {found.reused} made it" if found.reused else f"on {found.target}" if found.target else ""
        if new == states.FAILED:
            reason = str((files.record().get("error") or {}).get("message") or "see its log").splitlines()[0]
        self.progress.change(step.name, new, reason, seconds=runs.seconds_between(found.started, found.ended))

    def _steps_run(self, found: StepInfo) -> runs.RunFolder:
        more: SubmitPart = {"display_name": found.name}
        if found.target:
            more["target"] = found.target
        return record.child_run(self.project.runs, self.run, found.id, more)

    def follow(self, until: float | None = None) -> RunStatus | None:
        """Watch until the pipeline has ended; None when `until` (time.monotonic) came first. Raises AmlError."""
        wait = watching.first_poll()
        while True:
            before = [step.state for step in self.progress.state.steps.values()]
            state = self.look()
            self.log.draw(self.progress.state)
            if state.is_final:
                return state
            grown = before != [step.state for step in self.progress.state.steps.values()]
            wait = watching.next_poll(wait, grown)
            if until is not None and time.monotonic() + wait > until:
                return None
            time.sleep(wait)

    def _end(self, status: str) -> None:
        for step in self.progress.state.steps.values():
            if step.state == states.WAITING:
                self.progress.change(step.name, states.SKIPPED, f"the pipeline {status.lower()}")
            elif step.state == states.RUNNING:
                self.progress.change(step.name, _FINAL.get(status, states.CANCELED), "")
        history = watching.history(self.client, self.run) or {}
        record.update_from_service(self.run, self.job, {**history, "log_complete": True, "metrics": {}})
        self.progress.save(now=True)
        draw_page(self.run, self.progress.state, str(self.run.state()[0]))

    def fetch(self, progress: Any = lambda size: None) -> list[Path]:
        """Bring the pipeline's own files and its outputs into its run folder. Raises AmlError."""
        self.look()
        fetched = watching.fetch(self.client, self.run, progress=progress)
        for name, (step, output) in pipeline_runs.publishers(self.job).items():
            made = self.progress.state.steps.get(step)
            if made is None or made.run_id is None or made.state != states.COMPLETED:
                continue
            place = named_outputs.places(self.client, made.run_id).get(output)
            files = [] if place is None else named_outputs.bring(self.client, self.run, name, place, progress=progress)
            if files:
                self.progress.state.outputs[name] = str(self.run.folder / "outputs" / name)
                fetched += files
        self.progress.save(now=True)
        rows = batch.rows(self.client, self.run)
        return [*fetched, rows] if rows else fetched
