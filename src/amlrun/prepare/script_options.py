"""The options that a script's argparse does not have: `parse_known_args` lets a misspelt one pass."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

from amlrun.errors import nearest
from amlrun.python_source import literal_text

# They read the command line by rules of their own.
_OTHERS = frozenset(
    {"absl", "click", "docopt", "fire", "hydra", "jsonargparse", "simple_parsing", "transformers", "typer"}
)


def ignored(script: Path, words: Sequence[str]) -> list[str]:
    """A sentence for each option among `words` that the script lets pass unread.

    Empty where that cannot be told from the text: options that are made at run time, another way to read the command
    line, a script that refuses what it does not know.
    """
    known = _known(script)
    if known is None:
        return []
    found = []
    for word in words:
        option = word.partition("=")[0]
        # argparse takes any beginning of a name that means one option.
        if not option.startswith("--") or option == "--" or any(name.startswith(option) for name in known):
            continue
        # Of two spellings of one option the one that the script names first.
        spellings = {name.lower().replace("_", "-"): name for name in reversed(known)}
        near = nearest(option.lower(), spellings)
        meant = f"; did you mean {spellings[near]}?" if near else ""
        found.append(f"{script.name} has no option {option} and ignores it{meant}")
    return found


def _known(script: Path) -> list[str] | None:
    """The long options of a script that lets others pass; None when that isn't to be told."""
    try:
        tree = ast.parse(script.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    options: list[str] = []
    passing = False
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            if any(name.split(".")[0] in _OTHERS for name in names):
                return None
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr == "add_argument":
            for argument in node.args:
                option = literal_text(argument)
                if option is None:
                    return None
                options += [option] if option.startswith("--") else []
        passing = passing or node.func.attr == "parse_known_args"
        if node.func.attr == "add_subparsers":
            return None
    return options if passing and options else None
