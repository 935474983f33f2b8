"""Notebooks that are kept as Python scripts: Databricks' source files and Jupytext's per cent format."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from amlrun.cli.notebook import command
from amlrun.errors import AmlError
from amlrun.notebook import read

DATABRICKS = """\
# Databricks notebook source
# MAGIC %md
# MAGIC # My model

# COMMAND ----------

dbutils.widgets.text("alpha", "0.5", "Alpha")
dbutils.widgets.dropdown(name="solver", defaultValue="auto", choices=["auto", "svd"])
alpha = float(dbutils.widgets.get("alpha"))

# COMMAND ----------

# MAGIC %sql
# MAGIC select * from t where x = 1

# COMMAND ----------

# MAGIC %sh
# MAGIC ls /tmp

# COMMAND ----------

# DBTITLE 1,Train
import seaborn
print("alpha", alpha, dbutils.widgets.get("solver"))
"""
PERCENT = """\
# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # Title

# %%
# %matplotlib inline
# !pip install six
from __future__ import annotations
import tensorflow_addons
import os
import os as other
import os
x = 3
# %% tags=["a"]
print(x, other.sep, os.sep)
"""


def converted(folder: Path, text: str) -> tuple[str, dict[str, Any]]:
    source, target = folder / "source.py", folder / "train.py"
    source.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(command, ["convert", str(source), "-o", str(target), "--json"], catch_exceptions=False)
    report: dict[str, Any] = json.loads(done.stdout)
    return target.read_text(encoding="utf-8"), report


def test_a_databricks_notebook(tmp_path: Path) -> None:
    text, report = converted(tmp_path, DATABRICKS)
    assert {one["flag"]: one["default"] for one in report["options"]} == {"--alpha": "'0.5'", "--solver": "'auto'"}
    assert text.startswith('"""My model. Converted from source.py."""') and "import seaborn  # noqa: F401" in text
    assert "# select * from t where x = 1" in text and "ls /tmp" in text
    told = "\n".join(report["todo"])
    assert "cell 3: is a %%sql cell, not Python" in told and "cell 4: is a %%sh cell" in told and "dbutils" not in told
    plain = "\n".join(line for line in text.split("\n") if "seaborn" not in line)
    (tmp_path / "run.py").write_text(plain)
    done = subprocess.run([sys.executable, "run.py", "--alpha", "2"], cwd=tmp_path, capture_output=True, text=True)
    assert "alpha 2.0 auto" in done.stdout, done.stderr


def test_what_only_databricks_has_is_reported(tmp_path: Path) -> None:
    _, report = converted(tmp_path, '# Databricks notebook source\nx = 1\nprint(x, dbutils.fs.ls("/mnt"))\n')
    assert "dbutils" in "\n".join(report["todo"])


def test_the_per_cent_format(tmp_path: Path) -> None:
    text, report = converted(tmp_path, PERCENT)
    lines = text.split("\n")
    assert "import tensorflow_addons  # noqa: F401 - it works by being imported" in lines
    assert lines.count("import os") == 1 and "import os as other" in lines
    assert lines.index("from __future__ import annotations") < lines.index("import os")
    assert [one["flag"] for one in report["options"]] == ["--x"] and "jupytext:" not in text
    done = "\n".join(report["done"])
    assert "left out `%matplotlib inline`" in done and "left out the installation of six" in done


@pytest.mark.parametrize("text", ["print(1)\n", "# In[1]:\nprint(1)\n", ""])
def test_a_script_without_cells_is_called_that(tmp_path: Path, text: str) -> None:
    (tmp_path / "plain.py").write_text(text)
    with pytest.raises(AmlError, match="is a Python script without cells, not a notebook") as caught:
        read.load(tmp_path / "plain.py")
    assert "jupytext --to ipynb" in caught.value.hint


def test_a_notebook_is_not_written_over_itself(tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text(DATABRICKS)
    done = CliRunner().invoke(command, ["convert", str(source), "-o", str(source), "--overwrite"])
    assert "is the notebook itself" in str(done.exception) and source.read_text() == DATABRICKS


def test_an_import_that_adds_to_others_or_is_meant_is_kept(tmp_path: Path) -> None:
    text, _ = converted(
        tmp_path,
        "# %%\nimport swifter\nimport pandas_profiling\nimport pyjanitor\nimport my_plugins  # noqa: F401\n"
        "import json\nimport unused_one  # noqa: E501\n"
        "import pandas as pd\n# %%\ndf = pd.DataFrame({'a': [1]})\n"
        "print(df.swifter.apply(str), df.profile_report(), pd.io.json)\n",
    )
    lines = text.split("\n")
    assert "import swifter  # noqa: F401 - it works by being imported" in lines
    assert "import pandas_profiling  # noqa: F401 - it works by being imported" in lines
    assert "import my_plugins  # noqa: F401" in lines
    assert not any(name in text for name in ("pyjanitor", "import json", "unused_one"))
