"""Which Python an environment gets, whose settings count, and how a failed build is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from amlrun.prepare import build_problems, index_settings, pythons
from amlrun.prepare.conda_file import CondaFile, Requirement
from amlrun.prepare.conda_version import allows, specifier
from amlrun.prepare.pythons import Python
from amlrun.prepare.room import Room

HERE = [(3, 7, 16), (3, 8, 18), (3, 10, 13), (3, 11, 7), (3, 13, 0)]


def chosen(
    monkeypatch: pytest.MonkeyPatch, asked: str, downloadable: tuple[tuple[int, int, int], ...] = ()
) -> list[str]:
    found = [Python(version, "/python") for version in HERE] + [Python(version) for version in downloadable]
    monkeypatch.setattr(pythons, "_of_uv", lambda room, environment: found)
    monkeypatch.setattr(pythons, "_of_managers", lambda environment: [Python((3, 6, 15), "/old")])
    return [python.name for python in pythons.choices(Room(Path("env")), specifier(asked)[0], {})]


@pytest.mark.parametrize(
    ("asked", "best"),
    [
        ("=3.11", "3.11.7"),
        ("=3.8.2", "3.8.18"),
        (" 3.8", "3.8.18"),
        ("=3.6.2", "3.7.16"),
        ("=2.7", "3.7.16"),
        ("=3.9", "3.8.18"),
        ("=3.12", "3.11.7"),
        ("=3.14", "3.13.0"),
        ("<3.11", "3.10.13"),
        ("<=3.11", "3.11.7"),
        (">=3.8", "3.13.0"),
        ("<3.13,>=3.11", "3.11.7"),
        (">=3.10,<3.12", "3.11.7"),
        ("!=3.13", "3.11.7"),
        (">3.10,!=3.13.*", "3.11.7"),
        ("<3.7", "3.7.16"),
        (">=3.8.*", "3.13.0"),
    ],
)
def test_the_nearest_python(monkeypatch: pytest.MonkeyPatch, asked: str, best: str) -> None:
    assert chosen(monkeypatch, asked)[0] == best


def test_what_can_be_downloaded_comes_after_what_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    more = ((3, 9, 25), (3, 12, 16), (3, 14, 1))
    assert chosen(monkeypatch, "=3.9", more)[:2] == ["3.9.25", "3.8.18"]
    assert chosen(monkeypatch, ">=3.8", more)[0] == "3.13.0"
    own = f"{sys.version_info.major}.{sys.version_info.minor}."
    if any(version[:2] == sys.version_info[:2] for version in HERE):
        assert chosen(monkeypatch, "")[0].startswith(own)


def test_pyenvs_pythons_are_seen(tmp_path: Path) -> None:
    for version in ("3.7.16", "3.9.1", "system", "3.10-dev"):
        (tmp_path / "versions" / version / "bin").mkdir(parents=True)
        (tmp_path / "versions" / version / "bin" / "python").touch()
        (tmp_path / "versions" / version / "python.exe").touch()
    found = [python.name for python in pythons._of_managers({"PYENV_ROOT": str(tmp_path)})]
    assert found[:2] == ["3.7.16", "3.9.1"]


def test_allows() -> None:
    assert allows(">=3.8,<3.11", (3, 10, 13)) and not allows(">=3.8,<3.11", (3, 11, 0))
    assert allows("~=3.8", (3, 8, 1)) and allows("==3.11.*", (3, 11, 9)) and not allows("==3.11.*", (3, 1, 0))


def test_pips_settings_count_where_uv_has_none(tmp_path: Path) -> None:
    config = tmp_path / "pip" / "pip.conf"
    config.parent.mkdir()
    config.write_text(
        "[global]\nindex-url = https://me:pw@feed.example.com/simple\nextra-index-url =\n  https://a/simple\n  https://b/simple\n"
        "trusted-host = feed.example.com\n[install]\nfind-links = /wheels\n"
    )
    base = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "none"), "PIP_CONFIG_FILE": str(config)}
    made = index_settings.environment(base)
    assert made["UV_DEFAULT_INDEX"] == "https://me:pw@feed.example.com/simple"
    assert made["UV_INDEX"].split() == ["https://a/simple", "https://b/simple"]
    assert (made["UV_FIND_LINKS"], made["UV_INSECURE_HOST"]) == ("/wheels", "feed.example.com")
    own = index_settings.environment({**base, "UV_DEFAULT_INDEX": "https://mine"})
    assert own["UV_DEFAULT_INDEX"] == "https://mine" and "UV_INDEX" not in own
    (tmp_path / "uv").mkdir()
    (tmp_path / "uv" / "uv.toml").write_text('[[index]]\nurl = "https://mine"\n')
    theirs = index_settings.environment({**base, "UV_CONFIG_FILE": str(tmp_path / "uv" / "uv.toml")})
    assert "UV_DEFAULT_INDEX" not in theirs
    assert index_settings.environment({**base, "PIP_INDEX_URL": "https://env"})["UV_DEFAULT_INDEX"] == "https://env"
    assert "VIRTUAL_ENV" not in index_settings.environment({**base, "VIRTUAL_ENV": "x"})


REQUIREMENTS = [
    Requirement("numpy==1.16.2", 4), Requirement("scipy==1.9.0", 5), Requirement("fusepy", 6),
    Requirement("--extra-index-url https://me:hunter2@feed.invalid/simple/", 7),
    Requirement("git+https://me:hunter2@git.invalid/a/b.git@main#egg=b", 8), Requirement("git+ssh://git@git.invalid/c", 9),
    Requirement("-f https://wheels.invalid/list.html", 10), Requirement("file:///gone/pkg", 11),
    Requirement("tabulate @ https://files.invalid/tabulate-0.9.0-py3-none-any.whl", 12),
    Requirement("wrapt[x] @ https://files.invalid/wrapt-1.0.tar.gz ; python_version > '3'", 13),
]  # fmt: skip
# ruff: noqa: E501, RUF001
# uv's own words (0.13), shortened.
OUTPUTS = [
    ("error: Failed to build `numpy==1.16.2`\n  cause: The build backend returned an error\n"
     "         NameError: name 'CCompiler' is not defined. Did you mean: 'ccompiler'?\n",
     4, "numpy==1.16.2: there is no wheel for Python 3.11, and building it from source failed (NameError"),
    ("error: No solution found when resolving dependencies\n  cause: Because fusepy was not found in the package "
     "registry and you require fusepy, we can conclude", 6, "fusepy: there is no package with this name"),
    ("  × No solution found when resolving dependencies:\n  ╰─▶ Because there is no version of scipy==1.9.0 and you require "
     "scipy==1.9.0, we\n      can conclude", 5, "scipy==1.9.0: there is no such version"),
    ("cause: Because only scipy==1.2.1 is available and you require scipy==1.9.0, we can conclude", 5, "there is no such version"),
    ("cause: Because scipy==1.9.0 depends on numpy>=1.18.5,<1.25.0 and you require numpy==1.16.2, we can conclude", 5,
     "scipy==1.9.0: needs numpy>=1.18.5,<1.25.0, and the file asks for numpy==1.16.2"),
    ("cause: Because the current Python version (3.11.7) does not satisfy Python>=3.12 and scipy==1.9.0 depends on "
     "Python>=3.12, we can", 5, "scipy==1.9.0: needs Python >=3.12, and this is 3.11.7"),
    ("cause: Because numpy==1.16.2 has no wheels with a matching Python ABI tag (e.g., `cp311`), we can", 4,
     "has no wheel for Python 3.11"),
    ("error: Failed to build `llvmlite==0.31.0`\nhint: `llvmlite` (v0.31.0) was included because `fusepy` (v3.0.1) depends on "
     "`llvmlite`", 6, "fusepy: needs llvmlite==0.31.0: there is no wheel"),
    ("error: Failed to download and build `fusepy @ git+https://host.invalid/f.git@abc`\n  cause: Git operation failed\n"
     "         --- stderr\n         fatal: unable to access 'https://host.invalid/f.git/': Could not resolve host: host.invalid\n",
     6, "fusepy: Git could not fetch it (unable to access 'https://host.invalid/f.git/': Could not resolve host: host.invalid)"),
    ("error: Failed to download and build `fusepy @ git+https://h.example/f.git@abc`\n  cause: Git operation failed\n"
     "         --- stderr\n         fatal: remote error: upload-pack: not our ref abc\n",
     6, "fusepy: Git could not fetch it (remote error: upload-pack: not our ref abc)"),
    ("error: Request failed after 3 retries in 7.4s\n  cause: Failed to fetch: https://feed.invalid/simple/six/\n  cause: dns error\n",
     7, "--extra-index-url https://***@feed.invalid/simple/: feed.invalid could not be reached"),
    ("error: Failed to fetch: https://feed.invalid/simple/six/\n  cause: HTTP status client error (403 Forbidden) for url (https://feed.invalid/simple/six/)\n",
     7, "feed.invalid answered 403 Forbidden"),
    ("   Updating https://me:****@git.invalid/a/b.git (main)\nerror: Git operation failed\n  cause: failed to fetch branch\n"
     "         fatal: unable to access 'https://git.invalid/a/b.git/': Could not resolve host: git.invalid\n",
     8, "git+https://***@git.invalid/a/b.git@main#egg=b: Git could not fetch it (unable to access"),
    ("   Updating ssh://git@git.invalid/c (HEAD)\nerror: Git operation failed\n  --- stderr\nfatal: Could not read from remote repository.\n",
     9, "Git could not fetch it (Could not read from remote repository)"),
    ("error: Failed to read `--find-links` URL: https://wheels.invalid/list.html\n  cause: Request failed after 3 retries in 6.3s\n",
     10, "wheels.invalid could not be reached"),
    ("error: Distribution not found at: file:///gone/pkg\n", 11, "file:///gone/pkg: no such file or folder"),
    ("error: Failed to download `tabulate @ https://files.invalid/tabulate-0.9.0-py3-none-any.whl`\n"
     "  cause: Failed to read metadata: https://files.invalid/tabulate-0.9.0-py3-none-any.whl\n  cause: Failed to read from "
     "zip file\n", 12, "what files.invalid sent is no package"),
    ("error: Failed to download and build `wrapt @ https://files.invalid/wrapt-1.0.tar.gz`\n  cause: Failed to extract "
     "archive: wrapt @ https://files.invalid/wrapt-1.0.tar.gz\n  cause: Invalid tar file\n", 13, "sent is no package"),
    ("error: Request failed after 3 retries in 9s\n  cause: Failed to download `tabulate @ https://files.invalid/tabulate-0.9.0-py3-none-any.whl`\n"
     "  cause: Failed to fetch: https://files.invalid/tabulate-0.9.0-py3-none-any.whl\n", 12, "files.invalid could not be reached"),
    ("cause: Because scipy==1.9.0 has no wheels with a matching platform tag (e.g., `manylinux_2_36_x86_64`) and you require\n"
     "hint: Wheels are available for `scipy` (v1.9.0) on the following platforms: `win32`, `win_amd64`\n",
     5, "scipy==1.9.0: has no wheel for this machine (only for win32, win_amd64)"),
]  # fmt: skip


@pytest.mark.parametrize(("output", "line", "words"), OUTPUTS)
def test_the_package_that_failed_is_named(output: str, line: int, words: str) -> None:
    problem = build_problems.find(output, REQUIREMENTS, "3.11")
    assert problem is not None and problem.requirement is not None
    assert problem.requirement.line == line and words in problem.text
    error = build_problems.error([problem, problem], CondaFile(Path("c.yml")), output, "Python 3.6 is too old")
    assert ("address and commit" in error.hint) == ("Git" in words) and "hunter2" not in str(error)
    assert str(error).startswith(f"c.yml:{line}: ") and f"\nc.yml:{line}: " in str(error) and "too old" in error.hint


def test_a_variable_that_is_not_set_is_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SET", "x")
    lines = [Requirement("--index-url https://${SET}@a.example", 4), Requirement("six==${NOT_SET_HERE}", 5)]
    problem = build_problems.find("error: anything\n", lines, "3.11")
    assert problem is not None and problem.requirement == lines[1] and "NOT_SET_HERE is not set" in problem.text


def test_a_problem_of_a_pip_file_names_that_file() -> None:
    place = Requirement("six==99", 2, Path("more.txt"))
    problem = build_problems.find("Because there is no version of six==99 and you require", [place], "3.11")
    assert problem is not None
    assert "more.txt:2: six==99: there is no such version" in str(
        build_problems.error([problem], CondaFile(Path("c.yml")), "", "")
    )


def test_other_output_is_shown_without_secrets() -> None:
    output = "error: Request failed for https://me:hunter2@feed.example.com/simple\n"
    assert build_problems.find(output, REQUIREMENTS, "3.11") is None
    error = build_problems.error([], CondaFile(None), output, "")
    assert "could not be created" in str(error) and "hunter2" not in str(error) and "feed.example.com" in str(error)
    assert "could not be reached" in str(build_problems.error([], CondaFile(None), "dns error: x", ""))


def test_uv_that_may_not_fetch_is_the_cause_also_beside_an_index_on_the_disk() -> None:
    output = "error: No solution found when resolving dependencies\n  cause: Because there is no version of a==1 and …"
    error = build_problems.of_settings(output, {"UV_OFFLINE": "1"}, CondaFile(Path("c.yml")))
    assert error is not None and "UV_OFFLINE is set" in str(error)
    assert build_problems.of_settings(output, {"UV_OFFLINE": "0"}, CondaFile(None)) is None
    assert build_problems.of_settings("error: Failed to build `a`", {"UV_OFFLINE": "1"}, CondaFile(None)) is None


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "error: Couldn't parse requirement in `{0}` at position 0\n  cause: no version",
            "is not a requirements file",
        ),
        ("error: File not found: `{0}`", "no such file or folder"),
        ("error: File not found: {0}\n", "no such file or folder"),
    ],
)
def test_a_file_that_a_setting_names_is_to_blame(tmp_path: Path, said: str, reason: str) -> None:
    file = tmp_path / "limits.txt"
    if "parse" in said:
        file.touch()
    settings = {"UV_CONSTRAINT": f"/other {file}"}
    error = build_problems.of_settings(said.format(file), settings, CondaFile(Path("c.yml")))
    assert error is not None and (error.message, error.file) == (reason, file)
    assert "UV_CONSTRAINT names it" in error.hint
    assert build_problems.of_settings(said.format("/other/conda.txt"), settings, CondaFile(Path("c.yml"))) is None
