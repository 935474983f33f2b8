"""The names that scripts import from `azureml.core`. Written from documentation; not Microsoft's code."""

from azureml._amlrun.notes import lazily as _lazily
from azureml.core.dataset import Dataset
from azureml.core.datastore import Datastore
from azureml.core.experiment import Experiment
from azureml.core.keyvault import Keyvault
from azureml.core.model import Model
from azureml.core.run import Run, get_run
from azureml.core.workspace import Workspace

# No version of Microsoft's: scripts print it.
VERSION = __version__ = "0+aml"

__all__ = ["Dataset", "Datastore", "Experiment", "Keyvault", "Model", "Run", "Workspace", "VERSION", "get_run"]

__getattr__ = _lazily(__name__)
