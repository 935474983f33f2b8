"""`Keyvault`. Written from documentation; not Microsoft's code."""

from __future__ import annotations

from typing import Any

from azureml._amlrun import context
from azureml._amlrun.notes import V1Class


class Keyvault(V1Class):
    """Secrets are environment variables here."""

    def __init__(self, workspace: Any = None) -> None:
        pass

    def get_secret(self, name: str) -> str:
        """The secret. Raises KeyError naming the variable to set."""
        return context.secret(name)

    def get_secrets(self, secrets: list[str]) -> dict[str, str]:
        return {name: context.secret(name) for name in secrets}
