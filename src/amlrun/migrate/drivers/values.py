"""What a driver's text says about a value: plain data, a gap with its reason, or something that the SDK makes."""

from __future__ import annotations

from typing import Any

from amlrun.dataclass import dataclass, field


class _Nothing:
    def __repr__(self) -> str:
        return "nothing"


NOTHING: Any = _Nothing()
# What `__file__` begins with: the migrated folder, wherever it lies.
ROOT = "/__project__"


@dataclass
class Gap:
    """A value that is not in the code.

    `reason` completes "it is …"; `source` is the expression; `guess` is what it is unless somebody decides otherwise
    (an option's default, one of two branches), else NOTHING.
    """

    reason: str
    line: int
    source: str = ""
    guess: Any = NOTHING
    file: str = ""

    @property
    def placeholder(self) -> str:
        """What is written where the value belongs."""
        word = "".join(char if char.isalnum() or char in "_-." else "_" for char in self.source).strip("_")
        return f"<{word[-40:].strip('_') or 'value'}>"


@dataclass
class Text:
    """A text some of whose parts are gaps."""

    parts: list[Any]

    @property
    def gaps(self) -> list[Gap]:
        return [part for part in self.parts if isinstance(part, Gap)]

    @property
    def text(self) -> str:
        """The text with guesses in its gaps, and placeholders where there is none."""
        return "".join(_spoken(part) for part in self.parts)


@dataclass(frozen=True)
class Name:
    """A class, function or constant of the SDK (or of a library that is not read), by its full dotted name."""

    full: str

    @property
    def short(self) -> str:
        """`Environment.get` of `azureml.core.environment.Environment.get`, `choice` of `azureml…hyperdrive.choice`."""
        parts = self.full.split(".")
        first = next((at for at, part in enumerate(parts) if part[:1].isupper()), len(parts) - 1)
        return ".".join(parts[first:])

    @property
    def of_sdk(self) -> bool:
        return self.full.split(".")[0] == "azureml"


@dataclass
class Call:
    """A call of a method, in the order of the text: `path` is dotted from the object (`python.…add_pip_package`)."""

    path: str
    args: list[Any]
    kwargs: dict[str, Any]
    line: int


@dataclass
class Setting:
    """What an attribute of an object was set to."""

    value: Any
    line: int


@dataclass(eq=False)
class SdkObject:
    """What a call of the SDK gives. `name` is `ScriptRunConfig`, `Environment.get`, or `.as_mount` of an `owner`.

    `settings` are attributes set later, by dotted path; `calls` the methods called on it and its attributes;
    `variable` the name that it was first bound to; `loop` the line of a loop with an unknown number of iterations.
    """

    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    line: int
    file: str = ""
    owner: Any = None
    settings: dict[str, Setting] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    variable: str = ""
    loop: int = 0

    def setting(self, path: str) -> Any:
        found = self.settings.get(path)
        return NOTHING if found is None else found.value


@dataclass(eq=False)
class Part:
    """An attribute of something of the SDK that nothing set: `environment.docker` of a run configuration."""

    owner: SdkObject
    path: str


@dataclass(eq=False)
class Item:
    """An element of such an attribute, or of what the SDK gives: `ws.compute_targets["cpu"]`."""

    of: Any
    key: Any


def known(value: Any) -> Any:
    """The value, with guesses for gaps; a gap without one stays."""
    if isinstance(value, Gap) and value.guess is not NOTHING:
        return known(value.guess)
    return value


def plain(value: Any, line: int, source: str = "") -> Any:
    """`value` where a file can hold it; anything else as a gap. `line` and `source` say where."""
    inner = known(value)
    if isinstance(inner, (str, int, float, bool, Text, Gap, list, tuple, dict, type(None))):
        return value
    if isinstance(inner, SdkObject):
        return Gap(f"the result of {inner.name.lstrip('.')}()", inner.line, source or inner.variable, file=inner.file)
    if isinstance(inner, Part):
        return Gap(f".{inner.path} of {inner.owner.name.lstrip('.')}()", line, source or inner.path)
    return Gap("a value that is not in the code", line, source or "value")


def shown(value: Any) -> str:
    """A value in a text: its words, or a placeholder where the code does not say them."""
    inner = known(value)
    return inner.placeholder if isinstance(inner, Gap) else inner.text if isinstance(inner, Text) else str(inner)


def gaps_in(value: Any) -> list[Gap]:
    """The gaps of plain data."""
    if isinstance(value, Gap):
        return [value]
    if isinstance(value, Text):
        return value.gaps
    if isinstance(value, (list, tuple)):
        return [gap for item in value for gap in gaps_in(item)]
    if isinstance(value, dict):
        return [gap for item in value.values() for gap in gaps_in(item)]
    return []


def _spoken(part: Any) -> str:
    if not isinstance(part, Gap):
        return str(part)
    guess = known(part)
    return part.placeholder if isinstance(guess, Gap) or not isinstance(guess, (str, int, float)) else str(guess)


def joined_text(parts: list[Any]) -> Any:
    """Text of parts: a plain string when all are known."""
    flat: list[Any] = []
    for part in parts:
        for piece in part.parts if isinstance(part, Text) else [part]:
            if isinstance(piece, Gap):
                flat.append(piece)
            elif flat and isinstance(flat[-1], str):
                flat[-1] += str(piece)
            else:
                flat.append(str(piece))
    if all(isinstance(piece, str) for piece in flat):
        return "".join(flat)
    return Text(flat)
