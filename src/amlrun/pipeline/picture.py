"""The picture of a pipeline: its graph as SVG, as Mermaid's text for Markdown, and one HTML page that needs nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import quote

from amlrun.pipeline import state as states
from amlrun.pipeline.state import PipelineState, StepState

_WIDTH, _HEIGHT, _BEND, _GAP_X, _GAP_Y, _MARGIN = 176, 56, 12, 56, 20, 16
_PASSES = 4
_CLASSES = {
    states.WAITING: "waiting",
    states.RUNNING: "running",
    states.COMPLETED: "completed",
    states.FAILED: "failed",
    states.CANCELED: "canceled",
    states.SKIPPED: "skipped",
}
_STYLE = """\
:root{color-scheme:light dark;--line:#8a8f98;--text:#1b1f24;--soft:#57606a;--back:#fff;
--waiting:#eef0f2;--running:#d6e8ff;--completed:#d7f2dd;--reused:#e6f4f1;--failed:#ffdcd9;--canceled:#fff1c9;--skipped:#f3f3f3}
@media (prefers-color-scheme:dark){:root{--line:#7d8590;--text:#e6edf3;--soft:#9198a1;--back:#0d1117;
--waiting:#21262d;--running:#12375f;--completed:#12401f;--reused:#123c38;--failed:#5a1e1c;--canceled:#4d3a08;--skipped:#1a1e24}}
body{font:15px/1.45 system-ui,sans-serif;margin:24px;color:var(--text);background:var(--back)}
h1{font-size:20px;margin:0 0 4px}p{margin:0 0 16px;color:var(--soft)}
.graph{overflow-x:auto;margin-bottom:20px}
svg text{font:13px system-ui,sans-serif;fill:var(--text)}svg .soft{fill:var(--soft);font-size:12px}
svg .box{stroke:var(--line);rx:8px}svg .edge{fill:none;stroke:var(--line);stroke-width:1.4}svg .tip{fill:var(--line)}
.waiting{fill:var(--waiting)}.running{fill:var(--running)}.completed{fill:var(--completed)}.reused{fill:var(--reused)}
.failed{fill:var(--failed)}.canceled{fill:var(--canceled)}.skipped{fill:var(--skipped);stroke-dasharray:4 3}
table{border-collapse:collapse}
th,td{text-align:left;padding:4px 14px 4px 0;border-bottom:1px solid var(--line);vertical-align:top}
a{color:inherit}td.number{text-align:right;font-variant-numeric:tabular-nums}
"""


def layers(after: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The steps in columns: each behind all that it needs, ordered so that few lines cross."""
    depth: dict[str, int] = {}

    def level(name: str) -> int:
        if name not in depth:
            # An explicit stack: a chain may be longer than Python's recursion allows.
            stack = [name]
            while stack:
                top = stack[-1]
                missing = [one for one in after[top] if one in after and one not in depth]
                if missing:
                    stack += missing
                    continue
                depth[top] = 1 + max((depth[one] for one in after[top] if one in after), default=-1)
                stack.pop()
        return depth[name]

    columns: list[list[str]] = [[] for _ in range(1 + max((level(name) for name in after), default=-1))]
    for name in after:
        columns[depth[name]].append(name)
    before: dict[str, list[str]] = {name: [] for name in after}
    for name, needs in after.items():
        for one in needs:
            if one in before:
                before[one].append(name)
    for turn in range(_PASSES):
        forward = turn % 2 == 0
        place = {name: row for column in columns for row, name in enumerate(column)}
        neighbours: Mapping[str, Sequence[str]] = after if forward else before
        for column in columns if forward else reversed(columns):
            rows = {name: [place[one] for one in neighbours[name] if one in place] for name in column}
            column.sort(key=lambda name: sum(rows[name]) / len(rows[name]) if rows[name] else place[name])
            place.update({name: row for row, name in enumerate(column)})
    return columns


def svg(state: PipelineState, links: Mapping[str, str] | None = None) -> str:
    """The graph; `links` has where a step's box leads to."""
    after, paths = _with_bends({name: step.after for name, step in state.steps.items()})
    columns = layers(after)
    heights = [sum(_height(name, state) + _GAP_Y for name in column) - _GAP_Y for column in columns]
    height = 2 * _MARGIN + max(heights, default=0)
    width = 2 * _MARGIN + len(columns) * (_WIDTH + _GAP_X) - _GAP_X
    place: dict[str, tuple[float, float]] = {}
    for column, names in enumerate(columns):
        top = (height - heights[column]) / 2
        for name in names:
            place[name] = (_MARGIN + column * (_WIDTH + _GAP_X), top)
            top += _height(name, state) + _GAP_Y
    title = f"Steps of {state.name}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{max(width, 0)}" height="{max(height, 0):.0f}" '
        f'viewBox="0 0 {max(width, 0)} {max(height, 0):.0f}" role="img" aria-label="{escape(title)}">'
    ]
    parts += [_edge([place[name] for name in path], [name in state.steps for name in path]) for path in paths]
    parts += [_box(step, place[name], (links or {}).get(name)) for name, step in state.steps.items()]
    return "\n".join([*parts, "</svg>"])


def _height(name: str, state: PipelineState) -> int:
    return _HEIGHT if name in state.steps else _BEND


def _with_bends(after: Mapping[str, Sequence[str]]) -> tuple[dict[str, list[str]], list[list[str]]]:
    """The graph with a place of its own in each column that a long line passes, so that it passes no box; and the
    lines, each with the names of its places."""
    depth = {name: column for column, names in enumerate(layers(after)) for name in names}
    found: dict[str, list[str]] = {name: [] for name in after}
    paths = []
    for name, needs in after.items():
        for need in needs:
            if need not in depth:
                continue
            path = [need]
            for column in range(depth[need] + 1, depth[name]):
                # No step's name has a blank.
                bend = f"{need} {name} {column}"
                found[bend] = [path[-1]]
                path.append(bend)
            found[name].append(path[-1])
            paths.append([*path, name])
    return found, paths


def _edge(places: list[tuple[float, float]], boxes: list[bool]) -> str:
    """A line from a box's right side through its bends to another box's left side."""
    half = [(_HEIGHT if box else _BEND) / 2 for box in boxes]
    x, y = places[0][0] + _WIDTH, places[0][1] + half[0]
    line = f"M{x:.0f} {y:.0f}"
    for (left, top), middle in zip(places[1:], half[1:]):
        bend = _GAP_X / 2
        line += f"C{x + bend:.0f} {y:.0f} {left - bend:.0f} {top + middle:.0f} {left:.0f} {top + middle:.0f}"
        x, y = left + _WIDTH, top + middle
        line += f"H{x:.0f}"
    line = line.rpartition("H")[0]
    left, middle = places[-1][0], places[-1][1] + half[-1]
    return f'<path class="edge" d="{line}"/><path class="tip" d="M{left:.0f} {middle:.0f}l-7 -4v8z"/>'


def _box(step: StepState, place: tuple[float, float], link: str | None) -> str:
    x, y = place
    reused = step.reused and step.state == states.COMPLETED
    kind = "reused" if reused else _CLASSES.get(step.state, "running")
    word = "Reused" if reused else step.state
    below = word if step.seconds is None else f"{word} · {step.seconds:.1f} s"
    name = step.name if len(step.name) <= 20 else f"{step.name[:19]}…"
    told = f"{step.name}: {word}" + (f": {step.reason}" if step.reason else "")
    box = (
        f"<g><title>{escape(told)}</title>"
        f'<rect class="box {kind}" x="{x:.0f}" y="{y:.0f}" width="{_WIDTH}" height="{_HEIGHT}"/>'
        f'<text x="{x + 12:.0f}" y="{y + 24:.0f}">{escape(name)}</text>'
        f'<text class="soft" x="{x + 12:.0f}" y="{y + 43:.0f}">{escape(below)}</text></g>'
    )
    return f'<a href="{escape(link)}">{box}</a>' if link else box


def mermaid(state: PipelineState) -> str:
    """The graph as Mermaid's text, which GitHub, GitLab and VS Code draw in Markdown."""
    ids = {name: f"s{number}" for number, name in enumerate(state.steps)}
    lines = ["flowchart LR"]
    for name, step in state.steps.items():
        label = re.sub(r'["\n]', "'", name)
        done = "" if step.state == states.WAITING else f"<br/>{'Reused' if step.reused else step.state}"
        lines.append(f'  {ids[name]}["{label}{done}"]')
    lines += [f"  {ids[one]} --> {ids[name]}" for name, step in state.steps.items() for one in step.after if one in ids]
    return "\n".join(lines) + "\n"


def page(state: PipelineState, run_id: str = "", status: str = "", *, seconds: int | None = None) -> str:
    """One HTML page without scripts: the graph, and below it the table of steps with links to logs and outputs.

    Links are relative to the pipeline's run folder. With `seconds` the page loads itself again that often.
    """
    links = {name: _log(step) for name, step in state.steps.items() if step.run_id}
    again = f'<meta http-equiv="refresh" content="{seconds}">' if seconds else ""
    rows = "\n".join(_row(step) for step in state.steps.values())
    made = "".join(f"<li>{escape(name)}: <code>{escape(place)}</code></li>" for name, place in state.outputs.items())
    where = " · ".join(part for part in (run_id, status) if part)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">{again}
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(state.name)}</title><style>{_STYLE}</style></head><body>
<h1>{escape(state.name)}</h1><p>{escape(where)}</p>
<div class="graph">{svg(state, links)}</div>
<table><thead><tr><th>Step</th><th>State</th><th>Seconds</th><th>Why</th><th>Files</th></tr></thead><tbody>
{rows}
</tbody></table>{f"<h2>Outputs</h2><ul>{made}</ul>" if made else ""}
</body></html>
"""


def _log(step: StepState) -> str:
    return f"../{quote(step.run_id or '')}/user_logs/std_log.txt"


def _row(step: StepState) -> str:
    reused = step.reused and step.state == states.COMPLETED
    files = ""
    if step.run_id:
        files = f'<a href="{escape(_log(step))}">log</a> <a href="../{quote(step.run_id)}/outputs/">outputs</a>'
    registered = "; ".join(step.registered.values())
    why = "; ".join(part for part in (step.reason, registered) if part)
    seconds = "" if step.seconds is None else f"{step.seconds:.1f}"
    return (
        f"<tr><td>{escape(step.name)}</td><td>{'Reused' if reused else step.state}</td>"
        f'<td class="number">{seconds}</td><td>{escape(why)}</td><td>{files}</td></tr>'
    )
