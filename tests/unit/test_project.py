"""The project on disk: where its root is, and whether it needs a newer amlrun."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from amlrun import project
from amlrun.errors import AmlError


def write(root: Path, required: str) -> Path:
    (root / "models").mkdir(parents=True)
    (root / "pyproject.toml").write_text(
        f'[project]\nname = "p"\n\n[tool.amlrun]\n# why\nrequired-version = {required}\n'
    )
    return root


@pytest.mark.parametrize("required", ["99.0.0", "0.99", "1"])
def test_an_older_library_names_both_versions_and_the_next_step(tmp_path: Path, required: str) -> None:
    root = write(tmp_path / "p", f'">={required}"')
    with pytest.raises(AmlError) as caught:
        project.find(root / "models")
    text = str(caught.value)
    assert text.startswith(f"{root / 'pyproject.toml'}:6: tool.amlrun.required-version: ")
    assert required in text and version("amlrun") in text and "uv sync" in text


@pytest.mark.parametrize("required", ['">=0.0.9"', f'">={version("amlrun")}"', "'>= 0.1'", '"anything"', "1"])
def test_a_library_that_is_new_enough_goes_on(tmp_path: Path, required: str) -> None:
    root = write(tmp_path / "p", required)
    assert project.find(root / "models").root == root


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[tool.amlrun]\n", b'[tool.other]\nrequired-version = ">=99"\n']
)
def test_any_other_pyproject_goes_on(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pyproject.toml").write_bytes(content)
    assert project.find(tmp_path).root == tmp_path


def test_the_template_asks_for_a_version_that_exists() -> None:
    root = Path(__file__).parents[2]
    text = (root / "template" / "pyproject.toml.jinja").read_text(encoding="utf-8")
    required = text.split('required-version = ">=')[1].split('"')[0]
    assert [int(part) for part in required.split(".")] <= [int(part) for part in version("amlrun").split(".")]
