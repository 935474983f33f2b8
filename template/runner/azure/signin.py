"""Signing in: each way that could work here, in an order that fails fast, and one message when none does."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from runner.azure.wire import Shared, Wire
from runner.errors import SERVICE, RunnerError

Report = Callable[[str], None]
_SCOPE = "https://management.azure.com/.default"
_HINT = (
    "Sign in with `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET of a service principal."
)


@dataclass
class Way:
    """One way to sign in. `not_here` says why it is not tried; `make` gives the credential."""

    name: str
    make: Callable[[], Any]
    not_here: str = ""


@dataclass
class Credential:
    """The first way that gave a token, kept for all calls. It is a TokenCredential of azure-core."""

    wire: Wire
    report: Report
    chosen: Any = None
    tried: list[str] = field(default_factory=list)

    def get_token(self, *scopes: str, **kwargs: Any) -> Any:
        if self.chosen is not None:
            return self.chosen.get_token(*scopes, **kwargs)
        return self._choose(*(scopes or (_SCOPE,)), **kwargs)

    def _choose(self, *scopes: str, **kwargs: Any) -> Any:
        from azure.core.exceptions import AzureError

        for way in ways(self.wire, self.report):
            if way.not_here:
                self.tried.append(f"{way.name}: {way.not_here}")
                continue
            try:
                credential = way.make()
                token = credential.get_token(*scopes, **kwargs)
            except (AzureError, ValueError, OSError) as error:
                self.tried.append(f"{way.name}: {_first_line(error)}")
                continue
            self.chosen = credential
            return token
        lines = "\n".join(f"  {line}" for line in self.tried)
        raise RunnerError("could not sign in to Azure", hint=f"Tried:\n{lines}\n{_HINT}", exit_code=SERVICE)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else type(error).__name__
    if "Expecting value" in text:
        text = "the answer is not JSON: a proxy or a sign-in page in between may have answered"
    return text if len(text) < 300 else text[:297] + "…"


def ways(wire: Wire, report: Report) -> list[Way]:
    """The ways to sign in, most explicit first. Only where a person sits at a terminal is anything asked."""
    import azure.identity as identity

    # What was tried is told in one message, not as warnings on the way.
    for name in ("azure.identity", "msal"):
        logging.getLogger(name).setLevel(logging.CRITICAL)

    shared = Shared(wire)
    said = {name for name in os.environ if name.startswith("AZURE_") and os.environ[name]}
    quick: dict[str, Any] = {"transport": shared, "retry_total": 1, "additionally_allowed_tenants": ["*"]}
    tenant = os.environ.get("AZURE_TENANT_ID")
    principal = {"AZURE_TENANT_ID", "AZURE_CLIENT_ID"} <= said and bool(
        {"AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH"} & said
    )
    workload = {"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"} <= said
    managed = next((name for name in ("IDENTITY_ENDPOINT", "MSI_ENDPOINT") if os.environ.get(name)), None)
    client = os.environ.get("DEFAULT_IDENTITY_CLIENT_ID") or os.environ.get("AZURE_CLIENT_ID")
    person = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
    unasked = "" if person else "nobody to ask: this is not a terminal"
    screen = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) or sys.platform in ("win32", "darwin")
    no_browser = "no display" if person and not screen else unasked

    def prompt(uri: str, code: str, expires: Any) -> None:
        report(f"To sign in, open {uri} and enter the code {code}")

    return [
        Way(
            "service principal",
            lambda: identity.EnvironmentCredential(**quick),
            "" if principal else "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET are not all set",
        ),
        Way(
            "workload identity",
            lambda: identity.WorkloadIdentityCredential(**quick),
            "" if workload else "AZURE_FEDERATED_TOKEN_FILE is not set",
        ),
        Way(
            "managed identity",
            lambda: identity.ManagedIdentityCredential(client_id=client, transport=shared, retry_total=1),
            "" if managed else "this is not a compute instance",
        ),
        Way(
            "az login",
            lambda: identity.AzureCliCredential(process_timeout=20, additionally_allowed_tenants=["*"]),
            "" if shutil.which("az") else "the Azure CLI is not installed",
        ),
        Way(
            "browser",
            lambda: identity.InteractiveBrowserCredential(timeout=110, tenant_id=tenant, transport=shared),
            no_browser,
        ),
        Way(
            "device code",
            lambda: identity.DeviceCodeCredential(
                timeout=110, tenant_id=tenant, prompt_callback=prompt, transport=shared
            ),
            unasked,
        ),
    ]
