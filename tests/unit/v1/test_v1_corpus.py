"""The public run configurations of 2017 to 2024, where they are beside the repository: read, explained, exported.

`tests/unit/v1/v1_corpus_differences.yml` lists every difference from what the old loader read, with its reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from support.v1_files import CORPUS, MODERN, corpus, corpus_file

from amlrun.errors import AmlError
from amlrun.v1.runconfig import explaining, to_job
from amlrun.v1.runconfig.field_table import RUNCONFIG
from amlrun.v1.table import Field, camel, dotted

DIFFERENCES = YAML(typ="safe", pure=True).load(
    Path(__file__).with_name("v1_corpus_differences.yml").read_text(encoding="utf-8")
)
needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the public files are not beside the repository")
SECTIONS = ("data", "dataReferences", "outputData", "applicationEndpoints")


def leaves(tree: dict[str, Any], path: tuple[str, ...] = (), key: tuple[str, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every field of what the old loader read: its key, its row of the table, its value."""
    known = RUNCONFIG.members(path)
    for name, value in tree.items():
        found = known.get(name) or known["*"]
        if found.type in ("section", "sections") and isinstance(value, dict):
            yield from leaves(value, found.path, (*key, name))
        else:
            yield (*key, name), found, value


def listed(field: str, identity: str) -> bool:
    return any(row["field"] == field and (identity in row["files"] or "all" in row["files"]) for row in DIFFERENCES)


@needs_corpus
@pytest.mark.parametrize("identity", corpus(*MODERN))
def test_values_are_the_old_loaders(identity: str) -> None:
    expected = json.loads((CORPUS / "expected" / f"{identity}.json").read_text(encoding="utf-8"))
    file = corpus_file(identity)
    config = to_job.read(file, file.parent)
    assert config.problems == []
    names = {(section, camel(name)): name for section in SECTIONS for name in config.names(section)}
    seen = 0
    for key, found, value in leaves(expected):
        ours_key = (key[0], names[key[:2]], *key[2:]) if key[:2] in names else key
        if ours_key != key:
            assert listed("names", identity), key
        ours = _ours(config, ours_key, found)
        if ours != value:
            assert listed(dotted(found.path), identity), (key, ours, value)
        seen += 1
    assert seen > 60


def _ours(config: Any, key: tuple[str, ...], found: Field) -> Any:
    if found.type in ("section", "sections"):
        # The old loader has null or nothing there, so there must be nothing here.
        said = [value.value for path, value in config.values.items() if path[: len(key)] == key and value.field]
        empty = {} if found.type == "sections" else None
        return empty if not any(said) else said
    return config.get(*key)


@needs_corpus
def test_every_listed_difference_exists() -> None:
    """A line of the list that no file needs any more is to be deleted."""
    for row in DIFFERENCES:
        assert row["reason"]
        for identity in row["files"] if isinstance(row["files"], list) else []:
            assert corpus_file(identity).is_file()


@needs_corpus
@pytest.mark.parametrize("identity", corpus(*MODERN, "workbench-2017"))
def test_every_key_is_explained(identity: str) -> None:
    file = corpus_file(identity)
    config = to_job.read(file, file.parent)
    context = to_job.translate(config, file.parent)
    rows = explaining.rows(context)
    lines = file.read_bytes().decode("utf-8-sig").splitlines()
    text = YAML(typ="safe", pure=True).load(file.read_bytes().decode("utf-8-sig"))
    explained = {_fold(row.key) for row in rows}
    for key in _keys(text):
        above = [_fold(".".join(key[:end])) for end in range(1, len(key) + 1)]
        assert explained & set(above), key
    for row in rows:
        last = row.key.split(".")[-1].split("[")[0]
        assert last.lower().replace("_", "") in lines[row.line - 1].lower().replace("_", ""), row
        assert row.status in ("mapped", "local", "ignored", "unsupported", "unknown"), row
        assert row.becomes, row


def _fold(key: str) -> str:
    return key.replace("_", "").lower()


def _keys(tree: dict[str, Any], key: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _keys(value, (*key, str(name)))
        else:
            yield (*key, str(name))


@needs_corpus
@pytest.mark.parametrize("name", sorted(path.name for path in (CORPUS / "pipeline").glob("*.yml")))
def test_pipelines_are_named(name: str) -> None:
    with pytest.raises(AmlError) as caught:
        to_job.read(CORPUS / "pipeline" / name)
    assert "is a pipeline, not a run configuration" in caught.value.message
    assert caught.value.line is not None
