"""Every step of every command meets every fault, for ever and then no more.

After each: the command has ended with a message that names the call and the cause, the job exists at most once, the
record tells the truth, and the same command again takes the run up. By default each step meets a third of the faults
(a sweep's a sixth, or one); AML_ALL_FAULTS=1 runs the whole matrix (README.md in this folder).
"""

from __future__ import annotations

import os
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from standin import pipeline_project, sweep_project
from standin.exchange import Fault
from standin.project import Cloud
from standin.world import Ended, World

KINDS = ("429", "500", "503", "401", "403", "404", "409", "reset", "reset-after", "cut", "not-json", "black-hole")
KINDS += ("dribble",)
# What the message must say of each fault, as a pattern.
CAUSE = {
    "reset": "reset|closed|cut off|refused|proxy",
    "reset-after": "reset|closed|cut off|refused|proxy",
    "cut": "cut off|JSON|Incomplete|Connection broken",
    "not-json": "JSON|does not come from the service|is missing|returned no",
    "black-hole": "no response|in time",
    "dribble": "response was incomplete",
}
# Step → where it is met. WS is the workspace's name, TENANT the case's own tenant.
SUBMIT = {
    "sign-in": "POST login.microsoftonline.com/TENANT/oauth2",
    "look for the snapshot": "GET management.*/WS/codes/",
    "upload location for the snapshot": "POST management.*/WS/codes/.*startPendingUpload",
    "upload": "PUT .*blob.core.*/WS-blobstore-",
    "register the snapshot": "PUT management.*/WS/codes/",
    "environment": "PUT management.*/WS/environments/",
    "create": "PUT management.*/WS/jobs/",
}
WATCH = {
    "details": "GET .*/history/.*/WS/runs/.*/details",
    "log": "GET .*blob.core.*/WS-artifacts/.*std_log",
    "status": "GET management.*/WS/jobs/",
}
FETCH = {
    "datastore": "GET management.*/WS/datastores/",
    "signature": "POST management.*/WS/datastores/.*listSecrets",
    "list": "GET .*blob.core.*/WS-artifacts[?]",
    "download": "GET .*blob.core.*/WS-artifacts/.*model.txt",
}
REGISTER = {"model": "PUT management.*/WS/models/"}
CANCEL = {"cancel": "POST management.*/WS/jobs/.*/cancel"}
COMPUTE = {"compute": "PUT management.*/WS/computes/"}
SWEEP_SUBMIT = {f"sweep: {step}": SUBMIT[step] for step in ("look for the snapshot", "upload", "create")}
SWEEP_WATCH = {
    "sweep: state": WATCH["status"],
    "sweep: experiment": "GET .*/WS/.*experiments/get-by-name",
    "sweep: trials": "POST .*/WS/.*runs/search",
    "sweep: reports": "GET .*/WS/.*metrics/get-history",
}
PIPELINE_SUBMIT = {
    "pipeline: upload": SUBMIT["upload"],
    "pipeline: environment": SUBMIT["environment"],
    "pipeline: component": "PUT management.*/WS/components/",
    "pipeline: create": SUBMIT["create"],
}
PIPELINE_WATCH = {
    "pipeline: state": WATCH["status"],
    "pipeline: steps": "GET .*/history/.*/WS/runs/.*/children",
}
STEPS = {**SUBMIT, **WATCH, **FETCH, **REGISTER, **CANCEL, **COMPUTE, **SWEEP_SUBMIT, **SWEEP_WATCH,
         **PIPELINE_SUBMIT, **PIPELINE_WATCH}  # fmt: skip
ALL = bool(os.environ.get("AML_ALL_FAULTS"))


def chosen(step: str) -> list[str]:
    """The faults a step meets: all, or a third that moves on from step to step, so that each kind is met."""
    if ALL:
        return list(KINDS)
    at = list(STEPS).index(step)
    # A sweep or a pipeline takes longer than the rest, and goes the same way for the most part.
    slow, long = {**SWEEP_WATCH, **PIPELINE_WATCH}, {**SWEEP_SUBMIT, **PIPELINE_SUBMIT}
    every = len(KINDS) if step in slow else 6 if step in long else 3
    return list(KINDS[at % every :: every])


SUBMITTING = ("run", "submit-script", "-c", "train", "-e", "exp", "-t", "run.json")


