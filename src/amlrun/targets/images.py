"""The image of a job's environment: which one is meant, fetched or built where it is not here, and what is in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from amlrun import project
from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError, os_errors
from amlrun.prepare import code
from amlrun.runs.files import replace_json
from amlrun.spec.job import DEFAULT_IMAGE, CommandJob
from amlrun.targets import engine as engines
from amlrun.targets.base import SubmitOptions
from amlrun.targets.engine import Engine, Image

Report = Callable[[str], None]
_PROBE = """
for name in micromamba mamba conda python3 python bash; do
  found=$(command -v $name) && echo "$name=$found"
done
ls /lib/ld-musl* >/dev/null 2>&1 && echo "musl=yes"
exit 0
"""


@dataclass
class Contents:
    """What an image has: programs by name, with their paths in it."""

    programs: dict[str, str] = field(default_factory=dict)

    @property
    def python(self) -> str | None:
        return self.programs.get("python3") or self.programs.get("python")


def of_job(job: CommandJob, engine: Engine, options: SubmitOptions, report: Report) -> Image:
    """The image that a job runs in, on this machine: built from its Dockerfile, or fetched where that is allowed.

    Raises AmlError when there is none, or the engine refuses.
    """
    wanted = job.environment
    if wanted is not None and wanted.reference:
        raise AmlError(
            f"--container: the environment {wanted.reference} exists only in Azure, and its image is not known here",
            hint="Name an image (environment.docker.baseImage) and a conda file, or run without --container.",
        )
    if wanted is not None and (wanted.dockerfile or wanted.build):
        return _built(job, engine, report)
    name = (wanted.image if wanted else None) or DEFAULT_IMAGE
    found = engine.image(name) or _fetched(name, engine, options, report)
    note = engines.licence_note(name)
    if note:
        report(note)
    return found


def _fetched(name: str, engine: Engine, options: SubmitOptions, report: Report) -> Image:
    asked = options.pull or (options.confirm is not None and options.confirm(f"Pull the image {name}?"))
    if not asked:
        raise engines.absent(engine, name)
    report(f"Pulling {name} …")
    engine.stream(["pull", name], report, name)
    found = engine.image(name)
    if found is None:
        raise engines.absent(engine, name)
    return found


def _built(job: CommandJob, engine: Engine, report: Report) -> Image:
    """The image of a Dockerfile: its text alone, or with a build context. Its name says what it was built from."""
    wanted = job.environment
    assert wanted is not None  # noqa: S101 - the caller looked
    if wanted.build is not None:
        if not engine.here:
            hint = "Build the image there, and name it (environment.docker.baseImage)."
            raise AmlError("a build context is not sent to another machine", field="environment.build", hint=hint)
        context = code.folder(job) / wanted.build.path
        file = context / (wanted.build.dockerfile_path or "Dockerfile")
        if not file.is_file():
            raise AmlError("there is no such Dockerfile", file=file, field="environment.build")
        key, words, text = _hash(context), ["--file", str(file), str(context)], None
    else:
        text = str(wanted.dockerfile)
        key, words = hashlib.sha256(text.encode()).hexdigest(), ["-"]
    name = f"amlrun/azureml_{key[:32]}"
    found = engine.image(name)
    if found is not None:
        return found
    report("Building the Dockerfile's image (cached for later runs) …")
    network = ["--network=host"] if engine.lacks_bridge() else []
    done = engine.call("build", *network, "--tag", name, *words, text=text)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise AmlError(
            "the Dockerfile's image could not be built", field="environment.docker.baseDockerfile", exit_code=1,
            hint="\n".join(lines[-8:]),
        )  # fmt: skip
    made = engine.image(name)
    if made is None:
        raise engines.explain(done.stderr, engine, name)
    return made


def _hash(context: Path) -> str:
    digest = hashlib.sha256()
    with os_errors("read the build context"):
        for file in sorted(one for one in context.rglob("*") if one.is_file()):
            digest.update(file.relative_to(context).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def look_inside(image: Image, engine: Engine) -> Contents:
    """What an image has; it is run once to see that. Raises AmlError for one without a shell."""
    kept = project.cache_folder() / "images" / f"{image.id.partition(':')[2] or image.id}.json"
    try:
        return Contents(json.loads(kept.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        pass
    done = engine.call(
        "run", "--rm", "--pull=never", "--network=none", "--entrypoint", "/bin/sh", image.name, "-c", _PROBE
    )
    if done.returncode == 127 or (done.returncode == 126 and "exec" in done.stderr):
        raise AmlError(f"{image.name} has no shell (/bin/sh)", hint="Use an image with a shell and Python.")
    if done.returncode:
        raise engines.explain(done.stderr, engine, image.name)
    found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        replace_json(kept, found)
    except OSError:
        pass  # it is looked up again
    return Contents(found)
