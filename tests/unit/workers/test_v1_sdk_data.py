"""Datasets, inputs, files and secrets as a script of SDK v1 asks for them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from support.v1_project import V1Project

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> V1Project:
    folder = tmp_path / "data" / "my flowers"
    (folder / "more").mkdir(parents=True)
    (folder / "a.csv").write_text("id,size,day\n1,2.5,2020-01-01\n2,3.5,2020-02-01\n")
    (folder / "more" / "b.csv").write_text("id,size,day\n3,4.5,2020-03-01\n")
    return V1Project(tmp_path)


def test_a_dataset_by_name_is_a_table_and_files(project: V1Project) -> None:
    done = project.passes("""
import os
from azureml.core import Dataset, Run, Workspace
ws = Run.get_context().experiment.workspace
flowers = Dataset.get_by_name(ws, name="my flowers", version=3)
narrow = ws.datasets["my flowers"].drop_columns("day").take(2)
print(flowers.to_pandas_dataframe().shape, narrow.to_pandas_dataframe().size)
print(list(ws.datasets), ws.datasets.get("nothing"), len(ws.datasets))
print(flowers.to_path(), sorted(os.listdir(flowers.download("copy") and "copy")))
with flowers.mount() as place:
    print(sorted(os.listdir(place)))
print(flowers.keep_columns(["id"]).skip(1).to_pandas_dataframe()["id"].tolist())
timed = flowers.with_timestamp_columns("day")
print(timed.time_after("2020-01-15").to_pandas_dataframe()["id"].tolist())
print(timed.time_between("2020-02-01", "2020-02-01").to_pandas_dataframe()["id"].tolist())
first, second = flowers.random_split(0.34, seed=1)
print(len(first.to_pandas_dataframe()), len(second.to_pandas_dataframe()))
""")
    assert done.stdout.splitlines() == [
        "(3, 3) 4", "['my flowers'] None 1", "['/a.csv', '/more/b.csv'] ['a.csv', 'more']", "['a.csv', 'more']",
        "[2, 3]", "[2, 3]", "[2]", "1 2",
    ]  # fmt: skip
    assert "the version is ignored" in done.stderr
    assert done.stderr.count("is read by pandas from") == 1


def test_an_input_is_a_path_and_a_dataset(project: V1Project) -> None:
    folder = str(project.root / "data" / "my flowers")
    done = project.passes(
        """
import os
from azureml.core import Run
run = Run.get_context()
print(sorted(os.listdir(run.input_datasets["images"])), len(run.input_datasets["table"].to_pandas_dataframe()))
print(run.input_datasets.get("nothing"), list(run.input_datasets), "my flowers" in run.input_datasets)
run.input_datasets["table"] = run.input_datasets["table"]
print(os.path.isdir(run.output_datasets["report"]))
run.input_datasets["wrong"]
""".replace('run.input_datasets["wrong"]', ""),
        table=folder,
        AZUREML_DATAREFERENCE_images=folder,
    )
    assert done.stdout.splitlines() == ["['a.csv', 'more'] 3", "None ['images'] True", "True"]
    assert (project.run / "outputs" / "report").is_dir()


def test_tables_are_made_from_paths_datastores_and_formats(project: V1Project) -> None:
    (project.root / "data" / "lines.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
    (project.root / "data" / "semi.csv").write_text("1;2\n3;4\n")
    done = project.passes(f"""
