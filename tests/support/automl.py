"""Tables and AutoML jobs for tests: small, made here, the same each time."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

JOB = """\
type: automl
task: {task}
compute: local
training_data: table.csv
target_column_name: kind
limits:
  max_trials: {trials}
training:
  allowed_training_algorithms: [{algorithms}]
{more}"""


def rows(count: int = 120, seed: int = 0) -> list[dict[str, Any]]:
    """A table with numbers, categories, a date, some missing values, and a target that depends on three of them."""
    draw = random.Random(seed)  # noqa: S311
    found = []
    for _ in range(count):
        x, y, colour = draw.gauss(0, 1), draw.gauss(0, 1), draw.choice(["red", "green", "blue"])
        month = draw.randint(1, 12)
        amount = 2 * x + y * (colour == "red") + draw.gauss(0, 0.5)
        found.append(
            {
                "x": round(x, 4) if draw.random() > 0.05 else "",
                "y": round(y, 4),
                "colour": colour if draw.random() > 0.05 else "",
                "day": f"2024-{month:02}-{draw.randint(1, 28):02}",
                "amount": round(amount, 4),
                "kind": "yes" if amount > 0 else "no",
            }
        )
    return found


def write(file: Path, table: list[dict[str, Any]]) -> None:
    """A table as CSV."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


def job(
    folder: Path,
    *,
    task: str = "classification",
    trials: int = 4,
    algorithms: str = "logistic_regression, decision_tree, bernoulli_naive_bayes",
    more: str = "",
) -> Path:
    """An AutoML job's file over `table.csv` beside it."""
    file = folder / "automl.yml"
    text = JOB.format(task=task, trials=trials, algorithms=algorithms, more=more)
    file.write_text(text if task == "classification" else text.replace("name: kind", "name: amount"))
    return file
