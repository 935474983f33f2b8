"""`aml computetarget attach remote`: give a machine that is reached over ssh a name, by which jobs run there."""

from __future__ import annotations

import click

from amlrun.cli.common import Context, common_options
from amlrun.errors import AmlError

_KEYS_ONLY = "Use a key: --private-key-file FILE, or ssh-agent. `aml` stores no secret."


@click.command("remote")
@click.option("-n", "--name", required=True, metavar="NAME", help="What jobs call it: target: NAME, or --ct NAME.")
@click.option(
    "-a", "--address", required=True, metavar="HOST", help="Host name or address; also a Host of ~/.ssh/config."
)
@click.option(
    "-u", "--username", default="", metavar="USER", help="The user on that machine. Default: ssh's own configuration."
)
@click.option(
    "--ssh-port", type=click.IntRange(1, 65535), metavar="PORT", help="Default: ssh's own configuration (22)."
)
@click.option(
    "--private-key-file", default="", metavar="FILE", help="Your private key; its path is kept, not its text."
)
@click.option("-p", "--password", hidden=True)
@click.option("--private-key-passphrase", hidden=True)
@common_options
def remote(
    context: Context,
    name: str,
    address: str,
    username: str,
    ssh_port: int | None,
    private_key_file: str,
    password: str | None,
    private_key_passphrase: str | None,
) -> None:
    """Attach a Linux or macOS machine of your own: jobs run there over ssh.

    \b
    aml computetarget attach remote -n gpu-box -a 10.0.0.4 -u anna --private-key-file ~/.ssh/id_ed25519

    It needs sshd and Python 3.7. Its entry in data/computes.yml has no secrets and is shared with the project; no
    workspace is involved.
    """
    from amlrun import project as projects
    from amlrun.prepare import machines
    from amlrun.prepare.machines import Machine
    from amlrun.prepare.snapshot import human
    from amlrun.targets.ssh import SshTarget

    for flag, value in {"--password": password, "--private-key-passphrase": private_key_passphrase}.items():
        if value is not None:
            raise AmlError(f"{flag}: passwords and passphrases are not accepted", hint=_KEYS_ONLY)
    project = projects.find(context.path)
    machine = Machine(name, address, username, ssh_port, private_key_file)
    machines.check(machine)
    there = SshTarget(project, machine).hello()
    machines.save(project, machine)
    python = ".".join(map(str, there["python"]))
    about = {key: there[key] for key in ("system", "machine", "tools")}
    found = {**machine.to_dict(), "name": name, "python_version": python, "free_bytes": there["free"], **about}
    context.result(
        found,
        f"{name}: {there['system']} on {there['machine']}, Python {python}, {human(there['free'])} free\n"
        f"Written to {machines.file_of(project)}. Use it: target: {name}, or --ct {name}",
    )
