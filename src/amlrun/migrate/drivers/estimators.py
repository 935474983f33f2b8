"""SDK v1's estimators (scikit-learn, PyTorch, TensorFlow, Chainer, generic) as run configuration and conda file.

What a framework's estimator installed by itself cannot be installed today (Python 3.6): its packages are written
without versions, and the old list stands in a comment.
"""

from __future__ import annotations

import re
from typing import Any

from amlrun.migrate.drivers import environments
from amlrun.migrate.drivers.context import Construction, ConversionContext, stem
from amlrun.migrate.drivers.data import data
from amlrun.migrate.drivers.packages import Packages, from_tree, listed
from amlrun.migrate.drivers.runconfigs import ordered, settings
from amlrun.migrate.drivers.signatures import bound
from amlrun.migrate.drivers.values import NOTHING, Gap, SdkObject, gaps_in, known
from amlrun.migrate.drivers.views import View

KINDS = ("Estimator", "SKLearn", "PyTorch", "TensorFlow", "Chainer")
# Framework, version → what its estimator installed beside azureml-defaults; the first is the default version.
_INSTALLED: dict[str, dict[str, str]] = {
    "SKLearn": {"0.20.3": "scikit-learn==0.20.3 scipy==1.2.1 joblib==0.13.2"},
    "PyTorch": {
        "1.4": "torch==1.4.0 torchvision==0.5.0 horovod==0.18.1 tensorboard==1.14.0 future==0.17.1",
        "1.0": "torch==1.0 torchvision==0.4.1 horovod==0.18.1",
        "1.1": "torch==1.1 torchvision==0.4.1 horovod==0.18.1 tensorboard==1.14.0 future==0.17.1",
        "1.2": "torch==1.2 torchvision==0.4.1 horovod==0.18.1 tensorboard==1.14.0 future==0.17.1",
        "1.3": "torch==1.3.1 torchvision==0.4.1 horovod==0.18.1 tensorboard==1.14.0 future==0.17.1",
        "1.5": "torch==1.5.0 torchvision==0.5.0 horovod==0.19.1 tensorboard==1.14.0 future==0.17.1",
        "1.6": "torch==1.6.0 torchvision==0.5.0 horovod==0.19.5 tensorboard==1.14.0 future==0.17.1",
    },
    "TensorFlow": {
        "1.13": "tensorflow==1.13.1 horovod==0.16.1 azureml-dataset-runtime[fuse,pandas]",
        "1.10": "tensorflow==1.10.0 horovod==0.15.2 azureml-dataset-runtime[fuse,pandas]",
        "1.12": "tensorflow==1.12.0 horovod==0.15.2 azureml-dataset-runtime[fuse,pandas]",
        "2.0": "tensorflow==2.0.0 horovod==0.18.1",
        "2.1": "tensorflow==2.1.0 horovod==0.19.1",
        "2.2": "tensorflow==2.2.0 horovod==0.19.5",
        "2.3": "tensorflow==2.3.0 horovod==0.20.0 cmake==3.18.2",
    },
    "Chainer": {"5.1.0": "chainer==5.1.0 mpi4py==3.0.0", "7.0.0": "chainer==7.0.0 mpi4py==3.0.0"},
}
# Framework, version → where they ran, where that is another place than the framework's other versions'.
_INTEL, _OPEN = "Python 3.6.2, base image intelmpi2018.3-ubuntu16.04", "base image openmpi{}"
_RAN_IN: dict[str, dict[str, str]] = {
    "SKLearn": {"": _INTEL},
    "PyTorch": {"": _INTEL, **dict.fromkeys(("1.4", "1.5", "1.6"), _OPEN.format("3.1.2-ubuntu16.04"))},
    "TensorFlow": {"": _INTEL, **dict.fromkeys(("2.0", "2.1", "2.2", "2.3"), _OPEN.format("4.1.0-ubuntu20.04"))},
    "Chainer": {"": _INTEL},
}
_TODAY = {
    "SKLearn": ["scikit-learn", "joblib"],
    "PyTorch": ["torch", "torchvision"],
    "TensorFlow": ["tensorflow"],
    "Chainer": ["chainer", "mpi4py", "openmpi"],
}
_BACKENDS = {
    "mpi": ("Python", "Mpi"), "gloo": ("PyTorch", "Gloo"), "nccl": ("PyTorch", "Nccl"),
    "ps": ("TensorFlow", "ParameterServer"),
}  # fmt: skip


def estimator(context: ConversionContext, made: SdkObject) -> Construction:
    """Write the run configuration and the conda file of an estimator."""
    done = context.note(made, made.name)
    given = bound(made)
    if "**" in given:
        done.reason = f"its arguments are {given['**'].reason}"
        return done
    script = given.get("entry_script")
    if not script or isinstance(known(script), Gap):
        done.reason = f"its script is {known(script).reason}" if script else "it names no script"
        return done
    tree: dict[str, Any] = {"script": script}
    sections = [found for item in listed(given.get("inputs")) if (found := data(item)) is not None]
    given["arguments"] = _arguments(given.get("script_params"), done)
    name = stem(script, made.variable or "train")
    _distribution(tree, given, done)
    if given.get("vm_size") and not given.get("compute_target"):
        given["compute_target"] = "amlcompute"
        tree["amlcompute"] = {"vmSize": given["vm_size"]} | (
            {"vmPriority": given["vm_priority"]} if given.get("vm_priority") else {}
        )
    if given.get("shm_size"):
        tree["docker"] = {"shmSize": given["shm_size"]}
    environment = given.pop("environment_definition", None)
    if environment is not None:
        given["environment"] = environment
    settings(context, done, tree, View([(made, "run_config.")]), given, sections, name)
    if done.reason:
        return done
    head: list[str] = []
    if environment is None:
        _environment(context, made, done, tree, given, name, head)
        context.sections[id(made)] = tree["environment"]
    context.write(name, ".runconfig", ordered(tree), made, head)
    return done


