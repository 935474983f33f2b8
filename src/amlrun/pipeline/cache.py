"""Cached steps: which earlier run has a step's result, whether that still is what it was, and why a step runs again.

`runs/.pipeline/` has an entry for each key and for each step of each pipeline; what a step's run depended on and made
is in its own `.run/step.json`. Deleting the folder costs the reuse and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.pipeline import step_key
from amlrun.pipeline.hashing import FileHashes
from amlrun.pipeline.launcher import StepRun
from amlrun.pipeline.step_key import Parts
from amlrun.project import Project
from amlrun.runs.files import read_json, replace_json
from amlrun.runs.times import milliseconds

_CLOCK_SLACK_SECONDS = 2.0
ABSENT = "absent"


@dataclass
class Wanted:
    """A step that is about to run: its key and what it is made of; `outputs` by name with their type.

    `inputs` are the signatures of data from outside, `code` is what the code's folder is called in a reason.
    """

    step: str
    key: str
    parts: Parts
    shown: dict[str, str]
    outputs: dict[str, str]
    inputs: dict[str, str] = field(default_factory=dict)
    code: str = ""
    reusable: bool = True


@dataclass
class CacheLookup:
    """What the cache knows: a run that has the result, or is making it (`running`), or neither; and why."""

    run: StepRun | None = None
    running: bool = False
    reason: str = ""


class StepCache:
    """The cached steps of one project, seen from one pipeline's file."""

    def __init__(
        self, project: Project, pipeline: Path, hashes: FileHashes, find: Callable[[str], StepRun | None]
    ) -> None:
        self._folder = project.runs / ".pipeline"
        self._pipeline = pipeline.resolve().as_posix()
        self._hashes = hashes
        self._find = find

    def lock(self) -> Any:
        """Held while it is decided who makes a result, so that two pipelines do not make it twice."""
        from filelock import FileLock

        self._folder.mkdir(parents=True, exist_ok=True)
        return FileLock(str(self._folder / "lock"))

    def look(self, wanted: Wanted) -> CacheLookup:
        """The run whose result can be taken for `wanted`, or why there is none."""
        entry = read_json(self._entry(wanted.key))
        if not entry:
            return CacheLookup(reason=self._why(wanted))
        run = self._find(str(entry.get("run_id")))
        if run is None:
            return CacheLookup(reason="the run with its result was deleted")
        status = run.status()
        if not status.is_final:
            return CacheLookup(run, running=True)
        if status != "Completed":
            return CacheLookup(reason=f"its last run {'was cancelled' if status == 'Canceled' else 'failed'}")
        record = read_json(run.folder / ".run" / "step.json")
        if not record.get("reusable"):
            return CacheLookup(reason=str(record.get("why_not") or "its last result is not reusable"))
        wrong = self._verify(run, record, wanted)
        return CacheLookup(reason=wrong) if wrong else CacheLookup(run)

    def claim(self, wanted: Wanted, run_id: str) -> None:
        """Note that `run_id` makes the result. Called with the lock held, before the run is created. Raises OSError."""
        if wanted.reusable:
            _write(self._entry(wanted.key), {"run_id": run_id})
        _write(self._latest(wanted.step), {"run_id": run_id})

    def used(self, wanted: Wanted, run: StepRun) -> None:
        """Note that the step's result was taken from `run`: what changes is told from there. Raises OSError."""
        latest = self._latest(wanted.step)
        if read_json(latest).get("run_id") != run.id:
            _write(latest, {"run_id": run.id})

    def begin(self, wanted: Wanted, private: Path) -> None:
        """Write into a step's run what it depends on, before its script starts. Raises OSError."""
        record = {"step": wanted.step, "pipeline": self._pipeline, "key": wanted.key, "parts": wanted.parts,
                  "shown": wanted.shown, "reusable": wanted.reusable, "inputs": wanted.inputs}  # fmt: skip
        if not wanted.reusable:
            record["why_not"] = "its last run was not reusable"
        replace_json(private / "step.json", record)

    def finish(self, run: StepRun, outputs: dict[str, str], why_not: str = "") -> dict[str, str]:
        """Write what a completed step made; the digest of each output. `why_not` keeps it from being used again."""
        record = read_json(run.folder / ".run" / "step.json")
        found = {name: self._content(run.output(name)) for name in outputs}
        record["outputs"] = found
        if why_not:
            record |= {"reusable": False, "why_not": why_not}
        replace_json(run.folder / ".run" / "step.json", record)
        return {name: digest for name, (digest, _) in found.items()}

    def digests(self, run: StepRun) -> dict[str, str]:
        """The digest of each output of a step that has been finished or verified."""
        record = read_json(run.folder / ".run" / "step.json")
        return {name: str(digest) for name, (digest, _) in (record.get("outputs") or {}).items()}

    def changed(self, run: StepRun, output: str) -> bool:
        """Whether an output is not what its step had made, by size, time and inode."""
        made = read_json(run.folder / ".run" / "step.json").get("outputs") or {}
        signature = (made.get(output) or ("", ""))[1]
        place = run.output(output)
        return bool(signature != self._hashes.signature(place)) and (bool(signature) or place.exists())

    def _content(self, place: Path) -> tuple[str, str]:
        if not place.exists():
            return ABSENT, ""
        content = self._hashes.content(place)
        return content.digest, content.signature

    def _verify(self, run: StepRun, record: dict[str, Any], wanted: Wanted) -> str:
        """Why a completed run's outputs are not what they were; empty when they are."""
        made = record.get("outputs")
        if made is None:
            return self._take_over(run, record, wanted)
        for name in wanted.outputs:
            place = run.output(name)
            digest, signature = made.get(name) or (None, None)
            if digest is None:
                return f"its last run wrote no output {name}"
            if digest == ABSENT:
                if place.exists():
                    return f"its output {name} was modified afterwards"
                continue
            if signature == self._hashes.signature(place):
                continue
            if not place.exists():
                return f"its output {name} was deleted"
            content = self._hashes.content(place)
            if content.digest != digest:
                return f"its output {name} was modified afterwards"
            made[name] = [content.digest, content.signature]
            replace_json(run.folder / ".run" / "step.json", record)
        return ""

    def _take_over(self, run: StepRun, record: dict[str, Any], wanted: Wanted) -> str:
        """Take a result whose pipeline ended before it could be written down, if nobody has touched it since."""
        ended = 0.0
        with suppress(ValueError):  # it has none
            ended = milliseconds(str(run.record().get("end_time_utc"))) / 1000
        for name in wanted.outputs:
            place = run.output(name)
            for file in [place, *place.rglob("*")] if place.is_dir() else [place]:
                with suppress(OSError):
                    if file.stat().st_mtime > ended + _CLOCK_SLACK_SECONDS:
                        return f"its output {name} was modified afterwards"
        for name, signature in (record.get("inputs") or {}).items():
            if signature and wanted.inputs.get(name) != signature:
                return f"its input {name} was changed while it ran"
        self.finish(run, wanted.outputs)
        return ""

    def _why(self, wanted: Wanted) -> str:
        """What changed since this step of this pipeline ran last."""
        run = self._find(str(read_json(self._latest(wanted.step)).get("run_id", "")))
        if run is None:
            return "it has not run before"
        record = read_json(run.folder / ".run" / "step.json")
        parts = record.get("parts")
        if not isinstance(parts, dict):
            return "it has not run before"
        found = step_key.changes(parts, wanted.parts, record.get("shown") or {}, wanted.shown, wanted.code)
        status = str(run.status())
        if not found and status in ("Failed", "Canceled"):
            return f"its last run {'was cancelled' if status == 'Canceled' else 'failed'}"
        return found or "its last result is not reusable"

    def _entry(self, key: str) -> Path:
        return self._folder / "keys" / f"{key}.json"

    def _latest(self, step: str) -> Path:
        name = hashlib.sha256(f"{self._pipeline}\0{step}".encode()).hexdigest()
        return self._folder / "steps" / f"{name}.json"


def _write(file: Path, value: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_json(file, value)
