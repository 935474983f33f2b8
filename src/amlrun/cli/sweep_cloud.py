"""A sweep that runs in a workspace, for a person: watched, fetched, its trials listed, its best one found."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun import project as projects
from amlrun.cli.common import Context
from amlrun.errors import AmlError
from amlrun.project import Project
from amlrun.runs import store as runs

if TYPE_CHECKING:
    from amlrun.azure.client import Client
    from amlrun.sweep.driver import Outcome


class Silent:
    """The view of a command that only wants to know how a sweep is."""

    def line(self, text: str) -> None:
        """Pass over it."""

    def draw(self, sweep: Any, /) -> None:
        """Draw nothing."""


def follow(context: Context, project: Project, run: runs.Run, client: Client) -> int:
    """Show a sweep's trials until it has ended, then how it did. Returns the exit code."""
    from amlrun.cli.sweep_view import View
    from amlrun.errors import os_error
    from amlrun.sweep.remote import CloudSweep

    with View(context, run) as view:
        sweep = CloudSweep(client, project, run, view)
        if sweep.sealed:
            with contextlib.suppress(OSError):
                context.say(run.log.read_text(encoding="utf-8").rstrip("\n"))
            return _summary(context, run, sweep.outcome())
        try:
            # All of it is said again, from what the workspace knows.
            run.log.write_text("", encoding="utf-8")
            outcome = sweep.follow()
        except OSError as error:
            raise os_error(error, "write the sweep's results") from error
    return _summary(context, run, outcome)


def _summary(context: Context, run: runs.Run, outcome: Outcome) -> int:
    from amlrun.cli.sweep import summary
    from amlrun.cli.watching import shown

    how = f"aml run download-logs -r {run.id} -d FOLDER brings the best trial's to {shown(run.folder / 'outputs')}"
    return summary(context, run, outcome, [f"Web View: {run.record().get('studio_url', '')}", f"Outputs: {how}"])


def fetch(context: Context, run: runs.Run, client: Client) -> list[Path]:
    """Bring a sweep's own files and its best trial's outputs down. Raises AmlError."""
    from amlrun.errors import os_error
    from amlrun.sweep.remote import CloudSweep

    project = projects.find(context.path)
    try:
        sweep = CloudSweep(client, project, run, Silent())
        fetched = sweep.fetch()
    except OSError as error:
        raise os_error(error, "write the sweep's results") from error
    if sweep.best is None:
        context.warn(f"{run.id} has no best trial: only its own files were fetched")
    return fetched


def refresh(context: Context, project: Project, run: runs.Run) -> None:
    """Write down which trials a sweep has; where the workspace can't be asked, say so and go by what is known."""
    from amlrun.cli.cloud import client_of, is_cloud, is_sweep
    from amlrun.sweep.remote import CloudSweep

    if not is_cloud(run) or not is_sweep(run) or run.part("process").get("_log_complete"):
        return
    try:
        CloudSweep(client_of(context, run), project, run, Silent()).look()
    except AmlError as error:
        context.warn(f"{run.id}: its trials are shown as last seen; {error.message}")


def best_trial(context: Context, run: runs.Run, client: Client) -> str:
    """The id of a sweep's best trial. Raises AmlError when there is none yet."""
    from amlrun.sweep.remote import CloudSweep

    sweep = CloudSweep(client, projects.find(context.path), run, Silent())
    if not sweep.sealed:
        sweep.look()
    if sweep.best is None:
        hint = "No trial of it has completed with the metric." if sweep.ended else "None of its trials has ended yet."
        raise AmlError(f"the sweep {run.id} has no best trial", hint=hint)
    return sweep.best.run.id
