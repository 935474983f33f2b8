"""Files that are not run configurations but get named as one: each is called what it is, with what to do instead."""

from __future__ import annotations

from pathlib import Path

from amlrun.errors import AmlError
from amlrun.spec.node import Node

# The name of a kind of file, keys of which it has all of one group, and what to do with it.
_KINDS: tuple[tuple[str, tuple[frozenset[str], ...], str], ...] = (
    (
        "a pipeline",
        (frozenset({"pipeline"}), frozenset({"jobs", "type"}), frozenset({"steps"})),
        "Run the configuration that one of its steps names with `runconfig:`.",
    ),
    (
        "a sweep (hyperdrive) configuration",
        (frozenset({"sampling", "primarymetricname"}), frozenset({"sampling", "policy"})),
        "Give it with --hyperdrive-configuration-name, and a run configuration with -c.",
    ),
    (
        "a parallel-run configuration",
        (
            frozenset({"entryscript", "minibatchsize"}),
            frozenset({"entryscript", "errorthreshold"}),
            frozenset({"entryscript", "outputaction"}),
            frozenset({"parallelrunconfig"}),
            frozenset({"minibatchsize", "errorthreshold"}),
        ),
        "Score a folder of files with it: aml run submit-batch -c FILE -m MODEL -d FOLDER",
    ),
    (
        "the record of a run",
        (
            frozenset({"runid", "status"}),
            frozenset({"runid", "properties"}),
            frozenset({"runid", "experimentid"}),
            frozenset({"runid", "rundefinition"}),
            frozenset({"runuuid"}),
            frozenset({"rundefinition"}),
            frozenset({"configuration"}),
        ),
        "Give a run configuration; the record belongs to `aml model register -f`.",
    ),
    (
        "a scoring (inference) configuration",
        (frozenset({"entryscript", "runtime"}), frozenset({"entryscript", "condafile"})),
        "Give it with --ic, to aml model deploy, aml explain or aml export; a run configuration names `script`.",
    ),
    (
        "a deployment configuration",
        (frozenset({"computetype", "containerresourcerequirements"}), frozenset({"computetype", "port"})),
        "Give it with --dc, to aml model deploy, aml explain or aml export; a run configuration names `script`.",
    ),
    (
        "a conda file",
        (frozenset({"dependencies", "channels"}), frozenset({"name", "dependencies"}), frozenset({"dependencies"})),
        "Name it in a run configuration: environment: python: condaDependenciesFile.",
    ),
    (
        "the compute file of a Workbench project",
        (frozenset({"type", "basedockerimage"}), frozenset({"type", "usermanagedenvironment"})),
        "Give the .runconfig file beside it.",
    ),
)

# Keys that none of those files has; `script` and `environment` are looked at by group.
_OWN = {"arguments", "args", "communicator", "framework"}


def refuse_others(root: Node, file: Path) -> None:
    """Raise AmlError for a file that is something else than a run configuration."""
    if root.kind != "map":
        what = "a list" if root.kind == "list" else "text"
        raise AmlError(
            f"is {what}, not a run configuration", file=file, line=root.line,
            hint="A run configuration has keys: script, target, environment, …",
        )  # fmt: skip
    keys = {key.replace("_", "").replace("-", "").lower(): line for key, line, _ in root.pairs}
    _refuse_job(root, file)
    if keys.keys() & _OWN:
        return
    for name, groups, hint in _KINDS:
        for group in groups:
            if group <= keys.keys() and not ("script" in keys or ("environment" in keys and "entryscript" not in keys)):
                line = min(keys[key] for key in group)
                raise AmlError(f"is {name}, not a run configuration", file=file, line=line, hint=hint)
    if not keys:
        raise AmlError("is empty", file=file, line=root.line)


def _refuse_job(root: Node, file: Path) -> None:
    schema, kind = root.get("$schema"), root.get("type")
    official = schema is not None and "azuremlschemas" in schema.text
    if official or (kind is not None and kind.text in ("command", "sweep", "spark") and not root.get("framework")):
        raise AmlError(
            "is a v2 job file, not a v1 run configuration", file=file, line=(schema or kind or root).line,
            hint=f"Run it with: aml job create --file {file}",
        )  # fmt: skip
