"""The one kind of exception that a person reads: what was wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

JOB_FAILED = 1
BAD_INPUT = 2
SERVICE = 3
CANCELLED = 130
# Of several mistakes at once so many are told in full.
_MOST_TOLD = 20


class AmlError(Exception):
    """An error that the user can correct; `exit_code` is the exit code of the command.

    `file`, `line` (1-based) and `field` say where; `hint` says what to do next. Printed as
    `file:line: field: message`, the hint on its own line.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        file: str | Path | None = None,
        line: int | None = None,
        field: str = "",
        exit_code: int = BAD_INPUT,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.file = file
        self.line = line
        self.field = field
        self.exit_code = exit_code

    def __str__(self) -> str:
        text = located(self.message, self.file, self.line, self.field)
        return f"{text}\n{self.hint}" if self.hint else text


def located(message: str, file: str | Path | None, line: int | None = None, field: str = "") -> str:
    """A message behind its place, `file:line: field: message`; what is not known of the place is left out."""
    place = "" if file is None else str(file)
    if line:
        place = f"{place}:{line}" if place else f"line {line}"
    return ": ".join(part for part in (place, field, message) if part)


@contextmanager
def placed(file: Path | None, line: int | None, field: str) -> Iterator[None]:
    """Give an AmlError of the block this place, where it has none of its own; without a file it stays as it is."""
    try:
        yield
    except AmlError as error:
        if file is not None and error.file is None:
            error.file, error.line, error.field = file, line, field
        raise


@contextmanager
def os_errors(doing: str) -> Iterator[None]:
    """Turn an OSError of the block into a message: `doing` completes "could not …"."""
    try:
        yield
    except OSError as error:
        raise os_error(error, doing) from error


def os_error(error: OSError, doing: str) -> AmlError:
    """Turn a failed file operation into a message: `doing` completes "could not …"."""
    import errno
    import traceback

    *_, (frame, _) = [(None, 0), *traceback.walk_tb(error.__traceback__)]
    printer = str(frame.f_globals.get("__name__", "")).partition(".")[0] if frame else ""
    if printer in ("click", "rich"):  # what prints was writing, and names no file
        return AmlError(
            f"standard output could not be written: {error.strerror or error}",
            hint="Send it to a place with space (aml … > FILE), or free some space; then run the same command again.",
        )
    hints = {
        errno.ENOSPC: "The disk is full: free some space, then run the same command again.",
        errno.EROFS: "The disk is read-only: use a folder you can write to.",
        errno.EACCES: "No permission to write there: check the owner and permissions.",
        errno.EPERM: "No permission to write there: check the owner and permissions.",
    }
    reason = error.strerror or str(error)
    where = error.filename2 or error.filename
    missing = error.errno == errno.ENOENT and where is not None and doing.startswith("read")
    doing = "read it" if doing == f"read {where}" else doing  # the message begins with the file
    return AmlError(
        "no such file or folder" if missing else f"could not {doing}: {reason}",
        file=None if where is None else str(where),
        hint=hints.get(error.errno or 0, ""),
    )


def first_of(errors: list[AmlError]) -> AmlError:
    """The first of several errors, with the others in its hint, a line each."""
    first, *others = errors
    lines = [first.hint] if first.hint else []
    lines += [str(other).partition("\n")[0] for other in others[:_MOST_TOLD]]
    more = len(others) - _MOST_TOLD
    lines += [f"… and {more} more"] if more > 0 else []
    first.hint = "\n".join(lines)
    return first


def folded(name: str) -> str:
    """A name without case and without what joins its parts: LightGBM, light_gbm and lightGbm are one."""
    return name.replace("_", "").replace("-", "").lower()


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The known word that is nearest to a wrong one, by difflib's ratio; empty where none reaches `cutoff`."""
    import difflib

    return next(iter(difflib.get_close_matches(word, list(known), 1, cutoff)), "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the known word that is nearest to a wrong one; empty where none is near."""
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near else ""
