"""HyperDrive files: what each becomes, and every mistake with its line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.rendering import template_file

from amlrun.errors import AmlError
from amlrun.spec.job import CommandJob, EarlyTermination, Parameter, SweepJob
from amlrun.v1.hyperdrive import to_sweep

CORPUS = Path(__file__).parents[3].parent / "shared" / "corpus" / "hyperdrive"

GOOD = """\
sampling:
  type: random
  parameter_space:
  - name: --alpha
    expression: uniform
    values: [0.1, 1]
policy:
  type: NoTerminationPolicy
primary_metric_name: loss
primary_metric_goal: minimize
max_total_runs: 8
max_concurrent_runs: 2
max_duration_minutes: 100
"""


def trial() -> CommandJob:
    return CommandJob(["python", "train.py", "--data", "x"], script="train.py", compute="local")


def load(tmp_path: Path, text: str) -> SweepJob:
    file = tmp_path / "sweep.yml"
    file.write_text(text, encoding="utf-8")
    return to_sweep.load(file, trial())


def with_space(entries: str, kind: str = "random") -> str:
    head, tail = GOOD.split("  - name: --alpha\n")
    return head.replace("random", kind) + entries + "policy" + tail.split("policy", 1)[1]


def with_policy(lines: str) -> str:
    return GOOD.replace("  type: NoTerminationPolicy\n", lines)


def test_a_whole_file(tmp_path: Path) -> None:
    job = load(tmp_path, GOOD)
    assert job.search_space == {"alpha": Parameter("uniform", "--alpha", min_value=0.1, max_value=1.0)}
    assert job.trial.command == ["python", "train.py", "--data", "x", "--alpha", "${{search_space.alpha}}"]
    assert (job.objective.primary_metric, job.objective.goal) == ("loss", "minimize")
    assert (job.limits.max_total_trials, job.limits.max_concurrent_trials, job.limits.timeout) == (8, 2, 6000)
    assert job.early_termination is None
    assert job.sampling_algorithm.type == "random"
    assert job.trial.local.notes == []


@pytest.mark.parametrize(
    ("expression", "values", "wanted"),
    [
        ("choice", "[0.5, 1, l2, true]", {"values": [0.5, 1, "l2", True]}),
        ("choice", "[[16, 32]]", {"values": [16, 32]}),
        ("randint", "[5]", {"upper": 5}),
        ("randint", "5", {"upper": 5}),
        ("uniform", "[-1, 1e0]", {"min_value": -1.0, "max_value": 1.0}),
        ("quniform", "[0, 10, 2]", {"min_value": 0.0, "max_value": 10.0, "q": 2}),
        ("loguniform", "[-6, -1]", {"min_value": -6.0, "max_value": -1.0}),
        ("qloguniform", "[0, 3, 1]", {"min_value": 0.0, "max_value": 3.0, "q": 1}),
        ("normal", "[10, 3]", {"mu": 10.0, "sigma": 3.0}),
        ("qnormal", "[10, 3, 5]", {"mu": 10.0, "sigma": 3.0, "q": 5}),
        ("lognormal", "[0, 1]", {"mu": 0.0, "sigma": 1.0}),
        ("qlognormal", "[2, 0.5, 1]", {"mu": 2.0, "sigma": 0.5, "q": 1}),
    ],
)
def test_the_ten_expressions(tmp_path: Path, expression: str, values: str, wanted: dict[str, Any]) -> None:
    job = load(tmp_path, with_space(f"  - {{name: --p, expression: {expression}, values: {values}}}\n"))
    found = job.search_space["p"]
    assert found == Parameter(expression, "--p", **wanted)
    # Plain values: what the reader remembers of the spelling must not travel.
    for value in [*(found.values or []), found.upper, found.min_value, found.q]:
        assert type(value) in (str, int, float, bool, type(None))


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ("  type: banditPOLICY\n  slack_factor: 0.2\n", EarlyTermination("bandit", slack_factor=0.2)),
        (
            "  type: BanditPolicy\n  slack_amount: 1\n  evaluation_interval: 2\n  delay_evaluation: 5\n",
            EarlyTermination("bandit", 2, 5, slack_amount=1.0),
        ),
        ("  type: MedianStoppingPolicy\n  delay_evaluation: 3\n", EarlyTermination("median_stopping", 1, 3)),
        (
            "  type: TruncationSelectionPolicy\n  truncation_percentage: 20\n",
            EarlyTermination("truncation_selection", truncation_percentage=20),
        ),
        ("  type: NoTerminationPolicy\n", None),
        ("  evaluation_interval: 1\n", None),
    ],
)
def test_the_policies(tmp_path: Path, lines: str, wanted: EarlyTermination | None) -> None:
    assert load(tmp_path, with_policy(lines)).early_termination == wanted


def test_names_become_arguments_and_keys(tmp_path: Path) -> None:
    entries = "".join(
        f"  - {{name: {name}, expression: choice, values: [1]}}\n"
        for name in ("--batch-size", "depth", "-c", "--a.b/c")
    )
    job = load(tmp_path, with_space(entries))
    assert {key: one.argument for key, one in job.search_space.items()} == {
        "batch_size": "--batch-size", "depth": "--depth", "c": "-c", "a_b_c": "--a.b/c",
    }  # fmt: skip
    assert job.trial.command[-2:] == ["--a.b/c", "${{search_space.a_b_c}}"]


def test_the_parameters_are_appended_to_a_shell_line_too(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yml"
    file.write_text(GOOD, encoding="utf-8")
    job = to_sweep.load(file, CommandJob("python train.py && true"))
    assert job.trial.command == "python train.py && true --alpha ${{search_space.alpha}}"


@pytest.mark.parametrize("spelling", ["rule: sobol\n  seed: 5", "properties: {rule: Sobol, seed: 5}"])
def test_sobol_and_a_seed(tmp_path: Path, spelling: str) -> None:
    job = load(tmp_path, GOOD.replace("type: random", f"type: Random\n  {spelling}"))
    assert (job.sampling_algorithm.type, job.sampling_algorithm.rule, job.sampling_algorithm.seed) == (
        "random",
        "sobol",
        5,
    )


ENTRY = "  - name: --p\n    expression: {}\n    values: {}\n"
# (the file, the line that must be named, the field that must be named, a word of the message)
MISTAKES = [
    (GOOD.replace("type: random", "type: hyperband"), 2, "sampling.type", "one of random, grid, bayesian"),
    (GOOD.replace("type: random", "kind: random"), 2, "sampling.type", "random, grid or bayesian"),
    ("policy:\n" + GOOD.split("policy:")[1], 1, "sampling", "section"),
    (GOOD.replace("type: random", "type: random\n  rule: halton"), 3, "sampling.rule", "sobol"),
    (GOOD.replace("type: random", "type: random\n  seed: one"), 3, "sampling.seed", "whole number"),
    (with_space("", "random"), 3, "sampling.parameter_space", "list of parameters"),
    (with_space("  - --p\n"), 4, "parameter_space[0]", "name, expression and values"),
    (with_space("  - {expression: choice, values: [1]}\n"), 4, "parameter_space[0].name", "--alpha"),
    (with_space(2 * "  - {name: --p, expression: choice, values: [1]}\n"), 5, "parameter_space[1].name", "twice"),
    (with_space(ENTRY.format("Choice", "[1]")), 5, "parameter_space[0].expression", "lower case"),
    (with_space(ENTRY.format("zipf", "[1]")), 5, "parameter_space[0].expression", "one of choice"),
    (with_space(ENTRY.format("choice", "3")), 6, "parameter_space[0].values", "list of the values"),
    (with_space(ENTRY.format("choice", "[]")), 6, "parameter_space[0].values", "list of the values"),
    (with_space(ENTRY.format("choice", "[{a: 1}]")), 6, "parameter_space[0].values", "texts, numbers"),
    (with_space(ENTRY.format("randint", "[0]")), 6, "parameter_space[0].values", "1 or more"),
    (with_space(ENTRY.format("randint", "[2.5]")), 6, "parameter_space[0].values", "whole number"),
    (with_space(ENTRY.format("uniform", "[1]")), 6, "parameter_space[0].values", "takes 2"),
    (with_space(ENTRY.format("uniform", "[1, a]")), 6, "parameter_space[0].values", "expected numbers"),
    (with_space(ENTRY.format("uniform", "[1, 1]")), 6, "parameter_space[0].values", "below"),
    (with_space(ENTRY.format("uniform", "[1, .nan]")), 6, "parameter_space[0].values", "expected numbers"),
    (with_space(ENTRY.format("quniform", "[1, 5, 0.5]")), 6, "parameter_space[0].values", "q must be"),
    (with_space(ENTRY.format("loguniform", "[2, 1]")), 6, "parameter_space[0].values", "at most"),
    (with_space(ENTRY.format("loguniform", "[1, 1000]")), 6, "parameter_space[0].values", "exponents"),
    (with_space(ENTRY.format("normal", "[0, -1]")), 6, "parameter_space[0].values", "sigma"),
    (with_space(ENTRY.format("lognormal", "[0, 500]")), 6, "parameter_space[0].values", "exponents"),
    (with_space(ENTRY.format("uniform", "[0, 1]"), "grid"), 5, "parameter_space[0].expression", "grid sampling"),
    (with_space(ENTRY.format("loguniform", "[0, 1]"), "bayesian"), 5, "parameter_space[0].expression", "bayesian"),
    (with_space(ENTRY.format("choice", "[1, a]"), "bayesian"), 6, "parameter_space[0].values", "all texts"),
    (with_space(ENTRY.format("choice", "[true]"), "bayesian"), 6, "parameter_space[0].values", "true and false"),
    (
        with_policy("  type: BanditPolicy\n  slack_factor: 0.1\n").replace("random", "Bayesian"),
        8, "policy.type", "no early termination",
    ),
    (with_policy("  type: HyperBand\n"), 8, "policy.type", "BanditPolicy"),
    (with_policy("  type: BanditPolicy\n"), 8, "policy", "neither"),
    (with_policy("  type: BanditPolicy\n  slack_factor: 1\n  slack_amount: 1\n"), 10, "policy", "both"),
    (with_policy("  type: BanditPolicy\n  slack_factor: -1\n"), 9, "policy.slack_factor", "0 or more"),
    (with_policy("  type: BanditPolicy\n  slack_amount: much\n"), 9, "policy.slack_amount", '"much"'),
    (with_policy("  type: TruncationSelectionPolicy\n"), 8, "policy", "truncation_percentage"),
    (
        with_policy("  type: TruncationSelectionPolicy\n  truncation_percentage: 100\n"),
        9, "policy.truncation_percentage", "1 to 99",
    ),
    (
        with_policy("  type: MedianStoppingPolicy\n  evaluation_interval: 0\n"),
        9, "policy.evaluation_interval", "1 or more",
    ),
    (with_policy("  type: MedianStoppingPolicy\n  delay_evaluation: 1.5\n"), 9, "policy.delay_evaluation", "1.5"),
    (GOOD.replace("primary_metric_name: loss\n", ""), 1, "primary_metric_name", "metric"),
    (GOOD.replace("goal: minimize", "goal: minimise"), 10, "primary_metric_goal", "did you mean 'minimize'"),
    (GOOD.replace("max_total_runs: 8", "max_total_runs: four"), 11, "max_total_runs", '"four"'),
    (GOOD.replace("max_total_runs: 8", "max_total_runs: 2000"), 11, "max_total_runs", "1 to 1,000"),
    (GOOD.replace("max_concurrent_runs: 2", "max_concurrent_runs: 0"), 12, "max_concurrent_runs", "1 to"),
    (GOOD.replace("max_duration_minutes: 100", "max_duration_minutes: 99999"), 13, "max_duration_minutes", "10,080"),
    (GOOD.replace("max_duration_minutes: 100", "max_duration_minutes: true"), 13, "max_duration_minutes", "whole"),
    (GOOD + "max_total_runs: 9\n", 14, "max_total_runs", "is given twice, first on line 11"),
    ("sampling: [\n", 2, "", "not YAML"),
    ("- a\n", 1, "", "expected the keys of a sweep"),
    ("", 1, "", "is empty"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "field", "words"), MISTAKES)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, line: int, field: str, words: str) -> None:
    with pytest.raises(AmlError) as caught:
        load(tmp_path, text)
    error = caught.value
    assert error.exit_code == 2
    assert error.file == tmp_path / "sweep.yml"
    assert (error.line, error.field) == (line, field)
    assert words in str(error)


def test_all_mistakes_are_named_not_the_first_alone(tmp_path: Path) -> None:
    text = GOOD.replace("max_total_runs: 8", "max_total_runs: x").replace("minimize", "down").replace("[0.1, 1]", "[1]")
    with pytest.raises(AmlError) as caught:
        load(tmp_path, text)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[1] for line in lines] == ["6", "10", "11"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + "max_total_run: 5\n", "14: max_total_run: unknown key, not used; did you mean 'max_total_runs'?"),
        (
            with_policy("  type: MedianStoppingPolicy\n  slack_factor: 0.1\n"),
            "slack_factor: has no effect",
        ),
        (GOOD.replace("concurrent_runs: 2", "concurrent_runs: 20"), "8 is used"),
        (
            with_space("  - {name: --data, expression: choice, values: [1]}\n"),
            "--data is also in the run configuration",
        ),
        (with_space("  - {name: --p, expression: loguniform, values: [0.0001, 0.1]}\n"), "write [-9.21, -2.303]"),
        (with_space("  - {name: --p, expression: choice, values: [1]}\n", "bayesian"), "20 runs or more"),
    ],
)
def test_what_is_legal_but_odd_is_said(tmp_path: Path, text: str, words: str) -> None:
    notes = load(tmp_path, text).trial.local.notes
    assert len(notes) == 1 and words in notes[0]


@pytest.mark.parametrize(
    ("framework", "options"),
    [
        ("scikit-learn", ["alpha", "batch_size", "penalty"]),
        ("xgboost", ["learning_rate", "max_depth"]),
        ("pytorch", ["learning_rate", "batch_size", "hidden"]),
        ("tensorflow", ["learning_rate", "batch_size", "hidden"]),
    ],
)
def test_the_sample_is_right(tmp_path: Path, framework: str, options: list[str]) -> None:
    file = tmp_path / "sweep.yml"
    file.write_text(template_file("models/model1/aml_config/sweep.yml", framework=framework), encoding="utf-8")
    job = to_sweep.load(file, trial())
    assert job.trial.local.notes == []
    assert list(job.search_space) == options
    assert job.early_termination is not None and job.early_termination.type == "bandit"


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the public files are not here")
def test_public_files_are_read() -> None:
    files = sorted(CORPUS.glob("*.yml"))
    assert files
    for file in files:
        job = to_sweep.load(file, trial())
        assert job.search_space and job.objective.primary_metric


def test_finding_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("aml_config/sweep.yml", "other/sweep.yml", "other/my-sweep.yml", "runs/x/sweep.yml", "z.yaml"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(GOOD, encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert to_sweep.find("sweep.yml", tmp_path) == tmp_path / "aml_config" / "sweep.yml"
    assert to_sweep.find("y-sweep.yml", tmp_path) == tmp_path / "other" / "my-sweep.yml"
    assert to_sweep.find(os.fspath(tmp_path / "z.yaml"), tmp_path) == tmp_path / "z.yaml"
    assert to_sweep.find("../z.yaml", tmp_path) == elsewhere / "../z.yaml"
    with pytest.raises(AmlError, match=r"no file nothing\.yml") as caught:
        to_sweep.find("nothing.yml", tmp_path)
    assert str(tmp_path) in caught.value.hint


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_an_unreadable_file(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "sweep.yml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(AmlError) as caught:
        to_sweep.load(file, trial())
    assert str(file) in str(caught.value)
