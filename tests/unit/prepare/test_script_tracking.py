"""A script that sends its metrics elsewhere is told of, by line; one that asks for the run's own place is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from amlrun.prepare.script_tracking import elsewhere


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("import mlflow\nmlflow.set_tracking_uri('sqlite:///own.db')\n", 2),
        ("from mlflow import set_tracking_uri\n\nif True:\n    set_tracking_uri('file:here')\n", 4),
        ("mlflow.set_tracking_uri(ws.get_mlflow_tracking_uri())\n", 1),
        ("mlflow.set_tracking_uri(os.environ['MLFLOW_TRACKING_URI'])\n", None),
        ("mlflow.set_tracking_uri(mlflow.get_tracking_uri())\n", None),
        ("# mlflow.set_tracking_uri('x')\nprint('set_tracking_uri')\n", None),
        ("mlflow.set_tracking_uri('x'\n", None),
    ],
)
def test_where_the_metrics_go(tmp_path: Path, text: str, line: int | None) -> None:
    (tmp_path / "train.py").write_text(text)
    found = elsewhere(tmp_path / "train.py")
    assert len(found) == (line is not None) and all(one.startswith(f"train.py:{line}: ") for one in found)


def test_no_script_is_no_fault(tmp_path: Path) -> None:
    assert elsewhere(tmp_path / "gone.py") == []
