"""The words of `docker run`: v1's docker.arguments taken apart, mounts and variables put together."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.runs import redact

_VOLUME = re.compile(r"(?P<host>(?:[A-Za-z]:(?=[\\/]))?[^:]+):(?P<inside>/[^:]*)(?::(?P<mode>[A-Za-z,]+))?")
# What takes no value of its own; everything else does.
_SWITCHES = frozenset(
    {"--privileged", "--init", "--rm", "--detach", "-d", "-i", "-t", "-it", "-ti", "--interactive", "--tty", "-P",
     "--read-only", "--no-healthcheck", "--oom-kill-disable", "--publish-all", "--sig-proxy", "-q", "--quiet"}
)  # fmt: skip
_REFUSED = {
    "--name": "the run's id is the container's name",
    "--rm": "the container is removed once its end is recorded",
    "--detach": "`aml` follows the container; --async returns at once",
    "--interactive": "a run has no terminal",
    "--tty": "a run has no terminal",
    "--attach": "a run has no terminal",
    "--entrypoint": "the script is what is started",
    "--workdir": "the script runs in the snapshot's folder",
    "--user": "the files must belong to you",
    "--pull": "`aml` asks before it fetches an image; --pull fetches it",
    "--init": "every container has one",
    "--restart": "a run is not restarted",
    "--cidfile": "the container is found by its name",
}
_SHORT = {"-d": "--detach", "-i": "--interactive", "-t": "--tty", "-it": "--tty", "-ti": "--tty", "-a": "--attach",
          "-w": "--workdir", "-u": "--user", "-v": "--volume", "-e": "--env", "-m": "--memory",
          "--net": "--network"}  # fmt: skip
_KNOWN = frozenset(
    {"--ipc", "--gpus", "--network", "--memory", "--cpus", "--ulimit", "--device", "--privileged", "--platform"}
)
# Variables that the client itself needs as they are: the script's own go on the command line, which shows them.
_CLIENTS = re.compile(
    r"PATH|HOME|USER|LOGNAME|TMPDIR|(?:LD|DYLD|DOCKER|CONTAINERS?|XDG|PODMAN|SSH)_.*|SYSTEMROOT", re.I
)


@dataclass(frozen=True)
class Mount:
    """A file or folder of this machine (or of the engine's) at `inside`."""

    source: str
    inside: str
    readonly: bool = False

    def word(self, docker: bool = True) -> str:
        """The value of `--mount`. Raises AmlError for a path that podman can't be told."""
        fields = ["type=bind", f"src={self.source}", f"dst={self.inside}", *(["readonly"] if self.readonly else [])]
        if not docker and "," in self.source + self.inside:
            raise AmlError(f"{self.source}: podman can't mount a path with a comma", hint="Rename the folder.")
        return ",".join(_csv(one) for one in fields)


def _csv(word: str) -> str:
    return '"' + word.replace('"', '""') + '"' if re.search(r'[,"\n]', word) else word


@dataclass
class Asked:
    """What docker.arguments ask for: `volumes` and `variables` for us to see to, `words` for the engine, `notes`."""

    volumes: list[Mount] = field(default_factory=list)
    variables: dict[str, str | None] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    shm_size: str | None = None
    gpus: bool = False


def read(arguments: list[str]) -> Asked:
    """Take docker.arguments apart. Raises AmlError for a `-v` or `--mount` that can't be read."""
    asked = Asked()
    rest = iter([part for word in arguments for part in _parts(word)])
    for word in rest:
        flag, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if re.match(r"-[vewum][^-=]", word) and word not in _SWITCHES:
            flag, equals, value = word[:2], "=", word[2:]
        name = _SHORT.get(flag, flag)
        taken = bool(equals) or flag in _SWITCHES or not flag.startswith("-")
        if not taken:
            value = next(rest, "")
        _take(asked, name, flag, value, word if taken else None)
    return asked


def _parts(word: str) -> list[str]:
    """`--shm-size 4g` written as one word is two."""
    if not word.startswith("-") or " " not in word:
        return [word]
    try:
        return shlex.split(word)
    except ValueError as error:
        raise AmlError(f"docker.arguments: {word}: has an unclosed quote") from error


def _take(asked: Asked, name: str, flag: str, value: str, whole: str | None) -> None:
    if name in _REFUSED:
        asked.notes.append(f"docker.arguments: {flag} is left out: {_REFUSED[name]}")
    elif name == "--volume":
        pair = _VOLUME.fullmatch(value.strip().strip("\"'"))
        if pair is None:
            raise AmlError(f"docker.arguments: -v {value}: expected HOST:FOLDER", hint="FOLDER begins with /.")
        asked.volumes.append(Mount(pair["host"], pair["inside"], "ro" in (pair["mode"] or "").split(",")))
    elif name == "--mount" and "type=bind" in value:
        fields = dict(part.partition("=")[::2] for part in value.split(","))
        source = fields.get("src") or fields.get("source")
        inside = fields.get("dst") or fields.get("target") or fields.get("destination")
        if not source or not inside:
            raise AmlError(f"docker.arguments: --mount {value}: expected type=bind,src=HOST,dst=FOLDER")
        asked.volumes.append(Mount(source, inside, bool({"readonly", "ro"} & set(fields))))
    elif name == "--env":
        key, equals, text = value.partition("=")
        asked.variables[key] = text if equals else None
    elif name == "--shm-size":
        asked.shm_size = value
    else:
        asked.words += [whole] if whole is not None else [flag, value]
        asked.gpus = asked.gpus or name == "--gpus"
        if name not in _KNOWN and flag.startswith("-"):
            asked.notes.append(f"docker.arguments: {flag} is passed on to the engine as it is")


def variables(wanted: Mapping[str, str], client: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The `-e` words for a script's variables, and the client's environment that holds their values.

    A value stays off the command line, which everybody on the machine can read, unless the client needs that very
    name for itself. Raises AmlError for a secret under such a name.
    """
    words, environment = [], dict(client)
    for name, value in wanted.items():
        if not _CLIENTS.fullmatch(name):
            environment[name] = value
            words += ["-e", name]
            continue
        if redact.masked({name: value}) != {name: value}:
            raise AmlError(f"{name}: a secret under this name cannot be passed to a container", hint="Rename it.")
        words += ["-e", f"{name}={value}"]
    return words, environment
