"""Old conda files: what has to change, by tables and by real resolution, and nothing more."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlrun.errors import AmlError
from amlrun.migrate.drivers import heal_conda
from amlrun.migrate.result import Verdict
from amlrun.prepare import conda_heal
from amlrun.prepare.conda_heal import heal, uv_resolver

pytestmark = pytest.mark.slow

TRAINING = """\
name: train   # kept
channels: [conda-forge]
dependencies:
  - python=3.6.2
  - pip
  - libpng=1.6.37
  - pip:
      - azureml-defaults==1.19.0
      - azureml-widgets==1.19.0
      - scikit-learn==0.23.2   # the model's
      - joblib
      - fbprophet==0.5
"""


def edits(healing: conda_heal.Healing) -> dict[str, list[str]]:
    return {edit.item.text: edit.new for edit in healing.edits}


def test_by_table_the_old_lines_stay_as_comments() -> None:
    found = heal(TRAINING, "train.yml")
    assert found.resolved is None and found.python == "3.11"
    assert edits(found)["python=3.6.2"] == ["python=3.11"]
    assert edits(found)["azureml-widgets==1.19.0"] == []
    assert edits(found)["scikit-learn==0.23.2"] == ["scikit-learn==1.1.3", "numpy<2"]
    assert edits(found)["fbprophet==0.5"] == ["prophet"]
    assert any(one.startswith("azureml-mlflow") for one in edits(found)["azureml-defaults==1.19.0"])
    lines = found.text.splitlines()
    assert lines[0] == "name: train   # kept" and "      - joblib" in lines
    at = lines.index("      - scikit-learn==1.1.3")
    assert lines[at - 1].startswith("      # - scikit-learn==0.23.2   # the model's  # no wheel for Python 3.11")


def test_twice_gives_the_same() -> None:
    once = heal(TRAINING, "train.yml").text
    assert heal(once, "train.yml").text == once


@pytest.mark.parametrize("name", ["score.yml", "inference-conda.yml"])
def test_a_scoring_file_gets_the_server(name: str) -> None:
    new = edits(heal(TRAINING, name))["azureml-defaults==1.19.0"]
    assert [one.partition(">")[0] for one in new] == ["azureml-inference-server-http"]


def test_a_file_for_training_and_scoring_gets_what_both_need() -> None:
    text = "dependencies:\n- pip:\n  - azureml-sdk==1.27.*\n  - inference-schema[numpy-support]\n"
    new = edits(heal(text, "conda_dependencies.yml", more=["torch"]))["azureml-sdk==1.27.*"]
    names = {one.partition(">")[0] for one in new}
    assert {"mlflow-skinny", "azureml-mlflow", "torch", "pandas", "azureml-inference-server-http"} <= names


@pytest.mark.parametrize(
    ("asked", "python", "changed"),
    [
        ("python=3.6.2", "3.11", True),
        ("python==3.8", "3.11", True),
        ("python=3.12", "3.12", False),
        ("'python<3.13,>=3.11'", "3.11", False),
        ("'python<3.9'", "3.11", True),
        ("'python>=3.6'", "3.11", False),
        ("python", "3.11", False),
        ("conda-forge::python=3.7", "3.11", True),
        ("python=3.10.4=h12debd9_0", "3.10", False),
    ],
)
def test_pythons(asked: str, python: str, changed: bool) -> None:
    found = heal(f"dependencies:\n  - {asked}\n", "x.yml")
    assert (found.python, bool(found.edits)) == (python, changed)


@pytest.mark.parametrize(
    ("line", "new"),
    [
        ("tensorflow-gpu==2.0.0", ["tensorflow"]),
        ("sklearn", ["scikit-learn"]),
        ("inference-schema[numpy-support]==1.1.0", ["inference-schema[numpy-support]>=1.8"]),
        ("azureml-monitoring", ["azureml-ai-monitoring"]),
        ("horovod==0.18.1", []),
        ("-r https://x.blob.core.windows.net/y/requirements.txt", []),
        ("--extra-index-url https://azuremlsdktestpypi.azureedge.net/sdk", []),
        ("https://download.pytorch.org/whl/cpu/torch-1.4.0%2Bcpu-cp36-cp36m-linux_x86_64.whl", ["torch>=1.4.0"]),
        ("https://h.org/torch-1.4.0-cp36-cp36m-linux_x86_64.whl", ["torch>=1.4.0"]),
        ("azureml-mlflow==1.19.0", ["azureml-mlflow>=1.19.0"]),
        ("", []),
    ],
)
def test_rules_for_pip_lines(line: str, new: list[str]) -> None:
    found = heal(f"dependencies:\n  - python=3.11\n  - pip:\n    - {line}\n    - numpy\n", "x.yml")
    assert [edit.new for edit in found.edits] == [new]


@pytest.mark.parametrize(
    ("packages", "new"),
    [
        (["pandas==1.5.3"], {"pandas==1.5.3": ["pandas==1.5.3", "numpy<2"]}),
        (["pandas==1.5.3", "numpy"], {"numpy": ["numpy<2"]}),
        (["pandas==1.5.3", "numpy<2"], {}),
        (["pandas==1.5.3", "numpy==1.26.4"], {}),
        (["pandas==2.2.3"], {}),
    ],
)
def test_numpy_stays_at_1_beside_what_was_built_for_it(packages: list[str], new: dict[str, list[str]]) -> None:
    text = "dependencies:\n  - python=3.11\n  - pip:\n" + "".join(f"    - {one}\n" for one in packages)
    found = heal(text, "x.yml")
    assert edits(found) == new
    assert heal(found.text, "x.yml").text == found.text
    asked = heal(text, "x.yml", uv_resolver())
    assert asked.resolved and set(edits(asked)) == set(new) and "numpy==2" not in asked.text


@pytest.mark.parametrize(
    "line", ["numpy==2.1.0", "pandas", "mlflow", "-e .", "git+https://github.com/a/b@c", "lightgbm>=3"]
)
def test_what_can_stay_stays(line: str) -> None:
    text = f"dependencies:\n  - python=3.11\n  - pip:\n    - {line}\n"
    assert heal(text, "x.yml").text == text


def test_keras_beside_tensorflow_and_a_whole_list_on_one_line() -> None:
    found = heal("name: x\ndependencies: [python=3.7, {pip: [keras==2.3.1, tensorflow==2.1.0]}]\nprefix: /x\n", "x.yml")
    assert edits(found)["keras==2.3.1"] == []
    assert found.text.startswith("name: x\ndependencies:\n  # - python=3.7  #") and found.text.endswith("prefix: /x\n")
    assert heal(found.text, "x.yml").text == found.text


def test_a_pip_list_that_becomes_empty_goes_too() -> None:
    text = "dependencies:\n  - python=3.11\n  - pip:\n      - azureml-widgets\n"
    found = heal(text, "x.yml")
    assert "  # - pip:" in found.text
    assert heal(found.text, "x.yml").edits == []


@pytest.mark.parametrize("text", ["", "a: b\n", "- x\n", "dependencies: x\n", "dependencies:\n\t- x\n", "a: [\n"])
def test_what_is_no_conda_file_is_refused(text: str) -> None:
    with pytest.raises(AmlError):
        heal(text, "x.yml")
    assert heal_conda("x.yml", text).verdict is Verdict.LEFT


def test_a_signature_in_a_link_is_not_shown() -> None:
    link = "https://x.blob.core.windows.net/w/azureml.assets-1.0.0-py3-none-any.whl?sig=xnUdTm0BFfknhTaR%3D"
    found = heal_conda("x.yml", f"dependencies:\n  - python=3.11\n  - pip:\n    - {link}\n")
    told = "".join([*(one.message for one in found.findings), *(change.new for change in found.changes)])
    assert "azureml.assets" in told and "xnUdTm0B" not in told


def test_line_ends_of_windows_stay() -> None:
    text = TRAINING.replace("\n", "\r\n")
    assert "\n" not in heal(text, "train.yml").text.replace("\r\n", "")


def test_real_resolution_of_2019s_pins() -> None:
    """Case c13: every pin is from 2019."""
    pins = ["numpy==1.16.2", "scikit-learn==0.20.3", "six==1.16.0"]
    text = "dependencies:\n  - python=3.6.2\n  - pip:\n" + "".join(f"    - {pin}\n" for pin in pins)
    resolver = uv_resolver()
    found = heal(text, "x.yml", resolver)
    assert found.resolved and "six==1.16.0" not in edits(found)
    new = [one for edit in found.edits for one in edit.new if not one.startswith("python")]
    # The nearest versions that have a wheel: old code is likeliest to run with them.
    assert sorted(new) == ["numpy==1.23.2", "scikit-learn==1.1.3"]
    assert resolver([*new, "six==1.16.0"], "3.11", "together").good
    again = heal(found.text, "x.yml", resolver)
    assert again.edits == [] and again.resolved


def test_real_resolution_settles_a_contradiction_with_one_edit() -> None:
    text = "dependencies:\n  - python=3.11\n  - pip:\n    - pandas==2.2.2\n    - numpy==1.22.4\n"
    found = heal(text, "x.yml", uv_resolver())
    assert found.resolved and len(found.edits) == 1


def test_real_resolution_names_what_the_registry_does_not_have() -> None:
    packages = ["amlrun-has-no-such-package-9", "six", "dataclasses==0.8"]
    text = "dependencies:\n  - python=3.11\n  - pip:\n" + "".join(f"    - {one}\n" for one in packages)
    found = heal(text, "x.yml", uv_resolver())
    assert edits(found) == {"amlrun-has-no-such-package-9": [], "dataclasses==0.8": []}
    assert "no package with this name" in found.edits[0].reason


def test_a_registry_out_of_reach_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(AmlError) as caught:
        heal("dependencies:\n  - python=3.11\n  - pip:\n    - six-is-not-cached-here\n", "x.yml", uv_resolver())
    assert caught.value.exit_code == 3


NAMES = st.sampled_from(["numpy", "azureml-sdk", "libpng", "python", "keras", "tensorflow", "pip", "x::y", "_z", "R"])
SPECS = st.sampled_from(["", "=1", "==1.2.*", "=9b", ">=1,<2", "=1=py36_0", " 1.2", "~=1.0", "[extra]", "|2", "!=1"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(NAMES, SPECS), max_size=6), st.lists(st.tuples(NAMES, SPECS), max_size=6))
def test_any_list_of_packages_stays_a_conda_file(conda: list[tuple[str, str]], pip: list[tuple[str, str]]) -> None:
    lines = ["dependencies:", *(f'  - "{name}{spec}"' for name, spec in conda), "  - pip:"]
    text = "\n".join([*lines, *(f'      - "{name}{spec}"' for name, spec in pip)]) + "\n"
    once = heal(text, "x.yml").text
    assert heal(once, "x.yml").text == once
