"""Over a repository that somebody else made: nothing of theirs is replaced, and what is added runs there."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.rendering import commit_all, files, git, questions, render, run

AZURE = {
    "workspace_name": "ws-1",
    "subscription_id": "01234567-89ab-cdef-0123-456789abcdef",
    "resource_group": "rg",
}
SERVICES = list(questions()["ci"]["choices"].values())
RUNCONFIG = (
    "script: hello.py\ntarget: local\nenvironment:\n  python:\n"
    "    userManagedDependencies: true\n    interpreterPath: python\n"
)
# Files where the template has some too.
SHARED = [
    "README.md", "NOTICE", ".gitignore", ".python-version", "pyproject.toml", "azure-pipelines.yml", "ci/gate.py",
    "data/datasets.yml", "deployment/sample-request.json", ".amlignore",
    ".vscode/settings.json", ".devcontainer/devcontainer.json", ".github/workflows/tests.yml",
    ".github/workflows/train.yml", ".azureml/config.json",
]  # fmt: skip
CODE = [
    "models/model1/train.py", "models/model1/score.py", "models/model1/.amlignore",
    "models/model1/aml_config/train-conda.yml", "models/model1/aml_config/train-local.runconfig",
    "models/model1/tests/test_train.py", "notebooks/explore.ipynb", "src/mine.py",
]  # fmt: skip


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"the owner's {name}\n", encoding="utf-8")
    return folder


def copy(source: Path, folder: Path, *words: str) -> str:
    """`copier copy TEMPLATE .`, unasked, in the repository; what it says."""
    command = [sys.executable, "-m", "copier", "copy", "--defaults", "--vcs-ref", "HEAD", *words, source, "."]
    return run(command, folder, {"PYTHONSAFEPATH": "1"})


@pytest.mark.parametrize("own", [[*SHARED, *CODE], SHARED], ids=["code", "no code"])
@pytest.mark.parametrize("folder", ["repo", "repo [1] *x*"])
@pytest.mark.parametrize("ci", SERVICES)
def test_every_file_is_kept(template, tmp_path, own, folder, ci):
    if sys.platform == "win32" and "*" in folder:
        folder = "repo [1]"
    repo = write(tmp_path / folder, *own)
    answers = [word for key, value in {**AZURE, "ci": ci}.items() for word in ("-d", f"{key}={value}")]
    copy(template, repo, *answers)
    after = files(repo)
    assert {name: after[name].decode() for name in own} == {name: f"the owner's {name}\n" for name in own}
    assert {"runner/__main__.py", ".copier-answers.yml", ".vscode/runconfig.schema.json"} < after.keys()


@pytest.mark.parametrize(
    "name",
    ["train.py", "src/train.py", "src/a/train.py", "aml_config/old.runconfig", "m/aml_config/old.runconfig",
     "a.ipynb", "notebooks/a.ipynb", ".azureml/old.runconfig", "models/model1/notes.txt", "R/train.R"],
)  # fmt: skip
def test_nothing_of_the_sample_is_put_beside_somebodys_code(template, tmp_path, name):
    repo = write(tmp_path / "repo", name)
    said = copy(template, repo, "-d", "ci=github")
    added = files(repo).keys() - {name}
    assert added == {
        ".copier-answers.yml", ".devcontainer/devcontainer.json", ".gitignore", ".python-version", "NOTICE",
        "README.md", "pyproject.toml", "runner/__init__.py", "runner/__main__.py",
        ".vscode/runconfig.schema.json", ".vscode/settings.json", ".vscode/tasks.json",
    }  # fmt: skip
    assert "no sample was added" in said and "No workflow was added" in said
    text = "".join((repo / file).read_text(encoding="utf-8") for file in added if not file.startswith("runner/"))
    assert "model1" not in text and "train-local" not in text


def test_the_sample_comes_if_it_is_asked_for_and_never_over_a_model_of_theirs(template, tmp_path):
    repo = write(tmp_path / "repo", "train.py")
    render(repo, source=template, sample=True)
    assert (repo / "models/model1/train.py").exists() and (repo / ".github/workflows/train.yml").exists()
    with pytest.raises(ValueError, match="models/model1 is yours"):
        render(write(tmp_path / "other", "models/model1/train.py"), source=template, sample=True)


def test_an_owner_may_give_up_their_pyproject(template, tmp_path):
    repo = write(tmp_path / "p", "pyproject.toml")
    render(repo, source=template, keep_pyproject=False, overwrite=True)
    assert "amlrun @ " in (repo / "pyproject.toml").read_text(encoding="utf-8")


def test_a_second_copy_refreshes_the_shared_files_and_keeps_the_users(template, tmp_path):
    project = render(tmp_path / "p", source=template)
    mine = write(project, "models/model1/train.py", "runner/__main__.py", "pyproject.toml")
    (project / "models/model1/score.py").unlink()
    render(project, source=template, overwrite=True)
    assert "the owner's" in (mine / "models/model1/train.py").read_text()
    assert "the owner's" in (mine / "runner/__main__.py").read_text()
    assert "[project]" in (project / "pyproject.toml").read_text()
    assert (project / "models/model1/score.py").exists(), "it is our own render, so the sample is still wanted"


# ---- Another template's repository

THEIRS = ["pyproject.toml", ".github/workflows/tests.yml", ".vscode/settings.json", "README.md"]


@pytest.mark.parametrize("words", [[], ["-a", ".copier-answers.azureml.yml"], ["-a", "config/answers.yml"]])
@pytest.mark.parametrize("answers", ["_commit: v1\n_src_path: gh:someone/python-template\n", "project_name: x\n"])
def test_another_templates_repository_is_protected(template, tmp_path, words, answers):
    repo = write(tmp_path / "repo", *THEIRS)
    (repo / ".copier-answers.yml").write_text(answers)
    (repo / "config").mkdir()
    commit_all(repo, "theirs")
    said = copy(template, repo, "--overwrite", *words)
    assert git(repo, "diff", "--stat") == "", "the other template's answers are theirs too"
    ours = words[1] if words else ".copier-answers.azureml.yml"
    assert yaml.safe_load((repo / ours).read_text(encoding="utf-8"))["keep_pyproject"] is True
    assert f'copier update -a "{ours}"' in said


# ---- runner/ of their own


@pytest.mark.parametrize(
    "name",
    ["runner/__init__.py", "runner/core/a.py", "runner.py", "runner/README", "src/runner.py", "src/runner/cli.py"],
)
def test_a_runner_of_their_own_is_left_alone_and_named(template, tmp_path, name):
    repo = commit_all(write(tmp_path / "repo", name), "theirs")
    said = copy(template, repo)
    assert "A runner of yours exists and was kept" in said
    assert [file for file in files(repo) if "runner" in Path(file).parts or Path(file).stem == "runner"] == [name]
    text = "".join(content.decode() for file, content in files(repo).items() if file.startswith((".vscode", "README")))
    assert "-m runner" not in text and '"runner"' not in text


# ---- .gitignore


@pytest.mark.parametrize("own", [b"*.pyc\n", b"", b"# theirs\r\n/dist\r\n!runs/keep\r\n", b"*\n!*/\n!*.*\n"])
def test_what_git_should_ignore_is_named_where_a_gitignore_is_kept(template, tmp_path, own):
    repo = write(tmp_path / "repo", "hello.py")
    (repo / ".gitignore").write_bytes(own)
    commit_all(repo, "theirs")
    said = copy(template, repo)
    lines = said.split("Add these lines to it")[1].split("\n\n")[1]
    with (repo / ".gitignore").open("a") as stream:
        stream.writelines(line.strip() + "\n" for line in lines.splitlines())
    commit_all(repo, "over")
    write(repo, "runs/x/log.txt", "mlruns/1/a", "mlflow.db", "mlflow.db-wal", "run.json", ".env", ".venv/pyvenv.cfg")
    assert git(repo, "status", "--porcelain") == ""
    assert "Add these lines" not in copy(template, write(tmp_path / "new", "hello.py"))


# ---- Their own pyproject.toml


def keep(template: Path, folder: Path, *names: str) -> Path:
    """A repository whose pyproject.toml is kept; `names` are files of theirs."""
    folder.mkdir()
    write(folder, *names)
    (folder / "pyproject.toml").write_text('[project]\nname = "theirs"\nversion = "1.0"\ndependencies = []\n')
    commit_all(folder, "theirs")
    copy(template, folder)
    return folder


def commands(project: Path) -> dict[str, list[str]]:
    """What README, the editor's tasks and the workflows call, by file."""
    found: dict[str, list[str]] = {}
    readme = (project / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", readme, re.S)
    found["README.md"] = [line for block in blocks for line in block.splitlines()]
    found["README.md"] += [code for code in re.findall(r"`([^`\n]+)`", readme) if code.startswith(("uv", "aml "))]
    tasks = json.loads((project / ".vscode/tasks.json").read_text(encoding="utf-8"))["tasks"]
    found["tasks"] = [shlex.join([task["command"], *task["args"]]) for task in tasks]
    for file in (project / ".github").rglob("*.yml"):
        jobs = yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"]
        lines = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
        text = "\n".join(lines).replace("\\\n", "")
        found[file.name] = [line.replace("value=$(", "").strip() for line in text.splitlines()]
    return found


@pytest.mark.parametrize("own", [[], ["train.py"], ["runner/__init__.py"]], ids=["no code", "code", "runner"])
def test_a_kept_pyproject_means_commands_with_an_environment_of_their_own(template, tmp_path, own):
    project = keep(template, tmp_path / "p", *own)
    count = 0
    for place, lines in commands(project).items():
        for line in lines:
            assert "uv run" not in line and "uv sync" not in line, (place, line)
            if "aml " in line or "gate.py" in line:
                words = shlex.split(line.replace("$(", "").rstrip(")"))
                if words[0] in ("uvx",):
                    count += 1
                    assert words[1] == "--from" and words[3] in ("aml", "python"), (place, line)
                    assert words[2] == f"amlrun[azure,notebook,sweep] @ {template.as_uri()}"
                else:
                    assert words[0] not in ("aml", "python"), (place, line)
    assert count >= (12 if own == [] else 3)
    assert not (project / ".devcontainer").exists() and not (project / ".python-version").exists()
    git(project, "add", "--all")
    assert "pyproject.toml" not in git(project, "diff", "--cached", "--name-only").split()


def test_these_commands_run(template, tmp_path):
    project = keep(template, tmp_path / "p")
    first = commands(project)["README.md"]
    assert first[0] == "cd models/model1"
    tool = first[1].split(" aml ")[0]
    said = run([*shlex.split(tool), "aml", "--version"], project / "models" / "model1")
    assert "aml 0." in said
    gate = next(line for line in commands(project)["train.yml"] if "gate.py" in line)
    words = shlex.split(gate.rstrip(")").replace("$MODEL", "m").replace("$METRIC", "auc"))
    said = run(words, project / "models" / "model1", expect=2)
    assert "run.json" in said and "No module named" not in said and "Traceback" not in said


def test_a_poetry_project_is_kept_too(template, tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "pyproject.toml").write_text('[tool.poetry]\nname = "theirs"\nversion = "1.0.0"\n')
    said = copy(template, tmp_path / "p")
    assert "uv tool install " in said and "uv add" not in said and "uv run" not in said


@pytest.mark.parametrize("others", [["setup.py"], ["setup.py", "setup.cfg", "requirements.txt", "src/theirs/train.py"]])
def test_a_package_with_a_setup_py_stays_that_package(template, tmp_path, others):
    """A pyproject.toml of the template's beside it gave the package another name and other requirements."""
    repo = write(tmp_path / "p", *others)
    said = copy(template, repo)
    assert not (repo / "pyproject.toml").exists() and not (repo / ".python-version").exists()
    assert "uvx --from " in said and "uv run" not in said


@pytest.mark.parametrize("others", [["requirements.txt"], ["environment.yml", "Pipfile"]])
def test_a_repository_without_packaging_gets_a_pyproject(template, tmp_path, others):
    repo = write(tmp_path / "p", *others)
    assert "uv run aml" in copy(template, repo)
    assert (repo / "pyproject.toml").exists()


# ---- A v1 repository, rescued


def test_a_v1_repository_runs_as_the_message_says(template, tmp_path):
    repo = tmp_path / "resc"
    (repo / "aml_config").mkdir(parents=True)
    (repo / "hello.py").write_text("print('hello from the rescued script')\n")
    (repo / "aml_config" / "old.runconfig").write_text(RUNCONFIG)
    commit_all(repo, "theirs")
    said = copy(template, repo)
    lines = [line.strip() for line in said.splitlines() if line.startswith("    uv run")]
    assert lines == ["uv run aml explain -c NAME", "uv run aml run submit-script -c NAME -e first"]
    for line in lines:
        done = subprocess.run(shlex.split(line.replace("NAME", "old")), cwd=repo, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert "hello from the rescued script" in done.stdout
    assert git(commit_all(repo, "over"), "status", "--porcelain") == ""
