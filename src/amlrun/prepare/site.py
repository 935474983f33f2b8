"""Where a script runs, and how it finds there what lies on this machine.

`Site` is this machine; a container or another machine is a subclass beside its target, which overrides what differs.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from amlrun.errors import AmlError
from amlrun.prepare import data, shell
from amlrun.prepare.environment import Interpreter
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.runs.process import cores
from amlrun.spec.job import CommandJob, Input, Output

Report = Callable[[str], None]
WORKERS = Path(__file__).parents[1] / "workers"
# What a caller told its own MLflow, and its own Python, is not meant for the run.
_DROPPED = (
    "MLFLOW_RUN_ID",
    "MLFLOW_EXPERIMENT_ID",
    "VIRTUAL_ENV",
    "PYTHONHOME",
    "UV_PROJECT",
    "UV_RUN_RECURSION_DEPTH",
    "CONDA_PREFIX",
)


class Site:
    """This machine, for one run. Paths are as the script sees them."""

    separator = os.pathsep
    # The spark-submit that starts Spark jobs; a run has a Spark of its own where there is none.
    spark_submit = ""

    def __init__(self, project: Project, run: runs.RunFolder, interpreter: Interpreter) -> None:
        self.project = project
        self.run = run
        self.interpreter = interpreter
        # Where the inputs that were asked for lie on this machine.
        self.inputs: dict[str, Path] = {}

    @property
    def folder(self) -> str:
        """The run's folder."""
        return str(self.run.folder)

    @property
    def python(self) -> str:
        """The environment's Python."""
        return str(self.interpreter.python)

    @property
    def workers(self) -> str:
        """The folder of what runs beside the script (`workers/`)."""
        return str(WORKERS)

    @property
    def launcher(self) -> list[str]:
        """The Python that runs a worker: isolated and without site packages, it starts at once."""
        return [sys.executable, "-I", "-S"]

    @property
    def cores(self) -> int:
        """How many cores a script may use."""
        return cores()

    def has(self, program: str, path: str) -> bool:
        """Whether a program is on that PATH; yes where this can't be known before the run."""
        return shutil.which(program, path=path) is not None

    @property
    def facts(self) -> dict[str, str]:
        """What our package for SDK v1 has to know of the project; it does without what is missing."""
        return project_facts(self.project)

    def variables(self) -> dict[str, str]:
        """What the script inherits: here the caller's environment, and its own Python first on PATH."""
        found = {key: value for key, value in os.environ.items() if key not in _DROPPED}
        found["PATH"] = os.pathsep.join([str(self.interpreter.bin), found.get("PATH", "")])
        if self.interpreter.folder is not None:
            found["VIRTUAL_ENV"] = str(self.interpreter.folder)
        return found | self.interpreter.variables

    def input(self, name: str, wanted: Input) -> str:
        """The path of an input. Raises AmlError when there is no such data."""
        self.inputs[name] = data.locate(self.project, name, wanted.path)
        return str(self.inputs[name])

    def output(self, name: str, wanted: Output) -> str:
        """The path of an output; its folder is made."""
        inside = wanted.path is None or "://" in wanted.path or wanted.path.startswith("azureml:")
        folder = self.run.folder / "outputs" / name if inside else self.project.root / str(wanted.path)
        (folder if wanted.type != "uri_file" else folder.parent).mkdir(parents=True, exist_ok=True)
        return str(folder)

    def dataset(self, path: Path) -> str:
        """The path of a registered dataset, for a script that asks for it by name."""
        return str(path)

    def volumes(self, job: CommandJob, report: Report) -> None:
        """Make v1's `-v HOST:FOLDER` true: here its arguments are rewritten, which is reported. Raises AmlError."""
        for volume in job.local.volumes:
            report(
                f"Arguments at or below {volume.container} mean {self.volume_host(volume.host)} here (-v, without a "
                "container)."
            )

    def volume_host(self, host: str) -> Path:
        """The folder of this machine that `-v HOST:…` names. Raises AmlError when there is nothing."""
        place = Path(self.host_path(host))
        if not place.exists():
            raise AmlError(f"docker.arguments: -v {host}: no such file or folder", hint="Correct the path.")
        return place

    def word(self, word: str, job: CommandJob) -> str:
        """A word of the command or a variable: at or below a folder of `-v` (also after `--name=`) the host's path."""
        for volume in job.local.volumes:
            inside = volume.container.rstrip("/")
            flag, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
            if value == inside or value.startswith(inside + "/"):
                return f"{flag}{equals}{self.host_path(volume.host)}{value[len(inside) :]}"
        return word

    def host_path(self, host: str) -> str:
        """What stands in the script's arguments for the folder that `-v HOST:…` names."""
        return str(self.project.root / Path(host).expanduser())

    def shell(self, line: str, report: Report) -> list[str]:
        """The words that run a shell line."""
        return shell.start(line, report)

    def ask_python(self, program: str, python_path: str | None) -> str:
        """What a program prints that the environment's Python runs. Raises OSError or SubprocessError."""
        return ask_python(self.interpreter.python, program, python_path)


def project_facts(project: Project) -> dict[str, str]:
    """What a script on this machine is told of its project."""
    facts = {"root": project.root, "runs": project.runs, "database": project.database, "aml": sys.executable}
    return {name: str(value) for name, value in facts.items()}


@functools.lru_cache(maxsize=16)
def ask_python(python: Path, program: str, python_path: str | None = None) -> str:
    """What a program prints that this Python of this machine runs. Raises OSError or SubprocessError."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    if python_path:
        environment["PYTHONPATH"] = python_path
    words = [str(python), "-c", program]
    return subprocess.run(words, capture_output=True, text=True, env=environment, check=True, timeout=120).stdout
