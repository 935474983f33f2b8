"""`copier copy` at a terminal of 80 columns, answered by hand: every question, every branch, every refusal in full."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.rendering import questions

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal is POSIX's", allow_module_level=True)

import pexpect
import pyte

# Generous, for it only ends what hangs.
LIMIT = 120.0
COLUMNS = 80
ENTER, ERASE, DOWN = "\r", "\x01\x0b", "\x1b[B"
TEXT = {name: question["help"] for name, question in questions().items()}


class Interview:
    """Copier in a pseudo-terminal, and what its screen shows."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.screen = pyte.Screen(COLUMNS, 200)
        self.stream = pyte.Stream(self.screen)
        words = ("-m", "copier", "copy", *words)
        env = {**os.environ, "TERM": "xterm", "PYTHONSAFEPATH": "1"}
        env.pop("NO_COLOR", None)
        self.process = pexpect.spawn(
            sys.executable, list(words), cwd=folder, env=env, dimensions=(200, COLUMNS), encoding="utf-8", timeout=LIMIT
        )

    def read(self) -> bool:
        """Take what has been printed; False when the program has ended."""
        try:
            text = self.process.read_nonblocking(65536, timeout=0.05)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.stream.feed(text)
        if "\x1b[6n" in text:
            self.process.send(f"\x1b[{self.screen.cursor.y + 1};{self.screen.cursor.x + 1}R")
        return True

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display).strip()

    def wait(self, expected: str) -> None:
        """Until the screen shows `expected`."""
        end = time.monotonic() + LIMIT
        while expected not in self.text():
            alive = self.read()
            if expected not in self.text() and (not alive or time.monotonic() > end):
                raise AssertionError(f"{expected!r} is not shown:\n{self.text()}")

    def answer(self, question: str, keys: str = "") -> None:
        self.wait(TEXT[question])
        self.process.send(keys + ENTER)

    def refused(self, question: str, keys: str, why: str) -> None:
        """Type a wrong answer: the reason is shown whole, and the line is empty again."""
        self.wait(TEXT[question])
        self.process.send(ERASE + keys + ENTER)
        shown = f"Validation error for question '{question}': {why}"
        assert len(shown) <= COLUMNS
        self.wait(shown)
        self.process.send(ERASE)

    def end(self) -> str:
        while self.read():
            pass
        self.process.close()
        assert self.process.exitstatus == 0, self.text()
        assert "Traceback" not in self.text()
        return self.text()

    def questions_asked(self) -> list[str]:
        return [name for name, text in TEXT.items() if text in self.text()]


@pytest.fixture
def interview(template: Path, tmp_path: Path) -> Iterator[Any]:
    begun: list[Interview] = []

    def begin(*words: str) -> Interview:
        begun.append(Interview(tmp_path, str(template), *words))
        return begun[-1]

    yield begin
    for one in begun:
        one.process.close(force=True)


def stored(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / ".copier-answers.yml").read_text(encoding="utf-8"))
    return found


BASICS = ("project_name", "description", "model_name", "python_version", "framework", "compute_cluster")


def test_enter_takes_every_default(interview, tmp_path):
    talk = interview("p")
    for name in (*BASICS, "workspace_name", "ci"):
        talk.answer(name)
    said = talk.end()
    assert talk.questions_asked() == [*BASICS, "workspace_name", "ci"]
    assert "uv run aml run submit-script -c train-local -e first -t run.json" in said
    assert stored(tmp_path / "p")["project_name"] == "my-model"
    assert not (tmp_path / "p" / ".azureml").exists()


def test_somebody_with_a_workspace(interview, tmp_path):
    talk = interview("p")
    for name in BASICS:
        talk.answer(name)
    talk.answer("workspace_name", "ws-1")
    talk.answer("subscription_id", "01234567-89ab-cdef-0123-456789abcdef")
    talk.answer("resource_group", "rg (team)"[:2])
    talk.answer("ci", DOWN)
    talk.end()
    assert stored(tmp_path / "p")["resource_group"] == "rg"
    assert (tmp_path / "p" / ".azureml" / "config.json").exists()
    assert (tmp_path / "p" / "azure-pipelines.yml").exists()


