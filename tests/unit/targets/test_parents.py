"""How a run that has many below it is ended by what drives it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from amlrun.errors import CANCELLED, JOB_FAILED, AmlError
from amlrun.runs import store as runs
from amlrun.targets import parents


@pytest.fixture
def run(tmp_path: Path) -> runs.RunFolder:
    return runs.create(tmp_path / "runs", "HD_1", {"_experiment_name": "e", "run_type": "hyperdrive"})


@pytest.fixture(autouse=True)
def own_handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_reason_that_was_given_stays(run: runs.RunFolder) -> None:
    run.write_part("cancel", {"cancel": {"at": runs.now(), "reason": "aml run cancel"}})
    parents.write_end(run, {"exit_code": CANCELLED, "end_time_utc": runs.now()}, cancelled=True)
    assert run.part("cancel")["cancel"]["reason"] == "aml run cancel"
    assert run.record()["status"] == "Canceled"


def test_without_one_it_was_the_keyboard(run: runs.RunFolder) -> None:
    parents.write_end(run, {"exit_code": CANCELLED, "end_time_utc": runs.now()}, cancelled=True)
    assert run.part("cancel")["cancel"]["reason"] == "Ctrl-C"
    assert not (run.private / "reserve").exists()


@pytest.mark.parametrize(
    ("ended", "code"), [(AmlError("no", exit_code=3), 3), (KeyboardInterrupt(), CANCELLED), (None, JOB_FAILED)]
)
def test_a_driver_ends_as_its_run(
    run: runs.RunFolder, ended: BaseException | None, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def drive(found: runs.RunFolder) -> None:
        assert found.id == "HD_1"
        if ended is not None:
            raise ended

    assert parents.drive_alone(run.folder, drive) == code
    assert capsys.readouterr().err == ("no\n" if code == 3 else "")
