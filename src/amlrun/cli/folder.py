"""`aml folder`: which workspace this project belongs to."""

from __future__ import annotations

import re

import click

from amlrun import project as projects
from amlrun import workspace as workspace_config
from amlrun.cli.common import Context, common_options, write_json
from amlrun.errors import AmlError
from amlrun.runs import store as runs

_WORKSPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}")
_GROUP = re.compile(r"[\w().-]{0,89}[\w()-]")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@click.group("folder")
def command() -> None:
    """Attach this project to an Azure ML workspace."""


@command.command()
@click.option("-e", "--experiment-name", metavar="NAME", help="The experiment to use when a submit names none.")
@common_options
def attach(context: Context, experiment_name: str | None) -> None:
    """Attach this folder to an Azure ML workspace. The workspace is kept in .azureml/config.json.

    \b
    aml folder attach -g my-group -w my-workspace --subscription-id 00000000-0000-0000-0000-000000000000

    Works offline too, and then reports that the workspace was not checked. Local runs need no workspace.
    """
    before = workspace_config.discover(context.path)
    values = {
        "-w/--workspace-name": context.workspace_name or (before and before.workspace.name),
        "-g/--resource-group": context.resource_group or (before and before.workspace.resource_group),
        "--subscription-id": context.subscription_id or (before and before.workspace.subscription_id),
    }
    missing = [flag for flag, value in values.items() if not value]
    if missing:
        raise AmlError(
            f"missing: {', '.join(missing)}",
            hint="`az account show --query id` prints the subscription; the portal's Overview page shows all three.",
        )
    workspace, group, subscription = (str(value) for value in values.values())
    _check(_WORKSPACE, workspace, "-w", "3 to 33 letters, digits, '-' and '_'")
    _check(_GROUP, group, "-g", "letters, digits, '-', '_', '.', '(' and ')'")
    _check(_GUID, subscription, "--subscription-id", "a GUID like 00000000-0000-0000-0000-000000000000")
    content = {"subscription_id": subscription, "resource_group": group, "workspace_name": workspace}
    if experiment_name:
        content["experiment_name"] = runs.check_experiment(experiment_name)
    root = context.path if context.path.is_dir() else context.path.parent
    file = projects.find(root).root / ".azureml" / "config.json"
    write_json(file, content)
    result = {
        "Experiment name": experiment_name or file.parent.parent.name,
        "Project path": str(file.parent.parent),
        "Resource group": group,
        "Subscription id": subscription,
        "Workspace name": workspace,
    }
    context.say(_check_workspace(context))
    context.result(result)


def _check_workspace(context: Context) -> str:
    """One line on whether the attached workspace answers; never an error: `folder attach` needs no network."""
    from amlrun.azure import workspaces
    from amlrun.cli.azure import connect

    try:
        client = connect(context)
        # A courtesy: no sign-in for it, and no wait of two minutes.
        client.credential.may_ask = False
        client.transport.seconds = min(client.transport.seconds, 15.0)
        found = workspaces.find(client)
    except AmlError as error:
        return f"The workspace was not checked: {error.message}"
    if found is None:
        name = client.workspace.name
        return f"Azure has no workspace {name}, or you have no access to it: check -w, -g and --subscription-id."
    return f"The workspace exists ({found.get('location')})."


def _check(pattern: re.Pattern[str], value: str, flag: str, rule: str) -> None:
    if not pattern.fullmatch(value):
        raise AmlError(f"{flag}: {value!r} is not valid", hint=f"Expected {rule}.")
