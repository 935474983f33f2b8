"""The reader of v1 run configurations: what each value means, and what is said of one that means nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.v1_files import MINIMAL, config, model

from amlrun.errors import AmlError
from amlrun.v1.runconfig import schema, to_job
from amlrun.v1.runconfig.field_table import RUNCONFIG
from amlrun.v1.table import near

FIELDS = RUNCONFIG.fields


def test_the_table_describes_every_field_once() -> None:
    ours = [path for path, found in FIELDS.items() if path[-1] not in ("*", "[]") and not found.old]
    assert len(ours) == 186
    for found in FIELDS.values():
        assert found.text, found.path
        assert found.becomes, found.path
        assert found.status in ("mapped", "local", "ignored", "unsupported"), found.path


def test_the_schema_is_fresh() -> None:
    """Write it anew with `python -c "from amlrun.v1.runconfig import schema; print(schema.text(), end='')" > FILE`."""
    file = Path(__file__).parents[3] / "template" / ".vscode" / "runconfig.schema.json"
    assert file.read_text(encoding="utf-8") == schema.text()


def test_the_schema_completes_and_checks() -> None:
    import jsonschema

    validator = jsonschema.Draft7Validator(json.loads(schema.text()))
    assert validator.is_valid({"script": "a.py", "nodeCount": 2, "framework": "python", "environment": "env.yml"})
    assert not validator.is_valid({"nodeCount": "four"})
    assert not validator.is_valid({"nodecount": 2})
    assert not validator.is_valid({"framework": "Julia"})
    assert not validator.is_valid({"data": {"mine": {"datalocation": None}}})


@pytest.mark.parametrize(
    ("written", "means"),
    [("true", True), ("false", False), ('"false"', False), ("no", False), ("off", False), ("0", False),
     ("1", True), ("'True'", True), ('"true,"', True), ("", False), ("null", False)],
)  # fmt: skip
def test_booleans(tmp_path: Path, written: str, means: bool) -> None:
    found = config(tmp_path, f"script: a.py\nenvironment:\n  docker:\n    enabled: {written}\n")
    assert found.get("environment", "docker", "enabled") is means
    assert found.problems == []
    if written in ('"false"', "no", "off"):
        assert any("v1 tools treated it as true" in note.text and note.line == 4 for note in found.notes)


@pytest.mark.parametrize(
    ("written", "means"),
    [("4", 4), ('"4"', 4), ("2.0", 2), ("010", 10), ("3_600", 3600), ("0x10", 16), ("", 1), ("null", 1)],
)
def test_whole_numbers(tmp_path: Path, written: str, means: int) -> None:
    found = config(tmp_path, f"script: a.py\nnodeCount: {written}\n")
    assert (found.get("nodeCount"), found.problems) == (means, [])


@pytest.mark.parametrize("written", ["four", "2.9", "1:30:00", "true", "[1]", "{a: 1}", ".inf", "1e400", "9" * 5000])
def test_what_is_no_whole_number(tmp_path: Path, written: str) -> None:
    found = config(tmp_path, f"script: a.py\n# a remark\nnodeCount: {written}\n")
    [problem] = found.problems
    assert (problem.line, problem.field) == (3, "nodeCount")
    assert "expected a whole number" in problem.message


def test_the_message_of_the_design(tmp_path: Path) -> None:
    with pytest.raises(AmlError) as caught:
        to_job.load("train", model(tmp_path, "\n" * 13 + "nodeCount: four\n" + MINIMAL))
    assert str(caught.value).startswith(
        f"{tmp_path / 'aml_config' / 'train.runconfig'}:14: nodeCount: expected a whole"
    )
    assert 'got "four"' in str(caught.value)


def test_words_keep_their_spelling(tmp_path: Path) -> None:
    text = 'script: a.py\narguments: [--a, 1, 1.0, 0.001, true, 0x10, 2020-01-01, yes, "", ~]\n'
    found = config(tmp_path, text + "environment:\n  name: q\n  version: 1.10\n")
    assert found.words("arguments") == ["--a", "1", "1.0", "0.001", "true", "0x10", "2020-01-01", "yes", "", "~"]
    assert found.get("arguments")[:5] == ["--a", 1, 1.0, 0.001, True]
    assert found.get("environment", "version") == "1.10"


@pytest.mark.parametrize(
    ("written", "means"),
    [("--a 1 --b 'x y'", ["--a", "1", "--b", "x y"]), (r"--p C:\data\in", ["--p", r"C:\data\in"]),
     ("it's", ["it's"]), ("7", ["7"])],
)  # fmt: skip
def test_arguments_as_one_string(tmp_path: Path, written: str, means: list[str]) -> None:
    found = config(tmp_path, f"script: a.py\narguments: {json.dumps(written)}\n")
    assert found.words("arguments") == means


def test_arguments_that_are_no_words(tmp_path: Path) -> None:
    found = config(tmp_path, "script: a.py\narguments:\n- --a\n- [b]\n- c: 1\n-\n- d\n")
    assert [(problem.line, problem.field) for problem in found.problems] == [(4, "arguments[1]"), (5, "arguments[2]")]
    assert found.words("arguments") == ["--a", "d"]
    assert [note.line for note in found.notes] == [6]


@pytest.mark.parametrize("key", ["nodeCount", "node_count", "NodeCount"])
def test_spellings_of_keys(tmp_path: Path, key: str) -> None:
    assert config(tmp_path, f"script: a.py\n{key}: 3\n").get("nodeCount") == 3


def test_names_that_users_chose_keep_their_spelling(tmp_path: Path) -> None:
    text = """