def test_each_refusal_is_readable(interview, tmp_path):
    talk = interview("p")
    talk.refused("project_name", "a/b", "use letters, digits, space . _ -")
    talk.refused("project_name", "", "enter a name")
    talk.refused("project_name", "1st", "must begin with a letter")
    talk.refused("project_name", "one-", "must end with a letter or digit")
    talk.refused("project_name", "con", "reserved by Windows")
    talk.answer("project_name", "Credit risk")
    talk.refused("description", " ", "enter a short description")
    talk.refused("description", "x" * 301, "at most 300 characters")
    talk.answer("description", "Scores.")
    talk.refused("model_name", "a b", "use letters, digits, . _ -")
    talk.refused("model_name", "a..b", "no two dots in a row")
    talk.answer("model_name", "credit")
    talk.answer("python_version", DOWN)
    talk.answer("framework", DOWN)
    talk.refused("compute_cluster", "local", "keyword of run configurations")
    talk.refused("compute_cluster", "x" * 25, "2 to 24 characters")
    talk.answer("compute_cluster", "gpu")
    talk.refused("workspace_name", "ab", "3 to 33 characters, or empty")
    talk.refused("workspace_name", "a b c", "use letters, digits, _ -")
    talk.refused("workspace_name", "-ws", "begin with a letter or digit")
    talk.answer("workspace_name", "ws-1")
    talk.refused("subscription_id", "", "8-4-4-4-12 hexadecimal digits")
    talk.refused("subscription_id", "my subscription", "8-4-4-4-12 hexadecimal digits")
    talk.answer("subscription_id", "01234567-89ab-cdef-0123-456789abcdef")
    talk.refused("resource_group", "", "enter a name")
    talk.refused("resource_group", "a b", "use letters, digits, _ - . ( )")
    talk.refused("resource_group", "-rg", "must not begin with . - or )")
    talk.refused("resource_group", "rg.", "must not end with a dot")
    talk.refused("resource_group", "x" * 91, "1 to 90 characters")
    talk.answer("resource_group", "rg")
    talk.answer("ci", DOWN + DOWN)
    talk.end()
    found = stored(tmp_path / "p")
    assert (found["project_name"], found["python_version"], found["compute_cluster"], found["ci"]) == (
        "Credit risk", "3.12", "gpu", "none",
    )  # fmt: skip
    assert found["framework"] == "xgboost"


@pytest.mark.parametrize(
    ("own", "asked", "answers", "kept"),
    [
        (["train.py"], ["sample"], [""], {"sample": False}),
        (["train.py"], ["sample"], ["y"], {"sample": True}),
        (["pyproject.toml"], ["keep_pyproject"], [""], {"keep_pyproject": True}),
        (["train.py", "pyproject.toml"], ["sample", "keep_pyproject"], ["", ""],
         {"sample": False, "keep_pyproject": True}),
    ],
)  # fmt: skip
def test_a_repository_with_files_of_its_own(interview, tmp_path, own, asked, answers, kept):
    for name in own:
        (tmp_path / name).write_text("# the owner's\n")
    talk = interview(".")
    for name, keys in zip(asked, answers):
        # A yes-or-no question takes the letter alone.
        talk.wait(TEXT[name])
        talk.process.send(keys or ENTER)
    sample = kept.get("sample", True)
    for name in (*BASICS, "workspace_name"):
        if sample or name != "framework":
            talk.answer(name)
    if sample:
        talk.answer("ci")
    said = talk.end()
    assert talk.questions_asked()[: len(asked)] == asked
    found = stored(tmp_path)
    assert {key: found[key] for key in kept} == kept
    assert (tmp_path / own[0]).read_text() == "# the owner's\n"
    assert ("uvx --from" in said.replace("\n", " ")) == kept.get("keep_pyproject", False)


def test_every_question_fits_into_80_columns():
    for name, text in TEXT.items():
        assert len(text) <= COLUMNS - 3, name
    text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", " ".join(q.get("validator", "") for q in questions().values()))
    assert text.strip()
