"""The run folder: its record, kept in small parts, and its state, inferred and never written down as truth.

`runs/<run id>/` is the script's working directory. `.run/` in it holds the parts, each written whole by one
process and replaced atomically: `submit` (who, what), `prepared` (environment), `process` (pids), `cancel`,
`exit` (code, end) and `tags`. `run.json` is the view of them that v1's tools read. A part that is missing or
torn takes nothing from the others, so `kill -9` at any moment leaves a run that can be told right.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast, overload

from amlrun.errors import AmlError, did_you_mean, os_error
from amlrun.runs import record as parts
from amlrun.runs.files import make_ignored, read_json
from amlrun.runs.files import replace_json as replace_json
from amlrun.runs.files import replace_text as replace_text
from amlrun.runs.process import alive as alive
from amlrun.runs.process import host as host
from amlrun.runs.process import this_process as this_process
from amlrun.runs.record import RunRecord
from amlrun.runs.status import FINAL as FINAL
from amlrun.runs.status import RunStatus
from amlrun.runs.times import milliseconds as milliseconds
from amlrun.runs.times import now as now
from amlrun.runs.times import seconds_between as seconds_between

PARTS = ("submit", "prepared", "process", "cancel", "exit", "tags")
_JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_EXPERIMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")


class RunFolder(NamedTuple):
    """One run: its folder, and what can be read from it."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def private(self) -> Path:
        return self.folder / ".run"

    @property
    def log(self) -> Path:
        """The script's output, both streams."""
        return self.folder / "user_logs" / "std_log.txt"

    @property
    def json_file(self) -> Path:
        return self.private / "run.json"

    @overload
    def part(self, name: Literal["submit"]) -> parts.SubmitPart: ...
    @overload
    def part(self, name: Literal["prepared"]) -> parts.PreparedPart: ...
    @overload
    def part(self, name: Literal["process"]) -> parts.ProcessPart: ...
    @overload
    def part(self, name: Literal["cancel"]) -> parts.CancelPart: ...
    @overload
    def part(self, name: Literal["exit"]) -> parts.ExitPart: ...
    @overload
    def part(self, name: Literal["tags"]) -> parts.TagsPart: ...
    @overload
    def part(self, name: Literal["pending"]) -> parts.PendingPart: ...
    @overload
    def part(self, name: Literal["batch"]) -> parts.BatchPart: ...
    def part(self, name: str) -> Any:
        """One part of the record; empty when it is missing or unreadable."""
        return read_json(self.private / f"{name}.json")

    def write_part(self, name: str, value: Mapping[str, object]) -> None:
        """Write one part, then the view. A full disk raises OSError; the old part is still whole then."""
        replace_json(self.private / f"{name}.json", value)
        self.write_view()

    def write_view(self) -> None:
        replace_json(self.json_file, self.record())

    def record(self) -> RunRecord:
        """The record as v1's run.json names it (reference: run-history record, snake_case), with the state of now."""
        merged: dict[str, Any] = {}
        for name in PARTS:
            part = read_json(self.private / f"{name}.json")
            for key in ("tags", "properties"):
                if isinstance(part.get(key), dict) and isinstance(merged.get(key), dict):
                    part[key] = {**merged[key], **part[key]}
            merged.update(part)
        if "run_id" not in merged:
            merged |= {"run_id": self.id, "error": {"message": "the run's record is missing or damaged"}}
        status, why = self.state()
        merged["status"] = status.value
        if why:
            merged["error"] = {"message": why}
        shown = {key: value for key, value in merged.items() if not key.startswith("_") or key == "_experiment_name"}
        return cast(RunRecord, shown)

    def finished_view(self) -> RunRecord | None:
        """`run.json` itself when it says that the run has ended: one read instead of six."""
        view = read_json(self.private / "run.json")
        return cast(RunRecord, view) if view.get("status") in FINAL and "end_time_utc" in view else None

    def state(self) -> tuple[RunStatus, str]:
        """The state, and why it failed when no process lived to write that down."""
        ended = self.part("exit")
        cancelled = (self.private / "cancel.json").exists()
        if "exit_code" in ended:
            if cancelled:
                return RunStatus.CANCELED, ""
            return (RunStatus.COMPLETED if ended["exit_code"] == 0 else RunStatus.FAILED), ""
        submitted = self.part("submit")
        if submitted.get("remote") or submitted.get("_machine"):
            return self._last_seen(submitted)
        if submitted.get("host", host()) != host():
            return RunStatus.NOT_RESPONDING, f"started on {submitted['host']}: its processes are not visible from here"
        process = self.part("process")
        if alive(process.get("_supervisor")) or alive(process.get("_script")):
            return RunStatus.RUNNING, ""
        if process:
            if cancelled:
                return RunStatus.CANCELED, ""
            # The supervisor may have written how it ended while its pid was being looked up.
            if "exit_code" in self.part("exit"):
                return self.state()
            if submitted.get("_engine"):
                return RunStatus.NOT_RESPONDING, "its supervisor has exited; `aml run show` asks the container engine"
            return RunStatus.FAILED, "interrupted: the run's processes ended without an exit code"
        if alive(submitted.get("_submitter")):
            return RunStatus.PREPARING, ""
        if self.part("process"):
            return self.state()
        never = RunStatus.FAILED, "interrupted before the script was started"
        return (RunStatus.CANCELED, "") if cancelled else never

    def _last_seen(self, submitted: parts.SubmitPart) -> tuple[RunStatus, str]:
        """The state of a remote run, as the service said last."""
        seen = self.part("process").get("status")
        if seen:
            return RunStatus.of(seen), ""
        if alive(self.part("pending").get("process") or submitted.get("_submitter")):
            return RunStatus.PREPARING, ""
        if submitted.get("_machine"):
            return RunStatus.NOT_RESPONDING, "its submit was interrupted; `aml run show` asks its machine"
        return RunStatus.FAILED, "submission interrupted; re-run the same command to resume"


