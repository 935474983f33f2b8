"""One suite that every target passes: the same project and run configuration, the same assertions on what a script sees
and on what is left behind. `azureml` is the stand-in of tests/cloud: where Node.js is missing it skips and says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[2] / "cloud"))
import install
from standin.world import GROUP, SUBSCRIPTION, Ended, World
from support.workplace import Workplace

pytestmark = pytest.mark.slow

# Writes down all that it sees; what else it does is chosen by its arguments.
SCRIPT = """\
import json, os, sys, time
arguments = sys.argv[1:]
print("script runs with", arguments, flush=True)
print("to stderr", file=sys.stderr, flush=True)
def read(folder):
    return open(os.path.join(folder, "a.csv")).read() if folder else None
names = ("AZUREML_RUN_ID", "AZUREML_EXPERIMENT_NAME", "GREETING", "EMPTY", "NUMBERS", "MLFLOW_TRACKING_URI")
seen = {
    "arguments": arguments,
    "variables": {name: os.environ.get(name) for name in names},
    "files": sorted(os.path.join(top, file)[2:].replace(os.sep, "/") for top, _, all in os.walk(".") for file in all),
    "folders": [name for name in ("outputs", "logs") if os.path.isdir(name)],
    "beside": os.path.samefile(os.path.dirname(os.path.abspath(__file__)), os.getcwd()),
    "by argument": read(arguments[arguments.index("--data") + 1]) if "--data" in arguments else None,
    "by variable": read(os.environ.get("NUMBERS")),
}
with open("outputs/seen.json", "w") as stream:
    json.dump(seen, stream)
with open("logs/note.txt", "w") as stream:
    stream.write("a note")
if "--log-metrics" in arguments:
    import mlflow
    for step in range(3):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metric("accuracy", 0.75)
if "--raise" in arguments:
    raise ValueError("it was asked to raise")
if "--wait" in arguments:
    time.sleep(600)
print("done", flush=True)
"""
CONFIG = """\
script: train.py
arguments: [--data, /data, --word, "a b", --log-metrics]
target: local
environment:
  environmentVariables: {GREETING: "hello, you", EMPTY: ""}
  python:
    userManagedDependencies: true
    interpreterPath: %s
  docker:
    baseImage: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04
data:
  numbers:
    dataLocation: {dataset: {name: numbers, version: "1"}}
    mechanism: mount
    environmentVariableName: NUMBERS
    pathOnCompute: /data
"""


@dataclass
class Place:
    """A project on one target. `submit` adds the target's name; nothing else differs."""

    name: str
    target: str
    root: Path
    run: Callable[..., Ended]
    of_the_workspace: tuple[str, ...] = ()
    environment: Callable[[], dict[str, str]] = dict
    first: Ended | None = None

    def api(self, code: str) -> Any:
        """What a program prints as JSON that uses the library in this place; `place` is its target's name."""
        words = [sys.executable, "-c", f"place = {self.target!r}\n{code}"]
        done = subprocess.run(
            words, cwd=self.root, env=self.environment(), capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0 and done.stderr == "", done.stderr
        return json.loads(done.stdout)

    def aml(self, *words: str, code: int | None = 0) -> Ended:
        done = self.run(*words)
        assert code is None or done.code == code, f"{words}: {done.code}\n{done.text}"
        assert "Traceback (most recent call last)" not in done.err, done.err
        return done

    def submit(self, *words: str, code: int | None = 0, to: str = "run.json") -> Ended:
        """`--ct` names the target, everything else is the same file; `words` end with script and arguments."""
        submit = ("run", "submit-script", "-c", "train", "-e", "exp", "--ct", self.target, "-t", to)
        return self.aml(*submit, *words, code=code)

    def record(self, file: str = "run.json") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / file).read_text(encoding="utf-8"))
        return found

    def shown(self, run: str = "run.json") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.aml("run", "show", "-r", run, "-o", "json").out)
        return found

    def folder(self, file: str = "run.json") -> Path:
        return self.root / "runs" / str(self.record(file)["run_id"])

    def seen(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder("first.json") / "outputs" / "seen.json").read_text())
        return found


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    why = install.missing()
    if why or os.name == "nt":
        pytest.skip(why or "the stand-in runs commands with bash")
    with World() as made:
        yield made
        assert made.network.refused == []


