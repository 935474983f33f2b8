"""Machines that are reached over ssh: `data/computes.yml` says by what name, as `datasets.yml` names data.

The file holds no secret: a key is named by its file, and its passphrase is ssh-agent's to know.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.project import Project
from amlrun.spec.yaml_data import change, entries, line_of

# As the service has it for a compute's name.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,31}")
_KEYS = ("host", "user", "port", "private_key_file", "python", "datasets")
_SHAPE = "Write:\n  NAME:\n    host: 10.0.0.4\n    user: anna"


@dataclass(frozen=True)
class Machine:
    """How a machine is reached. `python` is what runs there, `datasets` where data lies there, by name."""

    name: str
    host: str
    user: str = ""
    port: int | None = None
    private_key_file: str = ""
    python: str = "python3"
    datasets: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def address(self) -> str:
        """As ssh takes it: user@host."""
        return f"{self.user}@{self.host}" if self.user else self.host

    def to_dict(self) -> dict[str, Any]:
        """The entry of the file: what was said."""
        usual = Machine(self.name, "")
        given = {key: getattr(self, key) for key in _KEYS}
        return {key: value for key, value in given.items() if value != getattr(usual, key)}


def file_of(project: Project) -> Path:
    """Where machines are named."""
    return project.datasets_file.with_name("computes.yml")


def load(project: Project) -> dict[str, Machine]:
    """The machines of the project, by name; none without the file. Raises AmlError for what is no such file."""
    file = file_of(project)
    tree = entries(file, "machine", _SHAPE)
    return {str(name): _machine(file, tree, str(name), entry) for name, entry in tree.items()}


def _machine(file: Path, tree: Any, name: str, entry: Any) -> Machine:
    line = line_of(tree, name)

    def wrong(what: str, hint: str = "") -> AmlError:
        return AmlError(what, file=file, line=line, field=name, hint=hint)

    if not isinstance(entry, dict) or not isinstance(entry.get("host"), str):
        raise wrong("expected `host: ADDRESS`", _SHAPE)
    for key in entry:
        if key in ("password", "private_key_passphrase", "passphrase"):
            raise wrong(
                f"{key}: secrets do not belong in this file", "Delete the line; use a key, and ssh-agent for it."
            )
        if key not in _KEYS:
            raise wrong(f"{key}: unknown key; a machine has {', '.join(_KEYS)}")
    port = entry.get("port")
    if port is not None and not (isinstance(port, int) and 0 < port < 65536):
        raise wrong(f"port: expected a number from 1 to 65535, got {port!r}")
    for key in ("host", "user"):
        if str(entry.get(key, "")).startswith("-") or re.search(r"\s", str(entry.get(key, ""))):
            raise wrong(f"{key}: {entry[key]!r} is not valid")
    datasets = entry.get("datasets") or {}
    if not isinstance(datasets, dict):
        raise wrong("datasets: expected NAME: PATH", "The paths are those on the machine.")
    return Machine(
        name, entry["host"], str(entry.get("user", "")), port, str(entry.get("private_key_file", "")),
        str(entry.get("python", "python3")),
        {str(key): str(value) for key, value in datasets.items()},
    )  # fmt: skip


def of_record(given: dict[str, Any]) -> Machine:
    """The machine that a run's record names, as it was then."""
    return Machine(**{key: value for key, value in given.items() if key in (*_KEYS, "name")})


def check(machine: Machine) -> None:
    """Raise AmlError for a name that Azure ML would refuse, and for an address that ssh would take for an option."""
    for flag, word in (("-a", machine.host), ("-u", machine.user)):
        if word.startswith("-") or re.search(r"\s", word):
            raise AmlError(f"{flag}: {word!r} is not valid")
    if not _NAME.fullmatch(machine.name) or machine.name.lower() == "local":
        raise AmlError(
            f"-n: {machine.name!r} is not a valid compute name",
            hint="2 to 32 letters, digits and '-', beginning with a letter; `local` is this machine.",
        )


def save(project: Project, machine: Machine) -> None:
    """Write a machine's entry, keeping the file's comments. Raises AmlError for a file that is none."""
    load(project)
    change(file_of(project), lambda tree: tree.update({machine.name: machine.to_dict()}))


def remove(project: Project, name: str) -> bool:
    """Take a machine out of the file; whether it was there."""
    if name not in load(project):
        return False
    change(file_of(project), lambda tree: tree.pop(name))
    return True
