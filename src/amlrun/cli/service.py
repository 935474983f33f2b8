"""`aml service`: look at, call, restart and remove what `aml model deploy` started."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amlrun.cli import quiet
from amlrun.cli.common import Context, common_options
from amlrun.cli.deploy import introduce, model_in
from amlrun.cli.deploy_options import DeploymentFlags, deployment_options
from amlrun.cli.scoring_options import Script, inference_options, one_model, read_request, show_answer
from amlrun.cli.watching import Printer

if TYPE_CHECKING:
    from amlrun.serving.base import Service

_NAME = click.option("-n", "--name", required=True, help="The service's name.")


@click.group("service")
def command() -> None:
    """Show, call, update and delete services.

    A service that is not on this machine is looked up in the attached workspace.
    """


def _service(context: Context, name: str) -> Service:
    from amlrun.serving import find_service

    return find_service(name, path=context.path, workspace=context.attached_workspace, on_event=Printer(context))


@command.command("list")
@click.option("-c", "--compute-type", hidden=True, help="v1's filter: local, or anything else.")
@click.option("--model-name", metavar="NAME", help="Only services of this model.")
@common_options
def list_(context: Context, compute_type: str | None, model_name: str | None) -> None:
    """List this machine's services. With -w the workspace's too."""
    from amlrun.serving import list_services

    found = list_services(
        context.path,
        workspace=context.named_workspace,
        model=model_name,
        compute_type=compute_type,
        on_event=Printer(context),
    )
    rows = [[one["name"], one["state"], ", ".join(one.get("models", [])), one["scoringUri"]] for one in found]
    context.listed(found, ["Name", "State", "Model", "Url"], rows, "No services.")


@command.command("show")
@_NAME
@common_options
def show(context: Context, name: str) -> None:
    """Show one service."""
    context.result(_service(context, name).to_dict())


@command.command("get-logs")
@_NAME
@click.option("-l", "--num_lines", "lines", type=click.IntRange(1), default=5000, show_default=True)
@click.option("-i", "--init", is_flag=True, help="Only what init() wrote, before the first request.")
@common_options
def get_logs(context: Context, name: str, lines: int, init: bool) -> None:
    """Print the last lines of a service's log."""
    kept = _service(context, name).logs(lines, init=init)
    context.result(kept, "\n".join(kept))


@command.command("get-keys")
@_NAME
@common_options
def get_keys(context: Context, name: str) -> None:
    """Show a service's keys. A local service has none."""
    service = _service(context, name)
    context.result(service.keys(), f"{name} has no keys: {service.no_keys}." if service.no_keys else None)


@command.command("get-access-token")
@_NAME
@common_options
def get_access_token(context: Context, name: str) -> None:
    """Show an access token for a service in the workspace. A local service needs none."""
    service = _service(context, name)
    context.result(service.access_token(), f"{name} needs no token: {service.no_keys}." if service.no_keys else None)


@command.command("regen-key")
@_NAME
@click.option("-k", "--key", required=True, type=click.Choice(["Primary", "Secondary"], case_sensitive=False))
@click.option("-s", "--set-key", metavar="KEY", help="The new key; one is generated when not given.")
@common_options
def regen_key(context: Context, name: str, key: str, set_key: str | None) -> None:
    """Regenerate a key of a service in the workspace. A local service has none."""
    _service(context, name).regenerate_key(key, set_key)
    text = f"{name} gets a new {key.lower()} key; aml service get-keys -n {name} shows it."
    context.result({"name": name, "key": key}, text)


@command.command("run")
@_NAME
@click.option("-d", "--input-data", "data", metavar="DATA", help="JSON, a file (@FILE as in v1), or - for stdin.")
@common_options
def run(context: Context, name: str, data: str | None) -> None:
    """Send one request to a service and print the answer."""
    from amlrun.serving import base

    request = read_request(data, context.path)
    show_answer(context, base.answer(_service(context, name), request))


@command.command("update")
@_NAME
@click.option("-m", "--model", metavar="NAME[:VERSION]", multiple=True, help="Another model, or version of it.")
@click.option("-f", "--model-metadata-file", "model_file", type=click.Path(path_type=Path), metavar="model.json")
@inference_options
@deployment_options
@click.option("--no-wait", is_flag=True, help="Return before the service is healthy.")
@common_options
def update(
    context: Context,
    name: str,
    model: tuple[str, ...],
    model_file: Path | None,
    script: Script,
    dc: DeploymentFlags,
    no_wait: bool,
) -> None:
    """Change a service's model, code or settings. Without changes, restart it."""
    from amlrun.serving.base import Change

    names = model if model_file is None else (*model, model_in(model_file))
    config = dc.config(context.path)
    service = _service(context, name)
    quiet.silence("mlflow")
    change = Change(one_model(names) if names else None, script.inference(context.path) if script else None, config)
    introduce(context, service.update(change, wait=not no_wait), wait=not no_wait)


@command.command("delete")
@_NAME
@common_options
def delete(context: Context, name: str) -> None:
    """Stop a service and delete everything that belongs to it."""
    _service(context, name).delete()
    context.result({"name": name, "deleted": True}, f"Deleted {name}.")


@command.command("stats")
@_NAME
@common_options
def stats(context: Context, name: str) -> None:
    """Show a service's requests, latency and errors.

    Counted since it started; with the request log, also what was sent. The log is off unless the service is deployed or
    updated with --collect-model-data true.
    """
    found = _service(context, name).stats()
    context.result(found, lambda: _show_stats(context, name, found))


def _show_stats(context: Context, name: str, found: dict[str, Any]) -> None:
    errors, latency = found["errors"], found["latency_ms"]
    requests = "1 request" if found["count"] == 1 else f"{found['count']} requests"
    click.echo(f"{name}: {requests}, {errors['4xx']} refused (4xx), {errors['5xx']} failed (5xx)")
    if found["count"]:
        click.echo("latency in ms: " + ", ".join(f"{key} {value:.1f}" for key, value in latency.items()))
    if not found["requestLog"]:
        click.echo(f"Requests are not recorded; turn that on with: aml service update -n {name} --md true")
    elif found["columns"]:
        rows = [
            [column, one["count"], *(f"{one[key]:.4g}" if key in one else "" for key in ("min", "mean", "max"))]
            for column, one in found["columns"].items()
        ]
        context.table(["Column", "Values", "Min", "Mean", "Max"], rows)
