"""Asks `uv pip compile` whether requirements can be had together, from wheels alone, for a Python."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from typing import Literal

from amlrun.dataclass import dataclass, field
from amlrun.errors import SERVICE, AmlError
from amlrun.prepare.conda_rules import normal

_SECONDS = 180


@dataclass
class Resolution:
    """The versions chosen, by normal name; without any, `message` says why not."""

    versions: dict[str, str] = field(default_factory=dict)
    message: str = ""

    @property
    def good(self) -> bool:
        return not self.message

    @property
    def missing(self) -> bool:
        """The registry has no such package."""
        return "was not found in the package registry" in self.message or "not found in the provided" in self.message

    @property
    def only_source(self) -> bool:
        """The package has no wheel at all: it is built from its source."""
        return bool(re.search(r"all versions of \S+ have no usable wheels", self.message))


# How requirements are asked for: with all that they depend on; each by itself, the newest; each by itself, the lowest.
Mode = Literal["together", "alone", "lowest"]
# Requirements and a Python version → what they resolve to.
Resolver = Callable[[Sequence[str], str, Mode], Resolution]
_WORDS: dict[str, list[str]] = {
    "together": [],
    "alone": ["--no-deps"],
    "lowest": ["--no-deps", "--resolution", "lowest"],
}


def uv_resolver() -> Resolver:
    """A resolver that asks uv, with the user's own index and mirror settings.

    It raises AmlError (exit code 3) when the registry cannot be reached.
    """
    from uv import find_uv_bin

    program = find_uv_bin()

    def resolve(requirements: Sequence[str], python: str, mode: Mode) -> Resolution:
        command = [program, "pip", "compile", "-", "--python-version", python, "--only-binary", ":all:", "--no-header",
                   "--no-annotate", "--color", "never", "--no-progress"]  # fmt: skip
        environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "UV_PROJECT")}
        # Any Python here can read the metadata; the one that is asked for need not be there.
        environment["UV_PYTHON_DOWNLOADS"] = "never"
        with tempfile.TemporaryDirectory() as folder:  # away from a project's own settings
            try:
                done = subprocess.run(
                    [*command, *_WORDS[mode]], input="\n".join(requirements) + "\n", cwd=folder, env=environment,
                    capture_output=True, text=True, encoding="utf-8", errors="replace",
                    timeout=_SECONDS, check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                return Resolution(message=f"no answer within {_SECONDS} seconds")
        if done.returncode == 0:
            pairs = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", done.stdout, re.MULTILINE)
            return Resolution({normal(name): version for name, version in pairs})
        # Warnings come first: a Python that could not be looked into, a setting that has no effect.
        message = " ".join(done.stderr[max(done.stderr.find("error:"), 0) :].split()) or "uv failed without a message"
        if _out_of_reach(message):
            raise AmlError(
                "the package registry could not be reached", exit_code=SERVICE,
                hint="Connect, or name your mirror in UV_DEFAULT_INDEX, then run the command again.",
            )  # fmt: skip
        return Resolution(message=message)

    return resolve


def _out_of_reach(message: str) -> bool:
    low = message.lower()
    return any(word in low for word in ("dns error", "connect error", "error sending request", "client error (connect",
                                        "network connectivity is disabled"))  # fmt: skip
