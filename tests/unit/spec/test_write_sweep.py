"""A sweep as v2's YAML, as azure-ai-ml's own `load_job` reads it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from support.sweeps import SweepProject

from amlrun.spec import write as job_yaml
from amlrun.spec.job import CommandJob, Environment, Input, Limits
from amlrun.v1.hyperdrive import to_sweep

EXPRESSIONS = {
    "choice": "[0.5, l2, 3]", "randint": "[5]", "uniform": "[0, 1]", "quniform": "[0, 10, 2]", "loguniform": "[-6, -1]",
    "qloguniform": "[0, 3, 1]", "normal": "[0, 1]", "qnormal": "[0, 1, 2]", "lognormal": "[0, 1]",
    "qlognormal": "[0, 1, 2]",
}  # fmt: skip
POLICIES = {
    "none": ("NoTerminationPolicy", {}),
    "factor": ("BanditPolicy\n  slack_factor: 0.2\n  delay_evaluation: 3", {"type": "bandit", "slack_factor": 0.2}),
    "amount": ("BanditPolicy\n  slack_amount: 0.2", {"type": "bandit", "slack_amount": 0.2}),
    "median": ("MedianStoppingPolicy\n  evaluation_interval: 2", {"type": "median_stopping", "evaluation_interval": 2}),
    "truncation": (
        "TruncationSelectionPolicy\n  truncation_percentage: 20",
        {"type": "truncation_selection", "truncation_percentage": 20},
    ),
}


def write(tmp_path: Path, policy: str) -> Path:
    file = tmp_path / "hd.yml"
    entries = "".join(f"  - {{name: --{e}, expression: {e}, values: {v}}}\n" for e, v in EXPRESSIONS.items())
    file.write_text(
        f"sampling:\n  type: random\n  rule: sobol\n  seed: 7\n  parameter_space:\n{entries}"
        f"policy:\n  type: {policy}\nprimary_metric_name: loss\nprimary_metric_goal: Minimize\n"
        "max_total_runs: 20\nmax_concurrent_runs: 4\nmax_duration_minutes: 90\n",
        encoding="utf-8",
    )
    return file


@pytest.mark.parametrize("policy", POLICIES)
def test_load_job_reads_it_and_nothing_is_lost(tmp_path: Path, policy: str) -> None:
    azure = pytest.importorskip("azure.ai.ml")
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.11]\n")
    trial = CommandJob(
        ["python", "train.py", "--data", "${{inputs.data}}", "--name", "a b"],
        code=tmp_path,
        compute="azureml:cpu",
        experiment_name="exp",
        inputs={"data": Input("uri_folder", "azureml:sample:1")},
        environment=Environment(image="ubuntu:22.04", conda_file=tmp_path / "conda.yml"),
        environment_variables={"A": "1"},
        limits=Limits(timeout=600),
    )
    text, wanted = POLICIES[policy]
    job = to_sweep.load(write(tmp_path, text), trial)
    file = tmp_path / "job.yml"
    file.write_text(job_yaml.text(job, tmp_path), encoding="utf-8")
    loaded: Any = azure.load_job(file)
    assert type(loaded).__name__ == "SweepJob"
    assert (loaded.compute, loaded.experiment_name) == ("cpu", "exp")
    assert loaded.trial.command.startswith("python train.py --data ${{inputs.data}} --name 'a b' --choice ${{search_sp")
    assert loaded.trial.environment_variables == {"A": "1"}
    assert (loaded.sampling_algorithm.type, loaded.sampling_algorithm.rule) == ("random", "sobol")
    assert loaded.sampling_algorithm.seed == 7
    assert (loaded.objective.goal, loaded.objective.primary_metric) == ("minimize", "loss")
    limits = loaded.limits
    assert (limits.max_total_trials, limits.max_concurrent_trials, limits.timeout, limits.trial_timeout) == (
        20,
        4,
        5400,
        600,
    )
    assert set(loaded.search_space) == set(EXPRESSIONS)
    assert loaded.search_space["choice"].values == [0.5, "l2", 3]
    assert (loaded.search_space["quniform"].min_value, loaded.search_space["quniform"].q) == (0, 2)
    assert (loaded.search_space["qlognormal"].mu, loaded.search_space["qlognormal"].sigma) == (0, 1)
    found = loaded.early_termination
    assert (found is None) == (not wanted)
    for key, value in wanted.items():
        assert getattr(found, key) == value
    if wanted:
        assert found.evaluation_interval == wanted.get("evaluation_interval", 1)


def test_aml_export_writes_it(tmp_path: Path) -> None:
    project = SweepProject(tmp_path)
    project.runconfig("--reports", "3")
    project.sweep_file()
    words = ("export", "-c", "t", "--hyperdrive-configuration-name", "sweep.yml", "--ct", "cpu", "-o", "job.yml")
    project.aml(*words)
    text = (tmp_path / "job.yml").read_text()
    assert "type: sweep" in text and "--x ${{search_space.x}}" in text and "max_total_trials: 4" in text


def test_the_job_that_is_sent_to_a_cluster(tmp_path: Path) -> None:
    azure = pytest.importorskip("azure.ai.ml")
    from amlrun.azure import job_tree
    from amlrun.errors import AmlError

    trial = CommandJob(["python", "train.py"], compute="cpu", environment=Environment(image="ubuntu:22.04"))
    job = to_sweep.load(write(tmp_path, POLICIES["factor"][0]), trial)
    tree = job_tree.tree(job, "HD_1", "exp", "code-id:1")
    loaded: Any = azure.load_job(io.StringIO(json.dumps(tree)))
    assert (loaded.type, loaded.name, loaded.experiment_name, loaded.compute) == ("sweep", "HD_1", "exp", "cpu")
    assert loaded.trial.code.removeprefix("azureml:") == "code-id:1"
    assert loaded.trial.command.startswith("python train.py --choice ${{search_space.choice}}")
    assert loaded.early_termination.evaluation_interval == 1 and loaded.early_termination.slack_factor == 0.2
    del job.search_space["normal"]
    with pytest.raises(AmlError, match=r"search_space\.normal"):
        job_tree.tree(job, "HD_1", "exp", None)
