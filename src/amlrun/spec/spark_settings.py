"""What a Spark job says that a Spark on one machine needs to know, and which of it has no effect there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Union

from amlrun.dataclass import dataclass, field

Scalar = Union[str, int, float, bool]
_CLUSTER = ("spark.yarn.", "spark.kubernetes.", "spark.mesos.", "spark.dynamicAllocation.", "spark.synapse.",
            "spark.shuffle.service.", "spark.executor.", "spark.driver.cores", "spark.submit.deployMode")  # fmt: skip
# These two say how many cores there are to use; the variables are set in the script's own process.
_USED = ("spark.executor.instances", "spark.executor.cores")
VARIABLE = "spark.yarn.appMasterEnv."


@dataclass
class SparkSettings:
    """`conf` as Spark's documentation names it; the lists are v2's (files of the snapshot, or addresses).

    `runtime` is Spark's version where the job says one (3.4); `places` says where a package is named, for messages.
    """

    conf: dict[str, Scalar] = field(default_factory=dict)
    py_files: list[str] = field(default_factory=list)
    jars: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)
    runtime: str | None = None
    places: dict[str, str] = field(default_factory=dict)


def no_effect(name: str) -> str:
    """Why a setting has no effect on one machine; empty when it has one."""
    if not name.startswith("spark."):
        return "Spark takes only settings whose names begin with spark."
    if name == "spark.master":
        return ""
    if name not in _USED and name.startswith(_CLUSTER) and not name.startswith(VARIABLE):
        return "one machine has no cluster of Spark"
    return ""


def without_effect(conf: Iterable[str]) -> list[str]:
    """The settings that have no effect on one machine."""
    return [name for name in conf if no_effect(name)]


def master(conf: Mapping[str, Scalar], cores: int) -> str:
    """Where Spark runs here: as many cores as the executors would have together, and as there are.

    A `spark.master` of the user's own is kept when it means this machine.
    """
    own = str(conf.get("spark.master", ""))
    if own.startswith("local"):
        return own
    try:
        wanted = int(conf["spark.executor.instances"]) * int(conf["spark.executor.cores"])
    except (KeyError, ValueError):
        return "local[*]"
    return f"local[{max(1, min(cores, wanted))}]"
