"""Line ends: a script is read with `\\n`, and gets those back that each of its lines had."""

from __future__ import annotations

import difflib
from itertools import chain


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
