"""The one way out: every request of a command goes through `Wire`, which no call can leave hanging."""

from __future__ import annotations

from typing import Any

import requests
from azure.core.exceptions import AzureError
from azure.core.pipeline.transport import RequestsTransport
from urllib3.util.retry import Retry

from amlrun.azure import sockets
from amlrun.azure.calls import Calls


class Wire(Calls, RequestsTransport):  # type: ignore[misc]
    """The transport of every client, within the budget of the call that is under way."""

    def __init__(self) -> None:
        Calls.__init__(self)
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
