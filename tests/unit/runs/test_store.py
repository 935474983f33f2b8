"""The run folder while others look at it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from amlrun.runs import store as runs


def test_a_trial_that_is_being_made_is_never_the_latest_run(tmp_path: Path) -> None:
    sweep = runs.create(tmp_path, "sweep", {})

    def make_trials(first: int) -> None:
        for number in range(first, first + 100):
            runs.create(tmp_path, f"sweep_{number}", {"parent_run_id": sweep.id})

    with ThreadPoolExecutor(2) as pool:
        making = [pool.submit(make_trials, first) for first in (0, 100)]
        while not all(one.done() for one in making):
            assert runs.find(tmp_path, "latest") == sweep
            assert all(
                "error" not in record or "missing" not in str(record["error"]) for record in runs.records(tmp_path)
            )
    for one in making:
        one.result()
    assert len(runs.list_runs(tmp_path)) == 201
