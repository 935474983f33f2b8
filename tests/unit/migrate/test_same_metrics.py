"""A migrated script logs what the unchanged one logs with `aml`'s own azureml package."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.v1_project import LoggedRun, V1Project
from support.v1_scripts import SCRIPTS

from amlrun.migrate.result import Kind
from amlrun.migrate.scripts import rewrite

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[4] / "shared" / "reference" / "migration-examples" / "scripts"
# Examples that log metrics and need no data, no secret and no model.
_RUNNABLE = ("01", "02", "03", "07", "17", "19")
CASES = {name: script for name, (script, *_) in SCRIPTS.items()} | {
    file.name.removesuffix(".before.py"): file.read_text(encoding="utf-8")
    for file in sorted(EXAMPLES.glob("*.before.py"))
    if file.name.startswith(_RUNNABLE)
}
Logged = tuple[dict[str, list[float]], dict[str, str]]


def logged(run: LoggedRun) -> Logged:
    """A run's metrics as series, and its texts: where one was kept, as a parameter or a tag, is not compared."""
    metrics = {
        key: [value for value, _ in sorted(points, key=lambda one: one[1])] for key, points in run.metrics.items()
    }
    texts = {**run.tags, **run.params}
    return metrics, {key: text for key, text in texts.items() if not key.startswith(("mlflow.", "azureml."))}


def in_a_project(folder: Path, script: str, package: bool) -> list[Logged]:
    """Run a script, with or without the package, and read what its run and the runs below it logged."""
    (folder / "data" / "flowers").mkdir(parents=True)
    table = folder / "data" / "flowers" / "flowers.csv"
    table.write_text("id,petal\n1,1\n2,2\n3,3\n4,4\n", encoding="utf-8")
    project = V1Project(folder)
    more = {} if package else {"PYTHONPATH": None, "flowers": str(table.parent)}
    project.passes(script, **more)
    own, *below = project.runs()
    return [logged(own), *sorted((logged(one) for one in below), key=repr)]


@pytest.mark.parametrize("name", CASES)
def test_before_and_after(name: str, tmp_path: Path) -> None:
    new = rewrite("train.py", CASES[name], Kind.JOB).result.changes[0].new
    unchanged = in_a_project(tmp_path / "unchanged", CASES[name], package=True)
    assert unchanged[0][0] or len(unchanged) > 1
    assert in_a_project(tmp_path / "migrated", new, package=False) == unchanged
