"""The house itself: who may import whom, one description a fact, nothing of one machine or of a secret."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "src" / "amlrun"


def modules() -> list[Path]:
    return sorted(LIBRARY.rglob("*.py"))


def prints(file: Path) -> bool:
    calls = (node.func for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    names = {ast.unparse(call) for call in calls}
    return bool(names & {"print", "click.echo", "echo", "sys.stdout.write"})


def test_only_the_command_line_prints() -> None:
    # Workers run in the training environment, as the script's own process.
    ours = [file for file in modules() if file.relative_to(LIBRARY).parts[0] not in ("cli", "workers")]
    assert not [file for file in ours if prints(file)]
    assert prints(LIBRARY / "cli" / "common.py")


def test_heavy_packages_are_not_imported_by_the_everyday_commands() -> None:
    code = (
        "import sys; from amlrun.cli import run, submit, watching; from amlrun.v1 import runconfig; "
        "from amlrun.targets import local; "
        "print(sorted({'mlflow', 'azure', 'sklearn', 'pandas', 'numpy', 'optuna', 'nbconvert', 'rich', 'sqlalchemy'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def python(code: str) -> str:
    words = [sys.executable, "-c", code]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_help_imports_no_command() -> None:
    code = (
        "import sys; from amlrun.cli import main\ntry: main(['--help'])\nexcept SystemExit: print(sorted(sys.modules))"
    )
    assert "'amlrun.cli'" in python(code)
    assert "'amlrun.cli.run'" not in python(code) and "'ruamel" not in python(code)


def test_nothing_committed_names_one_machine() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    places = re.compile(r"/(?:" + "|".join(("wor" + "k", "roo" + "t", "hom" + "e/[a-z]+")) + r")/[a-z.]", re.IGNORECASE)
    allowed = re.compile(r"/home/(u|azureuser|someone|user|me|runner|vscode)/|/root/\.|x/root/")
    wrong = []
    for name in listed.split("\0"):
        file = ROOT / name
        if not name or not file.is_file() or name == "uv.lock":
            continue
        for line in file.read_bytes().decode("utf-8", "replace").splitlines():
            if places.search(line) and not allowed.search(line):
                wrong.append(f"{name}: {line.strip()[:120]}")
    assert not wrong


def test_the_readme_has_exactly_two_set_up_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first = re.search(r"```console\n(.*?)```", text, re.DOTALL)
    assert first is not None
    assert first[1].splitlines() == ["$ python3 dev.py first-run", "$ python3 dev.py test"]


def test_workflows_pin_by_sha() -> None:
    uses = [
        line.strip()
        for file in (ROOT / ".github" / "workflows").glob("*.yml")
        for line in file.read_text(encoding="utf-8").splitlines()
        if "uses:" in line
    ]
    assert uses and all(re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d", line) for line in uses)


def test_an_edit_of_any_file_of_the_library_is_seen_by_the_next_sync() -> None:
    """uv's cache keys name the kinds of files one by one: a .pyc, which an import writes, is no edit."""
    keys = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]["cache-keys"]
    endings = {Path(key["file"]).suffix for key in keys}
    files = [file for file in (ROOT / "src").rglob("*") if file.is_file() and file.suffix != ".pyc"]
    assert {file.suffix for file in files if file.name != "py.typed"} <= endings and ".pyc" not in endings
