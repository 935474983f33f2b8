"""Pipeline jobs: components are kept as they are sent, and each step runs for real as a child job of its own.

A step that was run before with the same component, inputs and outputs is reused, as the service does it: its child
says whose result it has (`azureml.isreused`, `azureml.reusedrunid`).
"""

from __future__ import annotations

import json
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from graphlib import CycleError, TopologicalSorter
from typing import Any

from standin import job_shapes, shapes
from standin.exchange import Reply
from standin.executor import KINDS, Job
from standin.plane import Plane, Query, Refusal, Workspace, _json, check_members
from standin.schema import ANY, Schema
from standin.shapes import now

Said = dict[str, Any]
_MEMBERS = ("description", "properties", "tags", "isAnonymous", "isArchived", "componentSpec")
COMPONENT: Schema = dict.fromkeys(_MEMBERS, ANY)
_PARENT = re.compile(r"\$\{\{\s*parent\.(?:jobs\.(\w+)\.(inputs|outputs)|inputs|outputs)\.(\w+)\s*\}\}")
_OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)
_ASSET = re.compile(r"azureml:(/subscriptions/.*/(?:codes|environments)/[^/]+/versions/[^/]+)")


def put_component(plane: Plane, ws: Workspace, query: Query, body: Any, name: str, version: str) -> Reply:
    said = check_members(body, COMPONENT, "ComponentVersion")
    spec = said["componentSpec"]
    for key in ("code", "environment"):
        if key in spec and not _ASSET.fullmatch(str(spec[key])):
            raise Refusal(400, "UserError", f"componentSpec.{key}: {spec[key]!r} is no asset's id")
    held = _components(ws).setdefault(name, {})
    status = 200 if version in held else 201
    held[version] = said
    return _json(status, _component(ws, name, version))


def get_component(plane: Plane, ws: Workspace, query: Query, body: Any, name: str, version: str) -> Reply:
    if version not in _components(ws).get(name, {}):
        raise Refusal(404, "UserError", "not found", [("ComponentNotFound", f"{name}:{version} not found.")])
    return _json(200, _component(ws, name, version))


def _components(ws: Workspace) -> dict[str, dict[str, Said]]:
    held: dict[str, dict[str, Said]] = ws.__dict__.setdefault("components", {})
    return held


def _component(ws: Workspace, name: str, version: str) -> Said:
    return {
        "id": f"{ws.root}/components/{name}/versions/{version}", "name": version,
        "type": "Microsoft.MachineLearningServices/workspaces/components/versions",
        "systemData": shapes.system_data(), "properties": {**_components(ws)[name][version]},
    }  # fmt: skip