def check_experiment(name: str, field: str = "-e", file: Path | None = None, line: int | None = None) -> str:
    """The name if Azure ML would take it as an experiment's. Raises AmlError that blames `field` (a flag or a key)."""
    if not _EXPERIMENT.fullmatch(name):
        raise AmlError(
            f"{name!r} is not a valid experiment name", field=field, file=file, line=line,
            hint="Start with a letter or digit; then letters, digits, '-' and '_', at most 255.",
        )  # fmt: skip
    return name


def new_id(experiment: str, name: str | None = None) -> str:
    """The id of a new run: the job's own `name`, else as v1 makes them, `<experiment>_<unix seconds>_<8 hex>`.

    Raises AmlError for a name that Azure ML would refuse.
    """
    return check_id(name) if name else f"{experiment}_{int(time.time())}_{os.urandom(4).hex()}"


def check_id(name: str, file: Path | None = None, line: int | None = None) -> str:
    """The name if Azure ML would take it as a job's. Raises AmlError."""
    if not _JOB_NAME.fullmatch(name):
        raise AmlError(
            f"{name!r} is not a valid job name", field="name", file=file, line=line,
            hint="Start with a letter or digit; then letters, digits, '-', '_' and '.', at most 255.",
        )  # fmt: skip
    return name


def create(runs: Path, run_id: str, submit: parts.SubmitPart) -> RunFolder:
    """Make a run's folder and its first record: ids and times, and what `submit` says. Raises AmlError.

    A `created_utc` in `submit` means a run that was made earlier, elsewhere: it is not `latest`, and is listed by it.
    """
    run = RunFolder(runs / run_id)
    made = RunFolder(runs / f".{run_id}-{os.urandom(4).hex()}")
    first: parts.SubmitPart = {
        "run_id": run_id,
        "root_run_id": submit.get("parent_run_id", run_id),
        "data_container_id": f"dcid.{run_id}",
        "created_utc": now(),
        "hidden": False,
        "run_type": "azureml.scriptrun",
        "properties": {},
        "tags": {},
        "warnings": [],
        "host": host(),
        "_submitter": this_process(),
    }
    try:
        make_ignored(runs)
        # It appears whole: others look at `runs/` meanwhile, and a trial without a record would be the latest run.
        made.private.mkdir(parents=True)
        for folder in ("outputs", "logs", "user_logs"):
            (made.folder / folder).mkdir()
        # A spare block, freed by the supervisor when the disk is full, so that the end can still be recorded.
        (made.private / "reserve").write_bytes(b"\0" * 65536)
        replace_json(made.private / "submit.json", {**first, **submit})
        if "created_utc" in submit:
            _date(made.private / "submit.json", submit["created_utc"])
        try:
            made.folder.rename(run.folder)
        except OSError as error:
            if run.folder.exists():
                raise FileExistsError(run.folder) from error
            raise
        made = run
        run.write_view()
    except FileExistsError as error:
        shutil.rmtree(made.folder, ignore_errors=True)
        hint = "Give the job another `name:`, or none."
        raise AmlError(f"run {run_id} already exists", file=run.folder, hint=hint) from error
    except BaseException as error:
        shutil.rmtree(made.folder, ignore_errors=True)  # half of one would be listed as damaged
        if isinstance(error, OSError):
            raise os_error(error, f"make {run.folder}") from error
        raise
    if "parent_run_id" not in submit and "created_utc" not in submit:
        _point_latest(runs, run_id)
    return run


