"""A click group whose help needs no import of its commands, so that `aml --help` is instant."""

from __future__ import annotations

import importlib
from typing import Any

import click

from amlrun.errors import did_you_mean


class LazyGroup(click.Group):
    """`lazy_subcommands` names the commands that live in modules of their own: name → (`module:attribute`, help line).

    Without `:attribute` the module's `command` is meant. A module is imported when its command is called.
    """

    def __init__(self, *args: Any, lazy_subcommands: dict[str, tuple[str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy_subcommands = lazy_subcommands if lazy_subcommands is not None else {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.commands, *self.lazy_subcommands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy_subcommands:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.lazy_subcommands[cmd_name][0].partition(":")
        found: click.Command = getattr(importlib.import_module(module), attribute or "command")
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            guess = did_you_mean(args[0], known)
            raise click.UsageError(f"no such command {args[0]!r}{guess}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, command.get_short_help_str(80)) for name, command in self.commands.items()]
        rows += [(name, text) for name, (_, text) in self.lazy_subcommands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
