"""`aml job create --ct local`: v2 job files as people write them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.workplace import Workplace

pytestmark = pytest.mark.slow

SHOW = """\
import json, os, sys
words = [f"{word}: {sorted(os.listdir(word))}" if os.path.isdir(word) else word for word in sys.argv[1:]]
found = {key: value for key, value in os.environ.items() if key.startswith("MY_")}
print(json.dumps([words, found]))
"""


def create(place: Workplace, text: str, *, code: int = 0) -> Any:
    """What `show.py` printed in the job of this text; the command's stderr where the job is refused."""
    (place.root / "src").mkdir(exist_ok=True)
    (place.root / "src" / "show.py").write_text(SHOW, encoding="utf-8")
    (place.root / "job.yml").write_text(f"code: src\n{text}", encoding="utf-8")
    done = place.aml("job", "create", "-f", "job.yml", "--ct", "local", cwd=place.root, code=code)
    if code:
        return done.stderr
    log = (place.latest() / "user_logs" / "std_log.txt").read_text(encoding="utf-8")
    return json.loads(next(line for line in log.splitlines() if line.startswith("[[")))


def shown(place: Workplace, command: str, more: str = "", *, code: int = 0) -> Any:
    lines = "".join(f"  {line}\n" for line in command.splitlines())
    return create(place, f"command: |\n{lines}environment: {{image: python:3.11}}\n{more}", code=code)


@pytest.mark.skipif(os.name == "nt", reason="bash's own words")
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("set -euo pipefail\nparts=(a 'b c')\npython show.py \"${parts[@]}\" | cat", ["a", "b c"]),
        ("source ./set.sh && python show.py \"$SAID\" $'tab\\there'", ["so", "tab\there"]),
        ("[[ $MY_NAME == w* ]] && python show.py ${MY_NAME^^} {1..2} $((2 * 3))", ["WORLD", "1", "2", "6"]),
        ("read -r first < <(echo one two)\nfunction go { python show.py $first; }\ngo", ["one", "two"]),
        ("python - <<< 'print(1)' && python show.py \\\n  next", ["next"]),
    ],
)
def test_a_command_is_bashs(workplace: Workplace, command: str, words: list[str]) -> None:
    """b04."""
    (workplace.root / "src").mkdir()
    (workplace.root / "src" / "set.sh").write_text("export SAID=so\n")
    assert shown(workplace, command, "environment_variables: {MY_NAME: world}\n")[0] == words


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ('python show.py "${{inputs.text}}" --x="pre-${{inputs.text}}" --e "${{inputs.none}}"',
         ["two words", "--x=pre-two words", "--e", ""]),
        ("python show.py ${{inputs.text}} '${{ inputs.number }}' ${{inputs.flag}}", ["two", "words", "0.001", "True"]),
        ('python show.py "${{inputs.here}}" ${{inputs.here}}/a.txt', ["HERE: ['a.txt']", "HERE/a.txt"]),
        ("""python show.py '{"lr": ${{inputs.number}}, "name": "${{inputs.text}}"}'""",
         ['{"lr": 0.001, "name": "two words"}']),
    ],
)  # fmt: skip
def test_bindings_quoted_and_not(workplace: Workplace, command: str, words: list[str]) -> None:
    """b02."""
    here = workplace.root / "my data"
    here.mkdir()
    (here / "a.txt").touch()
    inputs = (
        'inputs:\n  text: two words\n  number: 1e-3\n  flag: true\n  none: ""\n'
        "  here: {type: uri_folder, path: my data}\n"
    )
    found = shown(workplace, command, f"{inputs}environment_variables: {{MY_TEXT: '<${{{{inputs.text}}}}>'}}\n")
    assert found == [[word.replace("HERE", str(here)) for word in words], {"MY_TEXT": "<two words>"}]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ("rate: {type: number, optional: true}\n  val: {type: uri_folder, optional: true}", []),
        ("rate: {type: number, optional: true, default: 0}\n  val: {type: mltable, optional: true}", ["--rate", "0"]),
        ("rate: 2\n  val: {type: uri_folder, optional: true, path: src}", ["--rate", "2", "--val=SRC"]),
    ],
)
def test_optional_parts_come_and_go(workplace: Workplace, inputs: str, words: list[str]) -> None:
    """b11."""
    command = "python show.py $[[--rate ${{inputs.rate}}]] $[[ --val='${{inputs.val}}' ]]"
    src = str(workplace.root / "src")
    assert shown(workplace, command, f"inputs:\n  {inputs}\n")[0] == [word.replace("SRC", src) for word in words]


@pytest.mark.parametrize(
    "environment",
    [
        "file:envs/env.yml",
        "{image: x, conda_file: envs/conda.yml}",
        "{conda_file: {name: e, dependencies: [python, pip]}}",
        "azureml:ours@latest",
        "azureml://registries/azureml/environments/sklearn-1.5/labels/latest",
    ],
)
def test_an_environment_in_each_of_its_forms(workplace: Workplace, environment: str) -> None:
    """b12."""
    envs = workplace.root / "envs"
    envs.mkdir()
    (envs / "env.yml").write_text("name: ours\nversion: 3\nimage: x\nconda_file: ./conda.yml\ntags: {a: b}\n")
    (envs / "conda.yml").write_text("name: e\nchannels: [conda-forge]\ndependencies:\n- python\n- pip\n")
    assert create(workplace, f"command: python show.py ok\nenvironment: {environment}\n") == [["ok"], {}]


def test_a_jobs_own_name_is_its_runs_and_comes_once(workplace: Workplace) -> None:
    """`name:`, then what that run wrote, as MLflow and as the service name it, and a registered model."""
    train = "mkdir -p outputs/model && touch outputs/model/MLmodel ${{outputs.table}}/a.csv && python show.py"
    more = "name: first_train\nexperiment_name: exp-1\ndisplay_name: First\noutputs: {table: {type: uri_folder}}\n"
    shown(workplace, train, more)
    record = workplace.record("first_train")
    assert (record["_experiment_name"], record["status"]) == ("exp-1", "Completed")
    (workplace.root / "run.json").write_text(json.dumps(record))
    assert "Give the job another `name:`, or none" in shown(workplace, train, more, code=2)
    workplace.aml("model", "register", "-n", "net", "-f", "run.json", "--asset-path", "outputs/model",
                  cwd=workplace.root)  # fmt: skip
    run = workplace.runs / "first_train"
    for path, content in (
        ("runs:/first_train/outputs/model", "MLmodel"),
        ("azureml://jobs/first_train/outputs/artifacts/paths/outputs/model/", "MLmodel"),
        ("azureml://jobs/first_train/outputs/table", "a.csv"),
        ("runs:/first_train/table", "a.csv"),
    ):
        (word,), _ = shown(
            workplace, 'python show.py "${{inputs.x}}"', f"inputs: {{x: {{type: uri_folder, path: '{path}'}}}}\n"
        )
        assert word.startswith(str(run)) and word.endswith(f": ['{content}']")
    for path in ("azureml:net:1", "azureml:net@latest", "models:/net/1"):
        (word,), _ = shown(
            workplace, "python show.py ${{inputs.x}}", f"inputs: {{x: {{type: mlflow_model, path: '{path}'}}}}\n"
        )
        assert Path(word.partition(": ")[0]).name == "model" and word.endswith("['MLmodel']")
