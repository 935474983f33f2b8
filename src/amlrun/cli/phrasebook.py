"""Every command of `az ml` v1 beside the v2 command that does it: the answer for those that `aml` does not have.

The list is that of the reference of azure-cli-ml 1.41.0, its last version, with a few older words. The documents'
phrase book is made from this table.
"""

from __future__ import annotations

from dataclasses import dataclass

import click


@dataclass(frozen=True)
class Phrase:
    """`v2` is the command to type with the Azure CLI's `ml` extension, empty when there is none; `note` explains."""

    v2: str
    note: str = ""


_DATASTORE = "az ml datastore create --file datastore.yml"
_ENDPOINT = "az ml online-endpoint"
_DEPLOYMENT = "az ml online-deployment"
_NO_SQL = "Export the tables to files, or import them on a schedule with `az ml data import`."
_DRAFTS = "Drafts live in the studio's designer only."
_BATCH = "A published pipeline is a batch endpoint with a pipeline component now."

PHRASES: dict[str, Phrase] = {
    "folder attach": Phrase("az configure --defaults group=GROUP workspace=WORKSPACE"),
    "experiment list": Phrase('az ml job list --query "[].experiment_name"', "v2 lists jobs only."),
    "run submit-script": Phrase("az ml job create --file job.yml", "`aml export` writes job.yml."),
    "run submit-hyperdrive": Phrase("az ml job create --file sweep.yml", "A sweep is a job of type sweep."),
    "run submit-pipeline": Phrase("az ml job create --file pipeline.yml", "A pipeline is a job of type pipeline."),
    "run list": Phrase("az ml job list"),
    "run show": Phrase("az ml job show --name RUN"),
    "run update": Phrase("az ml job update --name RUN --set tags.KEY=VALUE"),
    "run cancel": Phrase("az ml job cancel --name RUN"),
    "run download-logs": Phrase("az ml job download --name RUN --all --download-path FOLDER"),
    "run monitor-logs": Phrase("az ml job stream --name RUN"),
    "run monitor-tensorboard": Phrase(
        "az ml job show-services --name RUN",
        "The job needs a tensor_board service; for a local run: tensorboard --logdir runs/latest/logs",
    ),
    "computetarget create amlcompute": Phrase(
        "az ml compute create --type AmlCompute --name NAME --size SIZE --min-instances 0 --max-instances 4"
    ),
    "computetarget create computeinstance": Phrase(
        "az ml compute create --type ComputeInstance --name NAME --size SIZE"
    ),
    "computetarget create aks": Phrase(
        "az ml compute attach --type Kubernetes --name NAME --resource-id ID",
        "Make the cluster with `az aks create`, add the ml extension to it, then attach it.",
    ),
    "computetarget create datafactory": Phrase("", "A data factory calls Azure ML now, not the other way round."),
    "computetarget attach aks": Phrase("az ml compute attach --type Kubernetes --name NAME --resource-id ID"),
    "computetarget attach kubernetes": Phrase(
        "az ml compute attach --type Kubernetes --name NAME --resource-id ID --namespace NAMESPACE"
    ),
    "computetarget attach remote": Phrase("az ml compute attach --type virtualmachine --name NAME --resource-id ID"),
    "computetarget update aks": Phrase("az aks update --name NAME --resource-group GROUP"),
    "computetarget update amlcompute": Phrase("az ml compute update --name NAME --min-instances 0 --max-instances 4"),
    "computetarget list": Phrase("az ml compute list"),
    "computetarget show": Phrase("az ml compute show --name NAME"),
    "computetarget delete": Phrase("az ml compute delete --name NAME"),
    "computetarget detach": Phrase("az ml compute detach --name NAME"),
    "computetarget get-credentials": Phrase("az aks get-credentials --name NAME --resource-group GROUP"),
    "computetarget computeinstance start": Phrase("az ml compute start --name NAME"),
    "computetarget computeinstance stop": Phrase("az ml compute stop --name NAME"),
    "computetarget computeinstance restart": Phrase("az ml compute restart --name NAME"),
    "computetarget amlcompute identity assign": Phrase(
        "az ml compute update --name NAME --identity-type UserAssigned --user-assigned-identities ID"
    ),
    "computetarget amlcompute identity remove": Phrase(
        "az ml compute update --name NAME --identity-type SystemAssigned"
    ),
    "computetarget amlcompute identity show": Phrase("az ml compute show --name NAME --query identity"),
    "computetarget attach adla": Phrase("", "Data Lake Analytics was retired in February 2024."),
    "computetarget attach batch": Phrase("", "Azure Batch is no compute of Azure ML any more: use a cluster."),
    "computetarget attach databricks": Phrase("", "v2 starts no Databricks jobs: call them from Databricks or ADF."),
    "computetarget attach datafactory": Phrase("", "A data factory calls Azure ML now, not the other way round."),
    "computetarget attach hdi": Phrase("", "HDInsight is no compute of Azure ML any more: use serverless Spark."),
    "dataset register": Phrase("az ml data create --name NAME --version 1 --type uri_folder --path PATH"),
    "dataset list": Phrase("az ml data list"),
    "dataset show": Phrase("az ml data show --name NAME --version 1"),
    "dataset archive": Phrase("az ml data archive --name NAME"),
    "dataset deprecate": Phrase("az ml data archive --name NAME", "v2 has no word for deprecation."),
    "dataset reactivate": Phrase("az ml data restore --name NAME"),
    "dataset unregister": Phrase("az ml data archive --name NAME", "A name cannot be removed, only put away."),
    "datastore list": Phrase("az ml datastore list"),
    "datastore show": Phrase("az ml datastore show --name NAME"),
    "datastore show-default": Phrase("az ml datastore show --name workspaceblobstore"),
    "datastore set-default": Phrase("", "v2 always uses workspaceblobstore where none is named."),
    "datastore upload": Phrase(
        "az storage blob upload-batch --account-name ACCOUNT --destination CONTAINER --source FOLDER",
        "Or let `az ml data create --path FOLDER` upload it under a name.",
    ),
    "datastore download": Phrase(
        "az storage blob download-batch --account-name ACCOUNT --source CONTAINER --destination FOLDER"
    ),
    "datastore attach-blob": Phrase(_DATASTORE, "`type: azure_blob`"),
    "datastore attach-file": Phrase(_DATASTORE, "`type: azure_file`"),
    "datastore attach-adls-gen2": Phrase(_DATASTORE, "`type: azure_data_lake_gen2`"),
    "datastore attach-adls": Phrase("", "Data Lake Storage Gen1 was retired in February 2024: move to Gen2."),
    "datastore attach-dbfs": Phrase("", "v2 has no DBFS datastore: mount its storage account as a blob datastore."),
    "datastore attach-mysqldb": Phrase("", _NO_SQL),
    "datastore attach-psqldb": Phrase("", _NO_SQL),
    "datastore attach-sqldb": Phrase("", _NO_SQL),
    "datastore detach": Phrase("az ml datastore delete --name NAME"),
    "environment scaffold": Phrase("", "Write environment.yml by hand: name, image, conda_file."),
    "environment register": Phrase("az ml environment create --file environment.yml"),
    "environment list": Phrase("az ml environment list"),
    "environment show": Phrase("az ml environment show --name NAME --version 1"),
    "environment download": Phrase("az ml environment show --name NAME --version 1"),
    "model register": Phrase(
        "az ml model create --name NAME --path azureml://jobs/RUN/outputs/artifacts/paths/outputs/model.pkl"
    ),
    "model list": Phrase("az ml model list"),
    "model show": Phrase("az ml model show --name NAME --version 1"),
    "model download": Phrase("az ml model download --name NAME --version 1 --download-path FOLDER"),
    "model update": Phrase("az ml model update --name NAME --version 1 --set tags.KEY=VALUE"),
    "model delete": Phrase("az ml model archive --name NAME --version 1", "v2's CLI archives and does not delete."),
    "model deploy": Phrase(f"{_DEPLOYMENT} create --file deployment.yml", f"First `{_ENDPOINT} create`."),
    "model package": Phrase("az ml model package --name NAME --version 1 --file package.yml"),
    "model profile": Phrase("", "v2 has no profiler: put load on a deployment and read its metrics."),
    "service list": Phrase(f"{_ENDPOINT} list"),
    "service show": Phrase(f"{_ENDPOINT} show --name NAME"),
    "service run": Phrase(f"{_ENDPOINT} invoke --name NAME --request-file request.json"),
    "service update": Phrase(f"{_DEPLOYMENT} update --name NAME --endpoint-name ENDPOINT --file deployment.yml"),
    "service delete": Phrase(f"{_ENDPOINT} delete --name NAME"),
    "service get-logs": Phrase(f"{_DEPLOYMENT} get-logs --name NAME --endpoint-name ENDPOINT"),
    "service get-keys": Phrase(f"{_ENDPOINT} get-credentials --name NAME"),
    "service get-access-token": Phrase(f"{_ENDPOINT} get-credentials --name NAME"),
    "service regen-key": Phrase(f"{_ENDPOINT} regenerate-keys --name NAME --key-type primary"),
    "endpoint realtime create-version": Phrase(
        f"{_DEPLOYMENT} create --file deployment.yml", "A version is a deployment of the endpoint."
    ),
    "endpoint realtime delete": Phrase(f"{_ENDPOINT} delete --name NAME"),
    "endpoint realtime delete-version": Phrase(f"{_DEPLOYMENT} delete --name NAME --endpoint-name ENDPOINT"),
    "endpoint realtime get-access-token": Phrase(f"{_ENDPOINT} get-credentials --name NAME"),
    "endpoint realtime get-keys": Phrase(f"{_ENDPOINT} get-credentials --name NAME"),
    "endpoint realtime get-logs": Phrase(f"{_DEPLOYMENT} get-logs --name NAME --endpoint-name ENDPOINT"),
    "endpoint realtime list": Phrase(f"{_ENDPOINT} list"),
    "endpoint realtime regen-key": Phrase(f"{_ENDPOINT} regenerate-keys --name NAME --key-type primary"),
    "endpoint realtime run": Phrase(f"{_ENDPOINT} invoke --name NAME --request-file request.json"),
    "endpoint realtime show": Phrase(f"{_ENDPOINT} show --name NAME"),
    "endpoint realtime update": Phrase(f"{_ENDPOINT} update --name NAME --traffic blue=100"),
    "endpoint realtime update-version": Phrase(
        f"{_DEPLOYMENT} update --name NAME --endpoint-name ENDPOINT --file deployment.yml"
    ),
    "pipeline create": Phrase("az ml batch-deployment create --file deployment.yml", _BATCH),
    "pipeline list": Phrase("az ml batch-endpoint list", _BATCH),
    "pipeline show": Phrase("az ml batch-endpoint show --name NAME", _BATCH),
    "pipeline enable": Phrase("az ml batch-endpoint update --name NAME --defaults deployment_name=NAME", _BATCH),
    "pipeline disable": Phrase("az ml batch-endpoint delete --name NAME", _BATCH),
    "pipeline get": Phrase("az ml job show --name RUN"),
    "pipeline clone": Phrase("az ml job create --file pipeline.yml", "Change the YAML and submit it again."),
    "pipeline list-steps": Phrase("az ml job list --parent-job-name RUN"),
    "pipeline create-draft": Phrase("", _DRAFTS),
    "pipeline clone-draft": Phrase("", _DRAFTS),
    "pipeline delete-draft": Phrase("", _DRAFTS),
    "pipeline list-drafts": Phrase("", _DRAFTS),
    "pipeline publish-draft": Phrase("", _DRAFTS),
    "pipeline show-draft": Phrase("", _DRAFTS),
    "pipeline submit-draft": Phrase("", _DRAFTS),
    "pipeline update-draft": Phrase("", _DRAFTS),
    "pipeline create-schedule": Phrase("az ml schedule create --file schedule.yml"),
    "pipeline show-schedule": Phrase("az ml schedule show --name NAME"),
    "pipeline update-schedule": Phrase("az ml schedule update --name NAME --file schedule.yml"),
    "pipeline enable-schedule": Phrase("az ml schedule enable --name NAME"),
    "pipeline disable-schedule": Phrase("az ml schedule disable --name NAME"),
    "pipeline last-pipeline-run": Phrase("az ml job list --max-results 1", "Newest first."),
    "pipeline pipeline-runs-list": Phrase("az ml job list"),
    "workspace create": Phrase("az ml workspace create --name WORKSPACE --resource-group GROUP"),
    "workspace show": Phrase("az ml workspace show --name WORKSPACE --resource-group GROUP"),
    "workspace list": Phrase("az ml workspace list --resource-group GROUP"),
    "workspace update": Phrase("az ml workspace update --name WORKSPACE --resource-group GROUP"),
    "workspace delete": Phrase("az ml workspace delete --name WORKSPACE --resource-group GROUP"),
    "workspace diagnose": Phrase("az ml workspace diagnose --name WORKSPACE --resource-group GROUP"),
    "workspace list-keys": Phrase("az ml workspace list-keys --name WORKSPACE --resource-group GROUP"),
    "workspace sync-keys": Phrase("az ml workspace sync-keys --name WORKSPACE --resource-group GROUP"),
    "workspace share": Phrase("az role assignment create --assignee USER --role ROLE --scope WORKSPACE_ID"),
    "workspace update-dependencies": Phrase(
        "az ml workspace update --name WORKSPACE --container-registry ID --update-dependent-resources"
    ),
    "workspace private-endpoint add": Phrase(
        "az network private-endpoint create --private-connection-resource-id WORKSPACE_ID --group-id amlworkspace"
    ),
    "workspace private-endpoint delete": Phrase("az network private-endpoint delete --name NAME"),
    "workspace private-endpoint list": Phrase("az network private-endpoint list --resource-group GROUP"),
    # Older than the last reference; preview-time scripts still say them.
    "run register-model": Phrase("az ml model create --name NAME --path PATH", "In aml it is `aml model register`."),
    "image create container": Phrase("az ml model package --name NAME --version 1 --file package.yml"),
    "folder detach": Phrase("az configure --defaults group= workspace=", "In aml: remove .azureml/config.json."),
    "experiment submit": Phrase("az ml job create --file job.yml", "In aml it is `aml run submit-script`."),
}


