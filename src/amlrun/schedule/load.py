"""A schedule's file of either world, read."""

from __future__ import annotations

from pathlib import Path

from amlrun.errors import AmlError, first_of
from amlrun.spec import node as yaml_node
from amlrun.spec import read_schedule
from amlrun.spec.schedule import Schedule
from amlrun.v1.config import Row
from amlrun.v1.pipeline import schedule_file


def inspect(file: Path) -> tuple[Schedule | None, list[AmlError], list[Row]]:
    """The schedule in `file` as far as it can be read, every mistake, and of a v1 file what each key becomes.

    Raises AmlError only for a file that is no YAML or no schedule.
    """
    tree = yaml_node.read(file)
    if schedule_file.is_v1(tree[0]):
        found = schedule_file.inspect(file, tree[0])
        return found.schedule, [*found.refused, *found.let_pass], found.rows()
    if not read_schedule.is_schedule(tree[0]):
        raise AmlError("is not a schedule: it has no trigger and no create_job", file=file, line=1)
    schedule, wrong = read_schedule.inspect(file, tree)
    return schedule, wrong, []


def load(file: Path) -> Schedule:
    """The schedule in `file`.

    Raises AmlError, with file and line, for the first mistake; the others stand in its hint, a line each.
    """
    schedule, wrong, _ = inspect(file)
    if schedule is None or wrong:
        raise first_of(wrong)
    return schedule
