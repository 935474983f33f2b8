"""What `aml migrate` shows of a driver and of a conda file: findings, new files, `aml` lines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from amlrun.errors import AmlError
from amlrun.migrate.drivers.context import FULL, PARTLY, Construction
from amlrun.migrate.drivers.convert import Conversion, convert
from amlrun.migrate.drivers.values import Gap, known
from amlrun.migrate.files import needs
from amlrun.migrate.result import FileChange, FileResult, Finding, Kind, Verdict
from amlrun.prepare.conda_heal import Healing, Resolver, heal

_MOST_GAPS = 6


def read_driver(path: str, text: str, files: Mapping[str, str]) -> FileResult:
    """What a driver script becomes. `files` gives the texts of its repository by relative path.

    A script that cannot be parsed is a finding, not an error.
    """
    return _read(path, text, files, Kind.DRIVER)


def read_notebook(path: str, text: str, files: Mapping[str, str]) -> FileResult:
    """The same for a notebook, `text` being its JSON."""
    language = _language(text)
    if language != "python":
        finding = Finding(path, 0, Verdict.LEFT, f"the notebook's language is {language}; only Python is read")
        return FileResult(path, Kind.NOTEBOOK, (finding,))
    return _read(path, text, files, Kind.NOTEBOOK)


def _read(path: str, text: str, files: Mapping[str, str], kind: Kind) -> FileResult:
    try:
        found = convert(path, text, files.get)
    except AmlError as error:
        finding = Finding(path, error.line or 0, Verdict.LEFT, error.message, error.hint)
        return FileResult(path, kind, (finding,))
    findings: list[Finding] = []
    changes: dict[str, str] = {}
    for place, content in found.texts.items():
        changes[place] = content
        if content.startswith("# From ") and "\ndependencies:" in content:
            healed = heal(content, place, more=needs(files))
            changes[place] = healed.text
            findings += [_edit_finding(place, edit.item.line, edit.shown, edit.reason) for edit in healed.edits]
    findings = [*_findings(found), *findings]
    made = tuple(FileChange(place, files.get(place), content) for place, content in changes.items())
    return FileResult(path, kind, tuple(findings), made, tuple(found.commands))


def _findings(found: Conversion) -> list[Finding]:
    findings: list[Finding] = []
    for line, reason in found.source.skipped:
        findings.append(_at(found, line, Verdict.LEFT, reason, "Correct the cell, then run the command again."))
    for one in found.constructions:
        if one.made.file == found.source.path:
            findings.append(_construction(found, one))
    for made, hint in found.left:
        if made.file == found.source.path:
            name = made.name.lstrip(".").rpartition(".")[2] if made.name.startswith(".") else made.name
            findings.append(_at(found, made.line, Verdict.LEFT, f"{name}: no file describes it", hint))
    if found.unread:
        findings.append(_at(found, found.unread, Verdict.LEFT, "the driver is too long to be read beyond this line"))
    return findings


def _construction(found: Conversion, one: Construction) -> Finding:
    wrote = ", ".join(dict.fromkeys(one.wrote))
    if one.status == FULL:
        message = f"{one.kind}: {wrote}" if wrote else f"{one.kind}: read"
        verdict = Verdict.NOTE if one.notes else Verdict.DONE
        return _at(found, one.made.line, verdict, message, "; ".join(dict.fromkeys(one.notes)))
    if one.status == PARTLY:
        told = list(dict.fromkeys(_gap(found, gap) for gap in one.gaps))
        more = f"; {len(told) - _MOST_GAPS} more" if len(told) > _MOST_GAPS else ""
        hint = "; ".join([*told[:_MOST_GAPS], *dict.fromkeys(one.notes)]) + more
        return _at(found, one.made.line, Verdict.ASKS, f"{one.kind}, partly: {wrote or 'see the lines below'}", hint)
    return _at(found, one.made.line, Verdict.LEFT, f"{one.kind}: not written, because {one.reason}")


def _gap(found: Conversion, gap: Gap) -> str:
    guess = known(gap)
    taken = f" ({guess} was written)" if isinstance(guess, (str, int, float)) and guess != "" else ""
    own = not gap.file or gap.file == found.source.path
    place = f"{found.source.spot(gap.line) if own else f'{gap.file}:{gap.line}'}: " if gap.line else ""
    return f"{place}{gap.reason}{taken}"


def _at(found: Conversion, line: int, verdict: Verdict, message: str, hint: str = "") -> Finding:
    places = found.source.places
    if places and 0 < line <= len(places):
        cell, inside = places[line - 1]
        return Finding(found.source.path, inside, verdict, message, hint, cell)
    return Finding(found.source.path, line, verdict, message, hint)


def _language(text: str) -> str:
    try:
        metadata = json.loads(text).get("metadata", {})
        kernel = metadata.get("kernelspec") or {}
        name = (metadata.get("language_info") or {}).get("name") or kernel.get("language") or "python"
    except (ValueError, AttributeError, RecursionError):
        return "python"
    return "python" if str(name).lower() in ("python", "ipython", "python3") else str(name)


def heal_conda(path: str, text: str, resolver: Resolver | None = None, more: Sequence[str] = ()) -> FileResult:
    """What a conda file has to say to be installed today; without a `resolver`, by tables alone and with no network.

    `more` are the packages that rewritten scripts need in addition.
    """
    try:
        healed = heal(text, path, resolver, more)
    except AmlError as error:
        if error.exit_code != 2:
            raise
        finding = Finding(path, error.line or 0, Verdict.LEFT, error.message, error.hint)
        return FileResult(path, Kind.CONDA, (finding,))
    findings = [_edit_finding(path, edit.item.line, edit.shown, edit.reason) for edit in healed.edits]
    findings += [Finding(path, line, Verdict.NOTE, note) for line, note in healed.notes]
    findings += _open(path, healed, resolver)
    changes = (FileChange(path, text, healed.text),) if healed.edits else ()
    return FileResult(path, Kind.CONDA, tuple(findings), changes)


def _open(path: str, healed: Healing, resolver: Resolver | None) -> list[Finding]:
    check = f"aml environment check {path}"
    if resolver is None:
        hint = f"To see whether its packages can be installed together: {check}"
        return [Finding(path, 0, Verdict.NOTE, "checked without the package registry", hint)]
    if healed.resolved:
        return []
    reason = " ".join(healed.message.split())[:400]
    return [Finding(path, 0, Verdict.ASKS, "its packages cannot be installed together", reason)]


def _edit_finding(path: str, line: int, shown: str, reason: str) -> Finding:
    return Finding(path, line, Verdict.DONE, f"{shown}: {reason}")
