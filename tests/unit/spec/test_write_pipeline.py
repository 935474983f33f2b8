"""Steps of every kind, written back as YAML: azure-ai-ml loads it, and it reads as what it was."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from amlrun.pipeline.load import load
from amlrun.spec import write

pytestmark = pytest.mark.unit
PIPELINE = """\
type: pipeline
settings: {default_compute: azureml:c, continue_on_step_failure: false}
inputs: {raw: {type: uri_folder, path: data}}
jobs:
  search:
    type: sweep
    sampling_algorithm: {type: random, seed: 1}
    objective: {primary_metric: score, goal: maximize}
    early_termination: {type: bandit, slack_factor: 0.1, evaluation_interval: 2, delay_evaluation: 3}
    limits: {max_total_trials: 4, max_concurrent_trials: 2, timeout: 3600}
    search_space: {rate: {type: uniform, min_value: 0.0, max_value: 1.0}}
    inputs: {raw: "${{parent.inputs.raw}}"}
    outputs: {model: {type: custom_model}}
    trial:
      type: command
      command: python step.py --raw ${{inputs.raw}} --rate ${{inputs.rate}} --out ${{outputs.model}}
      code: src
      environment: azureml:env:1
      inputs: {raw: {type: uri_folder}, rate: {type: number}}
      outputs: {model: {type: custom_model}}
  count:
    type: spark
    code: src
    entry: {file: step.py}
    args: --raw ${{inputs.raw}}
    conf: {spark.driver.cores: 1, spark.driver.memory: 2g, spark.executor.cores: 2, spark.executor.memory: 2g,
           spark.executor.instances: 2}
    resources: {instance_type: standard_e4s_v3, runtime_version: "3.4"}
    inputs: {raw: {type: uri_folder, path: "${{parent.inputs.raw}}", mode: direct}}
  many:
    type: parallel
    input_data: ${{inputs.raw}}
    mini_batch_size: "5"
    mini_batch_error_threshold: 2
    max_concurrency_per_instance: 2
    retry_settings: {max_retries: 2, timeout: 60}
    task: {type: run_function, code: src, entry_script: step.py, environment: azureml:env:1,
           append_row_to: "${{outputs.rows}}"}
    inputs: {raw: "${{parent.inputs.raw}}"}
    outputs: {rows: {type: uri_file}}
"""


def test_it_loads_and_reads_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "src" / "step.py").write_text("", encoding="utf-8")
    file = tmp_path / "pipeline.yml"
    file.write_text(PIPELINE, encoding="utf-8")
    before = load(file, tmp_path)
    text = write.text(before, tmp_path)
    file.write_text(text, encoding="utf-8")
    after = load(file, tmp_path)
    assert list(after.jobs) == ["search", "count", "many"]
    for name, step in before.jobs.items():
        assert after.jobs[name].job == step.job, name
        assert after.jobs[name].sweep == step.sweep and after.jobs[name].inputs == step.inputs, name
    monkeypatch.chdir(tmp_path)
    from azure.ai.ml import load_job

    loaded = load_job(io.StringIO(text))
    assert {name: node.type for name, node in loaded.jobs.items()} == {
        "search": "sweep", "count": "spark", "many": "parallel",
    }  # fmt: skip
