"""One suite that every target passes: the same project and run configuration, the same assertions on what a script sees
and on what is left behind. `azureml` is the stand-in of tests/cloud: where Node.js is missing it skips and says so.
"""

from __future__ import annotations

import json
import shutil

import pytest
from support.places import Place

pytestmark = pytest.mark.slow


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
    assert seen["variables"]["NUMBERS"] == seen["arguments"][1]


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
    place.until("run.json", "Running")
    place.aml("run", "cancel", "-r", "run.json")
    ended = place.aml("run", "monitor-logs", "-r", "run.json", code=130)
    assert "Status: Canceled" in ended.out and place.shown()["status"] == "Canceled"
    assert "has already finished" in place.aml("run", "cancel", "-r", "run.json").out
    place.until_nothing_is_left(place.record()["run_id"])


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
    before = place.runs()
    done = place.submit(*words, code=2, to="none.json")
    assert says in done.err
    assert place.runs() == before and not (place.root / "none.json").exists()


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
job = amlrun.load_runconfig("train", target=place, arguments=["train.py", "--log-metrics"], **more)
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
    job = amlrun.load_runconfig("train", target=place, arguments=["train.py", word], **more)
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
