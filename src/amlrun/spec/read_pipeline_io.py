"""Reads the inputs and outputs of pipelines, steps and components, with file and line in every error."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from amlrun.errors import AmlError, did_you_mean, located
from amlrun.spec import node as yaml_node
from amlrun.spec.job import Input, Output, Scalar
from amlrun.spec.node import Node
from amlrun.spec.pipeline import DATA_TYPES, LITERAL_TYPES, Port, literal_type, whole_binding
from amlrun.spec.read_command import Reader
from amlrun.spec.read_sections import as_yaml_1_1

_INPUT_MODES = ("ro_mount", "mount", "rw_mount", "download", "direct", "eval_mount", "eval_download")
_OUTPUT_MODES = ("rw_mount", "mount", "upload", "direct")
_INPUT_KEYS = ("type", "path", "mode", "description", "path_on_compute", "datastore", "value")
_PORT_KEYS = ("type", "default", "optional", "min", "max", "enum", "description", "mode", "datastore")
_OUTPUT_KEYS = ("type", "path", "mode", "name", "version", "description", "path_on_compute", "early_available",
                "is_control", "datastore")  # fmt: skip
_COMPONENTS_ONLY = ("default", "optional", "min", "max", "enum")


Tree = tuple[Node, list[tuple[int, str]]]


class Faults:
    """What was found wrong while files were read: `refused` by azure-ai-ml's loader too, or let pass by it."""

    def __init__(self) -> None:
        self.refused: list[AmlError] = []
        self.let_pass: list[AmlError] = []
        self.notes: list[str] = []
        self._trees: dict[Path, Tree] = {}

    def tree(self, file: Path) -> Tree:
        """The tree of a component's file, read once however many steps name it. Raises AmlError."""
        if file not in self._trees:
            self._trees[file] = yaml_node.read(file)
            self.notes += [f"{file.name}:{line}: {text}" for line, text in self._trees[file][1]]
        return self._trees[file]

    @contextmanager
    def gather(self) -> Iterator[None]:
        """Keep an error and go on behind the block."""
        try:
            yield
        except AmlError as error:
            self.refused.append(error)


