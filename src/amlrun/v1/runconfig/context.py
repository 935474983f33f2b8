"""The context of one translation of a run configuration: what was read, the job, and a report for each key."""

from __future__ import annotations

from pathlib import Path

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.spec.job import CommandJob, SparkJob
from amlrun.v1.config import Config, Key, short


@dataclass
class KeyReport:
    """What became of one key: `status` as the table of fields has it, and the v2 key or the reason."""

    status: str
    becomes: str
    quiet: bool = False


@dataclass
class TranslationContext:
    """One translation. `path` is where conda files are relative to, `source` the folder that is copied and run in.

    `blocking_errors` stop a submit but not an export: a script that is missing, a placeholder. `sources` names, for a
    v2 key (dotted), the v1 keys it came from.
    """

    config: Config
    path: Path
    source: Path
    target: str
    job: CommandJob = field(default_factory=CommandJob)
    spark: SparkJob | None = None
    script_and_arguments: list[str] = field(default_factory=list)
    conda_file: Path | None = None
    exporting: bool = False
    container: bool = False
    machine: bool = False
    names: dict[Key, str] = field(default_factory=dict)
    blocking_errors: list[AmlError] = field(default_factory=list)
    reports: dict[Key, KeyReport] = field(default_factory=dict)
    sources: dict[str, list[Key]] = field(default_factory=dict)

    @property
    def local(self) -> bool:
        """Whether it needs no workspace: this machine, or one that is reached over ssh."""
        return self.target == "local" or self.machine

    @property
    def here(self) -> bool:
        """Whether the job is about to run on this machine, rather than to be written down."""
        return self.local and not self.exporting

    @property
    def bare(self) -> bool:
        """Whether it runs on this machine without a container."""
        return self.here and not self.container

    def mapped(self, key: Key, place: str, remark: str = "") -> None:
        """`key` became the v2 key `place`."""
        self.reports[key] = KeyReport("mapped", f"{place} ({remark})" if remark else place)
        self.sources.setdefault(place, []).append(key)

    def set(self, key: Key, status: str, becomes: str, quiet: bool = False) -> None:
        """`key` is local, ignored or unsupported, and why; a quiet report is not shown at submit."""
        self.reports[key] = KeyReport(status, becomes, quiet)

    def blocking_error(self, key: Key, message: str, hint: str = "", name: str = "") -> None:
        """Something that must be put right before this can run, though it can be exported."""
        value = self.config.origins.get(key)
        shown = name or (value.name if value else ".".join(key))
        self.blocking_errors.append(
            AmlError(short(message), file=self.config.file, line=self.config.line(*key), field=shown, hint=hint)
        )

    def report_of(self, key: Key) -> KeyReport | None:
        return self.reports.get(key)
