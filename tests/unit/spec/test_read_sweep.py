"""A v2 sweep job YAML: what is read from it, that what `aml export` writes comes back, and that it runs."""

from __future__ import annotations

import json
import random
import shlex
import string
import sys
from pathlib import Path
from typing import Any

import pytest
from support.sweeps import SweepProject, table

from amlrun.errors import AmlError
from amlrun.spec import read
from amlrun.spec import write as job_yaml
from amlrun.spec.job import (
    BINDING,
    CommandJob,
    Distribution,
    EarlyTermination,
    Environment,
    Input,
    Limits,
    Objective,
    Output,
    Parameter,
    QueueSettings,
    Resources,
    Sampling,
    SweepJob,
)
from amlrun.spec.search_space import SIGNATURES

JOB = """\
$schema: https://azuremlschemas.azureedge.net/latest/sweepJob.schema.json
type: sweep
trial:
  code: src
  command: >-
    python main.py
    --data ${{inputs.data}} --lr ${{ search_space.lr }} --name 'a b'
  environment: azureml:env@latest
  environment_variables: {A: 1}
inputs:
  data: {type: uri_file, path: azureml:d:1}
sampling_algorithm: random
search_space:
  lr: {type: uniform, min_value: 0.01, max_value: 0.9}
  width: {type: choice, values: [1, two, 3.5]}
  odd: {type: quniform, min_value: 0, max_value: 1, q: 0.05}
objective: {goal: Minimize, primary_metric: loss}
early_termination: {type: bandit, slack_factor: 0, slack_amount: 0.2, evaluation_interval: 0, delay_evaluation: 5}
limits: {max_total_trials: 20, max_concurrent_trials: 4, timeout: 7200, trial_timeout: 60}
compute: azureml:cluster
experiment_name: exp
display_name: shown
tags: {a: b}
"""


def write(folder: Path, text: str) -> Path:
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src" / "main.py").touch()
    file = folder / "job.yml"
    file.write_text(text, encoding="utf-8")
    return file


def test_everything_that_a_sweep_job_says(tmp_path: Path) -> None:
    job = read.read(write(tmp_path, JOB))
    assert isinstance(job, SweepJob)
    assert job.trial.command == ["python", "main.py", "--data", "${{inputs.data}}", "--lr", "${{search_space.lr}}",
                                 "--name", "a b"]  # fmt: skip
    assert (job.trial.code, job.trial.environment) == (tmp_path / "src", Environment(reference="azureml:env@latest"))
    assert job.trial.inputs == {"data": Input("uri_file", "azureml:d:1")}
    assert job.trial.environment_variables == {"A": "1"}
    assert job.sampling_algorithm == Sampling("random")
    assert job.search_space == {
        "lr": Parameter("uniform", "--lr", min_value=0.01, max_value=0.9),
        "width": Parameter("choice", "--width", values=[1, "two", 3.5]),
        "odd": Parameter("quniform", "--odd", min_value=0.0, max_value=1.0, q=0.05),
    }
    assert job.objective == Objective("loss", "minimize")
    assert job.early_termination == EarlyTermination("bandit", 1, 5, slack_amount=0.2)
    assert job.limits == Limits(7200, 60, 20, 4)
    assert (job.compute, job.trial.compute, job.experiment_name) == ("azureml:cluster", "azureml:cluster", "exp")
    assert (job.tags, job.trial.display_name) == ({"a": "b"}, "shown")


