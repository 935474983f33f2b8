"""`aml environment`: a folder that describes an environment, and the workspace's environments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from amlrun.cli import environment_cache
from amlrun.cli.azure import connect, listed, name_option
from amlrun.cli.common import Context, common_options
from amlrun.errors import BAD_INPUT, AmlError, os_error

if TYPE_CHECKING:
    from amlrun.prepare.conda_heal import Healing

_directory = click.option("-d", "--directory", required=True, metavar="FOLDER", type=click.Path(path_type=Path),
                          help="The environment's folder.")  # fmt: skip


@click.group("environment")
def command() -> None:
    """Check, register and list environments; clear the local cache."""


command.add_command(environment_cache.command)


@command.command()
@name_option
@_directory
@common_options
def scaffold(context: Context, name: str, directory: Path) -> None:
    """Write template files for an environment. Works offline."""
    from amlrun.azure import environments

    made = [str(path) for path in environments.scaffold(directory, name)]
    context.result(made, "\n".join([*made, f"Register it: aml environment register -d {directory}"]))


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--offline", is_flag=True, help="Use only the built-in package tables; do not contact a package index.")
@common_options
def check(context: Context, file: Path, offline: bool) -> int:
    """Check that a conda file can be installed today. Shows what to change, and writes nothing.

    \b
    aml environment check aml_config/train-conda.yml

    The exit code is 0 when nothing has to change, else 2. `aml migrate FILE --apply` makes the changes.
    """
    from amlrun.prepare import conda_heal

    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise AmlError("is not UTF-8 text", file=file) from None
    except OSError as error:
        raise os_error(error, "read the conda file") from error
    found = conda_heal.heal(text, str(file), None if offline else conda_heal.uv_resolver())
    good = not found.edits and found.resolved is not False
    value = {
        "file": str(file),
        "python": found.python,
        "resolved": found.resolved,
        "edits": [{"line": edit.item.line, "old": edit.item.text, "new": edit.new, "reason": edit.reason}
                  for edit in found.edits],
        "notes": [{"line": line, "message": note} for line, note in sorted(found.notes)],
        "proposal": found.text,
    }  # fmt: skip
    context.result(value, "\n".join(_report_lines(found, file, offline)))
    return 0 if good else BAD_INPUT


def _report_lines(found: Healing, file: Path, offline: bool) -> list[str]:
    from amlrun.prepare.conda_heal import lines

    where = f"Python {found.python}"
    told = [f"{file}: {line}" for line in lines(found)]
    if found.resolved is False:
        told += [f"{file}: its packages cannot be installed together on {where}:", " ".join(found.message.split())]
    elif found.edits:
        told += ["", f"With these changes it can be installed on {where}." if found.resolved else
                 f"These changes are needed on {where}; they may not be enough: the package index was not contacted.",
                 f"Nothing was written. To make them: aml migrate {file} --apply"]  # fmt: skip
    elif offline:
        told += [f"{file}: no package is known to fail on {where}; the package index was not contacted"]
    else:
        told += [f"{file}: can be installed on {where}; nothing has to change"]
    return told


@command.command()
@_directory
@common_options
def register(context: Context, directory: Path) -> None:
    """Register the environment in a folder. Each call makes a new version."""
    from amlrun.azure import environments

    environments.read(directory)
    made = environments.register(connect(context), directory)
    context.result(made, f"Registered {made['id']}")


@command.command("list")
@common_options
def list_environments(context: Context) -> None:
    """List the workspace's environments, each with its newest version."""
    from amlrun.azure import environments

    found = environments.list_environments(connect(context))
    listed(context, found, {"Name": "name", "Version": "version"}, "No environments.")


@command.command()
@name_option
@click.option("-v", "--version", metavar="VERSION", help="The newest by default.")
@common_options
def show(context: Context, name: str, version: str | None) -> None:
    """Show one environment."""
    from amlrun.azure import environments

    context.result(environments.show(connect(context), name, version))
