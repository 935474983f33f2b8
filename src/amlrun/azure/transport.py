"""The one transport: every request of a command goes through it, and no call can leave it hanging."""

from __future__ import annotations

from typing import Any

import requests
from azure.core.exceptions import AzureError
from azure.core.pipeline.transport import RequestsTransport
from urllib3.util.retry import Retry

from amlrun.azure import sockets
from amlrun.azure.calls import CallBudget


class Transport(CallBudget, RequestsTransport):  # type: ignore[misc]
    """The transport of every client, within the budget of the call that is under way."""

    def __init__(self) -> None:
        CallBudget.__init__(self)
        # Made here, so that its connections obey the budget; azure-core makes one that does not.
        RequestsTransport.__init__(self, session=_session())

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Send one attempt with what is left of the budget as its timeouts."""
        kwargs["connection_timeout"], kwargs["read_timeout"] = self.attempt(request.method, request.url)
        try:
            response = super().send(request, **kwargs)
        except AzureError as error:
            self.failed(error)
            raise
        self.answered(response.status_code)
        return response


def _session() -> requests.Session:
    made = requests.Session()
    # The tries are azure-core's.
    once = Retry(total=False, redirect=False, raise_on_status=False)
    for scheme in ("http://", "https://"):
        made.mount(scheme, sockets.Adapter(max_retries=once))
    return made


class Shared:
    """The transport as one of many clients' own: none of them may close it for the others."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.connection_config = transport.connection_config

    def __enter__(self) -> Shared:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def open(self) -> None:
        self._transport.open()

    def close(self) -> None:
        return None

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Send, and wait where storage says 429: azure-storage's own policy gives up on that at once."""
        body = request.data
        start = body.tell() if hasattr(body, "seek") else 0
        for attempt in range(4):
            response = self._transport.send(request, **kwargs)
            if response.status_code != 429 or attempt == 3:
                break
            retry_after = response.headers.get("Retry-After", "")
            self._transport.sleep(float(retry_after) if retry_after.isdigit() else 2.0**attempt)
            if hasattr(body, "seek"):
                body.seek(start)
        return response

    def sleep(self, duration: float) -> None:
        self._transport.sleep(duration)
