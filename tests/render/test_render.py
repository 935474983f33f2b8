"""The template renders for every combination of answers, refuses what would break something, and runs no code."""

from __future__ import annotations

import ast
import itertools
import json
import re
import shutil
import sys
from pathlib import Path

import copier.errors
import jinja2
import jsonschema
import pytest
import yaml
from support.rendering import ROOT, commit_all, files, git, questions, render, run

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

AZURE = {
    "subscription_id": "01234567-89ab-cdef-0123-456789abcdef",
    "resource_group": "rg_team(1).ml",
    "workspace_name": "ws-1",
}
PYTHONS = questions()["python_version"]["choices"]
SERVICES = list(questions()["ci"]["choices"].values())
FRAMEWORKS = list(questions()["framework"]["choices"].values())
EVERY = list(itertools.product(PYTHONS, SERVICES, FRAMEWORKS, ({}, AZURE)))


def check_parses(folder: Path) -> int:
    """Parse every file of a format that a parser knows; how many there were."""
    count = 0
    for name, content in files(folder).items():
        text, suffix = content.decode("utf-8"), Path(name).suffix
        if suffix in (".yml", ".yaml", ".runconfig"):
            assert isinstance(yaml.safe_load(text), dict), name
        elif suffix in (".json", ".ipynb"):
            assert isinstance(json.loads(text), dict), name
        elif suffix == ".toml":
            tomllib.loads(text)
        elif suffix == ".py":
            ast.parse(text, feature_version=(3, 10))
        else:
            continue
        count += 1
    return count


def leftovers(folder: Path) -> list[str]:
    """Where Jinja was left in the text or in a name; `${{ … }}` in workflows and `{{…}}` in .http files are theirs."""
    found = []
    for name, content in files(folder).items():
        text = content.decode("utf-8")
        if name.endswith(".jinja") or "{{" in name or "{%" in name:
            found.append(name)
        if not name.endswith(".http") and re.search(r"(?<!\$)\{\{|\{%|\{#", text):
            found.append(name)
    return found


@pytest.mark.parametrize(("python", "ci", "framework", "azure"), EVERY, ids=lambda value: str(value) if value else "-")
def test_every_combination(rendered, python, ci, framework, azure):
    project = rendered(python_version=python, ci=ci, framework=framework, **azure)
    assert check_parses(project) > 15
    assert leftovers(project) == []
    assert bad_endings(project) == []
    names = files(project)
    assert (".github/workflows/train.yml" in names) == (".github/workflows/tests.yml" in names) == (ci == "github")
    assert ("azure-pipelines.yml" in names) == (ci == "azure-devops")
    assert ("ci/gate.py" in names) == (ci != "none")
    assert ("models/model1/model.py" in names) == (framework != "scikit-learn")
    assert names[".python-version"].decode() == f"{python}\n"
    assert (".azureml/config.json" in names) == bool(azure)
    if azure:
        assert json.loads(names[".azureml/config.json"]) == azure
    for conda in ("train-conda.yml", "inference-conda.yml"):
        packages = yaml.safe_load(names[f"models/model1/aml_config/{conda}"])["dependencies"]
        assert f"python={python}" in packages, conda


def test_a_default_render_is_small(project):
    own = files(project)
    assert 20 <= len(own) <= 40, sorted(own)
    runner = {name: content for name, content in own.items() if name.startswith("runner/")}
    assert 1 <= len(runner) <= 3
    assert sum(len(content.splitlines()) for content in runner.values()) <= 150


def bad_endings(folder: Path) -> list[str]:
    """The files that pre-commit's end-of-file-fixer would change."""
    return [name for name, content in files(folder).items() if content and not re.search(rb"[^\n]\n\Z", content)]


def test_a_wrong_end_of_a_file_is_seen(rendered, template, tmp_path):
    broken = shutil.copytree(template, tmp_path / "broken")
    (broken / "template" / "a.txt").write_text("no newline")
    (broken / "template" / "b.txt.jinja").write_text("{% raw %}two\n{% endraw %}\n")
    assert sorted(bad_endings(rendered(broken))) == ["a.txt", "b.txt"]


def test_the_parsers_see_a_broken_file(rendered, template, tmp_path):
    broken = shutil.copytree(template, tmp_path / "broken")
    (broken / "template" / "data" / "datasets.yml").write_text("a: [1\n")
    with pytest.raises(yaml.YAMLError):
        check_parses(rendered(broken))


