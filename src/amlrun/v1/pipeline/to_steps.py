"""The steps of a v1 pipeline → those of a v2 pipeline job, bound by what they make and read."""

from __future__ import annotations

from amlrun.spec.node import Node
from amlrun.spec.pipeline import PipelineJob
from amlrun.v1.config import input_name
from amlrun.v1.pipeline.file import PipelineFile, identifier
from amlrun.v1.pipeline.kinds import kind_of
from amlrun.v1.pipeline.to_step import StepReader


class Steps:
    """Reads the steps of one file. `names` has what a v1 parameter or data reference is called in the job."""

    def __init__(self, reader: PipelineFile, job: PipelineJob, names: dict[str, str]) -> None:
        self.reader = reader
        self.job = job
        self.names = names
        self.makers: dict[str, tuple[str, str]] = {}  # destination → (step, output)
        self.ids: dict[str, str] = {}

    def read(self, nodes: dict[str, Node]) -> None:
        """Add the steps to the job. Mistakes are gathered by the file."""
        found: dict[str, tuple[str, str, dict[str, Node]]] = {}
        for key, node in nodes.items():
            with self.reader.gather():
                kind, parts = kind_of(self.reader, f"pipeline.steps.{key}", node)
                named = self.reader.word(f"pipeline.steps.{key}.name", parts.get("name")) or ""
                own = identifier(named) if named else ""
                taken = {name for name, _, _ in found.values()}
                name = own if own and own not in taken else identifier(key, taken)
                found[key] = (name, kind, parts)
        for key, (name, _, parts) in found.items():
            with self.reader.gather():
                self._destinations(f"pipeline.steps.{key}", name, parts.get("outputs"))
        for key, (name, kind, parts) in found.items():
            with self.reader.gather():
                place = f"pipeline.steps.{key}"
                step = StepReader(self.reader, self.job, self.names, self.makers, place, name, kind, parts).read()
                self.job.jobs[name] = step

    def _destinations(self, place: str, step: str, node: Node | None) -> None:
        for name, entry in self.reader.named(f"{place}.outputs", node).items():
            here = f"{place}.outputs.{name}"
            wanted = entry.get("destination") if entry.kind == "map" else None
            destination = self.reader.word(f"{here}.destination", wanted)
            if not destination:
                raise self.reader.error(f"{here}.destination", "is missing", "Write the name that other steps read.")
            if destination in self.makers:
                maker = self.makers[destination][0]
                hint = "Give each output its own destination."
                self.reader.fault(f"{here}.destination", f"{destination!r} is also written by step {maker}", hint)
                continue
            self.makers[destination] = (step, input_name(name))
