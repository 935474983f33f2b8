"""The draws of a search: what they follow from."""

from __future__ import annotations

import json
import zlib

from amlrun.automl import proposals
from amlrun.sweep import samplers

ALGORITHMS = ["sgd", "knn", "elastic_net", "light_gbm"]


def made() -> proposals.Proposals:
    samplers.load_optuna().logging.set_verbosity(40)
    return proposals.Proposals("regression", ALGORITHMS, "maximize", 7)


def metric(values: proposals.Values) -> float | None:
    """As good as any: it follows from the values alone, and some trials fail."""
    found = zlib.crc32(json.dumps(values, sort_keys=True).encode()) % 1000
    return None if found < 30 else found / 1000 + (values["algorithm"] == "sgd")


def test_a_resumed_search_draws_what_it_would_have_drawn() -> None:
    """Also past the number of results from which an estimator knows the best only."""
    results: dict[int, tuple[proposals.Values, float | None]] = {}
    whole = made()
    for number in range(2 * proposals._BEST + 30):
        drawn = whole.draw(number, {known: one for known, one in results.items() if known < number - 2})
        results[number] = drawn, metric(drawn)
    for number in (40, proposals._BEST + 1, 2 * proposals._BEST + 20):
        known = {at: one for at, one in results.items() if at < number - 2}
        assert made().draw(number, known) == results[number][0]


def test_most_draws_are_of_the_algorithm_that_is_best() -> None:
    results: dict[int, tuple[proposals.Values, float | None]] = {}
    drawing = made()
    for number in range(2 * proposals._BEST):
        drawn = drawing.draw(number, results)
        results[number] = drawn, metric(drawn)
    drawn_of = [values["algorithm"] for values, _ in results.values()]
    assert drawn_of[: len(ALGORITHMS)] == ALGORITHMS
    assert drawn_of.count("sgd") > len(drawn_of) / 2
