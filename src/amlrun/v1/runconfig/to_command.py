"""Script, arguments and command of a run configuration → the v2 command."""

from __future__ import annotations

import glob
import re
from pathlib import Path, PurePosixPath
from typing import Any

from amlrun.errors import AmlError, did_you_mean, nearest
from amlrun.v1.config import Key
from amlrun.v1.reading import split
from amlrun.v1.runconfig.context import TranslationContext
from amlrun.v1.table import camel

_DATASET = re.compile(r"Dataset(?:Consumption|Output)Config:([A-Za-z0-9_.-]+)")
_REFERENCE = re.compile(r"\$(?:AZUREML_DATAREFERENCE_([A-Za-z0-9_-]+)|\{AZUREML_DATAREFERENCE_([A-Za-z0-9_-]+)\})")
_TWO_WORDS = re.compile(r"--?[A-Za-z][\w-]*[ ]+\S.*")
_INTERPRETERS = re.compile(r"(?:.*[/\\])?(?:python[0-9.]*|Rscript)(?:\.exe)?")


def translate(context: TranslationContext) -> None:
    """Set the job's `command` and `script`. Data names must be known already (`context.names`)."""
    config = context.config
    command = config.value("command")
    words: list[str] | str = [] if command is None or command.words is None else command.words
    script = context.script_and_arguments[0] if context.script_and_arguments else config.text("script")
    if len(context.script_and_arguments) > 1:
        arguments = list(context.script_and_arguments[1:])
    else:
        arguments = list(config.words("arguments"))
    single = words.split() if isinstance(words, str) else words
    if not single or context.script_and_arguments:
        _from_script(context, script, arguments, _interpreter(context))
    elif script and len(single) == 1 and _INTERPRETERS.fullmatch(single[0]):
        # `command: python` beside a script says what runs it.
        _from_script(context, script, arguments, single[0])
    else:
        _from_command(context, words, script, arguments)
        return
    if command is not None and command.is_set and context.script_and_arguments:
        context.set(("command",), "ignored", "the script given on the command line runs instead")
    elif command is not None and command.is_set:
        context.mapped(("command",), "command")


def _interpreter(context: TranslationContext) -> str:
    config = context.config
    if config.choice("framework") == "R":
        name = config.text("environment", "r", "rscriptPath") or "Rscript"
        context.mapped(("framework",), "command", "Rscript runs the script")
        return name
    named = config.text("environment", "python", "interpreterPath") or "python"
    if not context.local and config.get("environment", "python", "userManagedDependencies") and named != "python":
        context.mapped(("environment", "python", "interpreterPath"), "command")
        return named
    return "python"


def _from_command(context: TranslationContext, words: list[str] | str, script: str, arguments: list[str]) -> None:
    if isinstance(words, str):
        context.job.command = rewrite(context, words, ("command",))
    else:
        context.job.command = [rewrite(context, word, ("command",)) for word in words]
    context.mapped(("command",), "command")
    parts = split(words) if isinstance(words, str) else words
    if len(parts) > 1 and _INTERPRETERS.fullmatch(parts[0]) and re.fullmatch(r"[^$-][^$]*\.(py|R)", parts[1]):
        _check_script(context, parts[1].replace("\\", "/"), "command")
    for name, given in (("script", script), ("arguments", arguments)):
        if given:
            context.set((name,), "ignored", "`command` is used instead")


def _from_script(context: TranslationContext, script: str, arguments: list[str], interpreter: str) -> None:
    script = script.replace("\\", "/")
    if not script:
        context.blocking_error(
            ("script",), "no script given",
            "Add `script: train.py`, or give the script at the end of the command.", name="script",
        )  # fmt: skip
        context.job.command = [interpreter, "SCRIPT", *_arguments(context, arguments)]
        return
    if not context.script_and_arguments:
        context.mapped(("script",), "command")
    elif context.config.value("script"):
        context.set(("script",), "ignored", "the script given on the command line runs instead", quiet=True)
    _check_script(context, script, "script")
    context.job.script = script
    context.job.command = [interpreter, script, *_arguments(context, arguments)]
    if "/" in script and interpreter.startswith("python"):
        # v1 had the snapshot's root on sys.path, v2 has not (azure-sdk-for-python#29724).
        context.job.environment_variables.setdefault("PYTHONPATH", ".")


def _arguments(context: TranslationContext, arguments: list[str]) -> list[str]:
    if len(context.script_and_arguments) > 1:
        if context.config.value("arguments"):
            context.set(("arguments",), "ignored", "the arguments given on the command line are used", quiet=True)
    else:
        context.mapped(("arguments",), "command")
        for word in arguments:
            if _TWO_WORDS.fullmatch(word):
                why = (
                    "is one argument with a space in it, which argparse reads as an option's name: write two arguments"
                )
                context.config.note(("arguments",), f"{word!r} {why}")
    return [rewrite(context, word, ("arguments",)) for word in arguments]