class Pipeline(Job):
    """A pipeline; its steps' jobs are `steps`, by name."""

    def __init__(self, plane: Plane, workspace: Workspace, name: str, said: Said) -> None:
        super().__init__(plane, workspace, name, said)
        self.steps: dict[str, Step] = {}
        self.nodes = said.get("jobs") or {}
        for step, node in self.nodes.items():
            compute = node.get("computeId") or (said.get("settings") or {}).get("default_compute")
            if str(compute or said.get("computeId") or "").rsplit("/", 1)[-1] not in {
                *workspace.computes,
                "serverless",
            }:
                raise Refusal(400, "UserError", f"{step}: Compute Not Found for run ID : {name}")
        try:
            self.order = [*TopologicalSorter({step: self._needs(step) for step in self.nodes}).static_order()]
        except CycleError as error:
            raise Refusal(400, "UserError", f"the steps depend on each other: {error.args[1]}") from error
        outputs = [match[3] for node in self.nodes.values() for one in (node.get("outputs") or {}).values()
                   for match in _PARENT.finditer(str(one.get("value") or ""))]  # fmt: skip
        unknown = {*outputs} - {*(said.get("outputs") or {})}
        if unknown:
            raise Refusal(400, "UserError", f"no such outputs: {unknown}")

    def _needs(self, step: str) -> set[str]:
        values = [str(one.get("value") or "") for one in (self.nodes[step].get("inputs") or {}).values()]
        return {match[1] for value in values for match in _PARENT.finditer(value) if match[1] in self.nodes}

    def cancel(self) -> None:
        super().cancel()
        for step in self.steps.values():
            if not step.done.is_set():
                step.cancel()

    def _run(self) -> None:
        try:
            self.started, self.status = now(), "Running"
            self.starts += 1
            goes_on = (self.said.get("settings") or {}).get("continue_on_step_failure", True)
            with ThreadPoolExecutor(2) as pool:
                waiting, running = list(self.order), {}
                while waiting or running:
                    failed = {name for name, step in self.steps.items() if step.status in ("Failed", "Canceled")}
                    if self._cancel.is_set() or (failed and not goes_on):
                        waiting = []
                    for name in [one for one in waiting if self._needs(one) & failed]:
                        waiting.remove(name)
                    ended = {name for name, step in self.steps.items() if step.done.is_set()}
                    for name in [one for one in waiting if self._needs(one) <= ended]:
                        waiting.remove(name)
                        running[name] = pool.submit(self._step, name)
                    for name, future in [*running.items()]:
                        if future.done():
                            future.result()
                            del running[name]
                    self._cancel.wait(0.02)
            states = {step.status for step in self.steps.values()}
            ended_as = "Canceled" if self._cancel.is_set() else "Failed" if "Failed" in states else "Completed"
            if ended_as == "Failed":
                names = ", ".join(name for name, step in self.steps.items() if step.status == "Failed")
                self.error = f"Pipeline has failed child jobs. Failed nodes: /{names}."
        except Exception as problem:
            ended_as, self.error = "Failed", f"the stand-in could not run the pipeline: {problem!r}"
        self.ended, self.status = now(), ended_as
        self.done.set()

    def _step(self, name: str) -> None:
        node = self.nodes[name]
        match = re.search(r"/components/([^/]+)/versions/([^/]+)$", str(node["componentId"]))
        assert match is not None
        spec = _components(self.workspace)[match[1]][match[2]]["componentSpec"]
        said = self._said(name, node, spec)
        key = json.dumps([node["componentId"], said["inputs"], sorted(said["outputs"])], sort_keys=True, default=str)
        old = self.workspace.__dict__.setdefault("results", {}).get(key)
        forced = (self.said.get("settings") or {}).get("force_rerun")
        reuses = old is not None and not forced and spec.get("is_deterministic", True)
        step = Step(self.plane, self.workspace, str(uuid.uuid4()), said, name, old if reuses else None)
        with self.plane._lock:
            self.workspace.jobs[step.name] = step
            self.steps[name] = step
        step._run()
        if step.status == "Completed" and not forced:
            self.workspace.__dict__["results"].setdefault(key, step)

    def _said(self, name: str, node: Said, spec: Said) -> Said:
        inputs = {}
        ports = spec.get("inputs", {})
        given = {key: {"value": port["default"]} for key, port in ports.items() if "default" in port}
        given |= node.get("inputs") or {}
        for key, one in given.items():
            inputs[key] = self._input_of(one)
        command = str(spec["command"])
        command = _OPTIONAL.sub(
            lambda part: part[1] if all(one in inputs for one in re.findall(r"inputs\.(\w+)", part[1])) else "", command
        )
        outputs = {
            key: {"jobOutputType": port.get("type", "uri_folder")} for key, port in spec.get("outputs", {}).items()
        }
        for key in node.get("outputs") or {}:
            outputs.setdefault(key, {"jobOutputType": "uri_folder"})
        asset = _ASSET.fullmatch(str(spec.get("code") or ""))
        return {
            "jobType": "Command", "command": command, "inputs": inputs, "outputs": outputs, "displayName": name,
            "experimentName": self.said.get("experimentName"), "parentJobName": self.name,
            "environmentVariables": node.get("environment_variables") or spec.get("environment_variables") or {},
            "computeId": node.get("computeId") or self.said.get("computeId"),
            **({"codeId": asset[1]} if asset else {}),
        }  # fmt: skip

    def _input_of(self, one: Said) -> Said:
        text = one.get("value", one.get("uri"))
        whole = _PARENT.fullmatch(str(text).strip())
        if whole is None:
            fill = _PARENT.sub(lambda match: str(self._bound(match)["value"]), str(text))
            return {"jobInputType": "literal", "value": fill} if "uri" not in one else one
        return self._bound(whole)

    def _bound(self, match: re.Match[str]) -> Said:
        if match[1] is None:
            found: Said = (self.said.get("inputs") or {})[match[3]]
            return found
        if match[2] == "inputs":
            return self._input_of(self.nodes[match[1]]["inputs"][match[3]])
        step = self.steps[match[1]]
        kind = step.said["outputs"][match[3]]["jobOutputType"]
        return {"jobInputType": kind, "uri": f"azureml://datastores/workspaceblobstore/paths/{step.place(match[3])}"}


class Step(Job):
    """A step's job, or (`old`) the result of an earlier one."""

    def __init__(self, plane: Plane, workspace: Workspace, name: str, said: Said, step: str, old: Step | None) -> None:
        super().__init__(plane, workspace, name, said)
        self.step, self.old = step, old

    def place(self, output: str) -> str:
        """Where an output lies; a file is the blob itself."""
        maker = self.old or self
        return f"azureml/{maker.name}/{output}"

    def _run(self) -> None:
        if self.old is None:
            super()._run()
            return
        self.started = self.ended = now()
        self.status = self.old.status
        self.done.set()

    def shape(self, parent: str) -> Said:
        """The step as run history lists it."""
        found = job_shapes.child(parent, self.step, self.status)
        found |= {"runId": self.name, "runUuid": self.name, "startTimeUtc": self.started, "endTimeUtc": self.ended}
        if self.error:
            found["error"]["error"]["message"] = self.error
        else:
            found["error"] = None
        if self.old is not None:
            found["properties"] |= {"azureml.isreused": "true", "azureml.reusedrunid": self.old.name}
        return found


def children(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    parent = ws.jobs.get(name)
    if not isinstance(parent, Pipeline):
        raise Refusal(404, "UserError", f"no pipeline {name}")
    return _json(200, {"value": [step.shape(name) for step in [*parent.steps.values()]]})


KINDS["Pipeline"] = Pipeline
ROUTES: list[Any] = [
    ("arm", "PUT", "/components/([^/]+)/versions/([^/]+)", "", put_component),
    ("arm", "GET", "/components/([^/]+)/versions/([^/]+)", "", get_component),
]
