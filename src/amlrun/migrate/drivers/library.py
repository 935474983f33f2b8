"""What a driver calls of Python itself, done on known values: paths, text, lists, the environment, options."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Any

from amlrun.migrate.drivers.objects import Instance, Parser
from amlrun.migrate.drivers.values import NOTHING, Gap, Text, gaps_in, joined_text, known

_CHANCE = ("datetime", "time", "random", "uuid", "secrets", "getpass", "numpy.random")
_FILES = ("builtins.open", "json.load", "yaml.safe_load", "yaml.load", "configparser", "pandas.read_", "io.open")
MOST_ITEMS = 200


class PathText(str):
    """A path made with pathlib."""

    __slots__ = ()


def call(full: str, args: list[Any], kwargs: dict[str, Any], line: int, source: str) -> Any:
    """The result of calling the function `full` of Python or of a library: a value, or a gap with the reason."""
    if full in ("argparse.ArgumentParser", "configargparse.ArgumentParser"):
        return Parser()
    if full in ("os.environ.get", "os.getenv"):
        default = args[1] if len(args) > 1 else kwargs.get("default", NOTHING)
        return environment_variable(args[0] if args else NOTHING, default, line, source)
    if full.startswith(("pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath")):
        if full.endswith((".cwd", ".home")):
            return PathText(".") if full.endswith(".cwd") else Gap("a folder in the user's home", line, source)
        return _path(posixpath.join, args or ["."], line, source)
    if full == "os.path.join":
        return _join(args)
    if full in ("os.path.dirname", "os.path.abspath", "os.path.realpath", "os.path.normpath", "os.path.basename"):
        return _of_path(full, args, line, source)
    if full in ("os.getcwd", "os.path.curdir"):
        return "."
    if full in _PLAIN:
        values = [known(value) for value in args]
        if not any(_open(value) for value in [*values, *kwargs.values()]):
            try:
                return _PLAIN[full](*values, **kwargs)
            except (TypeError, ValueError, IndexError, KeyError, OverflowError, AttributeError, ZeroDivisionError):
                return Gap("the result of a call that failed here", line, source)
        if full == "builtins.str" and len(args) == 1 and isinstance(args[0], (Gap, Text)):
            return joined_text(args)
        if full in ("builtins.int", "builtins.float") and args and isinstance(args[0], Gap):
            return Gap(args[0].reason, line, source, _converted(full, known(args[0])))
    if full in ("types.SimpleNamespace", "argparse.Namespace"):
        return Instance(None, dict(kwargs))
    if full in ("copy.copy", "copy.deepcopy") and args:
        return args[0]
    return Gap(_reason(full), line, source)


def environment_variable(name: Any, default: Any, line: int, source: str) -> Gap:
    """The gap for an environment variable, named after it; a default of the driver's is its guess."""
    word = name if isinstance(name, str) else "of the environment"
    if isinstance(default, Gap):
        return Gap(f"the environment variable {word}", line, word, default.guess)
    return Gap(f"the environment variable {word}", line, word, NOTHING if default is None else default)


def method(of: Any, name: str, args: list[Any], kwargs: dict[str, Any], line: int, source: str) -> Any:
    """The result of a method of plain data; lists and dicts are changed as Python would."""
    if isinstance(of, PathText):
        return _path_method(of, name, args, line, source)
    if isinstance(of, str) and name == "format":
        return _formatted(of, args, kwargs, line, source)
    if isinstance(of, str) and name == "join" and args and isinstance(args[0], (list, tuple)):
        parts = [part for item in args[0] for part in (of, item)][1:]
        return joined_text(parts) if gaps_in(parts) else of.join(map(str, parts[::2]))
    allowed = _METHODS.get(type(of).__name__, ())
    if name not in allowed:
        return Gap(f"the result of .{name}()", line, source)
    if isinstance(of, str):
        if any(_open(value) for value in args):
            return Gap(f"the result of .{name}()", line, source)
        args = [known(value) for value in args]
    if isinstance(of, list) and len(of) > MOST_ITEMS * 10:
        return Gap("a very long list", line, source)
    try:
        return getattr(of, name)(*args, **kwargs)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError):
        return Gap(f"the result of .{name}()", line, source)


_METHODS = {
    "str": ("lower", "upper", "strip", "lstrip", "rstrip", "replace", "split", "title", "startswith", "endswith",
            "capitalize", "removeprefix", "removesuffix", "isdigit"),
    "list": ("append", "extend", "insert", "copy", "index", "remove", "pop", "count"),
    "dict": ("get", "keys", "values", "items", "update", "copy", "setdefault", "pop"),
    "tuple": ("index", "count"),
    "set": ("add", "union", "copy"),
}  # fmt: skip
_PLAIN: dict[str, Callable[..., Any]] = {
    "builtins.str": str, "builtins.int": int, "builtins.float": float, "builtins.bool": bool, "builtins.len": len,
    "builtins.list": lambda *items: list(*items), "builtins.tuple": lambda *items: tuple(*items),
    "builtins.dict": lambda *items, **named: dict(*items, **named), "builtins.sorted": sorted,
    "builtins.set": lambda *items: list(dict.fromkeys(*items)), "builtins.round": round, "builtins.abs": abs,
    "builtins.max": max, "builtins.min": min, "builtins.sum": sum, "builtins.repr": repr,
    "builtins.range": lambda *numbers: list(range(*numbers)[:MOST_ITEMS]),
    "builtins.zip": lambda *lists: [list(row) for row in zip(*lists)],
    "builtins.enumerate": lambda items, start=0: [list(row) for row in enumerate(items, start)],
    "os.fspath": str, "os.path.split": lambda path: list(posixpath.split(path)),
    "os.path.splitext": lambda path: list(posixpath.splitext(path)),
}  # fmt: skip


