"""From a conda file to a Python interpreter that has its packages, cached by content."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amlrun import project
from amlrun.errors import JOB_FAILED, AmlError, os_error
from amlrun.prepare import conda_file

Report = Callable[[str], None]
_TOOLS = ("micromamba", "mamba", "conda")
# A build that failed may be tried again with another tool: this variable names it.
TOOL_VARIABLE = "AML_ENVIRONMENT_TOOL"


@dataclass
class Interpreter:
    """A Python to run scripts with. `folder` is None when the user manages the environment.

    `conda_hash` is the SHA-256 of what the conda file asks for; `notes` say what differs from it here.
    """

    python: Path
    folder: Path | None = None
    conda_hash: str | None = None
    notes: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def bin(self) -> Path:
        return self.python.parent

    def packages(self) -> list[str]:
        """`name==version` of every package, read from the folder names of its metadata: no Python is started."""
        if self.folder is None:
            return []
        pattern = "Lib/site-packages" if os.name == "nt" else "lib/python*/site-packages"
        found = []
        for metadata in self.folder.glob(f"{pattern}/*.dist-info"):
            name, _, version = metadata.name.removesuffix(".dist-info").rpartition("-")
            found.append(f"{name.replace('_', '-')}=={version}")
        return sorted(found, key=str.lower)


def user_managed(interpreter: str) -> Interpreter:
    """The interpreter that the user names (`userManagedDependencies: true`).

    A bare `python` is the one on PATH, leaving out the project's own environment that `aml` itself runs in, unless
    there is no other. Raises AmlError when there is none.
    """
    own = Path(sys.prefix).resolve()
    places = [p for p in os.environ.get("PATH", "").split(os.pathsep) if p and Path(p).resolve().parent != own]
    found = shutil.which(interpreter, path=os.pathsep.join(places)) or shutil.which(interpreter)
    if found is None and interpreter in ("python", "python3"):
        found = sys.executable
    if found is None:
        raise AmlError(
            f"interpreterPath: there is no {interpreter!r} here",
            hint="Name an interpreter that exists, or set userManagedDependencies: false to have one made.",
        )
    return Interpreter(Path(found))


def cache_folder() -> Path:
    """Where environments are kept."""
    return project.cache_folder() / "environments"


def prepare(source: Path | dict[str, Any], *, report: Report) -> Interpreter:
    """The interpreter for a conda file, built on first use and taken from the cache ever after.

    With micromamba, mamba or conda on this machine the file is used as it is; else uv makes the environment from
    PyPI and every substitution is reported. Two builders of the same environment wait for each other.

    Raises AmlError naming file and line for a package that cannot be had (exit code 1 when the build failed).
    """
    text = conda_file.content(source)
    tool = _tool()
    key = hashlib.sha256(f"{tool}\n{sys.platform}-{_machine()}\n{text}".encode()).hexdigest()
    folder = cache_folder() / key[:16]
    ready = folder / "aml-environment.json"
    found = _reuse(folder, ready)
    if found is None:
        from filelock import FileLock, Timeout

        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(str(folder) + ".lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                report("Another `aml` is building this environment; waiting for it …")
                lock.acquire()
            try:
                found = _reuse(folder, ready)
                if found is None:
                    found = _build(folder, ready, conda_file.read(source), tool, report)
            finally:
                lock.release()
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise os_error(error, "make the environment") from error
    found.conda_hash = hashlib.sha256(text.encode()).hexdigest()
    return found


def _reuse(folder: Path, ready: Path) -> Interpreter | None:
    try:
        made = json.loads(ready.read_text(encoding="utf-8"))
        notes, variables = list(made["notes"]), dict(made["variables"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    python = _python_in(folder)
    return Interpreter(python, folder, notes=notes, variables=variables) if python.exists() else None


def _python_in(folder: Path) -> Path:
    if os.name != "nt":
        return folder / "bin" / "python"
    script = folder / "Scripts" / "python.exe"
    return script if script.exists() else folder / "python.exe"


def _machine() -> str:
    """The processor's kind; `platform.machine()` would cost an import that nothing else here needs."""
    return os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")


def _tool() -> str:
    """What builds environments here: conda's own kind where there is one, else uv."""
    asked = os.environ.get(TOOL_VARIABLE)
    if asked and asked != "uv" and not shutil.which(asked):
        raise AmlError(f"{TOOL_VARIABLE}={asked}: there is no such program here")
    return asked or next((name for name in _TOOLS if shutil.which(name)), "uv")


def _program(tool: str) -> str:
    if tool != "uv":
        return str(shutil.which(tool))
    from uv import find_uv_bin

    return find_uv_bin()


def _build(folder: Path, ready: Path, wanted: conda_file.CondaFile, name: str, report: Report) -> Interpreter:
    program = _program(name)
    # What an interrupted build left has no mark that it is ready.
    shutil.rmtree(folder, ignore_errors=True)
    what = "the conda file" if wanted.file is None else wanted.file.name
    count = len(wanted.requirements)
    report(f"Building the environment of {what} with {name} ({count} packages asked for; kept for next time) …")
    if name == "uv":
        notes = [*_uv_python(program, folder, wanted, report), *wanted.substitutions]
        _uv_install(program, folder, wanted, report)
    else:
        notes = []
        _conda_create(name, program, folder, wanted, report)
    made = {"notes": notes, "variables": wanted.variables, "tool": name}
    ready.write_text(json.dumps(made, indent=2), encoding="utf-8")
    for note in notes:
        report(f"  {note}")
    return Interpreter(_python_in(folder), folder, notes=notes, variables=wanted.variables)


