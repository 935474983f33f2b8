"""A rendered project with a workspace of its own, and a shell in which `uv run X` is X of this environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.rendering import render

from standin.world import GROUP, SUBSCRIPTION, World


class Rendered:
    """`bash` runs a script in `folder`, the project's at first, as a person or a workflow would."""

    def __init__(self, world: World, place: Path) -> None:
        self.workspace = world.workspace()
        self.project = self.folder = render(place / "project")
        tools = place / "tools"
        tools.mkdir()
        (tools / "uv").write_text(
            '#!/bin/bash\nset -eu\ntest "$1" = run; word=$2; shift 2\n'
            f'if [ "$word" = aml ]; then set -- -m amlrun "$@"; fi; exec "{sys.executable}" "$@"\n'
        )
        (tools / "uv").chmod(0o755)
        self.env = world.environment(
            SUBSCRIPTION=SUBSCRIPTION, GROUP=GROUP, WORKSPACE=self.workspace.name,
            PATH=f"{tools}{os.pathsep}{os.environ['PATH']}", PYTHONPATH=str(self.project),
            AML_AZURE_POLL="0.2", AML_AZURE_DEADLINE="600", AML_CACHE_DIR=str(place / "cache"),
        )  # fmt: skip

    def bash(self, script: str, expect: int = 0) -> str:
        """Run a script as GitHub's runner does; its output, both streams."""
        words = ["bash", "-eo", "pipefail", "-c", script]
        done = subprocess.run(
            words, cwd=self.folder, env=self.env, text=True, encoding="utf-8", stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600,
        )  # fmt: skip
        assert done.returncode == expect, f"{script}\nended with {done.returncode}, not {expect}:\n{done.stdout}"
        return done.stdout
