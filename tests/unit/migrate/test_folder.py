"""A whole folder: what is found, what is passed on, and how the files are written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from amlrun.errors import AmlError
from amlrun.migrate.apply import check_clean, write_changes
from amlrun.migrate.folder import migrate_folder
from amlrun.migrate.readers import readers
from amlrun.migrate.report import markdown
from amlrun.migrate.result import FileChange, FileResult, Kind, MigrationReport, Verdict

TRAIN = "from azureml.core import Run\n\nrun = Run.get_context()\nrun.log('a', 1)\n"
SCORE = (
    "from azureml.core.model import Model\n\n\ndef init():\n    global path\n    path = Model.get_model_path('m')\n\n\n"
    "def run(data):\n    return path\n"
)
DRIVER = "from azureml.core import Experiment, ScriptRunConfig, Workspace\n\nExperiment(Workspace.from_config(), 'x')\n"


def fill(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def git(root: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words], cwd=root, check=True, capture_output=True
    )


def committed(root: Path, files: dict[str, str | bytes]) -> Path:
    fill(root, files)
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x")
    return root


def kinds(report: MigrationReport) -> dict[str, Kind]:
    return {result.path: result.kind for result in report.results}


def test_each_file_is_what_it_is(tmp_path: Path) -> None:
    fill(
        tmp_path,
        {
            "train.py": TRAIN,
            "deploy/score.py": SCORE,
            "submit.py": DRIVER,
            "book.ipynb": '{"cells": [{"cell_type": "code", "source": "import azureml.core"}]}',
            "conda.yml": "name: x\ndependencies:\n  - azureml-sdk\n",
            "other.yml": "a: 1\n",
            "plain.py": "print(1)\n",
            "words.py": "print('azureml')\n",
            ".venv/lib/train.py": TRAIN,
            "node_modules/x.py": TRAIN,
            "mine/pyvenv.cfg": "",
            "mine/train.py": TRAIN,
        },
    )
    report = migrate_folder(tmp_path, {})
    assert kinds(report) == {
        "train.py": Kind.JOB,
        "deploy/score.py": Kind.SCORING,
        "submit.py": Kind.DRIVER,
        "book.ipynb": Kind.NOTEBOOK,
        "conda.yml": Kind.CONDA,
    }
    assert report.without_v1 == 3


def test_a_conda_file_gets_what_its_rewritten_scripts_import(tmp_path: Path) -> None:
    script = (
        "from azureml.core import Run\nrun = Run.get_context()\n"
        "frame = run.input_datasets['rows'].to_pandas_dataframe()\nprint(frame.shape)\n"
    )
    conda = "dependencies:\n- python=3.11\n- pip:\n  - azureml-defaults\n"
    fill(tmp_path, {"train.py": script, "conda.yml": conda, "plain/train.py": TRAIN})
    report = migrate_folder(tmp_path, readers(offline=True, say=print))
    (change,) = next(one for one in report.results if one.path == "conda.yml").changes
    assert "  - pandas\n" in change.new and "  - mlflow-skinny" in change.new


def test_what_cannot_be_read_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "old.py": "import azureml.core\nprint 'python 2'\n",
        "latin.py": "import azureml.core  # é\n".encode("latin-1"),
        "latin_declared.py": "# -*- coding: latin-1 -*-\n# é\n".encode("latin-1") + TRAIN.encode(),
        "unknown.py": "# -*- coding: klingon -*-\nimport azureml.core\n",
        "big.py": TRAIN + "#" * 2_000_001,
        "min.py": "from azureml.core import Run;r=Run.get_context();" + "x=1;" * 4000 + "r.log('a',x)\n",
    }
    report = migrate_folder(fill(tmp_path, files), {})
    left = {result.path for result in report.results if result.verdict is Verdict.LEFT}
    assert left == {"old.py"}
    assert {finding.file for finding in report.skipped} == {"latin.py", "unknown.py", "big.py"}
    assert {change.path for change in report.changes} == {"latin_declared.py", "min.py"}
    write_changes(tmp_path, report.changes)
    assert (
        (tmp_path / "latin_declared.py").read_bytes().startswith("# -*- coding: latin-1 -*-\n# é\n".encode("latin-1"))
    )
    assert all((tmp_path / name).read_bytes() == fill_bytes(files[name]) for name in ("old.py", "latin.py", "big.py"))


def fill_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def test_a_module_that_is_passed_the_run_is_rewritten_with_its_script(tmp_path: Path) -> None:
    fill(
        tmp_path,
        {
            "src/train.py": "from azureml.core import Run\nfrom tools import Log, note\n\nrun = Run.get_context()\n"
            "note(run, 1)\nLog(owner=run).end(2)\n",
            "src/tools.py": "def note(owner, value):\n    owner.log('a', value)\n\n\nclass Log:\n"
            "    def __init__(self, owner):\n        self.owner = owner\n\n    def end(self, value):\n"
            "        if self.owner is not None:\n            self.owner.log('b', value)\n",
        },
    )
    report = migrate_folder(tmp_path, {})
    assert {result.path: result.verdict for result in report.results} == {
        "src/tools.py": Verdict.DONE,
        "src/train.py": Verdict.DONE,
    }
    new = {change.path: change.new for change in report.changes}
    assert "azureml" not in new["src/train.py"] and "run = mlflow" in new["src/train.py"]
    assert "owner.log" not in new["src/tools.py"]


def test_a_module_outside_the_folder_is_not(tmp_path: Path) -> None:
    fill(
        tmp_path,
        {
            "train.py": TRAIN + "from tools import note\nnote(run)\n",
            "other/deep/tools.py": "def note(r): r.log(1, 2)\n",
        },
    )
    assert migrate_folder(tmp_path, {}).results[0].verdict is Verdict.LEFT


def test_git_must_be_able_to_bring_the_files_back(tmp_path: Path) -> None:
    committed(tmp_path, {"a/train.py": TRAIN, "b.txt": "b\n"})
    report = migrate_folder(tmp_path / "a", {})
    check_clean(tmp_path / "a", report.changes)
    (tmp_path / "b.txt").write_text("changed\n", encoding="utf-8")
    with pytest.raises(AmlError, match=r"b\.txt: there are changes that are not committed"):
        check_clean(tmp_path / "a", report.changes)
    git(tmp_path, "checkout", "-q", ".")
    (tmp_path / "new.txt").write_text("untracked, but not in the way\n", encoding="utf-8")
    check_clean(tmp_path / "a", report.changes)
    git(tmp_path, "rm", "-q", "--cached", "a/train.py")
    git(tmp_path, "commit", "-q", "-m", "y")
    with pytest.raises(AmlError, match=r"a/train\.py: git does not track this file"):
        check_clean(tmp_path / "a", report.changes)


def test_an_ignored_file_is_not_brought_back_either(tmp_path: Path) -> None:
    committed(tmp_path, {".gitignore": "work/\n", "work/train.py": TRAIN})
    with pytest.raises(AmlError, match="git does not track this file"):
        check_clean(tmp_path, migrate_folder(tmp_path, {}).changes)


def test_without_git_force_is_asked_for(tmp_path: Path) -> None:
    fill(tmp_path, {"train.py": TRAIN})
    with pytest.raises(AmlError, match="not in a git repository") as caught:
        check_clean(tmp_path, migrate_folder(tmp_path, {}).changes)
    assert "--force" in caught.value.hint


@pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX's")
def test_a_read_only_file_is_named(tmp_path: Path) -> None:
    fill(tmp_path, {"train.py": TRAIN})
    (tmp_path / "train.py").chmod(0o444)
    (result,) = migrate_folder(tmp_path, {}).results
    assert result.verdict is Verdict.ASKS
    assert "read-only" in result.findings[0].message


def test_all_is_written_or_nothing(tmp_path: Path) -> None:
    fill(tmp_path, {"a.py": "a\n", "b.py": "b\n", "taken": "a file where a folder is needed\n"})
    changes = [
        FileChange("a.py", "a\n", "A\n"),
        FileChange("b.py", "b\n", "B\n"),
        FileChange("taken/c.py", None, "C\n"),
    ]
    with pytest.raises(AmlError):
        write_changes(tmp_path, changes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.py", "b.py", "taken"]
    assert (tmp_path / "a.py").read_text(encoding="utf-8") == "a\n"
    assert write_changes(tmp_path, changes[:2]) == [tmp_path / "a.py", tmp_path / "b.py"]
    assert (tmp_path / "b.py").read_text(encoding="utf-8") == "B\n"


def test_files_already_in_place_are_put_back(tmp_path: Path) -> None:
    fill(tmp_path, {"a.py": "a\n"})
    (tmp_path / "b.py").mkdir()  # a file can be written beside it, but not take its place
    changes = [FileChange("new.py", None, "N\n"), FileChange("a.py", "a\n", "A\n"), FileChange("b.py", "b\n", "B\n")]
    with pytest.raises(AmlError):
        write_changes(tmp_path, changes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.py", "b.py"]
    assert (tmp_path / "a.py").read_text(encoding="utf-8") == "a\n"


def test_a_file_that_changed_in_the_meantime_is_kept(tmp_path: Path) -> None:
    fill(tmp_path, {"a.py": "mine\n", "b.py": "made\n"})
    with pytest.raises(AmlError, match="has changed in the meantime"):
        write_changes(tmp_path, [FileChange("a.py", "a\n", "A\n")])
    with pytest.raises(AmlError, match="was created in the meantime"):
        write_changes(tmp_path, [FileChange("b.py", None, "B\n")])
    assert (tmp_path / "a.py").read_text(encoding="utf-8") == "mine\n"


@pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX's")
def test_permissions_stay(tmp_path: Path) -> None:
    fill(tmp_path, {"a.py": TRAIN})
    (tmp_path / "a.py").chmod(0o755)
    write_changes(tmp_path, migrate_folder(tmp_path, {}).changes)
    assert (tmp_path / "a.py").stat().st_mode & 0o777 == 0o755


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    fill(tmp_path, {"outside/train.py": TRAIN, "repo/plain.py": "x = 1\n"})
    try:
        (tmp_path / "repo" / "train.py").symlink_to(tmp_path / "outside" / "train.py")
        (tmp_path / "repo" / "folder").symlink_to(tmp_path / "outside", target_is_directory=True)
    except OSError as error:
        pytest.skip(f"no links here: {error}")
    assert migrate_folder(tmp_path / "repo", {}).results == []


def test_a_reader_that_fails_names_its_file_and_the_rest_is_read(tmp_path: Path) -> None:
    def fails(path: str, text: str, files: object) -> FileResult:
        raise IndexError("list index out of range")

    report = migrate_folder(fill(tmp_path, {"submit.py": DRIVER, "train.py": TRAIN}), {Kind.DRIVER: fails})
    assert {result.path: result.verdict for result in report.results} == {
        "submit.py": Verdict.LEFT,
        "train.py": Verdict.DONE,
    }
    assert "internal error on this file: IndexError" in report.results[0].findings[0].message


def test_there_is_no_such_path(tmp_path: Path) -> None:
    with pytest.raises(AmlError, match="there is no file or folder"):
        migrate_folder(tmp_path / "nowhere", {})


def test_the_report_says_all_of_it(tmp_path: Path) -> None:
    report = migrate_folder(
        fill(tmp_path, {"train.py": TRAIN, "score.py": SCORE, "old.py": "import azureml\nprint 1\n"}), {}
    )
    text = markdown(report, applied=False)
    assert "| done | 1 |" in text and "| note | 1 |" in text and "| left | 1 |" in text
    for result in report.results:
        assert f"## {result.path}" in text
        assert all(finding.message in text for finding in result.findings)
    data = report.to_dict()
    assert data["summary"] == {"done": 1, "note": 1, "asks": 0, "left": 1}
    assert [one["verdict"] for one in data["files"]] == ["left", "note", "done"]


def test_five_thousand_files(tmp_path: Path) -> None:
    for number in range(50):
        fill(tmp_path, {f"d{number}/f{at}.py": f"x = {at}\n" for at in range(100)})
    fill(tmp_path, {"d7/train.py": TRAIN})
    report = migrate_folder(tmp_path, {})
    assert report.without_v1 == 5000
    assert [result.path for result in report.results] == ["d7/train.py"]


def test_nothing_is_run_and_nothing_is_imported(tmp_path: Path) -> None:
    fill(tmp_path, {"train.py": TRAIN + "raise SystemExit('this was run')\n"})
    call = (
        "import sys; from pathlib import Path; from amlrun.migrate.folder import migrate_folder;"
        "report = migrate_folder(Path(sys.argv[1]), {}); assert report.changes;"
        "heavy = {'mlflow', 'pandas', 'numpy', 'azure', 'rich'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", call, str(tmp_path)], check=True)
