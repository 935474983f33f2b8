"""A sweep in pictures: history, parallel coordinates, importance and the trials' curves, as PNG and one HTML page."""

from __future__ import annotations

import base64
import contextlib
import html
import io
import math
from pathlib import Path
from typing import Any

from amlrun import extras
from amlrun.spec.job import Parameter, SweepJob
from amlrun.sweep.space import word
from amlrun.sweep.store import Trial
from amlrun.workers import preload

_BEST, _STOPPED, _PLAIN, _FAILED = "#d62728", "#ff7f0e", "#4c78a8", "#999999"
_SIZE = (7.0, 4.0)
_MOST_CURVES = 200


def write(folder: Path, sweep_id: str, job: SweepJob, trials: list[Trial], best: Trial | None) -> str:
    """Write `history.png`, `parallel.png`, `importance.png`, `curves.png` and `sweep.html`.

    Returns what kept it from doing so (matplotlib is not there), or an empty string. Raises OSError for the disk.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return f"No plots: they need matplotlib. Add it: {extras.how_to_add('sweep')}"
    drawn = {}
    for name, draw in (
        ("history", _history),
        ("parallel", _parallel),
        ("importance", _importance),
        ("curves", _curves),
    ):
        figure = Figure(figsize=_SIZE)
        if draw(figure, job, trials, best):
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=110, pil_kwargs={"compress_level": 1})
            drawn[name] = buffer.getvalue()
            (folder / f"{name}.png").write_bytes(drawn[name])
    (folder / "sweep.html").write_text(_page(sweep_id, job, trials, best, drawn), encoding="utf-8")
    return ""


def load() -> None:
    """Import ahead what `write` needs, if it is there, and find its fonts: an empty picture does both."""
    with contextlib.suppress(ImportError):
        import matplotlib.figure

        preload.draw_nothing(matplotlib.figure)


def _comparable(job: SweepJob, trials: list[Trial]) -> list[Trial]:
    """The trials that have a usable metric, and a value of every parameter (a workspace may not tell all)."""
    scored = (trial for trial in trials if trial.best is not None and math.isfinite(trial.best))
    return [trial for trial in scored if job.search_space.keys() <= trial.values.keys()]


def _history(figure: Any, job: SweepJob, trials: list[Trial], best: Trial | None) -> bool:
    """Each trial's best, in the order in which they were started, and the best so far."""
    scored = [(trial, trial.best) for trial in trials if trial.best is not None]
    if not scored:
        return False
    axes = figure.subplots()
    for state, colour in (("Completed", _PLAIN), ("Canceled", _STOPPED), ("Failed", _FAILED)):
        these = [(trial.number, value) for trial, value in scored if trial.state == state]
        if these:
            axes.scatter(*zip(*these), s=18, color=colour, label=state)
    pick = max if job.objective.goal == "maximize" else min
    line: list[float] = []
    numbers = []
    for trial, value in scored:
        if trial.state == "Completed":
            line.append(pick(line[-1], value) if line else value)
            numbers.append(trial.number)
    axes.plot(numbers, line, color=_BEST, drawstyle="steps-post", linewidth=1.2, label="best so far")
    axes.set(xlabel="trial", ylabel=job.objective.primary_metric, title="History")
    axes.legend(fontsize=8)
    return True


def _position(parameter: Parameter, value: Any, seen: list[Any]) -> float:
    """Where a value lies on its axis, 0 to 1: by its place in a choice, by its logarithm for log expressions."""
    if parameter.type == "choice":
        values = [word(one) for one in parameter.values or []]
        return values.index(word(value)) / max(len(values) - 1, 1)
    low, high, at = min(seen), max(seen), value
    if "log" in parameter.type and low > 0:
        low, high, at = math.log(low), math.log(high), math.log(value)
    return 0.5 if high == low else (at - low) / (high - low)


def _parallel(figure: Any, job: SweepJob, trials: list[Trial], best: Trial | None) -> bool:
    """A line a trial through its values, coloured by its metric."""
    shown = _comparable(job, trials)
    if len(shown) < 2:
        return False
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import LineCollection
    from matplotlib.colors import Normalize

    axes = figure.subplots()
    names = list(job.search_space)
    seen = {name: [trial.values[name] for trial in shown] for name in names}
    scores = [trial.best or 0.0 for trial in shown]
    scale = Normalize(min(scores), max(scores))
    ordered = sorted(shown, key=lambda trial: trial is best)
    lines = [
        [(x, _position(job.search_space[name], trial.values[name], seen[name])) for x, name in enumerate(names)]
        + [(len(names), float(scale(trial.best or 0.0)) if max(scores) > min(scores) else 0.5)]
        for trial in ordered
    ]
    colours = [_BEST if trial is best else colormaps["viridis"](scale(trial.best or 0.0)) for trial in ordered]
    widths = [2.5 if trial is best else 0.8 for trial in ordered]
    axes.add_collection(LineCollection(lines, colors=colours, linewidths=widths, alpha=0.8))
    for x, name in enumerate(names):
        axes.axvline(x, color="black", linewidth=0.6)
        for value in _marks(job.search_space[name], seen[name]):
            place = _position(job.search_space[name], value, seen[name])
            axes.annotate(_short(value), (x, place), fontsize=7, xytext=(3, 0), textcoords="offset points", va="center")
    axes.axvline(len(names), color="black", linewidth=0.6)
    axes.set(xlim=(-0.1, len(names) + 0.1), ylim=(-0.05, 1.05), yticks=[], title="Parallel coordinates")
    axes.set_xticks(range(len(names) + 1), [*names, job.objective.primary_metric], fontsize=8)
    figure.colorbar(ScalarMappable(scale, "viridis"), ax=axes)
    return True


