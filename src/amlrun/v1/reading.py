"""Reads a tree into a `Config` by a table: each value by its field's type, each misfit a problem with its line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlrun.errors import folded
from amlrun.runs import redact
from amlrun.spec.node import Node
from amlrun.spec.yaml_data import lined
from amlrun.spec.yaml_problems import missing_space
from amlrun.v1.config import Config, Key, Value, raise_first
from amlrun.v1.table import Field, Table, dotted, near

_TRUE = ("true", "yes", "on", "y", "1")
_FALSE = ("false", "no", "off", "n", "0")


def build(root: Node, file: Path, table: Table) -> Config:
    """The values of a tree, with a problem for each value that does not fit, and unknown keys kept as such."""
    config = Config(table, file)
    _section(config, root, (), ())
    read_synonyms(config)
    return config


def read_synonyms(config: Config) -> None:
    """Read the keys found under another name; where the file has the key itself, that one counts."""
    for spelt, found, line, node in config.synonyms:
        if config.has(*found.path):
            config.values[spelt] = Value(spelt, None, redact.masked(node.plain(), spelt[-1]), line, node.comment)
            config.note(
                spelt, f"not used: {dotted(found.path)} on line {config.line(*found.path)} takes precedence", line
            )
            continue
        config.note(spelt, f"read as {dotted(found.path)}", line)
        if found.type != "section":
            config.origins[found.path] = Value(spelt, None, redact.masked(node.plain(), spelt[-1]), line)
            config.converted.append(config.origins[found.path])
        read_value(config, found, found.path, node, line)
    config.synonyms.clear()


def override(config: Config, key: str, text: str) -> None:
    """Put a flag's text in place of what the file says. Raises AmlError for one that does not fit the key."""
    given = Config(config.table)
    found = config.table.field(key)
    read_value(given, found, found.path, Node("scalar", 0, text, text), 0)
    raise_first(given.problems)
    config.values.update(given.values)


def _section(config: Config, node: Node, key: Key, section: Key) -> None:
    known = config.table.members(section)
    seen: dict[Key, int] = {}
    for name, line, child in node.pairs:
        found = known.get("*") or config.table.find(section, name)
        place = (*key, name) if found is None or "*" in known else (*key, *found.path[len(section) :])
        if place in seen:
            config.problem(place, f"is given twice, first on line {seen[place]}", "Delete one of the two.", line)
            continue
        seen[place] = line
        synonym = config.table.synonym(section, name) if found is None else None
        if synonym is not None and not child.empty:
            config.synonyms.append((place, synonym, line, child))
        elif found is None:
            value = redact.masked(child.plain(), name)
            config.values[place] = Value(place, None, value, line, child.comment, near(name, known))
        else:
            read_value(config, found, place, child, line)


def read_value(config: Config, found: Field, key: Key, node: Node, line: int) -> None:
    """Read one key's value by its field's type into `config`."""
    value = Value(key, found, None, line, node.comment)
    if found.secret:
        value.value = None if node.empty else redact.MASK
    elif node.empty:
        # null, and nothing at all, mean the default.
        value.value, value.words = found.default, found.default if isinstance(found.default, str) else None
        if node.value == "" and found.type in ("word", "text", "any"):
            value.value = value.words = ""
    elif found.type in ("section", "sections"):
        if node.kind == "map" and node.pairs:
            _section(config, node, key, found.path)
            return
        address = config.table.members(found.path).get("address")
        if node.kind == "scalar" and address:  # a registry by its name alone
            read_value(config, address, (*key, "address"), node, line)
            return
        if node.kind == "scalar" or node.items:
            if key != ("environment",) or node.kind != "scalar":
                config.problem(key, f"expected keys below it, got {node.shown}", missing_space(node.text), line)
                return
            value.words = value.value = node.text
        else:
            value.value = found.default if found.type == "sections" else {}
    else:
        _READ[found.type](config, value, node)
    config.values[key] = value
    if found.allowed and isinstance(value.words, str) and value.words:
        _check_allowed(config, found, value)


def _check_allowed(config: Config, found: Field, value: Value) -> None:
    if any(folded(name) == folded(value.words) for name in found.allowed):
        return
    if found.status != "mapped":
        config.note(value.key, f"{value.words!r} is not one of {', '.join(found.allowed)}", value.line)
        return
    close = near(value.words, found.allowed)
    meant = f"; did you mean {close!r}?" if close else ""
    config.problem(
        value.key, f"expected one of {', '.join(found.allowed)}, got {value.words!r}{meant}", line=value.line
    )


def _bool(config: Config, value: Value, node: Node) -> None:
    word = node.text.strip().rstrip(",").lower() if node.kind == "scalar" else ""
    if word not in _TRUE and word not in _FALSE:
        config.problem(value.key, f"expected true or false, got {node.shown}", line=value.line)
        return
    value.value = word in _TRUE
    if not isinstance(node.value, bool) and node.value not in (0, 1):
        was = " (the v1 tools treated it as true)" if word in _FALSE else ""
        config.note(value.key, f"{node.shown} is read as {str(value.value).lower()}{was}", value.line)


