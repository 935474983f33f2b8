"""`aml computetarget attach`, `update` and `amlcompute identity`: existing compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from amlrun.cli.azure import connect, name_option, no_wait
from amlrun.cli.common import Context, common_options
from amlrun.errors import AmlError

_resource = click.option("-i", "--compute-resource-id", "resource_id", required=True, metavar="ID",
                         help="Its resource id in Azure.")  # fmt: skip


def _attached(context: Context, tree: dict[str, Any], wait: bool) -> None:
    from amlrun.azure import computes

    made = computes.create(connect(context), tree, wait=wait)
    name = made.get("name")
    context.result(made, f"{name}: {made.get('state')}. Use it: target: {name}, or --ct {name}")


@click.command("kubernetes")
@name_option
@_resource
@click.option("--namespace", default="default", show_default=True, metavar="NAME", help="The namespace of the jobs.")
@click.option("--assign-identity", multiple=True, metavar="ID",
              help="[system], or the resource id of a user-assigned identity.")  # fmt: skip
@no_wait
@common_options
def kubernetes(
    context: Context, name: str, resource_id: str, namespace: str, assign_identity: tuple[str, ...], no_wait: bool
) -> None:
    """Attach an AKS or Arc cluster that has the Azure ML extension.

    \b
    az k8s-extension create --name ml --extension-type Microsoft.AzureML.Kubernetes …
    aml computetarget attach kubernetes -n k8s -i /subscriptions/…/managedClusters/NAME
    """
    from amlrun.azure import compute_trees

    identity = compute_trees.identity(assign_identity)
    tree = compute_trees.attached("kubernetes", name, resource_id, namespace=namespace, identity=identity)
    _attached(context, tree, not no_wait)


@click.command("synapse")
@name_option
@_resource
@click.option("--assign-identity", multiple=True, metavar="ID",
              help="[system], or the resource id of a user-assigned identity.")  # fmt: skip
@no_wait
@common_options
def synapse(context: Context, name: str, resource_id: str, assign_identity: tuple[str, ...], no_wait: bool) -> None:
    """Attach a Synapse Spark pool: Spark jobs run there with target: NAME."""
    from amlrun.azure import compute_trees

    identity = compute_trees.identity(assign_identity)
    _attached(context, compute_trees.attached("synapsespark", name, resource_id, identity=identity), not no_wait)


@click.command("virtualmachine")
@name_option
@_resource
@click.option("-u", "--username", required=True, metavar="USER", help="The user who runs the jobs there.")
@click.option("--ssh-port", default=22, show_default=True, type=click.IntRange(1, 65535), help="The port of its sshd.")
@click.option("--private-key-file", required=True, metavar="FILE", type=click.Path(path_type=Path),
              help="That user's private key. Its text is sent to the workspace.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Send the private key.")
@no_wait
@common_options
def virtual_machine(
    context: Context,
    name: str,
    resource_id: str,
    username: str,
    ssh_port: int,
    private_key_file: Path,
    yes: bool,
    no_wait: bool,
) -> None:
    """Attach an Azure virtual machine, which the service reaches over ssh.

    The service needs and stores the private key. With `attach remote`, this machine connects, and the key stays here.
    """
    from amlrun.azure import compute_trees

    file = private_key_file.expanduser()
    if not file.is_file():
        raise AmlError(f"--private-key-file: there is no file {file}")
    if not yes:
        raise AmlError(
            f"--private-key-file: the private key in {file} would be sent to the workspace and stored there",
            hint="Add --yes to send it. To use the machine without sending the key:\n"
            f"aml computetarget attach remote -n {name} -a ADDRESS -u {username} --private-key-file {private_key_file}",
        )
    settings = {"admin_username": username, "ssh_port": ssh_port, "ssh_private_key_file": str(file.resolve())}
    _attached(context, compute_trees.attached("virtualmachine", name, resource_id, ssh_settings=settings), not no_wait)


@click.command("amlcompute")
@name_option
@click.option("--max-nodes", type=click.IntRange(min=0), help="Maximum number of nodes.")
@click.option("--min-nodes", type=click.IntRange(min=0), help="Minimum number of nodes.")
@click.option("--idle-seconds-before-scaledown", "idle_seconds", type=click.IntRange(min=1),
              help="Seconds until an idle node is released.")  # fmt: skip
@no_wait
@common_options
def update(
    context: Context, name: str, max_nodes: int | None, min_nodes: int | None, idle_seconds: int | None, no_wait: bool
) -> None:
    """Change a cluster's number of nodes and idle time."""
    from amlrun.azure import computes

    asked = {"max_instances": max_nodes, "min_instances": min_nodes, "idle_time_before_scale_down": idle_seconds}
    changes = {key: value for key, value in asked.items() if value is not None}
    if not changes:
        raise AmlError("nothing to change", hint="Name --max-nodes, --min-nodes or --idle-seconds-before-scaledown.")
    made = computes.update_cluster(connect(context), name, changes, wait=not no_wait)
    context.result(made, f"{name}: {made.get('minNodes')} to {made.get('maxNodes')} nodes")


@click.group("identity")
def identity() -> None:
    """Assign, remove and show a cluster's identities."""


_ids = click.option("-i", "--identities", "words", required=True, multiple=True, metavar="ID",
                    help="[system], or the resource id of a user-assigned identity. Can be repeated.")  # fmt: skip


def _change(verb: str, text: str) -> None:
    @identity.command(verb, help=text)
    @name_option
    @_ids
    @no_wait
    @common_options
    def act(context: Context, name: str, words: tuple[str, ...], no_wait: bool) -> None:
        from amlrun.azure import compute_trees, computes

        own = compute_trees.identity(words).get("type") == "system_assigned"
        named = () if own else words
        add, remove = (named, ()) if verb == "assign" else ((), named)
        system = (verb == "assign") if own else None
        client = connect(context)
        computes.set_identities(client, name, add, remove, system=system, wait=not no_wait)
        _show(context, computes.identities(client, name), name)


_change("assign", "Assign identities to a cluster. Its user-assigned ones stay.")
_change("remove", "Remove identities from a cluster.")


@identity.command("show")
@name_option
@common_options
def show(context: Context, name: str) -> None:
    """Show a cluster's identities."""
    from amlrun.azure import computes

    _show(context, computes.identities(connect(context), name), name)


def _show(context: Context, found: dict[str, Any], name: str) -> None:
    ids = list(found.get("userAssignedIdentities") or {})
    lines = [f"{name}: {found['type']}", *(f"  {one}" for one in ids)]
    context.result(found, "\n".join(lines))
