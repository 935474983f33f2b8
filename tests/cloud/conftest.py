"""The stand-in, one for the session; without Node and Azurite these tests skip with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import install
import pytest
from standin.project import Cloud
from standin.world import World


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    why = install.missing()
    if why:
        pytest.skip(why)
    with World() as made:
        yield made
        # Every other host than the ones that are played was refused; that there was none is the point.
        assert made.network.refused == []


@pytest.fixture
def cloud(world: World, tmp_path: Path) -> Cloud:
    """A small project attached to a workspace of its own."""
    return Cloud(world, tmp_path / "project")
