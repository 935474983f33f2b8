"""Where a render gets amlrun: from where the template came from, at the same commit, without anybody's credentials."""

from __future__ import annotations

import json
import ntpath
import shlex
import shutil
import sys
from pathlib import Path

import jinja2
import pytest
import yaml
from packaging.requirements import Requirement
from support.rendering import ROOT, commit_all, files, git, render, run

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

SECRET = "ghp_" + "a1b2c3d4e5f6" * 3


@pytest.fixture(scope="module")
def repo(template, tmp_path_factory) -> Path:
    """The template in a repository with one tag."""
    return commit_all(shutil.copytree(template, tmp_path_factory.mktemp("git") / "repo"), "template", "v0.1.0")


def sha(repo: Path, ref: str = "HEAD") -> str:
    return git(repo, "rev-parse", ref).strip()


def copied(typed: str, folder: Path, *words: str, cwd: Path | None = None, **env: str) -> Path:
    """`copier copy TYPED` as a person types it, with a cache of its own."""
    copy = [sys.executable, "-m", "copier", "copy", "--quiet", "--defaults", *words, typed, folder / "p"]
    run(copy, cwd or folder, {"COPIER_CACHE_DIR": str(folder / "cache"), "PYTHONSAFEPATH": "1", **env})
    return folder / "p"


def instead_of(url: str, repo: Path) -> dict[str, str]:
    """Git's settings that fetch `repo` where `url` is asked for."""
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{repo.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": url,
    }


def requirements(project: Path) -> dict[str, str]:
    """The reference to amlrun in the dependencies and in each group, by group; its extra is checked."""
    table = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    found = {"": Requirement(table["project"]["dependencies"][0])}
    for group in ("azure", "sweep", "notebook"):
        found[group] = Requirement(table["dependency-groups"][group][0])
    for group, requirement in found.items():
        assert requirement.name == "amlrun" and requirement.extras == ({group} if group else set())
        assert requirement.url, "a direct reference, never a name that a stranger may register"
    return {group: str(requirement.url) for group, requirement in found.items()}


