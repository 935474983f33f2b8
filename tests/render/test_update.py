"""`copier update` brings a new template, keeps what the user edited, and leaves away what the user deleted."""

from __future__ import annotations

import shutil
from pathlib import Path

import copier
import copier.errors
import pytest
import yaml
from support.rendering import commit_all, copy_template, files, git, render

USERS = (
    "README.md", "NOTICE", ".gitignore", ".amlignore", ".python-version", "data", "notebooks", "models", "deployment",
    ".azureml", "runner",
)  # fmt: skip
# What the template's next version changes: shared files, and the users' files of a fresh render.
EDITS = {
    "runner/__main__.py.jinja": ("Train a model with", "Fit a model with"),
    "pyproject.toml.jinja": ("line-length = 120", "line-length = 121"),
    ".vscode/tasks.json.jinja": ("aml: list runs", "aml: list all runs"),
    ".github/workflows/tests.yml.jinja": ("timeout-minutes: 30", "timeout-minutes: 31"),
    ".github/workflows/train.yml.jinja": ("timeout-minutes: 360", "timeout-minutes: 361"),
    "ci/gate.py": ("The evaluation gate:", "The gate:"),
    "README.md.jinja": ("## Make it yours", "## Yours"),
    "models/model1/train.py.jinja": ("SEED = 42", "SEED = 43"),
    "models/model1/score.py.jinja": ("MAX_BYTES = ", "MAX_BYTES = 1 + "),
    "../includes/train-conda.jinja": ("joblib>=1.4,<2", "joblib>=1.5,<2"),
}


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """The template in a repository with two tagged versions."""
    repo = commit_all(copy_template(tmp_path_factory.mktemp("versions") / "template"), "one", "v0.1.0")
    root = repo / "template"
    for name, (before, after) in EDITS.items():
        text = (root / name).read_text(encoding="utf-8")
        assert before in text, name
        (root / name).write_text(text.replace(before, after), encoding="utf-8")
    (root / "ci" / "brand_new.py").write_text('"""New."""\n')
    (root / "runner" / "brand_new.py").write_text('"""New."""\n')
    (root / "models" / "model1" / "brand_new.py").write_text('"""New."""\n')
    (root / ".devcontainer" / "devcontainer.json.jinja").unlink()
    return commit_all(repo, "two", "v0.2.0")


def old_project(versions: Path, folder: Path, answers_file: str | None = None, **answers: str) -> Path:
    """A project that was rendered from the first version and committed."""
    source = f"git+{versions.as_uri()}"
    project = render(folder, source=source, version="v0.1.0", answers_file=answers_file, **answers)
    return commit_all(project, "rendered")


def update(project: Path, answers_file: str | None = None) -> None:
    """What `copier update --defaults` does, without trust; conflict marks and rejected hunks fail."""
    copier.run_update(project, answers_file=answers_file, defaults=True, overwrite=True, quiet=True, unsafe=False)
    stored = (project / (answers_file or ".copier-answers.yml")).read_text(encoding="utf-8")
    assert yaml.safe_load(stored)["_commit"] == "v0.2.0"
    for name, content in files(project).items():
        assert not name.endswith(".rej"), name
        assert b"<<<<<<< " not in content, name


def test_an_update_gives_what_a_fresh_render_gives(versions, tmp_path):
    project = old_project(versions, tmp_path / "p", model_name="other")
    before = files(project)
    update(project)
    after = files(project)
    fresh = files(render(tmp_path / "fresh", source=f"git+{versions.as_uri()}", model_name="other"))

    def ours(found):
        return {name: content for name, content in found.items() if not name.startswith(USERS)}

    def users(found):
        return {name: content for name, content in found.items() if name.startswith(USERS)}

    assert ours(after) == ours(fresh)
    assert users(after) == users(before)
    assert after["ci/brand_new.py"] and ".devcontainer/devcontainer.json" not in after
    assert b"Train a model with" in after["runner/__main__.py"] and b"SEED = 42" in after["models/model1/train.py"]
    one, two = (git(versions, "rev-parse", tag).strip().encode() for tag in ("v0.1.0", "v0.2.0"))
    assert one in before["pyproject.toml"]
    assert two in after["pyproject.toml"] and one not in after["pyproject.toml"], "code and library move together"


