"""What every command shares: v1's common flags, and the only place that prints."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

import click

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.runs.files import json_text, write_text

if TYPE_CHECKING:
    from amlrun.workspace import Workspace

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Invocation:
    """One call of `aml`: the words it was given, and whether tracebacks are wanted. `main` hands it to the commands."""

    words: list[str] = field(default_factory=list)
    debug: bool = False


@dataclass
class Context:
    """The common flags of one call, and how it prints.

    With `-o json` stdout is one JSON document and all else goes to stderr. `path` is absolute.
    """

    path: Path
    output: str = "text"
    metadata_file: Path | None = None
    subscription_id: str | None = None
    resource_group: str | None = None
    workspace_name: str | None = None
    command_line: list[str] = field(default_factory=list)

    def find_workspace(self) -> Workspace:
        """The workspace that the flags and the folder mean. Raises AmlError when there is none."""
        from amlrun.workspace import Workspace

        return Workspace.find(
            self.path,
            name=self.workspace_name,
            resource_group=self.resource_group,
            subscription_id=self.subscription_id,
        )

    @property
    def names_workspace(self) -> bool:
        """Whether -w or -g asks for the workspace's own things; without them the project's are meant, offline."""
        return bool(self.workspace_name or self.resource_group)

    @property
    def named_workspace(self) -> Workspace | None:
        """The workspace that -w or -g names; without them a command means the project's own."""
        return self.find_workspace() if self.names_workspace else None

    @property
    def attached_workspace(self) -> Workspace | None:
        """The workspace that the flags name or the folder is attached to; None without one."""
        from amlrun.workspace import discover

        return self.find_workspace() if self.names_workspace or discover(self.path) else None

    @property
    def json(self) -> bool:
        return self.output == "json"

    def say(self, text: str = "") -> None:
        """Print one line for a person."""
        click.echo(text, err=self.json)

    @property
    def confirm(self) -> Callable[[str], bool] | None:
        """Asks a person yes or no; None where nobody sits at the terminal."""
        return (lambda question: click.confirm(question, err=True)) if sys.stdin.isatty() else None

    def warn(self, text: str) -> None:
        """Print a warning, on stderr."""
        click.echo(f"{click.style('Note:', fg='yellow')} {text}", err=True)

    def result(self, value: Any, text: str | Callable[[], None] | None = None) -> None:
        """End a command: `value` as JSON with `-o json`, else `text`; `-t FILE` gets the JSON too."""
        if self.metadata_file is not None:
            write_json(self.metadata_file, value)
        if self.json:
            click.echo(json.dumps(value, indent=2, sort_keys=True, default=str))
        elif callable(text):
            text()
        elif text is not None:
            click.echo(text)
        elif isinstance(value, Mapping):
            self.pairs(value)
        else:
            click.echo(json.dumps(value, indent=2, default=str))

    def pairs(self, value: Mapping[str, Any]) -> None:
        """Print a record as `name: value` lines."""
        width = max((len(name) for name in value), default=0)
        for name, item in value.items():
            shown = item if isinstance(item, (str, int, float)) else json.dumps(item, default=str)
            click.echo(f"{name:<{width}}  {shown}")

    def listed(
        self,
        found: Sequence[Any],
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
        empty: str,
        *,
        project: bool = True,
    ) -> None:
        """End a command with records: as JSON, else their rows as a table, else a line that says there are none.

        `project`: without -w or -g they are the project's. Raises AmlError where there are none, and no project.
        """
        if project and not found and not self.names_workspace:
            from amlrun import project as projects

            if not projects.find(self.path).exists():
                hint = "Run this in a project, or add --path FOLDER."
                raise AmlError("there is no project here", file=self.path, hint=hint)
        self.result(found, lambda: self.table(columns, rows) if rows else self.say(empty))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print a table; plain tab-free columns in a pipe, so that nothing is cut or coloured there."""
        rows = [["" if cell is None else str(cell) for cell in row] for row in rows]
        if sys.stdout.isatty():
            from rich.console import Console
            from rich.table import Table
            from rich.text import Text

            table = Table(box=None, pad_edge=False, header_style="bold")
            for number, name in enumerate(columns):
                # The first names the row: whole, to be copied.
                table.add_column(name, overflow="fold", no_wrap=not number)
            for row in rows:
                table.add_row(*(Text(cell) for cell in row))
            Console().print(table)
            return
        widths = [max(len(line[i]) for line in [list(columns), *rows]) for i in range(len(columns))]
        for line in [list(columns), *rows]:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON in the form that v1's `-t` had. Raises AmlError when it can't be written."""
    write_text(path, json_text(value))


