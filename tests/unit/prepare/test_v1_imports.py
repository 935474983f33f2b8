"""Where scripts import SDK v1 and log with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from amlrun.prepare import v1_imports


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("from azureml.core import Run", True),
        ("import azureml.core", True),
        ("from azureml import core", True),
        ("from azureml.data.dataset_factory import TabularDatasetFactory as T", True),
        ("def f():\n    from azureml.logging import get_azureml_logger", True),
        ("import azureml.mlflow", False),
        ("from azureml.ai.monitoring import Collector", False),
        ("from azureml import mlflow", False),
        ("from azureml.contrib.services.aml_request import rawhttp", False),
        ("import azureml", False),
        ("text = 'from azureml.core import Run'  # from azureml.core import Run", False),
        ("print 'Python 2'\nfrom azureml.core import Run", False),
    ],
)
def test_only_sdk_v1_counts(tmp_path: Path, line: str, counts: bool) -> None:
    (tmp_path / "train.py").write_text(line + "\n")
    assert bool(v1_imports.of_command(["python", "train.py"], tmp_path, "train.py").imports) is counts


def test_modules_of_the_snapshot_are_followed(tmp_path: Path) -> None:
    (tmp_path / "src" / "pkg" / "deep").mkdir(parents=True)
    (tmp_path / "src" / "train.py").write_text("from pkg import steps\nimport numpy as np\nnp.log(1, 2)\n")
    (tmp_path / "src" / "pkg" / "__init__.py").write_text("")
    (tmp_path / "src" / "pkg" / "steps.py").write_text("from .deep.run import log_all\nfrom . import steps\n")
    (tmp_path / "src" / "pkg" / "deep" / "run.py").write_text(
        "from azureml.core import Run\n\nrun = Run.get_context()\nlogging.log(10, 'x')\nself.run.log_row('a', b=1)\n"
        "run.log(name='a', value=1)\n"
    )
    (tmp_path / "driver.py").write_text("from azureml.core import ScriptRunConfig\n")
    uses = v1_imports.of_command(["python", "src/train.py"], tmp_path, "src/train.py")
    assert [(str(one), one.what) for one in uses.imports] == [("src/pkg/deep/run.py:1", "from azureml.core import Run")]
    assert [str(one) for one in uses.logs] == ["src/pkg/deep/run.py:5", "src/pkg/deep/run.py:6"]


def test_a_folder_that_the_script_puts_on_its_path_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "train.py").write_text("import sys\nsys.path.append('src')\nimport logs\n")
    (tmp_path / "src" / "logs.py").write_text("import azureml.core\n")
    uses = v1_imports.of_command(["python", "train.py"], tmp_path, "train.py")
    assert [str(one) for one in uses.imports] == ["src/logs.py:1"]


def test_a_shell_line_s_scripts_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("from azureml.core import Run\n")
    assert v1_imports.of_command("echo 'a b' && python a.py --x 1", tmp_path, None).imports
    assert not v1_imports.of_command("echo 'never ended && python b.py", tmp_path, None).imports