@pytest.mark.parametrize(
    "line",
    ["python main.py | tee log", "A=1 python main.py", "python main.py > out", "python $HOME/x.py", "bash run.sh",
     "python main.py --glob *.csv"],
)  # fmt: skip
def test_a_line_that_a_shell_must_read_stays_one(tmp_path: Path, line: str) -> None:
    text = JOB.replace(JOB[JOB.index("  command: >-") : JOB.index("  environment: azureml")], f"  command: '{line}'\n")
    job = read.read(write(tmp_path, text))
    assert isinstance(job, SweepJob) and job.trial.command == line
    assert any("does not use ${{search_space" in note for note in job.trial.local.notes)


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "says"),
    [
        ("type: sweep", "type: swep", 2, "type", "only command, sweep, spark"),
        ("trial:\n", "trail:\n", 3, "trail", "did you mean 'trial'"),
        ("objective: {goal: Minimize, primary_metric: loss}\n", "", 1, "objective", "is missing"),
        ("lr: {type: uniform, min", "lr: {type: uniforn, min", 14, "search_space.lr.type", "expected one of choice"),
        (", max_value: 0.9", "", 14, "search_space.lr", "max_value: missing"),
        ("max_value: 0.9", "max_value: 0", 14, "search_space.lr", "must be below"),
        ("min_value: 0.01", "min_value: low", 14, "search_space.lr", "min_value is 'low'"),
        ("min_value: 0.01", "minimum: 0.01", 14, "search_space.lr.minimum", "unknown key"),
        ("q: 0.05", "q: 0", 16, "search_space.odd", "q must be above 0"),
        ("[1, two, 3.5]", "[{type: choice}]", 15, "search_space.width", "expected texts, numbers"),
        ("[1, two, 3.5]", "[]", 15, "search_space.width", "expected a list of the values"),
        ("  width:", "  wid.th:", 15, "search_space.wid.th", "letters, digits and _ only"),
        ("sampling_algorithm: random", "sampling_algorithm: grid", 14, "search_space.lr.type", "grid sampling takes"),
        ("sampling_algorithm: random", "sampling_algorithm: grit", 12, "sampling_algorithm.type", "got 'grit'"),
        ("sampling_algorithm: random", "sampling_algorithm: {type: grid, seed: 1}", 12, "sampling_algorithm.seed",
         "random sampling only"),
        ("sampling_algorithm: random", "sampling_algorithm: {type: random, rule: x}", 12, "sampling_algorithm.rule",
         "expected random or sobol"),
        ("sampling_algorithm: random", "sampling_algorithm: bayesian", 18, "early_termination", "no early termination"),
        ("goal: Minimize", "goal: small", 17, "objective.goal", "expected maximize or minimize"),
        ("primary_metric: loss", "primary_metric: ''", 17, "objective.primary_metric", "the metric that"),
        ("type: bandit", "type: bandits", 18, "early_termination.type", "expected one of bandit"),
        ("slack_factor: 0,", "slack_factor: 0.1,", 18, "early_termination", "both are given"),
        ("slack_amount: 0.2", "slack_amount: much", 18, "early_termination.slack_amount", "expected a number"),
        ("max_total_trials: 20", "max_total_trials: 1001", 19, "limits.max_total_trials", "expected 1 to 1,000"),
        ("timeout: 7200", "timeout: long", 19, "limits.timeout", "expected a whole number"),
        ("${{ search_space.lr }}", "${{search_space.lrr}}", 7, "command", "did you mean 'lr'"),
        ("${{inputs.data}}", "${{inputs.date}}", 7, "command", "did you mean 'data'"),
        ("  code: src", "  code: gone", 4, "code", "no such file or folder"),
    ],
)  # fmt: skip
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, line: int, field: str, says: str) -> None:
    assert JOB.count(old) >= 1
    text = JOB.replace(old, new, 1)
    if "bayesian" in new:
        text = text.replace("[1, two, 3.5]", "[1, 2]")
    with pytest.raises(AmlError) as caught:
        read.read(write(tmp_path, text))
    assert (caught.value.line, caught.value.field) == (line, field), caught.value
    assert says in caught.value.message


def test_a_trial_that_is_a_component(tmp_path: Path) -> None:
    text = JOB[: JOB.index("trial:")] + "trial: azureml:component:1\n" + JOB[JOB.index("inputs:") :]
    with pytest.raises(AmlError, match="names a component"):
        read.read(write(tmp_path, text))


def drawn(chance: random.Random, folder: Path) -> SweepJob:
    """A sweep job that says something of everything that the YAML has."""
    letters = string.ascii_letters + string.digits + " _-.,:/'\"$%é#&*[]{}!?|>@`\\"

    def text(most: int = 12) -> str:
        return "".join(chance.choice(letters) for _ in range(chance.randrange(1, most))).strip() or "x"

    def name() -> str:
        return chance.choice(string.ascii_letters) + "".join(chance.choice(string.ascii_letters + "_9") for _ in "123")

    def number() -> float:
        return chance.choice([0.0, 1.0, -3.25, 1e-05, 1e16, chance.uniform(-5, 5)])

    def parameter(key: str, kind: str) -> Parameter:
        made = Parameter(kind, f"--{key}")
        if kind == "choice":
            made.values = [
                chance.choice([text(), chance.randrange(-9, 9), number(), "no", "1e3", "010"]) for _ in "123"
            ]
        for one in SIGNATURES[kind]:
            if one in ("upper", "q"):
                setattr(made, one, chance.randrange(1, 9))
            elif one == "sigma":
                made.sigma = abs(chance.uniform(0, 3))
            else:
                setattr(made, one, chance.uniform(-5, 0) if one != "max_value" else chance.uniform(0.1, 5))
        return made

    sampling = chance.choice(
        [Sampling("random"), Sampling("random", "sobol", 7), Sampling("random", seed=0), Sampling("grid"),
         Sampling("bayesian")]
    )  # fmt: skip
    kinds = {"grid": ["choice"], "bayesian": ["uniform", "quniform"]}.get(sampling.type, list(SIGNATURES))
    space = {key: parameter(key, chance.choice(kinds)) for key in {name() for _ in range(chance.randrange(1, 5))}}
    words = ["python", "main.py", *(text() for _ in range(chance.randrange(3))), "${{inputs.data}}", "${{outputs.o}}"]
    words += [word for key in space for word in (f"--{key}", f"${{{{search_space.{key}}}}}")]
    policy = chance.choice(
        [None, EarlyTermination("bandit", 2, 1, slack_factor=0.1), EarlyTermination("bandit", slack_amount=2.0),
         EarlyTermination("median_stopping", 3), EarlyTermination("truncation_selection", truncation_percentage=20)]
    )  # fmt: skip
    trial = CommandJob(
        words,
        code=folder / "src",
        display_name=chance.choice([None, text()]),
        description=chance.choice([None, text()]),
        experiment_name="exp",
        tags={name(): text() for _ in range(chance.randrange(3))},
        inputs={
            "data": chance.choice([Input("uri_file", "azureml:d:1", "download"), Input("string", value=text()),
                                   Input("number", value=0.5), Input("uri_folder", str(folder / "src"))]),
        },
        outputs={"o": Output("uri_file", mode="upload")},
        environment=chance.choice(
            [Environment(reference="azureml:e@latest"), Environment(image="i", conda_file=folder / "conda.yml"),
             Environment(image="i", conda_file={"dependencies": ["python=3.11", {"pip": ["x==1"]}]})]
        ),
        environment_variables={name(): text() for _ in range(chance.randrange(3))},
        compute=chance.choice(["azureml:c", "local"]),
        resources=chance.choice([None, Resources(2, shm_size="4g", docker_args=["--ipc=host"])]),
        distribution=chance.choice([None, Distribution("pytorch", 2)]),
        limits=chance.choice([None, Limits(timeout=60)]),
        queue_settings=chance.choice([None, QueueSettings("spot")]),
        identity=chance.choice([None, "user_identity"]),
    )  # fmt: skip
    return SweepJob(
        trial,
        Objective(name(), chance.choice(["maximize", "minimize"])),
        space,
        sampling,
        None if sampling.type == "bayesian" else policy,
        Limits(chance.choice([None, 600]), None, chance.choice([None, 20]), chance.choice([None, 4])),
        experiment_name="exp",
        tags=dict(trial.tags),
        compute=trial.compute,
    )


