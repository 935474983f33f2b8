"""SDK v1's packages in conda files."""

from __future__ import annotations

from pathlib import Path

import pytest

from amlrun.prepare import v1_packages


@pytest.mark.parametrize(
    ("pips", "installed"),
    [
        (["azureml-defaults"], {"mlflow-skinny"}),
        (["azureml-defaults==1.19.0", "scikit-learn"], {"scikit-learn", "mlflow-skinny"}),
        (["azureml-sdk[notebooks]==1.0.76", "azureml_widgets", "mlflow"], {"mlflow", "pandas"}),
        (["azureml-dataset-runtime[fuse,pandas]~=1.30", "AzureML-Telemetry"], {"mlflow-skinny", "pandas"}),
        (["azureml-defaults", "azureml-dataprep[pandas]", "pandas==2.2", "azureml-mlflow"],
         {"pandas==2.2", "azureml-mlflow"}),
        # These want the SDK itself.
        (["azureml-core>=1.50"], {"azureml-core>=1.50"}),
        (["azureml-defaults>=1.50", "azureml-core==1.60"], {"azureml-defaults>=1.50", "azureml-core==1.60"}),
        (["azureml-sdk[automl]>=1.50"], {"azureml-sdk[automl]>=1.50"}),
        (["azureml-defaults>=1.50", "azureml-interpret~=1.50"], {"azureml-defaults>=1.50", "azureml-interpret~=1.50"}),
        (["azureml-train-automl-runtime>=1.50", "azureml-train-core>=1.50"],
         {"azureml-train-automl-runtime>=1.50", "azureml-train-core>=1.50"}),
        (["azureml-mlflow", "azureml-inference-server-http"], {"azureml-mlflow", "azureml-inference-server-http"}),
    ],
)  # fmt: skip
def test_they_are_left_out_where_nothing_needs_them(tmp_path: Path, pips: list[str], installed: set[str]) -> None:
    file = tmp_path / "conda.yml"
    file.write_text("dependencies:\n  - python=3.11\n  - pip:\n" + "".join(f"      - {line}\n" for line in pips))
    found = v1_packages.read(file)
    assert {one.text for one in found.requirements} - {"pip"} == installed
    told = [line for line in found.substitutions if "left out (retired" in line]
    assert bool(told) == (len(set(pips) - installed) > 0)
    if told:
        assert len(found.substitutions) == 1
        assert ">=1.50" not in told[0]
        assert told[0].endswith("To use SDK v1 itself, name azureml-core")
