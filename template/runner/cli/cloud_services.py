"""`aml model deploy` and `aml service` on a workspace: the same words for a managed online endpoint."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner import snapshot
from runner.cli.cloud import client_of
from runner.cli.common import Context
from runner.errors import BAD_INPUT, JOB_FAILED, SERVICE, RunnerError

if TYPE_CHECKING:
    from runner.v1.inference import Config, Inference


def attached(context: Context) -> bool:
    """Whether a workspace is meant, by flags or by the folder."""
    from runner import workspace_config

    return bool(context.workspace_name or context.resource_group or workspace_config.discover(context.path))


def deploy(
    context: Context, name: str, models: tuple[str, ...], inference: Inference, config: Config, *, wait: bool
) -> None:
    """Create the managed endpoint that --ic and --dc describe, with a model of the workspace."""
    from runner.azure import endpoints
    from runner.v1 import endpoint

    if len(models) != 1:
        raise RunnerError("name one model", hint="Give -m NAME[:VERSION] of the workspace, or -f model.json.")
    client = client_of(context)
    with tempfile.TemporaryDirectory(prefix="aml-endpoint-") as folder:
        # A copy, so that what travels is what travels with a run: no ignored file, and none that looks like a secret.
        code = Path(folder) / "code"
        snapshot.copy(snapshot.take(inference.source), code)
        made = endpoint.translate(name, "blue", models[0], replace(inference, source=code), config)
        for note in made.notes:
            context.warn(note)
        files = endpoint.write(made, Path(folder))
        shown = endpoints.deploy(client, files[0], files[1], wait=wait, report=context.say)
    text = (
        f"Service {name} is {shown['state']}: {shown['scoringUri']}\n"
        f"  aml service run -n {name} -d deployment/sample-request.json\n"
        f"  aml service get-logs -n {name}    aml service delete -n {name}"
    )
    context.result(shown, text)


def list_(context: Context) -> list[dict[str, Any]]:
    """The workspace's endpoints."""
    from runner.azure import endpoints

    return endpoints.listing(client_of(context))


def show(context: Context, name: str) -> None:
    from runner.azure import endpoints

    context.result(endpoints.show(client_of(context), name))


def get_logs(context: Context, name: str, lines: int, init: bool) -> None:
    from runner.azure import endpoints

    text = endpoints.logs(client_of(context), name, lines, init)
    context.result(text.splitlines(), text.rstrip())


def get_keys(context: Context, name: str) -> None:
    from runner.azure import endpoints

    context.result(endpoints.keys(client_of(context), name))


def run(context: Context, name: str, body: str) -> None:
    from runner.azure import endpoints

    show_answer(context, name, *endpoints.invoke(client_of(context), name, body))


def delete(context: Context, name: str) -> None:
    from runner.azure import endpoints

    endpoints.delete(client_of(context), name)
    context.result({"name": name, "deleted": True}, f"Deleted {name}.")


def show_answer(context: Context, name: str, status: int | None, answer: Any) -> None:
    """Print a service's answer; a refusal is exit code 2, a failure 1, silence 3."""
    if status is None:
        raise RunnerError(
            f"the service does not answer: {answer}", exit_code=SERVICE,
            hint=f"Look at it: aml service show -n {name}. Start a local one again: aml service update -n {name}",
        )  # fmt: skip
    if status >= 400:
        message = answer.get("message", answer) if isinstance(answer, dict) else answer
        code = JOB_FAILED if status >= 500 else BAD_INPUT
        raise RunnerError(f"status {status}: {message}", exit_code=code, hint=f"aml service get-logs -n {name}")
    if context.json:
        context.result(answer)
    else:
        click.echo(json.dumps(answer, indent=2))
