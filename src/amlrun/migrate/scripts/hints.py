"""What to do about the parts of SDK v1 that have no counterpart in a script."""

from __future__ import annotations

from amlrun.migrate.scripts import kinds as k

_BY_KIND = {
    k.WORKSPACE: "A script gets what it needs through arguments and inputs; the rest is done with aml, outside.",
    k.EXPERIMENT: "Other runs are found with mlflow.search_runs().",
    k.DATASTORE: "Read through an input of the run, and write to outputs/ or to an output of the job.",
    k.DATASET: "Read the input's files with pandas and do this on the table.",
    k.MOUNT: "Use the input's path; the run mounts it.",
    k.MODEL: "Compare models outside the script: aml model list -o json, or MLflow's registry.",
    k.REGISTERED: "A model is registered after the run: aml model register -f run.json; its version is known then.",
    k.OTHER_RUN: "Read other runs with mlflow.search_runs() or mlflow.get_run().",
    k.CHILD: "Use with mlflow.start_run(nested=True): for each child run.",
    k.PARENT: "Only metrics, tags, ID and stopping of the pipeline's run have a counterpart.",
    k.RUN: "MLflow's run has no counterpart of this; see the MLflow documentation of mlflow.get_run().",
    k.VAULT: "Set secrets with the Azure CLI; read them from environment variables.",
    k.MIXED: "Give the run and other things variables of their own names, then migrate again.",
}
_BY_NAME = (
    ("azureml.train.automl", "AutoML runs as a v2 AutoML job; its runtime is not needed in a script."),
    ("azureml.automl", "AutoML runs as a v2 AutoML job; its runtime is not needed in a script."),
    ("azureml.interpret", "Use interpret or shap, and log the result with mlflow.log_artifact()."),
    ("azureml.contrib.interpret", "Use interpret or shap, and log the result with mlflow.log_artifact()."),
    ("azureml.explain", "Use interpret or shap, and log the result with mlflow.log_artifact()."),
    (
        "azureml.opendatasets",
        "The package azureml-opendatasets still exists; or read the public Parquet files with pandas.",
    ),
    ("azureml.monitoring", "Use the package azureml-ai-monitoring: Collector(name=...).collect(a DataFrame)."),
    ("azureml.api", "Use inference_schema's decorators, or drop the schema."),
    ("azureml.webservice_schema", "Use inference_schema's decorators, or drop the schema."),
    ("azureml.dataprep", "Read the input's files with pandas."),
    ("azureml.core.model.Model", "Compare models outside the script: aml model list -o json, or MLflow's registry."),
    ("azureml.core.Model", "Compare models outside the script: aml model list -o json, or MLflow's registry."),
    ("azureml.pipeline", "A pipeline is built and submitted outside the script: aml migrate reads its driver script."),
    ("azureml.data", "Read through an input of the run, and write to outputs/."),
    ("azureml.core.run", "Read other runs with mlflow.search_runs() or mlflow.get_run()."),
)
_GENERAL = (
    "Move this to a script outside the run, or replace it by hand; azureml-core still has to be installed for it."
)


def hint_for(kind: str, dotted: str) -> str:
    """What to do, by the kind of the object or by the full name of what is imported."""
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    return next((hint for start, hint in _BY_NAME if dotted.startswith(start)), _GENERAL)