def _date(file: Path, created: str) -> None:
    """Give a file the time of the run, by which `list_runs` sorts; a time that cannot be read leaves it as new."""
    try:
        # Python 3.10 reads neither `Z` nor the service's seven digits of a second.
        at = datetime.strptime(created[:19] + "+0000", "%Y-%m-%dT%H:%M:%S%z").timestamp()
    except ValueError:
        return
    os.utime(file, (at, at))


def _point_latest(runs: Path, run_id: str) -> None:
    """`runs/latest` is a file that names the newest run: a symlink is refused on many Windows machines."""
    with suppress(OSError):
        replace_text(runs / "latest", run_id + "\n")


def list_runs(runs: Path) -> list[RunFolder]:
    """All runs, newest first. Folders without a `.run` are somebody else's and left out."""
    found = []
    try:
        entries = list(os.scandir(runs))
    except OSError:
        return []
    for entry in entries:
        if entry.name.startswith("."):  # it is being made
            continue
        try:
            born = os.stat(f"{entry.path}/.run/submit.json").st_mtime_ns  # noqa: PTH116 - thousands of them
        except OSError:
            private = Path(entry.path, ".run")
            if not private.is_dir():
                continue
            born = private.stat().st_mtime_ns
        found.append((born, entry.name))
    return [RunFolder(runs / name) for _, name in sorted(found, reverse=True)]


def records(runs: Path) -> Iterator[RunRecord]:
    """The records of all runs, newest first; one damaged record does not hide the others."""
    for run in list_runs(runs):
        yield run.finished_view() or run.record()


def find(runs: Path, run_id: str) -> RunFolder:
    """The run with that id; `latest` is the newest. Raises AmlError naming the nearest ids otherwise."""
    if run_id == "latest":
        # A sweep, not the last of its trials.
        for known in list_runs(runs):
            if not known.part("submit").get("parent_run_id"):
                return known
        hint = "Submit one: aml run submit-script -c train-local -e first\nIn another project? Add --path FOLDER."
        raise AmlError("there are no runs yet", file=runs, hint=hint)
    run = RunFolder(runs / run_id)
    # An id is one folder's name, never a path out of runs/.
    if Path(run_id).name == run_id and run_id not in ("", ".", "..") and run.private.is_dir():
        return run
    names = [known.id for known in list_runs(runs)]
    hint = "The newest are: " + ", ".join(names[:3]) if names else "There are no runs yet."
    raise AmlError(
        f"no run {run_id!r} in {runs}{did_you_mean(run_id, names)}", hint=f"{hint}\n`aml run list` shows them."
    )
