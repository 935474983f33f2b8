"""Where environments are built and used: this machine, or a place derived from it (a container, another machine)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from amlrun import project
from amlrun.errors import AmlError
from amlrun.prepare.interpreter import TOOL_VARIABLE, Report
from amlrun.prepare.interpreter import python_in as python_in

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE")
_OWN = ("UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_PYTHON", "UV_LINK_MODE", "UV_PROJECT", "UV_TOOL_DIR")
TOOLS = ("micromamba", "mamba", "conda")
# The mark of a finished environment.
READY = "aml-environment.json"


def cache_folder() -> Path:
    """Where this machine's environments are kept."""
    return project.cache_folder() / "environments"


def find_uv() -> str:
    from uv import find_uv_bin

    return find_uv_bin()


class Room:
    """One environment's folder, and the commands that build it. `folder` is as this machine sees it.

    `here`: whether the commands run on this machine as it is.
    """

    here = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def place(self) -> str:
        """The folder as the commands see it."""
        return str(self.folder)

    @property
    def python(self) -> str:
        """The environment's Python, as the commands see it."""
        return str(python_in(self.folder))

    @property
    def uv(self) -> str:
        """The program uv."""
        return find_uv()

    def program(self, name: str) -> str:
        """A tool of conda's kind."""
        return str(shutil.which(name))

    def ready(self) -> str | None:
        """What the mark of the finished environment says; None without one. Using it is noted."""
        try:
            text = (self.folder / READY).read_text(encoding="utf-8")
            os.utime(self.folder / READY)
            return text if python_in(self.folder).exists() else None
        except (OSError, ValueError):
            return None

    def clear(self) -> None:
        """Remove what there is of the environment."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name: str, text: str) -> str:
        """Write a file in the environment's folder; its path as the commands see it. Raises OSError."""
        (self.folder / name).write_text(text, encoding="utf-8")
        return f"{self.place}/{name}"

    def write_beside(self, suffix: str, text: str) -> str:
        """Write a file beside the folder, which is not there yet; its path as the commands see it. Raises OSError."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        file = self.folder.with_suffix(suffix)
        file.write_text(text, encoding="utf-8")
        return str(file)

    def given(self, file: Path) -> str | None:
        """A file of this machine as the commands see it; None where they can't."""
        return str(file)

    def settings(self) -> dict[str, str]:
        """The environment of uv, with what is known of the package index."""
        from amlrun.prepare import index_settings

        return index_settings.environment()

    def plain(self) -> dict[str, str]:
        """The environment of conda's tools, without this project's own virtual environment."""
        return {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONHOME")}

    def run(self, words: list[str], variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            words, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False, env=dict(variables),
            cwd=self.folder.parent,
        )  # fmt: skip

    def stream(self, words: list[str], report: Report, variables: Mapping[str, str]) -> str | None:
        """Run a builder and report its lines as they come; None when it went well, else its output."""
        return stream(words, report, dict(variables), self.folder.parent)


class Workshop:
    """Where environments are built: which tool there is, and what an environment's key must tell apart.

    `has_spark`: a Spark of the place's own runs its Spark jobs (spark-submit), so that environments need none.
    """

    has_spark = False

    def tool(self) -> str:
        """What builds environments: conda's own kind where there is one, else uv. Raises AmlError."""
        asked = os.environ.get(TOOL_VARIABLE)
        if asked and asked != "uv" and not self.has(asked):
            raise AmlError(f"{TOOL_VARIABLE}={asked}: no such program {self.where}")
        return asked or next((name for name in TOOLS if self.has(name)), "uv")

    @property
    def where(self) -> str:
        """The place, for messages."""
        return "on this machine"

    def has(self, program: str) -> bool:
        """Whether a program is on PATH."""
        return shutil.which(program) is not None

    def identity(self) -> str:
        """The system, the processor, and whether there is a GPU."""
        # `platform.machine()` would cost an import that nothing else here needs.
        kind = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
        gpu = "-cuda" if Path("/proc/driver/nvidia/version").exists() else ""
        return f"{sys.platform}-{kind}{gpu}"

    def java(self) -> str:
        """The major version of the Java that is there, where that is known."""
        from amlrun.prepare import spark_packages

        return spark_packages.java_version()

    def room(self, key: str) -> Room:
        """The place of the environment with that key."""
        return Room(cache_folder() / key)


class Lines:
    """A builder's output as it comes: told line by line, up to an error of many lines, which is told in one."""

    def __init__(self, report: Report) -> None:
        self._report, self._quiet = report, False
        self._lines: list[str] = []

    def take(self, line: str) -> None:
        line = line.rstrip()
        self._lines.append(line)
        self._quiet = self._quiet or bool(re.match(r"error:|\s*\u00d7", line))
        if line.strip() and not self._quiet and not line.startswith((" + ", " - ", "Using Python")):
            self._report("  " + line)

    def text(self, more: str = "") -> str:
        """What was said last."""
        return "\n".join([*self._lines[-400:], *([more] if more else [])])


def stream(words: list[str], report: Report, variables: dict[str, str], cwd: Path | None = None) -> str | None:
    """Run a builder and report its lines as they come; None when it went well, else its output."""
    lines = Lines(report)
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
        encoding="utf-8", errors="replace", env=variables, cwd=cwd,
    ) as builder:  # fmt: skip
        assert builder.stdout is not None  # noqa: S101 - PIPE was asked for
        try:
            for line in builder.stdout:
                lines.take(line)
        except BaseException:
            builder.kill()
            raise
    return lines.text() if builder.returncode else None


def index_only(settings: Mapping[str, str]) -> dict[str, str]:
    """What of uv's environment says where packages come from: the rest is this machine's alone."""
    return {
        name: value
        for name, value in settings.items()
        if (name.startswith("UV_") and not name.startswith(_OWN)) or name.upper() in _PROXIES
    }


def uv_for(platform: str) -> Path:
    """The program uv, in this version, for another platform as uv names it. Raises AmlError when it can't be had."""
    from importlib.metadata import version

    folder = project.cache_folder() / f"uv-{version('uv')}-{platform}"
    program = folder / "bin" / "uv"
    if not program.exists():
        words = [find_uv(), "pip", "install", "--quiet", "--target", str(folder), "--only-binary", ":all:"]
        words += ["--python-platform", platform, f"uv=={version('uv')}"]
        done = subprocess.run(words, capture_output=True, text=True, env=Room(folder).settings(), check=False)
        if done.returncode:
            raise AmlError(f"uv for {platform} could not be downloaded", hint=done.stderr.strip()[-400:])
    return program