class Case:
    """One fault at one step."""

    def __init__(self, world: World, folder: Path, step: str, kind: str) -> None:
        self.world, self.step, self.kind = world, step, kind
        self.sweeps = step.startswith("sweep: ")
        self.pipelines = step.startswith("pipeline: ")
        make = sweep_project.project if self.sweeps else pipeline_project.project if self.pipelines else Cloud
        self.cloud = make(world, folder / re.sub(r"\W+", "_", f"{step}-{kind}"))
        own = sweep_project.WORDS if self.sweeps else pipeline_project.WORDS
        self.submitting = own if self.sweeps or self.pipelines else SUBMITTING
        # What a submit prints at its good end.
        self.whole = "Best score: 0.675 with x=0.9" if self.sweeps else "done"
        if self.pipelines:
            self.whole = "register: completed"
        self.tenant = str(uuid.uuid4())
        world.plane.tenants.add(self.tenant)
        self.problems: list[str] = []
        self.what = f"{kind} at {step}"

    def check(self, right: bool, why: str, done: Ended) -> None:
        if not right:
            self.problems.append(f"{self.what}: {why}\n{done.text[-1500:]}")

    def aml(self, *words: str, deadline: float = 60) -> Ended:
        return self.cloud.aml(*words, AML_AZURE_DEADLINE=str(deadline), AZURE_TENANT_ID=self.tenant)

    def faulty(self, *words: str) -> tuple[Ended, int]:
        """Run a command while the fault is there."""
        pattern = STEPS[self.step].replace("WS", self.cloud.workspace.name).replace("TENANT", self.tenant)
        retry = "1" if self.kind == "429" else None
        fault = self.world.network.add(Fault(pattern, self.kind, retry_after=retry))
        try:
            return self.aml(*words, deadline=10), fault.hits
        finally:
            self.world.network.remove(fault)

    def told(self, done: Ended, hits: int) -> None:
        """The fault was met, and the command either coped or said what and why."""
        self.check(hits > 0, "the fault was never met", done)
        self.check(done.code in (0, 3), f"exit code {done.code}", done)
        self.check("Traceback" not in done.text, "a traceback", done)
        if done.code == 3:
            cause = CAUSE.get(self.kind, self.kind)
            self.check(re.search(cause, done.err) is not None, f"the cause ({cause}) is not named", done)
            self.check("could not " in done.err, "the call is not named", done)

    def run(self) -> None:
        if self.step in {**SUBMIT, **SWEEP_SUBMIT, **PIPELINE_SUBMIT}:
            self._submit()
        elif self.step in {**WATCH, **SWEEP_WATCH, **PIPELINE_WATCH}:
            self._watch()
        else:
            self._after()

    def _once(self, done: Ended) -> None:
        jobs = {name: job for name, job in self.cloud.workspace.jobs.items() if "parentJobName" not in job.said}
        self.check(len(jobs) <= 1, f"{len(jobs)} jobs", done)
        self.check(all(job.starts <= 1 for job in jobs.values()), "a job was started twice", done)

    def _submit(self) -> None:
        # Its trials are not what this is about.
        self.cloud.workspace.runs_jobs = not (self.sweeps or self.pipelines)
        done, hits = self.faulty(*self.submitting, "--async")
        self.told(done, hits)
        self._once(done)
        record = self.cloud.run()
        there = record["run_id"] in self.cloud.workspace.jobs
        self.check(there or record["status"] == "Failed", f"the record says {record['status']}", done)
        self.check(not there or record["status"] != "Failed", "the record denies the job", done)
        if done.code == 0:
            return
        again = self.aml(*self.submitting, "--async")
        self.check(again.code == 0, "the second command failed too", again)
        self.check(self.cloud.run()["run_id"] == record["run_id"], "the second command made another run", again)
        self.check(self.cloud.run()["status"] != "Failed", "the record still says Failed", again)
        self._once(again)

    def _watch(self) -> None:
        done, hits = self.faulty(*self.submitting)
        self.told(done, hits)
        self._once(done)
        run_id = self.cloud.run()["run_id"]
        self.cloud.finish()
        if done.code == 0:
            told = self.whole in done.out or "The log could not be read" in done.out
            self.check(told, "the log is not whole, and nothing says so", done)
            return
        self.check(f"aml run monitor-logs -r {run_id}" in done.err, "it does not say how to go on", done)
        again = self.aml(*self.submitting)
        self.check(again.code == 0 and self.whole in again.out, "the second command did not finish the job", again)
        self.check(self.cloud.run()["run_id"] == run_id, "the second command made another run", again)
        self.check(self.cloud.run()["status"] == "Completed", "the record is behind", again)
        self._once(again)

    def _after(self) -> None:
        slow = ("train.py", "--sleep", "120") if self.step == "cancel" else ()
        made = self.aml(*self.submitting, "--async", *slow)
        self.check(made.code == 0, "the submit failed", made)
        if self.step != "cancel":
            self.cloud.finish()
        words = {
            "model": ("model", "register", "-n", "m", "-f", "run.json", "--asset-path", "outputs/model.txt"),
            "cancel": ("run", "cancel", "-r", "run.json"),
            "compute": (
                "computetarget",
                "create",
                "amlcompute",
                "-n",
                "c",
                "-s",
                "Standard_DS2_v2",
                "--max-nodes",
                "1",
            ),
        }.get(self.step, ("run", "download-logs", "-r", "run.json", "-d", "out"))
        done, hits = self.faulty(*words)
        self.told(done, hits)
        self._once(done)
        again = self.aml(*words)
        self.check(again.code == 0, "the second command failed too", again)
        if self.step in FETCH:
            fetched = self.cloud.path / "runs" / self.cloud.run()["run_id"] / "outputs" / "model.txt"
            self.check(fetched.is_file() and fetched.read_text() == "a model\n", "the file is not whole", again)
            self.check(not list(fetched.parent.glob("*.part*")), "a part was left behind", again)
        if self.step == "cancel":
            self.cloud.finish()
            ended = {job.status for job in self.cloud.workspace.jobs.values()}
            self.check(ended == {"Canceled"}, f"the job is {ended}", again)
        if self.step == "model":
            self.check(bool(self.cloud.workspace.assets["models"]["m"]), "no model", again)
        if self.step == "compute":
            self.check("c" in self.cloud.workspace.computes, "no compute", again)
        self._once(again)


