"""Options that a script does not read: told where the text says so, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest

from amlrun.prepare.script_options import ignored

PASSING = """\
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--batch-size", "--batch_size", type=int)
parser.add_argument("-v", "--verbose", action="store_true")
args, _ = parser.parse_known_args()
"""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--batch-size", "3", "-v", "--verb", "positional", "-5", "--"], []),
        (["--batch_size=3"], []),
        (["--batchsize", "3"], ["train.py has no option --batchsize and ignores it; did you mean --batch-size?"]),
        (["--Batch-Size=3"], ["train.py has no option --Batch-Size and ignores it; did you mean --batch-size?"]),
        (["--xyzzy"], ["train.py has no option --xyzzy and ignores it"]),
    ],
)
def test_what_is_ignored(tmp_path: Path, words: list[str], told: list[str]) -> None:
    script = tmp_path / "train.py"
    script.write_text(PASSING)
    assert ignored(script, words) == told


@pytest.mark.parametrize(
    "text",
    [
        PASSING.replace("parse_known_args", "parse_args"),  # argparse itself refuses
        PASSING + "for name in names: parser.add_argument('--' + name)\n",
        "import click\n" + PASSING,
        "from transformers import HfArgumentParser\n" + PASSING,
        PASSING + "parser.add_subparsers()\n",
        "import sys\nprint(sys.argv)\n",
        "this is no Python",
    ],
)
def test_what_cannot_be_told(tmp_path: Path, text: str) -> None:
    script = tmp_path / "train.py"
    script.write_text(text)
    assert ignored(script, ["--xyzzy"]) == []


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    assert ignored(tmp_path / "no.py", ["--xyzzy"]) == []