def _marks(parameter: Parameter, seen: list[Any]) -> list[Any]:
    return parameter.values or [] if parameter.type == "choice" else sorted({min(seen), max(seen)})


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else word(value)


def importance(job: SweepJob, trials: list[Trial]) -> dict[str, float]:
    """How much of the metric's order among the trials each parameter explains, as shares of 1.

    The trials are ranked by the metric and grouped by the parameter (a choice's values, else quarters); the share is
    epsilon squared, the variance of the ranks between the groups, corrected for what chance alone would give. (Optuna's
    own evaluators import scikit-learn, two seconds for a bar chart.) Empty when nothing can be said.
    """
    shown = _comparable(job, trials)
    if len(shown) < 4:
        return {}
    ranks = _ranks([trial.best or 0.0 for trial in shown])
    found = {}
    for name, parameter in job.search_space.items():
        keys: list[Any] = [word(trial.values[name]) for trial in shown]
        if parameter.type != "choice":
            places = _ranks([float(trial.values[name]) for trial in shown])
            keys = [int(4 * place / len(shown)) for place in places]
        found[name] = max(_explained(ranks, keys), 0.0)
    total = sum(found.values())
    return {name: share / total for name, share in found.items()} if total else {}


def _ranks(values: list[float]) -> list[float]:
    """0 for the smallest; equals share the mean of their places."""
    ordered = sorted(values)
    return [ordered.index(value) + (ordered.count(value) - 1) / 2 for value in values]


def _explained(ranks: list[float], keys: list[Any]) -> float:
    """Epsilon squared of a one-way analysis of variance."""
    mean = sum(ranks) / len(ranks)
    whole = sum((rank - mean) ** 2 for rank in ranks)
    groups = [[rank for rank, key in zip(ranks, keys) if key == one] for one in set(keys)]
    if not whole or len(groups) < 2 or len(groups) == len(ranks):
        return 0.0
    within = sum(sum((rank - sum(group) / len(group)) ** 2 for rank in group) for group in groups)
    return 1 - within / whole * (len(ranks) - 1) / (len(ranks) - len(groups))


def _importance(figure: Any, job: SweepJob, trials: list[Trial], best: Trial | None) -> bool:
    shares = importance(job, trials)
    if not shares:
        return False
    axes = figure.subplots()
    names = sorted(shares, key=lambda name: shares[name])
    axes.barh(names, [shares[name] for name in names], color=_PLAIN)
    axes.set(xlabel="importance", title=f"Importance for {job.objective.primary_metric}")
    figure.subplots_adjust(left=0.25)
    return True


def _curves(figure: Any, job: SweepJob, trials: list[Trial], best: Trial | None) -> bool:
    """Each trial's reports; a cross where a policy stopped it."""
    shown = [trial for trial in trials if len(trial.curve)]
    if not shown:
        return False
    # The best comes last, on top; of very many the latest are enough.
    shown = sorted(shown[-_MOST_CURVES:], key=lambda trial: trial is best)
    axes = figure.subplots()
    for trial in shown:
        stopped = trial.stopped is not None
        colour = _BEST if trial is best else _STOPPED if stopped else _PLAIN
        reports = range(1, len(trial.curve) + 1)
        mark = "o" if len(trial.curve) == 1 else None
        width = 2.0 if trial is best else 0.8
        axes.plot(reports, trial.curve.values, color=colour, linewidth=width, alpha=0.8, marker=mark, markersize=3)
        if trial.stopped is not None:
            at = min(int(trial.stopped.get("interval", len(trial.curve))), len(trial.curve))
            axes.plot([at], [trial.curve.values[at - 1]], "x", color="black", markersize=6)
    axes.set(xlabel="report", ylabel=job.objective.primary_metric, title="Curves (x = stopped early)")
    return True


def _page(sweep_id: str, job: SweepJob, trials: list[Trial], best: Trial | None, drawn: dict[str, bytes]) -> str:
    """One HTML page that needs nothing from anywhere."""
    names = list(job.search_space)
    rows = []
    for trial in trials:
        cells = [
            str(trial.number),
            trial.state,
            "" if trial.best is None else f"{trial.best:.6g}",
            str(len(trial.curve)),
        ]
        cells += [_short(trial.values[name]) if name in trial.values else "" for name in names]
        cells.append(trial.why)
        mark = ' class="best"' if trial is best else ""
        rows.append(f"<tr{mark}>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in ["trial", "state", "best", "reports", *names, "why"])
    pictures = "".join(
        f'<img alt="{name}" src="data:image/png;base64,{base64.b64encode(data).decode()}">'
        for name, data in drawn.items()
    )
    metric = html.escape(job.objective.primary_metric)
    summary = f"{len(trials)} trials; {metric} to {job.objective.goal}."
    if best is not None:
        summary += f" Best: trial {best.number} ({html.escape(best.run.id)}), {best.best:.6g}."
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{html.escape(sweep_id)}</title>
<style>
body {{ font: 14px sans-serif; margin: 2em; }} img {{ max-width: 48%; margin: 0.5%; }}
table {{ border-collapse: collapse; }} td, th {{ padding: 2px 8px; text-align: left; border-bottom: 1px solid #ddd; }}
.best {{ font-weight: bold; }}
</style>
<h1>{html.escape(sweep_id)}</h1>
<p>{summary}</p>
<div>{pictures}</div>
<table><thead><tr>{heads}</tr></thead><tbody>
{chr(10).join(rows)}
</tbody></table>
</html>
"""
