"""What the scoring commands share: which model, which scoring script, which request."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amlrun.cli.common import F
from amlrun.errors import AmlError, os_error
from amlrun.project import Project

if TYPE_CHECKING:
    from amlrun.serving.scoring import Model
    from amlrun.v1.scoring.inference import Config, Inference
    from amlrun.v1.scoring.inference_fields import Field

DEFAULT_CONFIG = "inference-config.yml"
REGISTERED = "-m NAME[:VERSION] or -f model.json"


# A long flag, a short one, and the key of the file that it stands for.
Flag = tuple[str, str, str]
# V1_CLI.md §8, with the key of the inference configuration.
_FLAGS: tuple[Flag, ...] = (
    ("--entry-script", "--es", "entryScript"),
    ("--source-directory", "--sd", "sourceDirectory"),
    ("--conda-file", "--cf", "condaFile"),
    ("--runtime", "--rt", "runtime"),
    ("--base-image", "--bi", "baseImage"),
    ("--base-image-registry", "--ir", "baseImageRegistry.address"),
    ("--cuda-version", "--cv", "cudaVersion"),
    ("--extra-docker-file-steps", "--ds", "extraDockerfileSteps"),
    ("--enable-gpu", "--eg", "enableGpu"),
    ("--environment-name", "-e", "environment.name"),
    ("--environment-version", "--ev", "environment.version"),
)
_SHOWN = {
    "entryScript": ("FILE", "Instead of the file's entryScript."),
    "sourceDirectory": ("FOLDER", "Instead of its sourceDirectory."),
    "condaFile": ("FILE", "Instead of its condaFile."),
}


def word(prefix: str, key: str) -> str:
    """The name of the parameter that holds the flag for `key`."""
    return f"{prefix}_{key.replace('.', '_').lower()}"


def override(config: Config, table: list[Field], flags: tuple[Flag, ...], words: dict[str, str]) -> None:
    """Put what the flags say in place of what the file says. Raises AmlError naming the flag."""
    long = {key: flag for flag, _, key in flags}
    for key, text in words.items():
        try:
            config.override(table, key, text)
        except AmlError as error:
            raise AmlError(f"{long[key]}: {error.message}") from error


@dataclass(frozen=True)
class Script:
    """What the flags say about the scoring script and its environment: the file, and the keys that come before it."""

    file: str | None
    words: dict[str, str]

    def __bool__(self) -> bool:
        return bool(self.file or self.words)

    def inference(self, path: Path, project: Project) -> Inference:
        """The scoring settings of the file (without one, of the default file where there is one) and the flags."""
        from amlrun.v1.scoring import inference
        from amlrun.v1.scoring.inference_fields import INFERENCE

        config = inference.Config()
        if self.file is not None:
            config = inference.read(inference.find_file(self.file, path, project.root, "--ic"), INFERENCE)
        else:
            places = [path / folder / DEFAULT_CONFIG for folder in ("aml_config", ".azureml")]
            found = next((place for place in places if place.is_file()), None)
            if found is not None:
                config = inference.read(found, INFERENCE)
        words = dict(self.words)
        # Found by rules of their own: see `inference.inference`.
        named = {name: words.pop(key, None) for name, key in _NAMED.items()}
        override(config, INFERENCE, _FLAGS, words)
        return inference.inference(path, config, **named)


_NAMED = {"entry": "entryScript", "source": "sourceDirectory", "conda": "condaFile"}


def inference_options(function: F) -> F:
    """v1's flags for the scoring script and its environment; the command gets one `script: Script` of them."""

    @functools.wraps(function)
    def command(*args: Any, ic: str | None, **kwargs: Any) -> Any:
        given = {key: kwargs.pop(word("ic", key)) for _, _, key in _FLAGS}
        return function(*args, script=Script(ic, {key: text for key, text in given.items() if text}), **kwargs)

    text = f"v1's inference configuration.  [default: aml_config/{DEFAULT_CONFIG}]"
    options: list[Callable[[Any], Any]] = [
        click.option("--inference-config-file", "--ic", "ic", metavar="FILE", help=text)
    ]
    for long, short, key in _FLAGS:
        metavar, text = _SHOWN.get(key, ("VALUE", ""))
        options.append(click.option(long, short, word("ic", key), metavar=metavar, hidden=not text, help=text))
    wrapped: Any = command
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]


def to_stderr(text: str) -> None:
    """Report what is going on where the answer alone belongs on stdout."""
    click.echo(text, err=True)


def choose_model(
    project: Project,
    names: tuple[str, ...],
    run_file: Path | None = None,
    asset_path: str = "outputs/model.pkl",
    model_path: Path | None = None,
    *,
    flags: str = "-m NAME[:VERSION], -f run.json or --model-path FILE",
) -> Model:
    """The one model that the flags name: registered, of a run, or a file.

    Raises AmlError when they name none or several; `flags` are those there are.
    """
    from amlrun.serving import scoring

    if len(names) + (run_file is not None) + (model_path is not None) != 1:
        raise AmlError("name one model", hint=f"Give {flags}. Several files are one model when they are one folder.")
    if run_file is not None:
        return scoring.of_run(project, run_file, asset_path)
    if model_path is not None:
        return scoring.at_path(model_path)
    return scoring.registered(project, names[0])


def request_text(name: str | None, path: Path, root: Path) -> str:
    """The request: a JSON file (here, below --path or the project's root), or stdin for `-` and in a pipe.

    Raises AmlError when it cannot be read or is not JSON.
    """
    if name is None and sys.stdin.isatty():
        raise AmlError("no request", hint="Give a JSON file, such as deployment/sample-request.json, or - for stdin.")
    if name in (None, "-"):
        file, body = "stdin", sys.stdin.buffer.read()
    else:
        assert name is not None  # noqa: S101 - the branch above took it
        places = [Path(name), path / name, root / name]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise AmlError("there is no such request file", file=name)
        file = str(found)
        try:
            body = found.read_bytes()
        except OSError as error:
            raise os_error(error, "read the request") from error
    try:
        text: str = body.decode("utf-8-sig")
        json.loads(text)
    except json.JSONDecodeError as error:
        raise AmlError(f"the request is not JSON: {error.msg}", file=file, line=error.lineno) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise AmlError("the request is not JSON in UTF-8", file=file) from error
    return text
