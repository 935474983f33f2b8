"""The house itself: who may import whom, one description a fact, nothing of one machine or of a secret."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
RUNNER = ROOT / "template" / "runner"
# Floors of the house, lowest first; a module imports from its own floor and those below (DESIGN.md).
# A module that no floor names is one of the facts in the middle: runs, snapshot, data, environment, …
FACTS = 2
FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "__init__"),
    ("job", "project"),
    (),
    ("v1", "azure", "contract"),
    ("targets",),
    ("sweep", "serving", "notebook"),
    ("cli", "__main__"),
)
# Not below one another, though on floors that would allow it: targets know nothing of v1.
NEVER = {("targets", "v1"), ("azure", "v1"), ("v1", "azure")}


def modules() -> list[Path]:
    return sorted(RUNNER.rglob("*.py"))


def imported(file: Path) -> set[str]:
    """The runner's modules that a file imports, also inside functions: their first name below `runner`."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "runner":
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("runner."):
            found.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {name.name.split(".")[1] for name in node.names if name.name.startswith("runner.")}
    return found - {"__version__"}


def floor(name: str) -> int:
    return next((number for number, names in enumerate(FLOORS) if name in names), FACTS)


@pytest.mark.parametrize("file", modules(), ids=lambda file: file.relative_to(RUNNER).as_posix())
def test_a_module_imports_only_from_its_floor_and_below(file: Path) -> None:
    own = file.relative_to(RUNNER).parts[0].removesuffix(".py")
    above = {name for name in imported(file) if floor(name) > floor(own) or (own, name) in NEVER}
    assert not above


def prints(file: Path) -> bool:
    calls = (node.func for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    names = {ast.unparse(call) for call in calls}
    return bool(names & {"print", "click.echo", "echo", "sys.stdout.write"})


def test_only_the_command_line_prints() -> None:
    # These run in the training environment, as the script's own process.
    theirs = {"harness.py", "batch_driver.py", "warm_server.py", "warm_child.py"}
    ours = [file for file in modules() if "cli" not in file.relative_to(RUNNER).parts[:1] and file.name not in theirs]
    assert not [file for file in ours if prints(file)]
    assert prints(RUNNER / "cli" / "common.py")


def test_heavy_packages_are_not_imported_by_the_everyday_commands() -> None:
    code = (
        "import sys; from runner.cli import run, submit, watching; from runner.v1 import runconfig; "
        "from runner.targets import local; "
        "print(sorted({'mlflow', 'azure', 'sklearn', 'pandas', 'numpy', 'optuna', 'nbconvert', 'rich', 'sqlalchemy'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "template", capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def python(code: str) -> str:
    words = [sys.executable, "-c", code]
    return subprocess.run(words, cwd=ROOT / "template", capture_output=True, text=True, check=True).stdout


def test_help_imports_no_command() -> None:
    code = (
        "import sys; from runner.cli import main\ntry: main(['--help'])\nexcept SystemExit: print(sorted(sys.modules))"
    )
    assert "'runner.cli'" in python(code)
    assert "'runner.cli.run'" not in python(code) and "'ruamel" not in python(code)


def test_the_runner_asks_for_the_same_packages_here_and_in_a_render() -> None:
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    text = (ROOT / "template" / "pyproject.toml.jinja").read_text(encoding="utf-8")
    theirs = tomllib.loads(re.sub(r"\{\{.*?\}\}", '"x"', text).replace('""x""', '"x"'))
    assert theirs["project"]["dependencies"] == ours["runner"]
    for group in ("azure", "sweep", "notebook"):
        assert theirs["dependency-groups"][group] == ours[group]


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
