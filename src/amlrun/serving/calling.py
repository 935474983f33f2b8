"""One request to a service over HTTP."""

from __future__ import annotations

import json
from typing import Any


def post(
    url: str, body: str, *, headers: dict[str, str] | None = None, timeout: float = 90.0
) -> tuple[int | None, Any]:
    """POST a JSON body. Returns the status and the answer (read, if it is JSON), or None and why there was none.

    An answer that breaks off, as when the server is killed while it sends, is none, whatever its status was.
    """
    from http.client import HTTPException, IncompleteRead
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, Request, build_opener

    request = Request(url, body.encode(), {"Content-Type": "application/json", **(headers or {})})  # noqa: S310
    # A proxy for the internet has no way to this machine.
    opener = build_opener(ProxyHandler({})) if url.startswith("http://127.0.0.1:") else build_opener()
    try:
        try:
            response = opener.open(request, timeout=timeout)
        except HTTPError as refusal:
            response = refusal  # it has a status and a body, like any answer
        with response:
            if "Content-Length" not in response.headers and "Transfer-Encoding" not in response.headers:
                raise IncompleteRead(b"")  # broken off within its head: Python would take it for a whole one
            return response.status, _read(response.read())
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        return None, str(reason) or type(reason).__name__


def _read(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content.decode("utf-8", "replace")
