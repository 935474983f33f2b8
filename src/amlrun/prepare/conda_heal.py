"""An old conda file as it can be installed today, with the fewest edits, and the reason of each.

In this order: SDK v1's packages go; renamed packages get their name; a pin without a wheel for the file's Python
becomes the next version that has one, with which old code is likeliest to run; what still contradicts is loosened as
the resolver's message names it. The versions that were resolved then stand in the file, the old lines as comments.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from amlrun.errors import AmlError
from amlrun.prepare import conda_edit, conda_file, conda_rules
from amlrun.prepare.conda_edit import Edit, Item
from amlrun.prepare.conda_loosen import Healing, Wish, by_resolver, by_table
from amlrun.prepare.conda_resolve import Resolver, uv_resolver
from amlrun.prepare.conda_rules import normal
from amlrun.runs import redact

__all__ = ["Healing", "Resolver", "advice", "heal", "lines", "uv_resolver"]

_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?P<extras>\[[^\]]*\])?\s*(?P<spec>[<>=!~].*)?")


def heal(text: str, file: str, resolver: Resolver | None = None, more: Sequence[str] = ()) -> Healing:
    """What a conda file has to say to be installed today; without a `resolver` by the tables alone, with no network.

    `more` are the packages that its scripts need beside MLflow in place of SDK v1.

    Raises AmlError for a text that is no conda file; and what the resolver raises.
    """
    items = conda_edit.items(text, file)
    python, healing = _python(items, file)
    wishes = _known(items, healing, _replacement(items, file, more))
    if resolver is None:
        healing.notes += [(item.line, f"{redact.masked_text(item.text)}: not checked") for item in healing.links]
        by_table(wishes, python)
    else:
        by_resolver(wishes, healing, resolver)
    for wish in wishes:
        if wish.reason:
            new = conda_edit.spelled(wish.item, wish.name + wish.extras, wish.spec)
            more = conda_rules.remark(wish.name, wish.spec)
            reason = f"{wish.reason}; {more}" if more else wish.reason
            healing.edits.append(Edit(wish.item, [new, *wish.beside], reason))
    healing.edits.sort(key=lambda edit: (edit.item.line, edit.item.position))
    healing.text = conda_edit.apply(text, items, healing.edits)
    return healing


def lines(healing: Healing) -> list[str]:
    """The edits for a person, each with its line and its reason; then what was not checked."""
    found = [f"line {edit.item.line}: {edit.shown} ({edit.reason})" for edit in healing.edits]
    return [*found, *(f"line {line}: {note}" for line, note in sorted(healing.notes))]


def advice(file: Path) -> str:
    """What a conda file has to say to be installed today, as the end of an error about it; empty without a proposal."""
    check = f"To show this again: aml environment check {file.name}"
    try:
        healing = heal(file.read_text(encoding="utf-8-sig"), file.name, uv_resolver())
    except (AmlError, OSError, ValueError):
        return f"To see what has to change: aml environment check {file.name}"
    if not healing.edits:
        return ""
    return "\n".join([f"With these changes to {file.name} it can be installed:", *lines(healing), check])


def _python(items: list[Item], file: str) -> tuple[str, Healing]:
    """The Python to check for; one past its end is replaced."""
    item = next((one for one in items if one.name == "python" and not one.pip), None)
    asked = "" if item is None else re.sub(r"^python\s*", "", item.text.split("::")[-1].split("#")[0].strip())
    chosen = _choose_python(asked)
    healing = Healing(file, chosen or conda_rules.PROPOSED_PYTHON)
    if item is not None and asked and chosen is None:
        version = asked.lstrip("= ").split("=")[0]
        reason = f"Python {version} is past its end of life; current packages have no wheels for it"
        healing.edits.append(Edit(item, [f"python={conda_rules.PROPOSED_PYTHON}"], reason))
    return healing.python, healing


def _choose_python(asked: str) -> str | None:
    """Of the Pythons of today the one that a specification allows; None when it allows none."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    if not asked:
        return conda_rules.PROPOSED_PYTHON
    plain = asked.replace(" ", "")
    if re.match(r"=[^=]", plain):
        plain = "==" + plain[1:].partition("=")[0]
    exact = re.fullmatch(r"==(\d+)\.(\d+)(?:\..*)?", plain)
    if exact:
        version = (int(exact[1]), int(exact[2]))
        return f"{exact[1]}.{exact[2]}" if version >= conda_rules.OLDEST_PYTHON else None
    if re.fullmatch(r"==3(\.\*)?", plain):
        return conda_rules.PROPOSED_PYTHON
    try:
        allowed = SpecifierSet(plain)
    except InvalidSpecifier:
        return conda_rules.PROPOSED_PYTHON
    return next((one for one in ("3.11", "3.12", "3.10", "3.13", "3.14") if f"{one}.9" in allowed), None)


