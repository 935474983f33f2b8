"""The process that drives a search in the background: `python -m amlrun.automl RUN_FOLDER`, settings on stdin."""

from __future__ import annotations

import sys
from pathlib import Path

from amlrun.automl.search import Search
from amlrun.sweep.__main__ import main

if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Search))
