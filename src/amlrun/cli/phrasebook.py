"""Every command of `az ml` v1 beside the v2 command that does it: the answer for those that `aml` does not have.

The list is that of the reference of azure-cli-ml 1.41.0, its last version, with a few older words. The documents'
phrase book is made from this table.
"""

from __future__ import annotations

from pathlib import Path

import click

from amlrun.dataclass import dataclass
from amlrun.spec.node import read


@dataclass(frozen=True)
class Phrase:
    """`v2` is the command to type with the Azure CLI's `ml` extension, empty when there is none; `note` explains."""

    v2: str
    note: str = ""


FILE = Path(__file__).with_name("phrasebook.yml")


def _read() -> dict[str, Phrase]:
    return {name: Phrase(row.get("v2", ""), row.get("note", "")) for name, row in read(FILE)[0].plain().items()}


PHRASES: dict[str, Phrase] = _read()


def find(words: list[str]) -> str | None:
    """The v1 command that `words`, a command line without `aml`, begins with."""
    plain: list[str] = []
    for word in words:
        if word.startswith("-"):
            break
        plain.append(word)
    for length in range(len(plain), 0, -1):
        name = " ".join(plain[:length])
        if name in PHRASES:
            return name
    return None


def advice(words: list[str], *, whole: bool = True) -> str | None:
    """What to say to `words` that `aml` does not have but `az ml` v1 had; None when v1 had no such command either.

    A group that `aml` has none of (`whole`) gets the list of its commands.
    """
    name = find(words)
    if name is not None:
        return f"aml has no `{name}`.\n{answer(PHRASES[name])}"
    for length in range(len(words) if whole else 0, 0, -1):
        prefix = " ".join(words[:length]) + " "
        inside = [phrase for phrase in PHRASES if phrase.startswith(prefix)]
        if inside:
            lines = [f"  {phrase:<34} {PHRASES[phrase].v2 or PHRASES[phrase].note}" for phrase in inside]
            asked = " ".join(words[: length + 1])
            return "\n".join([f"aml has no `{asked}`. v1's `{prefix.strip()}` commands, and v2's for them:", *lines])
    return None


def answer(phrase: Phrase) -> str:
    """One phrase as text: v2's command, the note, or both."""
    lines = [f"With the Azure CLI's ml extension (v2): {phrase.v2}"] if phrase.v2 else ["v2 has no command for it."]
    return "\n".join([*lines, phrase.note] if phrase.note else lines)


def ours(name: str, root: click.Group) -> bool:
    """Whether `aml` has the v1 command `name` itself."""
    command: click.Command | None = root
    context = click.Context(root)
    for word in name.split():
        if not isinstance(command, click.Group):
            return False
        command = command.get_command(context, word)
    return command is not None and not isinstance(command, click.Group)
