"""What to do instead of each part of SDK v1 that does not exist here.

Written from documentation; not Microsoft's code.
"""

from __future__ import annotations

_SUBMIT = "Write a run configuration and submit it: aml run submit-script -c NAME -e EXPERIMENT"
_DEPLOY = "Serve the model with: aml model deploy -n SERVICE -m MODEL --ic inference-config.yml"
_SWEEP = "Write a sweep and submit it: aml run submit-hyperdrive -c NAME -s sweep.yml -e EXPERIMENT"
_PIPELINE = "A script cannot build or read pipelines here; `aml migrate` turns one into a pipeline file."
_ENVIRONMENT = "Name a conda file in the run configuration (environment.python.condaDependenciesFile)."
_RUNS = "A script sees its own run only. Read others with: aml run list, aml run show --run RUN"
_DATA = "Read the files with pandas: the dataset's to_path() and download() give them."
_OUTPUT = "Write below outputs/, or name an output in the run configuration."
_MODELS = "Read the registry with: aml model list -o json"
_WORKSPACE = "A local run has no workspace. `aml migrate` shows what to write instead."
_AUTOML = "It needs Microsoft's AutoML runtime: install azureml-train-automl-runtime in the job's environment."
_INTERPRET = "Use the package shap or interpret, and keep the result with mlflow.log_artifact."
_OTHERWISE = "`aml migrate` shows what to write instead; or install azureml-core in the job's environment."

# A name, its last part (`.deploy`), or the beginning of a module's path.
_HINTS: dict[str, str] = {
    "ScriptRunConfig": _SUBMIT,
    "RunConfiguration": _SUBMIT,
    "Estimator": _SUBMIT,
    "SKLearn": _SUBMIT,
    "PyTorch": _SUBMIT,
    "TensorFlow": _SUBMIT,
    "Chainer": _SUBMIT,
    "MpiConfiguration": _SUBMIT,
    ".submit": _SUBMIT,
    ".wait_for_completion": _RUNS,
    ".get_children": _RUNS,
    ".get_runs": _RUNS,
    ".find_step_run": _RUNS,
    "PipelineRun": _RUNS,
    "StepRun": _RUNS,
    "HyperDriveRun": _RUNS,
    "Run.get": _RUNS,
    "Run.list": _RUNS,
    "get_run": _RUNS,
    "Pipeline": _PIPELINE,
    "PublishedPipeline": _PIPELINE,
    "PipelineEndpoint": _PIPELINE,
    "PythonScriptStep": _PIPELINE,
    "PipelineData": _PIPELINE,
    "PipelineParameter": _PIPELINE,
    "azureml.pipeline": _PIPELINE,
    "HyperDriveConfig": _SWEEP,
    "azureml.train.hyperdrive": _SWEEP,
    "Environment": _ENVIRONMENT,
    "CondaDependencies": _ENVIRONMENT,
    ".get_environment": _ENVIRONMENT,
    ".deploy": _DEPLOY,
    "Webservice": _DEPLOY,
    "LocalWebservice": _DEPLOY,
    "AciWebservice": _DEPLOY,
    "AksWebservice": _DEPLOY,
    "InferenceConfig": _DEPLOY,
    "Image": _DEPLOY,
    "ContainerImage": _DEPLOY,
    ".package": _DEPLOY,
    ".profile": _DEPLOY,
    ".delete": "Remove it by hand where it is kept.",
    "Model.update": _MODELS,
    "Model.add_tags": "Register a new version with the tags: aml model register -n NAME -p PATH --tag KEY=VALUE",
    "ComputeTarget": _SUBMIT,
    "AmlCompute": _SUBMIT,
    "Workspace.compute_targets": _SUBMIT,
    "Workspace.webservices": _DEPLOY,
    "Workspace.environments": _ENVIRONMENT,
    "Workspace.create": _WORKSPACE,
    "Keyvault.set_secret": "Set the secret where the job starts, as an environment variable.",
    "OutputFileDatasetConfig": _OUTPUT,
    "OutputTabularDatasetConfig": _OUTPUT,
    "Tabular.from_sql_query": "Query the database with pandas.read_sql and the database's own driver.",
    ".filter": "Take the table first: to_pandas_dataframe(), then filter with pandas.",
    ".to_spark_dataframe": _DATA,
    ".to_dask_dataframe": _DATA,
    ".to_csv_files": "Take the table with to_pandas_dataframe() and write it with to_csv().",
    ".to_parquet_files": "Take the table with to_pandas_dataframe() and write it with to_parquet().",
    "TabularDataset": _DATA,
    "FileDataset": _DATA,
    ".as_named_input": "Name the input in the run configuration (`data:`).",
    ".as_mount": "Name the input in the run configuration (`data:`).",
    ".as_download": "Name the input in the run configuration (`data:`).",
    "azureml.train.automl": _AUTOML,
    "azureml.automl": _AUTOML,
    "AutoMLConfig": _AUTOML,
    "azureml.interpret": _INTERPRET,
    "azureml.explain": _INTERPRET,
    "azureml.contrib.interpret": _INTERPRET,
    "azureml.contrib.explain": _INTERPRET,
    "azureml.contrib.fairness": "Use the package fairlearn, and keep the result with mlflow.log_artifact.",
    "azureml.responsibleai": "Use the package responsibleai, and keep the result with mlflow.log_artifact.",
    "azureml.opendatasets": "Install azureml-opendatasets in the job's environment, or download the files once.",
    "azureml.dataprep": "Read the files with pandas.",
    "azureml.train": _SUBMIT,
    "azureml.contrib.services": "Install azureml-inference-server-http in the scoring environment.",
    "azureml.core.webservice": _DEPLOY,
    "azureml.core.compute": _SUBMIT,
}


def hint(name: str) -> str:
    """The advice for an absent name: its own, its last part's, its class's, or its module's."""
    last = name.rpartition(".")
    found = _HINTS.get(name) or _HINTS.get("." + last[2]) or _HINTS.get(last[2])
    start = name
    while not found and start:
        start = start.rpartition(".")[0]
        found = _HINTS.get(start)
    return found or _OTHERWISE
