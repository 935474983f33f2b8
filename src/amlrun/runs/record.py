"""What a run's record holds, part by part. Keys that begin with `_` are ours and not shown in run.json."""

from __future__ import annotations

from typing import Any, TypedDict

# The types of runs that have children, in the words that v1 has for them.
SWEEP_RUN, AUTOML_RUN, PIPELINE_RUN = "hyperdrive", "automl", "azureml.PipelineRun"


class ProcessMark(TypedDict, total=False):
    """A process: its pid, when that was written down (s since 1970), and a token that only itself knows by heart."""

    pid: int
    seen: float
    token: str


class WorkspaceIds(TypedDict):
    """The workspace that a run lives in."""

    subscription_id: str
    resource_group: str
    workspace_name: str


class ErrorPart(TypedDict, total=False):
    """Why a run failed, and what to do about it."""

    message: str
    hint: str


class CancelMark(TypedDict, total=False):
    """When and why a run was asked to end; `with_sweep` when its sweep was, `stopped` the policy's verdict."""

    at: str
    reason: str
    with_sweep: bool
    stopped: dict[str, Any]


class SubmitPart(TypedDict, total=False):
    """Who, what and where: written once, when the run is made. `_seen` is the folder's path where the script runs."""

    run_id: str
    root_run_id: str
    parent_run_id: str
    data_container_id: str
    created_utc: str
    hidden: bool
    run_type: str
    script_name: str | None
    target: str | None
    display_name: str | None
    tags: dict[str, str]
    properties: dict[str, Any]
    warnings: list[str]
    host: str
    run_definition: dict[str, Any]
    command_line: list[str]
    primary_metric_name: str
    seed: int
    trial: int
    hyperparameters: dict[str, Any]
    remote: bool
    workspace: WorkspaceIds
    _experiment_name: str
    _target_type: str
    _seen: str
    _engine: dict[str, str]
    _machine: dict[str, Any]
    _submitter: ProcessMark
    _draw: dict[str, Any] | None


class PreparedPart(TypedDict, total=False):
    """The environment that was found and the state of the code; `_code` is the uploaded snapshot's id."""

    properties: dict[str, Any]
    environment: dict[str, Any]
    _code: str


class ProcessPart(TypedDict, total=False):
    """The processes of a local run; of a remote one what the service said last."""

    start_time_utc: str
    end_time_utc: str
    seconds: float
    status: str
    studio_url: str
    named_outputs: dict[str, str]
    _supervisor: ProcessMark
    _script: ProcessMark
    _shared: bool
    _tracking: str
    _log_complete: bool


class CancelPart(TypedDict, total=False):
    """That the run was asked to end."""

    cancel: CancelMark


class ExitPart(TypedDict, total=False):
    """How the run ended."""

    exit_code: int
    end_time_utc: str
    seconds: float
    error: ErrorPart
    metrics: dict[str, float]
    properties: dict[str, Any]


class TagsPart(TypedDict, total=False):
    """Tags that were added after the submit."""

    tags: dict[str, str]


class PendingPart(TypedDict, total=False):
    """That a process is submitting the run to a service, or watching it there."""

    fingerprint: str
    at: float
    process: ProcessMark


class BatchPart(TypedDict, total=False):
    """Where the rows of a batch that a workspace scores lie."""

    rows: str


class RunRecord(SubmitPart, total=False):
    """run.json: all parts in one, as v1's tools read them, with the state of now."""

    status: str
    environment: dict[str, Any]
    start_time_utc: str
    end_time_utc: str
    seconds: float
    studio_url: str
    named_outputs: dict[str, str]
    cancel: CancelMark
    exit_code: int
    error: ErrorPart
    metrics: dict[str, float]
    waiting: str
    outputs: list[str]
