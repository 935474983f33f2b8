"""`aml explain`: what every key of v1's files means here and in Azure ML v2."""

from __future__ import annotations

from pathlib import Path

import click

from amlrun.cli.common import Context, common_options
from amlrun.cli.conversions import explain_automl, explain_pipeline, refuse, show_rows
from amlrun.cli.scoring_files import explain_files, scoring_files
from amlrun.errors import located


@click.command("explain")
@click.option("-c", "--run-configuration-name", "name", metavar="NAME",
              help="The run configuration: its name, or a path to its file.")  # fmt: skip
@click.option("--ct", "--target", "target", metavar="NAME", help="Explain for this target, not the file's.")
@click.option("-y", "--pipeline-yaml", "pipeline", metavar="FILE", type=click.Path(path_type=Path),
              help="A v1 pipeline's YAML.")  # fmt: skip
@click.option("-f", "--file", "file", metavar="FILE", type=click.Path(path_type=Path),
              help="A v2 AutoML job's YAML.")  # fmt: skip
@scoring_files
@common_options
def command(
    context: Context,
    name: str | None,
    target: str | None,
    pipeline: Path | None,
    file: Path | None,
    ic: str | None,
    dc: str | None,
) -> None:
    """Show every key of v1's files, or of a v2 AutoML job: its value, its line, and what it becomes.

    \b
    aml explain -c train-amlcompute
    aml explain -y pipeline.yml
    aml explain -f automl.yml
    aml explain --ic aml_config/inference-config.yml --dc deployment/deployment-config-aci.yml

    \b
    mapped       the key in v2's YAML that it becomes
    local        matters on this machine only
    ignored      no effect, and why
    unsupported  not possible, and what to do instead
    unknown      no such key
    """
    if pipeline is not None:
        refuse({"-c": name, "-f": file, "--ic": ic, "--dc": dc}, "-y")
        return explain_pipeline(context, pipeline, target)
    if file is not None:
        refuse({"-c": name, "--ic": ic, "--dc": dc}, "-f")
        return explain_automl(context, file, target)
    if name is None:
        if ic or dc:
            refuse({"--ct": target}, "--ic and --dc")
        return explain_files(context, ic, dc)
    refuse({"--ic": ic, "--dc": dc}, "-c")
    from amlrun.runs import redact
    from amlrun.v1.config import by_line, raise_first
    from amlrun.v1.runconfig import explaining, to_job

    file = to_job.find(context.path, name)
    config = to_job.read(file, context.path)
    translation = to_job.translate(config, context.path, target=target)
    # A secret in the file is refused by every other command; this one shows the key, without its value.
    wrong = [problem for problem in config.problems if not redact.secret_name(problem.field)]
    raise_first(by_line(wrong))
    show_rows(context, {"": explaining.rows(translation)})
    for note in config.notes:
        if note.line:
            context.warn(located(note.text, file.name, note.line, note.key))
    for problem in [*config.problems, *translation.blocking_errors]:
        context.warn(str(problem).partition("\n")[0])
