"""`aml model deploy`: a registered model and its score.py become a service, here or on a managed endpoint."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amlrun import project as projects
from amlrun.cli import quiet
from amlrun.cli.common import Context, common_options
from amlrun.cli.deploy_options import DeploymentFlags, deployment_options
from amlrun.cli.scoring_options import Script, inference_options, one_model
from amlrun.cli.watching import Printer
from amlrun.errors import AmlError, os_error

if TYPE_CHECKING:
    from amlrun.serving.base import Service


@click.command("deploy")
@click.option("-n", "--name", required=True, help="The service's name.")
@click.option("-m", "--model", metavar="NAME[:VERSION]", multiple=True, help="The registered model.")
@click.option("-f", "--model-metadata-file", "model_file", type=click.Path(path_type=Path), metavar="model.json",
              help="The file that `aml model register -t` wrote.")  # fmt: skip
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
    dc: DeploymentFlags,
    overwrite: bool,
    no_wait: bool,
) -> None:
    """Serve a registered model: on this machine with Microsoft's inference server, or on a managed endpoint.

    The deployment configuration's computeType says where: `local`, the default, or v1's ACI or AKS, which become a
    managed online endpoint in the workspace.

    \b
    aml model deploy -n my-service -m demo-model:1 --ic aml_config/inference-config.yml \\
        --dc deployment/deployment-config-local.yml --port 32000
    """
    from amlrun.serving import open_services_for
    from amlrun.serving.base import check_name

    check_name(name)
    config = dc.config(context.path)
    chosen = one_model(model if model_file is None else (*model, model_in(model_file)))
    inference = script.inference(context.path)
    quiet.silence("mlflow")
    with Printer(context) as show:
        services = open_services_for(config, context.path, workspace=context.find_workspace, on_event=show)
        made = services.deploy(name, chosen, inference, config, overwrite=overwrite, wait=not no_wait)
        introduce(context, made, wait=not no_wait)


def model_in(file: Path) -> str:
    """The `name:version` of a model.json. Raises AmlError when it is none."""
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["modelId"])
    except OSError as error:
        raise os_error(error, "read the model's metadata") from error
    except (ValueError, KeyError, TypeError):
        raise AmlError("has no modelId", file=file, hint="Give what `aml model register -t` wrote.") from None


def introduce(context: Context, service: Service, *, wait: bool) -> None:
    """End a deployment: say where the service is and how to call it."""
    shown = service.to_dict()
    sample = projects.find(context.path).root / "deployment" / "sample-request.json"
    name = service.name

    def text() -> None:
        context.say(f"Service {name} is {shown['state']}: {shown['scoringUri']}")
        if service.no_keys:
            data = shlex.quote(f"@{sample}" if sample.is_file() else '{"data": [...]}')
            context.say(f"  curl -H 'Content-Type: application/json' -d {data} {shown['scoringUri']}")
        else:
            context.say(f"  aml service run -n {name} -d deployment/sample-request.json")
        context.say(f"  aml service get-logs -n {name}    aml service delete -n {name}")
        if not wait and shown.get("traffic") == {}:
            context.say(f"  aml service update -n {name} sends the traffic to it once it is deployed")

    context.result(shown, text)
