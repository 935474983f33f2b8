"""What a command asks of Azure, call by call: by when each has to end, and what is said when it fails.

azure-core waits 300 s for an answer and tries four times (measured: 20 minutes for a black hole). Here each call has
a budget of seconds, retries and the service's `Retry-After` included; while files are transferred, only the time in
which no bytes move counts. What went wrong is told with the call's name.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterator
from typing import NoReturn
from urllib.parse import urlsplit

from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

from amlrun.azure import advice, sockets
from amlrun.errors import SERVICE, AmlError

# Seconds for one call, retries and all; AML_AZURE_DEADLINE changes it.
DEADLINE = 120.0
_CONNECT, _READ = 15.0, 40.0
# Bytes a second below which a line counts as dead while files are transferred.
_SLOWEST = 10_000
_SILENT = "no response"


def deadline() -> float:
    """The seconds one call may take. Raises AmlError when AML_AZURE_DEADLINE is not a number above 0."""
    text = os.environ.get("AML_AZURE_DEADLINE")
    try:
        seconds = float(text) if text else DEADLINE
    except ValueError:
        seconds = 0
    if seconds <= 0:
        raise AmlError(f"AML_AZURE_DEADLINE: expected seconds, got {text!r}")
    return seconds


class CallBudget:
    """The calls of one thread, one within another at most. `requests` counts what was sent for them."""

    def __init__(self) -> None:
        self.doing = "call Azure"
        self.last = ""
        self.trouble = ""
        self.requests = 0
        self.seconds = deadline()
        self._transfer = self._came = False
        self._read_timeout = _READ
        self.was_answered = True
        self._until = self._request_until = time.monotonic() + self.seconds

    @contextlib.contextmanager
    def call(
        self, doing: str, seconds: float | None = None, *, transfer: bool = False, read_timeout: float = _READ
    ) -> Iterator[None]:
        """Give what follows `seconds` (default: `self.seconds`) and a name: `doing` completes "could not …".

        One request with its tries never gets more than `self.seconds`, and waits `read_timeout` seconds for the next
        byte of its answer. With `transfer` the time in which bytes move is not counted. Whatever the SDK raises comes
        out as a AmlError that names the call and the cause, exit code 3.
        """
        before, began = (self.doing, self._transfer, self._read_timeout), time.monotonic()
        outer = self._until, self._request_until
        self.was_answered = True
        self.doing, self._until = doing, time.monotonic() + (self.seconds if seconds is None else seconds)
        self._transfer, self._read_timeout = transfer, read_timeout
        self.last = self.trouble = ""
        try:
            yield
        except AmlError:
            raise
        except Exception as error:
            raise self.explain(error) from error
        finally:
            self.doing, self._transfer, self._read_timeout = before
            # What a call within took (signing in) is not taken from the one around it.
            self._until, self._request_until = (until + time.monotonic() - began for until in outer)

    def left(self) -> float:
        """Seconds until the request with its tries, or the whole call, has to end."""
        return min(self._until, self._request_until) - time.monotonic()

    def moved(self, size: int, seconds: float, *, came: bool) -> None:
        """Bytes moved: in a transfer that is life, and the time it took is given back, down to `_SLOWEST`."""
        self._came = self._came or came
        if self._transfer:
            given = min(seconds, size / _SLOWEST)
            self._until += given
            self._request_until += given

    def attempt(self, method: str, url: str) -> tuple[float, float]:
        """Begin one attempt of a request; its timeouts, to connect and to read. Raises AmlError when time is up."""
        asked = f"{method} {_short(url)}"
        if self.was_answered or asked != self.last:
            self._request_until, self.trouble = time.monotonic() + self.seconds, ""
        self.last, self.was_answered, self._came = asked, False, False
        left = self.left()
        if left <= 0:
            self.raise_timeout()
        self.requests += 1
        sockets.bind_deadline(self)
        return min(_CONNECT, left), min(self._read_timeout, left)

    def failed(self, error: BaseException) -> None:
        """An attempt ended without an answer. One that the deadline cut off is not why the earlier ones failed."""
        reason = self._reason(error)
        if not self.trouble or reason != _SILENT or self.left() > 0:
            self.trouble = reason

    def answered(self, status: int) -> None:
        """An attempt ended with this status."""
        self.was_answered = status < 500 and status not in (408, 429)
        if status >= 400:
            self.trouble = f"the service answered {status}"

    def sleep(self, duration: float) -> None:
        """Wait before the next attempt, unless that would be after the deadline."""
        until = self._until if self.was_answered else min(self._until, self._request_until)
        if time.monotonic() + duration >= until:
            self.raise_timeout(f"; the next attempt would have waited {duration:.0f} s" if duration > 5 else "")
        time.sleep(duration)

    def raise_timeout(self, why: str = "") -> NoReturn:
        """End the call: its time is over."""
        cause = self.trouble or "no answer"
        raise AmlError(
            f"could not {self.doing} in time: {self.last}: {cause}{why}",
            hint="Run the same command again: it resumes from there. AML_AZURE_DEADLINE=SECONDS waits longer.",
            exit_code=SERVICE,
        )

    def _reason(self, error: BaseException) -> str:
        reason = _reason(error)
        return "the response was incomplete" if reason == _SILENT and self._came else reason

    def explain(self, error: BaseException) -> AmlError:
        """An error of the SDK as a message for a person: what, which call, why, and what to do."""
        status = getattr(error, "status_code", None)
        where = f"{self.last}: " if self.last else ""
        if isinstance(error, HttpResponseError) and status and status < 400:
            why, hint = f"{status}, but the response does not come from the service", _IN_BETWEEN
        elif isinstance(error, ValueError) and "response header" in str(error):
            why, hint = f"the response does not come from the service: {error}", _IN_BETWEEN
        elif str(error).startswith("Unable to deserialize"):
            why, hint = "the response does not come from the service", _IN_BETWEEN
        elif isinstance(error, DecodeError) or "Expecting value" in str(error):
            why, hint = "the response is not JSON", _IN_BETWEEN
        elif isinstance(error, HttpResponseError) and status:
            why, hint = f"{status} {_service_words(error)}", _HINTS.get(status, _HINTS[0] if status >= 500 else "")
            hint = advice.next_step(f"{why} {error}" if status == 401 else "") or hint
        elif isinstance(error, (ServiceRequestError, ServiceResponseError, HttpResponseError)):
            why = self._reason(error)
            hint = advice.next_step(why) or "Check the network and the proxy, then run the same command again."
        elif isinstance(error, ClientAuthenticationError):
            why = _first_words(str(error)) or "signing in failed"
            hint = advice.next_step(why) or _HINTS[401]
        else:
            why = _first_words(str(error)) or type(error).__name__
            hint = advice.next_step(why)
        return AmlError(f"could not {self.doing}: {where}{why}", hint=hint, exit_code=SERVICE)


_IN_BETWEEN = "A proxy or a sign-in page may have answered instead."
_HINTS = {
    0: "The service has a problem: run the same command again later.",
    401: "Sign in again: az login.",
    403: "Your account needs a role on the workspace, e.g. AzureML Data Scientist, and on its storage.",
    404: "Check the name, and the workspace: aml workspace show.",
    409: "Something else is changing the same resource: run the same command again later.",
    429: "Rate limited: run the same command again later.",
}


def _service_words(error: HttpResponseError) -> str:
    """The service's own message and the details that say what is wrong."""
    inner = getattr(error, "error", None)
    message = getattr(inner, "message", None)
    if not message:
        words = _within(error) or _first_words(str(getattr(error, "message", "") or error))
        if _WORDLESS.fullmatch(words):
            words = str(getattr(inner, "code", None) or getattr(error, "reason", None) or "without a reason")
        return words
    details = [str(one.message) for one in (getattr(inner, "details", None) or []) if getattr(one, "message", None)]
    return "; ".join([str(message), *details[:5]])[:900]


