"""What a conda file becomes for scoring, and the advice for what a script may raise."""

from __future__ import annotations

from pathlib import Path

import pytest

from amlrun.errors import AmlError
from amlrun.serving import environment
from amlrun.serving.environment import SERVER, advice
from amlrun.v1.scoring.inference import Inference


def packages(folder: Path, text: str, *, server: bool = True) -> tuple[object, list[str]]:
    file = folder / "conda.yml"
    file.write_text(text, encoding="utf-8")
    lines: list[str] = []
    found = environment.packages(Inference(folder, "score.py", file), report=lines.append, server=server)
    return (found if isinstance(found, dict) else found.name), lines


def test_a_file_that_names_the_server_is_used_as_it_is(tmp_path: Path) -> None:
    text = f"dependencies:\n  - python=3.11\n  - pip:\n      - {SERVER}>=1,<2\n"
    assert packages(tmp_path, text) == ("conda.yml", [])


def test_the_server_is_added_where_a_service_needs_it_and_that_is_reported(tmp_path: Path) -> None:
    text = "name: x\ndependencies:\n  - python=3.11\n  - joblib\n"
    found, lines = packages(tmp_path, text)
    assert found == {"name": "x", "dependencies": ["python=3.11", "joblib", {"pip": [SERVER]}]}
    assert lines == [f"{SERVER} is added: the conda file does not name it."]
    assert packages(tmp_path, text, server=False) == ("conda.yml", [])


@pytest.mark.parametrize("retired", ["azureml-defaults", "azureml-defaults>=1.50", "azureml-defaults==1.0.85"])
@pytest.mark.parametrize("server", [True, False])
def test_azureml_defaults_is_treated_alike_everywhere_and_that_is_reported(
    tmp_path: Path, retired: str, server: bool
) -> None:
    """b07, c5: `aml score` installed it, `aml model deploy` took it out without a word."""
    text = f"dependencies:\n  - python=3.11\n  - pip:\n    - {retired}\n    - joblib\n"
    found, lines = packages(tmp_path, text, server=server)
    pips = ["joblib", SERVER] if server else ["joblib"]
    assert found == {"dependencies": ["python=3.11", {"pip": pips}]}
    assert lines[0].startswith(f"{retired}: retired; ")


def test_paths_in_the_pip_list_start_where_the_file_is(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "requirements.txt").write_text("# ours\nflask>=2  # web\n-r more/other.txt\n\n")
    (tmp_path / "more" / "other.txt").write_text("joblib\n")
    (tmp_path / "package").mkdir()
    text = (
        "dependencies:\n  - pip:\n    - -r requirements.txt\n    - -e package\n    - --extra-index-url https://e.com\n"
    )
    found, _ = packages(tmp_path, text)
    place = (tmp_path / "package").resolve().as_posix()
    pips = ["flask>=2", "joblib", f"-e {place}", "--extra-index-url https://e.com", SERVER]
    assert found == {"dependencies": [{"pip": pips}]}


def test_a_requirements_file_is_read_as_pip_reads_it(tmp_path: Path) -> None:
    text = "dependencies:\n  - pip:\n    - -r requirements.txt\n"
    (tmp_path / "requirements.txt").write_text("flask \\\n    >=2\n")
    found, _ = packages(tmp_path, text)
    assert found == {"dependencies": [{"pip": ["flask     >=2", SERVER]}]}
    (tmp_path / "requirements.txt").write_text("-r requirements.txt\n")
    with pytest.raises(AmlError, match="includes itself"):
        packages(tmp_path, text)


def test_an_alias_bomb_is_refused_at_once(tmp_path: Path) -> None:
    """A file of 800 bytes that would be ten to the ninth entries."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(AmlError, match="too many entries"):
        packages(tmp_path, "\n".join(lines) + "\n")


def test_no_conda_file_is_named_with_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(AmlError, match="no conda file for scoring") as caught:
        environment.packages(Inference(tmp_path, "score.py"), report=print)
    assert "condaFile:" in caught.value.hint


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("ModuleNotFoundError: No module named 'azureml'", 'os.environ["AZUREML_MODEL_DIR"]'),
        ("ModuleNotFoundError: No module named 'azureml.core.model'", 'os.environ["AZUREML_MODEL_DIR"]'),
        ("ModelNotFoundException: Model m not found in cache", 'os.environ["AZUREML_MODEL_DIR"]'),
        ("ModuleNotFoundError: No module named 'cv2'", "Name the missing package"),
        ("AttributeError: Can't get attribute 'to_log' on <module 'entry_module' from '/x/score.py'>", "to_log"),
        ("TypeError: Object of type ndarray is not JSON serializable", ".tolist()"),
        ("TypeError: Object of type Series is not JSON serializable", ".tolist()"),
        ("ValueError: no table", ""),
    ],
)
def test_advice_names_the_way_out(error: str, words: str) -> None:
    assert words in advice(error)
    assert bool(advice(error)) == bool(words)
