"""The workers are started by their path: their folder is on the path of these tests too."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[4] / "src" / "amlrun" / "workers" / "automl"


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in [file.stem for file in FOLDER.glob("*.py")]:
        if name in sys.modules:
            monkeypatch.delitem(sys.modules, name)
