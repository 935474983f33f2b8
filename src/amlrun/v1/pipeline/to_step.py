"""A step of a v1 pipeline → a step of a v2 pipeline job."""

from __future__ import annotations

from pathlib import Path

from amlrun.spec.job import CommandJob
from amlrun.spec.pipeline import ParallelJob, Source, Step
from amlrun.spec.read_pipeline_components import interface_of_inline
from amlrun.v1.config import Config, by_line
from amlrun.v1.pipeline.bindings import StepBindings
from amlrun.v1.pipeline.file import compute_of
from amlrun.v1.pipeline.kinds import RETIRED
from amlrun.v1.runconfig import to_job
from amlrun.v1.runconfig.context import TranslationContext
from amlrun.v1.runconfig.field_table import RUNCONFIG


class StepReader(StepBindings):
    """Reads one step."""

    def read(self) -> Step:
        reader, found = self.reader, self.found
        step = self.step
        step.source = Source(reader.file, self.lines)
        step.display_name = self._mapped("name", "display_name")
        compute = self._mapped("compute", "compute")
        step.compute = compute_of(reader.target or compute)
        for part, make in (("inputs", self._input), ("side_inputs", self._input), ("outputs", self._output)):
            for name, node in reader.named(f"{self.place}.{part}", found.get(part)).items():
                with reader.gather():
                    make(f"{self.place}.{part}.{name}", name, node)
        for part in ("parameters", "runconfig_parameters"):
            for name, node in reader.named(f"{self.place}.{part}", found.get(part)).items():
                with reader.gather():
                    self._parameter(f"{self.place}.{part}.{name}", name, node)
        reuse = reader.truth(f"{self.place}.allow_reuse", found.get("allow_reuse"), True)
        reader.say(f"{self.place}.allow_reuse", f"jobs.{self.name}.component.is_deterministic")
        if "version" in found:
            if not isinstance(found["version"].value, str):
                raise reader.error(f"{self.place}.version", "expected a text", f'Write "{found["version"].text}".')
            reader.say(f"{self.place}.version", "the run records the git commit", "ignored")
        if "hash_paths" in found:
            reader.say(f"{self.place}.hash_paths", "every file of source_directory counts", "ignored")
        if self.kind in RETIRED:
            step.unsupported = f"{self.kind}: {RETIRED[self.kind]}"
            bound = tuple(f"{self.place}.{part}" for part in ("inputs", "outputs", "parameters", "name"))
            for place in reader.source.lines:
                if place.startswith(f"{self.place}.") and not place.startswith(bound):
                    reader.say(place, RETIRED[self.kind], "unsupported")
        elif self.kind == "ParallelRunStep":
            step.type = "parallel"
            step.job = self._parallel()
        else:
            step.job = self._command()
        step.component = interface_of_inline(step.inputs, step.outputs)
        step.component.is_deterministic = reuse
        step.component.source = step.source
        return step

    def _mapped(self, key: str, becomes: str) -> str | None:
        """The text of a key of the step, and what it becomes in v2's."""
        place = f"{self.place}.{key}"
        self.reader.say(place, f"jobs.{self.name}.{becomes}")
        return self.reader.word(place, self.found.get(key))

    def _missing(self, key: str, message: str) -> None:
        hint = f"v1 resolved it against the working folder, {self.reader.folder}."
        self.reader.fault(f"{self.place}.{key}", message, hint)

    def _command(self) -> CommandJob:
        reader = self.reader
        script = (self._mapped("script_name", "command") or "").replace("\\", "/")
        if not script:
            raise reader.error(f"{self.place}.script_name", "is missing", "Write script_name: train.py")
        source = self._folder()
        context = self._runconfig(source, [script, *self._arguments()])
        job = context.job
        if context.spark is not None:
            raise reader.error(f"{self.place}.runconfig", "a PySpark configuration cannot run a Python step")
        self.lines[f"jobs.{self.name}.command"] = reader.source.lines.get(f"{self.place}.script_name", 1)
        job.compute, job.experiment_name = None, None
        for name, given in job.inputs.items():
            self.step.inputs.setdefault(name, given)
        for name, output in job.outputs.items():
            self.step.outputs.setdefault(name, output)
        job.inputs, job.outputs = {}, {}
        self._variables(job.environment_variables)
        if self.step.compute is None and not self.job.settings.default_compute and context.config.text("target"):
            self.step.compute = compute_of(context.config.text("target"))
        return job

    def _variables(self, variables: dict[str, str]) -> None:
        """What v1 put into the script's environment beside its arguments."""
        for word, binding in self.bound.items():
            kind, _, name = word.partition(":")
            if kind == "parameter":
                variables.setdefault(f"AML_PARAMETER_{name}", binding)
            elif kind == "output":
                variables.setdefault(f"AZUREML_DATAREFERENCE_{name}", binding)

    def _folder(self) -> Path:
        reader, text = self.reader, self._mapped("source_directory", "code")
        if text is None:
            return reader.folder
        found = reader.path(text)
        if found is None or not found.is_dir():
            self._missing("source_directory", f"there is no folder {text!r}")
            return reader.folder / text.replace("\\", "/")
        return found

    def _runconfig(self, source: Path, words: list[str]) -> TranslationContext:
        reader, text = self.reader, self._mapped("runconfig", "environment")
        config = Config(RUNCONFIG, reader.folder / "(no run configuration)")
        if text is not None:
            found = reader.path(text)
            if found is None or not found.is_file():
                self._missing("runconfig", f"there is no file {text!r}")
            else:
                config = to_job.read(found, reader.folder)
        target = "local" if reader.target == "local" else reader.target or self._compute_name()
        context = to_job.translate(
            config, reader.folder, source_directory=source, target=target, script_and_arguments=words,
            exporting=reader.exporting,
        )  # fmt: skip
        reader.let_pass += by_line(config.problems)
        for blocking_error in context.blocking_errors:
            if blocking_error.file in (config.file, None) and blocking_error.field == "script":
                blocking_error = reader.error(f"{self.place}.script_name", blocking_error.message, blocking_error.hint)
            if source.is_dir():
                reader.let_pass.append(blocking_error)
        if text is not None:
            reader.notes += to_job.notes(context)
        return context

    def _compute_name(self) -> str | None:
        named = self.step.compute or self.job.settings.default_compute
        return named.removeprefix("azureml:") if named else None

    def _parallel(self) -> ParallelJob:
        from amlrun.v1.pipeline.parallel_step import parallel_job

        reader, text = self.reader, self._mapped("parallel_run_config", "task")
        if text is None:
            raise reader.error(f"{self.place}.parallel_run_config", "is missing", "Name the ParallelRunConfig's file.")
        reader.say(f"{self.place}.side_inputs", f"jobs.{self.name}.inputs")
        if "models_id" in self.found:
            reader.say(f"{self.place}.models_id", "bind the model as an input", "unsupported")
        names = reader.named(f"{self.place}.inputs", self.found.get("inputs"))
        first = next((self.bound[f"input:{name}"] for name in names if f"input:{name}" in self.bound), "")
        output = next((word for key, word in self.bound.items() if key.startswith("output:")), None)
        found = reader.path(text)
        if found is None or not found.is_file():
            self._missing("parallel_run_config", f"there is no file {text!r}")
            return ParallelJob(input_data=first, append_row_to=output)
        job = parallel_job(found, reader.folder)
        job.input_data = first
        if job.append_row_to is not None:
            job.append_row_to = output
        job.program_arguments = " ".join(self._arguments())
        return job