def find(words: list[str]) -> str | None:
    """The v1 command that `words`, a command line without `aml`, begins with."""
    plain: list[str] = []
    for word in words:
        if word.startswith("-"):
            break
        plain.append(word)
    for length in range(len(plain), 0, -1):
        name = " ".join(plain[:length])
        if name in PHRASES:
            return name
    return None


def advice(words: list[str], *, whole: bool = True) -> str | None:
    """What to say to `words` that `aml` does not have but `az ml` v1 had; None when v1 had no such command either.

    A group that `aml` has none of (`whole`) gets the list of its commands.
    """
    name = find(words)
    if name is not None:
        return f"aml has no `{name}`.\n{answer(PHRASES[name])}"
    for length in range(len(words) if whole else 0, 0, -1):
        prefix = " ".join(words[:length]) + " "
        inside = [phrase for phrase in PHRASES if phrase.startswith(prefix)]
        if inside:
            lines = [f"  {phrase:<34} {PHRASES[phrase].v2 or PHRASES[phrase].note}" for phrase in inside]
            said = " ".join(words[: length + 1])
            return "\n".join([f"aml has no `{said}`. v1's `{prefix.strip()}` commands, and v2's for them:", *lines])
    return None


def answer(phrase: Phrase) -> str:
    """One phrase as text: v2's command, the note, or both."""
    lines = [f"With the Azure CLI's ml extension (v2): {phrase.v2}"] if phrase.v2 else ["v2 has no command for it."]
    return "\n".join([*lines, phrase.note] if phrase.note else lines)


def ours(name: str, root: click.Group) -> bool:
    """Whether `aml` has the v1 command `name` itself."""
    command: click.Command | None = root
    context = click.Context(root)
    for word in name.split():
        if not isinstance(command, click.Group):
            return False
        command = command.get_command(context, word)
    return command is not None and not isinstance(command, click.Group)
