"""What a step depends on, looked up on this machine: its key, and whether its inputs are still what they were."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from pathlib import Path

from amlrun.pipeline import filling, step_key
from amlrun.pipeline.cache import StepCache, Wanted
from amlrun.pipeline.filling import Filled
from amlrun.pipeline.graph import Node
from amlrun.pipeline.hashing import FileHashes
from amlrun.pipeline.launcher import StepRun
from amlrun.prepare import snapshot
from amlrun.project import Project
from amlrun.spec.automl import AutoMLJob
from amlrun.spec.job import CommandJob, SweepJob


class Fingerprints:
    """Makes the keys of one pipeline's steps. `base` is the folder of the pipeline's file, `no_code` an empty one."""

    def __init__(self, project: Project, base: Path, no_code: Path, hashes: FileHashes, cache: StepCache) -> None:
        self.no_code = no_code
        self._project = project
        self._base = base.resolve()
        self._hashes = hashes
        self._cache = cache
        self._code: dict[Path, dict[str, str]] = {}

    def wanted(
        self, node: Node, job: CommandJob | SweepJob | AutoMLJob, filled: Filled, results: Mapping[str, StepRun]
    ) -> Wanted:
        """The key of a step and what it is made of; `results` has the runs of the steps before it.

        Raises AmlError for data that is gone, or changes while it is read.
        """
        own = job.trial if isinstance(job, SweepJob) else job
        digests, signatures = {}, {}
        for name, place in filled.places.items():
            ref = filled.refs.get(name)
            if ref is not None:
                digests[name] = self._cache.digests(results[ref.node])[ref.output]
            else:
                digests[name], signatures[name] = self._hashes.content(place)
            if isinstance(own, AutoMLJob):
                digests[name] += self._tables(place)
        code, folder = ({}, "") if isinstance(own, AutoMLJob) else (self._files(own), self._folder(own))
        parts = step_key.parts(job, filled, code, digests)
        return Wanted(
            step=node.name,
            key=step_key.key_of(parts),
            parts=parts,
            shown=step_key.shown(filled),
            outputs={name: output.type for name, output in own.outputs.items()},
            inputs=signatures,
            code=folder,
            reusable=node.step.component.is_deterministic and not node.force_rerun,
        )

    def changed_input(self, node: Node, wanted: Wanted, results: Mapping[str, StepRun]) -> tuple[str, Path] | None:
        """An input that is not what it was when the step began: nobody knows then what the step has read."""
        for name, given in node.given.items():
            if given.ref is not None and given.ref.node in results:
                maker = results[given.ref.node]
                if self._cache.changed(maker, given.ref.output):
                    return name, maker.output(given.ref.output)
            elif given.data is not None and name in wanted.inputs:
                place = filling.find_data(self._project, node)[name]
                if self._hashes.signature(place) != wanted.inputs[name]:
                    return name, place
        return None

    def _tables(self, place: Path) -> str:
        """The content of the files that an MLTable names outside its own folder."""
        from amlrun.automl import tables

        recipe = place if place.name == "MLTable" else place / "MLTable"
        if not recipe.is_file():
            return ""
        patterns = tables.read(recipe)["paths"]
        named = (Path(one) for text in patterns for one in sorted(glob.glob(text, recursive=True)))  # noqa: PTH207
        outside = (one for one in named if not one.resolve().is_relative_to(recipe.parent.resolve()))
        return "".join(f" {self._hashes.content(one).digest}" for one in outside)

    def _files(self, job: CommandJob) -> dict[str, str]:
        code = job.code or self.no_code
        if code not in self._code:
            files = snapshot.build_snapshot(code, runs=self._project.runs)
            self._code[code] = step_key.files_of(files, self._hashes)
        return self._code[code]

    def _folder(self, job: CommandJob) -> str:
        """What a job's code folder is called: as seen from the pipeline's file."""
        code = (job.code or self._base).resolve()
        inside = code.is_relative_to(self._base)
        return code.relative_to(self._base).as_posix().removeprefix(".") if inside else code.name
