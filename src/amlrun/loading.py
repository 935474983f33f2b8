"""Jobs from files and into files: v1's run configurations and sweeps, v2's job YAML, pipelines of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from amlrun import project as projects
from amlrun.errors import AmlError
from amlrun.prepare import machines
from amlrun.spec.job import CommandJob, SparkJob, SweepJob

if TYPE_CHECKING:
    from amlrun.spec.jobs import Job
    from amlrun.v1.config import Row


def load_runconfig(
    name: str | None,
    *,
    path: str | Path = ".",
    target: str | None = None,
    arguments: Sequence[str] = (),
    conda_file: str | Path | None = None,
    source_directory: str | Path | None = None,
    container: bool | None = None,
) -> CommandJob | SparkJob:
    """The job of the v1 run configuration `name`; None means v1's default (local, this Python).

    `target` ("local" or a compute's name), `conda_file` and `arguments` (the script and its arguments) replace the
    file's. `container`: run a local job in its environment's image; None means as `[tool.amlrun] container` in
    the project says. Notes on keys of the file that were changed or ignored are in `job.local.notes`.

    >>> job = amlrun.load_runconfig("train-local", arguments=["train.py", "--data-path", "/data", "--epochs", "2"])
    >>> job.compute, job.distribution
    ('local', None)
    """
    from amlrun.v1.runconfig import to_job

    project = projects.find(Path(path))
    job = to_job.load(
        name,
        Path(path).absolute(),
        source_directory=None if source_directory is None else Path(source_directory),
        target=target,
        conda_file=None if conda_file is None else Path(conda_file),
        script_and_arguments=tuple(arguments),
        container=project.container if container is None else container,
        machines=machines.load(project),
    )
    assert not isinstance(job, SweepJob)  # noqa: S101 - a run configuration is no sweep
    return job


def load_hyperdrive(
    file: str | Path, trial: CommandJob | SparkJob, *, path: str | Path = ".", seed: int | None = None
) -> SweepJob:
    """The sweep job of a HyperDrive file, over the job `trial`. `seed` makes the sampled values reproducible.

    >>> sweep = amlrun.load_hyperdrive("aml_config/sweep.yml", amlrun.load_runconfig("train-local"), seed=7)
    >>> sweep.objective.primary_metric
    'val_accuracy'
    """
    from amlrun.v1.hyperdrive import to_sweep

    if not isinstance(trial, CommandJob):
        raise AmlError(f"a {trial.type} job can't be swept", hint="A sweep runs Python scripts and commands.")
    job = to_sweep.load(to_sweep.find(str(file), Path(path).absolute()), trial)
    if seed is not None:
        job.sampling_algorithm.seed = seed
    return job


def load_job(
    file: str | Path,
    *,
    target: str | None = None,
    path: str | Path = ".",
    settings: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    container: bool | None = None,
) -> Job:
    """The job in a v2 YAML file, as `az ml job create --file` reads it. A v1 pipeline YAML is read too.

    `target` replaces the compute of the job and of every step. `settings` override keys of a pipeline file, such as
    `inputs.NAME`, `settings.NAME` and `jobs.STEP.inputs.NAME`. Paths in a v1 pipeline are relative to `path`.
    `container`: run local jobs in their environment's image; None means as the project's settings say.

    >>> amlrun.load_job("job.yml", target="local").type
    'command'
    """
    from amlrun.spec import node
    from amlrun.spec.pipeline import is_pipeline

    place = Path(file)
    tree = node.read(place)
    container = projects.find(place).container if container is None else container
    if is_pipeline(tree[0]):
        from amlrun.pipeline import load

        return load.load(place, Path(path).absolute(), target=target, settings=settings, container=container, tree=tree)
    from amlrun.spec import read

    if settings:
        raise AmlError("is not a pipeline: only a pipeline's keys can be set", file=place)
    return read.read(place, target, container=container)


def dump_job(job: Job, file: str | Path | None = None) -> str:
    """The job as Azure ML v2 YAML, also written to `file` if given. Paths are relative to that file.

    >>> print(amlrun.dump_job(amlrun.load_runconfig("train-local"), "job.yml"))
    $schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
    ...
    """
    from amlrun.errors import os_errors
    from amlrun.runs.files import replace_text
    from amlrun.spec import write

    folder = Path.cwd() if file is None else Path(file).absolute().parent
    text = write.text(job, folder)
    if file is not None:
        with os_errors(f"write {file}"):
            for place, content in {Path(file).absolute(): text, **write.side_files(job, folder)}.items():
                place.parent.mkdir(parents=True, exist_ok=True)
                replace_text(place, content)
    return text


def explain(name: str, *, path: str | Path = ".", target: str | None = None) -> list[Row]:
    """Every key of a run configuration: its value, its line, and what it becomes in v2 (`status`, `becomes`).

    >>> [(row.value, row.becomes) for row in amlrun.explain("train-local") if row.key == "script"]
    [('train.py', 'command')]
    """
    from amlrun.v1.runconfig import explaining, to_job

    folder = Path(path).absolute()
    config = to_job.read(to_job.find(folder, name), folder)
    return explaining.rows(to_job.translate(config, folder, target=target))
