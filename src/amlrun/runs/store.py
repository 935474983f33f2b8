"""The run folder: its record, kept in small parts, and its state, inferred and never written down as truth.

`runs/<run id>/` is the script's working directory. `.run/` in it holds the parts, each written whole by one
process and replaced atomically: `submit` (who, what), `prepared` (environment), `process` (pids), `cancel`,
`exit` (code, end) and `tags`. `run.json` is the view of them that v1's tools read. A part that is missing or
torn takes nothing from the others, so `kill -9` at any moment leaves a run that can be told right.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from amlrun.errors import AmlError, os_error
from amlrun.runs.files import replace_json as replace_json
from amlrun.runs.files import replace_text as replace_text

PARTS = ("submit", "prepared", "process", "cancel", "exit", "tags")
FINAL = ("Completed", "Failed", "Canceled")
# A process may be seen as a little older or younger than its record says: clocks are adjusted.
_CLOCK_SLACK = 5.0
_EXPERIMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")


class Run(NamedTuple):
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

    def part(self, name: str) -> dict[str, Any]:
        """One part of the record; empty when it is missing or unreadable."""
        try:
            value = json.loads((self.private / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}

    def write_part(self, name: str, value: dict[str, Any]) -> None:
        """Write one part, then the view. A full disk raises OSError; the old part is still whole then."""
        replace_json(self.private / f"{name}.json", value)
        self.write_view()

    def write_view(self) -> None:
        replace_json(self.json_file, self.record())

    def record(self) -> dict[str, Any]:
        """The record as v1's run.json names it (reference: run-history record, snake_case), with the state of now."""
        merged: dict[str, Any] = {}
        for name in PARTS:
            part = self.part(name)
            for key in ("tags", "properties"):
                if isinstance(part.get(key), dict) and isinstance(merged.get(key), dict):
                    part[key] = {**merged[key], **part[key]}
            merged.update(part)
        if "run_id" not in merged:
            merged |= {"run_id": self.id, "error": {"message": "the run's record is missing or damaged"}}
        status, why = self.state()
        merged["status"] = status
        if why:
            merged["error"] = {"message": why}
        return {key: value for key, value in merged.items() if not key.startswith("_") or key == "_experiment_name"}

    def finished_view(self) -> dict[str, Any] | None:
        """`run.json` itself when it says that the run has ended: one read instead of six."""
        try:
            view = json.loads(self.json_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if isinstance(view, dict) and view.get("status") in FINAL and "end_time_utc" in view:
            return view
        return None

    def state(self) -> tuple[str, str]:
        """The state in v1's names, and why it failed when nobody lived to write that down."""
        ended = self.part("exit")
        cancelled = (self.private / "cancel.json").exists()
        if "exit_code" in ended:
            if cancelled:
                return "Canceled", ""
            return ("Completed" if ended["exit_code"] == 0 else "Failed"), ""
        submitted = self.part("submit")
        if submitted.get("remote"):
            seen = self.part("process").get("status")
            if seen:
                return str(seen), ""
            if alive(self.part("pending").get("process") or submitted.get("_submitter")):
                return "Preparing", ""
            return "Failed", "interrupted while it was being submitted: the same command goes on with it"
        if submitted.get("host", host()) != host():
            return "NotResponding", f"started on {submitted['host']}: its processes cannot be seen from here"
        process = self.part("process")
        if any(alive(process.get(who)) for who in ("_supervisor", "_script")):
            return "Running", ""
        if process:
            if cancelled:
                return "Canceled", ""
            # The supervisor may have written its last word while its pid was being looked up.
            if "exit_code" in self.part("exit"):
                return self.state()
            return "Failed", "interrupted: the run's processes are gone and left no exit code"
        if alive(submitted.get("_submitter")):
            return "Preparing", ""
        if self.part("process"):
            return self.state()
        return ("Canceled", "") if cancelled else ("Failed", "interrupted before the script was started")


def host() -> str:
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


def now() -> str:
    """UTC as v1 writes it: 2026-01-01T12:00:00.000Z."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(utc: str) -> int:
    """A time that `now` wrote, as milliseconds since 1970."""
    return round(datetime.fromisoformat(utc.replace("Z", "+00:00")).timestamp() * 1000)


def this_process(pid: int | None = None) -> dict[str, Any]:
    """How a part names a process: its pid, and when that was written, for pids are used again."""
    return {"pid": os.getpid() if pid is None else pid, "seen": time.time()}


def alive(process: Any) -> bool:
    """Whether a process named by `this_process` still runs (and is not a newer one with the same pid)."""
    if not isinstance(process, dict) or not isinstance(process.get("pid"), int):
        return False
    if process["pid"] == os.getpid():
        return True
    import psutil  # not there in the supervisor, which only ever asks about itself

    try:
        found = psutil.Process(process["pid"])
        if found.create_time() > float(process.get("seen", 0)) + _CLOCK_SLACK:
            return False
        return bool(found.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def check_experiment(name: str) -> str:
    """The name if Azure ML would take it as an experiment's (1 to 255 of letters, digits, `_`, `-`)."""
    if not _EXPERIMENT.fullmatch(name):
        raise AmlError(
            f"-e: {name!r} can't be an experiment's name",
            hint="Start with a letter or digit; then letters, digits, '-' and '_', at most 255.",
        )
    return name


def new_id(experiment: str) -> str:
    """A run id as v1 makes them: `<experiment>_<unix seconds>_<8 hex>`."""
    return f"{experiment}_{int(time.time())}_{os.urandom(4).hex()}"


def create(runs: Path, run_id: str, submit: dict[str, Any]) -> Run:
    """Make a run's folder and its first record. `submit` gives what is known; ids and times are added.

    Raises AmlError when the folder cannot be written or is there already.
    """
    run = Run(runs / run_id)
    part = {
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
        **submit,
    }
    try:
        run.private.mkdir(parents=True)
        for folder in ("outputs", "logs", "user_logs"):
            (run.folder / folder).mkdir()
        # Room for the last words: freed by the supervisor when the disk is full.
        (run.private / "reserve").write_bytes(b"\0" * 65536)
        run.write_part("submit", part)
    except FileExistsError as error:
        raise AmlError(f"there is a run {run_id} already", file=run.folder) from error
    except OSError as error:
        import shutil

        shutil.rmtree(run.folder, ignore_errors=True)
        raise os_error(error, f"make the run's folder {run.folder}") from error
    if "parent_run_id" not in submit:
        _point_latest(runs, run_id)
    return run


def _point_latest(runs: Path, run_id: str) -> None:
    """`runs/latest` is a file that names the newest run: a symlink is refused on many Windows machines."""
    with suppress(OSError):
        replace_text(runs / "latest", run_id + "\n")


def listing(runs: Path) -> list[Run]:
    """All runs, newest first. Folders without a `.run` are somebody else's and left out."""
    found = []
    try:
        entries = list(os.scandir(runs))
    except OSError:
        return []
    for entry in entries:
        try:
            born = os.stat(f"{entry.path}/.run/submit.json").st_mtime_ns  # noqa: PTH116 - thousands of them
        except OSError:
            private = Path(entry.path, ".run")
            if not private.is_dir():
                continue
            born = private.stat().st_mtime_ns
        found.append((born, entry.name))
    return [Run(runs / name) for _, name in sorted(found, reverse=True)]


def records(runs: Path) -> Iterator[dict[str, Any]]:
    """The records of all runs, newest first; one damaged record does not hide the others."""
    for run in listing(runs):
        yield run.finished_view() or run.record()


def find(runs: Path, run_id: str) -> Run:
    """The run with that id; `latest` is the newest. Raises AmlError naming the nearest ids otherwise."""
    if run_id == "latest":
        # A sweep, not the last of its trials.
        for known in listing(runs):
            if not known.part("submit").get("parent_run_id"):
                return known
        raise AmlError("there are no runs yet", hint="Submit one: aml run submit-script -c train-local -e first")
    run = Run(runs / run_id)
    # An id is one folder's name, never a path out of runs/.
    if Path(run_id).name == run_id and run_id not in ("", ".", "..") and run.private.is_dir():
        return run
    import difflib

    names = [known.id for known in listing(runs)]
    near = difflib.get_close_matches(run_id, names, 3) or names[:3]
    hint = "The newest are: " + ", ".join(near) if near else "There are no runs yet."
    raise AmlError(f"no run {run_id!r} in {runs}", hint=f"{hint}\n`aml run list` shows them.")
