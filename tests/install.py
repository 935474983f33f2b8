"""Installs what the tests need besides Python packages: Azurite from npm, on Debian the programs in `DEBIAN`, and an
environment with MPI and PyTorch for the tests of several ranks.

    python tests/install.py

Standard library only. Running it again changes nothing. It ends with 0 when all is there that this machine can have,
else with 1 and the reason. Debian's packages are installed by root alone; elsewhere the tests that need one of their
programs skip, with the reason. Azurite's place, `.tools/azurite` in the repository, is ignored by git.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "3.35.0"
PLACE = Path(__file__).resolve().parents[1] / ".tools" / "azurite"
FRAMEWORKS = PLACE.parent / "frameworks"
PROGRAM = PLACE / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"

TORCH = "torch==2.13.0"
# A program and the packages that bring it.
DEBIAN = {
    "npm": ("nodejs", "npm"),
    "dockerd": ("docker.io",),
    "podman": ("podman", "runc"),
    "catatonit": ("catatonit",),
    "sshd": ("openssh-server", "openssh-client"),
    "mpirun": ("openmpi-bin",),
    "chromium": ("chromium",),
}


def installed() -> bool:
    """Whether Azurite is there, in the version these tests were written for."""
    try:
        package = json.loads((PLACE / "node_modules" / "azurite" / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return package.get("version") == VERSION and PROGRAM.is_file()


def missing() -> str:
    """Why the tests of the cloud cannot run here; empty when they can."""
    if shutil.which("node") is None:
        return "Node.js is not installed (https://nodejs.org)"
    return "" if installed() else "Azurite is not installed: python tests/install.py"


def which(program: str) -> str | None:
    """Where a program is; those of the system's administrator are on few people's PATH."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin")


def install_debian() -> bool:
    """Install what is missing of `DEBIAN`, where that is this machine's way. Returns whether it went well."""
    wanted = [package for program, packages in DEBIAN.items() if which(program) is None for package in packages]
    if not wanted or shutil.which("apt-get") is None or not hasattr(os, "getuid") or os.getuid() != 0:
        return True
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *wanted]):
        apt = ["apt-get", "-o", "DPkg::Lock::Timeout=300", *words]
        if subprocess.run(apt, env=quiet, stdout=subprocess.DEVNULL, check=False).returncode:
            print(f"apt-get could not install {' '.join(wanted)}")
            return False
    print(f"Installed {' '.join(wanted)}")
    return True


def install_azurite() -> bool:
    """Install Azurite. Returns whether it is there."""
    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        print("Azurite needs Node.js and npm: https://nodejs.org")
        return False
    if not installed():
        PLACE.mkdir(parents=True, exist_ok=True)
        (PLACE / "package.json").write_text('{"name": "azurite-for-tests", "private": true}\n', encoding="utf-8")
        words = [npm, "install", "--prefix", str(PLACE), "--no-audit", "--no-fund", f"azurite@{VERSION}"]
        done = subprocess.run(words, cwd=PLACE, check=False)
        if done.returncode or not installed():
            print(f"npm could not install azurite {VERSION}")
            return False
    print(f"Azurite {VERSION} is in {PLACE}")
    return True


def frameworks() -> Path:
    """The Python of the environment with mpi4py and PyTorch; it may not be there."""
    return FRAMEWORKS / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install_frameworks() -> bool:
    """Make the environment with mpi4py, and PyTorch where pip finds a CPU build. Returns whether it is there."""
    python, pip = frameworks(), ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    if python.exists():
        return True
    subprocess.run([sys.executable, "-m", "venv", str(FRAMEWORKS)], check=True)
    if subprocess.run([str(python), *pip, "mpi4py", "numpy"], check=False).returncode:
        shutil.rmtree(FRAMEWORKS)
        print("pip could not install mpi4py")
        return False
    # PyPI's own wheel for Linux brings CUDA, several GB: it is not taken.
    words = (*pip, "--dry-run", "--no-deps", "--report", "-", TORCH)
    found = subprocess.run([str(python), *words], check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wheel = json.loads(found.stdout)["install"][0]["download_info"]["url"] if found.returncode == 0 else ""
    if "%2Bcpu" in wheel or "+cpu" in wheel or (wheel and sys.platform == "darwin"):
        subprocess.run([str(python), *pip, TORCH], check=False)
    else:
        print("pip finds no CPU build of PyTorch here: its tests are skipped")
    return True


if __name__ == "__main__":
    sys.exit(0 if install_debian() and install_azurite() and install_frameworks() else 1)
