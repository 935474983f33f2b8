"""One door for every YAML file that is read: bounded, with lines, and a mistake told in words that help."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from amlrun.azure import common_tree
from amlrun.errors import AmlError
from amlrun.notebook import conda as notebook_conda
from amlrun.prepare import conda_file, data
from amlrun.project import Project
from amlrun.spec import node, yaml_data
from amlrun.spec.job import CommandJob
from amlrun.v1.hyperdrive import to_sweep
from amlrun.v1.runconfig import to_job
from amlrun.v1.scoring import field_table, inference

SOURCE = Path(__file__).parents[3] / "src" / "amlrun"
CASES = Path(__file__).parents[3].parent / "shared" / "cases" / "c9-yaml-messages"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(9)
)


def _datasets(file: Path) -> object:
    (file.parent / "data").mkdir()
    file.rename(file.parent / "data" / "datasets.yml")
    return data.load(Project(file.parent))


DOORS: dict[str, Callable[[Path], object]] = {
    "run configuration": to_job.read,
    "inference configuration": lambda file: inference.read(file, field_table.INFERENCE),
    "deployment configuration": lambda file: inference.read(file, field_table.DEPLOYMENT),
    "sweep": lambda file: to_sweep.load(file, CommandJob()),
    "conda file": conda_file.read,
    "conda file for the cloud": lambda file: common_tree.environment(common_tree.Environment(conda_file=file)),
    "conda file of a notebook": lambda file: notebook_conda._named(file.read_text(encoding="utf-8")),
    "datasets": _datasets,
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "text",
    [BOMB, "[" * 5000, "a: [" + "[x]," * 6000 + "]", "x: 1\n" * 5000, "\x00", "a: !!python/object:os.x {}\n- b"],
    ids=["aliases", "brackets", "long", "lines", "nul", "tag"],
)  # fmt: skip
def test_no_file_hangs_a_command_or_breaks_it(tmp_path: Path, door: str, text: str) -> None:
    file = tmp_path / "x.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(AmlError):
        DOORS[door](file)


def test_there_is_one_door() -> None:
    """ruamel.yaml reads in `spec` only; elsewhere it writes."""
    reading = re.compile(r"YAML\([^)]*\)\.load|yaml\.load\(|YAML\(typ=\"safe\"\)\.load")
    found = [file for file in SOURCE.rglob("*.py") if reading.search(file.read_text(encoding="utf-8"))]
    places = {file.relative_to(SOURCE).as_posix() for file in found}
    assert {place for place in places if not place.startswith(("serving/", "azure/"))} <= {"spec/yaml_data.py"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a:\n  b: 1\n    c: 2\n", 3, "indented more than the key above it"),
        ("a:\n    b: 1\n  c: 2\n", 3, "indented differently"),
        ("a: b: c\n", 1, "two keys on one line"),
        ("a:\n  image: x: y\n", 2, "two keys on one line"),
        ('{\n "a": 1\n "b": 2\n}\n', 3, "a comma or `}` is missing"),
        ("a: [1, 2\nb: 3\n", 2, "a comma or `]` is missing"),
        ("a:\u00a0 1\nb: 2\n", 1, "non-breaking space"),
        ("a:\n  b:\u00a01\n  c: 2\n", 2, "non-breaking space"),
        ("a:\n \u00a0b: 1\n", 2, "non-breaking space"),
        ("a: 1\nb\n", 2, "the colon is missing"),
        ("a:\n\tb: 1\n", 2, "a tab where YAML expects spaces"),
        ('a: "C:\\data"\n', 1, "begins an escape"),
        ("a: *.csv\n", 1, "means a reference"),
        ("a: @b\n", 1, "reserves"),
        ('a: "b\n', 2, "never closed"),
        ("a: 1\na: 2\n", 2, "given twice, first on line 1"),
        ("a:\n<<<<<<< HEAD\n", 2, "merge-conflict"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_to_do(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(AmlError, match=re.escape(words)) as caught:
        node.parse(text, tmp_path / "x.yml")
    assert caught.value.line == line and caught.value.hint


def test_no_value_of_the_file_is_in_the_message(tmp_path: Path) -> None:
    for text in ('a: "hunter2\n', "a: hunter2: x: y\n", "password: [hunter2\nb: 'hunter2'\n", "a: @hunter2\n"):
        with pytest.raises(AmlError) as caught:
            node.parse(text, tmp_path / "x.yml")
        assert "hunter2" not in str(caught.value)


def test_a_colon_without_a_space_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "x.runconfig"
    file.write_text("script: t.py\ndata:\n  d:\n    dataLocation:\n      dataPath:\n        datastoreName:blob\n")
    problem = to_job.read(file).problems[0]
    assert problem.hint == "Write a space after the colon: `datastoreName: …`" and problem.line == 5


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
def test_the_shared_cases_are_explained() -> None:
    expected = {"comma": 3, "indent": 5, "nbsp": 6, "nbsp2": 9, "twice": 4}
    for name, line in expected.items():
        with pytest.raises(AmlError) as caught:
            to_job.read(CASES / f"{name}.runconfig")
        assert (caught.value.line, bool(caught.value.hint)) == (line, True), name


def test_lines_are_remembered(tmp_path: Path) -> None:
    file = tmp_path / "x.yml"
    file.write_text("# head\na: 1\nb:\n  - x\n  - {y: 2}\n")
    tree = yaml_data.load(file, expected="keys")
    assert tree == {"a": 1, "b": ["x", {"y": 2}]}
    assert [yaml_data.line_of(tree, "b"), yaml_data.line_of(tree["b"], 1), yaml_data.line_of(tree["b"][1], "y")] == [
        3,
        5,
        5,
    ]
    assert yaml_data.line_of({"a": 1}, "a") is None


def test_a_folder_is_named_as_one(tmp_path: Path) -> None:
    with pytest.raises(AmlError, match="is a folder"):
        node.read(tmp_path)
