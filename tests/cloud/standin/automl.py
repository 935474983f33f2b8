"""AutoML jobs: the MLTable is read from blob storage, three models are trained for real, each a child job `<job>_N`.

The parent's tag `automl_best_child_run_id` and the children's properties `run_algorithm` and `run_preprocessor` are
those that Microsoft's own samples read.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

from standin.executor import _STORE, KINDS, Job
from standin.plane import Plane, Refusal, Workspace
from standin.shapes import now


class AutoML(Job):
    """One AutoML job."""

    def __init__(self, plane: Plane, workspace: Workspace, name: str, said: dict[str, Any]) -> None:
        super().__init__(plane, workspace, name, said)
        self.task = said.get("taskDetails") or {}
        data = self.task.get("trainingData") or {}
        if str(data.get("jobInputType")).lower() != "mltable":
            raise Refusal(400, "UserError", "AutoML takes an MLTable.")
        if not self.task.get("targetColumnName"):
            raise Refusal(400, "UserError", "targetColumnName is required.")
        said["tags"] = dict(said.get("tags") or {})

    def _run(self) -> None:
        try:
            self.started, self.status = now(), "Running"
            with tempfile.TemporaryDirectory(prefix="standin-automl-") as folder:
                place = self._input(Path(folder), "data", self.task["trainingData"])
                self._search(place)
            ended = "Canceled" if self._cancel.is_set() else "Completed"
        except Exception as problem:
            ended, self.error = "Failed", f"the stand-in could not run the search: {problem!r}"
        self.ended, self.status = now(), ended
        self.done.set()

    def _input(self, folder: Path, name: str, item: dict[str, Any]) -> Path:
        place = folder / name
        match = _STORE.fullmatch(self.plane.resolve_uri(self.workspace, item["uri"]))
        assert match is not None, item
        self.fetch(self.workspace.container(match[1]), match[2], place)
        if not (place / "MLTable").is_file():
            raise ValueError(f"there is no MLTable at {item['uri']}")
        return place

    def _search(self, place: Path) -> None:
        import joblib
        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import cross_val_score
        from sklearn.naive_bayes import BernoulliNB
        from sklearn.tree import DecisionTreeClassifier

        table = pd.read_csv(next(place.glob("*.csv")))
        target = self.task["targetColumnName"]
        features, truth = table.drop(columns=target), table[target]
        child(self, f"{self.name}_setup", "setup", {}, {})
        best, score = "", -1.0
        for number, kind in enumerate((DecisionTreeClassifier, LogisticRegression, BernoulliNB)):
            if self._cancel.is_set():
                return
            model = kind()
            value = float(cross_val_score(model, features, truth, cv=3, scoring="roc_auc").mean())
            data = io.BytesIO()
            joblib.dump(model.fit(features, truth), data)
            files = {"outputs/model.pkl": data.getvalue(), "outputs/mlflow-model/model.pkl": data.getvalue(),
                     "outputs/mlflow-model/MLmodel": b"flavors:\n  sklearn: {pickled_model: model.pkl}\n"}  # fmt: skip
            made = child(self, f"{self.name}_{number}", kind.__name__, {"AUC_weighted": value}, files)
            if value > score:
                best, score = made.name, value
        self.said["tags"]["automl_best_child_run_id"] = best


def child(parent: AutoML, name: str, algorithm: str, metrics: dict[str, float], files: dict[str, bytes]) -> Job:
    """A finished child job with its metrics and files."""
    said = {"jobType": "Command", "parentJobName": parent.name, "displayName": name,
            "experimentName": parent.said.get("experimentName"), "computeId": parent.said.get("computeId")}  # fmt: skip
    made = Job(parent.plane, parent.workspace, name, said)
    made.history = {"run_algorithm": algorithm, "run_preprocessor": "StandardScaler"}
    made.metrics, made.started, made.ended, made.status = metrics, now(), now(), "Completed"
    made.done.set()
    container = parent.blobs.container(parent.workspace.container("workspaceartifactstore"))
    for path, data in files.items():
        container.upload_blob(f"ExperimentRun/dcid.{name}/{path}", data, overwrite=True)
    with parent.plane._lock:
        parent.workspace.jobs[name] = made
    return made


def play() -> None:
    """Have the stand-in take AutoML jobs."""
    KINDS["AutoML"] = AutoML
