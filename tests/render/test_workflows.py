"""The render's workflows are valid, pinned and need no secret; their commands work; the evaluation gate refuses."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from support.rendering import render, run

SCRIPTS = Path(sys.executable).parent
GITHUB = ["--builtin-schema", "vendor.github-workflows"]
AZURE = ["--builtin-schema", "vendor.azure-pipelines", "--data-transform", "azure-pipelines"]


@pytest.fixture(scope="module")
def github(template, tmp_path_factory):
    return render(tmp_path_factory.mktemp("github"), source=template)


@pytest.fixture(scope="module")
def devops(template, tmp_path_factory):
    return render(tmp_path_factory.mktemp("devops"), source=template, ci="azure-devops")


@pytest.fixture
def broken(github, tmp_path):
    """A copy of the workflows with one text put for another."""

    def broken(before: str, after: str) -> Path:
        folder = shutil.copytree(github / ".github", tmp_path / "broken" / ".github")
        count = 0
        for file in folder.rglob("*.yml"):
            text = file.read_text(encoding="utf-8")
            count += text.count(before)
            file.write_text(text.replace(before, after), encoding="utf-8")
        assert count, f"no workflow says {before!r}"
        return folder.parent

    return broken


def schema(words: list[str], *names: Path, expect: int = 0) -> str:
    """Check files against a schema that ships with check-jsonschema."""
    tool = [sys.executable, "-m", "check_jsonschema", "--regex-variant", "python"]
    return run([*tool, *words, *names], names[0].parent, expect=expect)


def zizmor(folder: Path, expect: int = 0) -> str:
    """Audit the workflows, every rule that needs no network; 11 to 14 are findings, the worst of them."""
    return run([SCRIPTS / "zizmor", "--offline", "--pedantic", "--no-progress", "."], folder, expect=expect)


def workflows(folder: Path) -> list[Path]:
    return sorted((folder / ".github" / "workflows").glob("*.yml"))


def test_github_accepts_the_workflows(github):
    assert "ok" in schema(GITHUB, *workflows(github))


def as_text(value):
    """Azure Pipelines and its schema read every scalar as text (`false` is "false"), but for a task's inputs."""
    if isinstance(value, dict):
        return {key: item if key == "inputs" else as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return json.dumps(value) if isinstance(value, (bool, int)) else value


def pipeline_as_text(text: str, file: Path) -> Path:
    file.write_text(yaml.safe_dump(as_text(yaml.safe_load(text))), encoding="utf-8")
    return file


def test_azure_devops_accepts_the_pipeline(devops, tmp_path):
    text = (devops / "azure-pipelines.yml").read_text(encoding="utf-8")
    assert "ok" in schema(AZURE, pipeline_as_text(text, tmp_path / "azure-pipelines.yml"))


def test_a_wrong_word_in_a_workflow_is_seen(broken):
    assert "run-on" in schema(GITHUB, *workflows(broken("runs-on:", "run-on:")), expect=1)


def test_a_wrong_word_in_a_pipeline_is_seen(devops, tmp_path):
    text = (devops / "azure-pipelines.yml").read_text(encoding="utf-8")
    schema(AZURE, pipeline_as_text(text.replace("steps:", "step:"), tmp_path / "azure-pipelines.yml"), expect=1)


def test_the_audit_finds_nothing(github):
    assert "No findings" in zizmor(github)


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        ("3d3c42e5aac5ba805825da76410c181273ba90b1", "main", "unpinned-uses"),
        ("permissions: {}", "permissions: write-all", "excessive-permissions"),
        ("persist-credentials: false", "fetch-depth: 1", "artipacked"),
        ("-e tests", '-e "${{ github.head_ref }}"', "template-injection"),
    ],
)
def test_the_audit_sees_what_it_should(broken, before, after, rule):
    folder = broken(before, after)
    with pytest.raises(AssertionError, match=rule):
        zizmor(folder)


