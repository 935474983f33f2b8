"""Format and lint the script with ruff, as its project is set up; without ruff it stays as it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from amlrun.notebook.report import Report


def format_script(text: str, path: Path, report: Report) -> str:
    """`text`, to be written at `path`, formatted; what the linter still finds is marked `noqa` and reported."""
    ruff = _ruff()
    if ruff is None:
        report.ask("ruff is not installed, so the script is not formatted: uv add --dev ruff")
        return text
    text = _run(ruff, ["check", "--fix", "--quiet", "--extend-select", "I,F401"], text, path) or text
    text = _run(ruff, ["format", "--quiet"], text, path) or text
    found = json.loads(_run(ruff, ["check", "--output-format", "json", "--quiet"], text, path) or "[]")
    if not isinstance(found, list) or not found:
        return text
    codes: dict[int, set[str]] = {}
    for item in found:
        # A name that nothing binds is a fault of the notebook: it must stay in sight.
        if item.get("code") and item["code"] not in ("F821", "invalid-syntax"):
            codes.setdefault(item.get("noqa_row") or item["location"]["row"], set()).add(item["code"])
    lines = text.split("\n")
    for row, names in codes.items():
        before, _, after = lines[row - 1].partition("  # noqa: ")
        everything = names | set(after.split(" - ")[0].split(", ")) - {""}
        lines[row - 1] = f"{before}  # noqa: {', '.join(sorted(everything))}"
    if codes:
        names = set().union(*codes.values())
        report.did(f"marked {len(codes)} line(s) noqa for {', '.join(sorted(names))}: the code is as you wrote it")
    return "\n".join(lines)


def _ruff() -> str | None:
    """ruff beside this interpreter, else on the path."""
    name = "ruff.exe" if os.name == "nt" else "ruff"
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which("ruff")


def _run(ruff: str, words: list[str], text: str, path: Path) -> str:
    # ruff looks for the project's settings above this name, and would read a relative one from `folder`.
    command = [ruff, *words, "--no-cache", "--stdin-filename", str(path.absolute()), "-"]
    folder = next((folder for folder in path.absolute().parents if folder.is_dir()), Path.cwd())
    done = subprocess.run(command, input=text.encode(), capture_output=True, cwd=folder, check=False)
    return done.stdout.decode().replace("\r\n", "\n")
