"""One request to a service over HTTP."""

from __future__ import annotations

import json
from typing import Any

from amlrun.serving.once import Request


def post(url: str, request: Request, *, timeout: float = 90.0) -> tuple[int | None, Any]:
    """POST a request. Returns the status and the answer (see `read`), or None and why there was none.

    An answer that breaks off, as when the server is killed while it sends, is none, whatever its status was.
    """
    from http.client import HTTPException, IncompleteRead
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, build_opener
    from urllib.request import Request as HttpRequest

    sent = HttpRequest(url, request.body, {"Content-Type": request.content_type})  # noqa: S310
    # A proxy for the internet has no way to this machine.
    opener = build_opener(ProxyHandler({})) if url.startswith("http://127.0.0.1:") else build_opener()
    try:
        try:
            response = opener.open(sent, timeout=timeout)
        except HTTPError as refusal:
            response = refusal  # it has a status and a body, like any answer
        with response:
            if "Content-Length" not in response.headers and "Transfer-Encoding" not in response.headers:
                raise IncompleteRead(b"")  # broken off within its head: Python would take it for a whole one
            return response.status, read(response.read())
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        return None, str(reason) or type(reason).__name__


def read(content: bytes) -> Any:
    """An answer: what its JSON says, else its text, else its bytes."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        pass
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content
