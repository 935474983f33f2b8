"""`aml pipeline` and `aml run submit-pipeline`, as a person runs them: cached steps, failure, kill, cancel, resume."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from support.pipelines import PIPELINE, STEP, project
from support.places import finish
from support.workplace import Workplace


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    project(tmp_path / "project")
    return Workplace(tmp_path / "project")


def submit(place: Workplace, *words: str, code: int = 0, file: str = "pipeline.yml") -> dict[str, Any]:
    """Submit; the record with its steps by name."""
    done = place.aml("run", "submit-pipeline", "-n", "exp", "-y", file, "-o", "json", *words, cwd=place.root, code=code)
    record: dict[str, Any] = json.loads(done.stdout)
    record["steps"] = {step["name"]: step for step in record["steps"]}
    record["stderr"] = done.stderr
    return record


def ran(record: dict[str, Any]) -> list[str]:
    return [name for name, step in record["steps"].items() if step["state"] == "Completed" and not step["reused"]]


def test_steps_run_once_and_say_why_they_run_again(place: Workplace) -> None:
    first = submit(place)
    assert first["status"] == "Completed" and ran(first) == ["prep", "train", "report"]
    assert {step["reason"] for step in first["steps"].values()} == {"it has not run before"}
    model = place.runs / first["steps"]["train"]["run_id"] / "outputs" / "model" / "made.txt"
    assert model.read_text() == "a,b\n1,2\nfirst"
    assert first["outputs"]["model"] == str(model.parent)

    again = submit(place)
    assert ran(again) == [] and {step["reused"] for step in again["steps"].values()} == {True}
    assert again["steps"]["train"]["run_id"] == first["steps"]["train"]["run_id"]

    other = submit(place, "-p", "word=second")
    assert other["steps"]["prep"]["reason"] == "input word changed: first → second"
    assert other["steps"]["train"]["reason"] == "input tables changed"
    # The earlier result is still known.
    assert ran(submit(place, "--set", "inputs.word=first")) == []

    (place.root / "src" / "step.py").write_text(STEP + "# more\n", encoding="utf-8")
    changed = submit(place)
    assert ran(changed) == ["prep", "train", "report"]
    assert changed["steps"]["prep"]["reason"] == "src/step.py changed"

    (place.root / "raw.csv").write_text("a,b\n1,3\n", encoding="utf-8")
    assert submit(place)["steps"]["prep"]["reason"] == "input raw changed"


def test_an_output_that_was_touched_is_not_taken(place: Workplace) -> None:
    first = submit(place)
    outputs = place.runs / first["steps"]["prep"]["run_id"] / "outputs" / "tables"
    (outputs / "made.txt").write_text("by hand", encoding="utf-8")
    second = submit(place)
    assert second["steps"]["prep"]["reason"] == "its output tables was modified afterwards"
    # It made the same again, so what follows is what it was.
    assert ran(second) == ["prep"]
    shutil.rmtree(place.runs / second["steps"]["prep"]["run_id"] / "outputs" / "tables")
    assert submit(place)["steps"]["prep"]["reason"] == "its output tables was deleted"
    shutil.rmtree(place.runs / first["steps"]["train"]["run_id"])
    assert "was deleted" in submit(place)["steps"]["train"]["reason"]


def test_a_failure_stops_what_needs_it(place: Workplace) -> None:
    text = PIPELINE.replace("--write ${{outputs.model}}", "--write ${{outputs.model}} --word fail")
    (place.root / "pipeline.yml").write_text(text, encoding="utf-8")
    record = submit(place, code=1)
    states = {name: step["state"] for name, step in record["steps"].items()}
    assert states == {"prep": "Completed", "train": "Failed", "report": "NotStarted"}
    assert record["steps"]["train"]["reason"] == "the script ended with exit code 1: told to fail"
    assert "train failed" in record["steps"]["report"]["reason"]
    (place.root / "pipeline.yml").write_text(PIPELINE, encoding="utf-8")
    assert ran(submit(place)) == ["train", "report"]


TWO = """\
type: pipeline
settings: {default_compute: local, continue_on_step_failure: CONTINUE}
jobs:
  bad:
    command: python step.py --word fail
    code: src
    environment: {image: x}
  slow:
    command: python -c "import time; time.sleep(30)"
    environment: {image: x}
  after:
    command: python step.py --read ${{inputs.x}}
    code: src
    environment: {image: x}
    inputs: {x: "${{parent.jobs.quick.outputs.o}}"}
  quick:
    command: python step.py --write ${{outputs.o}}
    code: src
    environment: {image: x}
    outputs: {o: {type: uri_folder}}
