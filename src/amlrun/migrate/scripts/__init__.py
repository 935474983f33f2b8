"""Job and scoring scripts of SDK v1, rewritten to plain MLflow, arguments and environment variables.

One script is read into a `script.Script`: `names` (scopes), `kinds` (what of it is SDK v1), `values` (numbers, text and
constants), `steps`. `logs`, `runs`, `data` with `origins`, `models`, `started` and `old_names` plan what each call
becomes; `holders` and `empty` take out what is not needed afterwards; `imports` and `output` write the text.
"""

from __future__ import annotations

import ast
import difflib
from itertools import chain

from amlrun.dataclass import dataclass
from amlrun.migrate.result import FileChange, FileResult, Finding, Kind, Verdict
from amlrun.migrate.scripts.output import Output
from amlrun.migrate.scripts.rewrite import Rewriter
from amlrun.migrate.scripts.script import Outside, Passed, Script

__all__ = ["Outside", "Passed", "Rewritten", "rewrite"]


_ALONE = Outside()


@dataclass(frozen=True)
class Rewritten:
    """A script's result, what it passes to other modules, and the parameters that need nothing of SDK v1 any more."""

    result: FileResult
    passes: tuple[Passed, ...] = ()
    ignored: frozenset[str] = frozenset()


def rewrite(path: str, text: str, kind: Kind, outside: Outside = _ALONE) -> Rewritten:
    """Rewrite a job or scoring script, given what is known of the other files; by default it stands alone.

    A script that does not parse, before or after, is left as it is and named; nothing is raised.
    """
    plain = text.removeprefix("\ufeff")
    ends = plain
    plain = plain.replace("\r\n", "\n")
    if "\r" in plain:
        line = plain[: plain.index("\r")].count("\n") + 1
        hint = "Give all lines the same line ends, then migrate again."
        finding = Finding(path, line, Verdict.LEFT, "ends in a lone carriage return", hint)
        return Rewritten(FileResult(path, kind, (finding,)))
    try:
        script = Script.read(plain, kind is Kind.SCORING, outside)
        rewriter = Rewriter(script)
        rewriter.work()
        new = Output(script).text()
    except SyntaxError as error:
        return Rewritten(_unread(path, kind, error))
    except (RecursionError, ValueError, MemoryError) as error:
        finding = Finding(path, 0, Verdict.LEFT, f"cannot be read: {type(error).__name__}: {error}", _BY_HAND)
        return Rewritten(FileResult(path, kind, (finding,)))
    try:
        ast.parse(new)
    except SyntaxError as error:
        finding = Finding(
            path, 0, Verdict.LEFT, f"the rewritten script would not parse (line {error.lineno}: {error.msg})", _BY_HAND
        )
        return Rewritten(FileResult(path, kind, (finding,)))
    findings = [Finding(path, one.line, one.verdict, one.message, one.hint) for _, one in rewriter.left]
    for node, made in script.plan.made.items():
        if made.note is not None and script.plan.reached(node):
            line = made.note.line or getattr(node, "lineno", 0)
            findings.append(Finding(path, line, made.note.verdict, made.note.message, made.note.hint))
    findings = sorted(dict.fromkeys(findings), key=lambda one: (one.line, one.verdict.rank))
    if new == plain:
        return Rewritten(FileResult(path, kind, tuple(findings)), rewriter.passes, rewriter.ignored)
    new = restored(ends, new)
    new = "\ufeff" + new if text.startswith("\ufeff") else new
    result = FileResult(path, kind, tuple(findings), (FileChange(path, text, new),))
    return Rewritten(result, rewriter.passes, rewriter.ignored)


_BY_HAND = "Migrate it by hand."


def _unread(path: str, kind: Kind, error: SyntaxError) -> FileResult:
    message = f"is not Python 3: {error.msg}"
    hint = "Python 2 code is converted first, for example with 2to3 of an older Python; then migrate again."
    finding = Finding(path, error.lineno or 0, Verdict.LEFT, message, hint)
    return FileResult(path, kind, (finding,))


def restored(old: str, new: str) -> str:
    """`new`, with `\\n` alone, with the line ends of `old`; a new line gets those that most lines have."""
    windows = old.count("\r\n")
    if not windows:
        return new
    most = "\r\n" if windows * 2 > old.count("\n") else "\n"
    if windows == old.count("\n"):
        return new.replace("\n", "\r\n")
    before, after = old.split("\n"), new.split("\n")
    ends = [most] * len(after)
    plain = [line.removesuffix("\r") for line in before]
    for start, other, size in difflib.SequenceMatcher(None, plain, after, autojunk=False).get_matching_blocks():
        for at in range(size):
            ends[other + at] = "\r\n" if before[start + at].endswith("\r") else "\n"
    return "".join(chain.from_iterable(zip(after, [*ends[:-1], ""])))
