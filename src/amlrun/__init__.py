"""Run Azure ML run configurations here, offline, or on Azure ML compute: the library behind `aml`.

    import amlrun

    run = amlrun.submit(amlrun.load_runconfig("train-local"), experiment="first")
    print(run.wait(), run.metrics())

The names in `__all__` are the public API; everything else may change. Each is imported when it is first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlrun.api import (
        AmlError,
        CommandJob,
        Event,
        LogOutput,
        Message,
        Outcome,
        Plan,
        Run,
        RunCreated,
        RunStatus,
        SparkJob,
        SubmitOptions,
        SweepJob,
        Transfer,
        Workspace,
        best_runs,
        dump_job,
        explain,
        get_run,
        list_runs,
        load_hyperdrive,
        load_job,
        load_runconfig,
        plan,
        resume,
        submit,
    )
    from amlrun.interactive import InteractiveRun, load_dataset, start_logging
    from amlrun.notebook.convert import Conversion, convert_notebook
    from amlrun.registry import Model, get_model, list_models, register_model
    from amlrun.serving import Service, deploy, find_service, score
    from amlrun.spec.jobs import Job
    from amlrun.spec.pipeline import PipelineJob

    __version__: str

__all__ = [
    "AmlError", "CommandJob", "Conversion", "Event", "InteractiveRun", "Job", "LogOutput", "Message", "Model",
    "Outcome", "PipelineJob", "Plan", "Run", "RunCreated", "RunStatus", "Service", "SparkJob", "SubmitOptions",
    "SweepJob", "Transfer", "Workspace", "best_runs", "convert_notebook", "deploy", "dump_job", "explain",
    "find_service", "get_model", "get_run", "list_models", "list_runs", "load_dataset", "load_hyperdrive", "load_job",
    "load_runconfig", "plan", "register_model", "resume", "score", "start_logging", "submit",
]  # fmt: skip
# Where a name is that is not in amlrun.api: a submit does not import what models and services need.
_OTHER_MODULES = {
    "Model": "registry", "get_model": "registry", "list_models": "registry", "register_model": "registry",
    "Conversion": "notebook.convert", "convert_notebook": "notebook.convert",
    "InteractiveRun": "interactive", "load_dataset": "interactive", "start_logging": "interactive",
    "Job": "spec.jobs", "PipelineJob": "spec.pipeline",
    "Service": "serving", "deploy": "serving", "find_service": "serving", "score": "serving",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """A public name, imported now; `__version__` is the installed package's own record of it."""
    import importlib

    if name in __all__:
        return getattr(importlib.import_module(f"amlrun.{_OTHER_MODULES.get(name, 'api')}"), name)
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("amlrun")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
