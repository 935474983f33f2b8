"""Copies in the service: a blob made from another blob of the same storage account; its bytes do not travel.

The SDK's client takes 2.3 ms of processor time for one (measured, 2,000 copies: 4.6 s); a plain request on a kept
connection 0.4 ms. So many are in flight that the service's own time for one does not add up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from azure.core.exceptions import HttpResponseError, ServiceResponseError
from urllib3.exceptions import HTTPError
from urllib3.util.timeout import Timeout

from amlrun.azure import blobs, sockets
from amlrun.azure.calls import CallBudget

if TYPE_CHECKING:
    from urllib3.connectionpool import HTTPConnectionPool

_AT_ONCE = 32
_VERSION = "2021-12-02"
_TRIES = 4


def make(container_url: str, sources: Mapping[str, str], *, made: Callable[[str], None]) -> set[str]:
    """Make blobs in a container from the URLs of their sources, all signed; returns the names of those made.

    `made` hears each name. Where the service refuses a copy (not every storage account allows it) the rest is left to
    be sent. Raises AmlError.
    """
    if not sources:
        return set()
    connections = sockets.Adapter(pool_maxsize=_AT_ONCE).connections(container_url)
    clients, refused, done = threading.local(), threading.Event(), set()

    def one(name: str) -> str | None:
        if refused.is_set():
            return None
        if not hasattr(clients, "calls"):
            clients.calls = CallBudget()
        with clients.calls.call(f"copy {name} in blob storage"):
            if _copy(clients.calls, connections, sources[name], blobs.url_of(container_url, name)):
                return name
        refused.set()
        return None

    threads = ThreadPoolExecutor(_AT_ONCE)
    try:
        for ended in as_completed([threads.submit(one, name) for name in sources]):
            name = ended.result()
            if name is not None:
                done.add(name)
                made(name)
    finally:
        threads.shutdown(cancel_futures=True)
        connections.close()
    return done


def _copy(calls: CallBudget, connections: HTTPConnectionPool, source: str, target: str) -> bool:
    """One copy, tried again as the SDK does; False when it is refused."""
    path = target.removeprefix(f"{urlsplit(target).scheme}://{urlsplit(target).netloc}")
    headers = {
        "x-ms-copy-source": source,
        "x-ms-requires-sync": "true",
        "x-ms-version": _VERSION,
        "Content-Length": "0",
    }
    problem: HttpResponseError | ServiceResponseError
    for attempt in range(_TRIES):
        connect, read = calls.attempt("PUT", target)
        wait = 2.0**attempt
        try:
            timeout = Timeout(connect=connect, read=read)
            answer = connections.urlopen("PUT", path, headers=headers, timeout=timeout, retries=False, redirect=False)
        except (HTTPError, OSError) as error:
            calls.failed(error)
            problem = ServiceResponseError(str(error))
        else:
            calls.answered(answer.status)
            if answer.status == 202:
                return True
            if answer.status < 500 and answer.status not in (408, 429):
                return False
            problem = HttpResponseError(str(answer.reason))
            problem.status_code = answer.status
            retry_after = answer.headers.get("Retry-After", "")
            wait = float(retry_after) if retry_after.isdigit() else wait
        if attempt < _TRIES - 1:
            calls.sleep(wait)
    raise problem
