"""Which state of the template a starter is rendered from."""

from __future__ import annotations

from pathlib import Path

from support.rendering import commit_all, git

from amlrun.registry import starter


def test_a_commit_that_copier_made_up_is_not_asked_for(tmp_path: Path) -> None:
    (tmp_path / "copier.yml").write_text("{}\n", encoding="utf-8")
    commit_all(tmp_path, "One")
    commit = git(tmp_path, "rev-parse", "--short", "HEAD").strip()
    assert starter._version(str(tmp_path), {"_commit": commit}) == ["--vcs-ref", commit]
    assert starter._version(str(tmp_path), {"_commit": "d4e0181"}) == ["--vcs-ref", "HEAD"]
    assert starter._version(str(tmp_path), {}) == []
    assert starter._version("gh:someone/template", {"_commit": "v1.0.0"}) == ["--vcs-ref", "v1.0.0"]