# What azure-core writes where the service gave no message of its own.
_WORDLESS = re.compile(r"|\(\w+\)( None)?|Operation returned an invalid status .*")


def _within(error: HttpResponseError) -> str:
    """A message that the answer has elsewhere: in its inner error, or as gateways write it; empty without one."""
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        answer = json.loads(error.response.text())
        inner = (answer.get("error") or {}).get("innererror") or {}
        said = inner.get("message") or answer.get("Message") or answer.get("message")
        return _first_words(str(said or ""))
    return ""


def _first_words(text: str) -> str:
    """A message's first line, with the next where it ends in a colon; of a schema's report what it refused."""
    refused = schema_faults(text)
    if refused:
        return refused[:500]
    lines = [line.strip() for line in text.splitlines() if line.strip(" {}[]()")]
    words = lines[0] if lines else ""
    for line in lines[1:]:
        if not words.endswith(":") and len(words) > 3:
            break
        words += f" {line}"
    return words[:500]


def schema_faults(text: str) -> str:
    """`key: why` of each value that azure-ai-ml's schema refused; its report is JSON, nested as a string in JSON."""
    start = text.find("{")
    if not text.startswith("Validation for ") or start < 0:
        return ""
    try:
        report = json.JSONDecoder().raw_decode(text, start)[0]
    except ValueError:
        return ""
    if isinstance(report.get("errors"), list):
        messages = [str(one.get("message") or "") for one in report["errors"]]
        return "; ".join(schema_faults(message) or message for message in messages)
    return "; ".join(_flat(report))


def _flat(report: object, place: str = "") -> Iterator[str]:
    if isinstance(report, dict):
        for key, inner in report.items():
            # marshmallow keeps what is wrong with a value as a whole under _schema.
            yield from _flat(inner, place if key == "_schema" else f"{place}.{key}" if place else str(key))
    elif isinstance(report, list) and any(isinstance(one, dict) for one in report):
        for one in report:  # one for each kind that the value might have been
            yield from _flat(one, place)
    else:
        yield f"{place}: {' '.join(map(str, report)) if isinstance(report, list) else report}"


def _reason(error: BaseException) -> str:
    """Why a connection failed, in one short line."""
    text = str(error)
    if "timed out" in text.lower() or "timeout" in type(error).__name__.lower():
        return _SILENT
    tunnel = re.search(r"Tunnel connection failed: (\d+[^'\")]{0,60})", text)
    if tunnel:
        return f"the proxy refused the connection ({tunnel[1].strip()})"
    if re.search(r"(?:Unable|Cannot) (?:to )?connect to proxy|check proxy URL|InvalidProxyURL|SOCKS", text):
        return "the proxy does not answer"
    for sign, words in (
        ("Name or service not known", "the host name could not be resolved"),
        ("getaddrinfo", "the host name could not be resolved"),
        ("NameResolution", "the host name could not be resolved"),
        ("CERTIFICATE_VERIFY", advice.NOT_TRUSTED),
        ("reset", "the connection was reset"),
        ("IncompleteRead", "the response was cut off"),
        ("Remote end closed", "the connection was closed without a response"),
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
