"""Builds an environment: with conda's own tools where there are some, else with uv from PyPI."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from amlrun.errors import JOB_FAILED, AmlError
from amlrun.prepare import build_problems, index_settings, pythons
from amlrun.prepare.conda_file import CondaFile, Requirement
from amlrun.prepare.interpreter import TOOL_VARIABLE, Interpreter, Report
from amlrun.prepare.room import READY, Room, find_uv, python_in
from amlrun.runs.redact import masked_text

# How long a failed build is tried on without what failed, to name everything that fails at once.
_MOST_ROUNDS, _MOST_SECONDS = 8, 120


def build(room: Room, wanted: CondaFile, tool: str, report: Report, more: Sequence[str] = ()) -> Interpreter:
    """Make the environment of `room`; its mark is written last. `more` are requirements that the file lacks.

    Raises AmlError, with file and line.
    """
    wanted.requirements += [Requirement(text, None) for text in more]
    # What an interrupted build left has no mark that it is ready.
    room.clear()
    of = f" of {wanted.file.name}" if wanted.file is not None else ""
    packages = "1 package" if len(wanted.requirements) == 1 else f"{len(wanted.requirements)} packages"
    report(f"Building the environment{of} with {tool} ({packages}; cached for later runs) …")
    notes, python_note = [], ""
    if tool == "uv":
        settings = room.settings()
        python, python_note = _make_python(room, wanted, settings, report)
        notes = [*([python_note] if python_note else []), *wanted.substitutions]
        _install(room, wanted, python, python_note, settings, report)
    else:
        _conda_create(room, tool, wanted, report)
        if more and room.stream([room.python, "-m", "pip", "install", *more], report, room.plain()) is not None:
            room.clear()
            raise AmlError(f"pip could not install {', '.join(more)}", file=wanted.file, exit_code=JOB_FAILED)
    made = {"notes": notes, "variables": wanted.variables, "tool": tool, "python_note": python_note,
            "source": str(wanted.file or ""),
            "packages": [masked_text(one.text) for one in wanted.requirements]}  # fmt: skip
    room.write(READY, json.dumps(made, indent=2))
    for note in notes:
        report(f"  {note}")
    variables = wanted.variables
    return Interpreter(Path(room.python), room.folder, notes=notes, variables=variables, python_note=python_note)


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


def _make_python(room: Room, wanted: CondaFile, settings: dict[str, str], report: Report) -> tuple[str, str]:
    """Make the virtual environment with the nearest Python; its version, and what is to be said when it is another."""
    offline, trouble = False, ""
    for choice in pythons.choices(room, wanted.python, settings):
        if not choice.path and offline:
            continue
        if not choice.path:
            report(f"  Downloading Python {choice.minor} …")
        words = [room.uv, "venv", "--quiet", "--no-project", "--python", choice.path or choice.minor, room.place]
        made = room.run(words, settings)
        if made.returncode == 0:
            met = pythons.meets(wanted.python, choice)
            return choice.minor, "" if met else pythons.instead(wanted.python, choice)
        trouble = made.stderr.strip()
        offline = offline or not choice.path
        room.clear()
    raise AmlError(
        f"no Python for the environment: {trouble[-300:] or 'none was found'}", file=wanted.file, exit_code=JOB_FAILED,
        hint="Install one, for instance with `uv python install 3.11`, then submit again.",
    )  # fmt: skip


def _install(room: Room, wanted: CondaFile, python: str, note: str, settings: dict[str, str], report: Report) -> None:
    """Install the requirements. When it fails, go on without what failed, so that all of it is named at once."""
    left, problems = [*wanted.requirements, *_setuptools(wanted, python)], list[build_problems.Problem]()
    first, until = "", time.monotonic() + _MOST_SECONDS
    while left and len(problems) < _MOST_ROUNDS:
        output = _install_once(room, left, wanted.options, settings, report if not problems else lambda line: None)
        if output is None:
            break
        first = first or output
        if not problems and (error := build_problems.of_settings(output, settings, wanted)):
            room.clear()
            raise error
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
    room.clear()
    stand_in = ""
    if note:
        # Of a Python that can be had, having it is the cure.
        cure = "" if "too old" in note else f" Install Python {pythons.shown(wanted.python)} (with pyenv or uv)."
        stand_in = f"{note}, for which old releases are rarely built.{cure}"
    error = build_problems.error(problems, wanted, first, stand_in)
    of_names = any(one.fix == build_problems.NAMES_FIX for one in problems)
    if of_names and wanted.file is not None and error.file == wanted.file:
        from amlrun.prepare import conda_heal

        more = (build_problems.other_files(settings), conda_heal.advice(wanted.file))
        error.hint = "\n".join(part for part in (error.hint, *more) if part)
    raise error


def _setuptools(wanted: CondaFile, python: str) -> list[Requirement]:
    """Setuptools beside a Python before 3.12, as conda installs it: old packages import pkg_resources undeclared."""
    named = any(re.match(r"setuptools(?![\w.-])", one.text, re.IGNORECASE) for one in wanted.requirements)
    return [] if named or not wanted.python or int(python.split(".")[1]) > 11 else [Requirement("setuptools<81", None)]


def _install_once(
    room: Room, requirements: list[Requirement], options: list[str], settings: dict[str, str], report: Report
) -> str | None:
    """Run `uv pip install`; None when it went well, else its output."""
    file = room.write("aml-requirements.txt", "".join(f"{one.text}\n" for one in requirements))
    # Not in the project's folder: only the user's and the system's uv.toml count, no project's.
    command = [room.uv, "pip", "install", "--python", room.python, "--color", "never", *options, "--requirement", file]
    if index_settings.wants_cpu_torch((one.text for one in requirements), settings):
        output = room.stream([*command, "--torch-backend", "cpu"], report, settings)
        if output is None or index_settings.TORCH_HOST not in output:
            return output
        report(f"  {index_settings.TORCH_HOST}, which has the CPU wheels, could not be reached: PyTorch is installed")
        report("  from PyPI, whose wheels include CUDA (several GB).")
    return room.stream(command, report, settings)


def _conda_create(room: Room, name: str, wanted: CondaFile, report: Report) -> None:
    file = room.given(wanted.file) if wanted.file is not None and wanted.inline is False else None
    if file is None:
        file = room.write_beside(".yml", wanted.text)  # JSON is YAML
    words = ["create", "--yes"] if name == "micromamba" else ["env", "create"]
    command = [room.program(name), *words, "--prefix", room.place, "--file", file]
    output = room.stream(command, report, room.plain())
    if output is not None:
        room.clear()
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        raise AmlError(
            f"{name} could not create the environment", file=wanted.file, exit_code=JOB_FAILED,
            hint="\n".join([*lines[-8:], f"To take the packages from PyPI instead, set {TOOL_VARIABLE}=uv."]),
        )  # fmt: skip