"""


def test_continue_on_step_failure(place: Workplace) -> None:
    (place.root / "two.yml").write_text(TWO.replace("CONTINUE", "false"), encoding="utf-8")
    record = submit(place, "--jobs", "2", code=1, file="two.yml")
    assert record["steps"]["slow"]["state"] == "Canceled" and record["steps"]["after"]["state"] == "NotStarted"
    text = TWO.replace("CONTINUE", "true").replace("sleep(30)", "sleep(0)")
    (place.root / "two.yml").write_text(text, encoding="utf-8")
    record = submit(place, code=1, file="two.yml")
    assert [name for name, step in record["steps"].items() if step["state"] == "Failed"] == ["bad"]
    assert record["steps"]["after"]["state"] == "Completed"


def test_from_and_only(place: Workplace) -> None:
    refused = place.aml("run", "submit-pipeline", "-y", "pipeline.yml", "--only", "train", cwd=place.root, code=1)
    assert "has no result that --only could use" in refused.stderr
    submit(place)
    assert ran(submit(place, "--from", "train")) == ["train", "report"]
    assert ran(submit(place, "--only", "train")) == ["train"]
    wrong = place.aml("run", "submit-pipeline", "-y", "pipeline.yml", "--from", "trian", cwd=place.root, code=2)
    assert "Did you mean 'train'" in wrong.stderr


def test_force_rerun_and_what_is_not_deterministic(place: Workplace) -> None:
    submit(place)
    assert len(ran(submit(place, "--set", "settings.force_rerun=true"))) == 3
    text = PIPELINE.replace(
        "  train:\n    command: python step.py --read ${{inputs.tables}} --write ${{outputs.model}}\n    code: src\n"
        "    environment: *environment\n",
        "  train:\n    component:\n      type: command\n      is_deterministic: false\n      code: src\n"
        "      command: python step.py --read ${{inputs.tables}} --write ${{outputs.model}}\n"
        "      environment: *environment\n      inputs: {tables: {type: uri_folder}}\n"
        "      outputs: {model: {type: custom_model}}\n",
    )
    assert text != PIPELINE
    (place.root / "pipeline.yml").write_text(text, encoding="utf-8")
    submit(place)
    record = submit(place)
    assert ran(record) == ["train"] and record["steps"]["train"]["reason"] == "is_deterministic: false"


def test_a_registering_output_is_registered_once(place: Workplace) -> None:
    text = PIPELINE.replace(
        "  model:\n    type: custom_model\njobs", "  model:\n    type: custom_model\n    name: made\njobs"
    )
    (place.root / "pipeline.yml").write_text(text, encoding="utf-8")
    assert submit(place)["steps"]["train"]["registered"] == {"model": "model made:1"}
    assert "as before" in submit(place)["steps"]["train"]["registered"]["model"]
    (first,) = json.loads(place.aml("model", "list", "-o", "json", cwd=place.root).stdout)
    assert first["runId"].endswith("_train")
    assert re.fullmatch(r"[0-9a-f]{64}", first["properties"]["data_sha256"])


def test_two_pipelines_at_once_register_a_result_once(place: Workplace) -> None:
    text = PIPELINE.replace(
        "  model:\n    type: custom_model\njobs", "  model:\n    type: custom_model\n    name: made\njobs"
    )
    (place.root / "pipeline.yml").write_text(text, encoding="utf-8")
    words = ("run", "submit-pipeline", "-n", "exp", "-y", "pipeline.yml")
    commands = [place.start(*words, cwd=place.root) for _ in range(3)]
    assert [finish(one).code for one in commands] == [0] * 3
    assert [one["id"] for one in json.loads(place.aml("model", "list", "-o", "json", cwd=place.root).stdout)] == [
        "made:1"
    ]


def test_a_registered_dataset_says_what_made_it(place: Workplace) -> None:
    text = PIPELINE.replace("type: uri_folder\n  train", "type: uri_folder\n        name: tables\n  train")
    (place.root / "pipeline.yml").write_text(text, encoding="utf-8")
    prep = submit(place)["steps"]["prep"]
    assert prep["registered"] == {"tables": "dataset tables"}
    found = json.loads(place.aml("dataset", "show", "-n", "tables", "-o", "json", cwd=place.root).stdout)
    assert found["properties"]["run_id"] == prep["run_id"] and len(found["properties"]["data_sha256"]) == 64


def test_killed_pipelines_go_on(place: Workplace) -> None:
    text = PIPELINE.replace("python step.py", 'python -c "import time; time.sleep(0.3)" && python step.py')
    (place.root / "pipeline.yml").write_text(text, encoding="utf-8")
    kills = 0
    for wait_for in ("prep", "train"):
        process = place.start("run", "submit-pipeline", "-n", "exp", "-y", "pipeline.yml", cwd=place.root)
        found = None
        deadline = time.monotonic() + 60
        while found is None and time.monotonic() < deadline and process.poll() is None:
            found = next(place.runs.glob(f"*_{wait_for}/.run/process.json"), None) if place.runs.is_dir() else None
            time.sleep(0.01)
        assert found is not None
        process.kill()
        process.communicate()
        kills += 1
    record = submit(place)
    assert record["status"] == "Completed" and kills == 2
    for name in ("prep", "train", "report"):
        done = [
            file
            for file in place.runs.glob(f"*_{name}/.run/exit.json")
            if json.loads(file.read_text())["exit_code"] == 0
        ]
        assert len(done) == 1, name


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_signal_ends_all_that_runs(place: Workplace) -> None:
    (place.root / "two.yml").write_text(TWO.replace("CONTINUE", "true").replace("--word fail", ""), encoding="utf-8")
    process = place.start("run", "submit-pipeline", "-n", "exp", "-y", "two.yml", "--jobs", "4", cwd=place.root)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(place.runs.glob("*_slow/.run/process.json")):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    records = json.loads(place.aml("run", "list", "-o", "json", cwd=place.root).stdout)
    assert records[0]["status"] == "Canceled", records
    slow = next(place.runs.glob("*_slow"))
    shown = place.aml("run", "show", "-r", slow.name, "-o", "json", cwd=place.root).stdout
    assert json.loads(shown)["status"] == "Canceled"


def test_a_pipeline_is_cancelled_from_elsewhere(place: Workplace) -> None:
    (place.root / "two.yml").write_text(TWO.replace("CONTINUE", "true"), encoding="utf-8")
    process = place.start("run", "submit-pipeline", "-n", "exp", "-y", "two.yml", "--jobs", "4", cwd=place.root)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(place.runs.glob("*_slow/.run/process.json")):
        time.sleep(0.01)
    place.aml("run", "cancel", "-r", "latest", cwd=place.root)
    process.communicate(timeout=60)
    assert process.returncode == 130
    slow = next(place.runs.glob("*_slow"))
    shown = place.aml("run", "show", "-r", slow.name, "-o", "json", cwd=place.root).stdout
    assert json.loads(shown)["status"] == "Canceled"


def test_two_pipelines_at_once_make_each_result_once(place: Workplace) -> None:
    words = ("run", "submit-pipeline", "-n", "exp", "-y", "pipeline.yml", "-o", "json")
    both = [place.start(*words, cwd=place.root) for _ in range(2)]
    records = [json.loads(process.communicate(timeout=120)[0]) for process in both]
    assert [record["status"] for record in records] == ["Completed", "Completed"]
    for name in ("prep", "train", "report"):
        assert len(list(place.runs.glob(f"*_{name}"))) == 1


def test_check_tells_all_and_nothing_runs(place: Workplace) -> None:
    (place.root / "bad.yml").write_text(PIPELINE.replace("inputs.word}", "inputs.wrod}"), encoding="utf-8")
    done = place.aml("pipeline", "check", "bad.yml", cwd=place.root, code=2)
    assert re.search(r"bad\.yml:\d+: jobs\.prep\.", done.stdout)
    assert "no mistakes" in place.aml("pipeline", "check", "pipeline.yml", cwd=place.root).stdout
    refused = place.aml("run", "submit-pipeline", "-y", "bad.yml", cwd=place.root, code=2)
    assert "did you mean 'word'" in refused.stderr
    assert not place.runs.exists()


def test_a_pipeline_of_a_cluster_runs_here_when_asked(place: Workplace) -> None:
    text = PIPELINE.replace("default_compute: local", "default_compute: azureml:cpu")
    (place.root / "pipeline.yml").write_text(text, encoding="utf-8")
    refused = place.aml("run", "submit-pipeline", "-y", "pipeline.yml", cwd=place.root, code=2)
    assert "--ct local" in refused.stderr
    assert submit(place, "--ct", "local")["status"] == "Completed"
    done = place.aml("job", "create", "--file", "pipeline.yml", "--ct", "local", cwd=place.root)
    assert "3 reused" in done.stdout


def test_show_as_table_mermaid_and_page(place: Workplace) -> None:
    record = submit(place)
    assert "prep, train" in place.aml("pipeline", "show", "pipeline.yml", cwd=place.root).stdout
    mermaid = place.aml("pipeline", "show", "pipeline.yml", "--mermaid", cwd=place.root).stdout
    assert mermaid.startswith("flowchart LR") and mermaid.count("-->") == 3
    table = place.aml("pipeline", "show", "-r", "latest", cwd=place.root).stdout
    assert table.count("Completed") == 4
    page = (place.runs / record["run_id"] / "pipeline.html").read_text(encoding="utf-8")
    assert "<svg" in page and 'http-equiv="refresh"' not in page and "<script" not in page
    for link in re.findall(r'href="([^"]+std_log\.txt)"', page):
        assert (place.runs / record["run_id"] / link).is_file()


def test_data_that_is_not_here_is_told_before_anything_runs(place: Workplace) -> None:
    text = PIPELINE.replace("path: raw.csv", "path: azureml:rows@latest")
    (place.root / "pipeline.yml").write_text(text, encoding="utf-8")
    refused = place.aml("run", "submit-pipeline", "-y", "pipeline.yml", cwd=place.root, code=2)
    assert "aml dataset register -n rows" in refused.stderr
    assert not place.runs.exists()


PARALLEL = """\
type: pipeline
settings: {default_compute: local}
inputs:
  files: {type: uri_folder, path: files}
