"""Run Azure ML run configurations here, offline, or on Azure ML compute: the library behind `aml`."""


def __getattr__(name: str) -> str:
    """`__version__`, read when asked for: the installed package's own record of it."""
    if name == "__version__":
        from importlib.metadata import version

        return version("amlrun")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