def _arguments(value: Any, done: Construction) -> Any:
    """`script_params` as a list: key, value, key, value; an empty value leaves the key alone."""
    params = known(value)
    if params is None or isinstance(params, Gap):
        return None if params is None else [Gap(params.reason, params.line, "script_params", NOTHING, params.file)]
    if isinstance(value, Gap):
        done.gaps.append(value)
    if not isinstance(params, dict):
        return params
    words: list[Any] = []
    for key, item in params.items():
        words.append(str(key))
        if known(item) not in ("", None):
            words.append(item)
    return words


def _distribution(tree: dict[str, Any], given: dict[str, Any], done: Construction) -> None:
    backend = known(given.get("distributed_backend"))
    done.gaps += gaps_in(given.get("distributed_backend"))
    if isinstance(backend, str) and backend.lower() in _BACKENDS:
        tree["framework"], tree["communicator"] = _BACKENDS[backend.lower()]
        if backend.lower() == "ps":
            tree["tensorflow"] = {"workerCount": given.get("worker_count", 1),
                                  "parameterServerCount": given.get("parameter_server_count", 1)}  # fmt: skip
    count = given.get("process_count_per_node")
    if count is not None and known(count) != 1:
        tree["mpi"] = {"processCountPerNode": count}


def _environment(
    context: ConversionContext,
    made: SdkObject,
    done: Construction,
    tree: dict[str, Any],
    given: dict[str, Any],
    name: str,
    head: list[str],
) -> None:
    section: dict[str, Any] = tree.setdefault("environment", {})
    image = given.get("custom_docker_image", given.get("custom_docker_base_image"))
    if image:
        section.setdefault("docker", {})["baseImage"] = image
    elif known(given.get("use_gpu")) is True:
        head.append(
            "use_gpu chose an image with CUDA: name one as environment.docker.baseImage if the default has none."
        )
    if given.get("image_registry_details") is not None:
        done.notes.append("the registry's login is not copied: make a workspace connection to the registry")
    if known(given.get("user_managed")) is True:
        section["python"] = {"userManagedDependencies": True}
        return
    if "python" in section:
        return
    file = given.get("conda_dependencies_file", given.get("conda_dependencies_file_path"))
    if file is not None:
        inside = _in_source(given, file)
        file = inside if context.exists(context.resolve(inside)) else file
        section["python"] = environments.conda(context, file, [], done, name)
        return
    found = Packages(name)
    version = known(given.get("framework_version"))
    release, old = _installed(made.name, version)
    if not old:
        found.remarks = ["The estimator installed azureml-defaults beside these."]
    if old:
        place = _RAN_IN[made.name].get(release, _RAN_IN[made.name][""])
        found.conda, found.pip = [], list(_TODAY[made.name])
        found.remarks = [f"The {made.name} estimator installed: {old}", f"They ran in: {place}"]
        if made.name == "PyTorch":
            found.remarks.append("It also set the environment variable NCCL_TREE_THRESHOLD=0.")
        if "horovod" in old and tree.get("communicator") == "Mpi":
            found.remarks.append(
                "horovod has no wheel: use torch.distributed, or TensorFlow's MultiWorkerMirroredStrategy."
            )
        if made.name == "TensorFlow" and old.startswith("tensorflow==1."):
            found.remarks.append("A script for TensorFlow 1.x needs tf.compat.v1.")
        if made.name == "SKLearn":
            found.remarks.append(
                "sklearn.externals.joblib is now joblib; models saved with 0.20 have to be trained again."
            )
    found.conda += listed(given.get("conda_packages"))
    found.pip += [one for one in listed(given.get("pip_packages")) if _new(one, found)]
    requirements = given.get("pip_requirements_file", given.get("pip_requirements_file_path"))
    if isinstance(known(requirements), str):
        text = context.lookup(context.place(context.resolve(_in_source(given, requirements))))
        if text is None:
            done.notes.append(f"{known(requirements)} is not in the repository: its packages are missing")
        else:
            lines = [line.split("#")[0].strip() for line in text.splitlines()]
            found.pip += from_tree({"dependencies": [{"pip": [line for line in lines if line]}]}, "").pip
    section["python"] = environments.write(context, found, made, done)
    del context.names[id(made)]


def _in_source(given: dict[str, Any], file: Any) -> str:
    folder = known(given.get("source_directory"))
    return f"{folder}/{known(file)}" if isinstance(folder, str) else str(known(file))


def _new(package: Any, found: Packages) -> bool:
    """The user's own pin replaces what is written for the framework."""
    plain = known(package)
    if not isinstance(plain, str):
        return True
    project = re.split(r"[\s<>=!~\[;]", plain.strip(), maxsplit=1)[0].lower()
    if project in found.pip:
        found.pip.remove(project)
    return True


def _installed(name: str, version: Any) -> tuple[str, str]:
    """The release that a framework's estimator took for that version, and its packages; empty for the generic one."""
    versions = _INSTALLED.get(name)
    if not versions:
        return "", ""
    if isinstance(version, str):
        short = ".".join(version.split(".")[:2])
        for key, packages in versions.items():
            if key.startswith(short):
                return key, packages
    return next(iter(versions.items()))
