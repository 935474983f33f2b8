"""`aml computetarget`: clusters and compute instances of the workspace."""

from __future__ import annotations

import click

from amlrun.cli.azure import connect, listed, name_option, no_wait
from amlrun.cli.common import Context, common_options, key_values
from amlrun.cli.lazy import LazyGroup
from amlrun.errors import AmlError


@click.group("computetarget")
def command() -> None:
    """Create, list and delete compute targets; start and stop compute instances."""


@command.group()
def create() -> None:
    """Create a cluster (amlcompute) or a compute instance."""


@command.group(
    cls=LazyGroup,
    lazy_subcommands={"remote": ("amlrun.cli.attach_remote:remote", "Attach a machine that is reached over ssh.")},
)
def attach() -> None:
    """Give a machine that is there already a name, by which jobs run on it."""


_size = click.option("-s", "--vm-size", "size", required=True, metavar="SIZE", help="e.g. Standard_DS3_v2.")
_description = click.option("--description", metavar="TEXT", help="Description.")
_tag = click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Can be repeated.")


@create.command()
@name_option
@_size
@click.option("--max-nodes", required=True, type=click.IntRange(min=0), help="Maximum number of nodes.")
@click.option("--min-nodes", default=0, show_default=True, type=click.IntRange(min=0), help="Minimum number of nodes.")
@click.option("--idle-seconds-before-scaledown", "idle_seconds", default=1800, show_default=True,
              type=click.IntRange(min=1), help="Seconds until an idle node is released.")  # fmt: skip
@click.option("-p", "--vm-priority", "priority", default="dedicated", show_default=True, metavar="PRIORITY",
              help="dedicated or lowpriority.")  # fmt: skip
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
    made = computes.create_cluster(
        connect(context),
        name,
        size=size,
        min_nodes=min_nodes,
        max_nodes=max_nodes,
        idle_seconds=idle_seconds,
        low_priority=plain == "lowpriority",
        description=description,
        tags=key_values(tags, "--tag"),
        wait=not no_wait,
    )
    context.result(made, f"{name}: {made.get('state')}. Use it: target: {name}, or --ct {name}")


@create.command()
@name_option
@_size
@_description
@_tag
@no_wait
@common_options
def computeinstance(
    context: Context, name: str, size: str, description: str | None, tags: tuple[str, ...], no_wait: bool
) -> None:
    """Create a compute instance."""
    from amlrun.azure import computes

    labels = key_values(tags, "--tag")
    client = connect(context)
    made = computes.create_instance(client, name, size=size, description=description, tags=labels, wait=not no_wait)
    context.result(
        made,
        f"{name}: {made.get('state')}. Stop it when idle, it costs: aml computetarget computeinstance stop -n {name}",
    )


@command.command("list")
@common_options
def list_targets(context: Context) -> None:
    """List the workspace's compute targets."""
    from amlrun.azure import computes

    columns = {"Name": "name", "Type": "type", "State": "state", "Size": "vmSize", "Nodes": "nodes", "Max": "maxNodes"}
    empty = "No compute targets. Create one: aml computetarget create amlcompute -n NAME -s SIZE --max-nodes 2"
    listed(context, computes.list_computes(connect(context)), columns, empty)


@command.command()
@name_option
@common_options
def show(context: Context, name: str) -> None:
    """Show one compute target."""
    from amlrun.azure import computes

    context.result(computes.show(connect(context), name))


@command.command()
@name_option
@no_wait
@common_options
def delete(context: Context, name: str, no_wait: bool) -> None:
    """Delete a compute target."""
    from amlrun.azure import computes

    computes.delete(connect(context), name, wait=not no_wait)
    context.result({"name": name, "deleted": True}, f"{name}: deleted" if not no_wait else f"{name}: being deleted")


@command.group("computeinstance")
def instance() -> None:
    """Start, stop and restart a compute instance."""


def _power(verb: str) -> None:
    @instance.command(verb, help=f"{verb.capitalize()} a compute instance.")
    @name_option
    @no_wait
    @common_options
    def act(context: Context, name: str, no_wait: bool) -> None:
        from amlrun.azure import computes

        made = computes.power(connect(context), name, verb, wait=not no_wait)
        context.result(made, f"{name}: {made.get('state')}")


for _verb in ("start", "stop", "restart"):
    _power(_verb)
