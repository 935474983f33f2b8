"""From a training pipeline to one that scores: what is kept, what is dropped and why, what is refused."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from amlrun.errors import AmlError
from amlrun.pipeline import inference, load
from amlrun.spec import write

pytestmark = pytest.mark.unit
STEP = """\
  {name}:
    command: python step.py {words}
    code: src
    environment: azureml:env:1
    inputs: {inputs}
    outputs: {outputs}
"""


def pipeline(root: Path, *steps: tuple[str, dict[str, str], str], model: str = "") -> Path:
    (root / "src").mkdir()
    (root / "raw.csv").write_text("a\n")
    text = "type: pipeline\nsettings: {default_compute: azureml:c}\n"
    text += "inputs: {raw: {type: uri_file, path: raw.csv}, rate: 0.1}\njobs:\n"
    for name, inputs, outputs in steps:
        given = ", ".join(f"{key}: '${{{{parent.{value}}}}}'" for key, value in inputs.items())
        words = " ".join(f"${{{{inputs.{key}}}}}" for key in inputs)
        text += STEP.format(name=name, words=words, inputs="{" + given + "}", outputs=outputs)
    file = root / "pipeline.yml"
    file.write_text(text, encoding="utf-8")
    return file


FULL = (
    ("prep", {"raw": "inputs.raw"}, "{rows: {type: uri_folder}}"),
    ("split", {"rows": "jobs.prep.outputs.rows", "rate": "inputs.rate"}, "{train: {type: uri_folder}}"),
    ("train", {"rows": "jobs.split.outputs.train"}, "{model: {type: custom_model, name: good}}"),
    ("score", {"rows": "jobs.prep.outputs.rows", "model": "jobs.train.outputs.model"}, "{found: {type: uri_folder}}"),
    ("report", {"found": "jobs.score.outputs.found"}, "{}"),
)


def test_what_only_trains_is_dropped(tmp_path: Path) -> None:
    file = pipeline(tmp_path, *FULL)
    found = inference.derive(load.load(file, tmp_path), "train.model")
    assert found.kept == ["prep", "score"] and found.model == "good"
    assert found.dropped == {
        "split": "only feeds train",
        "train": "makes the model, which is read from the registry",
        "report": "comes after score, which scores",
    }
    assert set(found.job.inputs) == {"raw", "model"} and found.job.inputs["model"].path == "azureml:good@latest"
    assert list(found.job.outputs) == ["found"]

    written = tmp_path / "score.yml"
    text = write.text(found.job, tmp_path)
    written.write_text(text, encoding="utf-8")
    assert "path: ./raw.csv" in text, "a path of this machine stays relative to the file"
    again = load.load(written, tmp_path)
    assert list(again.jobs) == ["prep", "score"]
    ast.parse(inference.score_py(found))


@pytest.mark.parametrize(
    ("output", "steps", "words"),
    [
        ("train", FULL, "expected STEP.OUTPUT"),
        ("tran.model", FULL, "there is no step 'tran'"),
        ("train.modle", FULL, "has no output 'modle'"),
        ("train.model", FULL[:3], "no step reads it"),
        ("prep.rows", FULL[:3], "no step reads both this model and data: split read it alone"),
        (
            "train.model",
            (
                *FULL[:2],
                ("train", FULL[2][1], "{model: {type: custom_model, name: m}, rows: {type: uri_folder}}"),
                ("score", {"rows": "jobs.train.outputs.rows", "model": "jobs.train.outputs.model"}, "{}"),
            ),
            "is needed to score too",
        ),
        ("train.model", (*FULL[:2], ("train", FULL[2][1], "{model: {type: custom_model}}"), FULL[3]), "has no name"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, output: str, steps: tuple[tuple[str, dict[str, str], str], ...], words: str
) -> None:
    job = load.load(pipeline(tmp_path, *steps), tmp_path)
    with pytest.raises(AmlError, match=words):
        inference.derive(job, output)
