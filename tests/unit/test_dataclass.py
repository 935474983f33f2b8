"""`amlrun.dataclass.dataclass` does what the standard library's does."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from dataclasses import field
from typing import Any

import pytest

from amlrun.dataclass import dataclass


@dataclass(frozen=True)
class Point:
    x: int
    y: int = 0
    seen: list[int] = field(default_factory=list, compare=False, repr=False)


@dataclass
class Labelled:
    name: str
    tags: dict[str, str] = field(default_factory=dict)
    length: int = field(init=False)
    state: str = field(init=False, default_factory=lambda: "new")

    def __post_init__(self) -> None:
        self.length = len(self.name)


@dataclass
class Longer(Labelled):
    extra: Any = None


@dataclass(eq=False)
class Handle:
    id: str

    def __repr__(self) -> str:
        return "a handle"


def _standard() -> Any:
    @dataclasses.dataclass(frozen=True)
    class Point:
        x: int
        y: int = 0
        seen: list[int] = field(default_factory=list, compare=False, repr=False)

    Point.__qualname__ = "Point"
    return Point


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((1,), {}), ((1, 2), {}), ((), {"x": 1, "y": 3}), ((1,), {"seen": [4]})],
)
def test_is_built_shown_and_compared_as_the_standard_one(args: tuple[int, ...], kwargs: dict[str, Any]) -> None:
    ours, standard = Point(*args, **kwargs), _standard()(*args, **kwargs)
    assert repr(ours) == repr(standard)
    assert dataclasses.asdict(ours) == dataclasses.asdict(standard)
    assert hash(ours) == hash((ours.x, ours.y)) == hash(standard)
    assert ours == Point(*args, **kwargs)
    assert ours != standard
    assert ours != dataclasses.replace(ours, x=9)


@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {}), ((1, 2, [], 4), {}), ((1,), {"x": 2}), ((1,), {"z": 2}), ((), {"y": 2})]
)
def test_wrong_arguments_are_refused(args: tuple[int, ...], kwargs: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="argument"):
        Point(*args, **kwargs)  # type: ignore[arg-type]


def test_a_frozen_one_cannot_change() -> None:
    point = Point(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="'x'"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="'x'"):
        del point.x  # type: ignore[misc]
    assert point == Point(1)


def test_fields_outside_the_arguments_and_defaults_of_ones_own() -> None:
    first, second = Labelled("a"), Longer("bcd", {"k": "v"}, extra=1)
    assert (first.length, first.state, second.length, second.extra) == (1, "new", 3, 1)
    assert first.tags is not Labelled("a").tags
    assert first == Labelled("a")
    assert first != Longer("a")
    with pytest.raises(TypeError, match="unhashable"):
        hash(first)


def test_a_field_may_be_compared_and_not_hashed() -> None:
    @dataclass(frozen=True)
    class Machine:
        name: str
        datasets: dict[str, str] = field(default_factory=dict, hash=False)

    assert hash(Machine("a", {"k": "v"})) == hash(Machine("a"))
    assert Machine("a", {"k": "v"}) != Machine("a")


def test_identity_and_ones_own_methods_stay() -> None:
    handle = Handle("a")
    assert handle != Handle("a")
    assert len({handle, Handle("a")}) == 2
    assert repr(handle) == "a handle"


def test_help_copies_and_pickles_know_the_fields() -> None:
    signature = inspect.signature(Point)
    assert list(signature.parameters) == ["x", "y", "seen"]
    assert signature.parameters["y"].default == 0
    assert list(inspect.signature(Labelled).parameters) == ["name", "tags"]
    point = Point(1, 2, [3])
    for again in (copy.deepcopy(point), pickle.loads(pickle.dumps(point))):  # noqa: S301 - our own bytes
        assert again == point
        assert again.seen == [3]
    match point:
        case Point(x, y):
            assert (x, y) == (1, 2)
