"""Runs the steps of a pipeline: ready ones side by side, cached ones not at all, and the rest as failure allows.

One thread looks at all that runs. The state is written at each change, so that it can be seen from elsewhere, and the
pipeline's run tells right how it is after a kill: submitting again finds what was finished.
"""

from __future__ import annotations

from pathlib import Path

from amlrun.dataclass import dataclass
from amlrun.errors import AmlError, os_error
from amlrun.pipeline import filling, graph, state, step_job
from amlrun.pipeline.cache import CacheLookup, StepCache, Wanted
from amlrun.pipeline.fingerprint import Fingerprints
from amlrun.pipeline.graph import Node
from amlrun.pipeline.hashing import FileHashes
from amlrun.pipeline.launcher import Launcher, StepRun
from amlrun.pipeline.options import Options, missing_input
from amlrun.pipeline.progress import PipelineLog, Progress
from amlrun.pipeline.results import StepResults
from amlrun.pipeline.state import StepState
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.spec.automl import AutoMLJob
from amlrun.spec.job import CommandJob, SweepJob
from amlrun.spec.pipeline import PipelineJob

_SHORTEST, _LONGEST = 0.002, 0.05  # seconds between two looks at what runs


@dataclass
class _Running:
    node: Node
    run: StepRun
    wanted: Wanted
    adopted: bool = False


