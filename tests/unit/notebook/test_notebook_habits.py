"""What people write in notebooks because a kernel is not a script."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import notebooks as notebooks_help

from amlrun.cli.notebook import command

pytestmark = pytest.mark.slow


def convert(root: Path, text: str) -> tuple[Path, dict[str, object]]:
    source = notebooks_help.write(root / "notebooks" / "n.ipynb", text)
    script = root / "models" / "m" / "train.py"
    words = ["convert", str(source), "-o", str(script), "--overwrite", "--json"]
    return script, json.loads(CliRunner().invoke(command, words, catch_exceptions=False).stdout)


def run(script: Path, *words: str) -> str:
    done = subprocess.run([sys.executable, script, *words], cwd=script.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


PARSER = """# %%
import argparse
p = argparse.ArgumentParser()
p.add_argument('--lr', type=float, default=0.1)
"""


@pytest.mark.parametrize(
    "read", ["a = p.parse_args([])", "a = p.parse_args(args=[])", "a = p.parse_args('')", "a, _ = p.parse_known_args()"]
)
def test_the_notebooks_own_options_are_the_scripts(tmp_path: Path, read: str) -> None:
    script, report = convert(tmp_path, f"{PARSER}{read}\nprint(a.lr)\n")
    assert run(script, "--lr", "0.7") == "0.7\n"
    assert [option["flag"] for option in report["options"]] == ["--lr"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "line", ["pip install six", "conda install -y six", "cd ..", "cd", "ls -la", "ls", "pwd", "mkdir -p out"]
)
def test_magics_without_their_sign(tmp_path: Path, line: str) -> None:
    script, _ = convert(tmp_path, f"# %%\n{line}\n# %%\nprint('x')\n")
    assert run(script) == "x\n"


def test_a_variable_that_is_called_like_a_command_is_one(tmp_path: Path) -> None:
    script, _ = convert(tmp_path, "# %%\nls, la = 5, 2\nls - la\n")
    assert run(script) == "3\n"


@pytest.mark.parametrize("language", ["sql", "md", "scala", "r", "sh", "fs"])
def test_a_cell_of_another_language(tmp_path: Path, language: str) -> None:
    script, _ = convert(tmp_path, f"# %%\n%{language}\nselect * from t\n# %%\nprint('x')\n")
    assert run(script) == "x\n"


def test_a_module_on_sys_path_is_ones_own_and_an_unknown_one_no_package(tmp_path: Path) -> None:
    (tmp_path / "notebooks" / "lib").mkdir(parents=True)
    (tmp_path / "notebooks" / "lib" / "ours.py").write_text("v = 1\n")
    text = (
        "# %%\nimport sys\nsys.path.append('lib')\nimport ours\nimport who_knows_what\nprint(ours.v, who_knows_what)\n"
    )
    _, report = convert(tmp_path, text)
    assert report["conda"] is None
    assert "imports ours, a file of your own" in str(report["todo"])
    assert "imports who_knows_what, which is not installed here" in str(report["todo"])


def test_a_future_import_below_a_magic(tmp_path: Path) -> None:
    script, _ = convert(tmp_path, "# %%\n%matplotlib inline\nfrom __future__ import annotations\nprint('x')\n")
    assert run(script) == "x\n"


def test_a_picture_that_a_cell_saves_is_closed_at_its_end(tmp_path: Path) -> None:
    cell = "# %%\nplt.plot([1, 2])\nplt.savefig('a.png')\n"
    check = "# %%\nnumbers = list(plt.get_fignums())\nprint(numbers)\n"
    script, _ = convert(tmp_path, "# %%\nimport matplotlib.pyplot as plt\n" + cell + check)
    assert run(script) == "[]\n"
