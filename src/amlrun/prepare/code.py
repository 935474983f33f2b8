"""The checks of a job's code that need no target: its folder and script are there, and the snapshot has the script."""

from __future__ import annotations

from pathlib import Path

from amlrun.errors import AmlError
from amlrun.prepare import snapshot
from amlrun.prepare.snapshot import Snapshot
from amlrun.spec.job import CommandJob


def folder(job: CommandJob) -> Path:
    """The folder of a job's code; the current one where the job names none."""
    code = job.code or Path.cwd()
    return code.parent if code.is_file() else code


def find(job: CommandJob) -> Path:
    """The job's code folder. Raises AmlError when it, the script or the command is missing."""
    code = folder(job)
    if not code.is_dir():
        raise AmlError("there is no such folder", file=code, hint="Check --source-directory and --path.")
    if job.script and not (code / job.script).is_file():
        raise AmlError(
            f"script: there is no {job.script} in {code}",
            hint="The script's path is relative to --source-directory, else to --path (default: this folder).",
        )
    if not job.command:
        raise AmlError("there is no script to run", hint="Name it in the run configuration (`script:`) or after -c.")
    return code


def build_snapshot(job: CommandJob, code: Path, *, runs: Path, limits: bool, exclude: Path | None) -> Snapshot:
    """The snapshot of the code folder, with the script in it: one that is left out would fail here and in the cloud.

    `exclude` is a file that is left out. Raises AmlError.
    """
    root = job.code if job.code is not None and job.code.is_file() else code
    files = snapshot.build_snapshot(root, runs=runs, limits=limits, for_run=True)
    if exclude is not None:
        files.files = [item for item in files.files if files.root / item[0] != exclude.absolute()]
    script = Path(job.script).as_posix() if job.script else None
    if script and ".." not in script and script not in {path for path, _ in files.files}:
        raise AmlError(
            f"script: {job.script} is excluded by an ignore file", file=files.root,
            hint="Remove it from .amlignore (or .gitignore where there is no .amlignore).",
        )  # fmt: skip
    return files
