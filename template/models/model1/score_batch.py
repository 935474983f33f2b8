"""Score many files: `init()` runs once in each worker process, `run(mini_batch)` once for a few files.

The same file serves here (`aml run submit-batch`), as a step of a pipeline and in a batch deployment.
"""

import os
from pathlib import Path

import pandas as pd
import score

model = None


def init():
    """Load the model from AZUREML_MODEL_DIR, which Azure ML and the runner both set."""
    global model
    model = score.load_model(Path(os.environ["AZUREML_MODEL_DIR"]))


def run(mini_batch):
    """Score a list of CSV files: a table with a row for each of theirs.

    A file that can't be scored raises: the mini-batch is tried again, and counts as failed in the end.
    """
    tables = []
    for path in mini_batch:
        rows = pd.read_csv(path)
        columns = list(model.feature_names_in_)
        if missing := [column for column in columns if column not in rows]:
            raise ValueError(f"{Path(path).name}: missing columns: {score.some(missing)}")
        probabilities = model.predict_proba(rows[columns])
        result = pd.DataFrame(probabilities, columns=[f"class_{name}" for name in model.classes_])
        result.insert(0, "file", Path(path).name)
        result.insert(1, "row", range(len(rows)))
        tables.append(result)
    return pd.concat(tables)
