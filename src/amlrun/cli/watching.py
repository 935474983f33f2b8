"""How a run is shown while it goes on, and when it has ended: the same for every target."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

import click

from amlrun.cli.common import Context, shown, write_json
from amlrun.cli.progress import Bar
from amlrun.errors import CANCELLED, JOB_FAILED, SERVICE, AmlError
from amlrun.events import Event, LogOutput, Message, PackageLoaded, Transfer
from amlrun.runs.record import RunRecord
from amlrun.targets.base import Outcome, Run, RunCreated

if TYPE_CHECKING:
    from amlrun.cli.live_table import LiveTable
    from amlrun.pipeline.handles import PipelineRun


class Printer:
    """The command's `on_event`: lines, a run's log, a bar for a transfer, a live table for a sweep or a pipeline.

    `-t FILE` is written when a run is created, and again when an error ends the command.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._bar = Bar()
        self._table: LiveTable | None = None
        self._created: list[Run] = []

    def __enter__(self) -> Printer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if error is not None:
            for run in self._created:
                copy_record(self._context, run)

    def close(self) -> None:
        """Take away what is drawn live."""
        self._bar.close()
        if self._table is not None:
            self._table.close()
            self._table = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, Transfer):
            self._bar.move(event.action, event.size, event.total)
            return
        self._bar.close()
        if isinstance(event, PackageLoaded):
            from amlrun.cli import quiet

            quiet.silence(event.name)
        elif isinstance(event, LogOutput):
            self._log(event.data)
        elif isinstance(event, Message):
            self._line(event)
        elif isinstance(event, RunCreated):
            self._created.append(event.run)
            copy_record(self._context, event.run)
        else:
            self._draw(event)

    def _log(self, data: bytes) -> None:
        """Pass the script's bytes on as they are; binary output can't break the terminal's encoding then."""
        out = sys.stderr.buffer if self._context.json else sys.stdout.buffer
        sys.stdout.flush()
        out.write(data)
        out.flush()

    def _line(self, event: Message) -> None:
        if event.warning:
            self._context.warn(event.text)
        elif self._table is not None:
            self._table.print(event.text)
        else:
            self._context.say(event.text)

    def _draw(self, event: Event) -> None:
        if not sys.stdout.isatty() or self._context.json:
            return
        from amlrun.cli import pipeline_view, sweep_view
        from amlrun.cli.live_table import LiveTable
        from amlrun.pipeline.progress import PipelineProgress
        from amlrun.sweep.progress import SweepProgress

        if isinstance(event, SweepProgress):
            self._table = self._table or LiveTable()
            self._table.draw(partial(sweep_view.table, event.sweep))
        elif isinstance(event, PipelineProgress):
            self._table = self._table or LiveTable()
            self._table.draw(partial(pipeline_view.table, event.pipeline))


def follow(context: Context, run: Run, show: Printer, *, submitted: bool = False) -> int:
    """Show a run until it has ended, and say how. Returns the exit code.

    Ctrl-C stops the watching; a run that this command has `submitted` ends with it, where its target has it so.
    """
    how = f"Follow it: aml run monitor-logs -r {run.id}\nCancel it: aml run cancel -r {run.id}"
    try:
        with _terminable(run):
            run.wait(on_event=show)
    except KeyboardInterrupt:
        show.close()
        if not submitted or not run.target.interrupt_cancels:
            copy_record(context, run)
            context.say(f"\n{run.id} continues on {run.target.location}.\n{how}")
            return CANCELLED
        context.say("\nCancelling …")
        run.cancel("Ctrl-C")
    except AmlError as error:
        if error.exit_code != SERVICE:
            raise
        raise AmlError(error.message, hint=f"The run itself is not affected.\n{how}", exit_code=SERVICE) from error
    show.close()
    return summary(context, run)


@contextlib.contextmanager
def _terminable(run: Run) -> Iterator[None]:
    """Where `wait` does the run's work, a SIGTERM ends it as Ctrl-C does."""
    if not run.in_process or threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def summary(context: Context, run: Run) -> int:
    """Say how a run ended, as text or its record as JSON. Returns the exit code that says the same."""
    if run.type == "pipeline":
        return _pipeline_summary(context, cast("PipelineRun", run))
    outcome = run.outcome()
    record = run.record()
    record["metrics"] = run.metrics()
    best = run.best_child() if outcome.best else None

    def text() -> None:
        _say_end(context, record)
        for name, value in sorted(record["metrics"].items()):
            context.say(f"{name}: {value:.6g}")
        if best is not None:
            _say_best(context, best, record.get("primary_metric_name", ""), outcome.best_value)
        if record.get("studio_url"):
            context.say(f"Web View: {record['studio_url']}")
        if run.has_files:
            context.say(f"Outputs: {shown(run.folder / 'outputs')}")
        else:
            context.say(f"Outputs: aml run download-logs -r {run.id} -d FOLDER downloads them to {shown(run.folder)}")
        if record["status"] != "Completed":
            context.say(f"Log: {shown(run.files.log)}")
            if run.can_resume:
                context.say(f"Resume it: {run.resume_command} {run.id}")

    context.result(record, text)
    return _exit_code(run, outcome)


def _pipeline_summary(context: Context, run: PipelineRun) -> int:
    from amlrun.cli import pipeline_view

    record, found = run.record(), run.progress()

    def text() -> None:
        _say_end(context, record)
        pipeline_view.say(context, run, found, record["status"])

    context.result({**record, **pipeline_view.to_dict(found)}, text)
    return _exit_code(run, run.outcome())


def _say_end(context: Context, record: RunRecord) -> None:
    colour = {"Completed": "green", "Canceled": "yellow"}.get(record["status"], "red")
    context.say("\nExecution Summary\n=================")
    context.say(f"RunId: {record['run_id']}")
    context.say(f"Status: {click.style(record['status'], fg=colour)}")
    if "seconds" in record:
        context.say(f"Seconds: {record['seconds']:.1f}")


def _exit_code(run: Run, outcome: Outcome) -> int:
    """Say on stderr why a run failed. Returns the exit code that says how it ended."""
    if outcome.status == "Completed":
        return 0
    if outcome.status == "Canceled":
        return CANCELLED
    why = outcome.message or "no error message recorded"
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {run.id}: {why}", err=True)
    if outcome.hint:
        click.echo(outcome.hint, err=True)
    return JOB_FAILED


def _say_best(context: Context, best: Run, metric: str, value: float | None) -> None:
    from amlrun.sweep.space import word

    record = best.record()
    values = " ".join(f"{name}={word(value)}" for name, value in record.get("hyperparameters", {}).items())
    context.say(f"Best trial: {record.get('trial')} ({best.id})")
    context.say(f"Best {metric}:{'' if value is None else f' {value:.6g}'} with {values}")


def copy_record(context: Context, run: Run) -> None:
    """Write `-t FILE`, when it was asked for, as the record stands now."""
    if context.metadata_file is not None:
        write_json(context.metadata_file, run.record())
