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
    """A model that answers requests, with the same verbs wherever it runs. Every verb raises AmlError.

    `no_keys` says why it has no keys and needs none; it is empty where it has.
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
        """Where it takes requests."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """What `aml service show` prints: v1's keys."""
        ...

    def logs(self, lines: int = 5000, *, init: bool = False) -> list[str]:
        """The newest lines of its log; with `init` only what its start wrote."""
        ...

    def keys(self) -> dict[str, Any]:
        """`primaryKey` and `secondaryKey`; both None where it has none."""
        ...

    def access_token(self) -> dict[str, Any]:
        """`accessToken`, for a service that takes tokens; None where it needs none."""
        ...

    def regenerate_key(self, which: str, value: str | None = None) -> None:
        """Make a new key, `Primary` or `Secondary`; `value` is what it is to be."""
        ...

    def send(self, request: Request) -> tuple[int | None, Any]:
        """Send one request. Returns the status and the answer, or None and why there was none."""
        ...

    def stats(self) -> dict[str, Any]:
        """Its requests since it started: how many, how fast, how many failed, and what was sent."""
        ...

    def update(self, change: Change, *, wait: bool = True) -> Service:
        """Give it another model, code or settings; without a change, start it again."""
        ...

    def delete(self) -> None:
        """Stop it and remove everything that is its own."""
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
