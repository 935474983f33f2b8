"""Which tool builds environments: the one that AML_ENVIRONMENT_TOOL names, wherever they are built."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from amlrun.errors import AmlError
from amlrun.prepare.machines import Machine
from amlrun.prepare.room import Workshop
from amlrun.targets.container_room import ContainerWorkshop
from amlrun.targets.engine import Engine, Image
from amlrun.targets.images import Contents
from amlrun.targets.ssh_connection import Connection
from amlrun.targets.ssh_room import RemoteWorkshop

HAS = {"conda": "/opt/conda/bin/conda", "python": "/usr/bin/python"}


def _in_an_image() -> Workshop:
    return ContainerWorkshop(Engine("docker"), Image("ubuntu", "sha", "linux", "amd64"), Contents(HAS), [])


def _on_a_machine() -> Workshop:
    return RemoteWorkshop(Connection(Machine("box", "10.0.0.4")), {"tools": HAS, "system": "linux"}, print)


@pytest.mark.parametrize(("shop", "where"), [(_in_an_image, "in ubuntu"), (_on_a_machine, "on box")])
def test_a_tool_that_is_asked_for_is_taken_or_missed(
    shop: Callable[[], Workshop], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AML_ENVIRONMENT_TOOL", raising=False)
    assert shop().tool() == "conda"
    monkeypatch.setenv("AML_ENVIRONMENT_TOOL", "uv")
    assert shop().tool() == "uv"
    for name in ("mamba", "/usr/local/bin/conda"):
        monkeypatch.setenv("AML_ENVIRONMENT_TOOL", name)
        with pytest.raises(AmlError, match=f"AML_ENVIRONMENT_TOOL={name}: no such program {where}"):
            shop().tool()
