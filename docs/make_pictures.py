"""Draw the documents' pictures: a run's curve, a sweep's history, the architecture.

    python docs/make_pictures.py PROJECT RUN SWEEP

PROJECT is a project rendered from the template, RUN the id of a run of its sample, SWEEP that of a sweep whose
policy stopped trials: `sweep.yml` with `primary_metric_name: val_loss` and `primary_metric_goal: minimize`.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

FOLDER = Path(__file__).parent / "pages" / "pictures"
BLUE, GREY, LIGHT = "#3465c4", "#555555", "#eef2fb"


def curve(project: Path, run: str) -> None:
    """The validation loss of a run of the sample, epoch by epoch, as MLflow's database has it."""
    query = (
        "select m.step, m.value from metrics m join runs r on r.run_uuid = m.run_uuid "
        "where r.name = ? and m.key = 'val_loss' order by m.step"
    )
    with sqlite3.connect(project / "mlflow.db") as database:
        points = database.execute(query, (run,)).fetchall()
    if not points:
        sys.exit(f"{run} has no val_loss in {project / 'mlflow.db'}")
    figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
    ax.plot(*zip(*points), marker="o", markersize=4, color=BLUE)
    ax.set(xlabel="epoch", title="val_loss", ylim=(0, None), xticks=range(0, len(points), 2))
    ax.grid(axis="y", color="#dddddd", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(FOLDER / "curve.png", dpi=110, metadata={"Software": None})


def sweep(project: Path, run: str) -> None:
    """Two of the pictures that the sweep itself drew, side by side."""
    drawn = [project / "runs" / run / "outputs" / f"{name}.png" for name in ("history", "curves")]
    if not all(file.exists() for file in drawn):
        sys.exit(f"the sweep {run} drew no pictures")
    plt.imsave(FOLDER / "sweep.png", np.hstack([plt.imread(file) for file in drawn]), metadata={"Software": None})


def architecture() -> None:
    """The way of a run configuration: one job, two targets, one run folder."""
    figure, ax = plt.subplots(figsize=(9, 3.4), layout="constrained")
    ax.set(xlim=(0, 90), ylim=(0, 34))
    ax.axis("off")

    def box(x: float, y: float, text: str, colour: str = LIGHT) -> None:
        ax.text(
            x, y, text, ha="center", va="center", fontsize=10,
            bbox={"boxstyle": "round,pad=0.6", "facecolor": colour, "edgecolor": BLUE},
        )  # fmt: skip

    def arrow(start: tuple[float, float], end: tuple[float, float], text: str = "", down: float = 0) -> None:
        ax.annotate("", xy=end, xytext=start, arrowprops={"arrowstyle": "->", "color": GREY})
        side = 4 if start[1] != end[1] else 0
        x, y = (start[0] + end[0]) / 2 - side, (start[1] + end[1]) / 2 + 1.6 - down
        ax.text(x, y, text, ha="center", fontsize=9, color=GREY)

    box(9, 17, "train.runconfig\ntrain-conda.yml\ntrain.py")
    box(34, 17, "a job, in\nv2's words")
    box(58, 27, "this machine\nno Azure, no Docker")
    box(58, 7, "Azure ML compute")
    box(81, 17, "runs/RUN\noutputs, logs,\nrun.json")
    arrow((17, 17), (27.5, 17), "aml")
    arrow((40.5, 19), (49, 25), "target: local")
    arrow((40.5, 15), (49.5, 8.5), "target: cluster", 4.5)
    arrow((67, 25.5), (75, 20))
    arrow((66.5, 8.5), (75, 14))
    figure.savefig(FOLDER / "architecture.svg", metadata={"Date": None})


def main() -> None:
    """Draw all three."""
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "the same picture each time"
    FOLDER.mkdir(parents=True, exist_ok=True)
    project, run, swept = sys.argv[1:4]
    architecture()
    curve(Path(project), run)
    sweep(Path(project), swept)


if __name__ == "__main__":
    main()
