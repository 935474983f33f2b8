"""Builds an environment: with conda's own tools where there are some, else with uv from PyPI."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from amlrun.errors import JOB_FAILED, AmlError
from amlrun.prepare import build_problems, index_settings, pythons
from amlrun.prepare.conda_file import CondaFile, Requirement
from amlrun.prepare.interpreter import TOOL_VARIABLE, Interpreter, Report, python_in

# How long a failed build is tried on without what failed, to name everything that fails at once.
_MOST_ROUNDS, _MOST_SECONDS = 8, 120


def build(folder: Path, ready: Path, wanted: CondaFile, tool: str, report: Report) -> Interpreter:
    """Make the environment in `folder`; `ready` is written last. Raises AmlError, with file and line."""
    # What an interrupted build left has no mark that it is ready.
    shutil.rmtree(folder, ignore_errors=True)
    what = "the conda file" if wanted.file is None else wanted.file.name
    count = len(wanted.requirements)
    report(f"Building the environment of {what} with {tool} ({count} packages; cached for later runs) …")
    notes, python_note = [], ""
    if tool == "uv":
        uv = find_uv()
        environment = index_settings.environment()
        python, python_note = _make_python(uv, folder, wanted, environment, report)
        notes = [*([python_note] if python_note else []), *wanted.substitutions]
        _install(uv, folder, wanted, python, python_note, environment, report)
    else:
        _conda_create(tool, folder, wanted, report)
    made = {"notes": notes, "variables": wanted.variables, "tool": tool, "python_note": python_note,
            "source": str(wanted.file or ""), "packages": [one.text for one in wanted.requirements]}  # fmt: skip
    ready.write_text(json.dumps(made, indent=2), encoding="utf-8")
    for note in notes:
        report(f"  {note}")
    return Interpreter(python_in(folder), folder, notes=notes, variables=wanted.variables, python_note=python_note)


def over(base: Path, folder: Path, ready: Path, name: str) -> Interpreter:
    """An environment that sees the packages of the Python `base`, and takes what is installed by itself."""
    shutil.rmtree(folder, ignore_errors=True)
    places = subprocess.run(
        [str(base), "-c", "import json, sys; print(json.dumps([p for p in sys.path if p.endswith('-packages')]))"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    made = subprocess.run(
        [find_uv(), "venv", "--quiet", "--no-project", "--no-config", "--python", str(base), str(folder)],
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    if made.returncode or places.returncode:
        raise AmlError(f"no environment could be created from {base}: {(made.stderr or places.stderr).strip()[-300:]}",
                       exit_code=JOB_FAILED)  # fmt: skip
    python = python_in(folder)
    own = next(iter(folder.glob("Lib/site-packages" if os.name == "nt" else "lib/python*/site-packages")))
    (own / "aml-base.pth").write_text("".join(f"{place}\n" for place in json.loads(places.stdout)), encoding="utf-8")
    if os.name == "nt":
        (python.parent / "pip.cmd").write_text(f'@"{python}" -m pip %*\n', encoding="utf-8")
    else:
        for command in ("pip", "pip3"):
            # A bare `pip` must not be the machine's own.
            script = python.parent / command
            script.write_text(f'#!/bin/sh\nexec "{python}" -m pip "$@"\n', encoding="utf-8")
            script.chmod(0o755)
    ready.write_text(json.dumps({"notes": [], "variables": {}, "tool": "uv", "source": name}), encoding="utf-8")
    return Interpreter(python, folder)


def find_uv() -> str:
    from uv import find_uv_bin

    return find_uv_bin()


def _make_python(
    uv: str, folder: Path, wanted: CondaFile, environment: dict[str, str], report: Report
) -> tuple[str, str]:
    """Make the virtual environment with the nearest Python; its version, and what is to be said when it is another."""
    offline, trouble = False, ""
    for choice in pythons.choices(uv, wanted.python, environment):
        if not choice.path and offline:
            continue
        if not choice.path:
            report(f"  Downloading Python {choice.minor} …")
        made = subprocess.run(
            [uv, "venv", "--quiet", "--no-project", "--python", choice.path or choice.minor, str(folder)],
            capture_output=True, text=True, errors="replace", check=False, env=environment, cwd=folder.parent,
        )  # fmt: skip
        if made.returncode == 0:
            met = pythons.meets(wanted.python, choice)
            return choice.minor, "" if met else pythons.instead(wanted.python, choice)
        trouble = made.stderr.strip()
        offline = offline or not choice.path
        shutil.rmtree(folder, ignore_errors=True)
    raise AmlError(
        f"no Python for the environment: {trouble[-300:] or 'none was found'}", file=wanted.file, exit_code=JOB_FAILED,
        hint="Install one, for instance with `uv python install 3.11`, then submit again.",
    )  # fmt: skip


def _install(
    uv: str, folder: Path, wanted: CondaFile, python: str, note: str, environment: dict[str, str], report: Report
) -> None:
    """Install the requirements. When it fails, go on without what failed, so that all of it is named at once."""
    left, problems = list(wanted.requirements), list[build_problems.Problem]()
    first, until = "", time.monotonic() + _MOST_SECONDS
    while left and len(problems) < _MOST_ROUNDS:
        output = _install_once(uv, folder, left, environment, report if not problems else lambda line: None)
        if output is None:
            break
        first = first or output
        problem = build_problems.find(output, left, python)
        if problem is None:
            break
        problems.append(problem)
        if problem.requirement not in left or time.monotonic() > until:
            break
        left.remove(problem.requirement)
        report("  Checking the other packages …") if len(problems) == 1 else None
    if not first:
        return
    shutil.rmtree(folder, ignore_errors=True)
    stand_in = ""
    if note:
        # Of a Python that can be had, having it is the cure.
        cure = "" if "too old" in note else f" Install Python {pythons.shown(wanted.python)} (with pyenv or uv)."
        stand_in = f"{note}, for which old releases are rarely built.{cure}"
    error = build_problems.error(problems, wanted, first, stand_in)
    if problems and wanted.file is not None:
        from amlrun.prepare import conda_heal

        error.hint = "\n".join(part for part in (error.hint, conda_heal.advice(wanted.file)) if part)
    raise error


def _install_once(
    uv: str, folder: Path, requirements: list[Requirement], environment: dict[str, str], report: Report
) -> str | None:
    """Run `uv pip install`; None when it went well, else its output."""
    requirements_file = folder / "aml-requirements.txt"
    requirements_file.write_text("".join(f"{one.text}\n" for one in requirements), encoding="utf-8")
    # Not in the project's folder: only the user's and the system's uv.toml count, no project's.
    command = [uv, "pip", "install", "--python", str(python_in(folder)), "--color", "never"]
    return _stream([*command, "--requirement", str(requirements_file)], report, environment, folder)


def _conda_create(name: str, folder: Path, wanted: CondaFile, report: Report) -> None:
    file = wanted.file if wanted.inline is False else None
    if file is None:
        file = folder.with_suffix(".yml")
        file.write_text(wanted.text, encoding="utf-8")  # JSON is YAML
    words = ["create", "--yes"] if name == "micromamba" else ["env", "create"]
    program = str(shutil.which(name))
    output = _stream(
        [program, *words, "--prefix", str(folder), "--file", str(file)], report, _plain_environment(), None
    )
    if output is not None:
        shutil.rmtree(folder, ignore_errors=True)
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        raise AmlError(
            f"{name} could not create the environment", file=wanted.file, exit_code=JOB_FAILED,
            hint="\n".join([*lines[-8:], f"To take the packages from PyPI instead, set {TOOL_VARIABLE}=uv."]),
        )  # fmt: skip


def _plain_environment() -> dict[str, str]:
    """The environment for conda's tools, without this project's own virtual environment."""
    return {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONHOME")}


def _stream(command: list[str], report: Report, environment: dict[str, str], cwd: Path | None) -> str | None:
    """Run a builder and report its lines as they come; None when it went well, else its output."""
    lines: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
        encoding="utf-8", errors="replace", env=environment, cwd=cwd,
    ) as builder:  # fmt: skip
        assert builder.stdout is not None  # noqa: S101 - PIPE was asked for
        quiet = False
        try:
            for line in builder.stdout:
                lines.append(line.rstrip())
                # From here on it is an error of many lines, which is told in one.
                quiet = quiet or bool(re.match(r"error:|\s*\u00d7", line))
                if line.strip() and not quiet and not line.startswith((" + ", " - ", "Using Python")):
                    report("  " + line.rstrip())
        except BaseException:
            builder.kill()
            raise
    return "\n".join(lines[-400:]) if builder.returncode else None
