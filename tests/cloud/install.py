"""Installs what the tests in this folder need besides the Python packages: Azurite, from npm.

    python tests/cloud/install.py

Standard library only. Running it again changes nothing. It ends with 0 when Azurite is there, else with 1 and
the reason. The place, `.tools/azurite` in the repository, is ignored by git.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "3.35.0"
PLACE = Path(__file__).resolve().parents[2] / ".tools" / "azurite"
PROGRAM = PLACE / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"


def installed() -> bool:
    """Whether Azurite is there, in the version these tests were written for."""
    try:
        package = json.loads((PLACE / "node_modules" / "azurite" / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return package.get("version") == VERSION and PROGRAM.is_file()


def missing() -> str:
    """Why the tests cannot run here; empty when they can."""
    if shutil.which("node") is None:
        return "Node.js is not installed (https://nodejs.org)"
    return "" if installed() else "Azurite is not installed: python tests/cloud/install.py"


def main() -> int:
    if shutil.which("node") is None or shutil.which("npm") is None:
        print("Azurite needs Node.js and npm: https://nodejs.org")
        return 1
    if not installed():
        PLACE.mkdir(parents=True, exist_ok=True)
        (PLACE / "package.json").write_text('{"name": "azurite-for-tests", "private": true}\n', encoding="utf-8")
        npm = shutil.which("npm") or "npm"
        words = [npm, "install", "--prefix", str(PLACE), "--no-audit", "--no-fund", f"azurite@{VERSION}"]
        done = subprocess.run(words, cwd=PLACE, check=False)
        if done.returncode or not installed():
            print(f"npm could not install azurite {VERSION}")
            return 1
    print(f"Azurite {VERSION} is in {PLACE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
