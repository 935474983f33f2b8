"""Set this repository up and use it, with nothing but Python, pip and git.

python3 dev.py first-run [FOLDER]   render the template into a new folder (first-project), train, register and score
python3 dev.py test --unit          run the tests that answer within a minute
python3 dev.py test [PYTEST ARGS]   run all tests
python3 dev.py check                lint, types, which module may import which, and how long it may be
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOOLS = HERE / ".tools"
MOST_LINES = 300


def uv() -> str:
    """The path of uv: the one on PATH, or one that pip puts into `.tools/`, touching nothing else."""
    found = shutil.which("uv")
    if found:
        return found
    program = TOOLS / "bin" / ("uv.exe" if os.name == "nt" else "uv")
    if not program.exists():
        print("Installing uv into .tools/ …", flush=True)
        words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(TOOLS), "uv>=0.8,<1"]
        subprocess.run([sys.executable, *words], check=True)
    return str(program)


def call(*words: str, folder: Path = HERE) -> None:
    """Run uv in a folder. Ends this program with the command's exit code when it fails."""
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    code = subprocess.run([uv(), *words], cwd=folder, env=environment).returncode
    if code:
        sys.exit(code)


def path_command() -> str:
    """The command that puts the uv in `.tools/` on the shell's PATH."""
    folder = TOOLS / "bin"
    return f'$env:PATH = "{folder};$env:PATH"' if os.name == "nt" else f'export PATH="{folder}:$PATH"'


def fresh(name: str) -> Path:
    """`name`, or the first of name-2, name-3, … that is not there yet."""
    folder, number = Path(name).resolve(), 1
    while folder.exists():
        number += 1
        folder = Path(f"{name}-{number}").resolve()
    return folder


def would_dirty(folder: Path) -> bool:
    """Whether a new `folder` would be an uncommitted change of this clone, which Copier takes into the next render."""
    if HERE not in folder.parents or not (HERE / ".git").exists():
        return False
    return subprocess.run(["git", "check-ignore", "--quiet", str(folder / "x")], cwd=HERE).returncode == 1


def check_sizes() -> None:
    """End this program when a module of the library has more than 300 lines: it does more than one job then."""
    modules = sorted((HERE / "src").rglob("*.py"))
    counts = {module: len(module.read_text(encoding="utf-8").splitlines()) for module in modules}
    long = [f"{module.relative_to(HERE)}: {count} lines" for module, count in counts.items() if count > MOST_LINES]
    if long:
        print(*long, f"Split them: a module has at most {MOST_LINES} lines.", sep="\n", file=sys.stderr)
        sys.exit(1)


def first_run(name: str) -> None:
    """Render the template with its defaults, train its sample here, register the model and score one request."""
    project = fresh(name)
    if would_dirty(project):
        print(f"{project} is inside this clone, and git does not ignore it: name a folder outside.", file=sys.stderr)
        sys.exit(2)
    model = project / "models" / "model1"
    request = project / "deployment" / "sample-request.json"
    copy = ("copy", "--defaults", "--quiet", "--vcs-ref", "HEAD", str(HERE), str(project))
    steps: list[tuple[str, Path, tuple[str, ...]]] = [
        ("Render the template", HERE, ("tool", "run", "--from", "copier>=9.15,<10", "copier", *copy)),
        ("Install amlrun", project, ("sync", "--quiet")),
        ("Train", model, ("run", "aml", "run", "submit-script", "-c", "train-local", "-e", "first", "-t", "run.json")),
        ("Register", model, ("run", "aml", "model", "register", "-n", "demo-model",
                             "--asset-path", "outputs/model.pkl", "-f", "run.json")),
        ("Score one request", model, ("run", "aml", "score", "-m", "demo-model", str(request))),
    ]  # fmt: skip
    for number, (title, folder, words) in enumerate(steps, 1):
        print(f"\n== {number}/{len(steps)} {title}", flush=True)
        print("$ uv " + " ".join(words), flush=True)
        call(*words, folder=folder)
    # A uv of our own is on nobody's PATH.
    path = "" if shutil.which("uv") else f"\n  {path_command()}"
    print(f"""
Done. Everything is in {project}:
  models/model1/            train.py, score.py and their run configurations: your code goes here
  runs/latest               names the run's folder under runs/: its outputs/ and user_logs/std_log.txt
  mlflow.db                 metrics, parameters and the model registry

Next:{path}
  cd {model}
  uv run aml run list
  uv run aml run submit-script -c train-local -e first train.py --data-path /data --epochs 50
  uv run --group ui mlflow ui --backend-store-uri sqlite:///{(project / "mlflow.db").as_posix()}
""")


def main(words: list[str]) -> int:
    if sys.version_info < (3, 10):
        print(f"Python 3.10 or newer is needed; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 2
    if words[:1] == ["first-run"] and len(words) <= 2 and not words[-1].startswith("-"):
        first_run(words[1] if len(words) == 2 else "first-project")
    elif words[:2] == ["test", "--unit"]:
        call("run", "--frozen", "pytest", "--quiet", "-m", "unit", "--numprocesses", "auto", "tests/unit", *words[2:])
    elif words[:1] == ["test"]:
        call("run", "--frozen", "pytest", "--numprocesses", "auto", "--dist", "loadfile", *words[1:])
    elif words == ["check"]:
        for command in (("ruff", "check"), ("ruff", "format", "--check"), ("mypy",), ("lint-imports",)):
            call("run", "--frozen", *command)
        check_sizes()
    else:
        print((__doc__ or "").strip(), file=sys.stderr)
        return 0 if words in (["--help"], ["-h"]) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