jobs:
  score:
    type: parallel
    mini_batch_size: "2"
    max_concurrency_per_instance: 2
    input_data: ${{inputs.files}}
    inputs:
      files: ${{parent.inputs.files}}
    outputs:
      rows: {type: uri_file}
    task:
      type: run_function
      code: src
      entry_script: score.py
      program_arguments: --mark ${{outputs.rows}}
      append_row_to: ${{outputs.rows}}
      environment: {image: x}
  count:
    command: python step.py --read ${{inputs.rows}}
    code: src
    environment: {image: x}
    inputs: {rows: "${{parent.jobs.score.outputs.rows}}"}
"""
SCORE = """\
import argparse, pathlib
def init():
    global mark
    mark = argparse.ArgumentParser(); mark.add_argument("--mark"); mark = mark.parse_known_args()[0].mark
def run(files):
    return [f"{pathlib.Path(file).name} {bool(mark)}" for file in files]
"""


def test_a_parallel_step_and_what_reads_its_rows(place: Workplace) -> None:
    (place.root / "src" / "score.py").write_text(SCORE, encoding="utf-8")
    (place.root / "files").mkdir()
    for number in range(5):
        (place.root / "files" / f"{number}.txt").write_text("x", encoding="utf-8")
    (place.root / "parallel.yml").write_text(PARALLEL, encoding="utf-8")
    record = submit(place, file="parallel.yml")
    rows = (place.runs / record["steps"]["score"]["run_id"] / "outputs" / "rows").read_text(encoding="utf-8")
    assert sorted(rows.splitlines()) == [f"{number}.txt True" for number in range(5)]
    assert ran(submit(place, file="parallel.yml")) == []


SWEEP = """\
type: pipeline
settings: {default_compute: local}
jobs:
  search:
    type: sweep
    trial: trial.yml
    search_space:
      rate: {type: choice, values: [0.1, 0.2]}
    sampling_algorithm: grid
    objective: {primary_metric: score, goal: maximize}
    limits: {max_total_trials: 2}
    outputs: {model: {type: uri_folder}}
  read:
    command: python step.py --read ${{inputs.model}} --write ${{outputs.o}}
    code: src
    environment: {image: x}
    inputs: {model: "${{parent.jobs.search.outputs.model}}"}
    outputs: {o: {type: uri_folder}}
