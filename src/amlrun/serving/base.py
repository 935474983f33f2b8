"""A service, and what every place for services can do: this machine, or a workspace."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from amlrun.dataclass import dataclass
from amlrun.errors import BAD_INPUT, JOB_FAILED, SERVICE, AmlError
from amlrun.serving.once import Request
from amlrun.v1.config import Config
from amlrun.v1.scoring.inference import Inference

Report = Callable[[str], None]
_NAME = re.compile(r"[a-z][a-z0-9-]{1,30}[a-z0-9]")


@dataclass(frozen=True)
class Change:
    """What an update gives a service; None and an empty configuration leave what there is."""

    model: str | None
    inference: Inference | None
    config: Config


class Service(Protocol):
    """A deployed model, with the same methods wherever it runs. Every method raises AmlError.

    `no_keys` is the reason why the service has no keys; empty if it has.
    """

    @property
    def name(self) -> str: ...

    @property
    def no_keys(self) -> str: ...

    def state(self) -> str:
        """v1's names: Healthy, Transitioning, Unhealthy or Failed."""
        ...

    @property
    def scoring_uri(self) -> str:
        """The URL for scoring requests."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """The service with v1's keys, as `aml service show -o json` prints it."""
        ...

    def logs(self, lines: int = 5000, *, init: bool = False) -> list[str]:
        """The last lines of its log; with `init`, only what was written before the first request."""
        ...

    def keys(self) -> dict[str, Any]:
        """`primaryKey` and `secondaryKey`; both None if it has no keys."""
        ...

    def access_token(self) -> dict[str, Any]:
        """`accessToken`, for a service that uses tokens; otherwise None."""
        ...

    def regenerate_key(self, which: str, value: str | None = None) -> None:
        """Replace the `Primary` or `Secondary` key with `value`, or a generated key."""
        ...

    def send(self, request: Request) -> tuple[int | None, Any]:
        """Send one request. Returns the HTTP status and the response, or None and the reason for no response."""
        ...

    def stats(self) -> dict[str, Any]:
        """Statistics of its requests since it started: count, latency, failures, and recorded requests."""
        ...

    def update(self, change: Change, *, wait: bool = True) -> Service:
        """Change its model, code or settings; without changes, restart it."""
        ...

    def delete(self) -> None:
        """Stop the service and delete its files."""
        ...


def answer(service: Service, request: Request) -> Any:
    """The service's answer. Raises AmlError: a refusal is exit code 2, a failure 1, silence 3."""
    status, content = service.send(request)
    if status is None:
        raise AmlError(
            f"the service does not answer: {content}", exit_code=SERVICE,
            hint=f"Check it: aml service show -n {service.name}, aml service get-logs -n {service.name}\n"
            f"Restart a local one: aml service update -n {service.name}",
        )  # fmt: skip
    if status >= 400:
        message = content.get("message", content) if isinstance(content, dict) else content
        hint = f"What the service wrote: aml service get-logs -n {service.name}"
        raise AmlError(f"status {status}: {message}", exit_code=JOB_FAILED if status >= 500 else BAD_INPUT, hint=hint)
    return content


def check_name(name: str) -> str:
    """The name, if v1 took it as a service's. Raises AmlError."""
    if not _NAME.fullmatch(name):
        raise AmlError(
            f"-n: {name!r} is not a valid service name",
            hint="3 to 32 lowercase letters, digits and dashes; begin with a letter, end with a letter or digit.",
        )
    return name
