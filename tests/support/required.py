"""What a test needs of the machine: without it the test is skipped with the reason, or fails where it must be there."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def lacks(service: str, reason: str) -> NoReturn:
    """Skip the test that needs `service`; fail it where `AMLRUN_REQUIRE` (names with commas) lists the service."""
    if service in os.environ.get("AMLRUN_REQUIRE", "").split(","):
        pytest.fail(f"{service} is required here: {reason}")
    pytest.skip(reason)
