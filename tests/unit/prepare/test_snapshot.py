"""Which files travel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from amlrun.errors import AmlError
from amlrun.prepare import snapshot
from amlrun.runs.files import replace_json


def names(root: Path, **more: object) -> list[str]:
    return [path for path, _ in snapshot.build_snapshot(root, **more).files]  # type: ignore[arg-type]


def fill(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(file)


def test_gitignore_counts_in_every_folder(tmp_path: Path) -> None:
    fill(tmp_path, "a.py", "a.log", "sub/b.py", "sub/b.log", "sub/keep.log", "sub/deep/c.tmp", "deep/c.tmp")
    (tmp_path / ".gitignore").write_text("*.log\n.gitignore\n")
    (tmp_path / "sub" / ".gitignore").write_text("!keep.log\ndeep/*.tmp\n")
    assert names(tmp_path) == ["a.py", "deep/c.tmp", "sub/b.py", "sub/keep.log"]


def test_amlignore_replaces_gitignore(tmp_path: Path) -> None:
    fill(tmp_path, "a.py", "a.log", "b.csv", "sub/a.log")
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / "sub" / ".gitignore").parent.mkdir(exist_ok=True)
    (tmp_path / "sub" / ".gitignore").write_text("*.log\n")
    (tmp_path / ".amlignore").write_text("*.csv\n.*ignore\n")
    assert names(tmp_path) == ["a.log", "a.py", "sub/a.log"]


@pytest.mark.parametrize(
    "file",
    [".git/config", ".venv/x.py", "__pycache__/x.pyc", "mlruns/x", "mlflow.db", "env/pyvenv.cfg",
     "conda/conda-meta/history", ".ipynb_checkpoints/x.ipynb", "old/.run/run.json"],
)  # fmt: skip
def test_never_travels(tmp_path: Path, file: str) -> None:
    fill(tmp_path, "train.py", file)
    assert names(tmp_path) == ["train.py"]


@pytest.mark.parametrize("file", [".env", ".env.prod", "keys/tls.pem", "id_rsa", "a.PFX", ".netrc", "sub/.npmrc"])
def test_what_looks_like_a_secret_is_withheld_and_named(tmp_path: Path, file: str) -> None:
    fill(tmp_path, "train.py", ".env.example", file)
    found = snapshot.build_snapshot(tmp_path)
    assert [path for path, _ in found.files] == [".env.example", "train.py"]
    assert found.excluded_secrets == [file]


def test_one_file_is_all_that_a_run_gets(tmp_path: Path) -> None:
    for name in ("train.py", "other.py", ".env"):
        (tmp_path / name).write_text("x = 1\n", encoding="utf-8")
    found = snapshot.build_snapshot(tmp_path / "train.py")
    assert (found.root, found.files) == (tmp_path, [("train.py", 6)])
    assert snapshot.build_snapshot(tmp_path / ".env").excluded_secrets == [".env"]


def test_the_runs_folder_never_travels_whatever_its_name_is_elsewhere(tmp_path: Path) -> None:
    fill(tmp_path, "train.py", "runs/a/x.txt", "sub/runs/x.txt")
    assert names(tmp_path, runs=tmp_path / "runs") == ["sub/runs/x.txt", "train.py"]


def test_ignored_folders_are_not_entered(tmp_path: Path) -> None:
    fill(tmp_path, "train.py", "data/x.csv")
    (tmp_path / ".amlignore").write_text("data/\n.amlignore\n")
    entered: list[str] = []
    real = os.scandir

    def watched(path: str) -> object:
        entered.append(str(path))
        return real(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", watched)
        assert names(tmp_path) == ["train.py"]
    assert entered == [str(tmp_path)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows refuses symbolic links to ordinary users")
def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    fill(tmp_path, "code/train.py", "elsewhere/shared.py")
    (tmp_path / "code" / "loop").symlink_to(tmp_path / "code")
    (tmp_path / "code" / "lib").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "code" / "gone").symlink_to(tmp_path / "nothing")
    assert names(tmp_path / "code") == ["lib/shared.py", "train.py"]


def test_too_many_files_are_refused_with_the_largest_named(tmp_path: Path) -> None:
    for number in range(snapshot.MAX_FILES + 1):
        (tmp_path / f"f{number:05}").write_bytes(b"x" * (number % 7))
    (tmp_path / "big.bin").write_bytes(b"x" * 5000)
    with pytest.raises(AmlError, match=r"2,002 files") as refused:
        snapshot.build_snapshot(tmp_path)
    assert "big.bin" in refused.value.hint and refused.value.hint.count("\n") == 11
    assert len(snapshot.build_snapshot(tmp_path, limits=False).files) == snapshot.MAX_FILES + 2


def test_too_many_bytes_are_refused(tmp_path: Path) -> None:
    with (tmp_path / "sparse.bin").open("wb") as stream:
        stream.truncate(snapshot.MAX_BYTES + 1)
    with pytest.raises(AmlError, match=r"300\.0 MB"):
        snapshot.build_snapshot(tmp_path)


def test_copy_keeps_content_and_mode(tmp_path: Path) -> None:
    fill(tmp_path / "from", "a.sh", "sub/b.bin")
    (tmp_path / "from" / "a.sh").chmod(0o755)
    found = snapshot.build_snapshot(tmp_path / "from")
    snapshot.copy(found, tmp_path / "to")
    assert (tmp_path / "to" / "sub" / "b.bin").read_text() == "sub/b.bin"
    assert os.access(tmp_path / "to" / "a.sh", os.X_OK)


def test_what_is_gone_since_the_walk_is_left_out(tmp_path: Path) -> None:
    fill(tmp_path / "from", "train.py", ".train.py.swp")
    found = snapshot.build_snapshot(tmp_path / "from")
    (tmp_path / "from" / ".train.py.swp").unlink()
    snapshot.copy(found, tmp_path / "to")
    assert [one.name for one in (tmp_path / "to").iterdir()] == ["train.py"]


def test_a_record_that_another_command_is_writing_does_not_travel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, "train.py")
    seen: list[list[str]] = []
    monkeypatch.setattr(Path, "replace", lambda *_: seen.append(names(tmp_path)))
    replace_json(tmp_path / "run.json", {})
    assert len(list(tmp_path.iterdir())) == 2 and seen == [["train.py"]]


_PART = st.sampled_from(["a", "b", "data", "x.log", "y.csv", "keep"])
_PATTERN = st.builds(
    lambda bang, slash, body, end: bang + slash + body + end,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "/"]),
    st.sampled_from(
        ["*.log", "data", "a", "b/x.log", "**/keep", "?", "*.csv", "a/**", "[xy].*", "a/keep", "a/*", "**", "keep"]
    ),
    st.sampled_from(["", "/"]),
).filter(lambda pattern: not pattern.endswith("**/"))  # pathspec 1.1 reads `a/**/` otherwise than git


@example(paths={"a/keep/a"}, patterns=["**/keep", "!a"], nested=[])
@example(paths={"a/keep/a", "a/b"}, patterns=["a/**", "!a/keep", "!a/keep/**"], nested=[])
@example(paths={"a/a/b", "b/a/keep"}, patterns=["a", "!a/"], nested=[])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    paths=st.sets(st.lists(_PART, min_size=1, max_size=3).map("/".join), min_size=1, max_size=8),
    patterns=st.lists(_PATTERN, max_size=4),
    nested=st.lists(_PATTERN, max_size=2),
)
def test_agrees_with_git(
    tmp_path_factory: pytest.TempPathFactory, paths: set[str], patterns: list[str], nested: list[str]
) -> None:
    root = tmp_path_factory.mktemp("git")
    kept = [path for path in paths if not any(other.startswith(path + "/") for other in paths)]
    fill(root, *kept)
    (root / ".gitignore").write_text("\n".join([*patterns, ".gitignore"]) + "\n")
    if (root / "a").is_dir():
        (root / "a" / ".gitignore").write_text("\n".join(nested) + "\n")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    expected = {path for path in listed.stdout.split("\0") if path and not path.endswith(".gitignore")}
    assert {path for path in names(root) if not path.endswith(".gitignore")} == expected