def _open(value: Any) -> bool:
    return isinstance(value, (Gap, Text)) or not isinstance(
        value, (str, int, float, bool, list, tuple, dict, type(None))
    )


def _converted(full: str, value: Any) -> Any:
    try:
        return (int if full.endswith("int") else float)(value)
    except (TypeError, ValueError):
        return NOTHING


def _reason(full: str) -> str:
    if full.startswith(_CHANCE):
        return f"decided when the driver runs ({full})"
    if full.startswith(_FILES):
        return f"read from a file ({full})"
    return f"the result of {full.removeprefix('builtins.')}"


def _join(args: list[Any]) -> Any:
    if not gaps_in(args) and all(isinstance(part, str) for part in args):
        return posixpath.join(*[part.replace("\\", "/") for part in args]) if args else ""
    parts: list[Any] = []
    for at, part in enumerate(args):
        parts += [part] if at == len(args) - 1 or (isinstance(part, str) and part.endswith("/")) else [part, "/"]
    return joined_text(parts)


def _path(make: Callable[..., str], args: list[Any], line: int, source: str) -> Any:
    values = [known(value) for value in args]
    if all(isinstance(value, str) for value in values) and not gaps_in(args):
        return PathText(posixpath.normpath(make(*values)))
    if all(isinstance(value, (str, Gap, Text)) for value in args):
        return _join(args)
    return Gap("a path that is not in the code", line, source)


def _of_path(full: str, args: list[Any], line: int, source: str) -> Any:
    path = args[0] if args else NOTHING
    verb = full.rpartition(".")[2]
    if isinstance(path, str):
        if verb in ("dirname", "basename"):
            return getattr(posixpath, verb)(path) or ("." if verb == "dirname" else "")
        return posixpath.normpath(path)
    if isinstance(path, (Text, Gap)) and verb in ("abspath", "realpath", "normpath"):
        return path
    return Gap(f"the result of {full}", line, source)


def _path_method(of: PathText, name: str, args: list[Any], line: int, source: str) -> Any:
    if name in ("resolve", "absolute", "expanduser", "as_posix"):
        return of
    if name == "joinpath":
        return _path(posixpath.join, [of, *args], line, source)
    if name == "with_suffix" and args and isinstance(args[0], str):
        return PathText(posixpath.splitext(of)[0] + args[0])
    if name == "with_name" and args and isinstance(args[0], str):
        return PathText(posixpath.join(posixpath.dirname(of), args[0]))
    if name in ("read_text", "open"):
        return Gap("read from a file", line, source)
    return Gap(f"the result of .{name}()", line, source)


def path_attribute(of: PathText, name: str) -> Any:
    """`.parent`, `.name` and the like of a path."""
    if name == "parent":
        return PathText(posixpath.dirname(of) or ("." if of != "." else ".."))
    if name == "name":
        return posixpath.basename(of)
    if name == "stem":
        return posixpath.splitext(posixpath.basename(of))[0]
    if name == "suffix":
        return posixpath.splitext(of)[1]
    return NOTHING


def _formatted(text: str, args: list[Any], kwargs: dict[str, Any], line: int, source: str) -> Any:
    from string import Formatter

    parts: list[Any] = []
    at = 0
    try:
        for before, name, form, _ in Formatter().parse(text):
            parts.append(before)
            if name is None:
                continue
            if name == "":
                name, at = str(at), at + 1
            value = args[int(name)] if name.isdigit() else kwargs[name]
            parts.append(format(value, form or "") if not gaps_in(value) and not _open(value) else value)
    except (ValueError, IndexError, KeyError, TypeError):
        return Gap("the result of .format()", line, source)
    if any(_open(part) and not isinstance(part, (Gap, Text)) for part in parts):
        return Gap("the result of .format()", line, source)
    return joined_text(parts)


def percent(text: str, values: Any, line: int, source: str) -> Any:
    """`"a %s" % values`."""
    items = values if isinstance(values, (list, tuple)) else [values]
    if not any(_open(item) for item in items):
        try:
            return text % (tuple(items) if isinstance(values, (list, tuple)) else values)
        except (TypeError, ValueError, KeyError):
            return Gap("a text that the driver formats", line, source)
    import re

    pieces = re.split(r"%[-\d.]*[sdifgr]", text)
    if len(pieces) != len(items) + 1 or not all(isinstance(item, (Gap, Text, str, int, float)) for item in items):
        return Gap("a text that the driver formats", line, source)
    return joined_text([part for pair in zip(pieces, [*items, ""]) for part in pair])
