"""Careless files: whatever is deleted, doubled, moved or misspelt in a pipeline, a mistake has its file and line."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support.pipelines import PIPELINE, project

from amlrun.errors import AmlError
from amlrun.pipeline import graph, load

V1 = """\
pipeline:
  parameters:
    shift: {type: float, default: 0.1}
  data_references:
    raw: {datastore: store, path_on_datastore: in/raw.csv}
  default_compute: cpu
  steps:
    Prepare:
      type: PythonScriptStep
      script_name: step.py
      source_directory: src
      arguments: [--raw, input:raw, --out, output:tables]
      inputs:
        raw: {source: raw, bind_mode: download}
      outputs:
        tables: {destination: prepared}
    Train:
      type: PythonScriptStep
      script_name: step.py
      source_directory: src
      allow_reuse: false
      parameters:
        shift: {source: shift}
      inputs:
        tables: {source: prepared}
"""
COMPONENT = """\
type: command
inputs:
  tables: {type: uri_folder}
  rate: {type: number, optional: true, min: -1}
outputs:
  model: {type: custom_model}
code: src
command: python step.py --read ${{inputs.tables}} $[[--word ${{inputs.rate}}]]
environment: {image: x}
"""
NAMED = "type: pipeline\njobs:\n  a:\n    component: part.yml\n    inputs: {rate: 1}\n"
WORDS = ("[]", "{}", "~", "1", "true", "${{parent.jobs.prep.outputs.tables}}", "- a", "[[1]]", "{a: {b: c}}", "sweep",
         "pipeline", "automl", "parallel", "0x1", "2026-01-01")  # fmt: skip


def spoil(text: str, dice: random.Random) -> str:
    lines = text.split("\n")
    for _ in range(dice.randint(1, 3)):
        at, kind = dice.randrange(len(lines)), dice.randrange(5)
        if kind == 0 and len(lines) > 1:
            del lines[at]
        elif kind == 1:
            lines.insert(at, dice.choice(lines))
        elif kind == 2 and ":" in lines[at]:
            lines[at] = f"{lines[at].partition(':')[0]}: {dice.choice(WORDS)}"
        elif kind == 3:
            lines[at] = " " * dice.randrange(9) + lines[at].strip()
        elif lines[at]:
            place = dice.randrange(len(lines[at]))
            lines[at] = lines[at][:place] + dice.choice("az:-{}[]$'\"# ") + lines[at][place + 1 :]
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(4))
def test_a_spoilt_file_is_told_or_read(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - no secret
    told = read = 0
    for _ in range(40):
        which = dice.randrange(3)
        texts = [PIPELINE, V1, NAMED]
        file = project(tmp_path, texts[which] if which == 2 else spoil(texts[which], dice))
        (tmp_path / "part.yml").write_text(spoil(COMPONENT, dice) if which == 2 else COMPONENT, encoding="utf-8")
        try:
            reading = load.inspect(file, tmp_path)
            wrong = load.mistakes(reading)
            assert all(error.file is not None and error.line for error in wrong), [str(error) for error in wrong]
            if not wrong:
                graph.nodes(reading.job)
        except AmlError as error:
            assert error.file is not None and error.line
            told += 1
        else:
            told, read = told + bool(wrong), read + (not wrong)
    assert told > 10 and told + read == 40