@pytest.mark.parametrize("step", STEPS)
def test_faults(world: World, tmp_path: Path, step: str) -> None:
    cases = [Case(world, tmp_path, step, kind) for kind in chosen(step)]
    with ThreadPoolExecutor(4) as pool:
        # A command that hangs raises TimeoutExpired here.
        list(pool.map(Case.run, cases))
    problems = [problem for case in cases for problem in case.problems]
    assert not problems, "\n\n".join(problems)


def test_the_whole_matrix_is_large_enough() -> None:
    assert len(STEPS) * len(KINDS) >= 60
    assert {kind for step in STEPS for kind in chosen(step)} == set(KINDS)


@pytest.mark.parametrize("kind", ["429", "500", "503", "reset", "reset-after"])
def test_a_fault_that_passes_is_not_noticed(world: World, tmp_path: Path, kind: str) -> None:
    """Once at every idempotent step of a submit: the retry gets through, one job is made."""
    cloud = Cloud(world, tmp_path / "project")
    name = cloud.workspace.name
    steps = [step for step in SUBMIT if step != "sign-in" and not ("upload location" in step and "reset" in kind)]
    faults = [
        world.network.add(Fault(SUBMIT[step].replace("WS", name), kind, times=1, retry_after="0")) for step in steps
    ]
    try:
        done = cloud.submit()
    finally:
        for fault in faults:
            world.network.remove(fault)
    assert done.code == 0, done.text
    assert [fault.hits for fault in faults] == [1] * len(faults)
    assert len(cloud.workspace.jobs) == 1
    assert all(job.starts == 1 for job in cloud.workspace.jobs.values())


def test_a_wait_that_is_longer_than_the_deadline_is_not_waited(cloud: Cloud) -> None:
    pattern = f"GET management.*/{cloud.workspace.name}/codes/"
    fault = cloud.world.network.add(Fault(pattern, "429", retry_after="3600"))
    try:
        done = cloud.submit("--async")
    finally:
        cloud.world.network.remove(fault)
    assert done.code == 3
    assert "429" in done.err and "3600 s" in done.err


def test_another_host_is_refused_and_noted(world: World, tmp_path: Path) -> None:
    import subprocess
    import sys

    code = "import requests; requests.get('https://example.com', timeout=5)"
    done = subprocess.run([sys.executable, "-c", code], env=world.environment(), capture_output=True, check=False)
    assert done.returncode != 0
    assert world.network.refused.pop() == "example.com:443"