def _int(config: Config, value: Value, node: Node) -> None:
    number = node.value if node.kind == "scalar" else None
    if isinstance(number, str) and re.fullmatch(r"\s*[+-]?[0-9][0-9_]{0,17}\s*,?\s*", number):
        number = int(number.strip().rstrip(",").replace("_", ""))
    if isinstance(number, float) and math.isfinite(number) and number == int(number):
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int):
        config.problem(value.key, f"expected a whole number, got {node.shown}", line=value.line)
    elif abs(number) > 2**31:
        config.problem(value.key, "the number is too large", line=value.line)
    else:
        value.value = number


def _number(config: Config, value: Value, node: Node) -> None:
    try:
        number = float(node.text) if node.kind == "scalar" else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        config.problem(value.key, f"expected a number, got {node.shown}", line=value.line)
    else:
        value.value = number


def _scalar(node: Node) -> tuple[Any, str]:
    """A scalar's typed value and its text; a number whose spelling says more than its value (1.10) stays text."""
    if isinstance(node.value, bool):
        return node.value, node.text
    if isinstance(node.value, (int, float)):
        return (node.value if str(node.value) == node.text else node.text), node.text
    return node.text, node.text


def _word(config: Config, value: Value, node: Node) -> None:
    if node.kind != "scalar":
        config.problem(value.key, f"expected a string, got {node.shown}", line=value.line)
        return
    value.value, value.words = _scalar(node)


def _text(config: Config, value: Value, node: Node) -> None:
    _word(config, value, node)
    value.value = value.words


def _words(config: Config, value: Value, node: Node) -> None:
    if node.kind == "scalar":
        value.value = value.words = split(node.text)
        config.note(value.key, f"a string, split into {len(value.value)} words", value.line)
        return
    if node.kind == "map":
        config.problem(value.key, "expected a list of strings, got keys", line=value.line)
        return
    value.value, value.words = [], []
    for place, item in enumerate(node.items):
        key = (*value.key, f"[{place}]")
        if item.kind != "scalar":
            config.problem(key, f"expected a string, got {item.shown}", "Write each argument as a string.", item.line)
        elif item.text == "" and not item.quoted:
            config.note(key, "is empty; left out", item.line)
        else:
            value.value.append(item.literal)
            value.words.append(item.text)


def _map(config: Config, value: Value, node: Node) -> None:
    if node.kind != "map":
        config.problem(value.key, f"expected keys below it, got {node.shown}", missing_space(node.text), value.line)
        return
    value.value, value.words = {}, {}
    for name, line, item in node.pairs:
        value.lines[name] = line
        if item.kind != "scalar":
            value.value[name], value.words[name] = item.plain(), json.dumps(item.plain(), default=str)
            continue
        value.value[name] = item.value
        value.words[name] = "" if item.value is None and item.text == "" else item.text


def _conda(config: Config, value: Value, node: Node) -> None:
    if node.kind != "map":
        config.problem(value.key, f"expected a conda specification, got {node.shown}", line=value.line)
        return
    value.value = lined(node)
    value.value.file = config.file
    known = ("name", "channels", "dependencies", "prefix", "variables")
    for name, line, _ in node.pairs:
        if name not in known:
            hint = f"A conda file has the keys {', '.join(known)}."
            config.problem((*value.key, name), "is not a conda file key", hint, line)


def _list(config: Config, value: Value, node: Node) -> None:
    if node.kind != "list":
        config.problem(value.key, f"expected a list, got {node.shown}", line=value.line)
        return
    table = (*config.table.pattern(value.key), "[]")
    value.value = []
    for place, item in enumerate(node.items):
        key = (*value.key, f"[{place}]")
        if item.kind != "map":
            config.problem(key, f"expected keys below it, got {item.shown}", line=item.line)
            continue
        inner = Config(config.table, config.file)
        _section(inner, item, key, table)
        config.notes += inner.notes
        config.problems += inner.problems
        config.values.update({path: found for path, found in inner.values.items() if found.field is None})
        value.value.append({path[-1]: found.value for path, found in inner.values.items() if found.field})


def _any(config: Config, value: Value, node: Node) -> None:
    value.value = node.plain()
    value.words = node.text if node.kind == "scalar" else None
    if node.kind == "list":
        value.words = [item.text for item in node.items if item.kind == "scalar"]


def _lines(config: Config, value: Value, node: Node) -> None:
    value.value = lined(node)


_READ: dict[str, Callable[[Config, Value, Node], None]] = {
    "bool": _bool, "int": _int, "number": _number, "word": _word, "text": _text, "words": _words, "map": _map,
    "conda": _conda, "list": _list, "lines": _lines, "any": _any,
}  # fmt: skip


def split(line: str) -> list[str]:
    """A line of words as a shell would part it, but a backslash stays a backslash: it parts Windows paths."""
    import shlex

    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    try:
        return list(lexer)
    except ValueError:
        return line.split()
