"""Requirements of an old conda file, loosened as little as is needed: by a table, or as a resolver says."""

from __future__ import annotations

import re
import sys

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.prepare import conda_rules
from amlrun.prepare.conda_edit import Edit, Item
from amlrun.prepare.conda_resolve import Resolution, Resolver
from amlrun.prepare.conda_rules import normal

# How often to loosen before every pin is; up to how many candidates are tried one by one.
_MOST_ROUNDS, _FEW, _MANY = 12, 5, 60


@dataclass
class Healing:
    """A conda file's edits, and the text with them. `python` is what it was checked for.

    `resolved` is None when nobody was asked; `notes` are lines that were not looked into, with the reason; `links`
    are addresses of packages.
    """

    file: str
    python: str
    edits: list[Edit] = field(default_factory=list)
    text: str = ""
    resolved: bool | None = None
    links: list[Item] = field(default_factory=list)
    notes: list[tuple[int, str]] = field(default_factory=list)
    message: str = ""


@dataclass
class Wish:
    """A requirement on its way: `text` in pip's words, `reason` once it is not the file's any more.

    `beside` are requirements that it needs and the file does not name.
    """

    item: Item
    name: str
    extras: str
    spec: str
    reason: str = ""
    checked: bool = True
    beside: list[str] = field(default_factory=list)

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

    def move(self, version: str, reason: str) -> None:
        """Pin another version instead; of a pre-release the release."""
        from packaging.version import Version

        self.spec = f"=={Version(version).base_version}"
        self.reason = self.reason or reason


def by_table(wishes: list[Wish], python: str) -> None:
    """Without a resolver: pins below the first wheel that is known of move up to it."""
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
            wish.move(first, f"no wheel for Python {python} before {first}")
    _keep_numpy_1(wishes, {normal(wish.name): wish.spec[2:] for wish in wishes if re.fullmatch(r"==[\d.]+", wish.spec)})


def by_resolver(wishes: list[Wish], healing: Healing, resolver: Resolver) -> None:
    _without_dead_links(healing, resolver)
    _without_dead_substitutes(healing, resolver)
    _without_doubles(wishes, healing)
    _without_dead_pins(wishes, healing, resolver)
    left_out = {edit.item for edit in healing.edits}
    wishes[:] = [wish for wish in wishes if wish.item not in left_out]
    _together(wishes, healing, resolver)


def _without_dead_links(healing: Healing, resolver: Resolver) -> None:
    """Leave out what cannot be fetched: many links to the SDK's own store have expired."""
    for item in healing.links:
        try:
            good = resolver([item.text], healing.python, "alone").good
        except AmlError:
            good = False
        if not good:
            healing.edits.append(Edit(item, [], "the link could not be fetched, or has no wheel for this Python"))


def _without_dead_substitutes(healing: Healing, resolver: Resolver) -> None:
    """A package that takes a link's place must have a wheel itself."""
    for edit in healing.edits:
        if "://" in edit.item.text and edit.new and not resolver(edit.new, healing.python, "alone").good:
            edit.new, edit.reason = [], f"{edit.reason}; the registry has none for Python {healing.python} either"


def _without_doubles(wishes: list[Wish], healing: Healing) -> None:
    """A package that conda's part and pip's part both name: pip installs last, so its entry counts."""
    last = {normal(wish.name): wish for wish in wishes}
    for wish in wishes:
        kept = last[normal(wish.name)]
        if kept is not wish and kept.spec != wish.spec:
            healing.edits.append(Edit(wish.item, [], f"line {kept.item.line} names it again and is used"))
    left_out = {edit.item for edit in healing.edits}
    wishes[:] = [wish for wish in wishes if wish.item not in left_out]


def _without_dead_pins(wishes: list[Wish], healing: Healing, resolver: Resolver) -> None:
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
                wish.move(lowest, f"no wheel for Python {healing.python}")


