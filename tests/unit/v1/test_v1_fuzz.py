"""Spoilt run configurations give a job or an error that names file and line, and nothing else.

`AML_FUZZ=5000 pytest tests/unit/v1/test_v1_fuzz.py` tries that many files; 500 otherwise.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.v1_files import corpus, corpus_file, model
from support.v1_mutations import GENERATIONS, spoil

from amlrun.errors import AmlError
from amlrun.spec import write
from amlrun.spec.job import CommandJob, SparkJob
from amlrun.v1.runconfig import explaining, exporting, to_job

TEXTS = [*GENERATIONS.values(), *(corpus_file(name).read_bytes() for name in corpus("v1", "workbench-2017"))]
EXAMPLES = int(os.environ.get("AML_FUZZ", "500"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = model(tmp_path_factory.mktemp("fuzz"), b"")
    (place / "src").mkdir()
    (place / "src" / "train.py").touch()
    return place


@pytest.mark.parametrize("name", GENERATIONS)
def test_unspoilt_they_read(folder: Path, name: str) -> None:
    file = folder / "aml_config" / "train.runconfig"
    file.write_bytes(GENERATIONS[name])
    config = to_job.read(file, folder)
    context = to_job.translate(config, folder)
    assert (config.problems, context.blocking_errors) == ([], [])
    assert len(explaining.rows(context)) > 5


@given(st.sampled_from(TEXTS), st.randoms(use_true_random=False), st.integers(1, 5))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_spoilt_files(folder: Path, text: bytes, chance: random.Random, times: int) -> None:
    (folder / "aml_config" / "train.runconfig").write_bytes(spoil(text, chance, times))
    for attempt in (_submit, _explain, _export):
        try:
            attempt(folder)
        except AmlError as error:
            assert error.message
            assert error.line is not None
            assert error.line >= 1
            assert str(error.file).endswith("train.runconfig"), error.file


def _submit(folder: Path) -> None:
    job = to_job.load("train", folder)
    assert isinstance(job, (CommandJob, SparkJob))
    assert job.command if isinstance(job, CommandJob) else job.entry


def _explain(folder: Path) -> None:
    config = to_job.read(folder / "aml_config" / "train.runconfig", folder)
    for row in explaining.rows(to_job.translate(config, folder)):
        assert row.key
        assert row.line >= 1
        assert row.status in ("mapped", "local", "ignored", "unsupported", "unknown")
        assert row.becomes


def _export(folder: Path) -> None:
    made = exporting.export("train", folder, folder)
    assert write.text(made.job, folder, made.comments, made.head)
