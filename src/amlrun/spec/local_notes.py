"""What of a v2 job has no effect when it runs on this machine, said once at submit."""

from __future__ import annotations

from amlrun.spec.docker_arguments import volumes
from amlrun.spec.job import CommandJob


def local_notes(job: CommandJob) -> list[str]:
    """A line for each setting of `job` that only a cluster or a container has."""
    notes = []
    wanted = job.resources
    nodes = (wanted.instance_count if wanted else None) or 1
    if nodes > 1 and job.distribution is None:
        notes.append(f"resources.instance_count: {nodes} nodes without a distribution: here the command runs once")
    if job.local.container:
        wanted = None
    others = volumes(wanted.docker_args)[1] if wanted else []
    if others:
        notes.append(f"resources.docker_args: no container here, so {' '.join(others)} has no effect")
    if wanted and wanted.shm_size:
        notes.append("resources.shm_size: no container here, so it has no effect")
    notes += [f"services.{name}: is not started here" for name in job.services]
    return notes