def url(project: Path) -> str:
    found = set(requirements(project).values())
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize(
    ("typed", "cloned", "named"),
    [
        ("gh:acme/t", "https://github.com/acme/t.git", "https://github.com/acme/t.git"),
        ("gh:acme/t.git", "https://github.com/acme/t.git", "https://github.com/acme/t.git"),
        ("gh:/acme/t", "https://github.com/acme/t.git", "https://github.com/acme/t.git"),
        ("gl:group/sub/t", "https://gitlab.com/group/sub/t.git", "https://gitlab.com/group/sub/t.git"),
        ("https://github.com/acme/t", "https://github.com/acme/t.git", "https://github.com/acme/t"),
        ("https://host.example/acme/t.git", "https://host.example/acme/t.git", "https://host.example/acme/t.git"),
        ("git+https://host.example/acme/t", "https://host.example/acme/t", "https://host.example/acme/t"),
        ("git@host.example:acme/t.git", "git@host.example:acme/t.git", "ssh://git@host.example/acme/t.git"),
        ("git+deploy@host.example:t", "deploy@host.example:t", "ssh://deploy@host.example/t"),
        ("ssh://git@host.example:2222/t.git", "ssh://git@host.example:2222/t.git", "ssh://git@host.example:2222/t.git"),
        *(
            (f"{scheme}https://{user}@host.example/acme/t.git", f"https://{user}@host.example/acme/t.git",
             "https://host.example/acme/t.git")
            for scheme in ("", "git+") for user in (SECRET, f"me:{SECRET}", f"oauth2:{SECRET}@x")
        ),
        (f"ssh://git:{SECRET}@host.example/t.git", f"ssh://git:{SECRET}@host.example/t.git",
         "ssh://git@host.example/t.git"),
    ],
)  # fmt: skip
def test_a_git_template_names_its_address_and_commit(repo, tmp_path, typed, cloned, named):
    project = copied(typed, tmp_path, **instead_of(cloned, repo))
    assert url(project) == f"git+{named}@{sha(repo)}"
    for name, content in files(project).items():
        assert SECRET.encode() not in content, name
    answers = yaml.safe_load((project / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert answers["_commit"] == "v0.1.0"
    if SECRET not in typed:
        assert answers["_src_path"] == typed


def test_a_tag_that_is_not_the_newest_commit(repo, tmp_path):
    other = shutil.copytree(repo, tmp_path / "other")
    (other / "notes.txt").write_text("later")
    commit_all(other, "later")
    project = copied(f"git+{other.as_uri()}", tmp_path)
    assert url(project) == f"git+{other.as_uri()}@{sha(other, 'v0.1.0')}" != sha(other)


@pytest.mark.parametrize("state", ["clean", "dirty", "no git"])
@pytest.mark.parametrize("name", ["t", "my templates, 100% #1", "größe [a]"])
def test_a_folder_of_this_machine_is_named_by_its_path(template, tmp_path, state, name):
    source = shutil.copytree(template, tmp_path / name)
    if state != "no git":
        commit_all(source, "template")
    if state == "dirty":
        (source / "template" / "new.txt").write_text("not committed\n")
    project = copied(str(source), tmp_path, "--vcs-ref", "HEAD")
    assert url(project) == source.as_uri()
    assert (project / "new.txt").exists() == (state == "dirty")


def test_a_folder_without_git_is_said_with_what_to_do(template, tmp_path):
    """As an unpacked archive is: the copy works, and names what will not."""
    archive = shutil.make_archive(str(tmp_path / "t"), "zip", template)
    shutil.unpack_archive(archive, tmp_path / "t")
    copy = [sys.executable, "-m", "copier", "copy", "--defaults", tmp_path / "t", "p"]
    said = run(copy, tmp_path, {"PYTHONSAFEPATH": "1"})
    assert "Copy from the template's Git URL" in said and "Without Git, `copier update` does not work" in said
    commit_all(tmp_path / "p", "rendered")
    refused = run([sys.executable, "-m", "copier", "update", "--defaults"], tmp_path / "p", expect=1)
    packed = run([*copy[:-2], archive, "q"], tmp_path, {"PYTHONSAFEPATH": "1"}, expect=1)
    pages = ROOT / "docs" / "pages" / "how-to"
    for text, page in (
        ("Cannot update because cannot obtain old template references", "update.md"),
        ("Local template must be a directory", "troubleshooting.md"),
    ):
        assert text in refused + packed and text in (pages / page).read_text(encoding="utf-8")


def test_a_relative_path_and_a_home_are_spelt_out(template, tmp_path):
    source = shutil.copytree(template, tmp_path / "t")
    for number, (typed, env) in enumerate([("t", {}), ("./t/../t", {}), ("~/t", {"HOME": str(tmp_path)})]):
        if sys.platform == "win32" and env:
            continue
        folder = tmp_path / str(number)
        folder.mkdir()
        if typed.startswith("~"):
            # Copier expands the home of a Git repository only.
            commit_all(source, "template")
        project = copied(typed, folder, "--vcs-ref", "HEAD", cwd=tmp_path, **env)
        assert url(project) == source.as_uri()
        answers = yaml.safe_load((project / ".copier-answers.yml").read_text(encoding="utf-8"))
        assert Path(answers["_src_path"]) == source


def test_a_bare_repository_is_named_by_its_commit(repo, tmp_path):
    bare = tmp_path / "t.git"
    git(tmp_path, "clone", "-q", "--bare", str(repo), str(bare))
    assert url(copied(str(bare), tmp_path)) == f"git+{bare.as_uri()}@{sha(repo)}"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (r"C:\Users\me\my templates\t", "file:///C:/Users/me/my%20templates/t"),
        ("D:/t", "file:///D:/t"),
        (r"\\server\share\t", "file://server/share/t"),
    ],
)
def test_windows_paths(typed, expected):
    """The expressions of copier.yml, with Windows' rules for paths."""
    environment = jinja2.Environment()  # noqa: S701
    environment.filters |= {"realpath": ntpath.normpath, "expanduser": lambda path: path}
    questions = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    path = environment.from_string(questions["source_path"]["default"]).render(source_url=typed)
    context = {"source_path": path, "is_local_source": True}
    found = environment.from_string(questions["amlrun_requirement"]["default"]).render(**context)
    assert Requirement(found).url == expected


def test_every_source_renders_the_same(template, repo, tmp_path):
    def rendered(name, source):
        found = files(render(tmp_path / name, source=source), leave_out=(".copier-answers.yml",))
        return {name: content for name, content in found.items() if name != "pyproject.toml"}

    plain = rendered("plain", template)
    assert rendered("checkout", repo) == plain
    assert rendered("url", f"git+{repo.as_uri()}") == plain


def uv(project: Path, *words: str, expect: int = 0, **env: str) -> str:
    return run(["uv", *words], project, {"UV_PROJECT_ENVIRONMENT": str(project / ".venv"), **env}, expect=expect)


GROUPS = ("--no-default-groups", "--quiet")


def test_the_library_comes_with_uv_sync_and_needs_no_network_again(repo, tmp_path):
    """Fetched through Git as any user's would be: the address is one that only these Git settings know."""
    address = "https://github.com/acme/t.git"
    project = copied("gh:acme/t", tmp_path, **instead_of(address, repo))
    uv(project, "sync", *GROUPS, **instead_of(address, repo))
    models = project / "models" / "model1"
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert uv(models, "run", *GROUPS, "aml", "--version", UV_OFFLINE="1").strip() == f"aml {version}"
    shutil.rmtree(project / ".venv")
    uv(project, "sync", *GROUPS, "--offline")
    assert git(commit_all(project, "mine"), "status", "--porcelain") == ""
    lock = (project / "uv.lock").read_text(encoding="utf-8")
    assert f"{address}?rev={sha(repo)}" in lock


