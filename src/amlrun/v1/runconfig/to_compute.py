"""Target, nodes, distribution, limits, Docker arguments and services of a run configuration → v2's keys."""

from __future__ import annotations

import re
from pathlib import Path, PureWindowsPath

from amlrun.spec.docker_arguments import volumes
from amlrun.spec.job import Limits, QueueSettings, Resources, Service
from amlrun.v1.config import Key
from amlrun.v1.runconfig.context import TranslationContext
from amlrun.v1.runconfig.to_distribution import distribution

_PRIORITIES = {1: "low", 2: "medium", 3: "high"}
_SERVICES = {
    "Jupyter": "jupyter_lab",
    "JupyterLab": "jupyter_lab",
    "SSH": "ssh",
    "TensorBoard": "tensor_board",
    "VSCode": "vs_code",
}
_PLACEHOLDER = re.compile(r"<.*>|\{\{.*\}\}|\$\(.*\)|__.*__|\[.*\]")


def translate(context: TranslationContext) -> None:
    """Set compute, resources, distribution, limits, queue settings, services, identity and volumes."""
    resources = Resources()
    _compute(context, resources)
    _nodes(context, resources)
    _docker(context, resources)
    if resources != Resources():
        context.job.resources = resources
    seconds = context.config.get("maxRunDurationSeconds")
    if seconds is not None:
        if seconds <= 0:
            context.config.problem(("maxRunDurationSeconds",), f"expected seconds above 0, got {seconds}")
        context.job.limits = Limits(timeout=seconds)
        context.mapped(("maxRunDurationSeconds",), "limits.timeout")
    _priority(context)
    if context.config.get("credentialPassthrough"):
        context.job.identity = "user_identity"
        context.mapped(("credentialPassthrough",), "identity.type")
    for name in context.config.names("applicationEndpoints"):
        _service(context, name)


def _compute(context: TranslationContext, resources: Resources) -> None:
    config, target = context.config, context.target
    from_file = config.value("target")
    if from_file is not None and from_file.words != target and from_file.words:
        context.set(("target",), "ignored", "the target given on the command line is used", quiet=True)
    elif from_file is not None:
        context.mapped(("target",), "compute", "serverless" if target == "amlcompute" else "")
    if context.local:
        context.job.compute = target if context.machine else "local"
    elif target.lower() == "amlcompute":
        size = config.text("amlcompute", "vmSize")
        if not size:
            hint = "Write amlcompute: vmSize: STANDARD_DS3_V2, or name a compute as the target."
            context.blocking_error(("amlcompute", "vmSize"), "target amlcompute needs a vmSize", hint)
        resources.instance_type = size or None
        context.mapped(("amlcompute", "vmSize"), "resources.instance_type")
        if config.choice("amlcompute", "vmPriority") == "lowpriority":
            context.job.queue_settings = QueueSettings(job_tier="spot")
            context.mapped(("amlcompute", "vmPriority"), "queue_settings.job_tier")
    else:
        context.job.compute = target if target.startswith("azureml:") else f"azureml:{target}"
        if _PLACEHOLDER.fullmatch(target):
            context.blocking_error(
                ("target",), f"{target!r} is a placeholder", "Write a compute's name, or give --ct NAME."
            )
        elif target.lower() in ("containerinstance", "batchai", "hdinsight"):
            hint = "Name a compute of the workspace, or give --ct NAME."
            context.blocking_error(("target",), f"{target!r}: Azure ML no longer supports it", hint)
    if target.lower() != "amlcompute":
        for key, value in config.values.items():
            if key[0] == "amlcompute" and value.field is not None:
                context.set(key, "ignored", "only target amlcompute uses it", quiet=True)
    kind = config.text("kubernetescompute", "instanceType")
    if kind and context.local:
        context.set(("kubernetescompute", "instanceType"), "ignored", "only a cluster has instance types", quiet=True)
    elif kind:
        resources.instance_type = kind
        context.mapped(("kubernetescompute", "instanceType"), "resources.instance_type")


