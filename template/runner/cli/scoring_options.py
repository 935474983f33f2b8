"""What the scoring commands share: which model, which scoring script, which request."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli.common import F
from runner.errors import RunnerError, os_error
from runner.project import Project

if TYPE_CHECKING:
    from runner.serving.scoring import Model
    from runner.v1.inference import Inference

DEFAULT_CONFIG = "inference-config.yml"


_IC = click.option("--inference-config-file", "--ic", "ic", metavar="FILE",
                   help=f"v1's inference configuration.  [default: aml_config/{DEFAULT_CONFIG}]")  # fmt: skip
_ES = click.option("--entry-script", "--es", "entry", metavar="FILE", help="Instead of the file's entryScript.")
_SD = click.option("--source-directory", "--sd", "source", metavar="FOLDER", help="Instead of its sourceDirectory.")
_CF = click.option("--conda-file", "--cf", "conda", metavar="FILE", help="Instead of its condaFile.")


def inference_options(function: F) -> F:
    """v1's flags for the scoring script and its environment: `--ic`, `--es`, `--sd`, `--cf`."""
    return _IC(_ES(_SD(_CF(function))))


def read_inference(
    path: Path, project: Project, ic: str | None, entry: str | None, source: str | None, conda: str | None
) -> Inference:
    """The scoring settings of `--ic`, or of the default file where there is one."""
    from runner.v1 import inference
    from runner.v1.inference_fields import INFERENCE

    config = inference.Config()
    if ic is not None:
        config = inference.read(inference.find_file(ic, path, project.root, "--ic"), INFERENCE)
    else:
        places = [path / folder / DEFAULT_CONFIG for folder in ("aml_config", ".azureml")]
        found = next((place for place in places if place.is_file()), None)
        if found is not None:
            config = inference.read(found, INFERENCE)
    return inference.inference(path, config, entry=entry, source=source, conda=conda)


def to_stderr(text: str) -> None:
    """Report what is going on where the answer alone belongs on stdout."""
    click.echo(text, err=True)


def choose_model(
    project: Project,
    names: tuple[str, ...],
    run_file: Path | None = None,
    asset_path: str = "outputs/model.pkl",
    model_path: Path | None = None,
) -> Model:
    """The one model that the flags name: registered, of a run, or a file.

    Raises RunnerError when they name none or several.
    """
    from runner.serving import scoring

    if len(names) + (run_file is not None) + (model_path is not None) != 1:
        raise RunnerError("name one model", hint="Give -m NAME[:VERSION], or -f run.json, or --model-path FILE.")
    if run_file is not None:
        return scoring.of_run(project, run_file, asset_path)
    if model_path is not None:
        return scoring.at_path(model_path)
    return scoring.registered(project, names[0])


def request_text(name: str | None, path: Path, root: Path) -> str:
    """The request: a JSON file (here, below --path or the project's root), or stdin for `-` and in a pipe.

    Raises RunnerError when it cannot be read or is not JSON.
    """
    if name is None and sys.stdin.isatty():
        raise RunnerError(
            "no request", hint="Give a JSON file, such as deployment/sample-request.json, or - for stdin."
        )
    if name in (None, "-"):
        file, body = "stdin", sys.stdin.buffer.read()
    else:
        assert name is not None  # noqa: S101 - the branch above took it
        places = [Path(name), path / name, root / name]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise RunnerError("there is no such request file", file=name)
        file = str(found)
        try:
            body = found.read_bytes()
        except OSError as error:
            raise os_error(error, "read the request") from error
    try:
        text: str = body.decode("utf-8-sig")
        json.loads(text)
    except json.JSONDecodeError as error:
        raise RunnerError(f"the request is not JSON: {error.msg}", file=file, line=error.lineno) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise RunnerError("the request is not JSON in UTF-8", file=file) from error
    return text
