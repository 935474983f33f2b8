"""A container engine by its own command line, docker or podman: images, containers, and its refusals in plain words."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from amlrun.dataclass import dataclass, field
from amlrun.errors import BAD_INPUT, SERVICE, AmlError
from amlrun.prepare import room

# Names the engine's program, where docker or podman on PATH is not the one.
VARIABLE = "AML_CONTAINER_ENGINE"
_MCR_GPU = re.compile(r"^mcr\.microsoft\.com/.*(?:cuda|gpu)", re.IGNORECASE)
_INSTALL = (
    "Install Docker (https://docs.docker.com/engine/install) or Podman (https://podman.io), or leave out --container."
)


@dataclass(frozen=True)
class Image:
    """An image that is here: `id` is its content's, `variables` what it sets."""

    name: str
    id: str
    system: str
    architecture: str
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Engine:
    """An engine's client. `address` is its DOCKER_HOST, where one is set; `here`: it is this machine's."""

    program: str
    address: str = ""
    here: ClassVar[bool] = True

    @property
    def docker(self) -> bool:
        """Whether it is Docker, or a program that takes itself for it."""
        return "podman" not in os.path.basename(self.program)  # noqa: PTH119 - may be of another system

    @property
    def name(self) -> str:
        return "docker" if self.docker else "podman"

    def environment(self) -> dict[str, str]:
        """The client's own environment."""
        return {**os.environ, **({"DOCKER_HOST": self.address} if self.address else {})}

    def call(self, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run the client to its end."""
        return subprocess.run(
            [self.program, *words], input=text, stdin=None if text is not None else subprocess.DEVNULL,
            capture_output=True, encoding="utf-8", errors="replace", env=self.environment(), check=False,
        )  # fmt: skip

    def image(self, name: str) -> Image | None:
        """An image that is here; None when it is not. Raises AmlError when the engine can't be asked."""
        done = self.call("image", "inspect", name)
        if done.returncode:
            if missing_image(done.stderr):
                return None
            raise explain(done.stderr, self, name)
        found = json.loads(done.stdout)[0]
        pairs = (pair.partition("=") for pair in (found.get("Config") or {}).get("Env") or [])
        variables = {key: value for key, _, value in pairs}
        return Image(name, found["Id"], found.get("Os", "linux"), found.get("Architecture", ""), variables)

    def stream(self, words: list[str], report: Callable[[str], None], doing: str) -> None:
        """Run the client and report its lines. Raises AmlError."""
        output = room.stream([self.program, *words], report, self.environment())
        if output is not None:
            raise explain(output, self, doing)

    def state(self, container: str) -> dict[str, Any] | None:
        """The state of a container; None when there is none. Raises AmlError when the engine can't be asked."""
        done = self.call("container", "inspect", "--format", "{{json .State}}", container)
        if done.returncode == 0:
            found: dict[str, Any] = json.loads(done.stdout)
            return found
        if "no such container" in done.stderr.lower():
            return None
        raise explain(done.stderr, self, container)

    def remove(self, container: str) -> bool:
        """Remove a container, running or not; whether it is gone. One that is not there is no fault."""
        done = self.call("rm", "-f", "-v", container)
        return done.returncode == 0 or "no such container" in done.stderr.lower()

    def lacks_bridge(self) -> bool:
        """Whether containers have no network of their own here, so that a build must use the machine's."""
        return self.docker and self.call("network", "inspect", "bridge").returncode != 0

    def owner(self) -> tuple[int, int] | None:
        """The user and group whose files a script makes; None where the engine sees to that, and for root."""
        return None if sys.platform != "linux" or os.getuid() == 0 else (os.getuid(), os.getgid())

    def user(self) -> list[str]:
        """The words that make what a script writes the caller's own: none where root inside is the caller outside."""
        owner = self.owner()
        if owner is None or not self.docker:
            return []
        rootless = "rootless" in self.call("info", "--format", "{{.SecurityOptions}}").stdout
        return [] if rootless else ["--user", f"{owner[0]}:{owner[1]}"]

    def selinux(self) -> bool:
        """Whether SELinux may keep a container from reading what is mounted."""
        try:
            return Path("/sys/fs/selinux/enforce").read_text(encoding="ascii").strip() == "1"
        except OSError:
            return False

    def has_gpu(self) -> bool:
        """Whether its machine has a GPU that a container could use, as far as that is known."""
        places = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")
        return sys.platform != "linux" or any(Path(one).exists() for one in places)


def find() -> Engine:
    """The engine to use: the one that `AML_CONTAINER_ENGINE` names, else docker, else podman. Raises AmlError."""
    asked = os.environ.get(VARIABLE)
    for name in [asked] if asked else ["docker", "podman"]:
        program = shutil.which(name)
        if program:
            return Engine(program, os.environ.get("DOCKER_HOST", ""))
    if asked:
        raise AmlError(f"{VARIABLE}={asked}: no such program on this machine", hint=_INSTALL)
    raise AmlError("--container: neither docker nor podman was found", hint=_INSTALL)


def missing_image(output: str) -> bool:
    """Whether the engine says that an image is not here."""
    low = output.lower()
    return "no such image" in low or "image not known" in low or "no such object" in low


def licence_note(image: str) -> str:
    """What is to be said before a GPU image of Microsoft's registry runs elsewhere; else empty."""
    if not _MCR_GPU.match(image):
        return ""
    return f"{image}: Microsoft's GPU images may be used with Azure services only, under NVIDIA's terms: check yours."


def absent(engine: Engine, image: str) -> AmlError:
    """That an image is not here, and how to get it."""
    registry, slash, _ = image.partition("/")
    login = f"{engine.name} login {registry}"
    if ".azurecr." in registry:
        login = f"az acr login -n {registry.partition('.')[0]}"
    private = f" (a private registry asks for {login} first)" if slash and "." in registry else ""
    return AmlError(
        f"the image {image} is not on this machine",
        hint=f"Pull it: add --pull, or run {engine.name} pull {image}{private}.",
    )


# What engines say (docker 20.10 to 28, podman 4), what it means, what to do, and the exit code; the first that matches
# counts. SERVICE is for what may pass or is another's to put right, as for a machine over ssh.
_REFUSALS: tuple[tuple[str, str, str, int], ...] = (
    (r"permission denied.*(?:docker\.sock|docker daemon|docker api|podman\.sock)|permission denied.*connect",
     "no permission to use the container engine's socket",
     "Join the group: sudo usermod -aG docker $USER, then sign in again; or use rootless Docker or Podman.", BAD_INPUT),
    (r"cannot connect to the docker daemon|is the docker daemon running|failed to connect to the docker api|"
     r"cannot connect to podman|error during connect|unexpected eof",
     "the container engine does not answer: its daemon is not running",
     "Start it (Docker Desktop, or sudo systemctl start docker), then submit again.", SERVICE),
    (r"does not match the (?:specified|detected host) platform|no match for platform|exec format error",
     "the image is for another processor architecture",
     "Use an image for this machine's processor, or give docker.arguments [--platform, linux/amd64] to emulate it.",
     BAD_INPUT),
    (r"could not select device driver|nvidia-container-cli|unresolvable cdi devices",
     "a GPU was requested, but the engine has none",
     "Remove --gpus from docker.arguments, or install the GPU's driver and the NVIDIA Container Toolkit.", BAD_INPUT),
    (r"mounts denied|is not shared from the host|drive has not been shared|filesharing",
     "the engine has no access to a folder on this machine",
     "Share it: Docker Desktop, Settings, Resources, File sharing; or move the project below your home folder.",
     BAD_INPUT),
    (r"bind source path does not exist|statfs .*no such file",
     "a mounted folder does not exist where the engine runs",
     "An engine on another machine, or on this container's host, does not see the folders here.",
     BAD_INPUT),
    (r"no space left on device", "the container engine's disk is full",
     "Free some space (docker system prune removes what is not used), then submit again.", SERVICE),
    (r"unauthorized|authentication required|pull access denied|requested access .* denied|denied:",
     "the registry denied access to the image",
     "Sign in first (docker login, or az acr login -n NAME), and check the image's name.", SERVICE),
    (r"manifest unknown|manifest for .* not found|not found: manifest|name unknown|repository .* not found",
     "the registry has no such image", "Check its name and tag.", BAD_INPUT),
    (r"no such host|dial tcp|i/o timeout|tls handshake|connection refused|temporary failure in name|lookup ",
     "the registry could not be reached", "Check the network and the registry's name, then submit again.", SERVICE),
    (r"container-init binary not found", "podman has no init program for its containers",
     "Install it: apt-get install catatonit, dnf install catatonit.", BAD_INPUT),
    (r"port is already allocated|address already in use", "a port that docker.arguments publishes is taken",
     "Publish another one, or stop what uses it.", BAD_INPUT),
    (r"short-name|short name",
     "podman needs an image's full name", "Write the registry too, for instance docker.io/library/python:3.11.",
     BAD_INPUT),
    (r"executable file .*not found|no such file or directory.*(?:exec|oci|runc|crun)|exec:.*no such file",
     "the image has no such program",
     "Name an interpreter of the image (interpreterPath), or an image that has Python.", BAD_INPUT),
    (r"unknown flag|invalid argument|unknown shorthand|flag needs an argument|invalid reference|incorrect format",
     "the engine rejected docker.arguments", "Correct them: docker run --help.", BAD_INPUT),
    (r"setrlimit|operation not permitted|oci permission denied", "the engine has no permission to do that here",
     "Run it as root, or remove what needs more privileges (--ulimit, --privileged, --device).", BAD_INPUT),
)  # fmt: skip


def explain(output: str, engine: Engine, about: str = "") -> AmlError:
    """The engine's refusal as one sentence of its own kind, its own last words in the hint."""
    lines = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("See '")]
    said = lines[-1] if lines else "it gave no reason"
    flat = " ".join(lines).lower()
    before = f"{about}: " if about else ""
    for pattern, message, hint, code in _REFUSALS:
        if re.search(pattern, flat):
            hint = hint.replace("docker ", f"{engine.name} ") if not engine.docker else hint
            return AmlError(before + message, hint=f"{hint}\n{engine.name} reported: {said[:400]}", exit_code=code)
    return AmlError(f"{before}{engine.name} refused: {said[:400]}")
