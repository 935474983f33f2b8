"""The parameters of the SDK's classes and functions, in their order (documented: learn.microsoft.com/python/api)."""

from __future__ import annotations

from typing import Any

from amlrun.migrate.drivers.values import NOTHING, SdkObject

# What the default datastore of a workspace is called unless somebody chose another.
DEFAULT_DATASTORE = "workspaceblobstore"
_ESTIMATOR = (
    "source_directory compute_target vm_size vm_priority entry_script script_params node_count process_count_per_node "
    "distributed_backend distributed_training use_gpu use_docker custom_docker_base_image custom_docker_image "
    "image_registry_details user_managed conda_packages pip_packages conda_dependencies_file_path "
    "pip_requirements_file_path conda_dependencies_file pip_requirements_file environment_variables "
    "environment_definition inputs source_directory_data_store shm_size resume_from max_run_duration_seconds"
)
_SIGNATURES = {
    "ScriptRunConfig": "source_directory script arguments run_config _telemetry compute_target environment "
    "distributed_job_config resume_from max_run_duration_seconds command docker_runtime_config",
    "Estimator": _ESTIMATOR,
    "SKLearn": _ESTIMATOR,
    "PyTorch": _ESTIMATOR,
    "TensorFlow": _ESTIMATOR,
    "Chainer": _ESTIMATOR,
    "RunConfiguration": "script arguments framework communicator conda_dependencies",
    "RunConfiguration.load": "path name",
    "Environment": "name",
    "Environment.get": "workspace name version label",
    "Environment.from_conda_specification": "name file_path",
    "Environment.from_pip_requirements": "name file_path pip_version",
    "Environment.from_docker_image": "name image container_registry conda_specification pip_requirements",
    "Environment.from_dockerfile": "name dockerfile conda_specification pip_requirements",
    "Environment.from_docker_build_context": "name docker_build_context",
    "Environment.from_existing_conda_environment": "name conda_environment_name",
    "Environment.load_from_directory": "path",
    "ParallelRunConfig.load_yaml": "workspace path",
    "DataPathComputeBinding": "mode path_on_compute overwrite",
    ".clone": "name",
    "CondaDependencies": "conda_dependencies_file_path",
    "CondaDependencies.create": "pip_indexurl pip_packages conda_packages python_version pin_sdk_version",
    "HyperDriveConfig": "hyperparameter_sampling primary_metric_name primary_metric_goal max_total_runs "
    "max_concurrent_runs max_duration_minutes policy estimator run_config resume_from resume_child_runs pipeline",
    "HyperDriveRunConfig": "estimator hyperparameter_sampling primary_metric_name primary_metric_goal max_total_runs "
    "max_concurrent_runs max_duration_minutes policy",
    "AutoMLConfig": "task path iterations primary_metric positive_label compute_target spark_context X y",
    "FeaturizationConfig": "blocked_transformers column_purposes transformer_params drop_columns dataset_language",
    "RandomParameterSampling": "parameter_space properties",
    "GridParameterSampling": "parameter_space",
    "BayesianParameterSampling": "parameter_space",
    "BanditPolicy": "evaluation_interval slack_factor slack_amount delay_evaluation",
    "MedianStoppingPolicy": "evaluation_interval delay_evaluation",
    "TruncationSelectionPolicy": "truncation_percentage evaluation_interval delay_evaluation",
    "PythonScriptStep": "script_name name arguments compute_target runconfig runconfig_pipeline_params inputs outputs "
    "params source_directory allow_reuse version hash_paths",
    "CommandStep": "command name compute_target runconfig runconfig_pipeline_params inputs outputs params "
    "source_directory allow_reuse version",
    "EstimatorStep": "name estimator estimator_entry_script_arguments runconfig_pipeline_params inputs outputs "
    "compute_target allow_reuse version",
    "HyperDriveStep": "name hyperdrive_config estimator_entry_script_arguments inputs outputs metrics_output "
    "allow_reuse version",
    "ParallelRunStep": "name parallel_run_config inputs output side_inputs arguments allow_reuse",
    "Pipeline": "workspace steps description default_datastore default_source_directory",
    "StepSequence": "steps",
    "PipelineData": "name datastore output_name output_mode output_path_on_compute output_overwrite data_type",
    "PipelineParameter": "name default_value",
    "TrainingOutput": "type iteration metric model_file",
    "ParallelRunConfig": "environment entry_script error_threshold output_action compute_target node_count "
    "process_count_per_node mini_batch_size source_directory description logging_level run_invocation_timeout "
    "run_max_try append_row_file_name allowed_failed_count allowed_failed_percent partition_keys environment_variables",
    "InferenceConfig": "entry_script runtime conda_file extra_docker_file_steps source_directory enable_gpu "
    "description base_image base_image_registry cuda_version environment",
    "AciWebservice.deploy_configuration": "cpu_cores memory_gb tags properties description location auth_enabled "
    "ssl_enabled enable_app_insights ssl_cert_pem_file ssl_key_pem_file ssl_cname dns_name_label primary_key "
    "secondary_key collect_model_data",
    "AksWebservice.deploy_configuration": "autoscale_enabled autoscale_min_replicas autoscale_max_replicas "
    "autoscale_refresh_seconds autoscale_target_utilization collect_model_data auth_enabled cpu_cores memory_gb "
    "enable_app_insights scoring_timeout_ms replica_max_concurrent_requests max_request_wait_time num_replicas "
    "primary_key secondary_key tags properties description gpu_cores period_seconds initial_delay_seconds "
    "timeout_seconds success_threshold failure_threshold namespace token_auth_enabled compute_target_name "
    "cpu_cores_limit memory_gb_limit",
    "LocalWebservice.deploy_configuration": "port",
    "AmlCompute.provisioning_configuration": "vm_size vm_priority min_nodes max_nodes idle_seconds_before_scaledown",
    "ComputeInstance.provisioning_configuration": "vm_size",
    "ComputeTarget": "workspace name",
    "AmlCompute": "workspace name",
    "ComputeInstance": "workspace name",
    "ComputeTarget.create": "workspace name provisioning_configuration",
    "AmlCompute.create": "workspace name provisioning_configuration",
    "ComputeInstance.create": "workspace name provisioning_configuration",
    "ComputeTarget.attach": "workspace name attach_configuration",
    "RemoteCompute.attach_configuration": "username address resource_id ssh_port password private_key_file "
    "private_key_passphrase",
    "HDInsightCompute.attach_configuration": "username address resource_id ssh_port password private_key_file "
    "private_key_passphrase",
    "Model": "workspace name id tags properties version run_id model_framework",
    "Model.register": "workspace model_path model_name tags properties description datasets model_framework "
    "model_framework_version",
    ".register_model": "model_name model_path tags properties model_framework model_framework_version description",
    "Model.deploy": "workspace name models inference_config deployment_config deployment_target overwrite show_output",
    "Experiment": "workspace name",
    ".submit": "config tags",
    "Dataset.get_by_name": "workspace name version",
    "Dataset.get_by_id": "workspace id",
    "Dataset.File.from_files": "path",
    "Dataset.Tabular.from_delimited_files": "path",
    "Dataset.Tabular.from_parquet_files": "path",
    "Dataset.Tabular.from_json_lines_files": "path",
    ".as_named_input": "name",
    ".as_mount": "path_on_compute",
    ".as_download": "path_on_compute",
    ".as_input": "name",
    ".path": "path",
    "DatasetConsumptionConfig": "name dataset mode path_on_compute",
    "OutputFileDatasetConfig": "name destination source partition_format",
    "HDFSOutputDatasetConfig": "name destination source",
    ".register_on_complete": "name",
    "DataReference": "datastore data_reference_name path_on_datastore mode path_on_compute overwrite",
    "DataPath": "datastore path_on_datastore",
    "Datastore": "workspace name",
    "Datastore.get": "workspace datastore_name",
    "MpiConfiguration": "process_count_per_node node_count",
    "Mpi": "process_count_per_node",
    "PyTorchConfiguration": "communication_backend process_count node_count",
    "TensorflowConfiguration": "worker_count parameter_server_count",
    "ParameterServer": "worker_count parameter_server_count",
    "DockerConfiguration": "use_docker shared_volumes arguments shm_size",
}
_WORDS = {name: tuple(words.split()) for name, words in _SIGNATURES.items()}
# Names that `from azureml… import *` may bind, beside those above.
_MORE = (
    "choice randint uniform quniform loguniform qloguniform normal qnormal lognormal qlognormal PrimaryMetricGoal "
    "NoTerminationPolicy Dataset AciWebservice AksWebservice LocalWebservice Webservice Run Nccl Gloo"
)
SDK_NAMES = {name.split(".")[0] for name in _WORDS if name[0] != "."} | set(_MORE.split())
# Old names and places of the same class.
_SAME = {
    "HyperDriveRunConfig": "HyperDriveRunConfig",
    "BatchAiCompute": "AmlCompute",
    "TensorFlowConfiguration": "TensorflowConfiguration",
    "TabularDatasetFactory.from_delimited_files": "Dataset.Tabular.from_delimited_files",
    "FileDatasetFactory.from_files": "Dataset.File.from_files",
}


