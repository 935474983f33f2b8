"""Signing in: each way that could work here, in an order that fails fast, and one message when none does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from azure.core.exceptions import AzureError

from amlrun.azure import advice
from amlrun.azure.transport import Shared, Transport
from amlrun.dataclass import dataclass, field
from amlrun.errors import SERVICE, AmlError

Report = Callable[[str], None]
# Seconds for a person to sign in, and for the Azure CLI to answer.
PATIENCE = 300
_CLI = 20
# A token is asked for anew so many seconds before its end.
_FRESH = 300
_SCOPE = "https://management.azure.com/.default"
_HINT = (
    "Sign in with `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET of a service principal."
)


@dataclass
class CredentialSource:
    """One way to sign in. `not_here` says why it is not tried; `make` gives the credential; `asks` a person."""

    name: str
    make: Callable[[], Any]
    not_here: str = ""
    asks: bool = False


@dataclass
class Credential:
    """The first way that gave a token, kept for all calls. It is a TokenCredential of azure-core.

    With `may_ask` False no person is asked, whoever sits there.
    """

    transport: Transport
    report: Report
    may_ask: bool = True
    chosen: Any = None
    _tokens: dict[str, Any] = field(default_factory=dict, repr=False)

    def get_token(self, *scopes: str, **kwargs: Any) -> Any:
        """A token for the scopes, kept while it is good: `az` takes a second for each, and each client asks anew.

        Raises AmlError that tells every way and what became of it when none gives one.
        """
        if kwargs.get("claims"):
            # The service refuses a token before its time: none that is kept is good.
            self._tokens.clear()
        key = repr((scopes, sorted(kwargs.items())))
        token = self._tokens.get(key)
        if token is None or token.expires_on < time.time() + _FRESH:
            token = self._tokens[key] = self._new(scopes, kwargs)
        return token

    def _new(self, scopes: tuple[str, ...], kwargs: dict[str, Any]) -> Any:
        if self.chosen is not None:
            return self.chosen.get_token(*scopes, **kwargs)
        failed: list[str] = []
        not_here: list[str] = []
        end = time.monotonic() + self.transport.seconds
        for source in credential_sources(self.transport, self.report):
            why_not = source.not_here or (
                "" if self.may_ask or not source.asks else "interactive sign-in is disabled for this command"
            )
            if why_not:
                not_here.append(f"  {source.name}: {why_not}")
                continue
            # A person takes longer than a service; all else shares the time of one call.
            seconds = PATIENCE + 30 if source.asks else max(0.0, end - time.monotonic())
            with self.transport.call("sign in to Azure", seconds):
                try:
                    credential = source.make()
                    token = credential.get_token(*(scopes or (_SCOPE,)), **kwargs)
                except (AzureError, AmlError, ValueError, OSError) as error:
                    failed.append(f"  {source.name}: {self._why(error)}")
                    continue
            self.chosen = credential
            self._tell(source, failed)
            return token
        tried = ["Tried:", *failed] if failed else []
        steps = list(dict.fromkeys(step for line in failed if (step := advice.next_step(line))))
        hint = "\n".join([*tried, "Not tried:", *not_here, *(steps or [_HINT])])
        raise AmlError("could not sign in to Azure", hint=hint, exit_code=SERVICE)

    def _tell(self, source: CredentialSource, failed: list[str]) -> None:
        if failed:
            # What was set up and did not work would stay unknown, and another account be used than was meant.
            self.report("\n".join([f"Signed in with {source.name}, after others failed:", *failed]))
        if source.asks:
            self.report("You are signed in for this command only; `az login` signs you in for all.")

    def _why(self, error: Exception) -> str:
        if not self.transport.was_answered and self.transport.trouble:
            return f"{self.transport.trouble} ({self.transport.last})"
        if isinstance(error.__cause__, subprocess.TimeoutExpired):
            return f"no answer in {error.__cause__.timeout:.0f} s"
        lines = str(error).strip().splitlines()
        text = lines[0].removeprefix("Authentication failed: ") if lines else type(error).__name__
        if "Expecting value" in text:
            return "the response is not JSON: a proxy or a sign-in page may have answered instead"
        if text.startswith("Unexpected output"):
            # It is quoted there, and may hold a token.
            return "its output is not a token; `az account get-access-token` shows it"
        return text if len(text) < 300 else text[:297] + "…"


def credential_sources(transport: Transport, report: Report) -> list[CredentialSource]:
    """The credentials to try, most explicit first. Interactive ones only where stdin and stderr are a terminal."""
    import azure.identity as identity

    shared = Shared(transport)
    variables = {name for name in os.environ if name.startswith("AZURE_") and os.environ[name]}
    quick: dict[str, Any] = {"transport": shared, "retry_total": 1, "additionally_allowed_tenants": ["*"]}
    tenant = os.environ.get("AZURE_TENANT_ID")
    secret, certificate = (os.environ.get(f"AZURE_CLIENT_{word}") for word in ("SECRET", "CERTIFICATE_PATH"))
    complete = {"AZURE_TENANT_ID", "AZURE_CLIENT_ID"} <= variables and bool(secret or certificate)
    workload = {"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"} <= variables
    managed = next((name for name in ("IDENTITY_ENDPOINT", "MSI_ENDPOINT") if os.environ.get(name)), None)
    client = os.environ.get("DEFAULT_IDENTITY_CLIENT_ID") or os.environ.get("AZURE_CLIENT_ID")
    person = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
    unasked = "" if person else "no interactive sign-in: this is not a terminal"
    # Over SSH a browser would open on the machine's own screen, where nobody sits.
    own = sys.platform in ("win32", "darwin") and not os.environ.get("SSH_CONNECTION")
    screen = own or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    no_browser = "no display" if person and not screen else unasked

    def principal() -> Any:
        # Not EnvironmentCredential: it takes a variable that is set to nothing for a secret.
        who = os.environ["AZURE_TENANT_ID"], os.environ["AZURE_CLIENT_ID"]
        if secret:
            return identity.ClientSecretCredential(*who, secret, **quick)
        password = os.environ.get("AZURE_CLIENT_CERTIFICATE_PASSWORD") or None
        return identity.CertificateCredential(*who, certificate, password=password, **quick)

    def prompt(uri: str, code: str, expires: Any) -> None:
        report(f"To sign in, open {uri} and enter the code {code}")

    return [
        CredentialSource(
            "service principal",
            principal,
            "" if complete else "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET are not all set",
        ),
        CredentialSource(
            "workload identity",
            lambda: identity.WorkloadIdentityCredential(**quick),
            "" if workload else "AZURE_FEDERATED_TOKEN_FILE is not set",
        ),
        CredentialSource(
            "managed identity",
            lambda: identity.ManagedIdentityCredential(client_id=client, transport=shared, retry_total=1),
            "" if managed else "this is not a compute instance",
        ),
        CredentialSource(
            "az login",
            lambda: identity.AzureCliCredential(
                tenant_id=tenant or "",
                process_timeout=int(max(1, min(_CLI, transport.seconds))),
                additionally_allowed_tenants=["*"],
            ),
            "" if shutil.which("az") else "the Azure CLI is not installed",
        ),
        CredentialSource(
            "browser",
            lambda: identity.InteractiveBrowserCredential(timeout=PATIENCE, tenant_id=tenant, transport=shared),
            no_browser,
            asks=True,
        ),
        CredentialSource(
            "device code",
            lambda: identity.DeviceCodeCredential(
                timeout=PATIENCE, tenant_id=tenant, prompt_callback=prompt, transport=shared
            ),
            unasked,
            asks=True,
        ),
    ]