def local(root: Path) -> Place:
    workplace = Workplace(root)

    def run(*words: str) -> Ended:
        process = workplace.start(*words, cwd=root)
        out, err = (stream.decode("utf-8", "replace") for stream in process.communicate(timeout=300))
        return Ended(process.returncode, out, err)

    return Place("local", "local", root, run, environment=workplace.environment)


def azureml(root: Path, world: World) -> Place:
    workspace = world.workspace()
    names = {"subscription_id": SUBSCRIPTION, "resource_group": GROUP, "workspace_name": workspace.name}
    (root / ".azureml").mkdir()
    (root / ".azureml" / "config.json").write_text(json.dumps(names), encoding="utf-8")
    quick = {"AML_AZURE_POLL": "0.2", "AML_CACHE_DIR": str(root.parent / "cache")}

    def run(*words: str) -> Ended:
        return world.aml(*words, cwd=root, timeout=300, **quick)

    return Place("azureml", "cpu-cluster", root, run, ("-w", workspace.name), lambda: world.environment(**quick))


def made(root: Path, build: Callable[[Path], Place]) -> Place:
    """The project, with its dataset registered and one good run behind it, which `first.json` tells of."""
    for folder in ("aml_config", "package", "numbers", "private"):
        (root / folder).mkdir(parents=True)
    (root / "aml_config" / "train.runconfig").write_text(CONFIG % json.dumps(sys.executable), encoding="utf-8")
    files = {
        ".copier-answers.yml": "_src_path: here\n", ".amlignore": "data/\nnumbers/\nprivate/\n*.tmp\n*.json\n",
        "train.py": SCRIPT, "package/naïve file.py": "x = 1\n", "numbers/a.csv": "1,2\n", "private/plan.txt": "x",
        "scratch.tmp": "x", "id_rsa": "x",
    }  # fmt: skip
    for file, text in files.items():
        (root / file).write_text(text, encoding="utf-8")
    place = build(root)
    place.aml("dataset", "register", "-n", "numbers", "-p", "numbers", *place.of_the_workspace)
    place.first = place.submit(to="first.json")
    place.aml("run", "download-logs", "-r", "first.json", "-d", "fetched")
    return place


