"""conda's match specifications in PEP 440's words, for packages and for Python itself."""

from __future__ import annotations

import re

_CONDITION = re.compile(r"(?P<sign>==|!=|<=|>=|~=|=|<|>)?\s*(?P<version>[0-9][0-9A-Za-z.!+_-]*?|\*)(?P<any>\.\*|\*)?")
_PEP440 = re.compile(
    r"(?:\d+!)?\d+(?:\.\d+)*(?:[-_.]?(?:a|b|c|rc|alpha|beta|pre|preview)[-_.]?\d*)?"
    r"(?:[-_.]?(?:post|r)\d*)?(?:[-_.]?dev\d*)?(?:\+[a-z0-9.]+)?",
    re.IGNORECASE,
)


def specifier(rest: str) -> tuple[str, str]:
    """What follows a package's name, as a PEP 440 specifier and the conda build it named (or an empty string).

    `=1.2` means 1.2.*, `==1.2` and `1.2` exactly that; `1.2=py_0`, `==1.2=py_0` and `*=py_0` name a build.
    Raises ValueError, with the reason, for what PEP 440 has no words for.
    """
    text, build = rest.strip(), ""
    bracket = re.search(r"\[(.*)\]$", text)
    if bracket:
        keys = dict(re.findall(r"([a-z_]+)\s*=\s*['\"]?([^'\",\]]+(?:,\s*[<>=!~][^'\",\]]+)*)['\"]?", bracket[1]))
        text = text[: bracket.start()].strip() or keys.get("version", "").strip()
        build = keys.get("build", "")
    if "|" in text:
        raise ValueError("alternatives (|) have no counterpart on PyPI")
    words = re.sub(r"([<>=!~,])\s+", r"\1", re.sub(r"\s+([<>=!~,])", r"\1", text)).split()
    if len(words) == 2:
        text, build = words[0], words[1]
    elif len(words) > 2:
        raise ValueError("expected name=version")
    else:
        text = words[0] if words else ""
    exact = re.fullmatch(r"=?=?(\*|[0-9][^=<>!~,]*)=([^=<>!~,]+)", text)
    if exact:
        text, build = "" if exact[1] == "*" else f"=={exact[1]}", exact[2]
    if text in ("", "*", "=*"):
        return "", build
    return ",".join(_condition(part) for part in text.split(",") if part), build


def _condition(text: str) -> str:
    found = _CONDITION.fullmatch(text)
    swapped = re.match(r"=[<>]", text)
    if swapped:
        raise ValueError(f"{swapped[0]!r} is not an operator; write {swapped[0][::-1]}")
    if not found or found["version"] == "*":
        raise ValueError(f"{text.lstrip('=')!r} is no version")
    sign, version, rest = found["sign"] or "==", found["version"].rstrip("."), bool(found["any"])
    if not _PEP440.fullmatch(version):
        raise ValueError(f"{version!r} is not a version that PyPI can have")
    if sign == "=":
        # PEP 440 has no releases below a pre-release.
        return f"=={version}.*" if re.fullmatch(r"[0-9.]+", version) else f"=={version}"
    if rest and sign in ("==", "!="):
        return f"{sign}{version}.*"
    return f"{sign}{version}"  # >=1.26.* is >=1.26 to conda, and nothing to PEP 440


def minor_of(specifier: str) -> tuple[int, int] | None:
    """The one minor version that a specifier for Python allows (`==3.11.*`, `==3.8.5`); None for bounds."""
    found = re.fullmatch(r"(?:==|~=)(\d+)\.(\d+)(?:\.(?:\d+|\*))*", specifier)
    return (int(found[1]), int(found[2])) if found else None


def allows(specifier: str, version: tuple[int, ...]) -> bool:
    """Whether a Python of that version (3, 11, 7) meets a specifier; one minor version means any of its releases."""
    minor = minor_of(specifier)
    if minor is not None:
        return version[:2] == minor
    return all(_meets(part, version) for part in specifier.split(",") if part)


def _meets(condition: str, version: tuple[int, ...]) -> bool:
    found = re.fullmatch(r"(==|!=|<=|>=|~=|<|>)(\d+(?:\.\d+)*)(\.\*)?.*", condition)
    if not found:
        return True
    wanted = tuple(int(part) for part in found[2].split("."))
    short = version[: len(wanted)]
    padded = wanted + (0,) * (len(version) - len(wanted))
    sign = found[1]
    if sign == "~=":
        return version >= padded and version[: len(wanted) - 1] == wanted[:-1]
    # `<=3.11` and `!=3.11` name a whole minor version to who writes a conda file.
    return {"==": short == wanted, "!=": short != wanted, "<=": short <= wanted, ">=": version >= padded,
            "<": version < padded, ">": short > wanted}[sign]  # fmt: skip