def test_an_edited_checkout_is_taken_by_the_next_sync(repo, tmp_path):
    source = shutil.copytree(repo, tmp_path / "my checkout")
    project = copied(str(source), tmp_path, "--vcs-ref", "HEAD")
    uv(project, "sync", *GROUPS)
    file = source / "src" / "amlrun" / "errors.py"
    file.write_text(file.read_text(encoding="utf-8") + "EDITED = 1\n", encoding="utf-8")
    uv(project, "sync", *GROUPS)
    uv(project, "run", *GROUPS, "python", "-c", "from amlrun.errors import EDITED")


def test_a_host_out_of_reach_and_a_commit_that_is_gone(repo, tmp_path):
    """uv says what happened; pyproject.toml leads to the README's next step, and that step works."""
    away = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "protocol.https.allow", "GIT_CONFIG_VALUE_0": "never"}
    project = copied("https://host.invalid/t.git", tmp_path, **instead_of("https://host.invalid/t.git", repo))
    cache = {"UV_CACHE_DIR": str(tmp_path / "uv-cache")}
    said = uv(project, "sync", *GROUPS, expect=1, **away, **cache)
    assert "host.invalid" in said and "Git operation failed" in said

    gone = shutil.copytree(repo, tmp_path / "gone")
    folder = tmp_path / "2"
    folder.mkdir()
    project = commit_all(copied(f"git+{gone.as_uri()}", folder), "rendered")
    shutil.rmtree(gone / ".git")
    commit_all(gone, "another history")
    said = uv(project, "sync", *GROUPS, expect=1, **cache)
    assert "not our ref" in said or "not found" in said

    pyproject, readme = ((project / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "README.md"))
    assert 'README.md ("If uv sync fails")' in pyproject and "## If uv sync fails\n" in readme
    assert "`uvx copier recopy`" in readme
    run([sys.executable, "-m", "copier", "recopy", "--defaults", "--overwrite", "--quiet"], project)
    assert url(project) == f"git+{gone.as_uri()}@{sha(gone)}"
    changed = set(git(project, "diff", "--name-only").split())
    assert changed == {".copier-answers.yml", "pyproject.toml"}


THEIRS = {
    "pip": ("requirements.txt", "iniconfig\n"),
    "conda": ("environment.yml", "dependencies: [python]\n"),
    "poetry": ("pyproject.toml", '[tool.poetry]\nname = "mine"\n'),
    "uv": ("pyproject.toml", '[project]\nname = "mine"\nversion = "1"\n[tool.uv]\npackage = false\n'),
}


@pytest.mark.parametrize("kind", THEIRS)
def test_the_same_library_without_a_project(repo, tmp_path, kind):
    """`uvx --from` in a v1 repository as it is found: it runs, is explained, registered; nothing else is left there."""
    project = tmp_path / "p"
    (project / "aml_config").mkdir(parents=True)
    name, text = THEIRS[kind]
    (project / name).write_text(text, encoding="utf-8")
    (project / "train.py").write_text("open('outputs/model.pkl', 'w').close()\n", encoding="utf-8")
    python = f"userManagedDependencies: true\n    interpreterPath: {json.dumps(sys.executable)}\n"
    (project / "aml_config" / "old.runconfig").write_text(
        f"script: train.py\ntarget: local\nenvironment:\n  python:\n    {python}", encoding="utf-8"
    )
    (project / "sweep.yml").write_text(
        "sampling:\n  type: random\n  parameter_space:\n    - {name: lr, expression: uniform, values: [0, 1]}\n"
        "primary_metric_name: loss\nprimary_metric_goal: minimize\nmax_total_runs: 1\n", encoding="utf-8"
    )  # fmt: skip
    commit_all(project, "theirs")
    reference = f"amlrun @ git+{repo.as_uri()}@{sha(repo)}"

    def aml(*words: str, expect: int = 0) -> str:
        return run(["uvx", "--quiet", "--from", reference, "aml", *words], project, expect=expect)

    assert "compute" in aml("explain", "-c", "old") and "command: python train.py" in aml("export", "-c", "old")
    assert "Status: Completed" in aml("run", "submit-script", "-c", "old", "-e", "first", "-t", "runs/run.json")
    register = ("model", "register", "-n", "m", "--asset-path", "outputs/model.pkl", "-f", "runs/run.json")
    assert "Registered m:1" in aml(*register)
    said = aml(
        "run", "submit-hyperdrive", "-c", "old", "--hyperdrive-configuration-name", "sweep.yml", "-e", "s", expect=2
    )
    hint = next(line for line in said.splitlines() if line.startswith("Add it: uvx"))
    assert shlex.split(hint)[-2:] == ["aml", "…"]
    assert f"'{reference.replace('amlrun', 'amlrun[sweep]', 1)}'" in hint
    left = set(git(project, "status", "--porcelain", "--untracked-files=all", "--ignored").split("\n")) - {""}
    assert {line[3:].split("/")[0] for line in left} == {"runs", "mlruns", "mlflow.db"}
