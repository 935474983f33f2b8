"""A service's requests at a glance: how many, how fast, how many failed, and what the columns looked like.

Counts and times come from the line that Microsoft's server logs for every request; what was sent comes from the
request log, where that is on.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass, field

# 2026-01-31 10:00:00,123 I [42] azmlinfsrv - POST /score 200 3.512ms 45
_LINE = re.compile(r"azmlinfsrv - [A-Z]+ /score(?:\?\S*)? (\d{3}) ([\d.]+)ms ")


@dataclass
class Column:
    """What was sent in one column: how many values, and of the numbers the least, the mean and the greatest."""

    count: int = 0
    numbers: int = 0
    total: float = 0.0
    least: float = math.inf
    greatest: float = -math.inf

    def add(self, value: Any) -> None:
        self.count += 1
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            self.numbers += 1
            self.total += value
            self.least, self.greatest = min(self.least, value), max(self.greatest, value)


@dataclass
class Stats:
    """Latencies in milliseconds, as the server measured them; percentiles are None without a request."""

    statuses: dict[int, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    columns: dict[str, Column] = field(default_factory=dict)
    rows: int = 0

    def percentile(self, percent: float) -> float | None:
        """The latency that so many percent of the requests did not exceed (nearest rank)."""
        if not self.latencies:
            return None
        ordered = sorted(self.latencies)
        return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]

    def record(self) -> dict[str, Any]:
        """What `aml service stats` prints."""
        return {
            "count": len(self.latencies),
            "errors": {
                "4xx": sum(count for status, count in self.statuses.items() if 400 <= status < 500),
                "5xx": sum(count for status, count in self.statuses.items() if status >= 500),
            },
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "latency_ms": {f"p{percent}": self.percentile(percent) for percent in (50, 95, 99)},
            "rows": self.rows,
            "columns": {
                name: {
                    "count": one.count,
                    **({"min": one.least, "mean": one.total / one.numbers, "max": one.greatest} if one.numbers else {}),
                }
                for name, one in self.columns.items()
            },
        }


def read(log: Path, request_log: Path) -> Stats:
    """The statistics of a service's log and request log; a missing file counts as empty."""
    stats = Stats()
    for line in _lines(log):
        if match := _LINE.search(line):
            status = int(match[1])
            stats.statuses[status] = stats.statuses.get(status, 0) + 1
            stats.latencies.append(float(match[2]))
    for line in _lines(request_log):
        try:
            sent = json.loads(line)
        except ValueError:
            continue  # the last line of a server that was killed
        if sent.get("status") == 200:
            _columns(stats, sent.get("request"))
    return stats


def _columns(stats: Stats, request: Any) -> None:
    rows = request.get("data") if isinstance(request, dict) else None
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            stats.rows += 1
            for name, value in row.items():
                stats.columns.setdefault(name, Column()).add(value)


def _lines(file: Path) -> Iterable[str]:
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            yield from stream
    except FileNotFoundError:
        return
