"""`aml model deploy` and `aml service` on a workspace: the same words for a managed online endpoint."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amlrun.cli.azure import connect as client_of
from amlrun.cli.common import Context
from amlrun.errors import BAD_INPUT, JOB_FAILED, SERVICE, AmlError
from amlrun.prepare import snapshot

if TYPE_CHECKING:
    from amlrun.v1.scoring.inference import Config, Inference


def attached(context: Context) -> bool:
    """Whether a workspace is meant, by flags or by the folder."""
    from amlrun import workspace

    return bool(context.workspace_name or context.resource_group or workspace.discover(context.path))


def deploy(
    context: Context,
    name: str,
    models: tuple[str, ...],
    inference: Inference,
    config: Config,
    *,
    overwrite: bool,
    wait: bool,
) -> None:
    """Create the managed endpoint that --ic and --dc describe, with a model of the workspace."""
    from amlrun.azure import endpoints
    from amlrun.v1.scoring import endpoint

    if len(models) != 1:
        raise AmlError("name one model", hint="Give -m NAME[:VERSION] of the workspace, or -f model.json.")
    client = client_of(context)
    if not overwrite and endpoints.exists(client, name):
        raise AmlError(
            f"there is a service {name!r} in {client.workspace.name} already",
            hint=f"Give --overwrite to replace its deployment, or change it: aml service update -n {name}",
        )
    with tempfile.TemporaryDirectory(prefix="aml-endpoint-") as folder:
        made = endpoint.translate(name, "blue", models[0], _travelling(inference, Path(folder)), config)
        for note in made.notes:
            context.warn(note)
        files = endpoint.write(made, Path(folder))
        shown = endpoints.deploy(client, files[0], files[1], wait=wait, report=context.say)
    context.result(shown, _introduction(shown, wait))


def update(
    context: Context, name: str, models: tuple[str, ...], inference: Inference | None, config: Config, *, wait: bool
) -> None:
    """Change what the flags say of a managed endpoint and its deployment; the rest stays as it is."""
    from amlrun.azure import endpoints
    from amlrun.v1.scoring import endpoint

    if len(models) > 1:
        raise AmlError("name one model", hint="A deployment has one: register the files as one folder.")
    client = client_of(context)
    with tempfile.TemporaryDirectory(prefix="aml-endpoint-") as folder:
        script = _travelling(inference, Path(folder)) if inference else None
        made = endpoint.changes(models[0] if models else None, script, config)
        for note in made.notes:
            context.warn(note)
        # Absolute: the deployment's file is elsewhere.
        _, deployment = endpoint.trees(made, None)
        shown = endpoints.update(client, name, made.endpoint, deployment, wait=wait, report=context.say)
    context.result(shown, _introduction(shown, wait))


def _travelling(inference: Inference, folder: Path) -> Inference:
    """With a copy of the code: what travels is what travels with a run, no ignored file, none that looks secret."""
    code = folder / "code"
    snapshot.copy(snapshot.take(inference.source), code)
    return replace(inference, source=code)


def _introduction(shown: dict[str, Any], wait: bool) -> str:
    name = shown["name"]
    lines = [
        f"Service {name} is {shown['state']}: {shown['scoringUri']}",
        f"  aml service run -n {name} -d deployment/sample-request.json",
        f"  aml service get-logs -n {name}    aml service delete -n {name}",
    ]
    if not wait and not shown["traffic"]:
        lines.append(f"  aml service update -n {name} sends it the requests once it is there")
    return "\n".join(lines)


def list_(context: Context, *, models: bool) -> list[dict[str, Any]]:
    """The workspace's endpoints; with `models` what each serves, which takes a request for each."""
    from amlrun.azure import endpoints

    return endpoints.listing(client_of(context), models=models)


def show(context: Context, name: str) -> None:
    from amlrun.azure import endpoints

    context.result(endpoints.show(client_of(context), name))


def get_logs(context: Context, name: str, lines: int, init: bool) -> None:
    from amlrun.azure import endpoints

    text = endpoints.logs(client_of(context), name, lines, init)
    context.result(text.splitlines(), text.rstrip())


def get_keys(context: Context, name: str) -> None:
    from amlrun.azure import endpoints

    context.result(endpoints.keys(client_of(context), name))


def get_access_token(context: Context, name: str) -> None:
    from amlrun.azure import endpoints

    context.result(endpoints.token(client_of(context), name))


def regen_key(context: Context, name: str, which: str, value: str | None) -> None:
    from amlrun.azure import endpoints

    endpoints.regenerate(client_of(context), name, which, value)
    text = f"{name} gets a new {which.lower()} key; aml service get-keys -n {name} shows it."
    context.result({"name": name, "key": which}, text)


def run(context: Context, name: str, body: str) -> None:
    from amlrun.azure import endpoints

    show_answer(context, name, *endpoints.invoke(client_of(context), name, body))


def delete(context: Context, name: str) -> None:
    from amlrun.azure import endpoints

    endpoints.delete(client_of(context), name)
    context.result({"name": name, "deleted": True}, f"Deleted {name}.")


def show_answer(context: Context, name: str, status: int | None, answer: Any) -> None:
    """Print a service's answer; a refusal is exit code 2, a failure 1, silence 3."""
    if status is None:
        raise AmlError(
            f"the service does not answer: {answer}", exit_code=SERVICE,
            hint=f"Look at it: aml service show -n {name}, aml service get-logs -n {name}\n"
            f"Start a local one again: aml service update -n {name}",
        )  # fmt: skip
    if status >= 400:
        message = answer.get("message", answer) if isinstance(answer, dict) else answer
        code = JOB_FAILED if status >= 500 else BAD_INPUT
        hint = f"What the service wrote: aml service get-logs -n {name}"
        raise AmlError(f"status {status}: {message}", exit_code=code, hint=hint)
    if context.json:
        context.result(answer)
    else:
        click.echo(json.dumps(answer, indent=2))
