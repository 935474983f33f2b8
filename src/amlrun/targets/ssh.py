"""The ssh target: a run on another machine, in the same folder, under the same supervisor; results come back here.

What the machine is asked is in `workers/remote.py`. The local record says which machine, so any later command can ask
again: for the state, the log from where it broke off, or the results.
"""

from __future__ import annotations

import contextlib
import json
import tarfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from amlrun.errors import CANCELLED, SERVICE, AmlError, os_errors
from amlrun.events import Message, OnEvent, ignore
from amlrun.prepare import code, launch
from amlrun.prepare.machines import Machine
from amlrun.project import Project
from amlrun.runs import metrics, mlflow_db, provenance, redact
from amlrun.runs import store as runs
from amlrun.runs.files import pieces
from amlrun.runs.record import ExitPart
from amlrun.runs.status import RunStatus
from amlrun.spec import read_spark
from amlrun.spec.job import CommandJob, SparkJob, to_dict
from amlrun.targets import machine_facts, ssh_files, ssh_stage, steps
from amlrun.targets.base import Plan, Run, SubmitOptions
from amlrun.targets.ssh_connection import Connection, Receipt
from amlrun.targets.ssh_site import RemoteSite
from amlrun.targets.ssh_stage import BoxedSite

if TYPE_CHECKING:
    from amlrun.spec.jobs import Job

OLDEST_PYTHON = (3, 7)


