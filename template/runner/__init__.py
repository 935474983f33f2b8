"""Run Azure ML run configurations here, offline, or on Azure ML compute: the module behind `aml`."""

# The template's version; pyproject.toml of the template says the same.
__version__ = "0.1.0"
