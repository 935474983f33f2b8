"""Names of the Azure ML SDK v1, for scripts that `aml` runs where azureml-core is not installed.

Written from documentation; not Microsoft's code. A namespace package: it lives beside azureml-mlflow.
"""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)

from azureml._amlrun import finder as _finder

_finder.install()