def _nodes(context: TranslationContext, resources: Resources) -> None:
    config = context.config
    key: Key = ("nodeCount",)
    if config.value("nodeCount") is None and config.value("batchai", "nodeCount") is not None:
        key = ("batchai", "nodeCount")
    elif config.value("batchai", "nodeCount") is not None:
        context.set(("batchai", "nodeCount"), "ignored", "nodeCount is used instead", quiet=True)
    nodes = config.get(*key)
    if nodes < 1:
        config.problem(key, f"expected 1 or more, got {nodes}")
        return
    if nodes > 1:
        resources.instance_count = nodes
    context.job.distribution = distribution(context, nodes)
    here = "here their processes run on this machine" if context.job.distribution else "here the script runs once"
    if nodes > 1:
        resources.instance_count = nodes
        context.mapped(key, "resources.instance_count", here if context.here else "")
    else:
        context.mapped(key, "resources.instance_count", "1 is v2's default")


def _docker(context: TranslationContext, resources: Resources) -> None:
    config = context.config
    old: Key = ("environment", "docker")
    newer = config.has("docker", "arguments") and bool(config.words("docker", "arguments"))
    key: Key = ("docker", "arguments") if newer else (*old, "arguments")
    words = list(config.words(*key))
    if newer and config.words(*old, "arguments") and config.words(*old, "arguments") != words:
        context.set((*old, "arguments"), "ignored", "the top-level docker section is used instead")
    if words:
        resources.docker_args = words
        context.job.local.volumes, others = volumes(words)
        remark = "-v HOST:FOLDER is honoured without a container" if context.bare and context.job.local.volumes else ""
        context.mapped(key, "resources.docker_args", remark)
        for host in (one.host for one in context.job.local.volumes if context.here and not context.machine):
            if _is_full(host) and not Path(host).expanduser().exists():
                context.blocking_error(key, f"-v {host}: no such file or folder", "Correct the path.")
        if others and context.bare:
            config.note(key, f"no container here, so {' '.join(others)} has no effect")
    newer_size = config.value("docker", "shmSize")
    size_key: Key = ("docker", "shmSize") if newer_size is not None and newer_size.is_set else (*old, "shmSize")
    size = config.text(*size_key).strip()
    if size:
        if not re.fullmatch(r"[0-9]+[bkmgBKMG]?", size):
            config.problem(size_key, f"expected a size such as 2g, got {size!r}")
        elif size.lower() != "2g":
            resources.shm_size = size.lower()
        context.mapped(size_key, "resources.shm_size", "2g is v2's default" if size.lower() == "2g" else "")
    _container(context)


def _is_full(path: str) -> bool:
    return Path(path).expanduser().is_absolute() or PureWindowsPath(path).is_absolute()


def _container(context: TranslationContext) -> None:
    """Whether to use a container is not asked any more; that it was asked for is said once, where there is none."""
    told = False
    for switch in (("environment", "docker", "enabled"), ("docker", "useDocker")):
        value = context.config.value(*switch)
        if value is not None and context.bare:
            context.set(switch, "ignored", "the local target runs without a container", told or value.value is not True)
            told = told or value.value is True
        elif value is not None:
            why = "it runs in a container" if context.here else "v2 always uses a container"
            context.set(switch, "ignored", why, quiet=True)


def _priority(context: TranslationContext) -> None:
    number = context.config.get("priority")
    if number is None:
        return
    level = _PRIORITIES[min(max(number, 1), 3)]
    context.job.queue_settings = context.job.queue_settings or QueueSettings()
    context.job.queue_settings.priority = level
    context.mapped(("priority",), "queue_settings.priority", f"{number} is {level}: the service has priorities 1 to 3")


def _service(context: TranslationContext, name: str) -> None:
    config = context.config
    key: Key = ("applicationEndpoints", name)
    written = config.choice(*key, "type")
    kind = _SERVICES.get(written)
    if kind is None:
        what = f"v2 has no {written} service" if written else "has no type"
        for part in ("type", "port", "properties"):
            context.set((*key, part), "unsupported", f"{what}: start it in the script", quiet=part != "type")
        return
    properties = config.words(*key, "properties")
    settings = properties if isinstance(properties, dict) else {}
    service = Service(kind, config.get(*key, "port"))
    folded = {setting.replace("_", "").lower(): value for setting, value in settings.items()}
    service.log_dir = folded.get("logdir") if kind == "tensor_board" else None
    service.ssh_public_keys = folded.get("sshpublickeys", folded.get("sshpublickey")) if kind == "ssh" else None
    context.job.services[name] = service
    context.mapped((*key, "type"), f"services.{name}.type")
    context.mapped((*key, "port"), f"services.{name}.port")
