"""`aml computetarget create`: clusters and compute instances, with v1's options."""

from __future__ import annotations

from pathlib import Path

import click

from amlrun.azure import compute_trees
from amlrun.cli.azure import connect, name_option, no_wait
from amlrun.cli.common import Context, common_options, gathered, key_values
from amlrun.errors import AmlError
from amlrun.spec.yaml_data import without_empty

_size = click.option("-s", "--vm-size", "size", required=True, metavar="SIZE", help="e.g. Standard_DS3_v2.")
_description = click.option("--description", metavar="TEXT", help="Description.")
_tag = click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Can be repeated.")


_network = gathered(
    "network",
    compute_trees.Network,
    click.option("--vnet-name", "vnet", metavar="NAME", help="The virtual network to join."),
    click.option("--subnet-name", "subnet", metavar="NAME",
                 help="The subnet of --vnet-name; or the subnet's resource id."),
    click.option("--vnet-resourcegroup-name", "group", metavar="GROUP",
                 help="The network's group; by default the workspace's."),
)  # fmt: skip


@click.command()
@name_option
@_size
@click.option("--max-nodes", required=True, type=click.IntRange(min=0), help="Maximum number of nodes.")
@click.option("--min-nodes", default=0, show_default=True, type=click.IntRange(min=0), help="Minimum number of nodes.")
@click.option("--idle-seconds-before-scaledown", "idle_seconds", default=1800, show_default=True,
              type=click.IntRange(min=1), help="Seconds until an idle node is released.")  # fmt: skip
@click.option("-p", "--vm-priority", "priority", default="dedicated", show_default=True, metavar="PRIORITY",
              help="dedicated or lowpriority.")  # fmt: skip
@click.option("--assign-identity", multiple=True, metavar="ID",
              help="[system], or the resource id of a user-assigned identity. Can be repeated.")  # fmt: skip
@click.option("--admin-username", metavar="NAME", help="A user who may sign in to the nodes with ssh.")
@click.option("--admin-user-ssh-key", metavar="KEY", help="That user's public key: its text, or its file.")
@click.option("--admin-user-password", hidden=True)
@click.option("--remote-login-port-public-access", "public_ssh", metavar="STATE",
              help="Enabled, Disabled or NotSpecified: whether ssh is open to the internet.")  # fmt: skip
@click.option("--enable-node-public-ip/--no-node-public-ip", "public_ip", default=True, show_default=True,
              help="Whether nodes have public addresses.")  # fmt: skip
@click.option("-l", "--location", metavar="REGION", help="By default the workspace's.")
@_network
@_description
@_tag
@no_wait
@common_options
def amlcompute(
    context: Context,
    name: str,
    size: str,
    max_nodes: int,
    min_nodes: int,
    idle_seconds: int,
    priority: str,
    assign_identity: tuple[str, ...],
    admin_username: str | None,
    admin_user_ssh_key: str | None,
    admin_user_password: str | None,
    public_ssh: str | None,
    public_ip: bool,
    location: str | None,
    network: compute_trees.Network,
    description: str | None,
    tags: tuple[str, ...],
    no_wait: bool,
) -> None:
    """Create a cluster, or change one of that name."""
    from amlrun.azure import computes

    plain = priority.lower().replace("_", "").replace("-", "")
    if plain not in ("dedicated", "lowpriority"):
        raise AmlError(f"--vm-priority: expected dedicated or lowpriority, got {priority!r}")
    if min_nodes > max_nodes:
        raise AmlError(f"--min-nodes: {min_nodes} is more than --max-nodes {max_nodes}")
    if admin_user_password is not None:
        raise AmlError(
            "--admin-user-password: passwords are not accepted", hint="Use a key: --admin-user-ssh-key FILE."
        )
    if bool(admin_username) != bool(admin_user_ssh_key):
        raise AmlError("--admin-username and --admin-user-ssh-key are only valid together", hint="Name both.")
    identity = compute_trees.identity(assign_identity)
    open_to_all = {None: None, "notspecified": None, "enabled": True, "disabled": False}
    state = None if public_ssh is None else public_ssh.lower()
    if state not in open_to_all:
        hint = "Write Enabled, Disabled or NotSpecified."
        raise AmlError(f"--remote-login-port-public-access: got {public_ssh!r}", hint=hint)
    labels = key_values(tags, "--tag")
    client = connect(context)
    tree = {
        "type": "amlcompute", "name": name, "size": size, "location": location, "description": description,
        "min_instances": min_nodes, "max_instances": max_nodes, "idle_time_before_scale_down": idle_seconds,
        "tier": "low_priority" if plain == "lowpriority" else "dedicated", "identity": identity, "tags": labels,
        "network_settings": network.tree(client.workspace.subscription_id),
        "ssh_public_access_enabled": open_to_all[state], "enable_node_public_ip": public_ip,
    }  # fmt: skip
    if admin_username and admin_user_ssh_key:
        key = public_key(admin_user_ssh_key, "--admin-user-ssh-key")
        tree["ssh_settings"] = {"admin_username": admin_username, "ssh_key_value": key}
    made = computes.create(client, without_empty(tree), wait=not no_wait)
    context.result(made, f"{name}: {made.get('state')}. Use it: target: {name}, or --ct {name}")


