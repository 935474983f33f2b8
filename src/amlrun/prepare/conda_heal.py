"""An old conda file as it can be installed today, with the fewest edits, and the reason of each.

In this order: SDK v1's packages go; renamed packages get their name; a pin without a wheel for the file's Python
becomes a floor; what still contradicts is loosened as the resolver's message names it. The versions that were resolved
then stand in the file, the old lines as comments.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from amlrun.errors import AmlError
from amlrun.prepare import conda_edit, conda_file, conda_rules
from amlrun.prepare.conda_edit import Edit, Item
from amlrun.prepare.conda_resolve import Resolver, uv_resolver
from amlrun.prepare.conda_rules import normal

__all__ = ["Healing", "Resolver", "heal", "uv_resolver"]

_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?P<extras>\[[^\]]*\])?\s*(?P<spec>[<>=!~].*)?")
_MOST_ROUNDS = 8


@dataclass
class Healing:
    """A conda file's edits, and the text with them. `python` is what it was checked for.

    `resolved` is None when nobody was asked; `notes` are lines that were not looked into, with the reason.
    """

    file: str
    python: str
    edits: list[Edit] = field(default_factory=list)
    text: str = ""
    resolved: bool | None = None
    notes: list[tuple[int, str]] = field(default_factory=list)
    message: str = ""


@dataclass
class _Wish:
    """A requirement on its way: `text` in pip's words, `reason` once it is not the file's any more."""

    item: Item
    name: str
    extras: str
    spec: str
    reason: str = ""
    checked: bool = True

    @property
    def text(self) -> str:
        return f"{self.name}{self.extras}{self.spec}"

    @property
    def floor(self) -> str:
        """The requirement with its exact version as the lowest one."""
        exact = re.fullmatch(r"===?(\d[\w.+!]*?)(?:\.\*)?", self.spec)
        return f"{self.name}{self.extras}>={exact[1]}" if exact else self.text

    @property
    def pinned(self) -> bool:
        return bool(re.search(r"==|~=|<", self.spec))

    def loosen(self, reason: str) -> None:
        """The pinned version becomes the lowest one; an upper bound goes."""
        version = re.search(r"(?:==|>=|~=)\s*v?(\d[\w.]*?)(?:\.\*)?(?:,|$)", self.spec.replace(" ", ""))
        self.spec = (
            f">={version[1]}"
            if version and ">=" not in self.spec
            else (f">={version[1]}" if version and self.pinned else "")
        )
        self.reason = self.reason or reason


def heal(text: str, file: str, resolver: Resolver | None = None, *, scoring: bool | None = None) -> Healing:
    """What a conda file has to say to be installed today; without a `resolver` by the tables alone, with no network.

    `scoring` says that a scoring service uses it; None guesses that from the file's name and its packages.

    Raises AmlError for a text that is no conda file; and what the resolver raises.
    """
    items = conda_edit.items(text, file)
    python, healing = _python(items, file)
    wishes = _known(items, healing, _is_scoring(items, file) if scoring is None else scoring)
    if resolver is None:
        _by_table(wishes, python)
    else:
        _by_resolver(wishes, healing, resolver)
    for wish in wishes:
        if wish.reason:
            new = conda_edit.spelled(wish.item, wish.name + wish.extras, wish.spec)
            more = conda_rules.remark(wish.name)
            healing.edits.append(Edit(wish.item, [new], f"{wish.reason}; {more}" if more else wish.reason))
    healing.edits.sort(key=lambda edit: (edit.item.line, edit.item.position))
    healing.text = conda_edit.apply(text, items, healing.edits)
    return healing


def _python(items: list[Item], file: str) -> tuple[str, Healing]:
    """The Python to check for; one past its end is replaced."""
    item = next((one for one in items if one.name == "python" and not one.pip), None)
    asked = "" if item is None else re.sub(r"^python\s*", "", item.text.split("::")[-1].split("#")[0].strip())
    chosen = _choose_python(asked)
    healing = Healing(file, chosen or conda_rules.PROPOSED_PYTHON)
    if item is not None and asked and chosen is None:
        version = asked.lstrip("= ").split("=")[0]
        reason = f"Python {version} is past its end, and packages of today have no wheels for it"
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


def _is_scoring(items: list[Item], file: str) -> bool:
    words = re.search(r"scor|infer|deploy|serv|aci|aks", Path(file).name.lower())
    return bool(words) or any(normal(item.name) in ("inference-schema", "azureml-monitoring") for item in items)


def _known(items: list[Item], healing: Healing, scoring: bool) -> list[_Wish]:
    """Apply the rules on names; what is left is asked for."""
    names = {normal(item.name) for item in items}
    wishes: list[_Wish] = []
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
                wanted = conda_rules.SCORING if scoring else conda_rules.TRAINING
                new = [one for one in wanted if normal(re.split(r"[<>=]", one)[0]) not in names]
            reason = rule.reason
            if new:
                reason += "; these do what it was there for" if not scoring else "; the scoring server takes its place"
            healing.edits.append(Edit(item, new, reason))
            continue
        if rule is not None:
            wish.name, wish.spec, wish.reason = rule.name, "", rule.reason
        if normal(item.name) == "azureml-mlflow" and wish.spec.startswith("=="):
            wish.loosen("an old plugin does not fit today's MLflow")
        if normal(item.name) == "inference-schema" and re.match(r"==1\.[0-3](\.|$)", wish.spec):
            wish.loosen("versions before 1.8 hold NumPy and pandas down")
            wish.spec = ">=1.8"
        wishes.append(wish)
    return wishes


def _option(item: Item, healing: Healing) -> None:
    """A line that is no package: an index, a file of requirements, a link."""
    dead = re.search(r"https?://(?:[\w.-]*azureedge\.net|[\w.-]*\.blob\.core\.windows\.net)\S*", item.text)
    if dead and re.match(r"(-r|--requirement|-i|--index-url|--extra-index-url|-f|--find-links)\b", item.text):
        healing.edits.append(Edit(item, [], "SDK v1's package index is retired"))
        return
    wheel = re.search(r"([A-Za-z0-9_.]+)-(\d[\w.]*?)(?:\+[\w.]+)?-(cp\d+|py\d)[\w.-]*\.whl", item.text)
    if wheel:
        name, tag = normal(wheel[1]), wheel[3]
        ours = "cp" + healing.python.replace(".", "")
        if conda_rules.rule(name, conda=False, others=set()) is not None:
            healing.edits.append(Edit(item, [], "SDK v1 is retired"))
        elif tag.startswith("cp") and tag != ours:
            healing.edits.append(Edit(item, [f"{name}>={wheel[2]}"], f"a link to a wheel for another Python ({tag})"))
        else:
            healing.notes.append((item.line, f"{item.text}: a link, not checked"))
        return
    healing.notes.append((item.line, f"{item.text}: not checked"))


def _wish(item: Item, healing: Healing) -> _Wish | None:
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
        healing.notes.append((item.line, f"{item.text}: not checked"))
        return None
    return _Wish(item, match["name"], match["extras"] or "", (match["spec"] or "").replace(" ", ""))


def _by_table(wishes: list[_Wish], python: str) -> None:
    """Without a resolver: pins below the first wheel that is known of become floors."""
    from packaging.version import InvalidVersion, Version

    for wish in wishes:
        first = conda_rules.first_wheel(wish.name, python)
        version = re.match(r"(?:==|~=|<=|<)(\d[\w.]*?)(?:\.\*)?$", wish.spec)
        if first is None or version is None:
            continue
        try:
            old = Version(version[1]) < Version(first)
        except InvalidVersion:
            old = True
        if old:
            wish.loosen(f"no wheel for Python {python} before {first}")


def _by_resolver(wishes: list[_Wish], healing: Healing, resolver: Resolver) -> None:
    _without_doubles(wishes, healing)
    _without_dead_pins(wishes, healing, resolver)
    left_out = {edit.item for edit in healing.edits}
    wishes[:] = [wish for wish in wishes if wish.item not in left_out]
    _together(wishes, healing, resolver)


def _without_doubles(wishes: list[_Wish], healing: Healing) -> None:
    """A package that conda's part and pip's part both name: pip installs last, so its entry counts."""
    last = {normal(wish.name): wish for wish in wishes}
    for wish in wishes:
        kept = last[normal(wish.name)]
        if kept is not wish and kept.spec != wish.spec:
            healing.edits.append(Edit(wish.item, [], f"line {kept.item.line} names it again, and counts"))
    left_out = {edit.item for edit in healing.edits}
    wishes[:] = [wish for wish in wishes if wish.item not in left_out]


def _without_dead_pins(wishes: list[_Wish], healing: Healing, resolver: Resolver) -> None:
    """Loosen each pin that has no wheel, whatever it depends on; leave out what cannot be had at all.

    One question tells for all of them the lowest version from the pinned one on that has a wheel.
    """
    asked = list(wishes)
    while asked:
        answer = resolver([wish.floor for wish in asked], healing.python, "lowest")
        if answer.good:
            break
        low = answer.message.lower()
        named = [wish for wish in asked if re.search(rf"(?<![\w.-]){re.escape(wish.name.lower())}(?![\w-])", low)]
        for wish in named or asked:
            _alone(wish, healing, resolver)
            asked.remove(wish)
    else:
        return
    for wish in asked:
        lowest = answer.versions.get(normal(wish.name))
        if lowest is not None and wish.pinned and not _allows(wish.spec, lowest):
            if normal(wish.name) in conda_rules.NOTEBOOK:
                healing.edits.append(Edit(wish.item, [], "only a notebook server uses it"))
            else:
                wish.loosen(f"no wheel for Python {healing.python}")


def _allows(spec: str, version: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(spec).contains(version, prereleases=True)
    except InvalidSpecifier:
        return False


def _alone(wish: _Wish, healing: Healing, resolver: Resolver) -> None:
    """One requirement by itself: as it is, from its version on, any version; else left out or left to a build."""
    python = healing.python
    first = resolver([wish.text], python, "alone")
    if first.good:
        return
    if wish.spec and not first.missing:
        before = wish.spec
        wish.loosen(f"no wheel for Python {python}")
        if resolver([wish.text], python, "alone").good:
            return
        wish.spec = ""
        first = resolver([wish.text], python, "alone")
        if first.good:
            return
        wish.spec, wish.reason = before, ""
    if wish.name.lower() in sys.stdlib_module_names:
        healing.edits.append(Edit(wish.item, [], "it is part of Python"))
    elif first.missing:
        healing.edits.append(Edit(wish.item, [], "PyPI has no package of this name"))
    else:
        wish.checked = False
        healing.notes.append((wish.item.line, f"{wish.name} has no wheel: it is built when it is installed"))


def _together(wishes: list[_Wish], healing: Healing, resolver: Resolver) -> None:
    """Resolve the rest, loosening what the message names, one at a time where that is enough."""
    extra = [one for edit in healing.edits for one in edit.new if not one.startswith("python=")]
    asked = [wish for wish in wishes if wish.checked]
    answer = resolver([*(wish.text for wish in asked), *extra], healing.python, "together")
    rounds = 0
    while not answer.good and rounds < _MOST_ROUNDS:
        rounds += 1
        named = _named(asked, answer.message)
        if not named:
            break
        for wish in named:
            kept = wish.spec, wish.reason
            wish.loosen("contradicts another package of the file")
            trial = resolver([*(one.text for one in asked), *extra], healing.python, "together")
            if trial.good:
                answer = trial
                break
            wish.spec, wish.reason = kept
        else:
            for wish in named:
                wish.loosen("contradicts another package of the file")
            answer = resolver([*(one.text for one in asked), *extra], healing.python, "together")
    healing.resolved, healing.message = answer.good, answer.message
    for wish in asked:
        version = answer.versions.get(normal(wish.name))
        if wish.reason and version:
            wish.spec = f"=={version}"
    for edit in healing.edits:
        edit.new = [_settled(one, answer.versions) for one in edit.new]


def _named(asked: list[_Wish], message: str) -> list[_Wish]:
    """The pinned requirements that a resolver's message is about, the likeliest first."""
    low = message.lower()
    pinned = [wish for wish in asked if wish.pinned]
    required = [wish for wish in pinned if re.search(rf"you require {re.escape(wish.name.lower())}(?![\w-])", low)]
    mentioned = [wish for wish in pinned if re.search(rf"(?<![\w-]){re.escape(wish.name.lower())}(?![\w-])", low)]
    return sorted(required or mentioned, key=lambda wish: normal(wish.name) != "inference-schema")


def _settled(text: str, versions: dict[str, str]) -> str:
    """A floor that was proposed for a link, as the version that was resolved."""
    match = re.fullmatch(r"([A-Za-z0-9._-]+)>=[\d.]+\w*", text)
    version = versions.get(normal(match[1])) if match else None
    return f"{match[1]}=={version}" if match and version else text