def test_left_over_jinja_is_seen(rendered, template, tmp_path):
    broken = shutil.copytree(template, tmp_path / "broken")
    (broken / "template" / "notes.txt").write_text("Dear {{ project_name }}")
    assert leftovers(rendered(broken)) == ["notes.txt"]


@pytest.mark.parametrize("where", ["text", "name"])
def test_an_undefined_variable_is_an_error(rendered, template, tmp_path, where):
    broken = shutil.copytree(template, tmp_path / "broken")
    name, text = ("x.txt.jinja", "{{ projectname }}") if where == "text" else ("{{ projectname }}.txt", "")
    (broken / "template" / name).write_text(text)
    with pytest.raises((jinja2.UndefinedError, copier.errors.UserMessageError), match=r"projectname.* undefined"):
        rendered(broken)


def test_an_answer_to_no_question_is_refused(rendered):
    with pytest.raises(TypeError, match="projectname"):
        rendered(projectname="x")
    with pytest.raises(TypeError, match="first_copy"):
        rendered(first_copy=False)


NAMES = [
    "", " ", " x", "x ", "-x", "x-", ".x", "x.", "..", "a..b", "../x", "a/b", "a\\b", "a\nb", "x\n", "a\tb", "a\x00b",
    "a\x7fb", "a\"b", "a'b", "a`b", "a$b", "a;b", "a&b", "a|b", "a>b", "a%b", "a:b", "a#b", "a{b", "a}b", "{{ 7*7 }}",
    "a*b", "a?b", "a!b", "a=b", "a,b", "a@b", "a~b", "1a", "_a", "CON", "nul", "com1", "Lpt9", "aux.txt", "é",
    "a\u200bb", "a\u202eb", "a\u2028b", "\u0430bc", "\uff43\uff4f\uff4e", "a\u0301", "x" * 200,
]  # fmt: skip
HOSTILE = [
    *(("project_name", value) for value in NAMES),
    *(("model_name", value) for value in [*NAMES, "a b", "a(b"]),
    *(("compute_cluster", value) for value in [*NAMES, "a b", "a", "a.b", "a_b", "local", "amlcompute", "LOCAL",
                                               "x" * 25]),
    *(("description", value) for value in ["", "  ", "a\nb", "a\rb", "a\x00b", "a\x1bb", "a\x7fb", "a\x85b", "a\u2028b",
                                           "a\u202eb", "a\u2066b", "a\ufeffb", "x" * 301]),
    *(("python_version", value) for value in ["3.9", "3.1", "3", "", "3.11\n", "latest"]),
    *(("ci", value) for value in ["gitlab", "", "GITHUB"]),
    *(("subscription_id", value) for value in ["x", "0" * 36, "01234567-89ab-cdef-0123-456789abcdef\n", "-" * 36]),
    *(("resource_group", value) for value in ["-rg", "rg.", "a b", "a/b", "a\nb", "a\"b", "a..b", "é", "x" * 91]),
    *(("workspace_name", value) for value in ["ab", "-ws", "a b", "a.b", "ws\n", "x" * 34, "wörk"]),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), HOSTILE, ids=lambda value: ascii(value)[:30])
def test_a_hostile_answer_is_refused(rendered, tmp_path, key, value):
    others = {name: AZURE[name] for name in AZURE if name != key} if key in AZURE else {}
    with pytest.raises(ValueError, match=key):
        rendered(**{**others, key: value})
    assert not (tmp_path / "p" / "pyproject.toml").exists()


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"workspace_name"}, "subscription_id"),
        ({"workspace_name", "subscription_id"}, "resource_group"),
        ({"subscription_id", "resource_group"}, "workspace_name"),
        ({"resource_group"}, "workspace_name"),
    ],
)
def test_half_a_workspace_is_refused(template, tmp_path, given, missing):
    with pytest.raises(ValueError, match=missing):
        render(tmp_path / "p", source=template, **{key: AZURE[key] for key in given})


DESCRIPTIONS = [
    'It\'s "quoted" and `code`, 100 % & more: yes # no',
    "C:\\new\\table \\u0041 \\",
    "<script>alert(1)</script> [x](javascript:alert(1)) ![y](z) | a | b |",
    "{{ 7*7 }} {% raw %} {# no #} ${{ github.token }} $(id) `id`",
    "Prévision des ventes, 需求预测, التنبؤ, 🚀 👩‍🔬",
    "- not a list",
    "1. not a list",
    "# not a heading",
    "--- ''' \"\"\" ]]> *a* _b_ ~c~",
    "null",
    "yes",
    "x" * 300,
]


