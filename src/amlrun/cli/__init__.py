"""The command `aml`: finds the command's module, runs it, and turns errors into a line and an exit code."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from typing import NoReturn

import click

from amlrun import errors
from amlrun.cli.common import Invocation
from amlrun.cli.lazy import LazyGroup

# Each command with its module (`:attribute`, else `command`) and help line; imported only when it is called.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("amlrun.cli.run", "Submit, list, watch, cancel and fetch runs."),
    "experiment": ("amlrun.cli.experiment", "List experiments."),
    "model": ("amlrun.cli.model", "Register, list, show and download models."),
    "dataset": ("amlrun.cli.dataset", "Register the data that run configurations use."),
    "datastore": ("amlrun.cli.datastore", "List a workspace's datastores; upload and download files."),
    "environment": ("amlrun.cli.environment", "Check, register and list environments."),
    "computetarget": ("amlrun.cli.computetarget", "Create, list and delete compute; start and stop it."),
    "workspace": ("amlrun.cli.workspace", "Show the workspace in use, and list others."),
    "folder": ("amlrun.cli.folder", "Attach this project to an Azure ML workspace."),
    "automl": ("amlrun.cli.automl", "Find the best model for a table, locally or in a workspace."),
    "explain": ("amlrun.cli.explain", "Show what every key of v1's files becomes."),
    "export": ("amlrun.cli.export", "Convert v1 files to Azure ML v2 YAML."),
    "job": ("amlrun.cli.job", "Run a v2 job YAML."),
    "migrate": ("amlrun.cli.migrate", "Rewrite SDK v1 code to plain MLflow and files."),
    "pipeline": ("amlrun.cli.pipeline", "Check pipelines, and show their steps."),
    "schedule": ("amlrun.cli.schedule", "Run pipelines on a schedule, locally or in a workspace."),
    "notebook": ("amlrun.cli.notebook", "Turn a notebook into a training script."),
    "score": ("amlrun.cli.score", "Score one request with score.py and a model."),
    "service": ("amlrun.cli.service", "Show, call, update and delete services."),
}


@click.group(
    cls=LazyGroup,
    lazy_subcommands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: aml run submit-script -c train-local -e first -t run.json",
)
@click.version_option(package_name="amlrun", prog_name="aml", message="%(prog)s %(version)s")
def cli() -> None:
    """Run Azure ML run configurations on this machine, offline, or on Azure ML compute.

    The commands are those of `az ml` v1; the same .runconfig file serves both places.
    """


def main(args: list[str] | None = None) -> NoReturn:
    """The console script: run the command, print errors as one message, end with DESIGN.md's exit codes."""
    # At its end the interpreter would look through all that was imported for garbage: a quarter of a second.
    atexit.register(gc.freeze)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us: nobody is there to be told
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    words = sys.argv[1:] if args is None else args
    call = Invocation(list(words), bool(os.environ.get("AML_DEBUG")))
    try:
        code = cli.main(words, prog_name="aml", standalone_mode=False, obj=call)
    except click.ClickException as error:
        advice = _phrase(error, words)
        if advice is None:
            error.show()
        else:
            _complain(errors.AmlError(advice))
        code = error.exit_code
    except errors.AmlError as error:
        if call.debug:
            raise
        _complain(error)
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("Cancelled.", err=True)
        code = errors.CANCELLED
    except OSError as error:
        if call.debug:
            raise
        _complain(errors.os_error(error, "read or write a file"))
        code = errors.BAD_INPUT
    except Exception as error:
        if call.debug:
            raise
        missing = _missing(error)
        if missing is not None:
            _complain(missing)
            sys.exit(missing.exit_code)
        message = f"internal error: {type(error).__name__}: {error}"
        _complain(errors.AmlError(message, hint="Please report it with what --debug shows."))
        code = errors.JOB_FAILED
    sys.exit(code if isinstance(code, int) else 0)


def _missing(error: Exception) -> errors.AmlError | None:
    """The message for a command that needs the optional packages of Azure, where they are not installed."""
    if not isinstance(error, ModuleNotFoundError) or (error.name or "").partition(".")[0] != "azure":
        return None
    from amlrun.azure import client

    try:
        client.require()
    except errors.AmlError as missing:
        return missing
    return None


def _phrase(error: click.ClickException, words: list[str]) -> str | None:
    """What to type instead of a command of `az ml` v1 that `aml` does not have."""
    if not isinstance(error, click.UsageError) or error.ctx is None or not isinstance(error.ctx.command, click.Group):
        return None
    from amlrun.cli import phrasebook

    return phrasebook.advice(words, whole=error.ctx.parent is None)


def _complain(error: errors.AmlError) -> None:
    message, _, hint = str(error).partition("\n")
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {message}", err=True)
    if hint:
        click.echo(hint, err=True)