"""
TRIAL = """\
type: command
code: src
command: python score.py --rate ${{inputs.rate}} --out ${{outputs.model}}
environment: {image: x}
inputs: {rate: {type: number}}
outputs: {model: {type: uri_folder}}
"""
METRIC = """\
import argparse, mlflow, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float)
parser.add_argument("--out", type=pathlib.Path)
args = parser.parse_args()
mlflow.log_metric("score", args.rate)
(args.out / "best.txt").write_text(str(args.rate))
"""


def test_a_sweep_s_outputs_are_its_best_trial_s(place: Workplace) -> None:
    import mlflow

    (place.root / "sweep.yml").write_text(SWEEP, encoding="utf-8")
    (place.root / "trial.yml").write_text(TRIAL, encoding="utf-8")
    (place.root / "src" / "score.py").write_text(METRIC, encoding="utf-8")
    packages = Path(mlflow.__file__).parents[1]
    env = {"PYTHONPATH": os.pathsep.join([place.environment()["PYTHONPATH"], str(packages)])}
    words = ("run", "submit-pipeline", "-n", "exp", "-y", "sweep.yml", "-o", "json")
    for again in (False, True):
        record = json.loads(place.aml(*words, cwd=place.root, env=env).stdout)
        steps = {step["name"]: step for step in record["steps"]}
        assert {step["reused"] for step in steps.values()} == {again}
        made = place.runs / steps["read"]["run_id"] / "outputs" / "o" / "made.txt"
        assert made.read_text(encoding="utf-8") == "0.2"


def test_an_output_of_the_pipeline_is_registered_from_the_step_that_made_it(place: Workplace) -> None:
    words = ("run", "submit-pipeline", "-n", "exp", "-y", "pipeline.yml", "-o", "json")
    steps = json.loads(place.aml(*words, cwd=place.root).stdout)["steps"]
    (train,) = [step["run_id"] for step in steps if step["name"] == "train"]
    place.aml(*words, cwd=place.root)  # whose steps are all reused
    register = ("model", "register", "-n", "made", "-r", "latest", "--asset-path")
    for path, name in (("outputs/model", "model"), ("outputs/model/made.txt", "made.txt")):
        made = json.loads(place.aml(*register, path, "-o", "json", cwd=place.root).stdout)
        assert made["runId"] == train and made["path"].endswith(f"/{name}"), made
    told = place.aml(*register, "outputs/tables", cwd=place.root, code=2).stderr
    assert "has no outputs/tables" in told and "Its outputs are: outputs/model" in told
