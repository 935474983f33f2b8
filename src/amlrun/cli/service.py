"""`aml service`: look at, call, restart and remove what `aml model deploy` started on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from amlrun import project as projects
from amlrun.cli.common import Context, common_options
from amlrun.cli.deploy import introduce, model_in, settings_from
from amlrun.cli.deploy_options import Asked, deployment_options
from amlrun.cli.scoring_options import REGISTERED, Script, choose_model, inference_options, request_text
from amlrun.errors import AmlError

_NAME = click.option("-n", "--name", required=True, help="The service's name.")


@click.group("service")
def command() -> None:
    """Look at, call, restart and remove services.

    A name that no service on this machine has is looked for in the workspace, where one is attached.
    """


def _in_cloud(context: Context, name: str) -> bool:
    from amlrun.cli import cloud_services
    from amlrun.serving import service as services

    here = [one.name for one in services.listing(projects.find(context.path))]
    return name not in here and cloud_services.attached(context)


@command.command("list")
@click.option("-c", "--compute-type", hidden=True, help="v1's filter: local, or anything else.")
@click.option("--model-name", metavar="NAME", help="Only services of this model.")
@common_options
def list_(context: Context, compute_type: str | None, model_name: str | None) -> None:
    """List the services on this machine; with -w the workspace's too."""
    from amlrun.serving import service as services

    found = [one.shown() for one in services.listing(projects.find(context.path))]
    if context.workspace_name or context.resource_group:
        from amlrun.cli import cloud_services

        found += cloud_services.list_(context, models=bool(model_name))
    if model_name:
        found = [one for one in found if any(name.split(":")[0] == model_name for name in one.get("models", []))]
    if compute_type:
        found = [one for one in found if (one["computeType"] == "LOCAL") == (compute_type.lower() == "local")]
    rows = [[one["name"], one["state"], ", ".join(one.get("models", [])), one["scoringUri"]] for one in found]
    context.result(found, lambda: context.table(["Name", "State", "Model", "Url"], rows))


@command.command("show")
@_NAME
@common_options
def show(context: Context, name: str) -> None:
    """Show one service."""
    from amlrun.serving import service as services

    if _in_cloud(context, name):
        from amlrun.cli import cloud_services

        return cloud_services.show(context, name)
    context.result(services.find(projects.find(context.path), name).shown())


@command.command("get-logs")
@_NAME
@click.option("-l", "--num_lines", "lines", type=click.IntRange(1), default=5000, show_default=True)
@click.option("-i", "--init", is_flag=True, help="Only what init() wrote, up to the first request.")
@common_options
def get_logs(context: Context, name: str, lines: int, init: bool) -> None:
    """Print a service's log, the newest lines."""
    from amlrun.serving import service as services

    if _in_cloud(context, name):
        from amlrun.cli import cloud_services

        return cloud_services.get_logs(context, name, lines, init)
    service = services.find(projects.find(context.path), name)
    text = service.log.read_text(encoding="utf-8", errors="replace") if service.log.exists() else ""
    kept = text.splitlines()
    if init:
        ready = [number for number, line in enumerate(kept) if "ready for serving traffic" in line]
        kept = kept[: ready[0] + 1] if ready else kept
    kept = kept[-lines:]
    context.result(kept, "\n".join(kept))


@command.command("get-keys")
@_NAME
@common_options
def get_keys(context: Context, name: str) -> None:
    """Show a service's keys. One on this machine has none."""
    from amlrun.serving import service as services

    if _in_cloud(context, name):
        from amlrun.cli import cloud_services

        return cloud_services.get_keys(context, name)
    services.find(projects.find(context.path), name)
    keys = {"primaryKey": None, "secondaryKey": None}
    context.result(keys, f"{name} has no keys: it answers this machine only (127.0.0.1).")


@command.command("get-access-token")
@_NAME
@common_options
def get_access_token(context: Context, name: str) -> None:
    """Show a token for a service in the workspace that takes tokens. One on this machine needs none."""
    from amlrun.serving import service as services

    if _in_cloud(context, name):
        from amlrun.cli import cloud_services

        return cloud_services.get_access_token(context, name)
    services.find(projects.find(context.path), name)
    text = f"{name} needs no token: it answers this machine only (127.0.0.1)."
    context.result({"accessToken": None}, text)