from azureml.core import Dataset, Datastore, Workspace
from azureml.data.dataset_factory import TabularDatasetFactory
ws = Workspace.from_config()
store = ws.get_default_datastore()
print(len(Dataset.Tabular.from_delimited_files(path=(store, "my flowers/**/*.csv")).to_pandas_dataframe()))
listed = Dataset.Tabular.from_delimited_files([(Datastore.get(ws, "other"), "my flowers/a.csv")])
print(len(listed.to_pandas_dataframe()))
semi = TabularDatasetFactory.from_delimited_files(r"{project.root / "data" / "semi.csv"}", separator=";", header=False)
print(semi.to_pandas_dataframe().shape)
lines = Dataset.Tabular.from_json_lines_files((store, "lines.jsonl"), include_path=True).to_pandas_dataframe()
print(lines.columns.tolist(), lines["Path"].tolist())
open("new.csv", "w").write("x\\n1\\n")
store.upload_files(["new.csv"], target_path="fresh")
fresh = Dataset.Tabular.from_delimited_files((store, "fresh/new.csv")).register(ws, "fresh-data")
files = Dataset.File.from_files((store, "fresh"))
print(len(Dataset.get_by_name(ws, "fresh-data").to_pandas_dataframe()), files.to_path())
""")
    assert done.stdout.splitlines() == [
        "3", "2", "(2, 2)", "['Path', 'a'] ['/lines.jsonl', '/lines.jsonl']", "1 ['/new.csv']"
    ]  # fmt: skip
    assert (project.run / "outputs" / "datastore" / "workspaceblobstore" / "fresh" / "new.csv").is_file()
    assert "aml dataset register -n fresh-data" in done.stderr


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("Dataset.get_by_name(ws, 'flower')", "aml dataset register -n flower -p FOLDER"),
        ("run.input_datasets['iris']", "Add it under `data:` in the run configuration"),
        ("Dataset.File.from_files((ws.get_default_datastore(), 'x/y')).to_path()", "Put the files at data/x/y"),
        ("run.get_secret('sql-password')", "Set the environment variable SQL_PASSWORD where you start the run"),
        ("ws.get_default_keyvault().get_secret('sql-password')", "SQL_PASSWORD"),
        ("run.upload_file('a', 'missing.txt')", "there is no file missing.txt"),
        ("run.download_file('missing.txt')", "the run has no file 'missing.txt'"),
    ],
)
def test_what_is_missing_is_told_with_what_to_do(project: V1Project, code: str, message: str) -> None:
    done = project.start(
        f"from azureml.core import Dataset, Run\nrun = Run.get_context()\nws = run.experiment.workspace\n{code}\n"
    )
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]


def test_uploads_lie_in_the_run_s_folder_or_among_its_artifacts(project: V1Project) -> None:
    done = project.passes("""
import io, os
from azureml.core import Run
run = Run.get_context()
open("outputs/scores.json", "w").write("{}")
os.makedirs("plots/deep")
open("plots/deep/a.txt", "w").write("a")
run.upload_file(name="outputs/scores.json", path_or_stream="outputs/scores.json")
run.upload_file("outputs/report.json", "outputs/scores.json")
run.upload_file("model.json", io.BytesIO(b"{}"))
run.upload_folder("plots", "plots")
os.makedirs("elsewhere")
os.chdir("elsewhere")
run.upload_file("logs/a.txt", "../plots/deep/a.txt")
run.download_file("model.json", "got.json")
run.download_files("outputs", "all")
print(run.get_file_names(), os.listdir("all/outputs"), open("got.json").read())
try:
    run.upload_file("model.json", "got.json")
except Exception as error:
    print(type(error).__name__, error)
""")
    names, conflict = done.stdout.splitlines()
    uploaded = ["logs/a.txt", "model.json", "outputs/report.json", "outputs/scores.json", "plots/deep/a.txt"]
    assert ast.literal_eval(names.partition("]")[0] + "]") == uploaded
    assert conflict.startswith("AzureMLException Resource Conflict")
    assert (project.run / "outputs" / "report.json").is_file()
    assert (project.run / "logs" / "a.txt").is_file()
    (logged,) = project.runs()
    assert logged.artifact("model.json").read_text() == "{}"
    assert logged.artifact("plots/deep/a.txt").read_text() == "a"


def test_secrets_are_environment_variables(project: V1Project) -> None:
    done = project.passes(
        "from azureml.core import Run, Workspace\nprint(Run.get_context().get_secret(name='sql-password'))\n"
        "print(Workspace.from_config().get_default_keyvault().get_secrets(['sql-password']))\n",
        SQL_PASSWORD="made-up",  # noqa: S106 - nobody has it
    )
    assert done.stdout == "made-up\n{'sql-password': 'made-up'}\n"
