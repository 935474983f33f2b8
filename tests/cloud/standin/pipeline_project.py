"""A project with a pipeline of four steps, attached to a workspace of its own."""

from __future__ import annotations

from pathlib import Path

from support import pipelines

from standin.project import Cloud
from standin.world import World

WORDS = ("run", "submit-pipeline", "-n", "exp", "-y", "pipeline.yml", "-t", "run.json")
STEP = """\
  {name}:
    command: python step.py --read ${{{{inputs.before}}}} --write ${{{{outputs.made}}}} --word {name}
    code: {code}
    environment: {{image: mcr.microsoft.com/x, conda_file: aml_config/conda.yml}}
    inputs: {{before: "{before}"}}
    outputs: {{made: {made}}}
"""
HEAD = """\
type: pipeline
settings: {default_compute: azureml:cpu-cluster, continue_on_step_failure: false}
inputs: {raw: {type: uri_folder, path: data}}
outputs: {model: {type: custom_model}}
jobs:
"""


def project(world: World, path: Path, *, folders: bool = False) -> Cloud:
    """The project; `folders`: each step has a folder of code of its own."""
    cloud = Cloud(world, path)
    (path / "data").mkdir()
    (path / "data" / "raw.csv").write_text("a,b\n", encoding="utf-8")
    text, before = HEAD, "${{parent.inputs.raw}}"
    for name in ("prep", "train", "evaluate", "register"):
        code = name if folders else "src"
        (path / code).mkdir(exist_ok=True)
        (path / code / "step.py").write_text(pipelines.STEP + (f"# {name}\n" if folders else ""), encoding="utf-8")
        made = "{type: custom_model, path: '${{parent.outputs.model}}'}" if name == "train" else "{type: uri_folder}"
        text += STEP.format(name=name, code=code, before=before, made=made)
        before = f"${{{{parent.jobs.{name}.outputs.made}}}}"
    (path / "pipeline.yml").write_text(text, encoding="utf-8")
    return cloud