class PartReader(Reader):
    """Reads a part of a file: `prefix` (`jobs.prep.`) stands before every key in an error."""

    def __init__(self, file: Path, root: Node, faults: Faults, prefix: str = "") -> None:
        super().__init__(file, root)
        self.faults = faults
        self.prefix = prefix

    def error(self, key: str, message: str, line: int, hint: str = "") -> AmlError:
        return super().error(f"{self.prefix}{key}".rstrip("."), message, line, hint)

    def fault(self, key: str, message: str, line: int, hint: str = "") -> None:
        """Note what azure-ai-ml lets pass, though it is wrong."""
        self.faults.let_pass.append(self.error(key, message, line, hint))

    def code(self, found: dict[str, Node]) -> Path | None:
        node = found.get("code")
        if node is None:
            return None
        if node.kind == "scalar" and ("://" in node.text or node.text.startswith(("azureml:", "git+"))):
            hint = "Download it, and name its folder."
            self.fault("code", f"{node.text!r} is not a folder on this machine", node.line, hint)
            return None
        return super().code(found)

    def without_optional(self, command: str, inputs: Collection[str], key: str = "command") -> str:
        """The command as it is: which of a component's optional inputs have a value, each step says."""
        return command

    def bound_inputs(self, found: dict[str, Node], *, step: bool) -> dict[str, Input]:
        """The `inputs` of a job, or of a step, where a value or path may be a binding."""
        inputs: dict[str, Input] = {}
        for name, node in self.entries("inputs", found):
            with self.faults.gather():
                inputs[name] = self.bound_input(f"inputs.{name}", node, step)
        return inputs

    def bound_input(self, key: str, node: Node, step: bool) -> Input:
        """One input: a literal, a binding, or data with `path`."""
        if node.kind == "scalar":
            if node.value is None:
                line = self.lines.get(key, node.line)
                raise self.error(key, "has no value", line, "Write a value, or type and path; or leave it out.")
            value = self.literal(key, node)
            return Input(literal_type(value), value=value)
        if node.kind == "list":
            raise self.error(key, "expected a value, or type and path; got a list", node.line)
        alien = next((name for name, _, _ in node.pairs if name in _COMPONENTS_ONLY), None)
        if alien is not None or (not step and node.get("value") is not None):
            hint = f"Write the value itself: {key.rpartition('.')[2]}: VALUE"
            message = f"{alien or 'value'} is for inputs of components only"
            raise self.error(f"{key}.{alien or 'value'}", message, node.line, hint)
        parts = self.section(key, node, _INPUT_KEYS)
        if "value" in parts:
            value = self.literal(f"{key}.value", parts["value"])
            return Input(literal_type(value), value=value)
        path = self.word("path", parts, f"{key}.path")
        kind = self.one_of(f"{key}.type", parts.get("type"), (*DATA_TYPES, *LITERAL_TYPES)) or "uri_folder"
        mode = self.one_of(f"{key}.mode", parts.get("mode"), _INPUT_MODES)
        if kind in LITERAL_TYPES:
            raise self.error(f"{key}.type", f"{kind} is for inputs of components only", node.line, "Write the value.")
        if not path:
            if step:
                self.fault(key, "has no path", node.line, "Write path: FOLDER, azureml:NAME:VERSION, or a binding.")
            return Input(kind, None, mode)
        if mode in ("eval_mount", "eval_download") and kind != "mltable":
            self.fault(f"{key}.mode", f"{mode} is for mltable only, not for {kind}", node.line)
        bound = whole_binding(path) is not None or "${{" in path
        if not bound and not path.startswith("azureml:") and "://" not in path:
            path = self._local(f"{key}.path", path, parts["path"].line)
        return Input(kind, path, mode)

    def _local(self, key: str, text: str, line: int) -> str:
        place, there = self.find(text)
        if not there:
            self.fault(
                key, f"no such file or folder: {place}", line, "Paths are relative to the file that contains them."
            )
        return str(place)

    def remark(self, key: str, text: str, line: int) -> None:
        self.faults.notes.append(located(text, self.file.name, line, f"{self.prefix}{key}"))

    def literal(self, key: str, node: Node) -> Scalar:
        """A literal as azure-ai-ml sees it, which reads YAML 1.1; words that it reads otherwise are noted."""
        if node.kind != "scalar":
            raise self.error(key, "expected a value", node.line)
        if node.quoted:
            return node.text
        value, doubt = as_yaml_1_1(node)
        if doubt == "date":
            hint = f'Write "{node.text}".'
            self.fault(key, "a date without quotes cannot be sent to Azure ML", node.line, hint)
        elif doubt:
            self.remark(key, f"{node.text} without quotes is {value!r} to Azure ML", node.line)
        return value

    def ports(self, found: dict[str, Node]) -> dict[str, Port]:
        """The `inputs` of a component."""
        ports: dict[str, Port] = {}
        for name, node in self.entries("inputs", found):
            with self.faults.gather():
                ports[name] = self._port(f"inputs.{name}", node)
        return ports

    def _port(self, key: str, node: Node) -> Port:
        parts = self.section(key, node, _PORT_KEYS)
        if "type" not in parts:
            raise self.error(f"{key}.type", "is missing", node.line, f"One of {', '.join(LITERAL_TYPES + DATA_TYPES)}.")
        kind = self.one_of(f"{key}.type", parts["type"], (*LITERAL_TYPES, *DATA_TYPES, "path")) or ""
        port = Port(kind, optional=bool(parts["optional"].value) if "optional" in parts else False)
        if "default" in parts:
            port.default = self.literal(f"{key}.default", parts["default"])
        for bound in ("min", "max"):
            if bound in parts:
                value = parts[bound].value
                if isinstance(value, bool) or not isinstance(value, (int, float)):
                    raise self.error(f"{key}.{bound}", "expected a number", parts[bound].line)
                setattr(port, bound, float(value))
        if "enum" in parts:
            items = parts["enum"].items if parts["enum"].kind == "list" else []
            port.enum = [item.text for item in items if item.kind == "scalar"]
        return port

    def bound_outputs(self, found: dict[str, Node]) -> dict[str, Output]:
        """The `outputs` of a pipeline, a step or a component; `path` may be a binding."""
        outputs: dict[str, Output] = {}
        for name, node in self.entries("outputs", found):
            with self.faults.gather():
                outputs[name] = self._output(f"outputs.{name}", node)
        return outputs

    def _output(self, key: str, node: Node) -> Output:
        if node.is_null:
            return Output()
        if node.kind == "scalar":
            if whole_binding(node.text) is None:
                hint = "Write ${{parent.outputs.NAME}}, or type, mode and path below it."
                raise self.error(key, f"expected a binding, got {node.text!r}", node.line, hint)
            return Output(path=node.text.strip())
        parts = self.section(key, node, _OUTPUT_KEYS)
        kind = self.one_of(f"{key}.type", parts.get("type"), (*DATA_TYPES, *LITERAL_TYPES, "path"))
        mode = self.one_of(f"{key}.mode", parts.get("mode"), _OUTPUT_MODES)
        words = {part: self.word(part, parts, f"{key}.{part}") for part in ("path", "name", "version", "description")}
        return Output(kind or "uri_folder", mode=mode, **words)

    def one_of(self, key: str, node: Node | None, known: tuple[str, ...]) -> str | None:
        """A word out of a list. Raises AmlError naming the nearest."""
        if node is None:
            return None
        text = node.text if node.kind == "scalar" else ""
        if text.lower() not in known:
            meant = did_you_mean(text.lower(), known)
            shown = repr(text) if node.kind == "scalar" else f"a {node.kind}"
            raise self.error(key, f"expected one of {', '.join(dict.fromkeys(known))}, got {shown}{meant}", node.line)
        return text.lower()

    def entries(self, key: str, found: dict[str, Node]) -> list[tuple[str, Node]]:
        """`named`, where a mistake is kept and there are none then."""
        with self.faults.gather():
            return self.named(key, found)
        return []
