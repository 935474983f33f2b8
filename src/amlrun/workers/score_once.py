"""Runs inside the scoring environment: one request through a scoring script, as Microsoft's inference server does it.

Standard library only beside that server, and started by its path, for `amlrun` is not installed there. Arguments: the
script, and the request's content type if it is not JSON. Reads the request's body from stdin; writes one JSON object
to stdout: `{"answer": …, "status": …}`, with `"base64"` and `"type"` for an answer of bytes, or `{"stage": …,
"error": …, "line": …}`. What the script itself prints goes to stderr.
"""

from __future__ import annotations

import base64
import importlib.util
import inspect
import json
import os
import re
import sys
import traceback
from pathlib import Path
from typing import Any

# An hour, in milliseconds, as the server has it: nobody waits for this process but the one who started it.
TIMEOUT = 3600 * 1000


class Failed(Exception):
    """The script failed in `stage`; `cause` is its own exception."""

    def __init__(self, stage: str, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.stage, self.cause = stage, cause


def server_modules() -> Any:
    """The server's modules that load a script and read a request; None where it is not installed, or too old."""
    try:
        import flask
        from azureml_inference_server_http.server import input_parsers, user_script
    except ImportError:
        return None
    found = getattr(user_script, "UserScript", None)
    has_all = all(hasattr(found, name) for name in ("load_script", "invoke_init", "invoke_run"))
    return (flask, input_parsers, user_script) if has_all else None


def by_server(modules: Any, script: str, kind: str, body: bytes) -> dict[str, Any]:
    """Let the server's own classes load the script, read the request and call run(). Raises Failed."""
    flask, input_parsers, user_script = modules
    served = user_script.UserScript(script)
    try:
        served.load_script(os.path.dirname(script))
    except user_script.UserScriptException as error:
        raise Failed("import", error.user_ex) from error
    except user_script.UserScriptError as error:
        missing = re.search(r"does not have an? (\w+\(\)) function", str(error))
        text = f"{os.path.basename(script)} has no {missing.group(1)}" if missing else str(error)
        raise Failed("import", AttributeError(text)) from error
    try:
        served.invoke_init()
    except user_script.UserScriptException as error:
        raise Failed("init()", error.user_ex) from error
    with flask.Flask("score").test_request_context("/score", method="POST", data=body, content_type=kind):
        try:
            answer = served.invoke_run(flask.request, timeout_ms=TIMEOUT).output
        except input_parsers.UnsupportedInput as error:
            return {"answer": str(error), "status": 415}
        except input_parsers.InputError as error:
            return {"answer": str(error), "status": 400}
        except user_script.UserScriptException as error:
            raise Failed("run()", error.user_ex) from error
        return as_sent(answer)


def by_hand(script: str, body: bytes) -> dict[str, Any]:
    """The same where the server is not installed: a run() that takes the body's text, or inference-schema's values."""
    try:
        spec = importlib.util.spec_from_file_location("entry_module", script)
        if spec is None or spec.loader is None:
            raise ImportError(f"{script} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name in ("init", "run"):
            if not callable(getattr(module, name, None)):
                raise AttributeError(f"{os.path.basename(script)} has no {name}()")
    except BaseException as error:
        raise Failed("import", error) from error
    try:
        module.init()
    except BaseException as error:
        raise Failed("init()", error) from error
    try:
        parameters = list(inspect.signature(module.run).parameters)
        values = [name for name in parameters if name != "request_headers"]
        if decorated(module.run):
            sent = json.loads(body.decode("utf-8"))
            if not isinstance(sent, dict):
                return {"answer": "POST body should be a JSON dictionary.", "status": 400}
            arguments = {name: sent[name] for name in values if name in sent}
        else:
            arguments = dict(zip(values[:1], [body.decode("utf-8")]))
        if "request_headers" in parameters:
            arguments["request_headers"] = {"Content-Type": "application/json"}
        answer = module.run(**arguments)
    except BaseException as error:
        raise Failed("run()", error) from error
    return as_sent(answer)


def decorated(run: Any) -> bool:
    """Whether `run` was decorated with inference-schema; it gets values then, not the body's text."""
    try:
        from inference_schema.schema_util import is_schema_decorated
    except ImportError:
        return False
    return bool(is_schema_decorated(run))


def as_sent(answer: Any) -> dict[str, Any]:
    """What the server would send for `answer`, and the status: an empty object where run() returned None."""
    if not hasattr(answer, "get_data"):
        return {"answer": {} if answer is None else answer, "status": 200}
    content = answer.get_data()
    sent = {"answer": None, "status": answer.status_code}
    try:
        sent["answer"] = json.loads(content.decode("utf-8"))
    except UnicodeDecodeError:
        sent["base64"] = base64.b64encode(content).decode("ascii")
        sent["type"] = answer.mimetype
    except ValueError:
        sent["answer"] = content.decode("utf-8")
    return sent


def line_of(error: BaseException, script: str) -> int | None:
    """The line of the scoring script that the error passed last; None when it never was there."""
    if isinstance(error, SyntaxError) and error.filename == script:
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == script]
    return lines[-1] if lines else None


def described(stage: str, error: BaseException, script: str) -> dict[str, Any]:
    # An exception class of the script's own is a message it meant to give; any other is for a programmer, if the
    # script's lines are in it.
    if type(error).__module__ != "entry_module" and stage != "the answer":
        traceback.print_exception(type(error), error, error.__traceback__)
    text = f"{type(error).__name__}: {error}"
    return {"stage": stage, "error": text, "line": line_of(error, script)}


def score(script: str, kind: str, body: bytes) -> str:
    """The JSON object to write."""
    modules = server_modules()
    try:
        sent = by_server(modules, script, kind, body) if modules else by_hand(script, body)
    except Failed as failed:
        return json.dumps(described(failed.stage, failed.cause, script))
    try:
        return json.dumps(sent)
    except (TypeError, ValueError) as error:
        return json.dumps(described("the answer", error, script))


def main() -> None:
    # The answer's way out is kept before the script can print on it.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # Started by its path, this folder would be the first to import from: it is the script's folder's turn.
    sys.path[0] = str(Path.cwd())
    script = str(Path(sys.argv[1]).absolute())
    kind = sys.argv[2] if len(sys.argv) > 2 else "application/json"
    text = score(script, kind, sys.stdin.buffer.read())
    out.write(text)
    out.close()


if __name__ == "__main__":
    main()
