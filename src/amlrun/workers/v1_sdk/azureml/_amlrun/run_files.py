"""The calls of SDK v1's run that keep, fetch and register files. Written from documentation; not Microsoft's code."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

from azureml._amlrun import context
from azureml._amlrun.logging_calls import LoggingCalls
from azureml._amlrun.values import file_for
from azureml.exceptions import AzureMLException, UserErrorException

# v1 shows what a script writes below these as the run's files.
_KEPT = ("outputs/", "logs/")


class RunFiles(LoggingCalls):
    """Files below outputs/ and logs/ lie in the run's folder; others go to MLflow's artifacts."""

    def _uploaded(self) -> list[str]:
        names: list[str] = self.__dict__.setdefault("_names", _uploads)
        return names

    def upload_file(self, name: str, path_or_stream: Any, datastore_name: str | None = None) -> None:
        """Keep a file (a path or an open stream) with the run as `name`.

        Raises AzureMLException for a name that was uploaded before, as v1 does, UserErrorException without a file.
        """
        kept = file_for(name)
        if kept in self._uploaded():
            raise AzureMLException(f"Resource Conflict: the run has a file {kept!r} already.")
        if hasattr(path_or_stream, "read"):
            with tempfile.TemporaryDirectory() as place:
                copy = os.path.join(place, os.path.basename(kept))
                content = path_or_stream.read()
                with open(copy, "wb") as stream:
                    stream.write(content.encode("utf-8") if isinstance(content, str) else content)
                self._keep(copy, kept)
        else:
            path = os.fspath(path_or_stream)
            if not os.path.isfile(path):
                raise UserErrorException(f"run.upload_file({name!r}): there is no file {path}")
            self._keep(path, kept)
        self._uploaded().append(kept)

    def _keep(self, path: str, name: str) -> None:
        if not name.startswith(_KEPT):
            self._tracked().file(path, name)
            return
        target = os.path.join(context.folder(), *name.split("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not (os.path.exists(target) and os.path.samefile(path, target)):
            shutil.copyfile(path, target)

    def upload_files(self, names: list[str], paths: list[str], *args: Any, **kwargs: Any) -> None:
        for name, path in zip(names, paths):
            self.upload_file(name, path)

    def upload_folder(self, name: str, path: str, datastore_name: str | None = None) -> None:
        """Keep every file of a folder with the run, below `name`."""
        if not os.path.isdir(path):
            raise UserErrorException(f"run.upload_folder({name!r}): there is no folder {path}")
        for here, _, files in os.walk(path):
            for file in sorted(files):
                inside = os.path.relpath(os.path.join(here, file), path).replace(os.sep, "/")
                kept = file_for(f"{name}/{inside}")
                self._keep(os.path.join(here, file), kept)
                self._uploaded().append(kept)

    def get_file_names(self) -> list[str]:
        """The files below outputs/ and logs/, and those that were uploaded elsewhere."""
        found = set(self._uploaded())
        for kept in _KEPT:
            for here, _, files in os.walk(os.path.join(context.folder(), kept)):
                found.update(os.path.relpath(os.path.join(here, one), context.folder()) for one in files)
        return sorted(name.replace(os.sep, "/") for name in found)

    def download_file(self, name: str, output_file_path: str | None = None, *args: Any, **kwargs: Any) -> None:
        """Copy one of the run's files. Raises UserErrorException when the run has none of that name."""
        source = self._find(name)
        target = output_file_path or os.path.basename(name)
        if os.path.isdir(target) or target.endswith(("/", os.sep)):
            target = os.path.join(target, os.path.basename(name))
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        if not (os.path.exists(target) and os.path.samefile(source, target)):
            shutil.copyfile(source, target)

    def download_files(
        self, prefix: str | None = None, output_directory: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        for name in self.get_file_names():
            if prefix is None or name.startswith(prefix):
                self.download_file(name, os.path.join(output_directory or ".", *name.split("/")))

    def _find(self, name: str) -> str:
        """The path of one of the run's files or folders."""
        place = os.path.join(context.folder(), *file_for(name).split("/"))
        if os.path.exists(place):
            return place
        if any(one == file_for(name) or one.startswith(file_for(name) + "/") for one in self._uploaded()):
            tracked = self._tracked()
            return str(tracked.client.download_artifacts(tracked.run_id, file_for(name), tempfile.mkdtemp()))
        raise UserErrorException(
            "the run has no file {!r}; it has: {}".format(name, ", ".join(self.get_file_names()[:10]) or "none")
        )

    def register_model(
        self,
        model_name: str,
        model_path: str | None = None,
        tags: dict[str, str] | None = None,
        properties: dict[str, str] | None = None,
        model_framework: Any = None,
        model_framework_version: str | None = None,
        description: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Register a file or folder of the run as the next version of a model, in the project's registry."""
        from azureml.core.model import register

        source = self._find(model_path or model_name)
        return register(model_name, source, tags, properties, description, model_framework, model_framework_version)


# One run's uploads, whichever of its objects made them.
_uploads: list[str] = []
