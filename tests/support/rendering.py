"""How the tests render the template: an unknown or refused answer, a Copier error and a failed command all raise."""

from __future__ import annotations

import os
import shutil
import subprocess
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import copier
import jinja2
import yaml
from copier.errors import DirtyLocalWarning
from pytest_copie.plugin import Copie

ROOT = Path(__file__).parents[2]
_CACHES = shutil.ignore_patterns("__pycache__", "*.py[co]", ".*_cache", ".DS_Store")


def questions(source: Path = ROOT) -> dict[str, dict[str, Any]]:
    """The questions that are asked, by name; derived values are left out."""
    text = yaml.safe_load((source / "copier.yml").read_text(encoding="utf-8"))
    return {key: value for key, value in text.items() if not key.startswith("_") and value.get("when") is not False}


def copy_template(folder: Path) -> Path:
    """A plain folder (no git) with the template and its library as they are in the working tree.

    A render from it takes 0.2 s, and `uv sync` there installs the library from it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("copier.yml", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, folder)
    for name in ("includes", "template", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=_CACHES)
    return folder


def template_file(name: str, **answers: str) -> str:
    """The text of one of the template's files as a default render has it; `answers` are others than the defaults."""
    defaults = {"framework": "scikit-learn", "model_file": "model.pkl", "python_version": "3.11"}
    loader = jinja2.FileSystemLoader(ROOT)
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)  # noqa: S701
    path = f"template/{name}"
    found = path if (ROOT / path).exists() else f"{path}.jinja"
    return environment.get_template(found).render({**defaults, **answers})


def render(
    dst: Path,
    *,
    source: Path | str = ROOT,
    version: str | None = None,
    overwrite: bool = False,
    answers_file: str | None = None,
    **answers: Any,
) -> Path:
    """Render the template into `dst`, unasked, with defaults for what `answers` leaves out, and without trust.

    From a git checkout the uncommitted state is rendered too; `version` is a tag of a repository. Raises TypeError
    for an answer to no question, ValueError for one that a validator refuses, and what Copier raises for the rest.
    """
    _refuse_unknown(answers)
    is_checkout = isinstance(source, Path) and (source / ".git").exists()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DirtyLocalWarning)
        copier.run_copy(
            str(source), dst, data=answers, defaults=True, quiet=True, unsafe=False, overwrite=overwrite,
            vcs_ref=version or ("HEAD" if is_checkout else None), answers_file=answers_file,
        )  # fmt: skip
    _check_stored(dst / (answers_file or ".copier-answers.yml"), answers)
    return dst


def copy(copie: Copie, source: Path, **answers: Any) -> Path:
    """Render `source` through pytest-copie, which trusts the template, into a folder of its own.

    pytest-copie ignores an answer to no question and keeps what Copier raises in its result: here both raise, as
    they do in `render`.
    """
    _refuse_unknown(answers)
    result = copie.copy(extra_answers=answers, template_dir=source)
    if result.exception is not None:
        raise result.exception
    assert result.exit_code == 0 and result.project_dir is not None
    _check_stored(result.project_dir / ".copier-answers.yml", answers)
    return result.project_dir


def _refuse_unknown(answers: dict[str, Any]) -> None:
    unknown = answers.keys() - questions().keys()
    if unknown:
        raise TypeError(f"no such question: {', '.join(sorted(unknown))}")


def _check_stored(file: Path, answers: dict[str, Any]) -> None:
    stored = yaml.safe_load(file.read_text(encoding="utf-8")) if answers else {}
    wrong = {key: stored.get(key) for key, value in answers.items() if stored.get(key) != value}
    if wrong:
        raise AssertionError(f"answers were not taken: {wrong}")


def run(
    command: Iterable[str | Path],
    cwd: Path,
    env: dict[str, str] | None = None,
    *,
    expect: int = 0,
    timeout: float = 300,
) -> str:
    """Run a command and return its output, both streams. Any other exit code than `expect` shows it and fails.

    `env` is added to the environment; MLflow's and amlrun's own variables are left out of it.
    """
    words = [str(word) for word in command]
    outer = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "AZUREML_", "AML_"))}
    done = subprocess.run(
        words, cwd=cwd, env={**outer, **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
        text=True, encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode != expect:
        raise AssertionError(f"{' '.join(words)}\nended with {done.returncode}, not {expect}, in {cwd}:\n{done.stdout}")
    return done.stdout


def git(cwd: Path, *words: str) -> str:
    """Run git in `cwd` under a name of its own, whatever the machine's configuration is."""
    return run(["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false",
                "-c", "init.defaultBranch=main", "-c", "core.autocrlf=false", *words], cwd)  # fmt: skip


def commit_all(folder: Path, message: str, tag: str | None = None) -> Path:
    """Commit everything in `folder`, which becomes a repository if it is none, and tag it."""
    if not (folder / ".git").exists():
        git(folder, "init", "-q")
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    if tag:
        git(folder, "tag", tag)
    return folder


def files(folder: Path, *, leave_out: Iterable[str] = (".git",)) -> dict[str, bytes]:
    """Every file below `folder` by its POSIX path, without the top-level entries `leave_out`."""
    found = {}
    for file in sorted(folder.rglob("*")):
        relative = file.relative_to(folder)
        if file.is_file() and relative.parts[0] not in leave_out and "__pycache__" not in relative.parts:
            found[relative.as_posix()] = file.read_bytes()
    return found
