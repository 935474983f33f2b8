"""Runs inside the scoring environment: Microsoft's inference server, bound to this machine alone.

Started by its path with a word that marks the process as a service of `aml`, then the server's own arguments. With
AML_REQUEST_LOG=FILE every scored request is written there as a line of JSON (time, status, milliseconds, what was
sent), for `aml service stats`; off unless that is set.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
# A request of more bytes is counted, but its content is not kept.
MAX_KEPT = 100_000


def log_requests(file: str) -> None:
    """Write a line for each scored request, through Flask's signals: one for the start, one for the end."""
    from flask import g, request, request_finished, request_started

    def begin(sender: Any, **more: Any) -> None:
        g.begun = time.perf_counter()

    def end(sender: Any, response: Any, **more: Any) -> None:
        if request.path != "/score":
            return
        line: dict[str, Any] = {
            "time": time.time(),
            "status": response.status_code,
            "ms": round((time.perf_counter() - g.begun) * 1000, 3),
        }
        body = request.get_data(cache=True)
        line["bytes"] = len(body)
        if len(body) <= MAX_KEPT:
            try:
                line["request"] = json.loads(body)
            except (ValueError, RecursionError):
                line["request"] = None
        # One write of one line in append mode: lines of several worker processes don't mix.
        handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, json.dumps(line).encode() + b"\n")
        finally:
            os.close(handle)

    request_started.connect(begin, weak=False)
    request_finished.connect(end, weak=False)


def without_control_socket() -> None:
    """Newer gunicorns open a socket in the home folder, which the next service would take from this one."""
    with contextlib.suppress(ImportError):  # the server uses waitress on Windows
        from gunicorn.config import KNOWN_SETTINGS

        if any(setting.name == "control_socket_disable" for setting in KNOWN_SETTINGS):
            own = os.environ.get("GUNICORN_CMD_ARGS", "")
            os.environ["GUNICORN_CMD_ARGS"] = f"{own} --no-control-socket".strip()


def bind_to_this_machine(amlserver: Any) -> None:
    """Have the server listen on 127.0.0.1. It has no flag for that, and its own 0.0.0.0 serves the whole network.

    Ends the process where the server takes its address from somewhere else than it did.
    """
    if not isinstance(getattr(amlserver, "DEFAULT_HOST", None), str):
        sys.exit(
            "this azureml-inference-server-http cannot be bound to 127.0.0.1: it was not started. "
            "Name azureml-inference-server-http>=1,<2 in the conda file."
        )
    amlserver.DEFAULT_HOST = HOST


def main() -> None:
    # Started by its path, this folder would be the first to import from: it is the script's folder's turn.
    sys.path[0] = str(Path.cwd())
    del sys.argv[1]
    from azureml_inference_server_http import amlserver

    bind_to_this_machine(amlserver)
    without_control_socket()
    file = os.environ.get("AML_REQUEST_LOG")
    if file:
        log_requests(file)
    amlserver.run()


if __name__ == "__main__":
    main()