def test_an_update_keeps_edits_and_deletions(versions, tmp_path):
    project = old_project(versions, tmp_path / "p")
    mine = {
        "README.md": "# Mine\n",
        ".gitignore": "*.secret\n",
        "models/model1/train.py": "print('mine')\n",
        "models/model1/aml_config/train-conda.yml": "dependencies: [python=3.12]\n",
        "models/model2/train.py": "print('mine too')\n",
        "data/datasets.yml": "mine: {path: data/mine}\n",
        "src/own.py": "x = 1\n",
        "runner/__main__.py": "print('mine')\n",
    }
    for name, text in mine.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    pyproject = project / "pyproject.toml"
    pyproject.write_text(
        pyproject.read_text().replace('dev = ["pytest>=8"', 'mine = []\ndev = ["mypy>=1", "pytest>=8"')
    )
    workflow = project / ".github/workflows/tests.yml"
    workflow.write_text(workflow.read_text().replace('branches: ["**"]', "branches: [main, develop]"))
    gone = ["models/model1/score.py", "models/model1/tests/test_score.py", ".vscode/tasks.json", "ci/gate.py"]
    for name in gone:
        (project / name).unlink()
    for folder in ("notebooks", "deployment"):
        shutil.rmtree(project / folder)
    commit_all(project, "my work")

    update(project)
    for name, text in mine.items():
        assert (project / name).read_text() == text, name
    for name in [*gone, "notebooks", "deployment", "models/model1/brand_new.py", "runner/brand_new.py"]:
        assert not (project / name).exists(), name
    assert '"mypy>=1", "pytest>=8"' in pyproject.read_text() and "line-length = 121" in pyproject.read_text()
    assert "main, develop" in workflow.read_text() and "timeout-minutes: 31" in workflow.read_text()


OWN = {
    "README.md": "# Old\n",
    "models/model1/train.py": "old()\n",
    "pyproject.toml": '[project]\nname = "old"\n',
    "runner/__init__.py": "",
    ".vscode/settings.json": "{}\n",
}


@pytest.mark.parametrize("answers_file", [None, ".copier-answers.azureml.yml", "config/aml.yml"])
def test_an_update_of_a_rescued_repo_keeps_its_files(versions, tmp_path, answers_file):
    repo = tmp_path / "repo"
    for name, text in OWN.items():
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(text)
    commit_all(repo, "as it was")
    old_project(versions, repo, answers_file=answers_file)
    before = files(repo).keys()
    update(repo, answers_file)
    for name, text in OWN.items():
        assert (repo / name).read_text() == text, name
    assert files(repo).keys() == before, "no file came or went"
    assert "aml: list all runs" in (repo / ".vscode/tasks.json").read_text()


@pytest.mark.parametrize("answers_file", [".copier-answers.azureml.yml", "config/aml.yml"])
def test_a_project_whose_answers_lie_elsewhere_keeps_its_pyproject(versions, tmp_path, answers_file):
    project = old_project(versions, tmp_path / "p", answers_file=answers_file)
    update(project, answers_file)
    assert "line-length = 121" in (project / "pyproject.toml").read_text()
    assert "timeout-minutes: 31" in (project / ".github/workflows/tests.yml").read_text()


def test_an_update_keeps_the_answers_as_they_were_given(versions, tmp_path):
    description = '{{ 7*7 }} "it\'s" \\ # : {% x %} Prévision 🚀'
    project = old_project(versions, tmp_path / "p", description=description, python_version="3.12", ci="none")
    update(project)
    stored = yaml.safe_load((project / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert (stored["description"], stored["python_version"], stored["ci"]) == (description, "3.12", "none")
    assert not (project / ".github").exists()


def test_work_that_is_not_committed_stops_an_update(versions, tmp_path):
    project = old_project(versions, tmp_path / "p")
    (project / "models/model1/train.py").write_text("not yet committed")
    with pytest.raises(copier.errors.UserMessageError, match="dirty"):
        update(project)
    assert (project / "models/model1/train.py").read_text() == "not yet committed"
