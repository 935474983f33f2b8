"""Arguments of `docker run`: the volumes in them are honoured here without a container."""

from __future__ import annotations

import re

from amlrun.spec.job import Volume

_VOLUME = re.compile(r"((?:[A-Za-z]:(?=[\\/]))?[^:]+):(/[^:]*)(?::[A-Za-z,]+)?")


def volumes(docker_arguments: list[str]) -> tuple[list[Volume], list[str]]:
    """The `-v HOST:CONTAINER` pairs of `docker run` arguments, and the other arguments."""
    found: list[Volume] = []
    others: list[str] = []
    words = [part for word in docker_arguments for part in (word.split(None, 1) if word.startswith("-v ") else [word])]
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if word in ("-v", "--volume"):
            value = next(rest, "")
        elif name != "--volume" or not equals:
            value = word[2:] if re.match(r"-v[^-=]", word) else ""
        pair = _VOLUME.fullmatch(value.strip().strip("\"'"))
        if pair:
            found.append(Volume(pair[1], pair[2]))
        else:
            others += [word, value] if value and word in ("-v", "--volume") else [word]
    return found, others