def _uv_python(uv: str, folder: Path, wanted: conda_file.CondaFile, report: Report) -> list[str]:
    """Make the virtual environment; without the Python that is asked for, with the nearest one, which is said."""
    version = ".".join((wanted.python or "").split(".")[:2])
    first = [version] if version else []
    for choice in [*first, ">=3.10"]:
        made = subprocess.run(
            [uv, "venv", "--quiet", "--no-project", "--no-config", "--python", choice, str(folder)],
            capture_output=True, text=True, errors="replace", env=_clean_environment(), check=False,
        )  # fmt: skip
        if made.returncode == 0:
            if choice == version or not version:
                return []
            got = subprocess.run(
                [str(_python_in(folder)), "-c", "import platform; print(platform.python_version())"],
                capture_output=True, text=True, check=True,
            ).stdout.strip()  # fmt: skip
            return [f"python={wanted.python}: not on this machine and not to be downloaded; Python {got} stands in"]
        report(f"  Python {choice} can't be had here; looking for another …") if choice == version else None
    raise AmlError(
        f"no Python for the environment: {made.stderr.strip()[-300:]}", file=wanted.file, exit_code=JOB_FAILED
    )


def _uv_install(uv: str, folder: Path, wanted: conda_file.CondaFile, report: Report) -> None:
    if not wanted.requirements:
        return
    listing = folder / "aml-requirements.txt"
    listing.write_text("".join(f"{one.text}\n" for one in wanted.requirements), encoding="utf-8")
    command = [uv, "pip", "install", "--python", str(_python_in(folder)), "--no-config", "--color", "never"]
    lines = _stream([*command, "--requirement", str(listing)], report)
    if lines is not None:
        error = _missing_package("\n".join(lines), wanted)
        if wanted.file is not None and "registry" not in error.message:
            from amlrun.prepare import conda_heal

            error.hint = "\n".join(part for part in (error.hint, conda_heal.advice(wanted.file)) if part)
        raise error


def _conda_create(name: str, program: str, folder: Path, wanted: conda_file.CondaFile, report: Report) -> None:
    file = wanted.file
    if file is None:
        file = folder.with_suffix(".yml")
        file.write_text(wanted.text, encoding="utf-8")  # JSON is YAML
    words = ["create", "--yes"] if name == "micromamba" else ["env", "create"]
    lines = _stream([program, *words, "--prefix", str(folder), "--file", str(file)], report)
    if lines is not None:
        shutil.rmtree(folder, ignore_errors=True)
        raise AmlError(
            f"{name} could not make the environment: {' '.join(lines[-3:])}", file=wanted.file, exit_code=JOB_FAILED,
            hint=f"To take the packages from PyPI instead, set {TOOL_VARIABLE}=uv.",
        )  # fmt: skip


def _stream(command: list[str], report: Report) -> list[str] | None:
    """Run a builder and report its lines as they come; None when it went well, else its last lines."""
    lines: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
        encoding="utf-8", errors="replace", env=_clean_environment(),
    ) as builder:  # fmt: skip
        assert builder.stdout is not None  # noqa: S101 - PIPE was asked for
        try:
            for line in builder.stdout:
                lines.append(line.rstrip())
                if line.strip() and not line.startswith((" + ", " - ", "Using Python")):
                    report("  " + line.rstrip())
        except BaseException:
            builder.kill()
            raise
    return lines[-40:] if builder.returncode else None


def _clean_environment() -> dict[str, str]:
    """The environment for a builder, without this project's own virtual environment."""
    return {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONHOME", "UV_PROJECT")}


def _missing_package(output: str, wanted: conda_file.CondaFile) -> AmlError:
    """Find the requirement that the builder's last words are about, for file and line."""
    low = re.sub(r"\s+", " ", output.lower())
    if "failed to fetch" in low or "dns error" in low or "error sending request" in low or "connect error" in low:
        return AmlError(
            "the package registry could not be reached", file=wanted.file, exit_code=JOB_FAILED,
            hint="The first build needs it; connect (or set your mirror in UV_DEFAULT_INDEX), then submit again.",
        )  # fmt: skip
    for one in wanted.requirements:
        name = re.split(r"[\s<>=!~\[;@]", one.text, maxsplit=1)[0].lower()
        if name and not name.startswith("-") and re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", low):
            return AmlError(
                f"{one.text}: can't be had from PyPI together with the rest", file=wanted.file, line=one.line,
                exit_code=JOB_FAILED, hint=_because(output) + "\nCorrect the name or the version in the conda file.",
            )  # fmt: skip
    return AmlError("the environment could not be made", file=wanted.file, exit_code=JOB_FAILED, hint=output[-800:])


def _because(output: str) -> str:
    start = output.find("Because")
    return re.sub(r"\s+", " ", output[start if start >= 0 else -400 :])[:500].strip()
