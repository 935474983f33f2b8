"""Reads a v2 command job YAML, and the parts that other types of jobs share with it, with lines in every error."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection
from pathlib import Path
from typing import Any

from amlrun.errors import did_you_mean
from amlrun.spec import node as yaml_tree
from amlrun.spec.docker_arguments import volumes
from amlrun.spec.job import (
    BINDING,
    BOUND,
    Build,
    CommandJob,
    Distribution,
    Environment,
    Input,
    Limits,
    Output,
    Resources,
    Service,
)
from amlrun.spec.node import Node
from amlrun.spec.pipeline import literal_type
from amlrun.spec.read_sections import Sections
from amlrun.spec.yaml_data import lined

_KEYS = ("$schema", "type", "name", "display_name", "experiment_name", "description", "tags", "properties", "command",
         "code", "inputs", "outputs", "environment", "environment_variables", "compute", "resources", "distribution",
         "limits", "queue_settings", "services", "identity", "parent_job_name")  # fmt: skip
_UNUSED = ("properties", "parent_job_name")
# A part of the command that is there only when its optional inputs are.
_OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)
_DISTRIBUTIONS = ("mpi", "pytorch", "tensorflow")


class Reader(Sections):
    """Reads a command job, or the parts of one that another kind of job has."""

    def job(self) -> CommandJob:
        """The command job that the file is."""
        found = self.section("", self.root, _KEYS)
        job = self.command(found)
        self.check_bindings(job)
        self.unused("", found, _UNUSED)
        job.local.notes, job.local.sources = self.notes, self.sources(job.inputs)
        return job

    def sources(self, inputs: Collection[str]) -> dict[str, tuple[Path, int, str]]:
        """The place in the file of each input's path."""
        keys = {name: key for name in inputs if (key := f"inputs.{name}.path") in self.lines}
        return {name: (self.file, self.lines[key], key) for name, key in keys.items()}

    def command(self, found: dict[str, Node]) -> CommandJob:
        """The command job that these keys say; bindings are not checked yet."""
        job = CommandJob(command=self.word("command", found) or "")
        if not job.command:
            raise self.error("command", "is missing", self.root.line, "Write: command: python train.py")
        self.titles(job, found)
        job.code = self.code(found)
        job.inputs, job.outputs = self.inputs(found), self.outputs(found)
        if isinstance(job.command, str):
            job.command = self.without_optional(job.command, job.inputs)
        job.environment = self.environment(found)
        job.environment_variables = self.variables(found)
        self.settings(job, found)
        return job

    def code(self, found: dict[str, Node]) -> Path | None:
        text = self.word("code", found)
        if text is None:
            self.notes.append(f"{self.file.name} names no `code:`: the current folder is copied; v2 would upload none.")
            return None
        line = self.lines["code"]
        if "://" in text or text.startswith(("azureml:", "git+")):
            raise self.error(
                "code", f"{text!r} is not a folder on this machine", line, "Download it, and name its folder."
            )
        return self.path("code", text, line)

    def inputs(self, found: dict[str, Node]) -> dict[str, Input]:
        """The inputs that have a value or a path; an optional one may have neither, and is left out."""
        made = {}
        for name, node in self.named("inputs", found):
            optional = node.get("optional")
            given = node.kind != "map" or any(
                (item := node.get(part)) is not None and item.value is not None for part in ("path", "value", "default")
            )
            if optional is not None and optional.value is True and not given:
                self.absent.append(name)
            else:
                made[name] = self.input(name, node)
        return made

    def outputs(self, found: dict[str, Node]) -> dict[str, Output]:
        return {name: self.output(name, node) for name, node in self.named("outputs", found)}

    def without_optional(self, command: str, inputs: Collection[str], key: str = "command") -> str:
        """The line at `key` with each `$[[…]]` without its brackets, or left out where an input in it is not given."""

        def resolved(found: re.Match[str]) -> str:
            named = [name for kind, name in BINDING.findall(found[1]) if kind == "inputs"]
            return "" if any(name in self.absent for name in named) else found[1]

        line = _OPTIONAL.sub(resolved, command)
        for kind, name in BINDING.findall(line):
            if kind == "inputs" and name in self.absent and name not in inputs:
                message = f"${{{{inputs.{name}}}}} is optional and has no value"
                hint = f"Put it between $[[ and ]] with its option, or give inputs.{name} a value."
                raise self.error(key, message, self.binding_line(f"{kind}.{name}", self.lines[key]), hint)
        return line.strip()

    def input(self, name: str, node: Node) -> Input:
        key = f"inputs.{name}"
        if node.kind == "list":
            raise self.error(key, "expected a value, or type and path", node.line)
        if node.kind == "scalar":
            return _literal(node)
        found = self.section(key, node, ("type", "path", "mode", "value", "description", "default", "optional",
                                         "datastore", "path_on_compute"))  # fmt: skip
        value = found.get("value", found.get("default"))
        if value is not None:
            if value.kind != "scalar":
                raise self.error(f"{key}.value", "expected a value", value.line)
            return _literal(value)
        path = self.word("path", found, f"{key}.path")
        if path is None and "type" not in found:
            raise self.error(key, "has neither path nor value", self.lines[key])
        if path is not None and not path.startswith(("azureml:", "runs:/", "models:/")) and "://" not in path:
            path = str(self.path(f"{key}.path", path, self.lines[f"{key}.path"]))
        self.unused(key, found, ("datastore", "path_on_compute"))
        return Input(self.word("type", found) or "uri_folder", path, self.word("mode", found))

    def output(self, name: str, node: Node) -> Output:
        key = f"outputs.{name}"
        if node.is_null:
            return Output()
        found = self.section(key, node, ("type", "path", "mode", "name", "version", "description"))
        words = {part: self.word(part, found, f"{key}.{part}") for part in found if part != "type"}
        return Output(self.word("type", found) or "uri_folder", **words)

    def environment(self, found: dict[str, Node]) -> Environment | None:
        node = found.get("environment")
        if node is None:
            return None
        if node.kind == "scalar":
            if node.text.startswith("file:"):
                return self.environment_file(self.path("environment", node.text, node.line))
            if not node.text.startswith("azureml:"):
                hint = "Write azureml:NAME:VERSION, file:ENVIRONMENT.yml, or image and conda_file below it."
                raise self.error("environment", f"{node.text!r} names no environment", node.line, hint)
            return Environment(reference=node.text)
        return self.inline_environment(node)

    def environment_file(self, file: Path) -> Environment:
        """An environment's own YAML file; the paths in it are relative to it."""
        root, _ = yaml_tree.read(file)
        return Reader(file, root).inline_environment(root)

    def inline_environment(self, node: Node) -> Environment:
        parts = self.section("environment", node, ("image", "conda_file", "build", "name", "version", "description",
                                                   "tags", "os_type", "inference_config", "properties", "$schema",
                                                   "datastore"))  # fmt: skip
        made = Environment(image=self.word("image", parts))
        conda = parts.get("conda_file")
        if conda is not None and conda.kind == "map":
            inline = lined(conda)
            inline.file = self.file
            made.conda_file = inline
        elif conda is not None and conda.kind == "scalar":
            made.conda_file = self.path("environment.conda_file", conda.text, conda.line)
        elif conda is not None:
            raise self.error("environment.conda_file", "expected a file or a conda specification", conda.line)
        if "build" in parts:
            build = self.section("environment.build", parts["build"], ("path", "dockerfile_path"))
            where = self.word("path", build) or "."
            if "://" not in where:
                where = str(self.path("environment.build.path", where, self.lines["environment.build"]))
            made.build = Build(where, self.word("dockerfile_path", build))
            file = made.build.dockerfile_path or "Dockerfile"
            if "://" not in where and not (Path(where) / file).is_file():
                key = "environment.build.dockerfile_path" if made.build.dockerfile_path else "environment.build.path"
                raise self.error(key, f"there is no {file} in {where}", self.lines.get(key, parts["build"].line))
        if not (made.image or made.build or made.conda_file):
            hint = "An environment needs an image, with a conda_file, or build."
            raise self.error("environment", "has neither image nor build", node.line, hint)
        return made

    def settings(self, job: CommandJob, found: dict[str, Node]) -> None:
        if "resources" in found:
            job.resources = self.resources(found["resources"])
            job.local.volumes, _ = volumes(job.resources.docker_args)
        if "distribution" in found:
            job.distribution = self.distribution(found["distribution"])
        if "limits" in found:
            parts = self.section("limits", found["limits"], ("timeout",))
            job.limits = Limits(timeout=self.number("timeout", parts, "limits.timeout"))
        if "queue_settings" in found:
            job.queue_settings = self.queue_settings(found["queue_settings"])
        if "identity" in found:
            known = ("type", "client_id", "object_id", "msi_resource_id")
            parts = self.section("identity", found["identity"], known)
            job.identity = self.word("type", parts)
            self.unused("identity", parts, known[1:])
        for name, node in self.named("services", found):
            key = f"services.{name}"
            names = ("type", "port", "log_dir", "ssh_public_keys", "nodes", "properties")
            parts = self.section(key, node, names)
            port = self.number("port", parts, f"{key}.port")
            logs, keys = self.word("log_dir", parts), self.word("ssh_public_keys", parts)
            job.services[name] = Service(self.word("type", parts) or "", port, logs, keys)
            self.unused(key, parts, names[4:])

    def resources(self, node: Node) -> Resources:
        known = ("instance_count", "instance_type", "shm_size", "docker_args", "locations", "max_instance_count",
                 "properties")  # fmt: skip
        parts = self.section("resources", node, known)
        made = Resources(
            self.number("instance_count", parts, "resources.instance_count"),
            self.word("instance_type", parts),
            self.word("shm_size", parts),
        )
        words = parts.get("docker_args")
        if words is not None and words.kind == "list":
            made.docker_args = [item.text for item in words.items if item.kind == "scalar"]
        elif words is not None:
            line = self.word("docker_args", parts) or ""
            try:
                made.docker_args = shlex.split(line)
            except ValueError as error:
                raise self.error("resources.docker_args", "has an unclosed quote", words.line) from error
        self.unused("resources", parts, known[4:])
        return made

    def distribution(self, node: Node) -> Distribution:
        key = "distribution"
        named = node.get("type") if node.kind == "map" else None
        kind: Any = named.text.lower() if named is not None and named.kind == "scalar" else ""
        if node.kind == "map" and kind not in _DISTRIBUTIONS:  # before its keys, which another type has
            got = f", got {named.shown}" if named is not None else ""
            line = named.line if named is not None else node.line
            raise self.error(f"{key}.type", f"expected one of {', '.join(_DISTRIBUTIONS)}{got}", line)
        parts = self.section(key, node, ("type", "process_count_per_instance", "worker_count",
                                         "parameter_server_count"))  # fmt: skip
        counts = [self.number(name, parts, f"{key}.{name}") for name in
                  ("process_count_per_instance", "worker_count", "parameter_server_count")]  # fmt: skip
        return Distribution(kind, *counts)

    def check_bindings(self, job: CommandJob, space: Collection[str] = ()) -> None:
        """Refuse a binding that names nothing; `space` has a sweep's parameters."""
        texts = {"command": str(job.command), **job.environment_variables}
        self.check_names(texts, job.inputs, job.outputs, space)

    def check_names(
        self,
        texts: dict[str, str],
        inputs: Collection[str],
        outputs: Collection[str],
        space: Collection[str] = (),
    ) -> None:
        """Refuse a binding in `texts` (by key, or by an environment variable's name) that names nothing."""
        names = {"inputs": inputs, "outputs": outputs, "search_space": space}
        for where, text in texts.items():
            key = where if where in ("command", "args") else f"environment_variables.{where}"
            for found in BOUND.finditer(text):
                first = self.lines.get(key, self.root.line)
                binding = BINDING.fullmatch(found[0])
                if binding is None:
                    hint = "Write ${{inputs.NAME}} or ${{outputs.NAME}}; a name has letters, digits and '_'."
                    raise self.error(
                        key, f"{found[0]} is not a valid binding", self.binding_line(found[1], first), hint
                    )
                kind, name = binding.groups()
                if name not in names[kind]:
                    meant = did_you_mean(name, names[kind])
                    line = self.binding_line(f"{kind}.{name}", first)
                    raise self.error(key, f"${{{{{kind}.{name}}}}} is not below {kind}{meant}", line)

    def binding_line(self, name: str, first: int) -> int:
        """The line of a binding: a command may be a block of many lines."""
        lines = self.file.read_text(encoding="utf-8-sig", errors="replace").split("\n")
        return next((at for at in range(first, len(lines) + 1) if name in lines[at - 1]), first)


def _literal(node: Node) -> Input:
    return Input(literal_type(node.literal), value=node.literal)
