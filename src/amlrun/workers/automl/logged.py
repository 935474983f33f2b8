"""Logs a trial's metrics with MLflow."""

from __future__ import annotations

import os
import time
from typing import Dict
from urllib.parse import urlparse
from urllib.request import url2pathname


def metrics(found: Dict[str, float]) -> None:
    """Log metrics in the run that this process is.

    Into the run's own store, plain files in the layout that MLflow keeps (runs/tracking.py), directly: MLflow's client
    takes as long for it as a small trial. On a tracking server of the user's own, with MLflow.
    """
    uri, run_id = os.environ.get("MLFLOW_TRACKING_URI", ""), os.environ.get("MLFLOW_RUN_ID")
    if not uri.startswith("file:") or run_id is None:
        import mlflow

        with mlflow.start_run():  # ended again: this process may take another trial
            mlflow.log_metrics(found)
        return
    store = url2pathname(urlparse(uri).path)
    folder = os.path.join(store, os.environ["MLFLOW_EXPERIMENT_ID"], run_id, "metrics")
    now = int(time.time() * 1000)
    for name, value in found.items():
        with open(os.path.join(folder, name), "a", encoding="utf-8") as stream:
            stream.write("%d %r 0\n" % (now, value))
