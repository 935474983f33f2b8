"""Which compute a driver means, and the line that creates it."""

from __future__ import annotations

from typing import Any

from amlrun.migrate.drivers.signatures import argument, bound, name_of
from amlrun.migrate.drivers.values import NOTHING, Gap, Item, Name, Part, SdkObject, Text, gaps_in, known, shown

_FOUND = ("ComputeTarget", "AmlCompute", "ComputeInstance", "AksCompute", "RemoteCompute", "HDInsightCompute",
          "DatabricksCompute", "DataFactoryCompute", "KubernetesCompute", "ArcKubernetesCompute")  # fmt: skip

_MACHINES = ("RemoteCompute.attach_configuration", "HDInsightCompute.attach_configuration")


def target(value: Any) -> Any:
    """The name of the compute that `value` means: text, a gap, or NOTHING when none is given."""
    if value is None or value is NOTHING or isinstance(value, (str, Text)):
        return NOTHING if value in (None, NOTHING, "") else value
    if isinstance(value, Gap):
        if value.guess is NOTHING:
            return value
        inner = target(value.guess)
        return (
            inner if inner is NOTHING or isinstance(inner, Gap) else Gap(value.reason, value.line, value.source, inner)
        )
    if isinstance(value, Item) and isinstance(value.of, Part) and value.of.path.endswith("compute_targets"):
        return value.key
    if isinstance(value, Item):
        return Gap("an item of a result", 0, "compute_target")
    if isinstance(value, Part) and value.path.endswith("name"):
        return target(value.owner)
    if isinstance(value, SdkObject):
        if value.name in _FOUND or value.name.endswith((".create", ".attach")):
            named = argument(value, "name")
            return Gap("a compute without a name", value.line, "compute_target") if named is NOTHING else target(named)
        if value.name.endswith(("get_default_compute_target", "compute_targets.get")):
            first = value.args[0] if value.args else NOTHING
            return (
                first
                if isinstance(first, str) and value.name.endswith(".get")
                else Gap("the workspace's default compute", value.line, "compute_target")
            )
        return Gap(f"the result of {value.name.lstrip('.')}()", value.line, value.variable or "compute_target")
    if isinstance(value, Name):
        return Gap(f"the result of {value.short}", 0, "compute_target")
    return Gap("not a compute named in the code", 0, "compute_target")


def same_thing(one: SdkObject, other: SdkObject) -> SdkObject | None:
    """Of two constructions that mean one compute (found, or created when it is not there), the one that has a size."""
    for first, second in ((one, other), (other, one)):
        # An environment that is fetched if it is there, and made if it is not.
        if first.name.startswith("Environment.from_") and second.name == "Environment.get":
            return first if argument(first, "name") == argument(second, "name") else None
    first, second = (target(value) for value in (one, other))
    if not isinstance(first, str) or first != second:
        return None
    return other if other.name.endswith(".create") else one


def create_line(made: SdkObject) -> tuple[list[str], list[Gap]]:
    """`aml computetarget create …` for a `ComputeTarget.create`, and what of it the text does not say."""
    named, plan = target(made), known(argument(made, "provisioning_configuration"))
    if not isinstance(plan, SdkObject):
        return [], [Gap("a size that is not in the code", made.line)]
    words, gaps = provisioning(plan)
    name = _word(named, gaps)
    return [*words[:4], "-n", name, *words[4:]], gaps


def provisioning(plan: SdkObject) -> tuple[list[str], list[Gap]]:
    """The words of the line without its name, and the gaps."""
    given = bound(plan)
    gaps: list[Gap] = []
    kind = "computeinstance" if plan.name.startswith("ComputeInstance") else "amlcompute"
    words = ["aml", "computetarget", "create", kind, "-s", _word(given.get("vm_size", "Standard_DS3_v2"), gaps)]
    if kind == "amlcompute":
        words += ["--max-nodes", _word(given.get("max_nodes", 1), gaps)]
        if given.get("min_nodes") not in (None, 0):
            words += ["--min-nodes", _word(given["min_nodes"], gaps)]
        if given.get("idle_seconds_before_scaledown") is not None:
            words += ["--idle-seconds-before-scaledown", _word(given["idle_seconds_before_scaledown"], gaps)]
        priority = given.get("vm_priority")
        if priority not in (None, "dedicated"):
            words += ["-p", _word(priority, gaps)]
    return words, gaps


def attach_line(made: SdkObject) -> tuple[list[str], list[Gap]]:
    """`aml computetarget attach remote …` for a machine or an HDInsight cluster that a `.attach` names by its address.

    No words where the text names a resource of Azure only. A password has no place on a line.
    """
    given = bound(_attached(made) or made)
    gaps: list[Gap] = []
    if given.get("address") in (None, NOTHING, ""):
        return [], [Gap("the machine's address is not in the code", made.line)]
    words = ["aml", "computetarget", "attach", "remote", "-n", _word(target(made), gaps)]
    for name, flag in (("address", "-a"), ("username", "-u"), ("ssh_port", "--ssh-port"),
                       ("private_key_file", "--private-key-file")):  # fmt: skip
        if given.get(name) not in (None, NOTHING, ""):
            words += [flag, _word(given[name], gaps)]
    return words, gaps


def _attached(made: SdkObject) -> SdkObject | None:
    plan = known(argument(made, "attach_configuration"))
    return plan if isinstance(plan, SdkObject) and plan.name in _MACHINES else None


def is_attachment(made: SdkObject) -> bool:
    """Whether a construction attaches a machine over ssh."""
    return name_of(made).endswith(".attach") and _attached(made) is not None


def _word(value: Any, gaps: list[Gap]) -> str:
    gaps += gaps_in(value) if isinstance(value, (Gap, Text)) else []
    return shown(value)


def is_creation(made: SdkObject) -> bool:
    """Whether a construction creates a compute."""
    plan = known(argument(made, "provisioning_configuration"))
    return name_of(made).endswith(".create") and isinstance(plan, SdkObject) and "rovisioning" in plan.name
