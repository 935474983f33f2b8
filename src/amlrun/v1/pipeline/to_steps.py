"""The steps of a v1 pipeline → those of a v2 pipeline job, bound by what they make and read."""

from __future__ import annotations

from amlrun.spec.node import Node
from amlrun.spec.pipeline import PipelineJob
from amlrun.v1.pipeline.file import PipelineFile, identifier, input_name
from amlrun.v1.pipeline.kinds import kind_of
from amlrun.v1.pipeline.to_step import StepReader


class Steps:
    """Reads the steps of one file. `names` has what a v1 parameter or data reference is called in the job."""

    def __init__(self, desk: PipelineFile, job: PipelineJob, names: dict[str, str]) -> None:
        self.desk = desk
        self.job = job
        self.names = names
        self.makers: dict[str, tuple[str, str]] = {}  # destination → (step, output)
        self.ids: dict[str, str] = {}

    def read(self, nodes: dict[str, Node]) -> None:
        """Add the steps to the job. Mistakes are gathered by the file."""
        found: dict[str, tuple[str, str, dict[str, Node]]] = {}
        for key, node in nodes.items():
            with self.desk.gather():
                kind, parts = kind_of(self.desk, f"pipeline.steps.{key}", node)
                named = self.desk.word(f"pipeline.steps.{key}.name", parts.get("name")) or ""
                own = identifier(named) if named else ""
                taken = {name for name, _, _ in found.values()}
                name = own if own and own not in taken else identifier(key, taken)
                found[key] = (name, kind, parts)
        for key, (name, _, parts) in found.items():
            with self.desk.gather():
                self._destinations(f"pipeline.steps.{key}", name, parts.get("outputs"))
        for key, (name, kind, parts) in found.items():
            with self.desk.gather():
                place = f"pipeline.steps.{key}"
                step = StepReader(self.desk, self.job, self.names, self.makers, place, name, kind, parts).read()
                self.job.jobs[name] = step

    def _destinations(self, place: str, step: str, node: Node | None) -> None:
        for name, entry in self.desk.named(f"{place}.outputs", node).items():
            here = f"{place}.outputs.{name}"
            wanted = entry.get("destination") if entry.kind == "map" else None
            destination = self.desk.word(f"{here}.destination", wanted)
            if not destination:
                raise self.desk.error(f"{here}.destination", "is missing", "Write the name that other steps read.")
            if destination in self.makers:
                maker = self.makers[destination][0]
                hint = "Give each output its own destination."
                self.desk.fault(f"{here}.destination", f"{destination!r} is made by step {maker} too", hint)
                continue
            self.makers[destination] = (step, input_name(name))
