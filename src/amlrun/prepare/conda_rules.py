"""What became of the packages that old Azure ML conda files name: left out, renamed, or first built for a Python later.

Wheels were counted on PyPI for Linux: the lowest version that has one for a Python.
"""

from __future__ import annotations

import re

from amlrun.dataclass import dataclass
from amlrun.prepare.conda_names import is_python

# The oldest Python that packages of today are built for, and the one proposed in place of an older one.
OLDEST_PYTHON, PROPOSED_PYTHON = (3, 10), "3.11"
# What SDK v1's packages were there for, in a training's file and in a scoring service's.
TRAINING = ("mlflow-skinny>=3.10,<3.16", "sqlalchemy>=2,<3", "alembic>=1.13,<2", "azureml-mlflow>=1.60,<2")
SCORING = ("azureml-inference-server-http>=1.5,<2",)

_RENAMED = {
    "sklearn": ("scikit-learn", "sklearn on PyPI cannot be installed; the package is scikit-learn"),
    "skimage": ("scikit-image", "the package is scikit-image"),
    "fbprophet": ("prophet", "fbprophet was renamed; the script must import prophet"),
    "pytorch-transformers": ("transformers", "pytorch-transformers was renamed; the script must import transformers"),
    "tensorflow-gpu": ("tensorflow", "tensorflow-gpu is part of tensorflow"),
    "azureml-monitoring": ("azureml-ai-monitoring", "SDK v2's collector replaced ModelDataCollector"),
    "opencv": ("opencv-python-headless", "on PyPI it is opencv-python-headless"),
    "pil": ("pillow", "the package is pillow"),
    "dotenv": ("python-dotenv", "the package is python-dotenv"),
}
_KEPT_AZUREML = ("azureml-mlflow", "azureml-inference-server-http", "azureml-ai-monitoring", "azureml-fsspec")
_SDK = ("azureml-defaults", "azureml-sdk", "azureml-core")
_NO_COUNTERPART = re.compile(r"azureml-(?:automl|train-automl|interpret|explain|contrib|opendatasets)")
_GONE = {
    "azure-ml-api-sdk": "the Workbench package of 2017 has no counterpart",
    "azureml-model-management-sdk": "the Workbench package of 2017 has no counterpart",
    "nb-conda": "only a notebook server uses it", "nb-conda-kernels": "only a notebook server uses it",
    "horovod": "it has no wheel; use torch.distributed or TensorFlow's MultiWorkerMirroredStrategy",
    "pickle5": "it is part of Python since 3.8", "dataclasses": "it is part of Python since 3.7",
    "enum34": "it is part of Python", "pathlib": "it is part of Python", "typing": "it is part of Python",
    "futures": "it is part of Python", "argparse": "it is part of Python",
}  # fmt: skip
# Only in a notebook server; a pin that cannot be had is left out rather than loosened.
NOTEBOOK = ("ipykernel", "ipython", "notebook", "jupyter", "jupyterlab", "ipywidgets", "jupyter-core")
_FIRST_WHEEL: dict[str, dict[str, str]] = {
    "3.10": {"numpy": "1.21.2", "scipy": "1.7.2", "pandas": "1.3.3", "scikit-learn": "1.0.2", "matplotlib": "3.5.0",
             "tensorflow": "2.8.0", "torch": "1.11.0", "pyarrow": "6.0.0", "pillow": "8.3.2", "numba": "0.55.0",
             "h5py": "3.6.0", "statsmodels": "0.13.1", "prophet": "1.1", "onnxruntime": "1.12.0", "shap": "0.41.0"},
    "3.11": {"numpy": "1.23.2", "scipy": "1.9.2", "pandas": "1.5.0", "scikit-learn": "1.1.3", "matplotlib": "3.6.0",
             "tensorflow": "2.12.0", "torch": "1.13.0", "pyarrow": "10.0.1", "pillow": "9.2.0", "numba": "0.57.0",
             "h5py": "3.8.0", "statsmodels": "0.13.3", "prophet": "1.1.2", "onnxruntime": "1.15.0", "shap": "0.42.0"},
    "3.12": {"numpy": "1.26.0", "scipy": "1.11.2", "pandas": "2.1.1", "scikit-learn": "1.3.1", "matplotlib": "3.7.3",
             "tensorflow": "2.16.1", "torch": "2.2.0", "pyarrow": "14.0.0", "pillow": "10.0.0", "numba": "0.59.0",
             "h5py": "3.10.0", "statsmodels": "0.14.0", "prophet": "1.1.2", "onnxruntime": "1.17.0", "shap": "0.45.0"},
}  # fmt: skip
# What changed for old code, and the version from which on.
_REMARKS = {
    "scikit-learn": ("0", "models saved with the old version have to be trained again"),
    "tensorflow": ("2", "code for TensorFlow 1.x needs tf.compat.v1"),
    "numpy": ("1.24", "np.float, np.int, np.bool, np.object and np.str left NumPy in 1.24"),
    "pandas": ("2", "DataFrame.append, .ix and .iteritems were removed"),
}
# The first version whose wheels were built for NumPy 2 (numpy/numpy#26191); older ones say nothing of it and fail when
# they are imported beside it.
_FOR_NUMPY_2 = {
    "scikit-learn": "1.4.2", "pandas": "2.2.2", "scipy": "1.13.0", "matplotlib": "3.8.4", "statsmodels": "0.14.2",
    "h5py": "3.11.0", "pyarrow": "16.0.0", "numba": "0.60.0", "shap": "0.46.0", "scikit-image": "0.23.1",
    "torch": "2.3.0", "opencv-python": "4.10.0.84", "opencv-python-headless": "4.10.0.84", "onnxruntime": "1.19.0",
    "bottleneck": "1.4.0", "numexpr": "2.10.0", "pywavelets": "1.6.0", "tables": "3.10.0", "hdbscan": "0.8.37",
    "tensorflow": "2.18.0", "gensim": "4.3.3", "prophet": "1.1.6", "pycocotools": "2.0.8", "shapely": "2.0.4",
}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """What is to be done with a package: another name, or, with an empty one, nothing; and why."""

    name: str
    reason: str
    replaces_sdk: bool = False


