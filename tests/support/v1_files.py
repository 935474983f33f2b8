"""Helpers for tests of v1 files: a model's folder with a run configuration in it, and the public corpus."""

from __future__ import annotations

import csv
from pathlib import Path

from amlrun.spec.job import CommandJob
from amlrun.v1.config import Config
from amlrun.v1.runconfig import to_job
from amlrun.v1.runconfig.context import TranslationContext

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
MODERN = ("v1", "v1-early-2019", "v1-preview-2018")

MINIMAL = "script: train.py\nenvironment:\n  python:\n    userManagedDependencies: true\n"


def model(folder: Path, text: str | bytes, name: str = "train") -> Path:
    """A model's folder with train.py, a conda file and the run configuration NAME; returns the folder."""
    (folder / "aml_config").mkdir(parents=True, exist_ok=True)
    (folder / "train.py").write_text("print('trained')\n", encoding="utf-8")
    (folder / "conda.yml").write_text("dependencies:\n  - python=3.11\n", encoding="utf-8")
    file = folder / "aml_config" / f"{name}.runconfig"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def config(folder: Path, text: str | bytes) -> Config:
    """What a run configuration of this text says."""
    where = model(folder, text)
    return to_job.read(to_job.find(where, "train"), where)


def translate(folder: Path, text: str | bytes, **options: object) -> TranslationContext:
    """The translation of a run configuration of this text."""
    return to_job.translate(config(folder, text), folder, **options)  # type: ignore[arg-type]


def job(folder: Path, text: str | bytes, **options: object) -> CommandJob:
    """The command job to submit for a run configuration of this text."""
    found = to_job.load("train", model(folder, text), **options)  # type: ignore[arg-type]
    assert isinstance(found, CommandJob)
    return found


def corpus(*kinds: str) -> list[str]:
    """The ids of the public files of these kinds; none where the corpus is not there."""
    index = CORPUS / "index.csv"
    if not index.is_file():
        return []
    with index.open(encoding="utf-8", newline="") as stream:
        return [row["id"] for row in csv.DictReader(stream) if row["kind"] in kinds]


def corpus_file(identity: str) -> Path:
    return CORPUS / "runconfig" / f"{identity}.runconfig"
