"""Where a sweep reads its trials' metric: a tracking store of the user's own."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from amlrun.sweep import reports

pytestmark = pytest.mark.slow


def test_a_new_database_that_a_trial_is_creating_is_opened_again(tmp_path: Path) -> None:
    """As the sweep finds it when the first trial's MLflow is in the middle of creating the tables."""
    file = tmp_path / "own.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE webhooks (webhook_id VARCHAR(256))")
    reader = reports.reader("sweep", "loss", {"MLFLOW_TRACKING_URI": f"sqlite:///{file.as_posix()}"})
    assert not reader.ready("exp")
    with closing(sqlite3.connect(file)) as database, database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            database.execute(f"DROP TABLE {table}")
    client = MlflowClient(f"sqlite:///{file.as_posix()}")
    assert not reader.ready("exp")
    run = client.create_run(client.create_experiment("exp"), tags={reports.tracking.RUN_ID_TAG: "sweep_0"})
    client.log_metric(run.info.run_id, "loss", 0.5)
    assert reader.ready("exp")
    assert reader.new([], last=True) == [("sweep_0", 0.5)]
