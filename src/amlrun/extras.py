"""How to add one of amlrun's extras (`azure`, `sweep`, `automl`, `notebook`) in the project and environment at hand."""

from __future__ import annotations

import importlib.util
import json
import shlex
import sys
from pathlib import Path

from amlrun import project


def how_to_add(extra: str) -> str:
    """The command that adds an extra, for a uv project, a Poetry project, `uvx`, `uv tool` or pip."""
    prefix = Path(sys.prefix)
    # uv keeps what `uvx` and `uv tool install` run in places of its own (docs.astral.sh/uv/concepts/tools). Both make
    # that place anew, so the command names the extras that are there too.
    if (prefix / "uv-receipt.toml").exists():
        return f"uv tool install {shlex.quote(requirement(_with_present(extra)))}"
    if {"archive-v0", "environments-v2"} & set(prefix.parts):
        return f"uvx --from {shlex.quote(requirement(_with_present(extra)))} aml …"
    wanted = requirement(extra)
    root = project.find(Path.cwd()).root
    settings = _read(root / "pyproject.toml")
    inside = prefix.is_relative_to(root)
    if inside and extra in settings.get("dependency-groups", {}):
        return f"uv sync --group {extra}"
    if inside and ("uv" in settings.get("tool", {}) or (root / "uv.lock").exists()):
        return f"uv add {shlex.quote(wanted)}"
    if "poetry" in settings.get("tool", {}) or (root / "poetry.lock").exists():
        return f"poetry run pip install {shlex.quote(wanted)}"
    if importlib.util.find_spec("pip") is None:
        return f"uv pip install --python {shlex.quote(sys.executable)} {shlex.quote(wanted)}"
    return f"{shlex.quote(sys.executable)} -m pip install {shlex.quote(wanted)}"


def _with_present(extra: str) -> str:
    modules = {"azure": "azure.ai.ml", "automl": "lightgbm", "notebook": "nbconvert", "sweep": "optuna"}
    present = {name for name, module in modules.items() if _is_installed(module)}
    return ",".join(sorted({extra, *present}))


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it
        return False


def requirement(extra: str) -> str:
    """This amlrun with an extra, from where it was installed from: a Git repository, a folder, or an index."""
    from importlib import metadata

    found = metadata.distribution("amlrun")
    try:
        origin = json.loads(found.read_text("direct_url.json") or "{}")
    except ValueError:
        origin = {}
    url, vcs = str(origin.get("url", "")), origin.get("vcs_info") or {}
    if not url:
        return f"amlrun[{extra}]=={found.version}"
    scheme, separator, rest = url.partition("://")
    url = f"{scheme}{separator}{rest.rpartition('@')[2] if scheme.startswith('http') else rest}"
    if vcs:
        return f"amlrun[{extra}] @ {vcs.get('vcs', 'git')}+{url}@{vcs.get('commit_id', 'HEAD')}"
    return f"amlrun[{extra}] @ {url}"


def _read(file: Path) -> dict[str, dict[str, object]]:
    if sys.version_info < (3, 11):
        import tomli as tomllib
    else:
        import tomllib

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
