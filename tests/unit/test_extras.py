"""The command that adds an extra is one that works where it is told."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from amlrun import extras

pytestmark = pytest.mark.slow


class Installed:
    version = "1.2.3"

    def __init__(self, origin: object) -> None:
        self._origin = origin

    def read_text(self, name: str) -> str | None:
        return None if self._origin is None else json.dumps(self._origin)


@pytest.mark.parametrize(
    ("origin", "wanted"),
    [
        (None, "amlrun[azure]==1.2.3"),
        ({"url": "file:///checkouts/aml", "dir_info": {"editable": True}}, "amlrun[azure] @ file:///checkouts/aml"),
        (
            {"url": "https://user:token@example.com/acme/aml.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "amlrun[azure] @ git+https://example.com/acme/aml.git@abc",
        ),
        (
            {"url": "ssh://git@example.com/acme/aml.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "amlrun[azure] @ git+ssh://git@example.com/acme/aml.git@abc",
        ),
    ],
)
def test_it_comes_from_where_amlrun_came_from(monkeypatch: pytest.MonkeyPatch, origin: object, wanted: str) -> None:
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed(origin))
    assert extras.requirement("azure") == wanted


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose own environment is the one that runs."""
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed(None))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    return tmp_path


def test_a_rendered_project_has_a_group(place: Path) -> None:
    (place / "pyproject.toml").write_text('[dependency-groups]\nazure = ["x"]\n[tool.uv]\npackage = false\n')
    assert extras.how_to_add("azure") == "uv sync --group azure"
    assert extras.how_to_add("sweep") == "uv add 'amlrun[sweep]==1.2.3'"


def test_poetry(place: Path) -> None:
    (place / "pyproject.toml").write_text('[tool.poetry]\nname = "x"\n')
    assert extras.how_to_add("azure") == "poetry run pip install 'amlrun[azure]==1.2.3'"


def test_no_pyproject(place: Path) -> None:
    told = extras.how_to_add("azure")
    assert told.endswith("'amlrun[azure]==1.2.3'") and (" -m pip install " in told or told.startswith("uv pip install"))


def test_uvx_and_uv_tool(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "_is_installed", lambda module: False)
    monkeypatch.setattr(sys, "prefix", str(place / "uv" / "archive-v0" / "x1"))
    assert extras.how_to_add("azure") == "uvx --from 'amlrun[azure]==1.2.3' aml …"
    tool = place / "tools" / "amlrun"
    tool.mkdir(parents=True)
    (tool / "uv-receipt.toml").touch()
    monkeypatch.setattr(sys, "prefix", str(tool))
    assert extras.how_to_add("azure") == "uv tool install 'amlrun[azure]==1.2.3'"


def test_an_extra_that_is_there_is_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "_is_installed", lambda module: module == "optuna")
    monkeypatch.setattr(sys, "prefix", str(place / "uv" / "archive-v0" / "x1"))
    assert extras.how_to_add("azure") == "uvx --from 'amlrun[azure,sweep]==1.2.3' aml …"


def test_uvx_really_runs_from_such_a_place() -> None:
    """The names of uv's folders are its own: this tells when they change."""
    words = ["uvx", "--from", "iniconfig", "python", "-c", "import sys; print(sys.prefix)"]
    prefix = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    assert {"archive-v0", "environments-v2"} & set(Path(prefix).parts), prefix
