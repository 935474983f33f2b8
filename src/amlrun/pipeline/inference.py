"""From a training pipeline to one that scores, by the Designer's rules (concept-designer.md): the trained model takes
the place of what made it, and what only trains is dropped. It is a beginning to be looked at: the input it expects is
the training data's.
"""

from __future__ import annotations

import copy

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.pipeline import graph
from amlrun.spec.job import CommandJob, Input, Output
from amlrun.spec.pipeline import MODEL_TYPES, Binding, PipelineJob, Step, bindings, whole_binding
from amlrun.v1.config import free_name

_SCORE = '''\
"""Answer scoring requests with the model {model}: `init()` once in each process, `run(data)` for each request."""

import json
import os
from pathlib import Path

import joblib
import pandas as pd

model = None


def init():
    """Load the model from AZUREML_MODEL_DIR."""
    global model
    folder = Path(os.environ["AZUREML_MODEL_DIR"])
    model = joblib.load(sorted([*folder.rglob("*.pkl"), *folder.rglob("*.joblib")])[0])


# The pipeline scores in these steps. What they do to the rows belongs between `rows` and `predict`:
{steps}
def run(data):
    """The predictions for `{{"data": [{{"column": value}}, …]}}`."""
    rows = pd.DataFrame(json.loads(data)["data"])
    return {{"predictions": model.predict(rows).tolist()}}
'''


@dataclass
class Inference:
    """The pipeline that scores; `dropped` says why each step is not in it, `model` is the registered model's name."""

    job: PipelineJob
    model: str
    kept: list[str]
    dropped: dict[str, str] = field(default_factory=dict)


def derive(job: PipelineJob, output: str, registered: str | None = None) -> Inference:
    """The pipeline that scores with output `STEP.OUTPUT` of a training pipeline, read from the registry.

    `registered` is the model's name; by default that of the output. Raises AmlError for an output that is not there,
    and when no step reads both the model and data.
    """
    maker, name = _output(job, output)
    bound = Binding(maker.name, "outputs", name)
    readers = [step for step in job.jobs.values() if bound in _reads(step)]
    users = [step for step in readers if any(one != bound for one in _data(job, step))]
    if not users:
        what = f"{', '.join(step.name for step in readers)} read it alone" if readers else "no step reads it"
        hint = "A step that scores reads the model and the data: bind one to it, for instance the evaluation."
        raise maker.error(f"outputs.{name}", f"no step reads both this model and data: {what}", hint)
    kept = _needed(job, [step.name for step in users], bound)
    if maker.name in kept:
        hint = "A step that scores reads data that no training has made."
        raise maker.error("", f"is needed to score too: {users[0].name} reads what it makes beside the model", hint)
    made = copy.deepcopy(job)
    made.jobs = {step: made.jobs[step] for step in job.jobs if step in kept}
    model = registered or _name(job, maker, name)
    key = free_name("model", job.inputs)
    made.inputs[key] = Input(_type(maker, name), f"azureml:{model}@latest")
    for step in made.jobs.values():
        for given in step.inputs.values():
            _rebind(given, bound, key)
    used = {one.name for step in made.jobs.values() for one in _reads(step) if not one.step and one.kind == "inputs"}
    made.inputs = {one: given for one, given in made.inputs.items() if one in used}
    _outputs(made, [step.name for step in users])
    made.display_name = f"{job.display_name or job.source.file.stem}-scoring"
    made.name = None
    return Inference(made, model, [*made.jobs], _dropped(job, maker, kept, [step.name for step in users]))


def _output(job: PipelineJob, text: str) -> tuple[Step, str]:
    step_name, dot, name = text.partition(".")
    if not dot or not name:
        raise AmlError(f"--model: expected STEP.OUTPUT, got {text!r}", hint="For instance: --model train.model")
    step = job.jobs.get(step_name)
    if step is None:
        step = job.jobs[
            graph.select({one: node for one, node in graph.nodes(job).items() if "." not in one}, step_name)
        ]
    known = [*dict.fromkeys([*step.component.outputs, *step.outputs])]
    if name not in known:
        raise step.error("outputs", f"has no output {name!r}", f"It has: {', '.join(known) or 'none'}.")
    return step, name


