"""What a driver says of packages (CondaDependencies, an estimator's lists) as the text of a conda file."""

from __future__ import annotations

import re
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.migrate.drivers.signatures import bound
from amlrun.migrate.drivers.values import Call, Gap, SdkObject, known, shown
from amlrun.prepare.conda_rules import TRAINING, normal

DEFAULT_PYTHON = "3.11"


@dataclass
class Packages:
    """A conda file to be: conda's and pip's packages in order, each a text or a gap. `sdk` adds what a run needs."""

    name: str
    python: Any = None
    conda: list[Any] = field(default_factory=list)
    pip: list[Any] = field(default_factory=list)
    channels: list[Any] = field(default_factory=lambda: ["conda-forge"])
    options: list[Any] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    sdk: bool = True

    def tree(self) -> dict[str, Any]:
        """The conda file as plain data."""
        pip = [*self.options, *self.pip]
        if self.sdk and not any(_is_sdk(one) for one in [*self.pip, *self.conda]):
            pip += [one for one in TRAINING if _project(one) not in {_project(shown(item)) for item in pip}]
        python = self.python if self.python is not None else DEFAULT_PYTHON
        conda = [one for one in self.conda if shown(one).strip().lower() != "pip"]
        named = (
            Gap(python.reason, python.line, python.source, f"python={shown(python)}", python.file)
            if isinstance(python, Gap)
            else f"python={shown(python)}"
        )
        listed = [named, *conda, *(["pip", {"pip": pip}] if pip else [])]
        return {"name": self.name, "channels": list(self.channels), "dependencies": listed}


def from_create(made: SdkObject, name: str) -> Packages:
    """The packages of `CondaDependencies()` or `.create(…)`, with what was added to it later."""
    given = bound(made)
    found = Packages(name, python=_version(given.get("python_version")))
    found.conda = listed(given.get("conda_packages"))
    found.pip = listed(given.get("pip_packages"))
    index = given.get("pip_indexurl")
    if index:
        found.options.append(f"--index-url {shown(index)}")
    apply(found, made.calls)
    return found


def from_tree(tree: Any, name: str) -> Packages:
    """The packages of a conda file that is there, to be added to."""
    found = Packages(name, sdk=False)
    if not isinstance(tree, dict):
        return found
    found.name = str(tree.get("name") or name)
    found.channels = [str(one) for one in tree.get("channels") or ["conda-forge"]]
    for item in tree.get("dependencies") or []:
        if isinstance(item, dict):
            found.pip += [str(one) for one in item.get("pip") or []]
        elif str(item).partition("=")[0].strip() == "python":
            found.python = str(item).partition("=")[2].strip("= ") or None
        else:
            found.conda.append(str(item))
    return found


def apply(found: Packages, calls: list[Call], prefix: str = "") -> None:
    """Add what `add_pip_package`, `set_python_version` and the like say, in order."""
    for call in calls:
        if not call.path.startswith(prefix):
            continue
        verb = call.path[len(prefix) :]
        first = call.args[0] if call.args else next(iter(call.kwargs.values()), None)
        if first is None:
            continue
        if verb == "add_conda_package":
            found.conda.append(first)
        elif verb == "add_pip_package":
            found.pip.append(first)
        elif verb == "add_channel":
            found.channels.append(first)
        elif verb == "set_python_version":
            found.python = _version(first)
        elif verb == "set_pip_requirements":
            found.pip = listed(first)
        elif verb == "set_pip_index_url":
            found.options.append(f"--index-url {shown(first)}")
        elif verb == "set_pip_option":
            found.options.append(first)
        elif verb in ("remove_pip_package", "remove_conda_package"):
            owner = found.pip if "pip" in verb else found.conda
            owner[:] = [one for one in owner if _project(shown(one)) != _project(shown(first))]
        elif verb.startswith("add_tensorflow_"):
            version = call.kwargs.get("version", call.args[1] if len(call.args) > 1 else None)
            owner = found.pip if "pip" in verb else found.conda
            owner.append(f"tensorflow=={version}" if isinstance(version, str) else "tensorflow")


def listed(value: Any) -> list[Any]:
    """A list of packages; one alone, or a gap, is a list of it."""
    if value is None:
        return []
    plain = known(value)
    if isinstance(plain, (list, tuple)):
        if isinstance(value, Gap):
            return [Gap(value.reason, value.line, value.source, one, value.file) for one in plain]
        return list(plain)
    return [value]


def _version(value: Any) -> Any:
    return str(value) if isinstance(value, (int, float)) else value


def _project(text: str) -> str:
    match = re.match(r"\s*([A-Za-z0-9._-]+)", text)
    return normal(match[1]) if match else text


def _is_sdk(value: Any) -> bool:
    return _project(shown(value)).startswith(("azureml-", "mlflow"))