def _keep_numpy_1(wishes: list[Wish], versions: dict[str, str]) -> bool:
    """Hold NumPy back where a chosen version was built for NumPy 1, which its metadata does not say."""
    old = [one for one in wishes if conda_rules.only_numpy_1(one.name, versions.get(normal(one.name), ""))]
    numpy = next((one for one in wishes if normal(one.name) == "numpy"), None)
    if not old or versions.get("numpy", "2").startswith("1."):
        return False
    version = versions[normal(old[0].name)]
    reason = f"{old[0].name} {version} was built for NumPy 1"
    if numpy is None:
        old[0].beside.append("numpy<2")
        old[0].reason = old[0].reason or reason
    elif not numpy.pinned:
        numpy.spec = f"{numpy.spec},<2".lstrip(",")
        numpy.reason = numpy.reason or reason
    else:
        return False
    return True


def _allows(spec: str, version: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(spec).contains(version, prereleases=True)
    except InvalidSpecifier:
        return False


def _alone(wish: Wish, healing: Healing, resolver: Resolver) -> None:
    """One requirement by itself: as it is, from its version on, any version; else left out or left to a build."""
    python = healing.python
    first = resolver([wish.text], python, "alone")
    if first.good:
        return
    if wish.spec and not first.missing:
        before = wish.spec
        wish.loosen(f"no wheel for Python {python}")
        found = resolver([wish.text], python, "lowest")
        if found.good:
            wish.move(found.versions[normal(wish.name)], f"no wheel for Python {python}")
            return
        wish.spec = ""
        first = resolver([wish.text], python, "alone")
        if first.good:
            return
        wish.spec, wish.reason = before, ""
    if wish.name.lower() in sys.stdlib_module_names:
        healing.edits.append(Edit(wish.item, [], "it is part of Python"))
    elif first.missing:
        healing.edits.append(Edit(wish.item, [], "PyPI has no package with this name"))
    elif not first.only_source:
        healing.edits.append(Edit(wish.item, [], f"no version has a wheel for Python {python}"))
    else:
        wish.checked = False
        healing.notes.append((wish.item.line, f"{wish.name} has no wheel: it is built when it is installed"))


def _together(wishes: list[Wish], healing: Healing, resolver: Resolver) -> None:
    """Resolve the rest, loosening what the message names, one at a time where that is enough."""
    extra = [one for edit in healing.edits for one in edit.new if not one.startswith("python=")]
    asked = [wish for wish in wishes if wish.checked]
    answer = resolver([*(wish.text for wish in asked), *extra], healing.python, "together")
    # A file that pins everything has contradictions all over: it is not worth the time to look for the fewest.
    rounds = _MOST_ROUNDS if len(asked) <= _MANY else 3
    for number in range(rounds):
        if answer.good:
            break
        named = _named(asked, answer.message) if number < rounds - 1 else []
        named = named or [wish for wish in asked if wish.pinned]
        if not named:
            break
        few = len(named) <= _FEW and len(asked) <= _FEW**2
        answer = _loosened(named, asked, extra, healing.python, resolver, one_at_a_time=few)
    if answer.good and _keep_numpy_1(asked, answer.versions):
        beside = [line for wish in asked for line in wish.beside]
        answer = resolver([*(wish.text for wish in asked), *extra, *beside], healing.python, "together")
    healing.resolved, healing.message = answer.good, answer.message
    for wish in asked:
        version = answer.versions.get(normal(wish.name))
        if wish.reason and version:
            wish.spec = f"=={version}"
    for edit in healing.edits:
        edit.new = [_settled(one, answer.versions) for one in edit.new]


def _loosened(
    named: list[Wish], asked: list[Wish], extra: list[str], python: str, resolver: Resolver, *, one_at_a_time: bool
) -> Resolution:
    """The answer once one of the `named` is loosened, or, where one is not enough, all of them."""
    reason = "contradicts another package of the file"
    for wish in named if one_at_a_time else []:
        kept = wish.spec, wish.reason
        wish.loosen(reason)
        answer = resolver([*(one.text for one in asked), *extra], python, "together")
        if answer.good:
            return answer
        wish.spec, wish.reason = kept
    for wish in named:
        wish.loosen(reason)
    return resolver([*(one.text for one in asked), *extra], python, "together")


def _named(asked: list[Wish], message: str) -> list[Wish]:
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
