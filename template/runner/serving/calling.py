"""One request to a service over HTTP."""

from __future__ import annotations

import json
from typing import Any


def post(
    url: str, body: str, *, headers: dict[str, str] | None = None, timeout: float = 90.0
) -> tuple[int | None, Any]:
    """POST a JSON body. Returns the status and the answer (read, if it is JSON), or None and why there was none."""
    from urllib.error import HTTPError, URLError
    from urllib.request import ProxyHandler, Request, build_opener

    request = Request(url, body.encode(), {"Content-Type": "application/json", **(headers or {})})  # noqa: S310
    # A proxy for the internet has no way to this machine.
    opener = build_opener(ProxyHandler({})) if url.startswith("http://127.0.0.1:") else build_opener()
    try:
        with opener.open(request, timeout=timeout) as response:
            return response.status, _read(response.read())
    except HTTPError as error:
        return error.code, _read(error.read())
    except (URLError, OSError) as error:
        return None, getattr(error, "reason", error)


def _read(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode("utf-8", "replace")
