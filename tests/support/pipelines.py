"""A small pipeline project: four scripts with the standard library alone, and the pipeline over them."""

from __future__ import annotations

from pathlib import Path

STEP = """\
import argparse, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--read", action="append", default=[], type=pathlib.Path)
parser.add_argument("--write", type=pathlib.Path)
parser.add_argument("--word", default="")
args = parser.parse_args()
texts = []
for place in args.read:
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    texts += [file.read_text() for file in files if file.is_file()]
if args.word == "fail":
    raise SystemExit("told to fail")
print("worked on", len(texts), "files")
if args.write:
    (args.write / "made.txt").write_text("".join(texts) + args.word)
"""

PIPELINE = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
experiment_name: training
settings:
  default_compute: local
  continue_on_step_failure: false
inputs:
  raw:
    type: uri_file
    path: raw.csv
  word: first
outputs:
  model:
    type: custom_model
jobs:
  prep:
    command: python step.py --read ${{inputs.raw}} --write ${{outputs.tables}} --word ${{inputs.word}}
    code: src
    environment: &environment
      image: python:3.11
    inputs:
      raw: ${{parent.inputs.raw}}
      word: ${{parent.inputs.word}}
    outputs:
      tables:
        type: uri_folder
  train:
    command: python step.py --read ${{inputs.tables}} --write ${{outputs.model}}
    code: src
    environment: *environment
    inputs:
      tables: ${{parent.jobs.prep.outputs.tables}}
    outputs:
      model:
        type: custom_model
        path: ${{parent.outputs.model}}
  report:
    command: python step.py --read ${{inputs.model}} --read ${{inputs.tables}}
    code: src
    environment: *environment
    inputs:
      model: ${{parent.jobs.train.outputs.model}}
      tables: ${{parent.jobs.prep.outputs.tables}}
"""


def project(root: Path, text: str = PIPELINE) -> Path:
    """Make the project below `root`. Returns the pipeline's file."""
    (root / "src").mkdir(parents=True, exist_ok=True)
    (root / "src" / "step.py").write_text(STEP, encoding="utf-8")
    (root / "raw.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (root / "pyproject.toml").write_text("", encoding="utf-8")
    file = root / "pipeline.yml"
    file.write_text(text, encoding="utf-8")
    return file


def line_of(text: str, words: str) -> int:
    """The line of a file's text on which `words` are."""
    return text[: text.index(words)].count("\n") + 1
