"""Why ssh did not connect, or the connection ended: each cause as its own sentence with the next step."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess

from amlrun.errors import BAD_INPUT, SERVICE, AmlError
from amlrun.prepare.machines import Machine


class ConnectionLost(AmlError):
    """The connection broke while a call was under way: the same call may go well the next time.

    `greeted`: the program there had begun.
    """

    greeted = False


_LOST = "the connection was lost"
# What OpenSSH says (9.2), and what it means; the first that matches counts.
_REFUSALS: tuple[tuple[str, str, str, int], ...] = (
    (r"remote host identification has changed|offending .* key in",
     "its host key has changed",
     "If the machine was reinstalled, remove the old key: ssh-keygen -R {known}. If not, the connection may be "
     "intercepted: ask its administrator.", BAD_INPUT),
    (r"could not resolve hostname", "its host name could not be resolved", "Check `host:`, the network and its DNS.",
     SERVICE),
    (r"connection refused", "the connection was refused", "Check that sshd runs there, and `port:`.", SERVICE),
    (r"timed out|no route to host|network is unreachable|host is down", "it does not answer",
     "Check the address and the network (a VPN, a firewall), then run the same command again.", SERVICE),
    (r"unprotected private key file|bad permissions", "other users can read your key file, so ssh does not use it",
     "Restrict it: chmod 600 {key}", BAD_INPUT),
    (r"incorrect passphrase|bad passphrase", "the key has a passphrase", "Give the key to ssh-agent: ssh-add {key}",
     BAD_INPUT),
    (r"load key .*(?:invalid format|error in libcrypto)", "the key file is not a private key", "Check {key}.",
     BAD_INPUT),
    (r"permission denied", "it does not accept your key",
     "Check `user:` and the key; a key with a passphrase must be in ssh-agent (ssh-add). To install your key there: "
     "ssh-copy-id {known}", BAD_INPUT),
    (r"kex_exchange_identification|banner exchange|connection (?:closed|reset) by (?:\S+ port|remote)",
     "it closed the connection immediately", "It may be starting, or limiting connections: try again.", SERVICE),
    (r"not responding|broken pipe|connection (?:to \S+ )?closed|connection reset|client_loop|mux_client|control socket",
     _LOST, "Run the same command again when the network is back.", SERVICE),
    (r"command not found|not found|no such file or directory.*python|is not recognized",
     "{python} was not found there", "Install Python 3.7 or newer there, or name one: `python:` in data/computes.yml.",
     BAD_INPUT),
    (r"no space left on device|disk quota exceeded", "there is no space left on the machine",
     "Free some there (~/.amlrun), then submit again.", SERVICE),
    (r"syntaxerror|importerror|modulenotfounderror", "its {python} is older than 3.7",
     "Install Python 3.7 or newer there, or name one: `python:` in data/computes.yml.", BAD_INPUT),
)  # fmt: skip
_UNKNOWN_KEY = re.compile(r"host key verification failed|no .* host key is known", re.IGNORECASE)


def explain(said: str, code: int, machine: Machine) -> AmlError:
    """The failed call as one error: exit code 3 for what may pass, 2 for what has to be put right here."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    flat = " ".join(lines).lower()
    words = {"known": _known(machine), "key": machine.private_key_file or "~/.ssh/id_*", "python": machine.python}
    for pattern, message, hint, exit_code in _REFUSALS:
        if re.search(pattern, flat):
            return _error(machine, message.format(**words), hint.format(**words), exit_code)
    if _UNKNOWN_KEY.search(flat):
        return _unknown(machine)
    last = lines[-1] if lines else f"ssh ended with {code}"
    if code in (255, -15):
        return _error(machine, _LOST, f"ssh said: {last}", SERVICE)
    return _error(machine, f"aml's program could not run there: {last[:300]}", "", SERVICE)


def _error(machine: Machine, message: str, hint: str, exit_code: int) -> AmlError:
    kind = ConnectionLost if message == _LOST else AmlError
    return kind(f"{machine.name} ({machine.address}): {message}", hint=hint, exit_code=exit_code)


def _known(machine: Machine) -> str:
    """As known_hosts names it."""
    return shlex.quote(f"[{machine.host}]:{machine.port}" if machine.port not in (None, 22) else machine.host)


def _unknown(machine: Machine) -> AmlError:
    """A host key that nobody has confirmed: its fingerprint, and how to confirm it."""
    port = ["-p", str(machine.port)] if machine.port not in (None, 22) else []
    found = _fingerprint(machine, port)
    scan = shlex.join(["ssh-keyscan", *port, machine.host])
    hint = f"Its fingerprint: {found}. " if found else ""
    hint += f"Compare it with the one that its administrator gives you, then: {scan} >> ~/.ssh/known_hosts"
    return _error(machine, "its host key is unknown", hint, BAD_INPUT)


def _fingerprint(machine: Machine, port: list[str]) -> str:
    if not shutil.which("ssh-keyscan") or not shutil.which("ssh-keygen"):
        return ""
    try:
        scanned = subprocess.run(
            ["ssh-keyscan", "-T", "5", "-t", "ed25519,ecdsa,rsa", *port, machine.host], capture_output=True, timeout=15,
            check=False,
        )  # fmt: skip
        shown = subprocess.run(
            ["ssh-keygen", "-l", "-f", "-"], input=scanned.stdout, capture_output=True, timeout=15, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    prints = [line.split()[1] for line in shown.stdout.decode("utf-8", "replace").splitlines() if len(line.split()) > 2]
    return " or ".join(prints)
