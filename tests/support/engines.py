"""A container engine for tests: the one that runs here, else one of our own; and an image with Python and MLflow."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import install

from support.required import lacks

IMAGE = "aml-test:1"
_PROGRAMS = ("sh", "bash", "cat", "ls", "sleep", "id", "mkdir", "rm", "uname", "env", "tail", "touch", "chmod")
_LEFT_OUT = re.compile(r"/(?:tests?|idlelib|tkinter|ensurepip|lib2to3|site-packages|__pycache__|config-[^/]*)$")
_DAEMONS: dict[Path, subprocess.Popen[bytes]] = {}
_KEPT = install.PLACE.parent / "test-image"


@contextlib.contextmanager
def docker() -> Iterator[dict[str, str]]:
    """The environment in which `docker` has a daemon and the test image. Where neither can be, the test lacks it."""
    if shutil.which("docker") is None or sys.platform != "linux":
        lacks("docker", "Docker is not installed (python tests/install.py, as root on Debian)")
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        own: dict[str, str] = {}
        import_image(["docker"], own)
        yield own
        return
    daemon = install.which("dockerd")
    if daemon is None or os.geteuid() != 0:
        lacks("docker", "no Docker daemon runs here, and only root can start one")
    # A socket's path has at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="aml-docker-", dir="/var/tmp"))
    own = {"DOCKER_HOST": f"unix://{folder}/docker.sock"}
    _DAEMONS[folder] = start_daemon(daemon, folder)
    try:
        import_image(["docker"], own)
        yield own
    finally:
        process = _DAEMONS.pop(folder)
        process.terminate()
        process.wait(30)
        for place in (folder / "exec" / "netns" / "default", folder / "data"):
            subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def kill_daemon(folder: Path) -> None:
    """SIGKILL for our own daemon."""
    _DAEMONS[folder].kill()
    _DAEMONS[folder].wait()
    kept = folder / "exec" / "containerd" / "containerd.pid"
    with contextlib.suppress(OSError, ValueError):
        os.kill(int(kept.read_text()), signal.SIGKILL)
    # A process id that is used again would keep the next daemon from starting.
    for file in (folder / "pid", kept):
        file.unlink(missing_ok=True)


def restart_daemon(folder: Path) -> None:
    """Start our own daemon again, after `kill_daemon`."""
    _DAEMONS[folder] = start_daemon(str(install.which("dockerd")), folder)


def start_daemon(daemon: str, folder: Path) -> subprocess.Popen[bytes]:
    """A daemon of our own, without a network of containers; it answers when this returns."""
    words = ["--iptables=false", "--ip6tables=false", "--ip-masq=false", "--bridge=none"]
    places = ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [daemon, *words, *places, "-H", f"unix://{folder}/docker.sock"], stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    environment = {**os.environ, "DOCKER_HOST": f"unix://{folder}/docker.sock"}
    for _ in range(300):
        if subprocess.run(["docker", "info"], env=environment, capture_output=True, check=False).returncode == 0:
            return process
        if process.poll() is not None:
            break
        time.sleep(0.1)
    lacks("docker", f"dockerd did not start: {(folder / 'log').read_text(errors='replace')[-500:]}")


@contextlib.contextmanager
def podman() -> Iterator[dict[str, str]]:
    """The environment in which podman runs containers as root, with storage of its own, and has the test image."""
    if shutil.which("podman") is None or sys.platform != "linux" or os.geteuid() != 0:
        lacks("podman", "Podman is not installed (python tests/install.py, as root on Debian), or this is not root")
    folder = Path(tempfile.mkdtemp(prefix="aml-podman-", dir="/var/tmp"))
    # What needs more rights than a machine in a machine has is left out.
    (folder / "containers.conf").write_text(
        '[containers]\ndefault_ulimits = ["nofile=1024:4096", "nproc=1024:2048"]\n'
        '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
    )
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\nrunroot = "{folder}/run"\ngraphroot = "{folder}/data"\n'
    )
    own = {
        "CONTAINERS_CONF": f"{folder}/containers.conf",
        "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf",
        "AML_CONTAINER_ENGINE": "podman",
    }
    try:
        import_image(["podman"], own)
        yield own
    finally:
        environment = {**os.environ, **own}
        subprocess.run(["podman", "rm", "-f", "-a"], env=environment, capture_output=True, check=False)
        subprocess.run(["podman", "rmi", "-f", "-a"], env=environment, capture_output=True, check=False)
        subprocess.run(["umount", "-l", str(folder / "data" / "overlay")], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def import_image(engine: list[str], own: dict[str, str]) -> None:
    """Have the engine take the test image; it must be able to run it."""
    environment = {**os.environ, **own}
    words = [*engine, "import", "-c", "ENV PATH=/usr/local/bin:/usr/bin:/bin", str(image_file()), IMAGE]
    subprocess.run(words, env=environment, check=True, capture_output=True)
    words = [*engine, "run", "--rm", "--init", "--pull=never", IMAGE, "python3", "-c", "print('runs')"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.stdout.strip() != "runs":
        lacks(engine[0], f"{engine[0]} can't run a container here: {done.stderr.strip()[-400:]}")


def image_file() -> Path:
    """The image's files as one archive, made of this machine's own Python and a few programs; kept for later tests."""
    version = importlib.metadata.version("mlflow-skinny")
    file = _KEPT / f"{sys.version.split()[0]}-{version}.tar"
    if file.exists():
        return file
    _KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _fill(root)
        part = file.with_suffix(f".{os.getpid()}")
        with tarfile.open(part, "w") as archive:
            archive.add(root, ".")
        part.replace(file)
    return file


def _fill(root: Path) -> None:
    for name in ("tmp", "root", "proc", "sys", "dev", "etc", "run", "usr/bin", "usr/lib", "usr/lib64", "usr/local/bin"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    for name in ("bin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")
    (root / "etc" / "group").write_text("root:x:0:\nuser:x:1000:\n")
    minor = f"python3.{sys.version_info.minor}"
    library = Path(sys.base_prefix) / "lib" / minor
    ours = root / "usr" / "local" / "lib" / minor

    def left_out(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if _LEFT_OUT.search(f"{folder}/{name}")]

    shutil.copytree(library, ours, ignore=left_out)
    python = Path(sys.base_prefix) / "bin" / minor
    shutil.copy2(python, root / "usr" / "local" / "bin" / minor)
    for name in ("python3", "python"):
        (root / "usr" / "local" / "bin" / name).symlink_to(minor)
    programs = [Path(found).resolve() for found in map(shutil.which, _PROGRAMS) if found]
    for name, program in zip(_PROGRAMS, programs):
        shutil.copy2(program, root / "usr" / "bin" / name)
    site = ours / "site-packages"
    site.mkdir()
    for distribution in _closure("mlflow-skinny"):
        for entry in distribution.files or []:
            source, relative = Path(str(distribution.locate_file(entry))), Path(entry)
            if ".." not in relative.parts and source.is_file() and "__pycache__" not in relative.parts:
                (site / relative).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, site / relative)
    _libraries(root, [python, *programs, *ours.rglob("*.so")])


def _libraries(root: Path, programs: list[Path]) -> None:
    """What `ldd` says that the programs need, at the same places."""
    done = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False)
    for found in {one for one in re.findall(r"(/\S+\.so\S*) \(0x", done.stdout) if not one.startswith(str(root))}:
        place = root / found.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            shutil.copy2(Path(found).resolve(), place)


def _closure(name: str) -> list[importlib.metadata.Distribution]:
    from packaging.requirements import Requirement

    found: dict[str, importlib.metadata.Distribution] = {}
    wanted = [name]
    while wanted:
        one = wanted.pop().lower().replace("_", "-")
        if one in found:
            continue
        found[one] = importlib.metadata.distribution(one)
        needs = [Requirement(text) for text in found[one].requires or []]
        wanted += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    return list(found.values())