def _replacement(items: list[Item], file: str, more: Sequence[str]) -> tuple[str, ...]:
    """What SDK v1's packages were there for: training, scoring by the words of its name and folders, or both."""
    names = {normal(item.name) for item in items}
    serves = names & {"inference-schema", "azureml-monitoring"}
    brought = conda_rules.brought_by_sdk(names | set(more))
    words = re.search(r"scor|infer|deploy|serv|\baci|\baks", "/".join(Path(file).parts[-3:]).lower())
    if words and "train" not in Path(file).name.lower():
        return conda_rules.SCORING
    return (*conda_rules.TRAINING, *more, *brought, *(conda_rules.SCORING if serves else ()))


def _known(items: list[Item], healing: Healing, instead: tuple[str, ...]) -> list[Wish]:
    """Apply the rules on names, `instead` of SDK v1's packages; what is left is asked for."""
    names = {normal(item.name) for item in items}
    wishes: list[Wish] = []
    added = False
    for item in items:
        if item.name in ("python", "pip") and not item.pip:
            continue
        if not item.text:
            healing.edits.append(Edit(item, [], "an empty entry"))
            continue
        if item.option:
            _option(item, healing)
            continue
        wish = _wish(item, healing)
        if wish is None:
            continue
        rule = conda_rules.rule(item.name, conda=not item.pip, others=names - {normal(item.name)})
        if rule is not None and not rule.name:
            new: list[str] = []
            if rule.replaces_sdk and not added:
                added = True
                new = [one for one in instead if normal(re.split(r"[<>=]", one)[0]) not in names]
            reason = rule.reason
            if new:
                reason += "; the scoring server replaces it" if instead == conda_rules.SCORING else "; these replace it"
            healing.edits.append(Edit(item, new, reason))
            continue
        if rule is not None:
            wish.name, wish.spec, wish.reason = rule.name, "", rule.reason
        if normal(item.name) == "azureml-mlflow" and wish.spec.startswith("=="):
            wish.loosen("an old plugin is incompatible with current MLflow")
        if normal(item.name) == "inference-schema" and re.match(r"==1\.[0-3](\.|$)", wish.spec):
            wish.loosen("versions before 1.8 require old NumPy and pandas")
            wish.spec = ">=1.8"
        wishes.append(wish)
    return wishes


def _option(item: Item, healing: Healing) -> None:
    """A line that is no package: an index, a file of requirements, a link."""
    dead = re.search(r"https?://(?:[\w.-]*azureedge\.net|[\w.-]*\.blob\.core\.windows\.net)\S*", item.text)
    if dead and re.match(r"(-r|--requirement|-i|--index-url|--extra-index-url|-f|--find-links)\b", item.text):
        healing.edits.append(Edit(item, [], "SDK v1's package index is retired"))
        return
    if re.search(r"index-url[ =]+https?://pypi\.(?:python\.)?org/simple", item.text):
        healing.edits.append(Edit(item, [], "PyPI is used anyway"))
        return
    wheel = re.search(
        r"([A-Za-z0-9_.]+)-(\d[\w.]*?)(?:\+[\w.]+)?-(cp\d+|py\d)[\w.-]*\.whl", urllib.parse.unquote(item.text)
    )
    if wheel:
        name, tag = normal(wheel[1]), wheel[3]
        ours = "cp" + healing.python.replace(".", "")
        if conda_rules.rule(name, conda=False, others=set()) is not None:
            healing.edits.append(Edit(item, [], "SDK v1 is retired"))
        elif tag.startswith("cp") and tag != ours:
            healing.edits.append(Edit(item, [f"{name}>={wheel[2]}"], f"a link to a wheel for another Python ({tag})"))
        else:
            healing.links.append(item)
        return
    if re.match(r"https?://", item.text):
        healing.links.append(item)
    else:
        healing.notes.append((item.line, f"{redact.masked_text(item.text)}: not checked"))


def _wish(item: Item, healing: Healing) -> Wish | None:
    """The requirement of an item in pip's words; None for what the environment leaves out by itself."""
    if item.pip:
        text = item.text
    else:
        try:
            found = conda_file.read({"dependencies": [item.text]}).requirements
        except AmlError as error:
            healing.notes.append((item.line, f"{item.text}: {error.message}"))
            return None
        if not found:
            return None
        text = found[0].text
    body, _, marker = text.split("#")[0].partition(";")
    match = _PIN.fullmatch(body.strip())
    if not match or marker.strip():
        healing.notes.append((item.line, f"{redact.masked_text(item.text)}: not checked"))
        return None
    return Wish(item, match["name"], match["extras"] or "", (match["spec"] or "").replace(" ", ""))
