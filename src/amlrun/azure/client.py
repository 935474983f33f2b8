"""One signed-in connection to one workspace: azure-ai-ml's client where it serves, plain ARM calls where it does not.

azure-ai-ml costs a second or more to import (measured), so it is imported by what creates or describes things, not
by what only asks a run how it is.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from amlrun.errors import AmlError
from amlrun.events import Message, OnEvent, PackageLoaded
from amlrun.workspace import Workspace

if TYPE_CHECKING:
    from amlrun.azure.signin import Credential
    from amlrun.azure.transport import Transport

Report = Callable[[str], None]


def _ignore(text: str) -> None:
    return None


ARM = "https://management.azure.com"
JOBS_VERSION = "2024-01-01-preview"
_SCOPE = f"{ARM}/.default"


def require() -> None:
    """Refuse with the one command that adds azure-ai-ml where it is missing."""
    import importlib.util

    try:
        there = importlib.util.find_spec("azure.ai.ml") and importlib.util.find_spec("azure.identity")
    except ModuleNotFoundError:
        there = None
    if not there:
        from amlrun import extras

        raise AmlError("azure-ai-ml is not installed", hint=f"Add it: {extras.how_to_add('azure')}")


class Client:
    """Made by `connect`; opens nothing until its first call."""

    def __init__(
        self,
        workspace: Workspace,
        transport: Transport,
        credential: Credential,
        report: Report,
        loaded: Report = _ignore,
        show_progress: bool = False,
    ) -> None:
        self.workspace, self.transport, self.credential, self.report = workspace, transport, credential, report
        self._loaded, self._show_progress = loaded, show_progress

    @cached_property
    def ml(self) -> Any:
        """azure-ai-ml's MLClient on the same transport."""
        from azure.ai.ml import MLClient

        from amlrun.azure.transport import Shared

        self._loaded("azure.ai.ml")
        return MLClient(
            self.credential,
            self.workspace.subscription_id,
            self.workspace.resource_group,
            self.workspace.name,
            enable_telemetry=False,
            show_progress=self._show_progress,
            polling_interval=1,
            transport=Shared(self.transport),
        )

    @cached_property
    def _pipeline(self) -> Any:
        from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy
        from azure.mgmt.core import ARMPipelineClient

        from amlrun.azure.transport import Shared

        return ARMPipelineClient(
            ARM,
            policies=[RetryPolicy(retry_total=3), BearerTokenCredentialPolicy(self.credential, _SCOPE)],
            transport=Shared(self.transport),
        )

    @contextlib.contextmanager
    def importing(self) -> Iterator[None]:
        """Import azure-ai-ml while what is inside waits for the network. It must import nothing of Azure's by itself:
        two threads that enter a circle of imports from two sides may see a module half made."""
        import azure.storage.blob  # noqa: F401

        def load() -> None:
            with contextlib.suppress(Exception):  # who needs it imports it again, and is told
                import azure.ai.ml  # noqa: F401

        thread = threading.Thread(target=load, daemon=True)
        thread.start()
        yield
        thread.join()

    def ask(
        self,
        doing: str,
        method: str,
        path: str,
        version: str | None = None,
        *,
        body: Any = None,
        host: str = ARM,
        params: dict[str, str] | None = None,
        accept: tuple[int, ...] = (),
    ) -> Any:
        """One call below the workspace's path; the answer's JSON, None when it has no body.

        `doing` completes "could not …". Statuses in `accept` give None instead of an error. Raises AmlError.
        """
        from azure.core.exceptions import HttpResponseError
        from azure.core.rest import HttpRequest

        query = {**({"api-version": version} if version else {}), **(params or {})}
        with self.transport.call(doing):
            request = HttpRequest(method, f"{host}{path}", params=query, json=body)
            response = self._pipeline.send_request(request)
            if response.status_code in accept:
                return None
            if response.status_code >= 400:
                raise HttpResponseError(response=response)
            text = response.text()
            return json.loads(text) if text else None

    def pages(self, doing: str, below: str, version: str, path: str | None = None, **more: Any) -> list[dict[str, Any]]:
        """All items of a list below the workspace, where a missing place has none, or below `path`."""
        found: list[dict[str, Any]] = []
        missing = () if path else (404,)
        place = f"{path or self.workspace.arm}{below}"
        page = self.ask(doing, "GET", place, version, accept=missing, **more) or {}
        while True:
            found += page.get("value") or []
            link = str(page.get("nextLink") or "")
            if not link.startswith(ARM + "/"):
                return found
            page = self.ask(doing, "GET", link.removeprefix(ARM)) or {}

    def arm(self, doing: str, method: str, below: str, version: str, **more: Any) -> Any:
        """`ask` for a path below the workspace."""
        return self.ask(doing, method, f"{self.workspace.arm}{below}", version, **more)


def to(workspace: Workspace, report: Report, loaded: Report = _ignore, *, show_progress: bool = False) -> Client:
    """A client for that workspace. `loaded` is told each package of Azure's that writes to the terminal by
    itself; with `show_progress` azure-ai-ml shows its uploads there.
    """
    require()
    from amlrun.azure.signin import Credential
    from amlrun.azure.transport import Transport

    for name in ("azure.core", "azure.identity", "msal"):
        loaded(name)
    transport = Transport()
    return Client(workspace, transport, Credential(transport, report), report, loaded, show_progress)


def listening(workspace: Workspace, on_event: OnEvent) -> Client:
    """A client for that workspace that tells `on_event` what goes on."""
    return to(workspace, lambda text: on_event(Message(text)), lambda name: on_event(PackageLoaded(name)))