def normal(name: str) -> str:
    """A project's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def rule(name: str, *, conda: bool, others: set[str]) -> Rule | None:
    """What became of a package; None when it is still there. `others` are the file's packages, by normal names."""
    plain = normal(name)
    if plain in _SDK:
        return Rule("", "SDK v1 is retired", True)
    if plain in _RENAMED:
        return Rule(*_RENAMED[plain])
    if plain.startswith("azureml-") and plain not in _KEPT_AZUREML:
        more = ", and has no counterpart: scripts that import it need a change" if _NO_COUNTERPART.match(plain) else ""
        return Rule("", f"SDK v1 is retired{more}")
    if plain in _GONE:
        return Rule("", _GONE[plain])
    if plain == "keras" and others & {"tensorflow", "tensorflow-gpu", "tensorflow-cpu"}:
        return Rule("", "it is installed with tensorflow")
    if conda and not is_python(name):
        return Rule("", "a C library or a program: the Python packages that need it include it")
    return None


def brought_by_sdk(names: set[str]) -> tuple[str, ...]:
    """What a file's packages, by normal names, had from SDK v1: scripts rely on it (microsoft/MLOpsPython)."""
    return ("pandas",) if "azureml-sdk" in names and "pandas" not in names else ()


def remark(name: str, spec: str) -> str:
    """What the version that `spec` (`==1.5`, `>=1.5`, empty) gives changes for old code, or an empty string."""
    since, text = _REMARKS.get(normal(name), ("", ""))
    exact = re.fullmatch(r"==(\d[\w.]*)", spec)
    return text if since and (exact is None or not _before(exact[1], since)) else ""


def only_numpy_1(name: str, version: str) -> bool:
    """Whether this version's wheels were built before NumPy 2, though its metadata allows it."""
    first = _FOR_NUMPY_2.get(normal(name))
    return first is not None and _before(version, first)


def _before(version: str, other: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version) < Version(other)
    except InvalidVersion:
        return False


def first_wheel(name: str, python: str) -> str | None:
    """The lowest version with a wheel for a Python, where that was counted."""
    table = _FIRST_WHEEL.get(python) or (_FIRST_WHEEL["3.12"] if python > "3.12" else {})
    return table.get(normal(name))
