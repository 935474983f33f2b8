"""A YAML parser's complaint in a sentence that says what is wrong in the file, and what to do.

The parser's own sentences may quote the file, which may hold a secret: no value is repeated here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError

# Looks like a space, and is a letter to YAML: it comes with text copied from a web page or a document.
_ODD_SPACE = re.compile("[\u00a0\u2000-\u200a\u202f\u3000\ufeff]")
_ODD_INDENT = re.compile(f"^[ \t]*({_ODD_SPACE.pattern})|^[ \t-]*[\\w\"'$.-]+:({_ODD_SPACE.pattern})", re.MULTILINE)
_TWO_KEYS = re.compile(r"\s*(?:- +)*[^\s:#]+\s*:\s+[^\s'\"\[{#|>][^#]*:(?:\s|$)")
_KEY_AND_VALUE = re.compile(r"\s*(?:- +)*[^\s:#]+\s*:\s+[^\s#]")

_PROBLEMS = (
    (r"expected ',' or '\}'", "a comma or `}` is missing before this line's text", "Separate the entries with commas."),
    (r"expected ',' or '\]'", "a comma or `]` is missing before this line's text", "Separate the entries with commas."),
    (r"expected <block end>|did not find expected key",
     "indented differently from the lines above it", "Keys of one section start in the same column."),
    (r"could not find expected ':'|expected ':'", "expected `key: value`, and the colon is missing",
     "Write `key: value`, with a space after the colon."),
    (r"unexpected end of stream", "a quote is opened and never closed", "Close the quote."),
    (r"unknown escape character|expected escape sequence",
     "in double quotes `\\` begins an escape", "Use single quotes, or / in the path."),
    (r"found undefined alias|expected alphabetic or numeric character",
     "a value that begins with * or & means a reference in YAML", "Put the value into quotes."),
    (r"expected '<document start>'", "text that belongs to no key", "Is it a YAML file? It has `key: value` lines."),
    (r"cannot start any token", "a value begins with a character that YAML reserves (@, `, %)",
     "Put the value into quotes."),
    (r"sequence entries are not allowed", "a list begins on the line of its key",
     "Write each entry on its own line, indented, or [a, b] in brackets."),
)  # fmt: skip


def explain(error: Any, text: str, file: Path) -> AmlError:
    """What the parser's `error` means for the person who wrote `text`, as an error with file and line."""
    problem = error.problem or ""
    mark = error.problem_mark or error.context_mark
    if "could not find expected ':'" in problem and error.context_mark:
        mark = error.context_mark
    line = mark.line + 1 if mark else 1
    lines = text.split("\n")
    here = lines[line - 1] if line <= len(lines) else ""
    odd = _ODD_INDENT.search("\n".join(lines[:line]))
    if odd:
        return odd_space(file, text.count("\n", 0, max(odd.start(1), odd.start(2))) + 1)
    if "\t" in here[: len(here) - len(here.lstrip())] or "'\\t'" in problem:
        return AmlError("has a tab where YAML expects spaces", file=file, line=line, hint="Indent with spaces.")
    what, hint = _reason(problem, lines, line)
    return AmlError(f"is not YAML: {what}", file=file, line=line, hint=hint)


def odd_space(file: Path, line: int) -> AmlError:
    """A space that YAML does not take for one."""
    return AmlError(
        "has a non-breaking space, which YAML treats as a letter", file=file, line=line,
        hint="Replace it with a plain space. It often comes with text copied from a web page.",
    )  # fmt: skip


def is_odd_key(text: str) -> bool:
    """Whether a plain scalar is a `key: value` with a space that YAML does not take for one."""
    return bool(re.search(rf"\w:{_ODD_SPACE.pattern}|^{_ODD_SPACE.pattern}", text))


def missing_space(text: str) -> str:
    """The hint for `key:value` where keys were expected; empty for anything else."""
    found = re.match(r"([A-Za-z_][\w.-]*):(?=[^\s/\\:])", text)
    return f"Write a space after the colon: `{found[1]}: …`" if found else ""


def _reason(problem: str, lines: list[str], line: int) -> tuple[str, str]:
    if "mapping values are not allowed" in problem:
        here = lines[line - 1] if line <= len(lines) else ""
        above = next(
            (one for one in reversed(lines[: line - 1]) if one.strip() and not one.lstrip().startswith("#")), ""
        )
        if _TWO_KEYS.match(here):
            return "two keys on one line", "Put the second on its own line; a value with `: ` needs quotes."
        if _KEY_AND_VALUE.match(above) and _indent(here) > _indent(above):
            return "indented more than the key above it", "Keys of one section start in the same column."
        return "an unexpected `: `", "Put a value that holds `: ` into quotes."
    for pattern, what, hint in _PROBLEMS:
        if re.search(pattern, problem):
            return what, hint
    plain = re.sub(r"\s*'[^']{2,}'|\s*\"[^\"]{2,}\"", "", problem).strip()
    return plain or "it can't be read", ""


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