@click.command()
@name_option
@_size
@click.option("--admin-user-ssh-public-key", "ssh_key", metavar="KEY",
              help="A public key that may sign in with ssh: its text, or its file.")  # fmt: skip
@click.option("--ssh-public-access", metavar="BOOLEAN", type=bool, help="Whether ssh is open to the internet.")
@click.option("--user-object-id", metavar="ID", help="The user for whom it is made: the id in Microsoft Entra.")
@click.option("--user-tenant-id", metavar="ID", help="That user's tenant.")
@click.option("--idle-minutes-before-shutdown", "idle", metavar="MINUTES", type=click.IntRange(15, 4320),
              help="Stop it when it is idle for so long.")  # fmt: skip
@click.option("--start-at", multiple=True, metavar="CRON", help="Start it then, e.g. '0 8 * * 1-5'. Can be repeated.")
@click.option("--stop-at", multiple=True, metavar="CRON", help="Stop it then, e.g. '0 18 * * 1-5'. Can be repeated.")
@click.option("--time-zone", default="UTC", show_default=True, metavar="ZONE",
              help="Of --start-at and --stop-at, as Windows names it: W. Europe Standard Time.")  # fmt: skip
@_network
@_description
@_tag
@no_wait
@common_options
def computeinstance(
    context: Context,
    name: str,
    size: str,
    ssh_key: str | None,
    ssh_public_access: bool | None,
    user_object_id: str | None,
    user_tenant_id: str | None,
    idle: int | None,
    start_at: tuple[str, ...],
    stop_at: tuple[str, ...],
    time_zone: str,
    network: compute_trees.Network,
    description: str | None,
    tags: tuple[str, ...],
    no_wait: bool,
) -> None:
    """Create a compute instance."""
    from amlrun.azure import computes

    if bool(user_object_id) != bool(user_tenant_id):
        raise AmlError("--user-object-id and --user-tenant-id are only valid together", hint="Name both.")
    labels = key_values(tags, "--tag")
    schedules = compute_trees.schedules(start_at, stop_at, time_zone)
    if time_zone.count("/"):
        raise AmlError(
            f"--time-zone: Azure ML takes Windows' names, not {time_zone!r}",
            hint="For instance W. Europe Standard Time.",
        )
    client = connect(context)
    tree = {
        "type": "computeinstance", "name": name, "size": size, "description": description, "tags": labels,
        "idle_time_before_shutdown_minutes": idle, "schedules": schedules,
        "network_settings": network.tree(client.workspace.subscription_id),
        "ssh_public_access_enabled": ssh_public_access,
    }  # fmt: skip
    if ssh_key:
        tree["ssh_settings"] = {"ssh_key_value": public_key(ssh_key, "--admin-user-ssh-public-key")}
    if user_object_id:
        tree["create_on_behalf_of"] = {"user_object_id": user_object_id, "user_tenant_id": user_tenant_id}
    made = computes.create(client, without_empty(tree), wait=not no_wait)
    context.result(
        made,
        f"{name}: {made.get('state')}. Stop it when idle, it costs: aml computetarget computeinstance stop -n {name}",
    )


def public_key(word: str, flag: str) -> str:
    """The text of a public key that is given itself or as a file. Raises AmlError, also for a private key."""
    text = word
    if not word.startswith(("ssh-", "ecdsa-", "sk-")):
        try:
            text = Path(word).expanduser().read_text(encoding="utf-8")
        except (OSError, ValueError):
            raise AmlError(
                f"{flag}: {word[:40]!r} is neither a public key nor a file", hint="e.g. id_rsa.pub"
            ) from None
    if "PRIVATE KEY" in text:
        raise AmlError(f"{flag}: that is a private key, which is never sent", hint=f"Give the public key: {word}.pub")
    return text.strip()
