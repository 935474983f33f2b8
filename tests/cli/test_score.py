"""`aml score`: one request through score.py, in the environment of the inference conda file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.serving import Place, place_fixture  # noqa: F401 - the fixture `place`

# The registry needs MLflow, which takes two seconds to import: most tests name the file.
SCORES = ("score", "-p", "../../trained/model.pkl")


def test_a_registered_model_scores_the_sample_request(place: Place) -> None:
    answer = json.loads(place.aml("score", "-m", "demo-model", "deployment/sample-request.json").stdout)
    (row,) = answer["probabilities"]
    assert len(row) == 2
    assert sum(row) == pytest.approx(1)


def test_stdout_is_the_answer_alone_whatever_the_script_prints(place: Place) -> None:
    chatty = place.model / "chatty.py"
    chatty.write_text(
        "print('loading')\ndef init(): print('init')\ndef run(data):\n    print('run')\n    return [data]\n"
    )
    done = place.aml(*SCORES, "--entry-script", "chatty.py", "-", stdin='{"data": 1}')
    assert json.loads(done.stdout) == ['{"data": 1}'], "an undecorated run gets the body's text, as the server gives it"
    assert "loading" in done.stderr
    assert "init" in done.stderr


def test_a_run_that_was_just_trained_needs_no_registration(place: Place) -> None:
    run = place.root / "runs" / "exp_1700000000_00000001"
    (run / ".run").mkdir(parents=True)
    (run / "outputs").mkdir()
    shutil.copy2(place.model_file, run / "outputs" / "model.pkl")
    (place.model / "run.json").write_text(json.dumps({"run_id": run.name}))
    same = json.loads(place.aml("score", "-f", "run.json", str(place.sample)).stdout)
    assert same == json.loads(place.aml(*SCORES, str(place.sample)).stdout)
    wrong = place.aml("score", "-f", "run.json", "--asset-path", "outputs/other.pkl", str(place.sample), code=2)
    assert "outputs/model.pkl" in wrong.stderr, "it names what there is"


@pytest.mark.parametrize(
    ("words", "stdin", "message"),
    [
        ((*SCORES, "-"), "{", "stdin:1: the request is not JSON"),
        ((*SCORES, "nosuch.json"), "", "no such request file"),
        (("score", "-"), "{}", "name one model"),
        (("score", "-m", "nosuch", "-"), "{}", "nosuch"),
        (("score", "-m", "demo-model:7", "-"), "{}", "7"),
        (("score", "-p", "nosuch.pkl", "-"), "{}", "no such model"),
        ((*SCORES, "--ic", "nosuch.yml", "-"), "{}", "Looked for"),
        ((*SCORES, "--es", "nosuch.py", "-"), "{}", "nosuch.py"),
        ((*SCORES, "--cf", "nosuch.yml", "-"), "{}", "nosuch.yml"),
    ],
)
def test_bad_input_is_exit_code_2_with_a_message(
    place: Place, words: tuple[str, ...], stdin: str, message: str
) -> None:
    done = place.aml(*words, code=2, stdin=stdin)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_what_score_py_refuses_is_exit_code_1_with_its_status_and_message(place: Place) -> None:
    done = place.aml(*SCORES, "-", code=1, stdin='{"data": [{"colour": 1}]}')
    assert "score.py: status 400: missing columns: mean_radius" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import nosuch\n", "broken.py:1: import: ModuleNotFoundError: No module named 'nosuch'"),
        ("def run(data): return 1\n", "has no init()"),
        ("def init():\n    raise RuntimeError('no table')\ndef run(data): pass\n", "broken.py:2: init(): RuntimeError"),
        ("import os\ndef init(): os._exit(7)\ndef run(data): pass\n", "exit code 7"),
        ("def init(): pass\ndef run(data): return object()\n", "the answer: TypeError"),
        ("def init(:\n", "broken.py:1: import: SyntaxError"),
    ],
)
def test_a_broken_script_says_where(place: Place, script: str, message: str) -> None:
    (place.model / "broken.py").write_text(script)
    assert message in place.aml(*SCORES, "--es", "broken.py", "-", code=1, stdin="{}").stderr


RAW = (
    "from {0}.aml_request import rawhttp\nfrom {0}.aml_response import AMLResponse\n"
    "def init(): pass\n@rawhttp\ndef run(request):\n    body = request.get_data(False)\n"
    "    return AMLResponse([request.method, request.headers['Content-Type'], len(body)], 200, json_str=True)\n"
)
UPPER = (
    "from azureml.contrib.services.aml_request import rawhttp\n"
    "from azureml.contrib.services.aml_response import AMLResponse\n"
    "def init(): pass\n@rawhttp\ndef run(request):\n    text = request.get_data(as_text=True)\n"
    "    made = AMLResponse(text.upper(), 200)\n    made.headers['Access-Control-Allow-Origin'] = '*'\n"
    "    return made if text != 'none' else AMLResponse('nothing to read', 422)\n"
)
SCHEMA = (
    "import pandas\nfrom inference_schema.schema_decorators import input_schema\n"
    "from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType\n"
    "from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType\n"
    "def init(): pass\n@input_schema('data', PandasParameterType(pandas.DataFrame({'a': [1], 'b': [2]})))\n"
    "@input_schema('GlobalParameters', StandardPythonParameterType({'times': 1}))\n"
    "def run(data, GlobalParameters={'times': 1}):\n"
    "    return ((data['a'] + data['b']) * GlobalParameters['times']).tolist()\n"
)
IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


@pytest.mark.parametrize(
    ("script", "request_file", "body", "answer"),
    [
        (RAW.format("azureml.contrib.services"), "cat.png", IMAGE, ["POST", "image/png", 264]),
        (RAW.format("azureml_inference_server_http.api"), "scan.dcm", IMAGE, ["POST", "application/dicom", 264]),
        (RAW.format("azureml.contrib.services"), "upload", IMAGE, ["POST", "application/octet-stream", 264]),
        (RAW.format("azureml.contrib.services"), "table.parquet", b"PAR1", ["POST", "application/octet-stream", 4]),
        (UPPER, "note.txt", b"stra\xc3\x9fe", "STRASSE"),
        (SCHEMA, "two.json", b'{"data": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]}', [3, 7]),
        (SCHEMA, "rows.json", b'{"data": [{"a": 1, "b": 2}], "GlobalParameters": {"times": 5}}', [15]),
        ("def init(): pass\ndef run(raw_data): return raw_data\n", "rows.csv", b"a,b\n1,2\n", "a,b\n1,2\n"),
        ("def init(): pass\ndef run(raw_data): print(raw_data)\n", "none.json", b"{}", {}),
        (
            "def init(): pass\ndef run(d, request_headers): return sorted(request_headers)\n",
            "headers.json", b"{}", ["Content-Length", "Content-Type", "Host"],
        ),
    ],
)  # fmt: skip
def test_the_scripts_that_the_server_takes_are_taken(
    place: Place, script: str, request_file: str, body: bytes, answer: object
) -> None:
    """b06: raw requests and images, values by inference-schema, headers, no result at all."""
    # A name of its own: Python takes a file of the same size and second for the one that it has compiled.
    name = f"served_{request_file.partition('.')[0]}.py"
    (place.model / name).write_text(script)
    (place.model / request_file).write_bytes(body)
    assert json.loads(place.aml(*SCORES, "--es", name, request_file).stdout) == answer


@pytest.mark.parametrize(
    ("script", "request_body", "message"),
    [
        (UPPER, "none", "served.py: status 422: nothing to read"),
        (SCHEMA, "[1, 2]", "served.py: status 400: POST body should be a JSON dictionary"),
        ("def init(): pass\ndef run(data, *more): return 1\n", "{}", "run() cannot accept positional-only arguments"),
        (
            "import numpy\ndef init(): pass\ndef run(data): return numpy.ones(2)\n", "{}",
            "TypeError: Object of type ndarray is not JSON serializable",
        ),
    ],
)  # fmt: skip
def test_what_the_server_refuses_is_refused_without_our_own_lines(
    place: Place, script: str, request_body: str, message: str
) -> None:
    (place.model / "served.py").write_text(script)
    file = "body.txt" if request_body == "none" else "body.json"
    (place.model / file).write_text(request_body)
    done = place.aml(*SCORES, "--es", "served.py", file, code=1)
    assert message in done.stderr
    assert "score_once.py" not in done.stderr


def test_a_registered_model_that_was_changed_is_not_opened(place: Place, tmp_path: Path) -> None:
    mark = tmp_path / "opened"
    evil = f"cos\nsystem\n(S'touch {mark}'\ntR."
    place.aml("model", "register", "-n", "changed", "-p", str(place.model_file))
    path = Path(place.json("model", "show", "-n", "changed")["path"])
    path.chmod(0o644)
    path.write_text(evil)
    done = place.aml("score", "-m", "changed", str(place.sample), code=2)
    assert "not the registered one" in done.stderr
    assert not mark.exists()


def test_a_scoring_script_of_sdk_v1_finds_its_model(place: Place) -> None:
    script = "def init():\n    global path\n    path = Model.get_model_path('demo-model')\n\n\n"
    (place.model / "v1.py").write_text(
        f"import os\n\nfrom azureml.core.model import Model\n\n\n{script}"
        "def run(data):\n    return [os.path.basename(path) for _ in (data if isinstance(data, list) else [1])]\n"
    )
    done = place.aml("score", "-m", "demo-model", "--entry-script", "v1.py", "deployment/sample-request.json")
    assert json.loads(done.stdout) == ["model.pkl"]
    assert "v1.py:3: from azureml.core.model import Model: azureml-core is not installed" in done.stderr
    batch_file = (place.model / "aml_config" / "batch-score.yml").read_text()
    (place.model / "aml_config" / "v1-batch.yml").write_text(batch_file.replace("score_batch.py", "v1.py"))
    words = ("-m", "demo-model", "-d", "../../data/sample", "-t", "run.json")
    batch = place.aml("run", "submit-batch", "-c", "v1-batch", *words)
    assert "v1.py:3: from azureml.core.model import Model: azureml-core is not installed" in batch.stdout + batch.stderr
    run = json.loads((place.model / "run.json").read_text())["run_id"]
    rows = (place.root / "runs" / run / "outputs" / "parallel_run_step.txt").read_text()
    assert set(rows.split()) == {"model.pkl"}
