"""Drivers of SDK v1, scripts and notebooks, read and never run: files and `aml` lines that do what they did."""

from __future__ import annotations

from amlrun.migrate.drivers.result import heal_conda, read_driver, read_notebook

__all__ = ["heal_conda", "read_driver", "read_notebook"]
