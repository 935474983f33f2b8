"""A PySpark run configuration → a v2 Spark job."""

from __future__ import annotations

from amlrun.spec.job import Resources, Scalar, SparkJob
from amlrun.spec.spark_settings import SparkSettings, no_effect
from amlrun.v1.runconfig.context import TranslationContext

# v2 wants these five said; v1 left them to the cluster.
SIZES: dict[str, Scalar] = {
    "spark.driver.cores": 1,
    "spark.driver.memory": "2g",
    "spark.executor.cores": 2,
    "spark.executor.memory": "2g",
    "spark.executor.instances": 2,
}
_FILLERS = {"spark.app.name": "Azure ML Experiment", "spark.yarn.maxAppAttempts": 1}


def is_spark(context: TranslationContext) -> bool:
    """Whether the file asks for Spark."""
    return context.config.choice("framework") in ("PySpark", "PySparkInteractive")


def translate(context: TranslationContext) -> SparkJob:
    """The Spark job of a translated command job; call after everything else."""
    job = context.job
    words = job.command if isinstance(job.command, list) else []
    spark = SparkJob(
        entry=job.script or (words[1] if len(words) > 1 else "SCRIPT"),
        args=words[2:],
        code=job.code,
        inputs=job.inputs,
        outputs=job.outputs,
        conf={**SIZES, **_settings(context)},
        compute=None if job.compute == "local" else job.compute,
        identity=job.identity,
        local=job.local,
    )
    if job.environment is not None and job.environment.conda_file is not None:
        spark.environment = job.environment
    # Spark reads and writes data where it lies; v2 refuses mounts there.
    for data in spark.inputs.values():
        data.mode = "direct"
    for output in spark.outputs.values():
        output.mode = "direct"
    size = job.resources.instance_type if job.resources else None
    spark.resources = Resources(instance_type=size or "standard_e4s_v3", runtime_version="3.4")
    if spark.compute is not None:
        spark.resources = None
    context.mapped(("framework",), "type", "spark")
    for name, value in job.environment_variables.items():
        # The executors', and the driver's own (https://spark.apache.org/docs/latest/configuration.html).
        spark.conf |= {f"spark.executorEnv.{name}": value, f"spark.yarn.appMasterEnv.{name}": value}
    return spark


def _settings(context: TranslationContext) -> dict[str, Scalar]:
    config = context.config
    found: dict[str, Scalar] = {}
    value = config.value("spark", "configuration")
    if value is not None and isinstance(value.value, dict):
        for name, setting in value.value.items():
            entry = ("spark", "configuration", name)
            if _FILLERS.get(name) == setting:
                context.set(entry, "ignored", "the example value that v1's tools wrote into every file", quiet=True)
            elif isinstance(setting, (str, int, float, bool)):
                found[name] = setting
                context.mapped(entry, f"conf.{name}")
        context.mapped(("spark", "configuration"), "conf")
    packages = [
        ":".join(str(part.get(name)) for name in ("group", "artifact", "version"))
        for part in config.get("environment", "spark", "packages") or []
        if all(part.get(name) for name in ("group", "artifact", "version"))
    ]
    for key, setting, listed in (
        ("packages", "spark.jars.packages", packages),
        ("repositories", "spark.jars.repositories", list(config.words("environment", "spark", "repositories"))),
    ):
        if listed:
            found[setting] = ",".join(listed)
            context.mapped(("environment", "spark", key), f"conf.{setting}")
    return found


def on_this_machine(context: TranslationContext) -> None:
    """PySpark with target local: the script gets a Spark of its own, with the file's settings.

    What has an effect on a machine over ssh depends on whether it has spark-submit; that is said at submit.
    """
    conf = _settings(context)
    file = context.config.file.name if context.config.file else ""
    places = {}
    for name in conf:
        why = no_effect(name)
        written = context.config.values[("spark", "configuration")] if why else None
        if written is not None and context.machine:
            places[name] = f"{file}:{written.lines.get(name, written.line)}: spark.configuration"
        elif written is not None:
            context.set(("spark", "configuration", name), "ignored", why)
            context.config.note(("spark", "configuration"), f"{name}: no effect: {why}", written.lines.get(name))
    place = f"{file}:{context.config.line('environment', 'spark', 'packages')}"
    packages = str(conf.get("spark.jars.packages", ""))
    context.job.local.spark = SparkSettings(
        conf=conf,
        places={name: f"{place}: environment.spark.packages" for name in packages.split(",") if name} | places,
    )
    context.mapped(("framework",), "type", "spark; here Spark runs on this machine")
    precache = ("environment", "spark", "precachePackages")
    if context.config.value(*precache) is not None:
        context.set(precache, "ignored", "Spark keeps what it has fetched", quiet=True)


def unused(context: TranslationContext, why: str) -> None:
    """Spark's settings have no effect, and why; said at submit only where Spark was asked for."""
    for key, value in context.config.values.items():
        if value.field is not None and (key[0] == "spark" or key[:2] == ("environment", "spark")):
            context.set(key, "ignored", why, quiet=not is_spark(context))