def _reads(step: Step) -> list[Binding]:
    return [
        one
        for given in step.inputs.values()
        for one in bindings(given.value if given.value is not None else given.path)
    ]


def _data(job: PipelineJob, step: Step) -> list[Binding]:
    """The bindings of a step's data inputs: to other steps' outputs, and to data of the pipeline that is no model."""
    found = []
    for one in _reads(step):
        given = job.inputs.get(one.name) if not one.step else None
        if (one.step and one.kind == "outputs") or (given and given.value is None and given.type not in MODEL_TYPES):
            found.append(one)
    return found


def _needed(job: PipelineJob, names: list[str], model: Binding) -> set[str]:
    """These steps and all that they need, not counting what the model comes from."""
    wanted, ahead = set(names), list(names)
    while ahead:
        step = job.jobs[ahead.pop()]
        new = {one.step for one in _reads(step) if one.step and one != model} - wanted
        wanted |= new & job.jobs.keys()
        ahead += new & job.jobs.keys()
    return wanted


def _rebind(given: Input, bound: Binding, key: str) -> None:
    new = str(Binding("", "inputs", key))
    if whole_binding(given.value) == bound:
        given.value = new
    elif whole_binding(given.path) == bound:
        given.path = new


def _outputs(job: PipelineJob, users: list[str]) -> None:
    """The pipeline gives what the scoring steps make; nothing is registered."""
    job.outputs = {}
    for step in job.jobs.values():
        for name in [*dict.fromkeys([*step.component.outputs, *step.outputs])]:
            own = step.outputs.get(name)
            kind = (step.component.outputs.get(name) or own or Output()).type
            if step.name in users:
                key = free_name(name, job.outputs)
                job.outputs[key] = Output(kind)
                step.outputs[name] = Output(kind, path=f"${{{{parent.outputs.{key}}}}}")
            elif own is not None and own.path and "parent.outputs" in own.path:
                step.outputs[name] = Output(kind)


def _name(job: PipelineJob, maker: Step, output: str) -> str:
    own = maker.outputs.get(output)
    bound = whole_binding(own.path) if own is not None else None
    outer = job.outputs.get(bound.name) if bound is not None else None
    found = (own.name if own else None) or (outer.name if outer else None)
    if not found:
        hint = "Name the registered model with --registered NAME."
        raise maker.error(f"outputs.{output}", "has no name that it is registered by", hint)
    return found


def _type(maker: Step, output: str) -> str:
    found = (maker.component.outputs.get(output) or maker.outputs.get(output) or Output()).type
    return found if found in MODEL_TYPES else "custom_model"


def _dropped(job: PipelineJob, maker: Step, kept: set[str], users: list[str]) -> dict[str, str]:
    found = {}
    nodes = {name: node for name, node in graph.nodes(job).items() if name in job.jobs}
    for name in job.jobs:
        if name in kept:
            continue
        if name == maker.name:
            found[name] = "makes the model, which is read from the registry"
        elif maker.name in graph.downstream(nodes, name):
            found[name] = f"only feeds {maker.name}"
        elif any(name in graph.downstream(nodes, user) for user in users):
            found[name] = f"comes after {users[0]}, which scores"
        else:
            found[name] = "nothing that scores reads it"
    return found


def score_py(found: Inference) -> str:
    """A `score.py` to begin with: it loads the model, and says what the pipeline does to the data before."""
    steps = []
    for step in found.job.jobs.values():
        text = step.job.command if isinstance(step.job, CommandJob) else step.type
        line = " ".join(str(text if isinstance(text, str) else " ".join(text)).split())
        steps.append(f"#   {step.name}: {line}")
    return _SCORE.format(model=found.model, steps="\n".join(steps))
