"""`aml model deploy`: a registered model and its score.py become a service, here or on a managed endpoint."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amlrun import project as projects
from amlrun.cli.common import Context, common_options
from amlrun.cli.deploy_options import Asked, compute_type, deployment_options
from amlrun.cli.scoring_options import REGISTERED, Script, choose_model, inference_options
from amlrun.errors import AmlError, os_error

if TYPE_CHECKING:
    from amlrun.serving.service import Service, Settings
    from amlrun.v1.scoring.inference import Config


@click.command("deploy")
@click.option("-n", "--name", required=True, help="The service's name.")
@click.option("-m", "--model", metavar="NAME[:VERSION]", multiple=True, help="The registered model.")
@click.option("-f", "--model-metadata-file", "model_file", type=click.Path(path_type=Path), metavar="model.json",
              help="The model that `aml model register -t` wrote down.")  # fmt: skip
@inference_options
@deployment_options
@click.option("--overwrite", is_flag=True, help="Replace a service of that name.")
@click.option("--no-wait", is_flag=True, help="Return before the service is healthy.")
@common_options
def deploy(
    context: Context,
    name: str,
    model: tuple[str, ...],
    model_file: Path | None,
    script: Script,
    dc: Asked,
    overwrite: bool,
    no_wait: bool,
) -> None:
    """Serve a registered model: on this machine with Microsoft's inference server, or on a managed endpoint.

    The deployment configuration's computeType says where: `local`, the default, or ACI or AKS of old, which become a
    managed online endpoint in the workspace.

    \b
    aml model deploy -n my-service -m demo-model:1 --ic aml_config/inference-config.yml \\
        --dc deployment/deployment-config-local.yml --port 32000
    """
    from amlrun.serving import deploying
    from amlrun.serving import service as services

    project = projects.find(context.path)
    services.check_name(name)
    config = dc.config(context.path, project)
    names = model if model_file is None else (*model, model_in(model_file))
    inference = script.inference(context.path, project)
    if compute_type(config) != "local":
        from amlrun.cli import cloud_services

        cloud_services.deploy(context, name, names, inference, config, overwrite=overwrite, wait=not no_wait)
        return
    chosen = choose_model(project, names, flags=REGISTERED)
    for note in [*inference.config.notes(), *config.notes()]:
        context.warn(note)
    settings = settings_from(config, services.Settings())
    wanted = deploying.plan(project, chosen, inference, report=context.say)
    made = deploying.deploy(project, name, wanted, settings, overwrite=overwrite, wait=not no_wait, report=context.say)
    context.result(made.shown(), lambda: introduce(context, project, made))


def model_in(file: Path) -> str:
    """The `name:version` of a model.json. Raises AmlError when it is none."""
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["modelId"])
    except OSError as error:
        raise os_error(error, "read the model's metadata") from error
    except (ValueError, KeyError, TypeError):
        raise AmlError("has no modelId", file=file, hint="Give what `aml model register -t` wrote.") from None


def settings_from(config: Config, settings: Settings) -> Settings:
    """What of a deployment configuration counts on this machine, over the settings that are there."""
    settings.port = config.get("port") or settings.port
    settings.workers = config.get("numReplicas") or settings.workers
    settings.scoring_timeout_ms = config.get("scoringTimeoutMs") or settings.scoring_timeout_ms
    if config.get("dataCollection.storageEnabled") is not None:
        settings.request_log = config.get("dataCollection.storageEnabled")
    settings.description = config.get("description") or settings.description
    settings.tags = {**settings.tags, **(config.get("tags") or {})}
    settings.properties = {**settings.properties, **(config.get("properties") or {})}
    return settings


def introduce(context: Context, project: projects.Project, service: Service) -> None:
    """Say where a service is and how to call it."""
    sample = project.root / "deployment" / "sample-request.json"
    data = shlex.quote(f"@{sample}" if sample.is_file() else '{"data": [...]}')
    click.echo(f"Service {service.name} is {service.state()}: {service.url}")
    click.echo(f"  curl -H 'Content-Type: application/json' -d {data} {service.url}")
    click.echo(f"  aml service get-logs -n {service.name}    aml service delete -n {service.name}")
