"""A folder of files. Written from documentation; not Microsoft's code."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from typing import Any
from urllib.request import urlopen

from azureml.data.abstract_dataset import AbstractDataset, is_address


class FileDataset(AbstractDataset):
    """v1's files: they lie on this machine already, so that mounting is nothing and downloading is copying."""

    def to_path(self) -> list[str]:
        """The files' paths relative to the dataset, each with a slash before it."""
        return [self._inside(file) for file in self._files()]

    def _inside(self, file: str) -> str:
        if is_address(file):
            return "/" + file.split("?")[0].rsplit("/", 1)[-1]
        return "/" + os.path.relpath(file, self._folder).replace(os.sep, "/")

    def download(
        self, target_path: str | None = None, overwrite: bool = False, ignore_not_found: bool = False, **kwargs: Any
    ) -> list[str]:
        """Copy the files below a folder (a new temporary one unless named). Returns their paths."""
        folder = target_path or tempfile.mkdtemp()
        copied = []
        for file in self._files():
            target = os.path.join(folder, *self._inside(file).strip("/").split("/"))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if os.path.exists(target) and not overwrite and not os.path.samefile(folder, self._folder):
                raise FileExistsError(f"{target} already exists: give overwrite=True")
            if is_address(file):
                with urlopen(file) as answer, open(target, "wb") as stream:  # noqa: S310 - http(s) by is_address
                    shutil.copyfileobj(answer, stream)
            elif not (os.path.exists(target) and os.path.samefile(file, target)):
                shutil.copyfile(file, target)
            copied.append(target)
        return copied

    def mount(self, mount_point: str | None = None, **kwargs: Any) -> Mount:
        """Where the files are. A mount point that is named gets copies of them."""
        if mount_point or any(is_address(path) for path in self._paths):
            folder = mount_point or tempfile.mkdtemp()
            self.download(folder, overwrite=True)
            return Mount(folder)
        first = self._paths[0]
        return Mount(first if os.path.isfile(first) else self._folder)

    def take(self, count: int) -> FileDataset:
        return FileDataset(self._files()[:count], self.name)

    def skip(self, count: int) -> FileDataset:
        return FileDataset(self._files()[count:], self.name)

    def random_split(self, percentage: float, seed: int | None = None) -> Any:
        files = self._files()
        order = list(range(len(files)))
        random.Random(seed).shuffle(order)  # noqa: S311 - a sample, no secret
        first = set(order[: round(len(files) * percentage)])
        parts = [[file for at, file in enumerate(files) if (at in first) == chosen] for chosen in (True, False)]
        return FileDataset(parts[0], self.name), FileDataset(parts[1], self.name)


class Mount:
    """An existing mount."""

    def __init__(self, place: str) -> None:
        self.mount_point = place

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to stop."""

    def __enter__(self) -> str:
        return self.mount_point

    def __exit__(self, *error: Any) -> None:
        self.stop()
