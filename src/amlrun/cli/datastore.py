"""`aml datastore`: the workspace's datastores, and files to and from them."""

from __future__ import annotations

from pathlib import Path

import click

from amlrun.cli.azure import connect, listed, name_option
from amlrun.cli.common import Context, common_options
from amlrun.cli.progress import bar
from amlrun.errors import AmlError


@click.group("datastore")
def command() -> None:
    """List a workspace's datastores; upload and download files."""


@command.command("list")
@common_options
def list_datastores(context: Context) -> None:
    """List the workspace's datastores."""
    from amlrun.azure import stores

    columns = {"Name": "name", "Type": "datastoreType", "Account": "accountName", "Container": "containerName"}
    listed(context, stores.list_datastores(connect(context)), {**columns, "Default": "isDefault"}, "No datastores.")


@command.command()
@name_option
@common_options
def show(context: Context, name: str) -> None:
    """Show one datastore, without its secrets."""
    from amlrun.azure import stores

    context.result(stores.show(connect(context), name))


@command.command()
@name_option
@click.option("-p", "--src-path", "source", required=True, metavar="PATH", type=click.Path(path_type=Path),
              help="The file or folder to upload.")  # fmt: skip
@click.option("-u", "--target-path", "target", default="", metavar="PATH", help="Target path in the datastore.")
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@click.option("--hide-progress", is_flag=True, hidden=True, expose_value=False)
@common_options
def upload(context: Context, name: str, source: Path, target: str, overwrite: bool) -> None:
    """Upload a file or a folder to a datastore."""
    from amlrun.azure import stores

    if not source.exists():
        raise AmlError(f"-p: no such file or folder: {source}")
    files = stores.local_files(source)
    with bar("Uploading", sum(file.stat().st_size for _, file in files)) as progress:
        sent = stores.upload(connect(context), name, files, target, overwrite=overwrite, progress=progress)
    place = f"azureml://datastores/{name}/paths/{target.strip('/')}"
    text = f"{len(sent)} file{'' if len(sent) == 1 else 's'} in {place}"
    context.result({"files": sent, "path": place}, text)


@command.command()
@name_option
@click.option("-d", "--target-path", "folder", required=True, metavar="FOLDER", type=click.Path(path_type=Path),
              help="Target folder on this machine.")  # fmt: skip
@click.option("-p", "--prefix", default="", metavar="PATH", help="Only files below this path.")
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@click.option("--hide-progress", is_flag=True, hidden=True, expose_value=False)
@common_options
def download(context: Context, name: str, folder: Path, prefix: str, overwrite: bool) -> None:
    """Download files from a datastore. Repeat it to resume."""
    from amlrun.azure import stores

    client = connect(context)
    with bar("Downloading") as progress:
        found = stores.download(client, name, prefix, folder, overwrite=overwrite, progress=progress)
    text = f"{len(found)} file{'' if len(found) == 1 else 's'} in {folder}"
    context.result([str(path) for path in found], text)
