"""Runs inside the scoring environment: one worker process of batch_worker.py. Standard library only."""

from __future__ import annotations

import importlib.util
import re
import sys
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any


class WrongType(Exception):
    """run() returned something that is not rows."""


def load(entry: str) -> Any:
    """The batch script as a module; its arguments are what follows the plan: none in a batch deployment."""
    # Started by its path, this file's folder could be imported from: it is the script's folder's turn.
    ours = str(Path(__file__).parent)
    sys.path[:] = [str(Path.cwd()), *(place for place in sys.path if place != ours)]
    sys.argv = [entry, *sys.argv[2:]]
    spec = importlib.util.spec_from_file_location("entry_module", entry)
    if spec is None or spec.loader is None:
        raise ImportError(f"{entry} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("init", "run"):
        if not callable(getattr(module, name, None)):
            raise AttributeError(f"it has no {name}()")
    return module


def as_rows(result: Any) -> tuple[str, int]:
    """What append_row writes for one result of run(): a table's rows separated by spaces, else a line an element.

    Raises WrongType for what Azure ML would not take either.
    """
    if hasattr(result, "to_csv"):
        return result.to_csv(sep=" ", header=False, index=False, lineterminator="\n"), len(result)
    is_array = hasattr(result, "__array__") and len(getattr(result, "shape", ())) > 0
    if not isinstance(result, list) and not is_array:
        raise WrongType(
            "the run() method should return a list or a pandas DataFrame with a row for each file; "
            f"the actual type of its result is {type(result).__name__}"
        )
    rows = list(result)
    return "".join(f"{row}\n" for row in rows), len(rows)


def described(error: BaseException) -> str:
    """An error as one line; with what to do for a model that train.py saved with a function of its own."""
    text = f"{type(error).__name__}: {error}"
    found = re.search(r"Can't get attribute '(\w+)' on <module", text)
    if found is None:
        return text
    name = found.group(1)
    return f"{text}. The model was saved with {name}, which train.py defines itself: move it into a module, train again"


def work(entry: str, pipe: Connection) -> None:
    """A worker: init() once, run() for every mini-batch that comes, shutdown() (if there is one) when None comes."""
    stage = ""
    try:
        module = load(entry)
        stage = "init(): "
        module.init()
    except BaseException as error:
        traceback.print_exc()
        pipe.send(("broken", stage + described(error)))
        return
    pipe.send(("ready", None))
    while True:
        try:
            files = pipe.recv()
        except (EOFError, OSError):
            return
        if files is None:
            getattr(module, "shutdown", lambda: None)()
            return
        try:
            answer: tuple[str, Any] = ("done", as_rows(module.run(files)))
        except WrongType as error:
            answer = ("failed", str(error))
        except Exception as error:
            traceback.print_exc()
            answer = ("failed", described(error))
        pipe.send(answer)
