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
