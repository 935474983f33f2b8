"""SDK v1's run outside a run (in a scoring script, or a script started by hand): it prints what it is given.

Written from documentation; not Microsoft's code.
"""

from __future__ import annotations

from typing import Any

from azureml.core.run import Run


class _OfflineRun(Run):
    """A run that keeps nothing."""

    def _print(self, name: str, value: Any) -> None:
        print(f"run.log outside a run, kept nowhere: {name}: {value}")

    def _tracked(self) -> Any:
        return _Nowhere()

    def log(self, name: str, value: Any, description: str = "", step: int | None = None) -> None:
        self._print(name, value)

    def log_list(self, name: str, value: Any, description: str = "") -> None:
        self._print(name, value)

    def log_row(self, name: str, description: str | None = None, **kwargs: Any) -> None:
        self._print(name, kwargs)

    def log_table(self, name: str, value: dict[str, Any], description: str = "") -> None:
        self._print(name, value)

    def log_image(self, name: str, path: str | None = None, plot: Any = None, description: str = "") -> None:
        self._print(name, path or plot)

    def _chart(self, call: str, name: str, value: Any) -> None:
        self._print(name, value)

    def get_tags(self) -> dict[str, str]:
        return {}

    def get_metrics(self, name: str | None = None, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {}

    def upload_file(self, name: str, path_or_stream: Any, datastore_name: str | None = None) -> None:
        self._print("a file", name)

    def upload_files(self, names: list[str], paths: list[str], *args: Any, **kwargs: Any) -> None:
        self._print("files", names)

    def upload_folder(self, name: str, path: str, datastore_name: str | None = None) -> None:
        self._print("a folder", name)

    def child_run(self, name: str | None = None, run_id: str | None = None, outputs: Any = None) -> Run:
        return _OfflineRun()


class _Nowhere:
    """Takes what would go to MLflow."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None
