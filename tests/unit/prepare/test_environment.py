"""Environments, built for real with uv from the package registry, in a cache of the test's own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.workplace import Workplace

from amlrun.errors import AmlError
from amlrun.prepare import environment
from amlrun.spec.job import CommandJob
from amlrun.v1.runconfig import to_job

pytestmark = pytest.mark.slow

CONDA = f"""\
name: x
dependencies:
  - python={sys.version_info.major}.{sys.version_info.minor}
  - pip:
      - six==1.16.0
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AML_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv(environment.TOOL_VARIABLE, "uv")
    return tmp_path / "cache" / "environments"


def conda_file(folder: Path, text: str) -> Path:
    file = folder / "conda.yml"
    file.write_text(text, encoding="utf-8")
    return file


def test_built_once_and_reused_by_content(tmp_path: Path, cache: Path) -> None:
    said: list[str] = []
    found = environment.prepare(conda_file(tmp_path, CONDA), report=said.append)
    out = subprocess.run([found.python, "-c", "import six; print(six.__version__)"], capture_output=True, text=True)
    assert out.stdout.strip() == "1.16.0"
    assert "six==1.16.0" in found.packages()
    # As with conda: packages of that time import pkg_resources without saying so.
    assert any(one.startswith("setuptools==") for one in found.packages()) == (sys.version_info < (3, 12))
    assert any("Building the environment of conda.yml" in line for line in said)
    again: list[str] = []
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    same = environment.prepare(conda_file(elsewhere, CONDA), report=again.append)
    assert same.python == found.python and again == [] and same.conda_hash == found.conda_hash
    other = environment.prepare(conda_file(elsewhere, CONDA + "      - idna\n"), report=again.append)
    assert other.python != found.python


def test_an_environment_without_a_conda_file_names_none(cache: Path) -> None:
    said: list[str] = []
    environment.prepare({"dependencies": ["python", "pip", {"pip": ["six==1.16.0"]}]}, report=said.append)
    assert any("Building the environment with uv (" in line for line in said)


def test_an_interrupted_build_is_made_again(tmp_path: Path, cache: Path) -> None:
    found = environment.prepare(conda_file(tmp_path, CONDA), report=lambda line: None)
    assert found.folder is not None
    (found.folder / "aml-environment.json").unlink()
    (found.folder / "bin" / "python").unlink(missing_ok=True)
    again = environment.prepare(conda_file(tmp_path, CONDA), report=lambda line: None)
    assert again.python == found.python and again.python.exists()


def test_a_package_that_cannot_be_had_names_its_line(tmp_path: Path) -> None:
    text = CONDA + "      - idna\n      - no-such-package-of-this-name-here==1.0\n"
    with pytest.raises(AmlError) as wrong:
        environment.prepare(conda_file(tmp_path, text), report=lambda line: None)
    assert "conda.yml:7: no-such-package-of-this-name-here==1.0: there is no package with this name" in str(wrong.value)
    assert wrong.value.exit_code == 1


def test_a_python_that_is_not_here_is_stood_in_for_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    said: list[str] = []
    found = environment.prepare(conda_file(tmp_path, "dependencies: [python=3.6]\n"), report=said.append)
    assert any("Python 3.6 is too old to run here; using 3." in line for line in said)
    assert found.notes and found.python.exists()
    again: list[str] = []
    environment.prepare(conda_file(tmp_path, "dependencies: [python=3.6]\n"), report=again.append)
    assert len(again) == 1 and "using 3." in again[0], "it is said at every run"


def test_no_registry_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(AmlError, match="package index could not be reached"):
        environment.prepare(conda_file(tmp_path, CONDA), report=lambda line: None)


def test_two_builders_wait_for_each_other(tmp_path: Path, cache: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from amlrun.prepare import environment\n"
        "print(environment.prepare(Path(sys.argv[1]), report=lambda line: print(line, file=sys.stderr)).python)\n"
    )
    file = conda_file(tmp_path, CONDA)
    template = Path(environment.__file__).parent.parent
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(file)],
            cwd=template,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    results = [one.communicate(timeout=120) for one in both]
    assert [one.returncode for one in both] == [0, 0], results
    assert results[0][0] == results[1][0]
    assert sum("Building" in err for _, err in results) == 1