script: a.py
data:
  my_data: {data_location: {dataset: {name: d}}}
data_references:
  In-Put: {data_store_name: s}
environment_variables: {MY_var: 1}
environment:
  environment_variables: {OTHER_var: x}
  python: {conda_dependencies: {variables: {MY_VAR: "1"}, dependencies: [python]}}
"""
    found = config(tmp_path, text)
    assert (found.names("data"), found.names("dataReferences")) == (["my_data"], ["In-Put"])
    assert found.words("environmentVariables") == {"MY_var": "1"}
    assert found.words("environment", "environmentVariables") == {"OTHER_var": "x"}
    assert found.get("environment", "python", "condaDependencies")["variables"] == {"MY_VAR": "1"}


@pytest.mark.parametrize(
    ("text", "key", "meant", "line"),
    [("script: a.py\nnodecount: 2\n", "nodecount", "nodeCount", 2),
     ("script: a.py\ndata:\n  d:\n    dataLocation:\n      datapath:\n", "data.d.dataLocation.datapath", "dataPath", 5),
     ("environment:\n  dokcer: {}\nscript: a.py\n", "environment.dokcer", "docker", 2),
     ("script: a.py\nregister_step: r.py\n", "register_step", "", 2)],
)  # fmt: skip
def test_unknown_keys(tmp_path: Path, text: str, key: str, meant: str, line: int) -> None:
    found = config(tmp_path, text)
    [unknown] = [value for value in found.values.values() if value.field is None]
    assert (unknown.name, unknown.meant, unknown.line) == (key, meant, line)
    [note] = to_job.notes(to_job.translate(found, tmp_path))
    assert note.startswith(f"train.runconfig:{line}: {key}: unknown key, not used")
    assert (f"did you mean {meant!r}" in note) == bool(meant)


def test_null_is_the_default_everywhere(tmp_path: Path) -> None:
    text = "\n".join(f"{path[0]}:" for path in FIELDS if len(path) == 1)
    found = config(tmp_path, f"{text}\n")
    assert found.problems == []
    for path, known in FIELDS.items():
        if len(path) == 1 and known.type != "section":
            assert found.get(*path) == known.default, path


@pytest.mark.parametrize(
    ("text", "field"),
    [("framework: Julia", "framework"), ("communicator: mpy", "communicator"),
     ("data: {d: {mechanism: teleport}}", "data.d.mechanism"),
     ("dataReferences: {d: {dataStoreName: s, mode: beam}}", "dataReferences.d.mode")],
)  # fmt: skip
def test_words_of_a_known_list(tmp_path: Path, text: str, field: str) -> None:
    [problem] = config(tmp_path, f"script: a.py\n{text}\n").problems
    assert (problem.field, problem.line) == (field, 2)
    assert "expected one of" in problem.message


@pytest.mark.parametrize(
    "text",
    [b"\xef\xbb\xbfscript: a.py\nnodeCount: 3\n", b"script: a.py\r\nnodeCount: 3\r\n",
     b"# caf\xe9\nscript: a.py\nnodeCount: 3\n", "script: a.py\nnodeCount: 3\n".encode("utf-16"),
     b'{"script": "a.py",\n\t"nodeCount":\t3}', b'{"script": "a.py", "nodeCount": 3}',
     b"---\nscript: a.py\nnodeCount: 3\n...\n", b"script: a.py\nnodeCount: 3\t\n",
     b"x: &a {nodeCount: 3}\nscript: a.py\n<<: *a\n"],
)  # fmt: skip
def test_ways_to_write_a_file(tmp_path: Path, text: bytes) -> None:
    found = config(tmp_path, text)
    assert (found.get("nodeCount"), found.text("script"), found.problems) == (3, "a.py", [])


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [("", 1, "is empty"), ("# only a remark\n", 1, "is empty"), ("- a\n- b\n", 1, "is a list"),
     ("just text\n", 1, "is text"), ("script: a.py\n\tnodeCount: 2\n", 2, "tab"),
     ("script: a.py\nnodeCount: 1\nscript: b.py\n", 3, "given twice, first on line 1"),
     ("script: a.py\nnode_count: 1\nnodeCount: 2\n", 3, "given twice, first on line 2"),
     ("script: a.py\n<<<<<<< HEAD\nnodeCount: 1\n=======\nnodeCount: 2\n>>>>>>> b\n", 2, "merge-conflict"),
     ("script: a.py\n---\nscript: b.py\n", 2, "not YAML"), ("script: [a\nnodeCount: 2\n", 2, "not YAML"),
     ("script: a.py\narguments: *gone\n", 2, "not YAML"), ("? [a, b]\n: c\n", 1, "a string as a key"),
     ("script: a.py\nenvironment: [a]\n", 2, "expected keys below it"),
     ("script: a.py\nenvironment:\n  docker: true\n", 3, "expected keys below it"),
     ("script: a\x00.py\n", 1, "control character")],
)  # fmt: skip
def test_files_that_cant_be_read(tmp_path: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(AmlError) as caught:
        to_job.load("train", model(tmp_path, text))
    assert (caught.value.line, Path(str(caught.value.file)).name) == (line, "train.runconfig")
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("text", "kind"),
    [("pipeline:\n  name: p\n  steps: {}\n", "a pipeline"),
     ("entry_script: score.py\nmini_batch_size: 10\nerror_threshold: 1\n", "a parallel-run configuration"),
     ("entryScript: score.py\nruntime: python\ncondaFile: c.yml\n", "a scoring (inference) configuration"),
     ('{"run_id": "first_1", "status": "Completed", "properties": {}}', "the record of a run"),
     ('{"Configuration": {"Script": "train.py", "Target": "c"}}', "the record of a run"),
     ("sampling: {type: random}\npolicy: {}\nprimary_metric_name: auc\n", "a sweep (hyperdrive) configuration"),
     ("name: env\ndependencies: [python]\n", "a conda file"),
     ("type: localdocker\nbaseDockerImage: x\n", "the compute file of a Workbench project"),
     ("type: command\ncommand: python train.py\nenvironment: azureml:e:1\n", "a v2 job file")],
)  # fmt: skip
def test_other_files_are_called_what_they_are(tmp_path: Path, text: str, kind: str) -> None:
    with pytest.raises(AmlError) as caught:
        config(tmp_path, text)
    assert f"is {kind}, not a" in caught.value.message
    assert caught.value.line == 1
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    ["a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n"
                                             for n in range(8)),
     "arguments: " + "[" * 5000 + "]" * 5000, "a: &a [*a]\n", "[" * 100_000, "x: " * 3000,
     "script: a.py\n" + "".join(f"k{n}: 1\n" for n in range(20_000)), "script: " + "a" * 300_000],
)  # fmt: skip
def test_no_file_hangs_the_reader(tmp_path: Path, text: str) -> None:
    """A file that would unfold without end is refused; what counts is that this returns at all."""
    with pytest.raises(AmlError) as caught:
        config(tmp_path, text)
    assert caught.value.line is not None


def test_near_keys() -> None:
    known = RUNCONFIG.members(("environment", "docker"))
    assert near("baseimage", known) == "baseImage"
    assert near("base_imag", known) == "baseImage"
    assert near("zebra", known) == ""
