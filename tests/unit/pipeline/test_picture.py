"""The picture of a pipeline: no step on another, no line through a box, nothing of a name taken for HTML."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from amlrun.pipeline import picture
from amlrun.pipeline.state import PipelineState, StepState

GRAPH = {"prep": [], "train": ["prep"], "other": ["prep"], "evaluate": ["prep", "train"], "last": ["evaluate", "prep"]}


def state(graph: dict[str, list[str]]) -> PipelineState:
    return PipelineState("p.yml", "a <b> & c", {name: StepState(name, after=after) for name, after in graph.items()})


def test_each_step_is_behind_what_it_needs() -> None:
    columns = picture.layers(GRAPH)
    place = {name: column for column, names in enumerate(columns) for name in names}
    assert all(place[need] < place[name] for name, needs in GRAPH.items() for need in needs)
    assert sorted(place) == sorted(GRAPH)


def test_a_chain_longer_than_the_recursion_limit() -> None:
    chain = {f"s{n}": [f"s{n - 1}"] if n else [] for n in range(3000)}
    assert len(picture.layers(dict(reversed(chain.items())))) == 3000


def test_the_svg_is_xml_with_a_box_a_step_and_a_line_an_edge() -> None:
    root = ET.fromstring(picture.svg(state(GRAPH)))  # noqa: S314 - our own text
    names = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert names.count("rect") == len(GRAPH)
    lines = [element for element in root.iter() if element.get("class") == "edge"]
    assert len(lines) == sum(len(needs) for needs in GRAPH.values())


def test_no_line_passes_a_box() -> None:
    root = ET.fromstring(picture.svg(state(GRAPH)))  # noqa: S314 - our own text
    boxes = [[float(e.get(key) or 0) for key in ("x", "y", "width", "height")] for e in root.iter() if "rect" in e.tag]
    for line in (element.get("d") or "" for element in root.iter() if element.get("class") == "edge"):
        # A line is level where it passes a column: `H` ends such a piece.
        for y, right in re.findall(r" (\d+)H(\d+)", line):
            inside = [b for b in boxes if b[0] < float(right) - 1 <= b[0] + b[2] and b[1] <= float(y) <= b[1] + b[3]]
            assert not inside, (line, inside)


def test_names_are_escaped() -> None:
    found = state({"x": []})
    found.steps["x"].reason = '"><script>alert(1)</script>'
    page = picture.page(found, "run<1>", "Failed")
    assert "<script" not in page and "a &lt;b&gt; &amp; c" in page


def test_the_page_reloads_only_while_the_pipeline_runs() -> None:
    assert 'content="2"' in picture.page(state(GRAPH), "r", "Running", seconds=2)
    assert "refresh" not in picture.page(state(GRAPH), "r", "Completed")


def test_mermaid() -> None:
    text = picture.mermaid(state({"a": [], "b": ["a"]}))
    assert text == 'flowchart LR\n  s0["a"]\n  s1["b"]\n  s0 --> s1\n'


def test_an_empty_pipeline() -> None:
    ET.fromstring(picture.svg(state({})))  # noqa: S314
