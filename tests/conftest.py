"""The fixtures that the tests of the runner share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.workplace import RUNCONFIG, Workplace


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tier `unit`: what in tests/unit starts no process, makes no environment and trains nothing."""
    for item in items:
        if "unit" in item.path.parts and item.get_closest_marker("slow") is None:
            item.add_marker(pytest.mark.unit)


@pytest.fixture(autouse=True)
def no_mlflow_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """`mlflow.set_experiment` leaves its choice in the environment of the process."""
    for name in ("MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    place = Workplace(tmp_path / "project")
    (place.model / "aml_config").mkdir(parents=True)
    (place.root / ".copier-answers.yml").write_text("_src_path: x\n", encoding="utf-8")
    config = RUNCONFIG.format(python=json.dumps(sys.executable))
    (place.model / "aml_config" / "local.runconfig").write_text(config, encoding="utf-8")
    place.script("print('hello from the script')\n")
    return place


@pytest.fixture
def write() -> Callable[[Path, str], Path]:
    """Write a file, its folders made."""

    def write(file: Path, text: str) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    return write
