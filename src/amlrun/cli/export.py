"""`aml export`: v1's files as Azure ML v2's own YAML."""

from __future__ import annotations

from pathlib import Path

import click

from amlrun.cli.common import Context, common_options
from amlrun.cli.conversions import export_automl, export_pipeline, folder_of, refuse, show_job
from amlrun.cli.options import JobOptions, job_options
from amlrun.cli.scoring_files import export_files, scoring_files
from amlrun.spec.jobs import Job


@click.command("export", context_settings={"allow_interspersed_args": False})
@click.option("-o", "--output-file", "destination", metavar="FILE|FOLDER",
              help="Write the YAML there (an endpoint's two files into a folder); printed when not given."
              " `-o json` prints JSON, as elsewhere.")  # fmt: skip
@click.option("--hyperdrive-configuration-name", "sweep_name", metavar="FILE",
              help="A sweep's file: write the sweep job over the run configuration.")  # fmt: skip
@job_options
@click.option("-y", "--pipeline-yaml", "pipeline", metavar="FILE", type=click.Path(path_type=Path),
              help="A v1 pipeline's YAML: write it as v2's.")  # fmt: skip
@click.option("-f", "--file", "file", metavar="FILE", type=click.Path(path_type=Path),
              help="A v2 AutoML job's YAML: write it with the MLTable that the cloud requires.")  # fmt: skip
@scoring_files
@click.option("-n", "--name", "service", metavar="NAME", help="With --ic and --dc: the endpoint's name.")
@click.option("-m", "--model", metavar="NAME[:VERSION]", help="With --ic and --dc: the model to serve.")
@common_options
def command(
    context: Context,
    wanted: JobOptions,
    destination: str | None,
    sweep_name: str | None,
    pipeline: Path | None,
    file: Path | None,
    ic: str | None,
    dc: str | None,
    service: str | None,
    model: str | None,
) -> None:
    """Convert v1 files to v2 YAML: a job, or an online endpoint with its deployment.

    \b
    aml export -c train-amlcompute -o job.yml
    aml export -y pipeline.yml -o pipeline-v2.yml
    aml export -f automl.yml -o cloud/automl.yml
    aml export -n my-service -m demo-model:1 --ic inference-config.yml --dc deployment-config-aci.yml -o endpoint

    Comments name what each line came from, and what was not converted. Paths are relative to the output file or,
    without -o, to --path.
    """
    from amlrun.v1.runconfig import exporting

    if destination in ("json", "text"):
        context.output, destination = destination, None
    given = {"-d": wanted.conda_file, "--source-directory": wanted.source_directory, "a script": wanted.words}
    if pipeline is not None:
        refuse({**given, "-c": wanted.name, "--hyperdrive-configuration-name": sweep_name, "--ic": ic, "--dc": dc,
                "-n": service, "-m": model, "-f": file}, "-y")  # fmt: skip
        return export_pipeline(context, pipeline, wanted.target, destination)
    if file is not None:
        refuse({**given, "-c": wanted.name, "--hyperdrive-configuration-name": sweep_name, "--ic": ic, "--dc": dc,
                "-n": service, "-m": model}, "-f")  # fmt: skip
        return export_automl(context, file, wanted.target, destination)
    if wanted.name is None:
        if ic or dc or service or model:
            refuse({**given, "-e": wanted.experiment, "--ct": wanted.target,
                    "--hyperdrive-configuration-name": sweep_name}, "--ic and --dc")  # fmt: skip
        return export_files(context, ic, dc, service, model, destination)
    refuse({"--ic": ic, "--dc": dc, "-n": service, "-m": model}, "-c")
    folder = folder_of(context, destination)
    exported = exporting.export(
        wanted.name,
        context.path,
        folder if folder.is_dir() or destination else folder.parent,
        source_directory=wanted.source_directory,
        target=wanted.target,
        conda_file=wanted.conda_file,
        script_and_arguments=wanted.words,
    )
    exported.job.experiment_name = wanted.experiment
    job: Job = exported.job
    if sweep_name:
        from amlrun import api
        from amlrun.spec import write_sweep

        job = api.load_hyperdrive(sweep_name, exported.job, path=context.path)
        exported.notes += [note for note in job.trial.local.notes if note not in exported.job.local.notes]
        exported.notes += write_sweep.left_out(job)
    comments = {} if sweep_name else exported.comments
    show_job(context, job, destination, exported.notes, comments, exported.head, exported.folder)


# `-o` is the file here, as in `az ml` v1's exporting commands; the format is still said by --output.
for _parameter in command.params:
    if _parameter.name == "output":
        _parameter.opts.remove("-o")
