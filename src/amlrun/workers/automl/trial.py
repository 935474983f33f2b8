"""One trial of a search: validates an algorithm with its parameters, and logs every metric with MLflow.

    python trial.py --folder FOLDER --algorithm light_gbm --parameters '{"num_leaves": 31}'

The ensembles are trials too, on the same folds. `--algorithm best_model` trains the winner on all training rows.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from typing import List

import best  # type: ignore[import-not-found]
import context as shared  # type: ignore[import-not-found]
import logged  # type: ignore[import-not-found]
import numpy as np
import spaces  # type: ignore[import-not-found]
import validation  # type: ignore[import-not-found]


def main(words: List[str]) -> int:
    """Run the trial that the words name. Returns the exit code; what went wrong is the log's last line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--algorithm", required=True)
    parser.add_argument("--parameters", default="{}")
    given = parser.parse_args(words)
    warnings.simplefilter("ignore")
    context, parameters = shared.load(given.folder), json.loads(given.parameters)
    try:
        if given.algorithm == spaces.BEST:
            with open(os.path.join(given.folder, "best.json"), encoding="utf-8") as stream:
                best.train(context, json.load(stream))
            return 0
        predictions = validation.validate(context, given.algorithm, parameters)
    except MemoryError:
        print("this machine does not have enough memory", file=sys.stderr)
        return 1
    except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        print("%s: %s" % (given.algorithm, (str(error).splitlines() or [""])[0]), file=sys.stderr)
        return 1
    found = validation.judge(context, predictions)
    metric = context.plan["metric"]
    if metric not in found or not np.isfinite(found[metric]):
        print("%s has no value: a fold has one class only" % metric, file=sys.stderr)
        return 1
    logged.metrics(found)
    validation.save(predictions)
    print("%s: %s %.6g, %s" % (given.algorithm, metric, found[metric], context.plan["validation"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