@pytest.fixture(scope="module")
def on_local(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return made(tmp_path_factory.mktemp("local") / "project", local)


@pytest.fixture(scope="module")
def on_azureml(tmp_path_factory: pytest.TempPathFactory, world: World) -> Place:
    return made(tmp_path_factory.mktemp("azureml") / "project", lambda root: azureml(root, world))


@pytest.fixture(scope="module", params=["local", "azureml"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(f"on_{request.param}")
    return found


def test_the_command_says_how_it_went(place: Place) -> None:
    assert place.first is not None
    out = place.first.out
    assert "script runs with ['--data'" in out and "to stderr" in out and out.index("to stderr") < out.index("done\n")
    assert "Status: Completed" in out and f"RunId: {place.record('first.json')['run_id']}" in out
    assert "loss: 0.333333" in out and "accuracy: 0.75" in out


def test_the_working_directory_is_the_snapshot(place: Place) -> None:
    seen = place.seen()
    ours = [name for name in seen["files"] if not name.startswith((".run", "user_logs"))]
    wanted = [".amlignore", ".copier-answers.yml", "aml_config/train.runconfig", "package/naïve file.py", "train.py"]
    assert ours == wanted
    assert seen["folders"] == ["outputs", "logs"] and seen["beside"]


def test_the_run_knows_its_name(place: Place) -> None:
    variables = place.seen()["variables"]
    assert variables["AZUREML_RUN_ID"] == place.record("first.json")["run_id"]
    assert variables["AZUREML_EXPERIMENT_NAME"] == "exp" and variables["MLFLOW_TRACKING_URI"]


def test_data_arrives_as_paths(place: Place) -> None:
    seen = place.seen()
    assert seen["by argument"] == seen["by variable"] == "1,2\n"
    assert seen["variables"]["NUMBERS"] == seen["arguments"][1] and not seen["arguments"][1].startswith("/data")


def test_arguments_and_variables_are_the_files(place: Place) -> None:
    seen = place.seen()
    assert seen["arguments"][2:] == ["--word", "a b", "--log-metrics"]
    assert (seen["variables"]["GREETING"], seen["variables"]["EMPTY"]) == ("hello, you", "")


def test_metrics_land_in_the_run(place: Place) -> None:
    metrics = place.shown("first.json")["metrics"]
    assert metrics == {"loss": pytest.approx(1 / 3), "accuracy": 0.75}


def test_what_a_run_leaves_here(place: Place) -> None:
    folder = place.folder("first.json")
    for kept in (folder, place.root / "fetched"):
        assert (kept / "user_logs" / "std_log.txt").read_text(encoding="utf-8").endswith("done\n")
        assert (kept / "logs" / "note.txt").read_text() == "a note"
    assert (folder / "outputs" / "seen.json").is_file()
    again = place.aml("run", "monitor-logs", "-r", "first.json").out
    assert "script runs with" in again and "Status: Completed" in again


def test_a_model_comes_from_a_run(place: Place) -> None:
    words = ("model", "register", "-n", "m", "-f", "first.json", "--asset-path", "outputs/seen.json", "--tag", "a=b")
    made = json.loads(place.aml(*words, "-o", "json").out)
    assert (made["name"], made["runId"], made["tags"]["a"]) == ("m", place.record("first.json")["run_id"], "b")
    assert made["experimentName"] == "exp" and str(made["version"]) == "1"
    missing = place.aml("model", "register", "-n", "m", "-f", "first.json", "--asset-path", "outputs/gone", code=2)
    assert "has no outputs/gone" in missing.err and "outputs/seen.json" in missing.err


def test_trailing_words_replace_the_files_and_arrive_as_they_are(place: Place) -> None:
    words = ["--unknown", "x y", "", "it's", '"q"', "$HOME", "a;b", "*", "--", "-9", "é", "back\\slash", "tab\there"]
    done = place.submit("-o", "json", "train.py", *words)
    record = json.loads(done.out)
    assert record["status"] == "Completed" and record["run_id"] == place.record()["run_id"]
    assert f"script runs with {words}" in done.err


def test_a_script_that_fails(place: Place) -> None:
    done = place.submit("train.py", "--raise", code=1)
    assert "ValueError: it was asked to raise" in done.out and "Status: Failed" in done.out and "Log: " in done.out
    record = place.record()
    assert record["status"] == "Failed" and record["exit_code"] != 0 and "code 1" in record["error"]["message"]
    assert record["run_id"] in done.err and "code 1" in done.err
    assert "it was asked to raise" in place.aml("run", "monitor-logs", "-r", "run.json", code=1).out


def test_a_run_is_cancelled(place: Place) -> None:
    done = place.submit("--async", "train.py", "--wait")
    assert f"monitor-logs -r {place.record()['run_id']}" in done.out
    deadline = time.monotonic() + 120
    while place.shown()["status"] != "Running":
        assert time.monotonic() < deadline, "the run never began"
        time.sleep(0.2)
    place.aml("run", "cancel", "-r", "run.json")
    ended = place.aml("run", "monitor-logs", "-r", "run.json", code=130)
    assert "Status: Canceled" in ended.out and place.shown()["status"] == "Canceled"
    assert "has already finished" in place.aml("run", "cancel", "-r", "run.json").out


def test_runs_are_listed_and_tagged(place: Place) -> None:
    place.aml("run", "update", "-r", "first.json", "--add-tag", "colour=blue")
    listed = json.loads(place.aml("run", "list", "-e", "exp", "--tags", "colour=blue", "-o", "json").out)
    assert [one["run_id"] for one in listed] == [place.record("first.json")["run_id"]]
    assert (listed[0]["status"], listed[0]["target"], listed[0]["exit_code"]) == ("Completed", place.target, 0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("gone.py",), "there is no 'gone.py'"),
        (("-e", "bad name"), "is not a valid experiment name"),
        (("--source-directory", "gone"), "gone"),
        (("-c", "trian"), "Did you mean 'train'"),
    ],
)
def test_bad_input_starts_nothing(place: Place, words: tuple[str, ...], says: str) -> None:
    before = {run.name for run in (place.root / "runs").iterdir()}
    done = place.submit(*words, code=2, to="none.json")
    assert says in done.err
    assert {run.name for run in (place.root / "runs").iterdir()} == before and not (place.root / "none.json").exists()


def test_an_ignored_script_is_refused(place: Place) -> None:
    assert "excluded by an ignore file" in place.submit("scratch.tmp", code=2).err


def test_what_a_record_says(place: Place) -> None:
    record = place.record("first.json")
    assert record["script_name"] == "train.py" and record["run_type"] == "azureml.scriptrun"
    assert record["created_utc"] <= record["start_time_utc"] <= record["end_time_utc"]
    assert record["seconds"] >= 0 and record["data_container_id"] == f"dcid.{record['run_id']}"


def test_records_have_the_same_keys(on_local: Place, on_azureml: Place) -> None:
    """`-t run.json` and `run show -o json`; in the cloud they also say where the run lives."""
    more = {"remote", "workspace", "studio_url"}
    for ours, theirs in (
        (on_local.record("first.json"), on_azureml.record("first.json")),
        (on_local.shown("first.json"), on_azureml.shown("first.json")),
    ):
        assert set(theirs) == set(ours) | more


# Every verb of `Run`, as a program uses it.
VERBS = """
import json, amlrun
told = []
job = amlrun.load_runconfig("train", target=place, arguments=["train.py", "--log-metrics"])
run = amlrun.submit(job, experiment="exp", on_event=told.append)
early = run.wait(timeout=0.001)
ended = run.wait()
log = b"".join(one.data for one in told if isinstance(one, amlrun.LogOutput))
run.download()
run.tag(colour="red", **{"with space": "1"})
again = amlrun.get_run(run.id)
print(json.dumps({
    "early": early, "early is final": early.is_final, "ended": ended, "status": again.status(), "id": run.id,
    "created": [one.run.id for one in told if isinstance(one, amlrun.RunCreated)],
    "experiment": again.experiment, "folder": str(again.folder), "told": log.decode(),
    "log": b"".join(again.logs()).decode(), "followed": b"".join(again.logs(follow=True)).decode(),
    "metrics": again.metrics(), "has files": again.has_files, "outputs": [one.name for one in again.outputs()],
    "copied": sorted(one.relative_to(again.folder / "c").as_posix() for one in again.download(again.folder / "c")),
    "tags": again.record()["tags"], "children": [one.id for one in again.children()],
    "best": again.best_child() and 1, "message": again.outcome().message, "cancel": again.cancel(),
    "listed": [one.id for one in amlrun.list_runs(tags={"colour": "red"})],
    "compute": amlrun.list_runs(compute=place, last=1)[0].id,
}))
"""


def test_a_run_is_an_object_with_the_same_verbs(place: Place) -> None:
    seen = place.api(VERBS)
    assert (seen["ended"], seen["status"], seen["cancel"]) == ("Completed",) * 3 and not seen["early is final"]
    assert seen["created"] == seen["listed"] == [seen["compute"]] == [seen["id"]] and seen["experiment"] == "exp"
    assert seen["folder"] == str(place.root / "runs" / seen["id"])
    assert seen["told"].startswith("script runs with") and seen["log"] == seen["followed"] and "done" in seen["log"]
    assert seen["metrics"] == {"loss": pytest.approx(1 / 3), "accuracy": 0.75}
    assert seen["has files"] and seen["outputs"] == ["seen.json"]
    assert {"logs/note.txt", "outputs/seen.json", "user_logs/std_log.txt"} <= set(seen["copied"])
    assert seen["tags"] == {"colour": "red", "with space": "1"}
    assert (seen["children"], seen["best"], seen["message"]) == ([], None, "")


def test_a_run_that_is_cancelled_or_fails_by_its_handle(place: Place) -> None:
    code = """
import json, time, amlrun
found = {}
for word in ("--wait", "--raise"):
    job = amlrun.load_runconfig("train", target=place, arguments=["train.py", word])
    run = amlrun.submit(job, experiment="exp")
    while word == "--wait" and b"script runs" not in b"".join(run.logs()):
        time.sleep(0.1)
    if word == "--wait":
        run.cancel("enough")
    found[word] = [run.wait(), run.outcome().status, run.outcome().message]
print(json.dumps(found))
"""
    found = place.api(code)
    assert found["--wait"][:2] == ["Canceled", "Canceled"]
    assert found["--raise"][:2] == ["Failed", "Failed"] and "code 1" in found["--raise"][2]


def test_a_cloud_run_that_nobody_watched_tells_the_same(on_azureml: Place) -> None:
    """From a machine that knows only the run's id."""
    folder, wanted = on_azureml.folder("first.json"), on_azureml.shown("first.json")
    aside = folder.rename(folder.with_name("aside"))
    try:
        shown = on_azureml.shown(folder.name)
    finally:
        shutil.rmtree(folder)
        aside.rename(folder)
    for key in ("status", "exit_code", "metrics", "start_time_utc", "end_time_utc", "seconds", "target"):
        assert shown[key] == wanted[key], key
