"""`score`: one request through a script, in an interpreter that has no inference server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import amlrun
from amlrun.errors import AmlError

pytestmark = pytest.mark.slow

ECHO = """
import json, os, pathlib
def init():
    global found
    top = pathlib.Path(os.environ["AZUREML_MODEL_DIR"])
    found = sorted(path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file())
def run(data, request_headers):
    return {"files": found, "data": json.loads(data), "type": request_headers["Content-Type"]}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose scripts run in this very interpreter."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "aml_config").mkdir()
    managed = {"userManagedDependencies": True, "interpreterPath": sys.executable}
    config = {"entryScript": "score.py", "environment": {"python": managed}}
    (tmp_path / "aml_config" / "inference-config.yml").write_text(json.dumps(config))
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "w.json").write_text("{}")
    return tmp_path


def score(project: Path, script: str, request: Any = None, **more: Any) -> Any:
    (project / "score.py").write_text(script)
    return amlrun.score(project / "m", {} if request is None else request, path=project, **more)


def test_the_script_gets_the_model_the_data_and_the_headers(project: Path) -> None:
    answer = score(project, ECHO, {"data": [1]})
    assert answer == {"files": ["m/w.json"], "data": {"data": [1]}, "type": "application/json"}
    assert not list((project / "runs").iterdir()), "nothing is left behind"


def test_a_registered_model_by_its_name(project: Path) -> None:
    amlrun.register_model(project / "m", "regr", path=project)
    (project / "score.py").write_text(ECHO.replace("found = sorted", "found = [top.parts[-3:]] or sorted"))
    answer = amlrun.score("regr", [], path=project)
    assert answer["files"] == [["azureml-models", "regr", "1"]]
    assert amlrun.score(amlrun.get_model("regr", path=project), [], path=project) == answer


def test_what_the_script_prints_is_progress_and_the_answer_alone_is_returned(project: Path) -> None:
    lines: list[str] = []
    script = "print('loading')\ndef init(): pass\ndef run(data):\n    print('run')\n    return 1\n"
    assert score(project, script, on_event=lambda event: lines.append(event.text)) == 1
    assert "\n".join(lines).split() == ["loading", "run"]


@pytest.mark.parametrize(
    ("script", "field", "line", "message"),
    [
        ("import nosuch\n", "import", 1, "No module named 'nosuch'"),
        ("def init(): pass\n", "import", None, r"score.py has no run\(\)"),
        ("def init():\n    raise OSError('no table')\ndef run(d): pass\n", "init()", 2, "OSError: no table"),
        ("def init(): pass\ndef run(d): return object()\n", "the answer", None, "not JSON serializable"),
        ("def init(): pass\ndef run(d, *a): return 1 / 0\n", "run()", 2, "ZeroDivisionError"),
    ],
)
def test_a_failure_says_where(project: Path, script: str, field: str, line: int | None, message: str) -> None:
    with pytest.raises(AmlError, match=message) as caught:
        score(project, script)
    assert (caught.value.field, caught.value.line, caught.value.exit_code) == (field, line, 1)


def test_a_process_that_ends_itself_is_told(project: Path) -> None:
    with pytest.raises(AmlError, match=r"ended its process \(exit code 7\)"):
        score(project, "import os\ndef init(): os._exit(7)\ndef run(d): pass\n")


def test_a_function_that_the_pickle_misses_is_explained(project: Path) -> None:
    (project / "train.py").write_text(
        "import pickle, sys\ndef to_log(x): return x\npickle.dump(to_log, open(sys.argv[1], 'wb'))\n"
    )
    import subprocess

    subprocess.run([sys.executable, "train.py", "m/model.pkl"], cwd=project, check=True)
    script = (
        "import os, pickle\ndef init():\n"
        "    pickle.load(open(os.path.join(os.environ['AZUREML_MODEL_DIR'], 'm', 'model.pkl'), 'rb'))\n"
        "def run(d): pass\n"
    )
    with pytest.raises(AmlError, match="Can't get attribute 'to_log'") as caught:
        score(project, script)
    assert "to_log, which train.py defines itself. Move it into a module" in caught.value.hint
