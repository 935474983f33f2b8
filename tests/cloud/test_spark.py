"""A v1 PySpark run configuration as a v2 Spark job. The stand-in runs its entry as plain Python, without Spark."""

from __future__ import annotations

from typing import Any

import pytest
from standin.project import Cloud

SCRIPT = """\
import os, sys
print("driver", sys.argv[1:], os.environ["GREETING"], flush=True)
open("outputs/count.txt", "w").write("3")
if "--fail" in sys.argv:
    sys.exit("the driver failed")
"""
CONFIG = """\
script: count.py
arguments: [--data, /data, --word, "a b"]
target: {target}
framework: PySpark
environmentVariables: {{GREETING: hello}}
spark:
  configuration: {{spark.executor.memory: 4g{more}}}
environment:
  python: {{condaDependenciesFile: aml_config/conda.yml}}
data:
  numbers:
    dataLocation: {{dataPath: {{datastoreName: workspaceblobstore, relativePath: numbers}}}}
    mechanism: mount
    pathOnCompute: /data
"""


@pytest.fixture
def spark(cloud: Cloud) -> Cloud:
    (cloud.path / "count.py").write_text(SCRIPT, encoding="utf-8")
    arrange(cloud)
    return cloud


def arrange(cloud: Cloud, target: str = "cpu-cluster", more: str = "") -> None:
    (cloud.path / "aml_config" / "train.runconfig").write_text(CONFIG.format(target=target, more=more))


def said(cloud: Cloud) -> dict[str, Any]:
    found: dict[str, Any] = cloud.workspace.jobs[cloud.run()["run_id"]].said
    return found


def test_a_spark_job_runs_in_a_pool_and_is_followed_and_fetched(spark: Cloud) -> None:
    done = spark.submit()
    assert done.code == 0, done.text
    place = "azureml://datastores/workspaceblobstore/paths/numbers"
    assert f"driver ['--data', '{place}', '--word', 'a b'] hello" in done.out
    sent = said(spark)
    assert sent["jobType"] == "Spark" and sent["entry"]["file"] == "count.py"
    assert str(sent["computeId"]).endswith("/cpu-cluster") and "resources" not in sent
    assert (sent["conf"]["spark.executor.memory"], sent["conf"]["spark.executor.instances"]) == ("4g", "2")
    assert sent["inputs"]["numbers"]["mode"] == "Direct" and sent["experimentName"] == "exp"
    record = spark.run()
    assert (record["status"], record["script_name"], record["target"]) == ("Completed", "count.py", "cpu-cluster")
    fetched = spark.aml("run", "download-logs", "-r", "run.json", "-d", "out")
    assert fetched.code == 0, fetched.text
    assert (spark.path / "runs" / record["run_id"] / "outputs" / "count.txt").read_text() == "3"
    assert "driver [" in (spark.path / "out" / "logs" / "azureml" / "driver" / "stdout").read_text()


def test_serverless_and_a_driver_that_fails(spark: Cloud) -> None:
    done = spark.submit("--ct", "Standard_E8S_V3", "count.py", "--fail")
    assert done.code == 1 and "the driver failed" in done.out, done.text
    sent = said(spark)
    assert sent["resources"] == {"instanceType": "Standard_E8S_V3", "runtimeVersion": "3.4"}
    assert not sent.get("computeId") and spark.run()["status"] == "Failed"


@pytest.mark.parametrize(
    ("target", "more", "words", "says"),
    [
        ("Standard_DS3_v2", "", (), "serverless Spark has no size 'Standard_DS3_v2'"),
        ("c", ", spark.dynamicAllocation.enabled: true", (), "requires spark.dynamicAllocation.minExecutors"),
        ("c", ", spark.dynamicAllocation.maxExecutors: 4", (), "need spark.dynamicAllocation.enabled: true"),
        ("c", "", ("gone.py",), "there is no 'gone.py'"),
        ("c", "", ("count.py", "${{inputs.gone}}"), "the command names ${{inputs.gone}}"),
    ],
)
def test_what_spark_would_refuse_is_said_before_any_request(
    spark: Cloud, target: str, more: str, words: tuple[str, ...], says: str
) -> None:
    arrange(spark, target, more)
    done = spark.submit(*words)
    assert done.code == 2 and says in done.err, done.text
    assert not spark.seen() and not (spark.path / "runs").exists()


def test_dynamic_allocation_begins_between_its_bounds(spark: Cloud) -> None:
    bounds = ", spark.dynamicAllocation.minExecutors: 3, spark.dynamicAllocation.maxExecutors: 4"
    arrange(spark, more=f", spark.dynamicAllocation.enabled: true{bounds}")
    done = spark.submit("--dry-run")
    assert done.code == 0 and "spark.executor.instances: 3" in done.out, done.text