def kept(template, folder: Path, ci: str) -> Path:
    """A render over a repository that keeps its own pyproject.toml."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "theirs"\nversion = "1"\n')
    return render(folder, source=template, ci=ci)


def test_the_workflows_of_a_kept_pyproject_are_as_good(template, tmp_path):
    github = kept(template, tmp_path / "github", "github")
    assert "ok" in schema(GITHUB, *workflows(github))
    assert "No findings" in zizmor(github)
    text = (kept(template, tmp_path / "devops", "azure-devops") / "azure-pipelines.yml").read_text(encoding="utf-8")
    assert "ok" in schema(AZURE, pipeline_as_text(text, tmp_path / "azure-pipelines.yml"))
    assert "uv run" not in text and "uvx --from" in text


def test_every_branch_is_tested_whatever_its_name(github, devops):
    found = yaml.safe_load((github / ".github/workflows/tests.yml").read_text(encoding="utf-8"))
    assert found[True] == {"push": {"branches": ["**"]}, "pull_request": None}  # YAML 1.1 reads `on` as true.
    trigger = yaml.safe_load((devops / "azure-pipelines.yml").read_text(encoding="utf-8"))["trigger"]
    assert trigger["branches"] == {"include": ["*"]}


def test_what_signing_in_needs_is_said_in_the_workflow(github, devops):
    """Azure compares the subject of GitHub's token word by word; a service connection's token lasts an hour."""
    text = (github / ".github/workflows/train.yml").read_text(encoding="utf-8")
    environment = yaml.safe_load(text)["jobs"]["train"]["environment"]
    assert f"repo:OWNER/REPOSITORY:environment:{environment}\n" in text and "AADSTS700213" in text
    stages = yaml.safe_load((devops / "azure-pipelines.yml").read_text(encoding="utf-8"))["stages"]
    signed = [step["inputs"] for job in stages[1]["jobs"] for step in job["steps"] if step.get("task") == "AzureCLI@2"]
    assert signed and all(inputs["keepAzSessionActive"] is True for inputs in signed)


def unpinned(folder: Path) -> list[str]:
    lines = [line.strip() for file in workflows(folder) for line in file.read_text(encoding="utf-8").splitlines()]
    used = [line for line in lines if "uses:" in line]
    assert len(used) >= 5
    return [line for line in used if not re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)]


def test_every_action_is_pinned_by_its_hash_with_the_version_beside_it(github, broken):
    assert unpinned(github) == []
    assert len(unpinned(broken(" # v7.0.1", ""))) == 2


def test_the_workflows_need_no_secret_and_few_permissions(github, devops):
    for file in [*workflows(github), devops / "azure-pipelines.yml"]:
        assert "secrets." not in file.read_text(encoding="utf-8")
    granted = {}
    for file in workflows(github):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        assert content["permissions"] == {}
        granted[file.stem] = {name: job["permissions"] for name, job in content["jobs"].items()}
    assert granted == {
        "tests": {"tests": {"contents": "read"}},
        "train": {"train": {"contents": "read", "id-token": "write"}},
    }


# ---- The gate


@pytest.fixture(scope="module")
def gate(github):
    spec = importlib.util.spec_from_file_location("gate", github / "ci" / "gate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def version(number: int, **properties: str) -> dict:
    return {"version": number, "properties": properties}


@pytest.mark.parametrize(
    ("new", "registered", "options"),
    [
        (0.9, [], {}),
        (0.9, [version(1, auc="0.9")], {}),
        (0.9, [version(2, auc="0.8"), version(1, auc="0.99")], {}),
        (0.9, [version(9, auc="0.99"), version(10, auc="0.8")], {}),
        (0.9, [version(2), version(1, auc="0.9")], {}),
        (0.9, [version(1)], {"accept_unmeasured": True}),
        (0.89, [version(1, auc="0.9")], {"tolerance": 0.02}),
        (0.1, [version(1, auc="0.2")], {"lower_is_better": True}),
    ],
)
def test_a_model_that_is_no_worse_passes(gate, new, registered, options):
    gate.decide("auc", new, registered, **options)


@pytest.mark.parametrize(
    ("new", "registered", "options", "why"),
    [
        (None, [], {}, "no auc"),
        (float("nan"), [], {}, "not a number"),
        (0.89, [version(1, auc="0.9")], {}, "worse than 0.9 of version 1"),
        (0.89, [version(9, auc="0.1"), version(10, auc="0.9")], {}, "version 10"),
        (0.87, [version(1, auc="0.9")], {"tolerance": 0.02}, "worse"),
        (0.3, [version(1, auc="0.2")], {"lower_is_better": True}, "worse"),
        (0.9, [version(1, auc="nan")], {}, "worse"),
        (0.9, [version(1), {"version": 2, "properties": None}], {}, "nothing to compare"),
    ],
)
def test_a_worse_or_unmeasured_model_is_refused(gate, new, registered, options, why):
    with pytest.raises(gate.Refused, match=why):
        gate.decide("auc", new, registered, **options)


def test_a_cloud_run_is_compared_with_its_workspaces_models(gate):
    place = {"workspace_name": "w", "resource_group": "g", "subscription_id": "s"}
    assert gate.registry({"remote": True, "workspace": place}) == ["-w", "w", "-g", "g", "--subscription-id", "s"]
    assert gate.registry({"run_id": "x"}) == []


# ---- The workflows' own commands, on this machine

CLOUD_ONLY = {"Attach", "Deploy"}


def steps(file: Path, job: str) -> dict[str, dict]:
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {step["name"]: step for step in content["jobs"][job]["steps"] if "run" in step}


@pytest.fixture(scope="module")
def workplace(github, tmp_path_factory):
    """A rendered project whose `uv run X` is X of this repository's environment, and whose runconfig uses it too."""
    project = shutil.copytree(github, tmp_path_factory.mktemp("work") / "project")
    config = project / "models/model1/aml_config/train-local.runconfig"
    text = config.read_text(encoding="utf-8")
    ours = f"userManagedDependencies: true\n    interpreterPath: {json.dumps(sys.executable)}"
    assert "userManagedDependencies: false" in text
    config.write_text(text.replace("userManagedDependencies: false", ours), encoding="utf-8")
    tools = project.parent / "tools"
    tools.mkdir()
    uv = tools / "uv"
    uv.write_text(
        '#!/bin/bash\nset -eu\ntest "$1" = run; shift; word=$1; shift\n'
        f'case "$word" in python) exec "{sys.executable}" "$@";; aml) exec "{sys.executable}" -m amlrun "$@";; '
        f'*) exec "{sys.executable}" -m "$word" "$@";; esac\n'
    )
    uv.chmod(0o755)
    return project, {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.skipif(sys.platform == "win32", reason="the workflows run on Linux, in bash")
class TestCommands:
    @staticmethod
    def bash(workplace, script: str, folder: str = "models/model1", expect: int = 0, **env: str) -> str:
        """Run a step's script as GitHub's runner does."""
        project, tools = workplace
        return run(["bash", "-eo", "pipefail", "-c", script], project / folder, {**tools, **env}, expect=expect)

    def models(self, workplace) -> list[dict]:
        project, tools = workplace
        return json.loads(run([sys.executable, "-m", "amlrun", "model", "list", "-o", "json"], project, tools))

    @pytest.mark.parametrize("name", ["Lint", "Test", "Train here"])
    def test_tests_yml(self, workplace, name):
        step = steps(workplace[0] / ".github/workflows/tests.yml", "tests")[name]
        self.bash(workplace, step["run"], step.get("working-directory", "."))

    def test_the_editors_tasks(self, workplace):
        tasks = json.loads((workplace[0] / ".vscode/tasks.json").read_text(encoding="utf-8"))["tasks"]
        lines = {task["label"]: " ".join([task["command"], *task["args"]]) for task in tasks}
        places = {task["label"]: task.get("options", {}).get("cwd", "${workspaceFolder}") for task in tasks}
        # What a workflow or a page runs too is run there.
        steps_ = steps(workplace[0] / ".github/workflows/tests.yml", "tests")
        assert lines.pop("tests") == steps_["Test"]["run"]
        assert lines.pop("aml: train here").replace("-e first -t run.json", "-e tests") == steps_["Train here"]["run"]
        assert lines.pop("aml: train on Azure ML").endswith("submit-script -c train-amlcompute -e first -t run.json")
        readme = (workplace[0] / "README.md").read_text(encoding="utf-8")
        assert lines.pop("MLflow UI").split(" --host")[0] in readme
        for label, line in lines.items():
            self.bash(workplace, line, places[label].replace("${workspaceFolder}", "."))
        assert lines.keys() == {"aml: list runs"}

    @pytest.mark.parametrize("number", [0, 1])
    def test_the_editors_launch_configurations(self, workplace, number):
        project, tools = workplace
        text = (project / ".vscode/launch.json").read_text(encoding="utf-8")
        launch = json.loads(text.replace("${workspaceFolder}", project.as_posix()))["configurations"][number]
        started = [launch["program"]] if "program" in launch else ["-m", launch["module"]]
        words = [sys.executable, *started, *launch["args"]]
        said = run(words, Path(launch["cwd"]), {**tools, **launch.get("env", {})})
        assert "accuracy 0.9" in said

    def test_train_yml_registers_a_good_model_and_refuses_a_worse_one(self, workplace):
        project, _ = workplace
        file = project / ".github/workflows/train.yml"
        found = steps(file, "train")
        assert found.keys() - CLOUD_ONLY == {"Train", "Register, unless it is worse"}
        env = {
            **yaml.safe_load(file.read_text(encoding="utf-8"))["env"],
            "RUNCONFIG": "train-local",
            "GITHUB_SHA": "c0ffee",
        }
        for _ in range(2):  # The second has a registered model to be compared with.
            self.bash(workplace, found["Train"]["run"], **env)
            self.bash(workplace, found["Register, unless it is worse"]["run"], **env)
        listed = self.models(workplace)
        assert [model["version"] for model in listed] == [2, 1]
        assert float(listed[0]["properties"]["auc"]) > 0.95 and listed[0]["tags"]["commit"] == "c0ffee"
        assert json.loads((project / "models/model1/model.json").read_text())["modelId"] == "demo-model:2"

        worse = found["Train"]["run"] + " train.py --data-path /data --epochs 1 --penalty 1e6"
        self.bash(workplace, worse, **env)
        said = self.bash(workplace, found["Register, unless it is worse"]["run"], expect=1, **env)
        assert "Refused: auc" in said and "is worse than" in said
        assert len(self.models(workplace)) == 2

    def test_a_failed_run_is_refused(self, workplace):
        self.bash(
            workplace, "uv run aml run submit-script -c train-local -e bad -t bad.json train.py --epochs 0", expect=1
        )
        said = self.bash(
            workplace, "uv run python ../../ci/gate.py --run bad.json --model demo-model --metric auc", expect=1
        )
        assert "Refused" in said and "Failed" in said

    def test_a_run_that_is_not_there_is_an_error(self, workplace):
        gate = "uv run python ../../ci/gate.py --run nothing --model demo-model --metric auc"
        assert "Error" in self.bash(workplace, gate, expect=2)

    def test_the_files_that_the_workflow_names_are_there(self, github):
        text = (github / ".github/workflows/train.yml").read_text(encoding="utf-8")
        named = re.findall(r"(?:--ic|--dc|python) (\S+\.(?:yml|py))", text)
        assert len(named) == 3
        for name in named:
            assert (github / "models/model1" / name).is_file(), name

    def test_azure_devops_runs_the_same_commands(self, github, devops):
        stages = yaml.safe_load((devops / "azure-pipelines.yml").read_text(encoding="utf-8"))["stages"]
        bash = [step["bash"] for step in stages[0]["jobs"][0]["steps"]]
        assert [step["run"] for step in steps(github / ".github/workflows/tests.yml", "tests").values()] == bash[1:]

        def commands(text: str) -> set[str]:
            joined = re.sub(r"\\\n\s*", "", text).replace("$BUILD_SOURCEVERSION", "$GITHUB_SHA")
            return {line.strip() for line in joined.splitlines() if line.startswith(("uv run", "value="))}

        inline = "\n".join(step["inputs"]["inlineScript"] for step in stages[1]["jobs"][0]["steps"] if "inputs" in step)
        train = steps(github / ".github/workflows/train.yml", "train")
        theirs = "\n".join(step["run"] for name, step in train.items() if name != "Attach")
        assert commands(inline) == commands(theirs) and len(commands(inline)) == 4
