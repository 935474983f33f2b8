"""The help of every command: no summary in a list is cut off on a terminal of 80 columns."""

from __future__ import annotations

import click
import pytest

from amlrun.cli import cli


def groups(command: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The words of each group of commands, the whole first."""
    found = [path]
    context = click.Context(command)
    for name in command.list_commands(context):
        part = command.get_command(context, name)
        found += groups(part, (*path, name)) if isinstance(part, click.Group) else []
    return found


@pytest.mark.parametrize("path", groups(cli), ids=" ".join)
def test_each_summary_is_whole(path: tuple[str, ...]) -> None:
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    text = command.get_help(click.Context(command, info_name="aml", terminal_width=80))
    listed = text.partition("Commands:")[2]
    assert listed and [line for line in listed.splitlines() if line.endswith("...")] == []
