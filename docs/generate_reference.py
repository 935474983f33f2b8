"""Write the reference pages from the code: commands, run configuration keys, early termination, and the phrase book.

    python docs/generate_reference.py

They are made when the documents are built and are not kept in the repository, so they cannot grow old.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).parent / "pages" / "reference"
COMMON = {"output", "metadata_file", "path", "resource_group", "workspace_name", "subscription_id", "debug", "help"}


def cell(text: str) -> str:
    """`text` as a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def prose(text: str | None) -> str:
    """A command's help as Markdown: click marks what keeps its lines, the examples, with a backspace."""
    parts = inspect.cleandoc(text or "").split("\n\f")[0].split("\n\n")
    return "\n\n".join("```text" + part[1:] + "\n```" if part.startswith("\b\n") else part for part in parts)


def is_common(option: click.Option) -> bool:
    """Whether the flag is one of those that most commands share; `-o FILE` is another than `-o json`."""
    return option.name in COMMON and not (option.name == "output" and option.metavar == "FILE")


def command_lines(name: str, command: click.Command, context: click.Context) -> list[str]:
    """The section of one command, and those of the commands inside it."""
    lines: list[str] = []
    if isinstance(command, click.Group):
        lines += [f"## {name}", "", prose(command.help), ""]
        for word in sorted(command.list_commands(context)):
            inner = command.get_command(context, word)
            if inner is not None and not inner.hidden:
                lines += command_lines(f"{name} {word}", inner, click.Context(inner, parent=context, info_name=word))
        return lines
    usage = " ".join(command.collect_usage_pieces(click.Context(command, info_name=name)))
    depth = "##" if name.count(" ") == 1 else "###"
    lines += [f"{depth} {name}", "", f"`{name} {usage}`", "", prose(command.help), ""]
    rows = []
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden and not is_common(option):
            flags = ", ".join(f"`{flag}`" for flag in [*option.opts, *option.secondary_opts])
            notes = [option.help or ""]
            notes += ["Required."] if option.required else []
            notes += ["Can be given several times."] if option.multiple else []
            notes += [f"Default: `{option.default}`."] if option.show_default and option.default is not None else []
            kind = " or ".join(option.type.choices) if isinstance(option.type, click.Choice) else (option.metavar or "")
            rows.append(f"| {flags} | {cell('' if option.is_flag else kind)} | {cell(' '.join(notes))} |")
    if rows:
        lines += ["| Flag | Value | |", "| --- | --- | --- |", *rows, ""]
    return lines


def commands() -> str:
    """The page of all commands."""
    from amlrun.cli import cli
    from amlrun.cli.folder import command as folder

    context = click.Context(cli, info_name="aml")
    lines = ["# Commands", "", "Generated from the code; `--help` of each command shows the same text.", ""]
    attach = folder.commands["attach"] if isinstance(folder, click.Group) else folder
    common = [option for option in attach.params if isinstance(option, click.Option) and option.name in COMMON]
    lines += ["## Flags that most commands share", "", "| Flag | |", "| --- | --- |"]
    for option in common:
        lines.append(f"| {', '.join(f'`{flag}`' for flag in option.opts)} | {cell(option.help or '')} |")
    lines += [
        "",
        "Exit codes: 0 success, 1 the job failed, 2 the input is wrong, 3 the service refused or could not be reached,",
    ]
    lines += ["130 cancelled.", ""]
    for word in sorted(cli.list_commands(context)):
        command = cli.get_command(context, word)
        if command is not None:
            lines += command_lines(f"aml {word}", command, click.Context(command, parent=context, info_name=word))
    return "\n".join(lines).rstrip() + "\n"


def runconfig() -> str:
    """The page of all run configuration keys, from the one table that reader, schema and `aml explain` use."""
    from amlrun.v1.runconfig.field_table import RUNCONFIG
    from amlrun.v1.table import dotted

    said = {
        "mapped": "v2: ",
        "local": "On this machine: ",
        "ignored": "No effect: ",
        "unsupported": "Not supported: ",
    }
    lines = [
        "# Run configuration keys",
        "",
        "Generated from the code. `*` is a name that you choose. `aml explain -c NAME` shows the same for one file.",
        "",
        "| Key | Value | Meaning | What becomes of it |",
        "| --- | --- | --- | --- |",
    ]
    for field in RUNCONFIG.fields.values():
        allowed = ", ".join(field.allowed)
        kind = f"{field.type}: {allowed}" if allowed else field.type
        default = "" if field.default in (None, "", [], {}) else f" Default: `{field.default}`."
        lines.append(
            f"| `{dotted(field.path)}` | {cell(kind)} | {cell(field.text)}{default} "
            f"| {said[field.status]}{cell(field.becomes)} |"
        )
    return "\n".join(lines) + "\n"


def phrasebook() -> str:
    """The page of az ml v1's commands and what to type now."""
    from amlrun.cli import cli, phrasebook

    lines = [
        "# Phrase book: `az ml` v1",
        "",
        "Every command of `azure-cli-ml` 1.41.0, its last version. If the middle column has the command, its flags",
        "are v1's too. For a v1 command that is not supported, `aml` prints the right column.",
        "",
        "| `az ml` v1 | `aml` | Azure CLI, `ml` extension (v2) |",
        "| --- | --- | --- |",
    ]
    for name, phrase in phrasebook.PHRASES.items():
        ours = f"`aml {name}`" if phrasebook.ours(name, cli) else ""
        theirs = " ".join(part for part in (f"`{phrase.v2}`" if phrase.v2 else "", phrase.note) if part)
        lines.append(f"| `{name}` | {ours} | {theirs.replace('|', chr(92) + '|')} |")
    return "\n".join(lines) + "\n"


def stopping() -> str:
    """The page of the early-termination rules, as the module that applies them states them."""
    from amlrun.sweep import policies

    _, _, text = str(policies.__doc__).partition("\n")
    return f"# Early termination\n\nHow a sweep on this machine decides which trials to stop.\n{text}"


PAGES = {"commands": commands, "runconfig": runconfig, "stopping": stopping, "phrasebook": phrasebook}


def main() -> None:
    """Write the pages."""
    sys.path.insert(0, str(ROOT / "template"))
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (FOLDER / f"{name}.md").write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
