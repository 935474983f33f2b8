"""`aml explain`: what every key of a run configuration means here and in Azure ML v2."""

from __future__ import annotations

import json
from typing import Any

import click

from runner.cli.common import Context, common_options


@click.command("explain")
@click.option("-c", "--run-configuration-name", "name", metavar="NAME", required=True,
              help="The run configuration: its name, or a path to its file.")  # fmt: skip
@click.option("--ct", "--target", "target", metavar="NAME", help="Explain for this target, not the file's.")
@common_options
def command(context: Context, name: str, target: str | None) -> None:
    """Show every key of a run configuration: its value, its line, and what it becomes.

    \b
    mapped       the key of the v2 job that it becomes
    local        matters on this machine only
    ignored      no effect, and why
    unsupported  not possible, and what to do instead
    unknown      not a key of a run configuration
    """
    from runner.v1 import explaining, runconfig

    file = runconfig.find(context.path, name)
    config = runconfig.read(file, context.path)
    work = runconfig.translate(config, context.path, target=target)
    wrong = [problem for problem in config.problems if not problem.field.endswith(_SHOWN)]
    runconfig.raise_first(runconfig.by_line(wrong))
    rows = explaining.rows(work)
    shown = [(row.key, _short(row.value), row.line, row.status, row.becomes) for row in rows]
    context.result(
        [row.plain() for row in rows],
        lambda: context.table(("key", "value", "line", "status", "becomes"), shown),
    )
    for note in config.notes:
        if note.line and not note.text.startswith("unknown key"):
            context.warn(f"{file.name}:{note.line}: {note.key}: {note.text}")
    for problem in [*config.problems, *work.obstacles]:
        context.warn(str(problem).partition("\n")[0])


# A secret in the file is refused by every other command; this one shows the key, without its value.
_SHOWN = ("password", "secret", "authToken")


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."
