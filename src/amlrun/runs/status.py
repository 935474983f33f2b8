"""The states of a run, by the names that v1 and the service give them."""

from __future__ import annotations

from enum import Enum


class RunStatus(str, Enum):
    """The status of a run: `meaning` explains it in a sentence; a status with `is_final` does not change any more.

    A member equals its name in records: `RunStatus.COMPLETED == "Completed"`.
    """

    meaning: str
    is_final: bool

    QUEUED = ("Queued", "Waiting for its compute.")
    STARTING = ("Starting", "The service has started to process it.")
    PROVISIONING = ("Provisioning", "Nodes are being allocated for it.")
    PREPARING = ("Preparing", "Its files, environment and data are being prepared.")
    RUNNING = ("Running", "The script is running.")
    FINALIZING = ("Finalizing", "The script has ended; its outputs are being stored.")
    PAUSED = ("Paused", "Paused by the service.")
    NOT_RESPONDING = ("NotResponding", "Its processes are not visible from this machine.")
    UNKNOWN = ("Unknown", "The service reports a state that this version does not know.")
    COMPLETED = ("Completed", "Finished successfully.", True)
    FAILED = ("Failed", "Finished with an error, or was interrupted.", True)
    CANCELED = ("Canceled", "Cancelled on request.", True)

    def __new__(cls, value: str, meaning: str, is_final: bool = False) -> RunStatus:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning, member.is_final = meaning, is_final
        return member

    @classmethod
    def of(cls, name: str) -> RunStatus:
        """The state of that name; UNKNOWN for one that is not listed here."""
        return next((status for status in cls if status.value == name), cls.UNKNOWN)

    def __str__(self) -> str:
        return str(self.value)


FINAL = tuple(status for status in RunStatus if status.is_final)