class Engine:
    """One pipeline's run to its end."""

    def __init__(
        self,
        project: Project,
        run: runs.RunFolder,
        job: PipelineJob,
        launcher: Launcher,
        options: Options,
        log: PipelineLog,
    ) -> None:
        self.project = project
        self.run = run
        self.job = job
        self.nodes = graph.nodes(job)
        self.options = options
        self.launcher = launcher
        self.hashes = FileHashes(project.runs / ".pipeline" / "hashes.json")
        self.cache = StepCache(project, job.source.file, self.hashes, launcher.find)
        self.state = state.planned(job)
        self.progress = Progress(run, self.state, log)
        self._queue = graph.order(self.nodes)
        self._running: dict[str, _Running] = {}
        no_code = run.private / "no_code"
        self.keys = Fingerprints(project, job.source.file.parent, no_code, self.hashes, self.cache)
        self._stopped = ""
        self._continue = job.settings.continue_on_step_failure is not False
        self.results = StepResults(self.state, self.progress, self.cache, self.keys)

    def go(self) -> str:
        """Run to the end. Returns the pipeline's state. Raises AmlError for what kept it from going on."""
        self.keys.no_code.mkdir(exist_ok=True)
        self.progress.save()
        self._limit()
        pause = _SHORTEST
        try:
            while self._queue or self._running:
                if (self.run.private / "cancel.json").exists():
                    self._stop("the pipeline was cancelled")
                moved = self._poll_steps()
                moved = self._start_ready() or moved
                pause = _SHORTEST if moved else min(pause * 1.1, _LONGEST)
                if self._running:
                    self.progress.wait(pause, quiet=not moved)
        except BaseException:
            self._stop("the pipeline was cancelled")
            self._wait_for_the_stopped()
            raise
        finally:
            self.hashes.save()
            self.launcher.close()
            self.progress.save(now=True)
        if (self.run.private / "cancel.json").exists():
            return state.CANCELED
        return state.FAILED if self.failed() else state.COMPLETED

    def failed(self) -> list[StepState]:
        """The steps that failed, and what they kept from starting."""
        return [step for step in self.state.steps.values() if step.state == state.FAILED]

    def _limit(self) -> None:
        """With `--only`: the other steps need not run, and those that it reads must have a result."""
        if self.options.only is None:
            return
        wanted = graph.closure(self.nodes, [self.options.only])
        for name in self._queue:
            if name not in wanted:
                self.progress.change(name, state.SKIPPED, f"--only {self.options.only}")
        self._queue = [name for name in self._queue if name in wanted]

    def _start_ready(self) -> bool:
        """Start, or take from the cache, every step whose inputs are there. Whether anything changed."""
        moved = False
        for name in list(self._queue):
            node = self.nodes[name]
            missing = missing_input(node, self.state)
            if self._stopped or missing:
                self._queue.remove(name)
                self.progress.change(name, state.SKIPPED, missing or self._stopped)
                moved = True
            elif self._ready(node) and len(self._running) < self.options.slots:
                if step_job.takes_all(node.step) and self._running:
                    continue  # it takes all slots
                self._queue.remove(name)
                self._begin(node)
                moved = True
                if step_job.takes_all(node.step) and name in self._running:
                    break
            if any(step_job.takes_all(one.node.step) for one in self._running.values()):
                break
        return moved

    def _ready(self, node: Node) -> bool:
        return all(self.state.steps[name].state in state.FINAL for name in node.needs)

    def _begin(self, node: Node) -> None:
        try:
            self._decide(node)
        except AmlError as error:
            self._fail(node, str(error))
        except OSError as error:
            self._fail(node, str(os_error(error, "start the step")))

    def _decide(self, node: Node) -> None:
        compute = self.launcher.place(node.compute)
        unable = step_job.runnable(node.step, compute)
        if unable:
            raise node.step.error("", unable)
        filled = filling.fill(self.project, node, self.results.place)
        job = step_job.job_of(node, filled, self.keys.no_code, compute)
        wanted = self.keys.wanted(node, job, filled, self.results.runs)
        anew = self._anew(node)
        found = CacheLookup(reason=anew) if anew else self.cache.look(wanted)
        if found.run is not None:
            self._take(node, wanted, found)
            return
        if self.options.only not in (None, node.name):
            hint = f"Run it first: leave --only {self.options.only} out."
            raise node.step.error("", f"has no result that --only could use: {found.reason}", hint)
        self.launcher.warm()
        with self.cache.lock():
            # Another pipeline may have begun with it since.
            again = CacheLookup(reason=anew) if anew else self.cache.look(wanted)
            if again.run is None:
                run_id = f"{self.run.id}_{node.name}"
                self.cache.claim(wanted, run_id)
                self.progress.change(node.name, state.RUNNING, found.reason, run_id=run_id)
                run = self._launch(node, job, run_id, wanted)
        if again.run is None:
            self._running[node.name] = _Running(node, run, wanted)
            if self._queue:
                self.launcher.warm()  # for the next one, while this one's script runs
        else:
            self._take(node, wanted, again)

    def _take(self, node: Node, wanted: Wanted, found: CacheLookup) -> None:
        """Take a step's result from another run, or wait for the run that is making it."""
        assert found.run is not None  # noqa: S101 - asked by the caller
        if found.running:
            step = self.progress.change(
                node.name, state.RUNNING, f"already running as {found.run.id}", run_id=found.run.id
            )
            step.reused = True
            self._running[node.name] = _Running(node, found.run, wanted, adopted=True)
        else:
            self.cache.used(wanted, found.run)
            self.results.reuse(node, found.run)

    def _launch(self, node: Node, job: CommandJob | SweepJob | AutoMLJob, run_id: str, wanted: Wanted) -> StepRun:
        def created(private: Path) -> None:
            self.cache.begin(wanted, private)

        run = self.launcher.start(job, run_id, self.run.id, created)
        if run.id != run_id:
            # A sweep's run has a name of its own.
            self.cache.claim(wanted, run.id)
            self.state.steps[node.name].run_id = run.id
        return run

    def _anew(self, node: Node) -> str:
        """Why a step runs whatever the cache has; empty when it need not."""
        if node.name in self.options.anew:
            return self.options.anew[node.name]
        if node.force_rerun:
            return "force_rerun"
        if not node.step.component.is_deterministic:
            return "is_deterministic: false"
        return ""

    def _poll_steps(self) -> bool:
        """Take in the steps that have ended. Whether there was one."""
        moved = False
        for name, one in list(self._running.items()):
            status = one.run.ended()
            if status is None:
                continue
            moved = True
            one.run.collect()
            del self._running[name]
            if status == "Completed":
                problem = self.results.complete(one.node, one.run, one.wanted)
                if problem:
                    self._fail(one.node, problem)
            elif one.adopted and not self._stopped:
                # Its own pipeline ended it, or it was killed: it is made anew.
                self.state.steps[name].reused = False
                self.progress.change(name, state.WAITING, "")
                self._queue.insert(0, name)
            else:
                record = one.run.record()
                message = str((record.get("error") or {}).get("message") or f"its run {status}")
                cancelled = status == "Canceled"
                said = "" if cancelled else one.run.last_words()
                message = f"{message}: {said}" if said else message
                self.progress.change(
                    name,
                    state.CANCELED if cancelled else state.FAILED,
                    self._stopped or message,
                    seconds=record.get("seconds"),
                )
                if not cancelled or not self._stopped:
                    self._after_failure(name)
        return moved

    def _fail(self, node: Node, message: str) -> None:
        self.progress.change(node.name, state.FAILED, message)
        self._after_failure(node.name)

    def _after_failure(self, name: str) -> None:
        if not self._continue and not self._stopped:
            self._stop(f"{name} failed and continue_on_step_failure is false")

    def _stop(self, reason: str) -> None:
        """Let nothing new start, and end what runs."""
        if self._stopped:
            return
        self._stopped = reason
        for one in self._running.values():
            if not one.adopted:
                one.run.cancel(reason)

    def _wait_for_the_stopped(self) -> None:
        for name, one in list(self._running.items()):
            self.progress.change(name, state.CANCELED, self._stopped)
            del self._running[name]
            one.run.status()
            one.run.collect()
        for name in self._queue:
            self.progress.change(name, state.SKIPPED, self._stopped)
        self._queue = []
