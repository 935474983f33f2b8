"""Where packages come from: uv's own settings, and pip's where uv has none, for a company's mirror or feed."""

from __future__ import annotations

import configparser
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

_UV_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_NO_INDEX")
# Where PyTorch's own index is (uv's documentation, "Using uv with PyTorch").
TORCH_HOST = "download.pytorch.org"
# They would point uv at this project's own environment.
_DROPPED = ("VIRTUAL_ENV", "PYTHONHOME", "UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "CONDA_PREFIX")


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for uv: `variables` (default: this process's), with pip's settings where uv has none.

    uv reads its user's and the system's uv.toml by itself. Addresses may hold a password, so they go by the
    environment and are never printed.
    """
    given = os.environ if variables is None else variables
    made = {key: value for key, value in given.items() if key not in _DROPPED}
    pip = _pip_settings(made)
    if not any(made.get(name) for name in _UV_INDEX) and not _uv_names_an_index(made):
        if pip.get("index-url"):
            made["UV_DEFAULT_INDEX"] = pip["index-url"]
        if pip.get("extra-index-url"):
            made["UV_INDEX"] = " ".join(pip["extra-index-url"].split())
            # pip takes the best version of all its indexes; uv would stop at the first that has the package.
            made.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
        if pip.get("no-index", "").lower() in ("1", "true", "yes", "on"):
            made["UV_NO_INDEX"] = "1"
    if pip.get("find-links") and not made.get("UV_FIND_LINKS"):
        made["UV_FIND_LINKS"] = ",".join(pip["find-links"].split())
    if pip.get("trusted-host") and not made.get("UV_INSECURE_HOST"):
        made["UV_INSECURE_HOST"] = " ".join(pip["trusted-host"].split())
    if pip.get("cert") and not made.get("SSL_CERT_FILE"):
        made["SSL_CERT_FILE"] = pip["cert"]
    return made


def wants_cpu_torch(requirements: Iterable[str], variables: Mapping[str, str]) -> bool:
    """Whether PyTorch is to come from its own index of CPU builds: PyPI's build for Linux brings several GB of CUDA.

    Not with an NVIDIA driver, nor where the user said where packages come from. `variables` are `environment()`'s.
    """
    if sys.platform != "linux" or variables.get("UV_TORCH_BACKEND") or variables.get("UV_OFFLINE"):
        return False
    if any(variables.get(name) for name in _UV_INDEX) or _uv_names_an_index(variables):
        return False
    named = any(re.match(r"(?:torch|torchvision|torchaudio)(?![\w.-])", one) for one in requirements)
    return named and not Path("/proc/driver/nvidia/version").exists()


def _pip_settings(variables: Mapping[str, str]) -> dict[str, str]:
    """pip's settings that say where packages come from: of its files, then of its environment variables."""
    names = ("index-url", "extra-index-url", "find-links", "trusted-host", "cert", "no-index")
    found: dict[str, str] = {}
    for file in _pip_files(variables):
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (OSError, ValueError, configparser.Error):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                found.update({name: value for name, value in parser.items(section) if name in names})
    for name in names:
        value = variables.get(f"PIP_{name.upper().replace('-', '_')}")
        if value:
            found[name] = value
    return found


def _pip_files(variables: Mapping[str, str]) -> list[Path]:
    """pip's configuration files, the most general first (pip's documentation, "Configuration")."""
    named = variables.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    home = Path(variables.get("HOME") or variables.get("USERPROFILE") or "~").expanduser()
    if os.name == "nt":
        files = [Path(variables.get("PROGRAMDATA", "C:/ProgramData")) / "pip" / "pip.ini", home / "pip" / "pip.ini",
                 Path(variables.get("APPDATA", home)) / "pip" / "pip.ini"]  # fmt: skip
    else:
        config = Path(variables.get("XDG_CONFIG_HOME") or home / ".config")
        files = [Path("/etc/pip.conf"), home / ".pip" / "pip.conf", config / "pip" / "pip.conf"]
        if sys.platform == "darwin":
            files.append(home / "Library" / "Application Support" / "pip" / "pip.conf")
    return [*files, *([Path(named)] if named else [])]


def _uv_names_an_index(variables: Mapping[str, str]) -> bool:
    """Whether the user's or the system's uv.toml says where packages come from."""
    home = Path(variables.get("HOME") or "~").expanduser()
    files = [Path(variables.get("XDG_CONFIG_HOME") or home / ".config") / "uv" / "uv.toml", Path("/etc/uv/uv.toml")]
    if os.name == "nt":
        files = [Path(variables.get(name, "")) / "uv" / "uv.toml" for name in ("APPDATA", "PROGRAMDATA")]
    files += [Path(variables["UV_CONFIG_FILE"])] if variables.get("UV_CONFIG_FILE") else []
    for file in files:
        try:
            if "index" in file.read_text(encoding="utf-8"):
                return True
        except (OSError, ValueError):
            continue
    return False
