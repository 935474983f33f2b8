"""`aml computetarget`: the compute of the workspace, and machines that are reached over ssh."""

from __future__ import annotations

import click

from amlrun.cli.azure import connect, listed, name_option, no_wait
from amlrun.cli.common import Context, common_options
from amlrun.cli.lazy import LazyGroup


@click.group("computetarget")
def command() -> None:
    """Create, change, attach, list and delete compute targets; start and stop compute instances."""


_CREATE = "amlrun.cli.compute_create"
_CHANGE = "amlrun.cli.compute_change"


@command.group(
    cls=LazyGroup,
    lazy_subcommands={
        "amlcompute": (f"{_CREATE}:amlcompute", "Create a cluster, or change one of that name."),
        "computeinstance": (f"{_CREATE}:computeinstance", "Create a compute instance."),
    },
)
def create() -> None:
    """Create a cluster (amlcompute) or a compute instance."""


@command.group(
    cls=LazyGroup,
    lazy_subcommands={
        "remote": ("amlrun.cli.attach_remote:remote", "Attach a machine that is reached over ssh."),
        "kubernetes": (f"{_CHANGE}:kubernetes", "Attach a Kubernetes cluster to the workspace."),
        "synapse": (f"{_CHANGE}:synapse", "Attach a Synapse Spark pool to the workspace, for Spark jobs."),
        "virtualmachine": (f"{_CHANGE}:virtual_machine", "Attach a virtual machine of Azure to the workspace."),
    },
)
def attach() -> None:
    """Attach an existing machine as a compute target."""


@command.group(cls=LazyGroup, lazy_subcommands={"amlcompute": (f"{_CHANGE}:update", "Change a cluster's settings.")})
def update() -> None:
    """Change a compute target."""


@command.group(cls=LazyGroup, lazy_subcommands={"identity": (f"{_CHANGE}:identity", "A cluster's identities.")})
def amlcompute() -> None:
    """Manage the identities of a cluster."""


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


@command.command()
@name_option
@no_wait
@common_options
def detach(context: Context, name: str, no_wait: bool) -> None:
    """Detach a compute target. The machine or cluster itself stays.

    A machine that was attached with `attach remote` is removed from data/computes.yml.
    """
    from amlrun import project
    from amlrun.prepare import machines

    done = "detached"
    if not machines.remove(project.find(context.path), name):
        from amlrun.azure import computes

        computes.detach(connect(context), name, wait=not no_wait)
        done = "being detached" if no_wait else done
    context.result({"name": name, "detached": True}, f"{name}: {done}")


@command.command("list-nodes")
@name_option
@common_options
def list_nodes(context: Context, name: str) -> None:
    """List a cluster's nodes and their runs."""
    from amlrun.azure import capacity

    columns = {"Node": "node", "State": "state", "Run": "run", "IP": "ip", "Port": "port"}
    listed(context, capacity.nodes(connect(context), name), columns, f"{name} has no nodes now.")


_location = click.option("-l", "--location", metavar="REGION", help="A region; by default the workspace's.")


@command.command("list-sizes")
@_location
@click.option("--type", "kind", metavar="TYPE", help="Sizes for this type only: AmlCompute or ComputeInstance.")
@common_options
def list_sizes(context: Context, location: str | None, kind: str | None) -> None:
    """List VM sizes."""
    from amlrun.azure import capacity

    columns = {"Size": "name", "Cores": "cores", "Memory GB": "memoryGB", "GPUs": "gpus", "Family": "family"}
    listed(context, capacity.sizes(connect(context), location, kind), columns, "No sizes found.")


@command.command("list-usage")
@_location
@common_options
def list_usage(context: Context, location: str | None) -> None:
    """Show how much of each quota is in use."""
    from amlrun.azure import capacity

    columns = {"Quota": "name", "Used": "used", "Limit": "limit", "Unit": "unit"}
    listed(context, capacity.usage(connect(context), location), columns, "No quotas found.")


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