def test_no_network_access_for_a_cached_environment(workplace: Workplace, write: Callable[[Path, str], Path]) -> None:
    write(workplace.model / "aml_config" / "conda.yml", CONDA)
    write(
        workplace.model / "aml_config" / "built.runconfig",
        "script: train.py\ntarget: local\nenvironment:\n  python:\n    condaDependenciesFile: aml_config/conda.yml\n",
    )
    workplace.script("import six, sys\nprint(six.__version__, sys.prefix)\n")
    workplace.aml("run", "submit-script", "-c", "built", "-e", "exp")
    done = workplace.aml("run", "submit-script", "-c", "built", "-e", "exp", env={"UV_OFFLINE": "1"})
    assert "1.16.0" in done.stdout and "Building" not in done.stdout
    record = json.loads((workplace.latest() / ".run" / "run.json").read_text())
    assert "six==1.16.0" in record["environment"]["packages"]
    assert len(record["environment"]["conda_file_sha256"]) == 64


def test_everything_that_fails_is_named_at_once(tmp_path: Path) -> None:
    text = f"""\
dependencies:
  - python={sys.version_info.major}.{sys.version_info.minor}
  - six==99.9
  - pip:
      - idna
      - no-such-package-of-this-name-here
      - another-package-that-is-nowhere==1.0
"""
    with pytest.raises(AmlError) as wrong:
        environment.prepare(conda_file(tmp_path, text), report=lambda line: None)
    said = str(wrong.value)
    assert "conda.yml:3: six==99.9: there is no such version" in said
    assert "conda.yml:6: no-such-package-of-this-name-here: there is no package with this name" in said
    assert "conda.yml:7: another-package-that-is-nowhere==1.0: there is no package with this name" in said
    assert "idna" not in said and wrong.value.exit_code == 1


def test_an_inline_specification_names_its_line_too(tmp_path: Path) -> None:
    file = tmp_path / "t.runconfig"
    file.write_text(
        "script: t.py\nenvironment:\n  python:\n    condaDependencies:\n      dependencies:\n"
        f"      - python={sys.version_info.major}.{sys.version_info.minor}\n      - pip:\n        - six==99.9\n"
    )
    (tmp_path / "t.py").touch()
    job = to_job.load(str(file), tmp_path)
    assert isinstance(job, CommandJob) and job.environment is not None
    with pytest.raises(AmlError, match=r"t.runconfig:8: six==99.9: there is no such version"):
        environment.prepare(job.environment.conda_file, report=lambda line: None)  # type: ignore[arg-type]


def test_an_environment_of_the_cloud_keeps_the_machines_python_clean(tmp_path: Path) -> None:
    said: list[str] = []
    found = environment.own("azureml:sklearn-1.5@latest", "The environment exists only in Azure", report=said.append)
    base = environment.user_managed("python").python
    assert found.python != base and "exists only in Azure" in said[0] and str(base) in said[0]
    code = "import sys, psutil; print(sys.prefix)"
    prefix = subprocess.run([found.python, "-c", code], capture_output=True, text=True, check=False).stdout.strip()
    if prefix:  # psutil is there when the Python on PATH has it
        assert Path(prefix) == found.folder
    wrapper = found.bin / ("pip.cmd" if sys.platform == "win32" else "pip")
    assert str(found.python) in wrapper.read_text()
    assert (
        environment.own("azureml:sklearn-1.5@latest", "The environment exists only in Azure", report=said.append).python
        == found.python
    )


def test_uv_that_may_not_use_the_network_is_the_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    file = tmp_path / "conda.yml"
    file.write_text("dependencies: [python=3.11, pip: [colorama==0.4.1]]\n")
    with pytest.raises(AmlError, match="UV_OFFLINE is set, and the packages are not in uv's cache") as caught:
        environment.prepare(file, report=lambda line: None)
    assert "Correct the names" not in caught.value.hint


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("pip install -q toposort==1.10 && python train.py", "azureml:AzureML-sklearn-1.0-ubuntu20.04-py38-cpu@latest"),
        (
            "python -m pip install -q toposort\npython train.py",
            "azureml://registries/azureml/environments/a/labels/latest",
        ),
        ("pip3 install -q toposort; python3 train.py", "{image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04}"),
    ],
)
def test_what_a_command_installs_goes_into_the_runs_environment(workplace: Workplace, command: str, named: str) -> None:
    workplace.script("import sys, toposort\nprint('there', toposort.__file__.startswith(sys.prefix))\n")
    job = {"command": command, "code": ".", "compute": "local"}
    (workplace.model / "job.yml").write_text(json.dumps(job)[:-1] + f', "environment": {named}}}', encoding="utf-8")
    done = workplace.aml("job", "create", "-f", "job.yml")
    assert "there True" in done.stdout
    ours = [sys.executable, "-c", "import toposort"]
    assert b"ModuleNotFoundError" in subprocess.run(ours, capture_output=True, check=False).stderr
