"""Runs from a notebook or script: started and ended in the same process, with evaluation and data by name."""

from amlrun.interactive.datasets import load_dataset as load_dataset
from amlrun.interactive.handle import InteractiveRun as InteractiveRun
from amlrun.interactive.run import start_logging as start_logging
