"""`aml migrate` as it is typed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from amlrun import cli
from amlrun.errors import AmlError

TRAIN = "from azureml.core import Run\n\nrun = Run.get_context()\nrun.log('a', 1)\nrun.get_details()\n"


def aml(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(["migrate", *words])
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text(TRAIN, encoding="utf-8")
    (tmp_path / "plain.py").write_text("x = 1\n", encoding="utf-8")
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def test_a_diff_first(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert aml(str(repo)) == 0
    shown = capsys.readouterr().out
    assert "--- a/train.py\n+++ b/train.py\n" in shown
    assert "+mlflow.log_metric('a', 1)\n" in shown
    assert "left  train.py (job script)\n    train.py:5: run.get_details() has no counterpart\n" in shown
    assert "1 left; 1 file without SDK v1.\n\nNothing was written. Add --apply to write the changes.\n" in shown
    assert (repo / "train.py").read_text(encoding="utf-8") == TRAIN


def test_no_diff_shows_a_secret(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "db_password = 'hunter22plant'\nurl = 'https://me:hunter23plant@feed.invalid/simple'\n"
    (repo / "train.py").write_text(TRAIN + line, encoding="utf-8")
    (repo / "conda.yml").write_text(
        "channels: [https://me:hunter24plant@conda.invalid/c]\ndependencies:\n- python=3.7\n- pip:\n"
        "  - git+https://ghp_abcdefABCDEF0123456789abcdefABCDEF01@github.com/a/b.git\n  - azureml-defaults\n"
    )
    for words in ((str(repo),), (str(repo), "-o", "json")):
        assert aml(*words) == 0
        shown = capsys.readouterr()
        assert "plant" not in shown.out + shown.err and "ghp_" not in shown.out + shown.err
        assert "b/conda.yml" in shown.out and "https://***@conda.invalid/c" in shown.out


def test_apply_writes_once(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert aml(str(repo), "--apply", "--report", str(repo / "migration")) == 0
    assert "Wrote 1 file." in capsys.readouterr().out
    assert "mlflow.log_metric('a', 1)" in (repo / "train.py").read_text(encoding="utf-8")
    assert "# Migration from Azure ML SDK v1" in (repo / "migration.md").read_text(encoding="utf-8")
    assert json.loads((repo / "migration.json").read_text(encoding="utf-8"))["applied"] is True
    assert aml(str(repo), "--apply") == 0
    assert "There was nothing to write." in capsys.readouterr().out


def test_uncommitted_changes_refuse(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repo / "plain.py").write_text("x = 2\n", encoding="utf-8")
    assert aml(str(repo), "--apply") == 2
    shown = capsys.readouterr()
    assert "plain.py: there are changes that are not committed" in shown.err
    assert "--force" in shown.err
    assert (repo / "train.py").read_text(encoding="utf-8") == TRAIN
    assert aml(str(repo), "--apply", "--force") == 0


def test_json_is_one_document(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert aml(str(repo / "train.py"), "-o", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["summary"]["left"] == 1
    assert found["files"][0]["findings"][0]["line"] == 5
    assert found["changes"][0]["diff"].startswith("--- a/train.py")


def test_no_such_path(capsys: pytest.CaptureFixture[str]) -> None:
    assert aml("no/such/folder") == 2
    assert "there is no file or folder" in capsys.readouterr().err


def test_debug_shows_the_traceback() -> None:
    with pytest.raises(AmlError):
        cli.main(["migrate", "--debug", "no/such/folder"])


def test_a_folder_without_v1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert aml(str(tmp_path)) == 0
    assert "No SDK v1 code was found: 0 files without SDK v1." in capsys.readouterr().out
