"""What the importance picture says."""

from __future__ import annotations

import random
from pathlib import Path

from amlrun.runs.store import RunFolder
from amlrun.spec.job import CommandJob, Objective, Parameter, SweepJob
from amlrun.sweep.pictures import importance, write
from amlrun.sweep.policies import Curve
from amlrun.sweep.store import Trial

SPACE = {
    "matters": Parameter("uniform", "--m", min_value=0, max_value=1),
    "little": Parameter("choice", "--l", values=["a", "b"]),
    "noise": Parameter("loguniform", "--n", min_value=-5, max_value=0),
}
JOB = SweepJob(CommandJob(), Objective("score", "maximize"), SPACE)


def trials(count: int) -> list[Trial]:
    rng = random.Random(1)  # noqa: S311
    found = []
    for number in range(count):
        values = {"matters": rng.random(), "little": rng.choice("ab"), "noise": rng.random()}
        score = values["matters"] + 0.3 * (values["little"] == "a")  # type: ignore[operator]
        run = RunFolder(Path(f"{number}"))
        found.append(Trial(number, values, None, run, 1, Curve("maximize", [score]), "Completed"))  # type: ignore[arg-type]
    return found


def test_what_matters_comes_first() -> None:
    shares = importance(JOB, trials(60))
    assert sorted(shares, key=lambda name: -shares[name])[0] == "matters"
    assert shares["matters"] > 0.6 and 0 < shares["little"] < 0.4 and shares["noise"] < 0.1
    assert abs(sum(shares.values()) - 1) < 1e-9


def test_nothing_is_said_of_too_few_or_equal_trials() -> None:
    assert importance(JOB, trials(3)) == {}
    values = [{"matters": 0.1 * number, "little": "a", "noise": 0.5} for number in range(9)]
    same = [Trial(n, one, None, RunFolder(Path("r")), 1, Curve("maximize", [1.0])) for n, one in enumerate(values)]  # type: ignore[arg-type]
    assert importance(JOB, same) == {}


def test_trials_whose_values_are_not_known_are_left_out(tmp_path: Path) -> None:
    found = trials(9)
    for trial in found[::2]:
        del trial.values["little"]
    assert write(tmp_path, "HD_1", JOB, found, found[0]) == ""
    page = (tmp_path / "sweep.html").read_text(encoding="utf-8")
    assert all(f"<td>{trial.number}</td>" in page for trial in found) and (tmp_path / "parallel.png").exists()
    assert importance(JOB, found) == importance(JOB, found[1::2])
