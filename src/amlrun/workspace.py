"""Which workspace a folder is attached to: `config.json`, as v1, the portal and the SDK write it (V1_CLI §1)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from amlrun.errors import AmlError

_FOLDERS = (".azureml", "aml_config", "")
_FILES = ("config.json", "project.json")
_SCOPE = re.compile(
    r"/subscriptions/(?P<subscription_id>[^/]+)/resourceGroups/(?P<resource_group>[^/]+)/providers/"
    r"Microsoft\.MachineLearningServices/workspaces/(?P<workspace_name>[^/]+)(?:/projects/(?P<experiment>[^/]+))?/?",
    re.IGNORECASE,
)


@dataclass
class Workspace:
    """An attached workspace; `file` is where it is written, `experiment` only in v1's own shape."""

    subscription_id: str
    resource_group: str
    workspace_name: str
    experiment: str | None = None
    file: Path | None = None


def discover(path: Path) -> Workspace | None:
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


def _read(file: Path, *, strict: bool) -> Workspace | None:
    """`strict` is off beside the user's own files, where any program's config.json may lie."""
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
        scope = _SCOPE.fullmatch(str(content["Scope"])) if "Scope" in content else None
        if scope:
            return Workspace(**scope.groupdict(), file=file)
        return Workspace(
            subscription_id=str(content["subscription_id"]),
            resource_group=str(content["resource_group"]),
            workspace_name=str(content["workspace_name"]),
            experiment=content.get("experiment_name"),
            file=file,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if not strict:
            return None
        raise AmlError(
            "does not name subscription_id, resource_group and workspace_name", file=file,
            hint="Write it again: aml folder attach -g GROUP -w WORKSPACE --subscription-id ID",
        ) from error  # fmt: skip
