"""A conda file in pip's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from amlrun.errors import AmlError
from amlrun.prepare import conda_file


def requirements(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "conda.yml"
    file.write_text(text, encoding="utf-8")
    return [one.text for one in conda_file.read(file).requirements]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("numpy", ["numpy"]),
        ("numpy=1.26", ["numpy==1.26.*"]),
        ("numpy=1.26.*", ["numpy==1.26.*"]),
        ("numpy==1.26.4", ["numpy==1.26.4"]),
        ("numpy=1.26.4=py311h64a7726_0", ["numpy==1.26.4"]),
        ("numpy>=1.26,<3", ["numpy>=1.26,<3"]),
        ("numpy >=1.26, <3", ["numpy>=1.26,<3"]),
        ("numpy 1.26.*", ["numpy==1.26.*"]),
        ("numpy[version='>=1.26']", ["numpy>=1.26"]),
        ("conda-forge::scikit-learn=1.5", ["scikit-learn==1.5.*"]),
        ("pytorch=2.4", ["torch==2.4.*"]),
        ("matplotlib-base", ["matplotlib"]),
        ("python=3.11", []),
        ("pip", []),
        ("cudatoolkit=11.3", []),
    ],
)
def test_versions(tmp_path: Path, said: str, meant: list[str]) -> None:
    assert requirements(tmp_path, f'dependencies:\n  - "{said}"\n') == meant


def test_python_and_substitutions_are_reported(tmp_path: Path) -> None:
    file = tmp_path / "conda.yml"
    file.write_text("dependencies: [python=3.10.4, pytorch, mkl, pip: [requests]]\nvariables: {A: 1}\n")
    found = conda_file.read(file)
    assert found.python == "3.10.4"
    assert found.variables == {"A": "1"}
    assert [line.split(":")[0] for line in found.substitutions] == ["pytorch", "mkl"]


def test_pip_files_start_at_the_conda_file_and_are_part_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("requests\n")
    text = "dependencies:\n- pip:\n  - -r more.txt\n"
    assert requirements(tmp_path, text) == [f"-r {(tmp_path / 'more.txt').as_posix()}"]
    before = conda_file.read(tmp_path / "conda.yml").text
    (tmp_path / "more.txt").write_text("flask\n")
    assert conda_file.read(tmp_path / "conda.yml").text != before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b\n", "expected a conda file"),
        ("dependencies: numpy\n", "conda.yml:1: dependencies: expected a list"),
        ("name: x\ndependncies: []\n", "conda.yml:2: dependncies: unknown key"),
        ("dependencies:\n- numpy\n- 5\n", "conda.yml:3: expected `name=version`"),
        ("dependencies:\n- numpy\n- 'numpy=1.2|1.3'\n", "conda.yml:3: 'numpy=1.2|1.3'"),
        ("dependencies: [\n", "conda.yml:2: is not YAML"),
        ("dependencies:\n- '=1.2'\n", "conda.yml:2: can't read the package"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(AmlError) as wrong:
        requirements(tmp_path, text)
    assert message in str(wrong.value)


def test_a_missing_file_says_where_paths_start(tmp_path: Path) -> None:
    with pytest.raises(AmlError, match="no such conda file") as wrong:
        conda_file.read(tmp_path / "gone.yml")
    assert "--path" in wrong.value.hint
