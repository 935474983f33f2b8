"""The small functions that a rewritten script gets, each only where it is used. They are the user's from then on."""

from __future__ import annotations

import ast
import re

from amlrun.migrate.scripts.plan import Module, Part

LOG_VALUE, LOG_ROOT, READ_TABLE = "log_value", "log_root_value", "read_table"
COLLECT, RUN_DATA, ROOT_RUN = "collect", "run_data", "root_run_id"
COPY_MODEL, COPY_DATA = "copy_model", "copy_data"

# name → (modules it needs, text). A module's name in the text is the one the script imports it under: {mlflow}.
HELPERS: dict[str, tuple[tuple[str, ...], str]] = {
    LOG_VALUE: (
        ("mlflow", "re"),
        '''
def log_value(name, value, step=None):
    """Log a number as a metric and anything else as a tag, so that no value ends the run."""
    name = {re}.sub(r"[^\\w\\-./: ]", "_", str(name), flags={re}.ASCII)
    if isinstance(value, str):
        {mlflow}.set_tag(name, value)
        return
    try:
        {mlflow}.log_metric(name, float(value), step=step)
    except (TypeError, ValueError, {mlflow}.MlflowException):
        {mlflow}.set_tag(name, str(value))
''',
    ),
    LOG_ROOT: (
        ("mlflow", "os"),
        '''
def log_root_value(name, value):
    """Log to the pipeline's run (outside a pipeline, to this run): a number as a metric, anything else as a tag."""
    root = {root_run_id}()
    if isinstance(value, str):
        {mlflow}.MlflowClient().set_tag(root, name, value)
        return
    try:
        {mlflow}.MlflowClient().log_metric(root, name, float(value))
    except (TypeError, ValueError, {mlflow}.MlflowException):
        {mlflow}.MlflowClient().set_tag(root, name, str(value))
''',
    ),
    READ_TABLE: (
        ("pathlib", "pandas"),
        '''
def read_table(path):
    """Read the CSV, TSV, Parquet or JSON lines files at `path`, a file or a folder, as one table."""
    readers = {{
        ".csv": {pandas}.read_csv,
        ".tsv": lambda file: {pandas}.read_csv(file, sep="\\t"),
        ".parquet": {pandas}.read_parquet,
        ".jsonl": lambda file: {pandas}.read_json(file, lines=True),
    }}
    place = {pathlib}.Path(path)
    if not place.is_dir():
        return readers.get(place.suffix, {pandas}.read_csv)(place)
    files = sorted(file for file in place.rglob("*") if file.suffix in readers)
    return {pandas}.concat([readers[file.suffix](file) for file in files], ignore_index=True)
''',
    ),
    COLLECT: (
        ("pandas",),
        '''
def collect(collector, data):
    """Collect `data` as a table, which is what the collector takes."""
    table = data if isinstance(data, {pandas}.DataFrame) else {pandas}.DataFrame({{"data": list(data)}})
    return collector.collect(table)
''',
    ),
    COPY_MODEL: (
        ("os", "shutil"),
        '''
def copy_model(path, folder):
    """Copy a model's file or folder into `folder`; return where it is then."""
    place = {os}.path.join(folder, {os}.path.basename(path))
    {os}.makedirs(folder, exist_ok=True)
    if {os}.path.isdir(path):
        {shutil}.copytree(path, place, dirs_exist_ok=True)
    else:
        {shutil}.copy(path, place)
    return place
''',
    ),
    COPY_DATA: (
        ("os", "shutil"),
        '''
def copy_data(path, place):
    """Copy the file or folder `path` to `place`."""
    if {os}.path.isdir(path):
        {shutil}.copytree(path, place, dirs_exist_ok=True)
    else:
        {os}.makedirs({os}.path.dirname(place) or ".", exist_ok=True)
        {shutil}.copy(path, place)
''',
    ),
    RUN_DATA: (
        ("mlflow",),
        '''
def run_data():
    """Return what this run has logged so far: `.metrics` (last values), `.params` and `.tags`."""
    return {mlflow}.get_run(({mlflow}.active_run() or {mlflow}.start_run()).info.run_id).data
''',
    ),
    ROOT_RUN: (
        ("mlflow", "os"),
        '''
def root_run_id():
    """Return the ID of the pipeline's run; outside a pipeline, of this run."""
    return {os}.environ.get("AZUREML_ROOT_RUN_ID") or ({mlflow}.active_run() or {mlflow}.start_run()).info.run_id
''',
    ),
}


def variable_of(name: ast.expr | str) -> list[Part]:
    """The environment variable whose name is only known when the script runs, spelt as `identifier` would."""
    plain: list[Part] = [Module("re"), '.sub(r"(?a)\\W+", "_", ', name, ').strip("_")']
    return [Module("os"), ".environ[", Module("re"), '.sub(r"^(?=\\d)", "_", ', *plain, ")]"]


def identifier(text: str, default: str = "dataset") -> str:
    """`text` as the name of an input or an environment variable: letters, digits and `_`."""
    found = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")
    return f"_{found}" if found[:1].isdigit() else found or default