def _set_debug(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.find_object(Invocation).debug = True  # type: ignore[union-attr]


# Parsed like any option: the same word among a script's arguments is the script's.
debug_option = click.option("--debug", is_flag=True, is_eager=True, expose_value=False, callback=_set_debug,
                            help="Show tracebacks.")  # fmt: skip


_METADATA = click.option("-t", "--output-metadata-file", "metadata_file", metavar="FILE",
                         type=click.Path(path_type=Path), help="Also write the result there as JSON.")  # fmt: skip


@overload
def common_options(function: F, /) -> F: ...
@overload
def common_options(*, metadata_file: bool) -> Callable[[F], F]: ...
def common_options(function: Any = None, /, *, metadata_file: bool = True) -> Any:
    """v1's common flags, gathered into the command's first argument, a `Context`.

    Without `metadata_file` there is no -t: it means something else for the command.
    """
    if function is None:
        return functools.partial(_common_options, metadata_file=metadata_file)
    return _common_options(function, metadata_file=metadata_file)


def _metadata(wanted: bool) -> Callable[[F], F]:
    return _METADATA if wanted else lambda command: command


def _common_options(function: Any, *, metadata_file: bool) -> Any:
    @click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
                  help="Output format. With json, stdout holds one JSON document; messages go to stderr.")  # fmt: skip
    @_metadata(metadata_file)
    @click.option("--path", default=".", metavar="FOLDER", show_default=True,
                  type=click.Path(file_okay=True, path_type=Path), help="The project or model folder.")  # fmt: skip
    @click.option("-g", "--resource-group", metavar="NAME", help="The workspace's resource group.")
    @click.option("-w", "--workspace-name", metavar="NAME", help="The Azure ML workspace.")
    @click.option("--subscription-id", metavar="ID", help="The workspace's subscription.")
    @click.option("--query", metavar="EXPRESSION", hidden=True)
    @debug_option
    @functools.wraps(function)
    def command(
        *args: Any,
        output: str,
        path: Path,
        resource_group: str | None,
        workspace_name: str | None,
        subscription_id: str | None,
        query: str | None,
        metadata_file: Path | None = None,
        **kwargs: Any,
    ) -> Any:
        if not path.exists():
            raise AmlError(f"--path: there is no folder {path}", hint="Give the project's or the model's folder.")
        if query is not None:
            raise AmlError(
                "--query: aml has no JMESPath queries",
                hint="Filter the JSON output instead: aml … -o json | jq '.[0].name'",
            )
        call = click.get_current_context().find_object(Invocation) or Invocation()
        words = ["aml", *call.words]
        place = path.absolute()
        context = Context(place, output, metadata_file, subscription_id, resource_group, workspace_name, words)
        return function(context, *args, **kwargs)

    return command


def with_options(function: F, options: Sequence[Callable[[Any], Any]]) -> F:
    """The command with these options, listed in its help in this order."""
    command: Any = function
    for option in reversed(options):
        command = option(command)
    return command  # type: ignore[no-any-return]


def gathered(name: str, kind: Callable[..., Any], *options: Callable[[Any], Any]) -> Callable[[F], F]:
    """Options that a command gets as one argument, `name`: a dataclass `kind`, whose fields are the options' names."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def command(*args: Any, **kwargs: Any) -> Any:
            own = {one.name: kwargs.pop(one.name) for one in fields(kind)}  # type: ignore[arg-type]
            return function(*args, **{name: kind(**own)}, **kwargs)

        return with_options(command, options)  # type: ignore[return-value]

    return decorate


def key_values(pairs: Iterable[str], flag: str) -> dict[str, str]:
    """`key=value` words of a repeatable flag as a dict.

    Raises `AmlError` for a word without `=` or without a key.
    """
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise AmlError(f"{flag}: expected key=value, got {pair!r}")
        found[key] = value
    return found


def shown(path: Path) -> str:
    """A path as a person here would write it."""
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)
