"""The inputs, outputs, parameters and arguments of a step of a v1 pipeline → those of a v2 step."""

from __future__ import annotations

from amlrun.errors import did_you_mean
from amlrun.spec.job import Input, Output, Scalar
from amlrun.spec.node import Node
from amlrun.spec.pipeline import PipelineJob, Step
from amlrun.v1.config import input_name
from amlrun.v1.pipeline.file import PipelineFile

_WORDS = ("input:", "output:", "side_input:", "parameter:")
_INPUT = ("source", "bind_mode", "type", "path_on_compute", "overwrite", "datastore")
_OUTPUT = ("destination", "datastore", "bind_mode", "type", "path_on_compute", "overwrite", "as_dataset")


class StepBindings:
    """Reads what one step is given and makes, and binds v1's words for it to v2's.

    `names` has what a v1 parameter or data reference is called in the job, `makers` whose output a destination is.
    """

    def __init__(
        self,
        reader: PipelineFile,
        job: PipelineJob,
        names: dict[str, str],
        makers: dict[str, tuple[str, str]],
        place: str,
        name: str,
        kind: str,
        found: dict[str, Node],
    ) -> None:
        self.reader, self.job, self.names, self.makers = reader, job, names, makers
        self.place, self.name, self.kind, self.found = place, name, kind, found
        self.step = Step(name)
        self.bound: dict[str, str] = {}  # v1's word (`input:x`) → the v2 binding
        self.paths: dict[str, str] = {}  # a path on the compute → the v2 binding
        self.lines: dict[str, int] = {f"jobs.{name}": self.reader.source.lines[place]}

    def _input(self, place: str, name: str, node: Node) -> None:
        reader = self.reader
        found = reader.section(place, node, _INPUT)
        source = reader.word(f"{place}.source", found.get("source"))
        if not source:
            raise reader.error(f"{place}.source", "is missing", "Name a data reference, or another step's destination.")
        called = input_name(name, self.step.inputs)
        self.lines[f"jobs.{self.name}.inputs.{called}"] = reader.source.lines[place]
        reader.say(f"{place}.source", f"jobs.{self.name}.inputs.{called}.path")
        mode = self._mode(place, found, {"mount": "ro_mount", "download": "download"}, called, "inputs")
        for key in ("overwrite", "datastore"):
            reader.say(f"{place}.{key}", "has no effect on an input", "ignored")
        if source in self.makers:
            maker, output = self.makers[source]
            given = Input(path=f"${{{{parent.jobs.{maker}.outputs.{output}}}}}", mode=mode)
        elif source in self.names:
            outer = self.names[source]
            given = Input(self.job.inputs.get(outer, Input()).type, f"${{{{parent.inputs.{outer}}}}}", mode)
        else:
            known = [*self.names, *self.makers]
            meant = did_you_mean(source, known)
            message = f"{source!r} is neither a data reference nor a step's destination{meant}"
            reader.fault(f"{place}.source", message, f"Available: {', '.join(known) or 'none'}.")
            given = Input(path=None, mode=mode)
        self.step.inputs[called] = given
        binding = f"${{{{inputs.{called}}}}}"
        self.bound.setdefault(f"input:{name}", binding)
        self.bound[f"side_input:{name}"] = binding
        self._path_on_compute(place, found, binding)

    def _output(self, place: str, name: str, node: Node) -> None:
        reader = self.reader
        found = reader.section(place, node, _OUTPUT)
        called = input_name(name)
        self.lines[f"jobs.{self.name}.outputs.{called}"] = reader.source.lines[place]
        reader.say(f"{place}.destination", f"jobs.{self.name}.outputs.{called}")
        mode = self._mode(place, found, {"mount": "rw_mount", "upload": "upload"}, called, "outputs")
        store = reader.word(f"{place}.datastore", found.get("datastore"))
        reader.say(f"{place}.datastore", f"jobs.{self.name}.outputs.{called}.path")
        path = None
        if store and store != "workspaceblobstore":
            path = f"azureml://datastores/{store}/paths/azureml/${{{{name}}}}/{called}"
        reader.say(f"{place}.overwrite", "every run has its own folder", "ignored")
        if "as_dataset" in found:
            reader.say(f"{place}.as_dataset", "v2's outputs are data already", "ignored")
        self.step.outputs[called] = Output(path=path, mode=mode)
        binding = f"${{{{outputs.{called}}}}}"
        self.bound[f"output:{name}"] = binding
        self._path_on_compute(place, found, binding)

    def _mode(self, place: str, found: dict[str, Node], known: dict[str, str], name: str, part: str) -> str | None:
        key = "bind_mode" if "bind_mode" in found else "type"
        word = self.reader.word(f"{place}.{key}", found.get(key))
        self.reader.say(f"{place}.{key}", f"jobs.{self.name}.{part}.{name}.mode")
        if word is None:
            return next(iter(known.values()))
        if word.lower() not in known:
            raise self.reader.error(f"{place}.{key}", f"expected {' or '.join(known)}, got {word!r}")
        return known[word.lower()]

    def _path_on_compute(self, place: str, found: dict[str, Node], binding: str) -> None:
        path = self.reader.word(f"{place}.path_on_compute", found.get("path_on_compute"))
        self.reader.say(f"{place}.path_on_compute", "the arguments at or below it", "mapped")
        if path and path.startswith("/") and path != "/":
            self.paths[path.rstrip("/")] = binding

    def _parameter(self, place: str, name: str, node: Node) -> None:
        reader = self.reader
        called = input_name(name, self.step.inputs)
        self.lines[f"jobs.{self.name}.inputs.{called}"] = reader.source.lines[place]
        if node.kind == "map":
            found = reader.section(place, node, ("source",))
            source = reader.word(f"{place}.source", found.get("source"))
            outer = self.names.get(source or "")
            if outer is None:
                meant = did_you_mean(source or "", self.names)
                there = f"Available: {', '.join(self.names) or 'none'}."
                raise reader.error(f"{place}.source", f"there is no pipeline parameter {source!r}{meant}", there)
            self.step.inputs[called] = Input("string", value=f"${{{{parent.inputs.{outer}}}}}")
            reader.say(f"{place}.source", f"jobs.{self.name}.inputs.{called}")
        elif node.kind == "scalar" and node.value is not None:
            value: Scalar = node.literal
            self.step.inputs[called] = Input("string", value=value)
            reader.say(place, f"jobs.{self.name}.inputs.{called}")
        else:
            raise reader.error(place, "expected a value, or source: and a pipeline parameter")
        self.bound[f"parameter:{name}"] = f"${{{{inputs.{called}}}}}"

    def _arguments(self) -> list[str]:
        node = self.found.get("arguments")
        place = f"{self.place}.arguments"
        self.reader.say(place, f"jobs.{self.name}.command")
        if node is None:
            return []
        if node.kind != "list":
            hint = "Write each argument on its own line, after a dash."
            raise self.reader.error(place, "expected a list of arguments (v1 split a string into letters)", hint)
        words = []
        for item in node.items:
            if item.kind != "scalar":
                raise self.reader.error(place, f"expected strings, got a {item.kind}")
            words.append(self._word(place, item.text))
        return words

    def _word(self, place: str, text: str) -> str:
        if text in self.bound:
            return self.bound[text]
        if text.startswith(_WORDS):
            meant = did_you_mean(text, self.bound)
            hint = f"Available: {', '.join(self.bound) or 'none'}."
            self.reader.fault(place, f"{text!r} is not an input or output of this step{meant}", hint)
            return text
        for path, binding in self.paths.items():
            option, equals, rest = text.partition("=") if text.startswith("-") else ("", "", text)
            if rest == path or rest.startswith(f"{path}/"):
                return f"{option}{equals}{binding}{rest[len(path) :]}"
        return text
