"""Where a script sends its metrics itself: `mlflow.set_tracking_uri` takes them away from the run."""

from __future__ import annotations

import ast
from pathlib import Path

from amlrun.python_source import dotted

# A script that asks for the address that is set anyway does no harm.
_SAME = ("MLFLOW_TRACKING_URI", "get_tracking_uri")


def elsewhere(script: Path) -> list[str]:
    """A sentence for each call that sends the script's metrics to another place than its run."""
    try:
        text = script.read_bytes()
        tree = ast.parse(text) if b"set_tracking_uri" in text else ast.Module([], [])
    except (OSError, SyntaxError, ValueError):
        return []
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        f"{script.name}:{call.lineno}: mlflow.set_tracking_uri sends metrics elsewhere, not to the run: "
        "delete the line (MLFLOW_TRACKING_URI is already set)"
        for call in calls
        if dotted(call.func).rpartition(".")[2] == "set_tracking_uri"
        and not any(same in ast.unparse(call) for same in _SAME)
    ]
