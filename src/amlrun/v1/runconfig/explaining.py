"""Every key of a run configuration with its value, its line and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amlrun.runs import redact
from amlrun.v1.runconfig import to_job, workbench
from amlrun.v1.runconfig.config import Key, Value
from amlrun.v1.runconfig.fields import dotted
from amlrun.v1.runconfig.work import Work


@dataclass
class Row:
    """One key: its dotted path, its typed value, its line, what became of it (`status`) and as what."""

    key: str
    value: Any
    line: int
    status: str
    becomes: str

    def plain(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "value": self.value,
            "line": self.line,
            "status": self.status,
            "becomes": self.becomes,
        }


def rows(work: Work) -> list[Row]:
    """The rows of a translated file, in the file's order. What is secret is hidden."""
    config = work.config
    found: list[Row] = []
    for origin in config.converted:
        found.append(_converted(work, origin))
    for key, value in config.values.items():
        if key in config.origins:
            continue
        status, becomes, _ = to_job.outcome(work, value)
        found.append(Row(value.name, redact.masked(value.value, value.name), value.line, status, becomes))
        if isinstance(value.value, dict) and value.lines:
            found += _entries(work, key, value, status, becomes)
    return sorted(found, key=lambda row: row.line)


def _entries(work: Work, key: Key, value: Value, status: str, becomes: str) -> list[Row]:
    """The user's own keys below a map, such as environment variables."""
    found = []
    for name, line in value.lines.items():
        own = work.outcome((*key, name))
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


def _converted(work: Work, origin: Value) -> Row:
    """A key of a Workbench file: what became of the keys it was turned into."""
    targets = [key for key, value in work.config.origins.items() if value is origin and key in work.config.values]
    outcomes = [to_job.outcome(work, work.config.values[key]) for key in targets]
    if outcomes:
        status = outcomes[0][0]
        becomes = ", ".join(dict.fromkeys(becomes for _, becomes, _ in outcomes))
    elif origin.key[0] in workbench.PLAIN or origin.key[0] == "argumentVector":
        status, becomes = "ignored", "says nothing"
    else:
        status, becomes = workbench.reason(origin.key[0])
    return Row(origin.name, redact.masked(origin.value, origin.name), origin.line, status, becomes)