@command.command("regen-key")
@_NAME
@click.option("-k", "--key", required=True, type=click.Choice(["Primary", "Secondary"], case_sensitive=False))
@click.option("-s", "--set-key", metavar="KEY", help="What the key is to be; a new one is made when not given.")
@common_options
def regen_key(context: Context, name: str, key: str, set_key: str | None) -> None:
    """Make a new key for a service in the workspace. One on this machine has none."""
    from amlrun.serving import service as services

    if _in_cloud(context, name):
        from amlrun.cli import cloud_services

        return cloud_services.regen_key(context, name, key, set_key)
    services.find(projects.find(context.path), name)
    raise AmlError(f"{name} has no keys: it answers this machine only (127.0.0.1)")


@command.command("run")
@_NAME
@click.option("-d", "--input-data", "data", metavar="DATA", help="JSON, a file that holds it, or - for stdin.")
@common_options
def run(context: Context, name: str, data: str | None) -> None:
    """Send one request to a service and print the answer."""
    from amlrun.cli.cloud_services import run as run_in_cloud
    from amlrun.cli.cloud_services import show_answer
    from amlrun.serving import calling
    from amlrun.serving import service as services

    project = projects.find(context.path)
    literal = data is not None and data.lstrip()[:1] in ("{", "[", '"')
    body = str(data) if literal else request_text(data, context.path, project.root)
    if _in_cloud(context, name):
        return run_in_cloud(context, name, body)
    service = services.find(project, name)
    show_answer(context, name, *calling.post(service.url, body))


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
    dc: Asked,
    no_wait: bool,
) -> None:
    """Change a service's model, code or settings; without a change, start it again."""
    from amlrun.serving import deploying, scoring
    from amlrun.serving import service as services

    project = projects.find(context.path)
    names = model if model_file is None else (*model, model_in(model_file))
    config = dc.config(context.path, project)
    if _in_cloud(context, name):
        from amlrun.cli import cloud_services

        inference = script.inference(context.path, project) if script else None
        return cloud_services.update(context, name, names, inference, config, wait=not no_wait)
    service = services.find(project, name)
    wanted = deploying.plan_of(service)
    if names:
        chosen = choose_model(project, names, flags=REGISTERED)
        wanted.model, wanted.sha256, wanted.models = chosen.path, chosen.sha256, [chosen.source]
    if script:
        inference = script.inference(context.path, project)
        fresh = deploying.plan(project, scoring.Model(wanted.model, wanted.sha256, ""), inference, report=context.say)
        wanted.code, wanted.entry = fresh.code, fresh.entry
        wanted.python, wanted.variables = fresh.python, fresh.variables
    settings = settings_from(config, services.settings_of(service))
    made = deploying.deploy(project, name, wanted, settings, overwrite=True, wait=not no_wait, report=context.say)
    context.result(made.shown(), lambda: introduce(context, project, made))


@command.command("delete")
@_NAME
@common_options
def delete(context: Context, name: str) -> None:
    """Stop a service and remove everything that is its own."""
    from amlrun.serving import deploying
    from amlrun.serving import service as services

    if _in_cloud(context, name):
        from amlrun.cli import cloud_services

        return cloud_services.delete(context, name)
    deploying.delete(services.find(projects.find(context.path), name))
    context.result({"name": name, "deleted": True}, f"Deleted {name}.")


@command.command("stats")
@_NAME
@common_options
def stats(context: Context, name: str) -> None:
    """Count a service's requests since it started: latency, errors, and with the request log what was sent.

    The request log is off unless the service is deployed or updated with --collect-model-data true.
    """
    from amlrun.serving import service as services
    from amlrun.serving import stats as statistics

    if _in_cloud(context, name):
        hint = f"What {name} did in the workspace: its metrics in Azure Monitor, and aml service get-logs -n {name}"
        raise AmlError("statistics are counted of services on this machine", hint=hint)
    service = services.find(projects.find(context.path), name)
    found = statistics.read(service.log, service.request_log).record()
    context.result(found, lambda: _show_stats(context, name, found, services.settings_of(service).request_log))


def _show_stats(context: Context, name: str, found: dict[str, Any], logged: bool) -> None:
    errors, latency = found["errors"], found["latency_ms"]
    requests = "1 request" if found["count"] == 1 else f"{found['count']} requests"
    click.echo(f"{name}: {requests}, {errors['4xx']} refused (4xx), {errors['5xx']} failed (5xx)")
    if found["count"]:
        click.echo("latency in ms: " + ", ".join(f"{key} {value:.1f}" for key, value in latency.items()))
    if not logged:
        click.echo(f"What was sent is not kept; turn that on with: aml service update -n {name} --md true")
    elif found["columns"]:
        rows = [
            [column, one["count"], *(f"{one[key]:.4g}" if key in one else "" for key in ("min", "mean", "max"))]
            for column, one in found["columns"].items()
        ]
        context.table(["Column", "Values", "Min", "Mean", "Max"], rows)
