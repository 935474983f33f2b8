"""Spark jobs of v1 and v2 on this machine, with a real Spark; one environment serves all."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from support.workplace import Workplace

# Kept between runs of the tests: pyspark is built from source, which takes a minute.
CACHE = str(Path(__file__).parents[2] / ".tools" / "spark")
SCRIPT = """\
import os, sys
{imports}
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
context = spark.sparkContext
print("args", sys.argv[1:])
print("spark", context.version[:3], context.master, context.appName, spark.conf.get("spark.sql.shuffle.partitions"))
print("heap", context._jvm.java.lang.Runtime.getRuntime().maxMemory() // 2**20)
{work}
open("outputs/count.txt", "w").write(str(spark.range(100).count()))
if "--fail" in sys.argv:
    sys.exit(7)
"""
CONFIG = """\
script: count.py
arguments: [--word, "a b"]
target: local
framework: PySpark
environmentVariables: {GREETING: hello}
spark:
  configuration:
    spark.app.name: counting
    spark.driver.memory: 700m
    spark.executor.instances: 1
    spark.executor.cores: 1
    spark.executor.memory: 4g
    spark.sql.shuffle.partitions: 3
environment:
  python: {condaDependenciesFile: conda.yml}
"""
JOB = """\
type: spark
code: .
entry: {file: train.py}
py_files: [helpers.zip]
files: [words.txt]
args: --data ${{inputs.numbers}} --fail
inputs:
  numbers: {type: uri_file, path: numbers.csv, mode: direct}
environment: {image: unused, conda_file: conda.yml}
conf: {spark.driver.cores: 1, spark.driver.memory: 1g, spark.executor.cores: 2, spark.executor.memory: 1g,
       spark.executor.instances: 2, spark.yarn.appMasterEnv.GREETING: hello}
resources: {instance_type: standard_e4s_v3, runtime_version: "3.5"}
compute: local
"""


@pytest.fixture
def place(workplace: Workplace) -> Workplace:
    files = {
        "conda.yml": "dependencies:\n- python=3.11\n- pip:\n  - six\n", "numbers.csv": "1\n2\n3\n",
        "words.txt": "from a file", "job.yml": JOB, "aml_config/spark.runconfig": CONFIG,
        "count.py": SCRIPT.format(imports="", work="print('variable', context.parallelize([1]).map("
                                  "lambda one: os.environ['GREETING']).collect())"),
        "train.py": SCRIPT.format(
            imports="import helpers\nfrom pyspark import SparkFiles",
            work="print('sum', spark.read.csv(sys.argv[2]).rdd.map(lambda row: helpers.double(int(row[0]))).sum())\n"
            "print(open(SparkFiles.get('words.txt')).read(), os.environ['GREETING'])",
        ),
    }  # fmt: skip
    for name, text in files.items():
        (workplace.model / name).write_text(text, encoding="utf-8")
    with zipfile.ZipFile(workplace.model / "helpers.zip", "w") as archive:
        archive.writestr("helpers.py", "def double(number):\n    return 2 * number\n")
    return workplace


def test_a_pyspark_run_configuration(place: Workplace) -> None:
    words = ("run", "submit-script", "-c", "spark", "-e", "exp")
    done = place.aml(*words, env={"AML_CACHE_DIR": CACHE})
    assert "Spark runs on this machine, as local[1]" in done.stdout
    assert "conda.yml does not name pyspark==3.5.*" in done.stdout
    assert "spark.runconfig:12: spark.configuration: spark.executor.memory: no effect" in done.stdout
    assert "args ['--word', 'a b']" in done.stdout and "spark 3.5 local[1] counting 3" in done.stdout
    assert "heap 700" in done.stdout and "variable ['hello']" in done.stdout
    assert (place.latest() / "outputs" / "count.txt").read_text() == "100"


def test_a_v2_spark_job(place: Workplace) -> None:
    done = place.aml("job", "create", "-f", "job.yml", "-e", "exp", env={"AML_CACHE_DIR": CACHE}, code=1)
    assert "sum 12" in done.stdout and "from a file hello" in done.stdout
    assert "conf: spark.driver.cores, spark.executor.memory: no effect on one machine" in done.stdout
    assert place.record()["exit_code"] == 7


def test_a_package_that_cannot_be_had(place: Workplace) -> None:
    config = place.model / "aml_config" / "spark.runconfig"
    more = "  spark: {packages: [{group: org.example.nowhere, artifact: gone, version: 1.0}]}\n"
    config.write_text(config.read_text() + more)
    done = place.aml("run", "submit-script", "-c", "spark", "-e", "exp", env={"AML_CACHE_DIR": CACHE}, code=1)
    wanted = "spark.runconfig:16: environment.spark.packages: org.example.nowhere:gone could not be downloaded"
    assert wanted in done.stdout + done.stderr
