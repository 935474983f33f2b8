"""Runs inside the scoring environment: one request through a scoring script, the way the inference server calls it.

Standard library only, and started by its path, for `amlrun` is not installed there. Reads the request body from
stdin; writes one JSON object to stdout: `{"answer": …}` or `{"stage": …, "error": …, "status": …}`. What the script
itself prints goes to stderr.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any


def load(entry: str) -> ModuleType:
    """The scoring script as a module. Its folder's siblings can be imported, as on Azure ML."""
    spec = importlib.util.spec_from_file_location("entry_module", entry)
    if spec is None or spec.loader is None:
        raise ImportError(f"{entry} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("init", "run"):
        if not callable(getattr(module, name, None)):
            raise AttributeError(f"{Path(entry).name} has no {name}()")
    return module


def typed(run: Any) -> bool:
    """Whether `run` was decorated with inference-schema; it gets values then, not the body's text."""
    try:
        from inference_schema.schema_util import is_schema_decorated
    except ImportError:
        return False
    return bool(is_schema_decorated(run))


def call(run: Any, decorated: bool, body: str) -> Any:
    if not decorated:
        return run(body)
    values = json.loads(body)
    names = [name for name in inspect.signature(run).parameters if name != "request_headers"]
    return run(**{name: values[name] for name in names if name in values})


def plain(answer: Any) -> tuple[Any, int]:
    """What the server would send for `answer`, and the status."""
    status = getattr(answer, "status_code", 200)
    if hasattr(answer, "get_data"):
        text = answer.get_data(as_text=True)
        try:
            return json.loads(text), status
        except ValueError:
            return text, status
    return answer, status


def line_of(error: BaseException) -> int | None:
    """The line of the scoring script that the error passed last; None when it never was there."""
    script = str(Path(sys.argv[1]).absolute())
    if isinstance(error, SyntaxError) and error.filename == script:
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == script]
    return lines[-1] if lines else None


def main() -> None:
    # The answer's way out is kept before the script can print on it.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.path[0] = str(Path.cwd())
    body = sys.stdin.buffer.read().decode("utf-8")
    stage = "import"
    try:
        module = load(sys.argv[1])
        decorated = typed(module.run)
        stage = "init()"
        module.init()
        stage = "run()"
        answer, status = plain(call(module.run, decorated, body))
        stage = "the answer"
        text = json.dumps({"answer": answer, "status": status})
    except BaseException as error:
        # An exception class of the script's own is a message it meant to give; any other is for a programmer.
        if type(error).__module__ != "entry_module":
            traceback.print_exc()
        text = json.dumps({"stage": stage, "error": f"{type(error).__name__}: {error}", "line": line_of(error)})
    out.write(text)
    out.close()


main()
