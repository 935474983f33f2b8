"""A Python to run scripts with, as `prepare/environment.py` finds it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from amlrun.dataclass import dataclass, field

Report = Callable[[str], None]
# Names the tool that builds environments: uv, micromamba, mamba or conda.
TOOL_VARIABLE = "AML_ENVIRONMENT_TOOL"


@dataclass
class Interpreter:
    """A Python to run scripts with. `folder` is None when the user manages the environment.

    `conda_hash` is the SHA-256 of what the conda file asks for; `notes` say what differs from it here, `python_note`
    that another Python is used.
    """

    python: Path
    folder: Path | None = None
    conda_hash: str | None = None
    notes: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    python_note: str = ""

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


def python_in(folder: Path) -> Path:
    """The Python of an environment's folder."""
    if os.name != "nt":
        return folder / "bin" / "python"
    script = folder / "Scripts" / "python.exe"
    return script if script.exists() else folder / "python.exe"
