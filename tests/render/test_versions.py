"""The lowest Copier that copier.yml names renders and updates as the newest does; an older one is told so."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support.rendering import ROOT, commit_all, copy_template, files, git, render, run

LOWEST = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))["_min_copier_version"]


def copier(version: str, folder: Path, *words: str, expect: int = 0) -> str:
    command = ["uv", "tool", "run", "--quiet", "--no-config", "--from", f"copier=={version}", "copier", *words]
    return run(command, folder, {"PYTHONSAFEPATH": "1"}, expect=expect)


def test_the_lowest_copier_renders_and_updates(tmp_path):
    repo = commit_all(copy_template(tmp_path / "template"), "one", "v0.1.0")
    address = f"git+{repo.as_uri()}"
    workspace = {
        "workspace_name": "ws-1",
        "subscription_id": "01234567-89ab-cdef-0123-456789abcdef",
        "resource_group": "rg",
    }
    words = [word for key, value in workspace.items() for word in ("-d", f"{key}={value}")]
    copier(LOWEST, tmp_path, "copy", "--quiet", "--defaults", *words, address, "p")
    project = tmp_path / "p"
    assert files(project) == files(render(tmp_path / "newest", source=address, **workspace))

    commit_all(project, "rendered")
    tasks = repo / "template" / ".vscode" / "tasks.json.jinja"
    tasks.write_text(tasks.read_text(encoding="utf-8").replace("aml: list runs", "aml: list all"), encoding="utf-8")
    commit_all(repo, "two", "v0.2.0")
    copier(LOWEST, project, "update", "--quiet", "--defaults")
    changed = set(git(project, "diff", "--name-only").split())
    assert changed == {".copier-answers.yml", ".vscode/tasks.json", "pyproject.toml"}

    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / ".copier-answers.yml").write_text("_src_path: gh:someone/else\n")
    (theirs / "pyproject.toml").write_text("# theirs\n")
    commit_all(theirs, "theirs")
    copier(LOWEST, theirs, "copy", "--quiet", "--defaults", "--overwrite", address, ".")
    assert git(theirs, "diff", "--stat") == ""


@pytest.mark.parametrize("older", ["9.14.3"])
def test_an_older_copier_names_the_version_that_is_needed(tmp_path, template, older):
    assert tuple(map(int, older.split("."))) < tuple(map(int, LOWEST.split(".")))
    said = copier(older, tmp_path, "copy", "--defaults", str(template), "p", expect=1)
    assert LOWEST in said and "Traceback" not in said