class SshTarget:
    """Runs jobs on one machine that `data/computes.yml` names."""

    type = "ssh"
    runs_sweeps = False
    runs_batches = False
    runs_pipelines = False
    interrupt_cancels = False

    def __init__(self, project: Project, machine: Machine, on_event: OnEvent = ignore) -> None:
        self.project = project
        self.machine = machine
        self.on_event = on_event
        self.connection = Connection(machine)

    @property
    def location(self) -> str:
        """The machine's name and address."""
        return f"{self.machine.name} ({self.machine.address})"

    def report(self, text: str) -> None:
        """Tell one line."""
        self.on_event(Message(text))

    def plan(self, job: Job, experiment: str, options: SubmitOptions) -> Plan:
        """The code and the snapshot, checked; the machine is not asked. Raises AmlError."""
        command = self._command(job)
        files = options.take_snapshot(command, code.find(command), self.project)
        calls = [f"ssh {self.machine.address}: upload {files}, start the script, follow it, download the results"]
        return Plan(redact.masked(to_dict(job)), files, self.location, calls)

    def submit(self, job: Job, experiment: str, options: SubmitOptions) -> Run:
        """Snapshot, environment and data go there, then the script is started. Raises AmlError."""
        job = self._command(job)
        folder = code.find(job)
        git = provenance.git_properties(folder)
        files = options.take_snapshot(job, folder, self.project)
        there = machine_facts.kept(self.machine) or self.hello()
        run_id = options.run_id or runs.new_id(experiment, job.name)
        first = steps.first_record(job, job, experiment, self.machine.name, options.command_line)
        first |= {"_target_type": self.type, "_machine": self.machine.to_dict() | {"name": self.machine.name}}
        stage = ssh_stage.of_job(job, self.connection, there, options, self.report)
        first["_seen"] = f"{there['home']}/runs/{run_id}"
        stage.note(first)
        run = Run(steps.create_run(self.project, first, run_id, options), self)
        try:
            steps.announce(run)
            self.report(f"Target: {self.location}, over ssh")
            interpreter = steps.prepare(run, job, files, stage, job.local.notes, git)
            site = stage.site(self.project, run.files, interpreter)
            plan = launch.plan(self.project, run.files, job, interpreter, experiment, report=self.report, site=site)
            self._start(run.files, stage.wrap(plan, site), site)
        except BaseException as error:
            if not isinstance(error, AmlError) or error.exit_code != SERVICE or self._never_began(run.files):
                steps.mark_failed(run.files, error)
            raise
        return run

    def hello(self) -> dict[str, Any]:
        """What the machine says of itself. Raises AmlError when it can't be reached, or its Python is too old."""
        there = self.connection.call("hello")
        del there["out"]
        if tuple(there["python"][:2]) < OLDEST_PYTHON:
            shown = ".".join(map(str, there["python"]))
            raise AmlError(
                f"{self.location}: its {self.machine.python} is Python {shown}; 3.7 or newer is needed",
                hint="Name another one: `python:` in data/computes.yml.",
            )
        machine_facts.keep(self.machine, there)
        return there

    def _start(self, run: runs.RunFolder, plan: dict[str, Any], site: RemoteSite | BoxedSite) -> None:
        if (run.private / "cancel.json").exists():
            raise AmlError(f"{run.id} was cancelled before its script was started", exit_code=CANCELLED)

        def payload(stream: IO[bytes]) -> None:
            with tarfile.open(fileobj=stream, mode="w|") as archive:
                ssh_files.pack(archive, run, site.sends, workers=site.sends_workers)

        try:
            found = self.connection.call("begin", run=run.id, home=site.home, plan=plan, payload=payload)
        except AmlError:
            machine_facts.forget(self.machine)  # asked anew the next time
            raise
        self._note(run, found)

    def _never_began(self, run: runs.RunFolder) -> bool:
        """After a submit that broke off: whether the machine says that the run did not begin, and now never will."""
        with contextlib.suppress(AmlError):
            return self.connection.call("status", run=run.id, fence=True)["state"] in ("absent", "lost")
        return False

    def _note(self, run: runs.RunFolder, found: Mapping[str, Any]) -> RunStatus:
        """Write down what the machine says of a run; the state that it is."""
        ended = cast(ExitPart, found.get("exit") or {})
        if found["state"] in ("running", "preparing"):
            status = RunStatus.RUNNING if found["state"] == "running" else RunStatus.PREPARING
            known = run.part("process")
            if known.get("status") != status.value:
                begun = {"start_time_utc": found["begun"]} if found.get("begun") else {}
                run.write_part("process", {**known, **begun, "status": status.value})
            return status
        if found.get("begun"):
            run.write_part("process", {**run.part("process"), "start_time_utc": found["begun"]})
        if found.get("cancelled") and not (run.private / "cancel.json").exists():
            run.write_part("cancel", {"cancel": {"at": runs.now(), "reason": f"on {self.machine.name}"}})
        removed = found["state"] == "ended" and not found.get("cancelled")
        ended = ssh_stage.ended_container(run, self.connection, ended, removed=removed)
        run.write_part("exit", ended if "exit_code" in ended else ssh_files.interrupted(found["state"]))
        (run.private / "reserve").unlink(missing_ok=True)
        return run.state()[0]

    def status(self, run: runs.RunFolder) -> RunStatus:
        """The state; an unfinished run's machine is asked. Raises AmlError (exit code 3) when it can't be reached."""
        state = run.state()[0]
        if not state.is_final and not self._submitting(run):
            state = self._note(run, self.connection.call("status", run=run.id, fence=True))
        if state.is_final:
            self._bring_back(run)
            try:
                mlflow_db.publish(self.project, mlflow_db.pending(self.project, [run]))
            except AmlError as error:
                self.on_event(Message(str(error), warning=True))
        return state

    def _submitting(self, run: runs.RunFolder) -> bool:
        """Whether the command that submits it is still at that."""
        return not run.part("process") and runs.alive(run.part("submit").get("_submitter"))

    def logs(self, run: runs.RunFolder, *, follow: bool, until: float | None = None) -> Iterator[bytes]:
        """The log, from here as far as it is here, then from there; a connection that is lost is made again."""
        yield from pieces(run.log)
        if self.has_files(run):
            return
        over = False
        for wait in ssh_files.patience(follow):
            try:
                yield from self._follow(run, follow, until)
                over = True
            except AmlError as error:
                if not follow or error.exit_code != SERVICE or wait is None:
                    raise
                self.on_event(Message(f"{error.message}; trying again", warning=True))
                time.sleep(wait)
            if over or (until is not None and time.monotonic() >= until):
                return

    def _follow(self, run: runs.RunFolder, follow: bool, until: float | None) -> Iterator[bytes]:
        at = run.log.stat().st_size if run.log.exists() else 0
        results, receipt = ssh_files.Unpacker(run), Receipt()
        asked = self.connection.frames("follow", receipt=receipt, run=run.id, at=at, follow=follow, fetch=True)
        for kind, data in asked:
            if kind == "L" and data:
                ssh_files.write_log(run, at, data)
                at += len(data)
                yield data
            elif kind == "T":
                results.feed(data)
            elif kind == "J":
                found = json.loads(data)
                results.close(found.get("sent", 0))
                self._note(run, found)
                self._arrived(run, found, receipt)
            if until is not None and time.monotonic() >= until:
                return

    def _bring_back(self, run: runs.RunFolder) -> list[Path]:
        """Fetch the results of an ended run, once; the files that came."""
        if self.has_files(run) or not run.state()[0].is_final:
            return []
        results, receipt = ssh_files.Unpacker(run), Receipt()
        for kind, data in self.connection.frames("fetch", receipt=receipt, run=run.id):
            if kind == "T":
                results.feed(data)
            elif kind == "J":
                found = json.loads(data)
                results.close(found["sent"])
                self._arrived(run, found, receipt)
        return results.files

    def _arrived(self, run: runs.RunFolder, found: Mapping[str, Any], receipt: Receipt) -> None:
        """The results are here: nothing of the run has to stay there."""
        if found["state"] in ("ended", "lost", "absent"):
            (run.private / ssh_files.FETCHED).touch()
            receipt.give()

    def cancel(self, run: runs.RunFolder, reason: str) -> RunStatus:
        """End the script and all that it started there."""
        if run.state()[0].is_final:
            return run.state()[0]
        submitting = self._submitting(run)
        if not submitting:
            # The mark comes after the deed: a machine that can't be reached has cancelled nothing.
            found = self.connection.call("cancel", run=run.id, reason=reason)
        with os_errors("write the run's record"):
            run.write_part("cancel", {"cancel": {"at": runs.now(), "reason": reason}})
        if submitting:
            return run.state()[0]  # its submitter sees the mark before it starts the script
        self._note(run, found)
        return self.status(run)

    def metrics(self, run: runs.RunFolder) -> dict[str, float]:
        """From the run's own MLflow store, which comes back with the results."""
        return metrics.metrics(self.project, run.id)

    def download(self, run: runs.RunFolder) -> list[Path]:
        """Bring the results back: of an ended run once, of a running one as they are now."""
        if not run.state()[0].is_final:
            self.status(run)
        return self._bring_back(run)

    def has_files(self, run: runs.RunFolder) -> bool:
        """Whether the results have come back."""
        return (run.private / ssh_files.FETCHED).exists()

    def tag(self, run: runs.RunFolder, tags: Mapping[str, str]) -> None:
        """MLflow's database gets them the next time."""
        mlflow_db.changed(run)

    def why_waiting(self, run: runs.RunFolder) -> str:
        """Nothing is queued here."""
        return ""

    def release(self, run: runs.RunFolder) -> None:
        """Nothing is kept."""

    def _command(self, job: Job) -> CommandJob:
        job = read_spark.as_script(job) if isinstance(job, SparkJob) else job
        if not isinstance(job, CommandJob):
            raise AmlError(f"a {job.type} job can't run on {self.location}", hint="Submit it with --ct local.")
        return job