@pytest.mark.parametrize("description", DESCRIPTIONS)
def test_any_sentence_is_a_description(rendered, description):
    project = rendered(description=description)
    check_parses(project)
    toml = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    assert toml["project"]["description"] == description
    shown = (project / "README.md").read_text(encoding="utf-8").splitlines()[2]
    assert shown.replace("\\", "").replace("&8203;", "").replace("&#8203;", "") == description.replace("\\", "")
    for active in ("<", "[", "`", "*", "|"):
        assert not re.search(rf"(?<!\\)(\\\\)*{re.escape(active)}", shown), active


@pytest.mark.parametrize("name", ["x", "My Model 2.0", "a_b-c.d", "Z" * 63, "on", "null", "mlflow", "NaN"])
def test_any_allowed_name_gives_a_valid_project(rendered, name):
    project = rendered(project_name=name, model_name=name.replace(" ", "-"))
    check_parses(project)
    toml = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", toml["project"]["name"])
    dependencies = {re.split(r"[<>=]", word)[0] for word in toml["project"]["dependencies"]}
    assert toml["project"]["name"] not in dependencies
    workflow = yaml.safe_load((project / ".github/workflows/train.yml").read_text(encoding="utf-8"))
    assert workflow["env"]["MODEL"] == name.replace(" ", "-")


SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|AccountKey=|SharedAccessSignature|[?&]sig=[A-Za-z0-9%]|\bgh[pousr]_[A-Za-z0-9]{20}"
    r"|\bAKIA[0-9A-Z]{16}\b|(?i:password|client_?secret|api_?key|token)[\"']?\s*[:=]\s*[\"'][^\"'${<]{6,}"
    r"|\b(?!0{8}-)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\$\{\{\s*secrets\."
)


def secrets_in(folder: Path) -> list[str]:
    return [name for name, content in files(folder).items() if SECRET.search(content.decode("utf-8", "replace"))]


def test_a_render_has_no_secrets(project):
    assert secrets_in(project) == []


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN RSA PRIVATE " + "KEY-----",
        "DefaultEndpointsProtocol=https;AccountKey" + "=abc==",
        "password" + ": 'hunter22'",
        "https://x.blob.core.windows.net/c?sv=1&sig" + "=aB3",
        "${{ secrets" + ".AZURE_CREDENTIALS }}",
        "01234567-89ab-cdef-0123-456789abcdef",
    ],
)
def test_a_planted_secret_is_found(rendered, template, tmp_path, secret):
    planted = shutil.copytree(template, tmp_path / "planted")
    (planted / "template" / "notes.txt").write_text(secret)
    assert secrets_in(rendered(planted)) == ["notes.txt"]


def test_a_template_that_runs_code_is_refused(template, tmp_path):
    trusting = shutil.copytree(template, tmp_path / "trusting")
    config = trusting / "copier.yml"
    config.write_text(config.read_text(encoding="utf-8") + "\n_tasks: ['echo hello']\n", encoding="utf-8")
    with pytest.raises(copier.errors.UnsafeTemplateError):
        render(tmp_path / "p", source=trusting)


def test_this_checkout_renders(tmp_path):
    assert (render(tmp_path / "p") / "runner" / "__main__.py").exists()


def test_names_in_the_template_are_good_on_every_system():
    for file in (ROOT / "template").rglob("*"):
        if "__pycache__" not in file.parts:
            assert not re.search(r'[<>:"|?*\\]|[. ]$', file.name), file


def load_toml(path: Path) -> dict:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def test_the_ui_group_has_the_library_s_mlflow(project):
    skinny = next(word for word in load_toml(ROOT / "pyproject.toml")["project"]["dependencies"] if "skinny" in word)
    assert load_toml(project / "pyproject.toml")["dependency-groups"]["ui"] == [
        skinny.replace("mlflow-skinny", "mlflow")
    ]


def test_git_ignores_data_and_what_runs_leave(project, tmp_path):
    repo = commit_all(shutil.copytree(project, tmp_path / "repo"), "rendered")
    for name in ("data/customers.csv", "data/mine/a.csv", "runs/x/out.txt", "mlruns/1/a", "mlflow.db", "mlflow.db-wal"):
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text("x")
    assert git(repo, "status", "--porcelain") == ""
    assert "data/sample/breast_cancer.csv" in git(repo, "ls-files") and "data/datasets.yml" in git(repo, "ls-files")


