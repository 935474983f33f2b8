"""Content hashes: equal bytes are equal, a second look reads nothing, and what changes meanwhile is told."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from amlrun.errors import AmlError
from amlrun.pipeline.hashing import FileHashes


def old(file: Path) -> None:
    """Make a file old enough for its time to be trusted."""
    os.utime(file, (time.time() - 60,) * 2)


def test_a_folder_is_its_names_and_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "a.txt").write_text("x")
        (tmp_path / name / "sub" / "B.txt").write_text("y")
    hashes = FileHashes(tmp_path / "h.json")
    first = hashes.content(tmp_path / "one").digest
    assert hashes.content(tmp_path / "two").digest == first
    (tmp_path / "two" / "sub" / "B.txt").rename(tmp_path / "two" / "sub" / "b.txt")
    assert hashes.content(tmp_path / "two").digest != first


def test_a_second_look_reads_nothing(tmp_path: Path) -> None:
    file = tmp_path / "data.bin"
    file.write_bytes(b"x" * 1000)
    old(file)
    hashes = FileHashes(tmp_path / "h.json")
    digest = hashes.content(file).digest
    hashes.save()
    facts = file.stat()
    # Other bytes under the same size, time and inode: only reading them would tell.
    file.write_bytes(b"y" * 1000)
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert FileHashes(tmp_path / "h.json").content(file).digest == digest


def test_a_fresh_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "data.bin"
    file.write_bytes(b"x" * 1000)
    hashes = FileHashes(tmp_path / "h.json")
    digest = hashes.content(file).digest
    facts = file.stat()
    file.write_bytes(b"y" * 1000)
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert hashes.content(file).digest != digest


def test_a_file_that_changes_while_it_is_hashed_is_told(tmp_path: Path) -> None:
    file = tmp_path / "data.bin"
    file.write_bytes(b"x")
    before = file.stat()
    file.write_bytes(b"xx")
    with pytest.raises(AmlError, match="changed while"):
        FileHashes(tmp_path / "h.json").file(str(file), before)


def test_what_is_gone_is_told_and_a_torn_cache_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "h.json").write_text('{"torn')
    hashes = FileHashes(tmp_path / "h.json")
    with pytest.raises(AmlError, match="gone: no such file or folder"):
        hashes.content(tmp_path / "gone")
    assert hashes.signature(tmp_path / "gone") == ""


def test_ten_thousand_files(tmp_path: Path) -> None:
    for number in range(10_000):
        (tmp_path / f"{number}.txt").touch()
    hashes = FileHashes(tmp_path.parent / "h.json")
    assert hashes.content(tmp_path).digest == hashes.content(tmp_path).digest
