"""What a sweep leaves in its `outputs/` (the table of trials, the best trial and its outputs, pictures), and how one
ends that found nothing.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

from amlrun.project import Project
from amlrun.runs import metrics
from amlrun.runs import store as runs
from amlrun.runs.status import RunStatus
from amlrun.sweep.progress import SweepState
from amlrun.sweep.store import Trial
from amlrun.targets.base import Outcome
from amlrun.targets.run_log import last_line


def write(sweep: SweepState, best: Trial | None, names: list[str] | None = None) -> None:
    """Write everything into the sweep's `outputs/`; `names` are the columns of its table, the parameters as a rule.

    The best trial's outputs lie there as they did in its own folder, so that `--asset-path outputs/model.pkl`
    means the same for the sweep as for the trial. Raises OSError when the disk refuses.
    """
    folder = sweep.sweep.folder / "outputs"
    trials = [sweep.trials[number] for number in sorted(sweep.trials)]
    # First, so that a trial's own trials.csv does not replace the sweep's.
    if best is not None:
        _copy_outputs(best.run, folder)
        runs.replace_json(folder / "best.json", best_of(sweep, best))
    write_table(folder / "trials.csv", trials, names or list(sweep.settings.job.search_space))
    if any(len(trial.curve) for trial in trials):
        from amlrun.sweep import pictures

        problem = pictures.write(folder, sweep.sweep.id, sweep.settings.job, trials, best)
        if problem:
            sweep.log.line(problem)


def write_table(file: Path, trials: list[Trial], names: list[str]) -> None:
    """`trials.csv`: trial, run_id, state, best, reports, then a column a parameter (empty: it never had a value)."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["trial", "run_id", "state", "best", "reports", *names])
    for trial in trials:
        best = "" if trial.best is None else repr(trial.best)
        seconds = trial.run.part("exit").get("seconds", "") if "seconds" in names else ""
        values = [trial.values.get(name, seconds if name == "seconds" else "") for name in names]
        table.writerow([trial.number, trial.run.id, trial.state, best, len(trial.curve), *values])
    runs.replace_text(file, text.getvalue(), newline="")


def best_of(sweep: SweepState, best: Trial) -> dict[str, Any]:
    """`best.json`."""
    objective = sweep.settings.job.objective
    return {
        "sweep_run_id": sweep.sweep.id,
        "run_id": best.run.id,
        "trial": best.number,
        "metric": objective.primary_metric,
        "goal": objective.goal,
        "best": best.best,
        "reports": len(best.curve),
        "parameters": best.values,
    }


def _copy_outputs(run: runs.RunFolder, folder: Path) -> None:
    before = folder.parent / ".run" / "best_outputs.json"
    try:
        old = json.loads(before.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        old = []
    # An earlier session's best may have left files that this one's does not have.
    for name in old:
        (folder / name).unlink(missing_ok=True)
    source = run.folder / "outputs"
    names = sorted(file.relative_to(source).as_posix() for file in source.rglob("*") if file.is_file())
    before.write_text(json.dumps(names), encoding="utf-8")
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, target)


def never_logged(project: Project, metric: str, trial: Trial) -> Outcome:
    """How a sweep ends whose trial completed without the metric."""
    logged = sorted(metrics.metrics(project, trial.run.id))
    hint = f"It logged {', '.join(logged)}." if logged else "It logged nothing through MLflow."
    return Outcome(
        RunStatus.FAILED,
        f"trial {trial.number} completed without logging the metric {metric!r}",
        f"{hint}\nName one of the script's metrics as primary_metric_name, or log it: "
        f'mlflow.log_metric("{metric}", value)',
    )


def all_failed(failed: list[Trial]) -> Outcome:
    """How a sweep ends whose trials all failed: by the first of them."""
    first = min(failed, key=lambda trial: trial.number)
    line = last_line(first.run)
    return Outcome(
        RunStatus.FAILED,
        f"all {len(failed)} trials failed; trial {first.number}: {first.why}",
        f"Its last line: {line}\nThe whole log: {first.run.log}" if line else f"Its log: {first.run.log}",
    )