def test_the_licence_of_the_template_is_in_the_render(project):
    assert (ROOT / "LICENSE").read_text(encoding="utf-8") in (project / "NOTICE").read_text(encoding="utf-8")


def conda_packages(file: Path) -> list[str]:
    """The packages of a conda file in pip's words, without Python and pip themselves."""
    found = []
    for entry in yaml.safe_load(file.read_text(encoding="utf-8"))["dependencies"]:
        found += entry["pip"] if isinstance(entry, dict) else [entry]
    return [word.replace("matplotlib-base", "matplotlib") for word in found if not re.match(r"(python|pip)\b", word)]


def test_conda_files_are_bounded_and_agree_with_each_other(project):
    config = project / "models/model1/aml_config"
    train, inference = conda_packages(config / "train-conda.yml"), conda_packages(config / "inference-conda.yml")
    for word in [*train, *inference]:
        assert re.fullmatch(r"[a-z0-9-]+>=[0-9.]+,<[0-9.]+", word), word
    by_name = {word.split(">=")[0]: word for word in train}
    for word in inference:
        assert by_name.get(word.split(">=")[0], word) == word
    assert by_name["mlflow-skinny"] in load_toml(ROOT / "pyproject.toml")["project"]["dependencies"]
    for word in load_toml(project / "pyproject.toml")["dependency-groups"]["model"]:
        assert by_name[word.split(">=")[0]] == word
    assert {"mlflow-skinny", "sqlalchemy", "alembic", "azureml-mlflow", "scikit-learn", "pandas", "joblib"} <= set(
        by_name
    )


@pytest.mark.parametrize(
    ("conda", "python"), [*(("train-conda.yml", python) for python in PYTHONS), ("inference-conda.yml", "3.11")]
)
def test_a_fresh_resolve_satisfies_the_conda_files(project, tmp_path, python, conda):
    wanted = conda_packages(project / "models/model1/aml_config" / conda)
    (tmp_path / "in.txt").write_text("\n".join(wanted))
    resolved = run([sys.executable, "-m", "uv", "pip", "compile", "-q", "--python-version", python, "in.txt"], tmp_path)
    versions = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", resolved, re.M))
    assert {word.split(">=")[0] for word in wanted} <= versions.keys()


def test_the_two_runconfigs_differ_in_the_target_only(project):
    config = project / "models/model1/aml_config"
    local, cloud = (
        yaml.safe_load((config / f"train-{name}.runconfig").read_text(encoding="utf-8"))
        for name in ("local", "amlcompute")
    )
    assert (local.pop("target"), cloud.pop("target")) == ("local", "cpu-cluster")
    for environment in (local["environment"], cloud["environment"]):
        environment.pop("docker")
    assert local == cloud


def test_the_runconfigs_name_the_schema_that_is_there(project):
    for file in (project / "models/model1/aml_config").glob("*.runconfig"):
        first = file.read_text(encoding="utf-8").splitlines()[0]
        match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
        assert match, first
        schema = json.loads((file.parent / match[1]).resolve().read_text(encoding="utf-8"))
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        jsonschema.validate(content, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**content, "nodeCount": "four"}, schema)


def test_the_debugger_starts_train_py_with_the_runconfigs_arguments(project):
    launch = json.loads((project / ".vscode/launch.json").read_text(encoding="utf-8"))["configurations"][0]
    config = yaml.safe_load((project / "models/model1/aml_config/train-local.runconfig").read_text(encoding="utf-8"))
    datasets = yaml.safe_load((project / "data/datasets.yml").read_text(encoding="utf-8"))
    data = config["data"]["sample"]
    place = "${workspaceFolder}/" + datasets[data["dataLocation"]["dataset"]["name"]]["path"]
    wanted = [place if word == data["pathOnCompute"] else word for word in config["arguments"]]
    assert launch["args"] == wanted
    assert launch["program"].endswith("/models/model1/" + config["script"])


def test_the_render_lints_clean(project):
    run([sys.executable, "-m", "ruff", "check", "--no-cache", "."], project)
    run([sys.executable, "-m", "ruff", "format", "--no-cache", "--check", "."], project)


def test_somebodys_notebook_does_not_stop_a_push(project):
    code = {
        "cell_type": "code",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": "import sys, os; x=1",
    }
    file = project / "notebooks" / "somebodys.ipynb"
    file.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [code]}))
    try:
        run([sys.executable, "-m", "ruff", "check", "--no-cache", "."], project)
        run([sys.executable, "-m", "ruff", "format", "--no-cache", "--check", "."], project)
    finally:
        file.unlink()
