"""v1's ways of signing in: nothing is signed in to here. Written from documentation; not Microsoft's code."""

from __future__ import annotations

from typing import Any

from azureml._amlrun.notes import V1Class, say_once


class _Authentication(V1Class):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        say_once("sign-in is skipped: a local run opens no connection.")


class AzureCliAuthentication(_Authentication):
    """Signing in with the Azure CLI."""


class InteractiveLoginAuthentication(_Authentication):
    """Signing in with a browser."""


class MsiAuthentication(_Authentication):
    """Signing in with a managed identity."""


class ServicePrincipalAuthentication(_Authentication):
    """Signing in with a service principal."""
