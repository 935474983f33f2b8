"""The kinds of steps of a v1 pipeline, in the newer and the older nested spelling, with their keys."""

from __future__ import annotations

from amlrun.errors import did_you_mean
from amlrun.spec.node import Node
from amlrun.v1.pipeline.file import PipelineFile

_COMMON = ("type", "name", "compute", "runconfig", "parameters", "runconfig_parameters", "inputs", "outputs",
           "arguments", "allow_reuse", "version", "hash_paths", "source_directory", "script_name")  # fmt: skip
_PARALLEL = ("parallel_run_config", "side_inputs", "models_id")
_NESTED = {
    "python_script_step": "PythonScriptStep",
    "parallel_run_step": "ParallelRunStep",
    "adla_step": "AdlaStep",
    "azurebatch_step": "AzureBatchStep",
    "databricks_step": "DatabricksStep",
    "data_transfer_step": "DataTransferStep",
    "module": "ModuleStep",
    "module_step": "ModuleStep",
}
_RUNS = ("PythonScriptStep", "ParallelRunStep")
RETIRED = {
    "AdlaStep": "Azure Data Lake Analytics was retired in February 2024: rewrite the script for Spark",
    "AzureBatchStep": "Azure ML v2 has no Azure Batch step: run the program as a command step on a cluster",
    "DatabricksStep": "Azure ML v2 has no Databricks step: start the job from Databricks, or use a Spark step",
    "DataTransferStep": "v1's data transfer step has no counterpart: copy the data with azcopy before the pipeline",
    "ModuleStep": "v1's modules have no counterpart: write the module's script as a command step",
}
OWN: dict[str, tuple[str, ...]] = {
    "AdlaStep": ("degree_of_parallelism", "priority", "runtime_version"),
    "AzureBatchStep": ("pool_id", "create_pool", "executable", "delete_batch_job_after_finish", "vm_size",
                       "delete_batch_pool_after_finish", "is_positive_exit_code_failure", "run_task_as_admin",
                       "target_compute_nodes", "vm_image_urn"),
    "DatabricksStep": ("run_name", "spark_version", "node_type", "num_workers", "notebook_path", "notebook_params",
                       "python_script_path", "python_script_params", "existing_cluster_id", "instance_pool_id",
                       "timeout_seconds", "permit_cluster_restart", "main_class_name", "jar_params",
                       "python_script_name", "instance_pool", "jar_libraries", "egg_libraries", "maven_libraries",
                       "pypi_libraries"),
    "DataTransferStep": ("adla_compute_name", "source_data_reference", "destination_data_reference"),
    "ModuleStep": ("module_id", "module_name", "module_version"),
    "ParallelRunStep": _PARALLEL,
}  # fmt: skip
# Steps whose nested spelling v1's reader could not take: it did not look for their own keys there.
_NEVER_NESTED = ("AzureBatchStep", "DatabricksStep")


def kind_of(reader: PipelineFile, place: str, node: Node) -> tuple[str, dict[str, Node]]:
    """The kind of a step and its keys, those of the old nested spelling among them."""
    pairs = reader.named(place, node)
    nested = next((name for name in pairs if name in _NESTED), None)
    kind = _NESTED[nested] if nested else reader.word(f"{place}.type", pairs.get("type"))
    if nested and kind in _NEVER_NESTED:
        hint = "Write type: and the step's keys beside it. " + RETIRED[kind] + "."
        raise reader.error(f"{place}.{nested}", "v1 could not read this step in its nested spelling", hint)
    known = (*_RUNS, *RETIRED)
    if kind not in known:
        meant = did_you_mean(kind or "", known)
        message = f"expected one of {', '.join(known)}, got {kind!r}{meant}" if kind else "is missing"
        raise reader.error(f"{place}.type", message, "" if kind else f"Write type: {known[0]}")
    reader.say(f"{place}.type", "type")
    keys = (*_COMMON, *OWN.get(kind, ()))
    found: dict[str, Node] = {}
    if nested:
        reader.note(f"{place}.{nested}", f"v1's older spelling of type: {kind}")
        found |= reader.section(f"{place}.{nested}", pairs[nested], keys)
        for name in found:
            reader.say(f"{place}.{nested}.{name}", name)
            reader.source.lines.setdefault(f"{place}.{name}", reader.source.lines[f"{place}.{nested}.{name}"])
        reader.say(f"{place}.{nested}", "type")
    outside = Node("map", node.line, pairs=[pair for pair in node.pairs if pair[0] != nested])
    return kind, {**found, **reader.section(place, outside, keys)}
