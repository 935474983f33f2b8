"""Which Azure ML workspace is meant: flags, then `config.json`, then az's defaults and the environment (V1_CLI §1)."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from amlrun.dataclass import dataclass
from amlrun.errors import AmlError

_FOLDERS = (".azureml", "aml_config", "")
_FILES = ("config.json", "project.json")
_SCOPE = re.compile(
    r"/subscriptions/(?P<subscription_id>[^/]+)/resourceGroups/(?P<resource_group>[^/]+)/providers/"
    r"Microsoft\.MachineLearningServices/workspaces/(?P<name>[^/]+)(?:/projects/(?P<experiment>[^/]+))?/?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Workspace:
    """A workspace, by name. Whether it exists is not checked."""

    subscription_id: str
    resource_group: str
    name: str

    @property
    def arm(self) -> str:
        """Its ARM path."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.name}"
        )

    @classmethod
    def find(
        cls,
        path: str | Path = ".",
        *,
        name: str | None = None,
        resource_group: str | None = None,
        subscription_id: str | None = None,
    ) -> Workspace:
        """The workspace that `path` and the names mean; nothing is asked.

        Both name and group given: that one, in the subscription given, else of config.json, else of az. Otherwise the
        attached one (its parts replaced by what is given), otherwise az's defaults or a compute instance's variables.
        Raises AmlError telling `folder attach` when there is none.
        """
        attached = discover(Path(path).absolute())
        if name and resource_group:
            subscription = subscription_id or (attached and attached.workspace.subscription_id) or _subscription()
        elif attached:
            name, resource_group = name or attached.workspace.name, resource_group or attached.workspace.resource_group
            subscription = subscription_id or attached.workspace.subscription_id
        else:
            defaults = _defaults()
            name = name or defaults.get("workspace") or os.environ.get("AZUREML_ARM_WORKSPACE_NAME")
            resource_group = resource_group or defaults.get("group") or os.environ.get("AZUREML_ARM_RESOURCEGROUP")
            subscription = subscription_id or _subscription()
        if not (name and resource_group and subscription):
            parts = {"workspace": name, "resource group": resource_group, "subscription": subscription}
            missing = [part for part, value in parts.items() if not value]
            lacking = f"no {' or '.join(missing)} is configured for" if name else "no workspace is configured for"
            raise AmlError(
                f"{lacking} {Path(path).absolute()}",
                hint="Attach the folder once: aml folder attach -g GROUP -w WORKSPACE --subscription-id ID",
            )
        return cls(subscription, resource_group, name)


@dataclass(frozen=True)
class Attached:
    """The workspace that a folder is attached to by `file`; `experiment` only in v1's own shape."""

    workspace: Workspace
    file: Path
    experiment: str | None = None


def discover(path: Path) -> Attached | None:
    """The workspace that `path` is attached to: `.azureml/` here and above, then `aml_config/`, then the folder.

    Raises AmlError for a config.json that is neither of the two shapes.
    """
    start = path if path.is_dir() else path.parent
    for folder in _FOLDERS:
        for parent in (start, *start.parents):
            for name in _FILES:
                file = parent / folder / name
                if file.is_file():
                    found = _read(file, strict=bool(folder))
                    if found:
                        return found
    return None


def _read(file: Path, *, strict: bool) -> Attached | None:
    """`strict` is off beside the user's own files, where any program's config.json may lie."""
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
        scope = _SCOPE.fullmatch(str(content["Scope"])) if "Scope" in content else None
        if scope:
            found = Workspace(scope["subscription_id"], scope["resource_group"], scope["name"])
            return Attached(found, file, scope["experiment"])
        ids = (str(content[key]) for key in ("subscription_id", "resource_group", "workspace_name"))
        return Attached(Workspace(*ids), file, content.get("experiment_name"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if not strict:
            return None
        raise AmlError(
            "does not name subscription_id, resource_group and workspace_name", file=file,
            hint="Write it again: aml folder attach -g GROUP -w WORKSPACE --subscription-id ID",
        ) from error  # fmt: skip


def _azure_folder() -> Path:
    return Path(os.environ.get("AZURE_CONFIG_DIR") or Path.home() / ".azure")


def _defaults() -> dict[str, str]:
    """`az configure --defaults group=… workspace=…`, or the variables that az reads for them."""
    import configparser

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(_azure_folder() / "config", encoding="utf-8-sig")
    except (configparser.Error, OSError, UnicodeDecodeError):
        parser = configparser.ConfigParser()
    values = dict(parser["defaults"]) if parser.has_section("defaults") else {}
    workspace = values.get("workspace") or values.get("workspace_name")
    found = {"group": values.get("group"), "workspace": workspace}
    found["group"] = os.environ.get("AZURE_DEFAULTS_GROUP") or found["group"]
    found["workspace"] = os.environ.get("AZURE_DEFAULTS_WORKSPACE") or found["workspace"]
    return {key: value for key, value in found.items() if value}


def _subscription() -> str | None:
    """The subscription of the environment, else the one that `az account set` chose."""
    for variable in ("AZURE_SUBSCRIPTION_ID", "AZUREML_ARM_SUBSCRIPTION"):
        if os.environ.get(variable):
            return os.environ[variable]
    try:
        profile = json.loads((_azure_folder() / "azureProfile.json").read_text(encoding="utf-8-sig"))
        return next(str(one["id"]) for one in profile["subscriptions"] if one.get("isDefault"))
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None
