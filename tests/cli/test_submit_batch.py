"""`aml run submit-batch`: a batch is a run like any other."""

from __future__ import annotations

import collections
import json

from support.serving import Place, place_fixture  # noqa: F401 - the fixture `place`

from amlrun.runs import store as runs


def test_a_batch_is_a_run_like_any_other(place: Place) -> None:
    folder = place.root / "to-score"
    folder.mkdir()
    (table,) = (place.root / "data").rglob("*.csv")
    lines = table.read_text().splitlines()
    for number in range(30):
        (folder / f"part{number:02}.csv").write_text(
            "\n".join([lines[0], *lines[1 + number * 5 : 6 + number * 5]]) + "\n"
        )
    words = (
        "run",
        "submit-batch",
        "-c",
        "batch-score",
        "-p",
        str(place.model_file),
        "-d",
        str(folder),
        "-t",
        "run.json",
    )
    done = place.aml(*words)
    assert "30 of 30 files, 150 rows" in done.stdout
    record = json.loads((place.model / "run.json").read_text())
    assert record["status"] == "Completed"
    assert record["tags"]["batch"] == "true"
    output = place.root / "runs" / record["run_id"] / "outputs" / "parallel_run_step.txt"
    scored = [line.split() for line in output.read_text().splitlines()]
    assert collections.Counter(line[0] for line in scored) == {f"part{number:02}.csv": 5 for number in range(30)}
    assert all(abs(float(line[2]) + float(line[3]) - 1) < 1e-9 for line in scored)
    assert "150 rows" in place.aml("run", "monitor-logs", "-r", "latest").stdout
    continued = place.aml(*words, "--continue", "latest")
    assert "30 files are already scored" in continued.stdout
    second = json.loads((place.model / "run.json").read_text())["run_id"]
    listed = [one["run_id"] for one in place.json("run", "list", "--tags", "batch=true")]
    assert {record["run_id"], second} <= set(listed)
    (place.root / "copied").mkdir()
    elsewhere = place.aml(*words[:-4], "-d", "../../copied", "--continue", "latest", code=1)
    assert f"files of the same names in {place.root / 'copied'} count as done" in elsewhere.stderr
    other = place.root / "other.pkl"
    other.write_bytes(place.model_file.read_bytes() + b"\n")
    refused = place.aml("run", "submit-batch", "-p", str(other), "-d", str(folder), "--continue", second, code=2)
    assert f"run {second} scored with {place.model_file}, not with " in refused.stderr


def test_a_datasets_name_is_as_good_as_a_folder(place: Place) -> None:
    done = place.aml("run", "submit-batch", "-p", str(place.model_file), "-d", "sample")
    assert "569 rows" in done.stdout


def test_what_the_batch_command_refuses(place: Place) -> None:
    words = ("run", "submit-batch", "-p", str(place.model_file))
    assert "no files given" in place.aml(*words, code=2).stderr
    assert "aml dataset register -n nosuch" in place.aml(*words, "-d", "nosuch", code=2).stderr
    assert "no such file or folder: no/such" in place.aml(*words, "-d", "no/such", code=2).stderr
    runs.create(place.root / "runs", "train_1", {})
    sample = (*words, "-d", "../../data/sample")
    assert "train_1 is not a local batch run" in place.aml(*sample, "--continue", "train_1", code=2).stderr
    assert "Looked for" in place.aml(*words, "-c", "nosuch", "-d", "../../data/sample", code=2).stderr
    assert "name one model" in place.aml("run", "submit-batch", "-d", "../../data/sample", code=2).stderr
    (place.model / "bad.yml").write_text("entry_script: score_batch.py\nmini_batch_size: none\n")
    assert "bad.yml:2: mini_batch_size" in place.aml(*words, "-c", "bad", "-d", "../../data/sample", code=2).stderr


def test_the_batch_export_is_written(place: Place) -> None:
    done = place.aml("run", "submit-batch", "-m", "demo-model:1", "--export", "out")
    assert "az ml batch-deployment create" in done.stdout
    assert "demo-model:1" in (place.model / "out" / "batch-deployment.yml").read_text()
