"""The one way out: every request of a command goes through `Wire`, which no call can leave hanging.

azure-core waits 300 s for an answer and tries four times (measured: 20 minutes for a black hole). Here each call has
a budget of seconds, retries and the service's `Retry-After` included. What went wrong is told with the call's name.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any, NoReturn
from urllib.parse import urlsplit

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.pipeline.transport import RequestsTransport

from runner.errors import SERVICE, RunnerError

# Seconds for one call, retries and all; AML_AZURE_DEADLINE changes it.
DEADLINE = 120.0
_CONNECT, _READ = 15.0, 40.0


def deadline() -> float:
    """The seconds one call may take. Raises RunnerError when AML_AZURE_DEADLINE is not a number above 0."""
    said = os.environ.get("AML_AZURE_DEADLINE")
    try:
        seconds = float(said) if said else DEADLINE
    except ValueError:
        seconds = 0
    if seconds <= 0:
        raise RunnerError(f"AML_AZURE_DEADLINE: expected seconds, got {said!r}")
    return seconds


class Wire(RequestsTransport):  # type: ignore[misc]
    """The transport of every client. `call` sets what is being done and until when; `requests` counts."""

    def __init__(self) -> None:
        super().__init__()
        self.doing = "call Azure"
        self.last = ""
        self.trouble = ""
        self.requests = 0
        self.seconds = deadline()
        self._until = time.monotonic() + self.seconds

    @contextlib.contextmanager
    def call(self, doing: str, seconds: float | None = None) -> Iterator[None]:
        """Give what follows `seconds` (default: `self.seconds`) and a name: `doing` completes "could not …".

        Whatever the SDK raises comes out as a RunnerError that names the call and the cause, exit code 3.
        """
        before = self.doing, self._until
        self.doing, self._until = doing, time.monotonic() + (self.seconds if seconds is None else seconds)
        self.last = self.trouble = ""
        try:
            yield
        except RunnerError:
            raise
        except Exception as error:
            raise self.explain(error) from error
        finally:
            self.doing, self._until = before

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Send one attempt with what is left of the budget as its timeouts."""
        left = self._until - time.monotonic()
        self.last = f"{request.method} {_short(request.url)}"
        if left <= 0:
            self.give_up()
        kwargs["connection_timeout"] = min(_CONNECT, left)
        kwargs["read_timeout"] = min(_READ, left)
        self.requests += 1
        try:
            response = super().send(request, **kwargs)
        except AzureError as error:
            self.trouble = _reason(error)
            raise
        if response.status_code >= 400:
            self.trouble = f"the service answered {response.status_code}"
        return response

    def sleep(self, duration: float) -> None:
        """Wait before the next attempt, unless that would be after the deadline."""
        if time.monotonic() + duration >= self._until:
            self.give_up(f"; the next attempt was to wait {duration:.0f} s" if duration > 5 else "")
        super().sleep(duration)

    def give_up(self, why: str = "") -> NoReturn:
        """End the call: its time is over."""
        cause = self.trouble or "no answer"
        raise RunnerError(
            f"could not {self.doing} in time: {self.last}: {cause}{why}",
            hint="Run the same command again: it goes on from there. AML_AZURE_DEADLINE=SECONDS waits longer.",
            exit_code=SERVICE,
        )

    def explain(self, error: BaseException) -> RunnerError:
        """An error of the SDK as a message for a person: what, which call, why, and what to do."""
        status = getattr(error, "status_code", None)
        where = f"{self.last}: " if self.last else ""
        if isinstance(error, HttpResponseError) and status and status < 400:
            why, hint = f"{status}, but the answer is not the service's own", _IN_BETWEEN
        elif isinstance(error, ValueError) and "response header" in str(error):
            why, hint = f"the answer is not the service's own: {error}", _IN_BETWEEN
        elif isinstance(error, DecodeError) or "Expecting value" in str(error):
            why, hint = "the answer is not JSON", _IN_BETWEEN
        elif isinstance(error, HttpResponseError) and status:
            why, hint = f"{status} {_service_words(error)}", _HINTS.get(status, _HINTS[0] if status >= 500 else "")
        elif isinstance(error, (ServiceRequestError, ServiceResponseError, HttpResponseError)):
            why, hint = _reason(error), "Check the network and the proxy, then run the same command again."
        elif isinstance(error, ClientAuthenticationError):
            why, hint = str(error).splitlines()[0], _HINTS[401]
        else:
            text = str(error).strip()
            why, hint = text.splitlines()[0] if text else type(error).__name__, ""
        return RunnerError(f"could not {self.doing}: {where}{why}", hint=hint, exit_code=SERVICE)


class Shared:
    """The wire as one of many clients' transport: none of them may close it for the others."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.connection_config = wire.connection_config

    def __enter__(self) -> Shared:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def open(self) -> None:
        self._wire.open()

    def close(self) -> None:
        return None

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Send, and wait where storage says 429: azure-storage's own policy gives up on that at once."""
        body = request.data
        start = body.tell() if hasattr(body, "seek") else 0
        for attempt in range(4):
            response = self._wire.send(request, **kwargs)
            if response.status_code != 429 or attempt == 3:
                break
            said = response.headers.get("Retry-After", "")
            self._wire.sleep(float(said) if said.isdigit() else 2.0**attempt)
            if hasattr(body, "seek"):
                body.seek(start)
        return response

    def sleep(self, duration: float) -> None:
        self._wire.sleep(duration)


_IN_BETWEEN = "A proxy or a sign-in page in between may have answered."
_HINTS = {
    0: "The service has a problem of its own: run the same command again in a while.",
    401: "Sign in again: az login.",
    403: "Your account needs a role on the workspace, e.g. AzureML Data Scientist, and on its storage.",
    404: "Check the name, and the workspace: aml workspace show.",
    409: "Something else changes the same thing: run the same command again in a while.",
    429: "The service is asked too much: run the same command again in a while.",
}


def _service_words(error: HttpResponseError) -> str:
    """The service's own message and the details that say what is wrong."""
    inner = getattr(error, "error", None)
    message = getattr(inner, "message", None)
    if not message:
        lines = str(getattr(error, "message", "") or error).strip().splitlines()
        return lines[0][:500] if lines else ""
    details = [str(one.message) for one in (getattr(inner, "details", None) or []) if getattr(one, "message", None)]
    return "; ".join([str(message), *details[:5]])[:900]


def _reason(error: BaseException) -> str:
    """Why a connection failed, in one short line."""
    text = str(error)
    if "timed out" in text.lower() or "timeout" in type(error).__name__.lower():
        return "no answer came"
    for sign, words in (
        ("Name or service not known", "the host's name is not known here"),
        ("getaddrinfo", "the host's name is not known here"),
        ("NameResolution", "the host's name is not known here"),
        ("CERTIFICATE_VERIFY", "its certificate is not trusted here"),
        ("Tunnel connection failed", "the proxy refused the connection"),
        ("reset", "the connection was reset"),
        ("IncompleteRead", "the answer was cut off"),
        ("Remote end closed", "the connection was closed without an answer"),
        ("refused", "the connection was refused"),
    ):
        if sign.lower() in text.lower():
            return words
    return text.splitlines()[0][:300] if text else type(error).__name__


def _short(url: str) -> str:
    """A request without its query, where signatures are; of ARM's long paths only what tells."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    _, workspaces, rest = parts.path.partition("/workspaces/")
    if workspaces:
        name, _, tail = rest.partition("/")
        return f"{tail or f'workspace {name}'} ({host})"
    return f"{host}{parts.path}"
