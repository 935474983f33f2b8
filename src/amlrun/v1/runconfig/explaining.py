"""Every key of a run configuration with its value, its line and what becomes of it."""

from __future__ import annotations

from amlrun.runs import redact
from amlrun.v1.config import Key, Row, Value
from amlrun.v1.runconfig import to_job, workbench
from amlrun.v1.runconfig.context import TranslationContext
from amlrun.v1.table import dotted


def rows(context: TranslationContext) -> list[Row]:
    """The rows of a translated file, in the file's order. What is secret is hidden."""
    config = context.config
    found: list[Row] = []
    for origin in config.converted:
        found.append(_converted(context, origin))
    for key, value in config.values.items():
        if key in config.origins:
            continue
        status, becomes, _ = to_job.report_of(context, value)
        found.append(Row(value.name, redact.masked(value.value, value.name), value.line, status, becomes))
        if isinstance(value.value, dict) and value.lines:
            found += _entries(context, key, value, status, becomes)
    return sorted(found, key=lambda row: row.line or 0)


def _entries(context: TranslationContext, key: Key, value: Value, status: str, becomes: str) -> list[Row]:
    """The user's own keys below a map, such as environment variables."""
    found = []
    for name, line in value.lines.items():
        own = context.report_of((*key, name))
        found.append(
            Row(
                dotted((*key, name)),
                redact.masked(value.value[name], name),
                line,
                own.status if own else status,
                own.becomes if own else becomes,
            )
        )
    return found


def _converted(context: TranslationContext, origin: Value) -> Row:
    """A key of a Workbench file: what became of the keys it was turned into."""
    targets = [key for key, value in context.config.origins.items() if value is origin and key in context.config.values]
    reports = [to_job.report_of(context, context.config.values[key]) for key in targets]
    if reports:
        status = reports[0][0]
        becomes = ", ".join(dict.fromkeys(becomes for _, becomes, _ in reports))
    elif origin.key[0] in workbench.PLAIN or origin.key[0] == "argumentVector":
        status, becomes = "ignored", "has no effect"
    else:
        status, becomes = workbench.reason(origin.key[0])
    return Row(origin.name, redact.masked(origin.value, origin.name), origin.line, status, becomes)