def test_what_is_written_comes_back_the_same(tmp_path: Path) -> None:
    write(tmp_path, "")
    (tmp_path / "conda.yml").write_text("dependencies: [python]\n", encoding="utf-8")
    for seed in range(300):
        job = drawn(random.Random(seed), tmp_path)  # noqa: S311
        text = job_yaml.text(job, tmp_path)
        again = read.read(write(tmp_path, text))
        assert isinstance(again, SweepJob)
        assert job_yaml.tree(again, tmp_path) == job_yaml.tree(job, tmp_path), f"seed {seed}\n{text}"
        words = again.trial.command
        if isinstance(words, str):  # an input's text is no plain word: the shell parts the line
            words = shlex.split(BINDING.sub(r"${{\1.\2}}", words))
        assert again.search_space == job.search_space and words == job.trial.command, f"seed {seed}"
        assert (again.early_termination, again.sampling_algorithm) == (job.early_termination, job.sampling_algorithm)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SweepProject:
    return SweepProject(tmp_path_factory.mktemp("sweep"))


def test_an_exported_sweep_runs_here(project: SweepProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """v1's file → v2's YAML → the same sweep on this machine, and a note for what only v1's file could say."""
    script = (project.root / "train.py").read_text(encoding="utf-8")
    (project.root / "train.py").write_text(
        script + 'print("told", os.environ["AZUREML_SWEEP_x"] == str(args.x))\n', encoding="utf-8"
    )
    (project.root / "conda.yml").write_text("dependencies: [python]\n", encoding="utf-8")
    project.runconfig("--reports", "2")
    project.sweep_file(type="grid", expression="choice", values="[0.25, 0.75]", together=1)
    text = (project.root / "sweep.yml").read_text(encoding="utf-8").replace("  type: grid", "  type: grid\n  seed: 3")
    (project.root / "sweep.yml").write_text(text, encoding="utf-8")
    words = ("export", "-c", "t", "--hyperdrive-configuration-name", "sweep.yml", "-o", "job.yml")
    assert "sampling.seed: has no effect there" in project.aml(*words).stderr
    # An exported file names no interpreter, so the only one on PATH is taken.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    done = project.aml("job", "create", "--file", "job.yml", "-e", "exp", "-t", "run.json")
    sweep = project.root / "runs" / json.loads((project.root / "run.json").read_text())["run_id"]
    assert [(row["x"], row["state"]) for row in table(sweep)] == [("0.25", "Completed"), ("0.75", "Completed")]
    assert "Best trial: 1" in done.stdout
    for row in table(sweep):
        assert "told True" in (sweep.parent / row["run_id"] / "user_logs" / "std_log.txt").read_text()


def test_values_reach_a_shell_line_as_single_words(project: SweepProject) -> None:
    from amlrun.sweep.space import fill

    values: dict[str, Any] = {"x": "a b; echo no", "y": 0.1}
    assert fill("p ${{search_space.x}} ${{search_space.y}} ${{inputs.z}}", values) == (
        "p 'a b; echo no' 0.1 ${{inputs.z}}"
    )
    assert fill(["p", "${{search_space.x}}"], values) == ["p", "a b; echo no"]
