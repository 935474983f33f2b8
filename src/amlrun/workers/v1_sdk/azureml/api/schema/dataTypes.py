"""2017's types of a service's input. Written from documentation; not Microsoft's code."""


class DataTypes:
    """Their names."""

    STANDARD = "standard"
    NUMPY = "numpy"
    PANDAS = "pandas"
    SPARK = "spark"
