"""The workers run in the job's own Python, which may be as old as 3.7, and know nothing of amlrun."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.oldest_python import oldest_python

pytestmark = pytest.mark.slow

WORKERS = Path(__file__).parents[3] / "src" / "amlrun" / "workers"
FILES = sorted(WORKERS.rglob("*.py"))
OLDEST = (3, 7)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(WORKERS).as_posix())
def test_its_syntax_is_that_of_the_oldest_python(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    ast.parse(text, feature_version=OLDEST)
    tree = ast.parse(text)
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name for name in imported if name.split(".")[0] == "amlrun"}


def test_newer_syntax_is_seen() -> None:
    with pytest.raises(SyntaxError):
        ast.parse("if (n := 1): pass", feature_version=OLDEST)


def test_they_compile_there() -> None:
    code = "import sys; [compile(open(name, 'rb').read(), name, 'exec') for name in sys.argv[1:]]"
    subprocess.run([oldest_python(), "-c", code, *map(str, FILES)], check=True)


def run_folder(tmp_path: Path) -> Path:
    for name in (".run", "user_logs", "outputs"):
        (tmp_path / "run" / name).mkdir(parents=True, exist_ok=True)
    (tmp_path / "run" / ".run" / "run.json").write_text('{"run_id": "run", "status": "Preparing"}')
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("code", "timeout", "status", "message"),
    [
        ("print('hello')", None, "Completed", ""),
        ("raise SystemExit(3)", None, "Failed", "ended with exit code 3"),
        ("import time; time.sleep(60)", 1, "Failed", "ran longer than 1 s"),
    ],
)
def test_the_supervisor_works_there(tmp_path: Path, code: str, timeout: int | None, status: str, message: str) -> None:
    python, folder = oldest_python(), run_folder(tmp_path)
    plan = {"folder": str(folder), "command": [python, "-c", code], "cwd": str(folder), "env": {}, "timeout": timeout}
    words = [python, "-I", "-S", str(WORKERS / "supervisor.py")]
    subprocess.run(words, input=json.dumps(plan).encode(), check=False, timeout=120)
    view = json.loads((folder / ".run" / "run.json").read_text())
    assert view["status"] == status and message in view.get("error", {}).get("message", "")
    assert json.loads((folder / ".run" / "process.json").read_text())["_script"]["pid"]
    if status == "Completed":
        assert (folder / "user_logs" / "std_log.txt").read_text().strip() == "hello"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a fork server runs on Linux only")
def test_the_fork_server_works_there(tmp_path: Path) -> None:
    python, folder = oldest_python(), run_folder(tmp_path)
    script = folder / "train.py"
    script.write_text("import json, sys\nprint('forked', sys.argv[1:])\nsys.exit(4)\n")
    plan = {"folder": str(folder), "command": [python, "train.py", "--x", "1"], "cwd": str(folder), "env": {}}
    server = subprocess.Popen(
        [python, str(WORKERS / "fork_server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder
    )
    assert server.stdin and server.stdout
    for order in ({"script": str(script)}, {"setup": []}):
        server.stdin.write(json.dumps(order).encode() + b"\n")
    server.stdin.flush()
    assert server.stdout.readline() == b"ready\n"
    server.stdin.write(json.dumps(plan).encode() + b"\n")
    server.stdin.close()
    server.wait(120)
    server.stdout.close()
    assert (folder / "user_logs" / "std_log.txt").read_text() == "forked ['--x', '1']\n"
    ended = json.loads((folder / ".run" / "exit.json").read_text())
    assert ended["exit_code"] == 4 and "exit code 4" in ended["error"]["message"]


def test_one_request_is_scored_there(tmp_path: Path) -> None:
    script = tmp_path / "score.py"
    script.write_text("import json\ndef init(): pass\ndef run(data, request_headers): return sum(json.loads(data))\n")
    words = [oldest_python(), str(WORKERS / "score_once.py"), str(script)]
    done = subprocess.run(words, input=b"[1, 2]", capture_output=True, check=True, cwd=tmp_path)
    assert json.loads(done.stdout) == {"answer": 3, "status": 200}


def test_a_batch_is_scored_there(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    (folder / "entry.py").write_text("def init(): pass\ndef run(batch): return [len(batch)] * len(batch)\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "model.pkl").touch()
    for name in "ab":
        (tmp_path / "data" / name).touch()
    plan = {
        "entry": "entry.py", "input": str(tmp_path / "data"), "mini_batch": {"files": 2}, "workers": 1,
        "error_threshold": 0, "timeout": 600, "max_try": 1, "output": "rows.txt", "continue": "",
        "model": {"path": str(tmp_path / "model.pkl"), "directory": "azureml-models/m/1"},
    }  # fmt: skip
    words = [oldest_python(), str(WORKERS / "batch_worker.py"), json.dumps(plan)]
    subprocess.run(words, check=True, cwd=folder)
    assert (folder / "outputs" / "rows.txt").read_text() == "2\n2\n"
    assert (folder / ".run" / "azureml-models" / "m" / "1" / "model.pkl").is_file()