def _check_script(context: TranslationContext, script: str, key: str) -> None:
    """Say so when the script is not below the source directory; `key` is where it was named."""
    place = PurePosixPath(script)
    if place.is_absolute() or ".." in place.parts or re.match(r"[A-Za-z]:", script):
        hint = "Give the folder that holds it with --source-directory, and the script relative to it."
        context.blocking_error((key,), f"{script!r} is not below the source directory {context.source}", hint)
        return
    try:
        there = (context.source / script).is_file()
        beside = sorted(item.name for item in context.source.iterdir() if item.suffix == place.suffix)
        # Many repositories keep their scripts in a folder, and named that with --source-directory.
        below = "" if there else _folder_with(context.source, script)
    except (OSError, ValueError):
        there, beside, below = False, [], ""
    if not there:
        near = nearest(place.name, beside)
        meant = f"Did you mean {near}?" if near else f"Available: {', '.join(beside[:8])}." if beside else ""
        if below:
            flag = "--path" if (context.source / below / "aml_config").is_dir() else "--source-directory"
            meant = f"It is in {below}: add {flag} {below}"
        elif {"--path", "--source-directory"} & {*context.script_and_arguments}:
            meant = "What follows the script are its own arguments: aml's options come before it."
        problem = f"there is no {script!r} in {context.source}"
        if context.script_and_arguments and key == "script":
            # It was typed: no line of the file is wrong.
            context.blocking_errors.append(AmlError(problem, field=key, hint=meant))
        else:
            context.blocking_error((key,), problem, meant, name=key)


def _folder_with(source: Path, script: str) -> str:
    """The folder below `source`, at most two deep, that has the script; empty when none has."""
    found = (sorted(source.glob(f"{deep}/{glob.escape(script)}")) for deep in ("*", "*/*"))
    places = (file.relative_to(source).parts for files in found for file in files if file.is_file())
    inside = len(PurePosixPath(script).parts)
    return next(("/".join(parts[:-inside]) for parts in places if parts[0] not in ("runs", ".venv")), "")


def rewrite(context: TranslationContext, word: str, where: Key) -> str:
    """A word of the command with v1's ways to say "the path of this data" turned into v2 bindings."""

    def dataset(found: re.Match[str]) -> str:
        return _binding(context, found[1], ("data", "outputData"), where, found[0])

    def reference(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        known = context.config.names("dataReferences")
        # Not braced, the name ends where a known one does: `$AZUREML_DATAREFERENCE_in-x` may be `in` and `-x`.
        whole = name in known or found[1] is None
        prefix = "" if whole else max((item for item in known if name.startswith(item)), key=len, default="")
        if prefix:
            return _binding(context, prefix, ("dataReferences",), where, found[0]) + name[len(prefix) :]
        return _binding(context, name, ("dataReferences",), where, found[0])

    word = _REFERENCE.sub(reference, _DATASET.sub(dataset, word))
    return _path_on_compute(context, word)


def _binding(context: TranslationContext, name: str, sections: tuple[str, ...], where: Key, written: str) -> str:
    known = {key: place for key, place in context.names.items() if key[0] in sections}
    for same in (str, camel, str.lower):
        for key, place in known.items():
            if same(key[1]) == same(name):
                return f"${{{{{place}}}}}"
    meant = did_you_mean(name, [key[1] for key in known])
    hint = f"Add {name!r} below {sections[0]}:, or correct the argument."
    context.config.problem(where, f"{written}: there is no {name!r} below {' or '.join(sections)}{meant}", hint)
    return written


def _path_on_compute(context: TranslationContext, word: str) -> str:
    for key, place in context.names.items():
        path = _on_compute(context, key)
        if not path or path in (".", "./", "/"):
            continue
        option, equals, rest = word.partition("=") if word.startswith("-") else ("", "", word)
        stem = path.rstrip("/")
        if rest.rstrip("/") == stem or rest.startswith(f"{stem}/"):
            context.mapped((*key, *_PATH[key[0]]), "command", "arguments at or below it")
            return f"{option}{equals}${{{{{place}}}}}{rest[len(stem) :].rstrip('/')}"
    return word


_PATH: dict[str, Key] = {
    "data": ("pathOnCompute",),
    "dataReferences": ("pathOnCompute",),
    "outputData": ("additionalOptions",),
}


def _on_compute(context: TranslationContext, key: Key) -> str:
    if key[0] != "outputData":
        return context.config.text(*key, "pathOnCompute")
    options: Any = context.config.get(*key, "additionalOptions")
    if not isinstance(options, dict):
        return ""
    found = options.get("pathOnCompute", options.get("path_on_compute"))
    return found if isinstance(found, str) else ""
