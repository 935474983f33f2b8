"""A framework's starter: the template that the project was made from, rendered once more at the same commit."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from amlrun.errors import SERVICE, AmlError
from amlrun.prepare.room import find_uv
from amlrun.project import Project
from amlrun.spec.yaml_data import load

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# The choices of the template's question `framework`.
FRAMEWORKS = ("scikit-learn", "xgboost", "pytorch", "tensorflow")
_COPIER = "copier>=9.15,<10"


@contextmanager
def rendered(project: Project, framework: str) -> Iterator[Path]:
    """A folder with the whole template for `framework`, with the project's other answers; removed afterwards.

    Copier fetches the template from where the project has it from, so that may need the network. Raises AmlError when
    the project has no answers of this template (2), or Copier fails (3).
    """
    answers = _answers(project)
    data = {key: value for key, value in answers.items() if not key.startswith("_")}
    data |= {"framework": framework, "sample": True}
    data.pop("keep_pyproject", None)
    with tempfile.TemporaryDirectory(prefix="aml-starter-") as folder:
        given, target = Path(folder, "answers.yml"), Path(folder, "project")
        given.write_text(json.dumps(data), encoding="utf-8")  # JSON is YAML
        source = str(answers["_src_path"])
        words = ["copy", "--defaults", "--quiet", "--data-file", str(given), *_version(source, answers), source]
        done = subprocess.run(
            [find_uv(), "tool", "run", "--from", _COPIER, "copier", *words, str(target)],
            capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        if done.returncode or not (target / "models" / "model1" / "train.py").is_file():
            lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
            raise AmlError(
                f"Copier could not render the template from {source}: {lines[-1] if lines else '?'}",
                exit_code=SERVICE,
                hint="Check that its repository can be reached; `uvx copier update` moves to a newer template.",
            )
        yield target


def _version(source: str, answers: dict[str, Any]) -> list[str]:
    """Copier's option for the commit that the project was made from.

    Of a checkout with uncommitted changes Copier records a commit that it made up: then it is taken as it is now.
    """
    commit = answers.get("_commit")
    if not commit:
        return []
    if Path(source, ".git").exists():
        known = ["git", "-C", source, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"]
        commit = commit if subprocess.run(known, capture_output=True, check=False).returncode == 0 else "HEAD"
    return ["--vcs-ref", str(commit)]


def missing_packages(project: Project, starter: Path) -> list[str]:
    """What the starter's group `model` asks for and the project's pyproject.toml does not name."""
    theirs = _group(starter / "pyproject.toml")
    own = " ".join(_group(project.root / "pyproject.toml"))
    return [one for one in theirs if one.split(">")[0] not in own]


def _group(file: Path) -> list[str]:
    try:
        groups = tomllib.loads(file.read_text(encoding="utf-8")).get("dependency-groups", {})
    except (OSError, ValueError):
        return []
    return [str(one) for one in groups.get("model", [])]


def _answers(project: Project) -> dict[str, Any]:
    """The answers of this template, whatever their file is called (Copier: `--answers-file`)."""
    for file in sorted(project.root.glob(".copier-answers*.y*ml")):
        found = load(file, expected="Copier's answers")
        if "compute_cluster" in found and found.get("_src_path"):
            return dict(found)
    raise AmlError(
        f"{project.root} was not rendered from the template, which has the framework starters",
        hint="Copy the template into it first: uvx copier copy URL .",
    )
