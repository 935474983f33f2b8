"""What a fork server imports ahead of a script (part of fork_server.py: standard library, Python 3.7 and newer)."""

from __future__ import annotations

import ast
import contextlib
import importlib
import io
import os
import sys
import threading
from typing import Any, List, Tuple

Pairs = List[Tuple[str, List[str]]]
# Their runtimes hold threads, devices or a network from the import on, which a fork would share.
HOSTILE = {"tensorflow", "jax", "pyspark", "mpi4py", "horovod", "ray", "deepspeed", "paddle"}


def imports_of(script: str) -> tuple[Pairs, bool]:
    """What a script and the local modules it imports name: (module, names) pairs, and whether that is all.

    A local module (a file or folder beside the script) is read, never named: each trial imports its own copy.
    What a file imports after it has changed the environment or `sys.path` is left to the trial, for it may depend
    on that: then the answer is not all.
    """
    folder = os.path.dirname(os.path.abspath(script))
    found: Pairs = []
    seen: set[str] = set()
    waiting, whole = [script], True
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        try:
            with open(path, "rb") as stream:
                tree = ast.parse(stream.read(), path)
        except (OSError, SyntaxError, ValueError):
            continue
        changed = min(
            (getattr(node, "lineno", 0) for node in ast.walk(tree) if changes_surroundings(node)), default=None
        )
        whole = whole and changed is None
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                pairs: Pairs = [(alias.name, []) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                pairs = [(node.module, [alias.name for alias in node.names])]
            else:
                continue
            for module, names in pairs:
                top = os.path.join(folder, module.split(".")[0])
                local = os.path.join(folder, *module.split("."))
                if os.path.exists(top + ".py") or os.path.isdir(top):
                    waiting += [local + ".py", os.path.join(local, "__init__.py")]
                    waiting += [os.path.join(local, name + ".py") for name in names]
                elif (module, names) not in found and (changed is None or node.lineno < changed):
                    found.append((module, names))
    return found, whole


def changes_surroundings(node: ast.AST) -> bool:
    """Whether a piece of syntax may change os.environ or sys.path; reading them does not."""
    if isinstance(node, ast.ImportFrom):
        return node.module in ("os", "sys") and any(alias.name in ("environ", "putenv", "path") for alias in node.names)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if is_surrounding(node.func.value):
            return node.func.attr in ("setdefault", "update", "pop", "clear", "insert", "append", "extend")
        return node.func.attr == "putenv"
    if isinstance(node, ast.Subscript):
        return not isinstance(node.ctx, ast.Load) and is_surrounding(node.value)
    return isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load) and is_surrounding(node)


def is_surrounding(node: ast.AST) -> bool:
    named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and (node.value.id, node.attr)
    return named in (("os", "environ"), ("sys", "path"))


def preload(script: str) -> tuple[str, bool]:
    """Import what the script will. Returns why its trials cannot be forked (or an empty string), and `whole`."""
    pairs, whole = imports_of(script)
    hostile = sorted({module.split(".")[0] for module, _ in pairs} & HOSTILE)
    if hostile:
        return "the script imports " + ", ".join(hostile), whole
    for module, names in pairs:
        load(module)
        for name in names:
            if name != "*" and not hasattr(sys.modules.get(module), name):
                load(module + "." + name)
    for module, use in (("sklearn.utils.validation", check_a_number), ("matplotlib.figure", draw_nothing)):
        if module in sys.modules:
            with contextlib.suppress(Exception):  # another version: each trial is then the first to use it
                use(sys.modules[module])
    if "azureml._amlrun" in sys.modules:
        load("mlflow")  # SDK v1's run logs with it, from its first call on
    if "mlflow" in sys.modules:
        open_mlflow()
    if threading.active_count() > 1:
        return "importing the script's packages starts threads", whole
    return "", whole


def set_up(file: str, *arguments: str) -> str:
    """Call `prepare` of a module, given by its file, for what all trials share. Returns why it failed, or nothing."""
    sys.path.insert(0, os.path.dirname(file))
    try:
        importlib.import_module(os.path.splitext(os.path.basename(file))[0]).prepare(*arguments)
    except Exception as error:  # each trial then does it by itself, and says what is wrong
        return "what the trials share can't be made: %s: %s" % (type(error).__name__, error)
    finally:
        del sys.path[0]
    return "" if threading.active_count() == 1 else "what the trials share starts threads"


def load(module: str) -> None:
    try:
        importlib.import_module(module)
    except Exception:  # the script itself will say so, in its own log
        return


def check_a_number(validation: Any) -> None:
    """Let scikit-learn look at some data: the first time it looks through all installed packages for plugins."""
    validation.check_array([0.0], ensure_2d=False)


def draw_nothing(figure: Any) -> None:
    """Let matplotlib draw: the first time it looks for its fonts."""
    empty = figure.Figure()
    empty.subplots().legend([], [])
    empty.savefig(io.BytesIO(), format="png")


def open_mlflow() -> None:
    """Open the tracking store as the script's first MLflow call would, and close its connections again.

    Also import what MLflow itself imports at its first run.
    """
    for late in ("git", "IPython"):
        load(late)
    try:
        from mlflow.tracking._tracking_service.utils import _get_store

        engine = getattr(_get_store(), "engine", None)
        if engine is not None:
            # No connection may be shared with a fork: each opens its own.
            engine.dispose()
    except Exception:  # another MLflow, another store: each trial opens its own then
        return
