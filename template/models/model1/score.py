"""Answer scoring requests: `init()` runs once in each process, `run(data)` once for each request.

The same file serves here (`aml score`, `aml model deploy`) and on a managed online endpoint. A request is
`{"data": [{"column": value, ...}, ...]}`; deployment/sample-request.json is one.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

MODEL_FILE = "model.pkl"
MAX_BYTES = 5_000_000  # Larger tables belong to batch scoring: score_batch.py

model = None


class BadRequest(ValueError):
    """What the caller sent cannot be scored; the message and the HTTP status are for the caller."""

    def __init__(self, message, status=400):
        super().__init__(message)
        self.status = status


# ---- Model


def init():
    """Load the model from AZUREML_MODEL_DIR, which Azure ML and the runner both set."""
    global model
    model = load_model(Path(os.environ["AZUREML_MODEL_DIR"]))
    describe(list(model.feature_names_in_))


def load_model(folder):
    """The model below `folder`. Unpickling runs code, so a file with the wrong hash is not opened."""
    found = sorted(folder.rglob(MODEL_FILE))
    if not found:
        raise FileNotFoundError(f"there is no {MODEL_FILE} in {folder}")
    expected = os.environ.get("MODEL_SHA256")
    if expected and hashlib.sha256(found[0].read_bytes()).hexdigest() != expected:
        raise ValueError(f"{found[0].name} is not the registered file: its SHA-256 is not {expected}")
    return joblib.load(found[0])


def describe(columns):
    """Fill the service's swagger.json with the model's columns, where inference-schema is installed."""
    try:
        from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType as Like
        from inference_schema.schema_decorators import input_schema, output_schema
    except ImportError:
        return
    # Told only now, `run` still gets the body as text: decorated from the start, it would never see a body that
    # is no UTF-8 or nested too deep, which the server answers with a status 500.
    input_schema("data", Like([dict.fromkeys(columns, 0.5)]))(run)
    output_schema(Like({"probabilities": [[0.1, 0.9]]}))(run)


# ---- Request


def read_rows(data):
    """The rows of a request, which is `{"data": [...]}` as JSON text or already read."""
    if isinstance(data, (str, bytes)):
        if len(data) > MAX_BYTES:
            raise BadRequest(f"the request has {len(data)} bytes; at most {MAX_BYTES} are scored at once", 413)
        if not data.strip():
            raise BadRequest("the request is empty: send JSON, with Content-Type: application/json")
        try:
            data = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"the request is not JSON: {error}") from error
    if not isinstance(data, dict) or "data" not in data:
        raise BadRequest('expected {"data": [{"column": value, ...}, ...]}')
    rows = data["data"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadRequest('"data" must be a list of rows, each an object of columns and values')
    if not rows:
        raise BadRequest('"data" has no rows')
    return rows


def read_table(rows, columns):
    """The rows as a table of exactly `columns`, with a finite number in every cell."""
    given = set().union(*rows)
    if missing := [column for column in columns if column not in given]:
        raise BadRequest(f"missing columns: {some(missing)}")
    if unknown := sorted(given.difference(columns)):
        raise BadRequest(f"unknown columns: {some(unknown)}")
    table = pd.DataFrame(rows, columns=columns)
    # Your own rules go here: text columns, ranges, values that may be missing.
    if empty := [column for column in columns if table[column].isna().any()]:
        raise BadRequest(f"columns with missing values: {some(empty)}")
    if wrong := [column for column in columns if table[column].dtype.kind not in "iuf"]:
        raise BadRequest(f"columns with values that are not numbers: {some(wrong)}")
    table = table.astype(float)
    if not np.isfinite(table.to_numpy()).all():
        raise BadRequest("every value must be a finite number")
    return table


def some(names, limit=5):
    """A few names for a message, and how many more there are."""
    shown = ", ".join(str(name)[:80] for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


# ---- Answer


def predict(data):
    """A list of class probabilities for each row, in the order of `model.classes_`."""
    table = read_table(read_rows(data), list(model.feature_names_in_))
    return {"probabilities": model.predict_proba(table).tolist()}


def run(data):
    """Score one request. A bad one is a status 4xx in a service, and raises BadRequest elsewhere."""
    try:
        return predict(data)
    except BadRequest as error:
        if "azureml_inference_server_http.server" not in sys.modules:
            raise
        from azureml_inference_server_http.api.aml_response import AMLResponse

        return AMLResponse({"message": str(error)}, error.status, json_str=True)