def name_of(made: SdkObject) -> str:
    """The construction's name as the tables here know it: the last part of a method's."""
    name = _SAME.get(made.name, made.name)
    if name in _WORDS or not name.startswith("."):
        return name
    return f".{name.rpartition('.')[2]}"


def bound(made: SdkObject) -> dict[str, Any]:
    """The arguments of a construction by name; positional ones beyond the signature are left out."""
    words = _WORDS.get(name_of(made), ())
    return {**dict(zip(words, made.args)), **made.kwargs}


def configured(made: SdkObject) -> dict[str, Any]:
    """The arguments of a construction by name, with what was set on it later."""
    return {**bound(made), **{path: setting.value for path, setting in made.settings.items()}}


def argument(made: SdkObject, name: str) -> Any:
    """One argument by name, NOTHING when it is not given."""
    return bound(made).get(name, NOTHING)


def argument_of(made: SdkObject, attribute: str) -> Any:
    """What reading an attribute of a construction gives, when it is one of its arguments."""
    if attribute == "name" and made.name.endswith("get_default_datastore"):
        return DEFAULT_DATASTORE
    if attribute == "name":
        given = bound(made)
        return next((given[key] for key in ("name", "model_name", "datastore_name") if key in given), NOTHING)
    return argument(made, attribute) if made.name in _WORDS and not made.name.startswith(".") else NOTHING
