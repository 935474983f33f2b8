"""Notebooks for tests, written as `.nb` text: `# %%` begins a code cell, `# %% [markdown]` one of text.

`# %% n=3` is a code cell that was the third to be run.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "unit" / "notebook" / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.nb"))


def notebook(text: str, **metadata: Any) -> dict[str, Any]:
    """The notebook's JSON, with Python's kernel unless `metadata` says another."""
    cells: list[dict[str, Any]] = []
    for part in re.split(r"^(?=# %%(?:$| \[markdown\]| tags=| n=))", text, flags=re.M):
        if not part.strip():
            continue
        head, _, source = part.partition("\n")
        kind = "markdown" if "[markdown]" in head else "code"
        tags = re.search(r"tags=(\[.*\])", head)
        cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": source.rstrip("\n").splitlines(True)}
        if kind == "code":
            count = re.search(r" n=(\d+)", head)
            cell |= {"execution_count": int(count[1]) if count else None, "outputs": []}
        if tags:
            cell["metadata"]["tags"] = json.loads(tags[1])
        cells.append(cell)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": kernel | metadata, "cells": cells}


def write(path: Path, text: str, **metadata: Any) -> Path:
    """Write the notebook that `text` spells to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook(text, **metadata), indent=1), encoding="utf-8")
    return path


def data(folder: Path) -> None:
    """The files that the notebooks read, in `folder`."""
    from sklearn.datasets import load_breast_cancer

    frame = load_breast_cancer(as_frame=True).frame
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / "cancer.csv", index=False)
    frame.iloc[::2].to_csv(folder / "parts" / "train.csv", index=False)
    frame.iloc[1::2].to_csv(folder / "parts" / "test.csv", index=False)
    (folder / "settings.json").write_text('{"C": 0.5}', encoding="utf-8")
