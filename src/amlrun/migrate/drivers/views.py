"""One object of the SDK seen through all that may set it: `config.run_config.environment`, `rc.environment`, `env`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from amlrun.dataclass import dataclass
from amlrun.migrate.drivers.values import NOTHING, Call, SdkObject, known


@dataclass
class View:
    """Objects with the path below which they speak of the same thing, the weakest first."""

    sources: list[tuple[SdkObject, str]]

    def get(self, path: str) -> Any:
        """What an attribute was set to, NOTHING when nothing did; the last source wins."""
        found: Any = NOTHING
        for made, prefix in self.sources:
            value = made.setting(f"{prefix}{path}")
            found = found if value is NOTHING else value
        return found

    def below(self, path: str) -> View:
        """The same for an attribute: what was set on it through these objects, and on the object it was set to."""
        sources = [(made, f"{prefix}{path}.") for made, prefix in self.sources]
        inner = known(self.get(path))
        return View([*sources, (inner, "")]) if isinstance(inner, SdkObject) else View(sources)

    def calls(self) -> Iterator[Call]:
        """The methods called on it, with their paths from here."""
        for made, prefix in self.sources:
            for call in made.calls:
                if call.path.startswith(prefix):
                    yield Call(call.path[len(prefix) :], call.args, call.kwargs, call.line)

    def mapping(self, path: str) -> Any:
        """A dictionary that was set, with the items set one by one later."""
        whole = self.get(path)
        items: dict[Any, Any] = {}
        for call in self.calls():
            if call.path == f"{path}.__setitem__":
                items[call.args[0]] = call.args[1]
            elif call.path == f"{path}.update" and call.args and isinstance(known(call.args[0]), dict):
                items.update(known(call.args[0]))
        if not items:
            return whole
        plain = known(whole) if whole is not NOTHING else {}
        return {**(plain if isinstance(plain, dict) else {}), **items}
