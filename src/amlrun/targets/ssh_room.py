"""Environments built on another machine: with the conda that is there, else with uv, which is brought along once."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from amlrun import project
from amlrun.errors import AmlError
from amlrun.prepare import room
from amlrun.prepare.interpreter import Report
from amlrun.prepare.room import READY, Room, Workshop
from amlrun.targets import machine_facts
from amlrun.targets.ssh_connection import Connection


class RemoteWorkshop(Workshop):
    """Builds environments on one machine; `there` is what it said of itself."""

    def __init__(self, connection: Connection, there: dict[str, Any], report: Report) -> None:
        self.connection, self.there, self.report = connection, there, report
        self.has_spark = bool(machine_facts.spark_submit(there))

    @property
    def where(self) -> str:
        return f"on {self.connection.machine.name}"

    def has(self, program: str) -> bool:
        return program in self.there["tools"]

    def identity(self) -> str:
        return f"{self.there['system']}-{self.there['machine']}"

    def java(self) -> str:
        return ""

    def room(self, key: str) -> Room:
        return RemoteRoom(key, self)


class RemoteRoom(Room):
    """An environment there. `folder` is only this machine's place to wait for one another."""

    here = False

    def __init__(self, key: str, shop: RemoteWorkshop) -> None:
        super().__init__(project.cache_folder() / "remote" / f"{shop.connection.machine.name}-{key}")
        self._key, self._shop = key, shop
        self._outside = f"{shop.there['home']}/environments/{key}"
        self._call = shop.connection.call

    @property
    def place(self) -> str:
        return self._outside

    @property
    def python(self) -> str:
        return f"{self.place}/bin/python"

    @property
    def uv(self) -> str:
        """uv for that machine, of this version, brought there when it is first needed."""
        inside = f"{self._shop.there['home']}/bin/uv-{version('uv')}"
        if inside in self._call("hello", paths=[inside])["missing"]:
            own = static_program(self._shop.there)
            self._shop.report(
                f"  Uploading uv to {self._shop.connection.machine.name} ({own.stat().st_size / 1e6:.0f} MB)"
            )
            self._put(inside, own.read_bytes(), 0o755)
        return inside

    def program(self, name: str) -> str:
        return str(self._shop.there["tools"][name])

    def ready(self) -> str | None:
        found = self._call("get", path=f"{self._outside}/{READY}")["text"]
        return None if found is None else str(found)

    def clear(self) -> None:
        self._call("clear", path=self._outside)

    def write(self, name: str, text: str) -> str:
        self._put(f"{self._outside}/{name}", text.encode())
        return f"{self.place}/{name}"

    def write_beside(self, suffix: str, text: str) -> str:
        self._put(f"{self._outside}{suffix}", text.encode())
        return f"{self.place}{suffix}"

    def given(self, file: Path) -> str | None:
        return None

    def _put(self, path: str, content: bytes, mode: int = 0o644) -> str:
        def payload(stream: IO[bytes]) -> None:
            stream.write(content)

        return str(self._call("put", path=path, size=len(content), mode=mode, payload=payload)["path"])

    def settings(self) -> dict[str, str]:
        """This machine's index and proxy, where they can be of use there; the rest is that machine's own."""
        return room.index_only(super().settings())

    def plain(self) -> dict[str, str]:
        return {}

    def run(self, words: list[str], variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return self._shop.connection.run(words, variables)

    def stream(self, words: list[str], report: Report, variables: Mapping[str, str]) -> str | None:
        return self._shop.connection.stream(words, report, variables)


def static_program(there: Mapping[str, Any]) -> Path:
    """uv for another machine. Raises AmlError for a system that it does not run on, or when it can't be had."""
    if there["system"] == "darwin":
        platform = {"arm64": "aarch64-apple-darwin"}.get(there["machine"], "x86_64-apple-darwin")
    elif there["system"] == "linux":
        platform = f"{there['machine']}-unknown-linux-musl"
    else:
        raise AmlError(f"environments can't be built on {there['system']}", hint="Set userManagedDependencies: true.")
    return room.uv_for(platform)
