"""What the scoring commands share: which model, which scoring script, which request."""

from __future__ import annotations

import base64
import functools
import json
import mimetypes
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amlrun import project as projects
from amlrun.cli.common import Context, F, with_options
from amlrun.dataclass import dataclass
from amlrun.errors import AmlError, os_errors

if TYPE_CHECKING:
    from amlrun.serving.model_file import ModelFile
    from amlrun.serving.once import Request
    from amlrun.v1.scoring.inference import Inference

REGISTERED = "-m NAME[:VERSION] or -f model.json"
_BYTES = "application/octet-stream"


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


def blame_flag(flags: tuple[Flag, ...], error: AmlError) -> AmlError:
    """An error about a value that was typed, with the flag instead of the file's key."""
    long = {key: flag for flag, _, key in flags}
    if error.file is not None or error.field not in long:
        return error
    return AmlError(f"{long[error.field]}: {error.message}", hint=error.hint)


@dataclass(frozen=True)
class Script:
    """What the flags say about the scoring script and its environment: the file, and the keys that come before it."""

    file: str | None
    words: dict[str, str]

    def __bool__(self) -> bool:
        return bool(self.file or self.words)

    def inference(self, path: Path) -> Inference:
        """The scoring settings of the file (without one, of the default file where there is one) and the flags."""
        from amlrun.serving.configuration import read_inference

        try:
            return read_inference(path, self.file, values=self.words)
        except AmlError as error:
            raise blame_flag(_FLAGS, error) from error


def inference_options(function: F) -> F:
    """v1's flags for the scoring script and its environment; the command gets one `script: Script` of them."""

    @functools.wraps(function)
    def command(*args: Any, ic: str | None, **kwargs: Any) -> Any:
        given = {key: kwargs.pop(word("ic", key)) for _, _, key in _FLAGS}
        return function(*args, script=Script(ic, {key: text for key, text in given.items() if text}), **kwargs)

    text = "v1's inference configuration.  [default: aml_config/inference-config.yml]"
    options: list[Callable[[Any], Any]] = [
        click.option("--inference-config-file", "--ic", "ic", metavar="FILE", help=text)
    ]
    for long, short, key in _FLAGS:
        metavar, text = _SHOWN.get(key, ("VALUE", ""))
        options.append(click.option(long, short, word("ic", key), metavar=metavar, hidden=not text, help=text))
    return with_options(command, options)  # type: ignore[return-value]


def to_stderr(text: str) -> None:
    """Report what is going on where the answer alone belongs on stdout."""
    click.echo(text, err=True)


def one_model(names: tuple[str, ...]) -> str:
    """The one registered model that -m or -f names. Raises AmlError when they name none or several."""
    from amlrun.serving.model_file import SEVERAL

    if len(names) != 1:
        raise AmlError("name one model", hint=f"Give {REGISTERED}. {SEVERAL}")
    return names[0]


def choose_model(
    context: Context, names: tuple[str, ...], run_file: Path | None, asset_path: str, model_path: Path | None
) -> ModelFile:
    """The one model that the flags name: registered, of a run, or a file. Raises AmlError for none or several."""
    from amlrun.cli import quiet
    from amlrun.cli.run import id_in
    from amlrun.serving.model_file import Choice

    quiet.silence("mlflow")
    run_id = None if run_file is None else id_in(run_file)
    return Choice(names, run_id, asset_path, model_path).find(projects.find(context.path))


def read_request(name: str | None, path: Path) -> Request:
    """The request: JSON, a file (here, below --path or the project's root, `@` before it or not), or stdin for `-` and
    in a pipe. What is not JSON by its file's name, such as an image, is sent as it is; so are unnamed bytes.

    Raises AmlError when it cannot be read, or is not JSON.
    """
    from amlrun.serving.once import JSON, Request

    if name is None and sys.stdin.isatty():
        raise AmlError("no request", hint="Give a JSON file, such as deployment/sample-request.json, or - for stdin.")
    if name is not None and name.lstrip()[:1] in ("{", "[", '"'):
        return Request(name.encode())
    name = name.removeprefix("@") if name else name
    if name in (None, "-"):
        return _unnamed("stdin", sys.stdin.buffer.read())
    places = [Path(str(name)), path / str(name), projects.find(path).root / str(name)]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise AmlError("there is no such request file", file=name)
    with os_errors("read the request"):
        body = found.read_bytes()
    if not found.suffix:
        return _unnamed(str(found), body)
    kind = mimetypes.guess_type(found.name)[0] or (JSON if found.suffix == ".json" else _BYTES)
    return Request(_json(str(found), body)) if kind == JSON else Request(body, kind)


def _unnamed(file: str, body: bytes) -> Request:
    """A request whose kind no name tells: JSON, or bytes that are no text."""
    from amlrun.serving.once import Request

    try:
        body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Request(body, _BYTES)
    return Request(_json(file, body))


def _json(file: str, body: bytes) -> bytes:
    try:
        text = body.decode("utf-8-sig")
        json.loads(text)
    except json.JSONDecodeError as error:
        raise AmlError(f"the request is not JSON: {error.msg}", file=file, line=error.lineno) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise AmlError("the request is not JSON in UTF-8", file=file) from error
    return text.encode()


def show_answer(context: Context, answer: Any) -> None:
    """Print an answer: JSON for a person or a program; bytes as they are, for a file or a pipe."""
    if not isinstance(answer, bytes):
        context.result(answer, json.dumps(answer, indent=2))
    elif context.json:
        context.result({"base64": base64.b64encode(answer).decode("ascii")})
    elif sys.stdout.isatty():
        context.say(f"The response is {len(answer)} bytes: write it to a file with > FILE.")
    else:
        sys.stdout.buffer.write(answer)
