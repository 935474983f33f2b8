"""Notebooks that are kept as Python scripts: Databricks' own source files, and the per cent format of Jupytext.

docs.databricks.com/notebooks/notebook-export-import, jupytext.readthedocs.io/en/latest/formats-scripts.html
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError

_DATABRICKS = "# Databricks notebook source"
_COMMAND = re.compile(r"^# COMMAND -+[ \t]*$", re.MULTILINE)
_MAGIC = re.compile(r"^# MAGIC ?(.*)$")
_PERCENT = re.compile(r"^# ?%%(.*)$", re.MULTILINE)
_HEADER = re.compile(r"\A# ---\n(?:#.*\n)*?# ---\n")


def read(text: str, path: Path) -> Any:
    """The script as an nbformat 4 node. Raises AmlError for a script without marked cells."""
    import nbformat.v4 as format4

    text = text.replace("\r\n", "\n")
    if text.lstrip().startswith(_DATABRICKS):
        cells = _databricks(text.lstrip().removeprefix(_DATABRICKS))
    elif _PERCENT.search(text):
        cells = _percent(_HEADER.sub("", text))
    else:
        raise AmlError(
            "is a Python script without cells, not a notebook", file=path,
            hint="A cell begins with `# %%`, or `# COMMAND ----------` in a Databricks notebook. For other formats of "
            "Jupytext: jupytext --to ipynb FILE",
        )  # fmt: skip
    made = {"code": format4.new_code_cell, "markdown": format4.new_markdown_cell}
    return format4.new_notebook(cells=[made[kind](source) for kind, source in cells if source.strip()])


def _databricks(text: str) -> list[tuple[str, str]]:
    return [_databricks_cell(part.strip("\n")) for part in _COMMAND.split(text)]


def _databricks_cell(text: str) -> tuple[str, str]:
    lines = [line for line in text.split("\n") if not line.startswith("# DBTITLE")]
    magic = [_MAGIC.match(line) for line in lines]
    if not any(magic):
        return "code", "\n".join(lines)
    source = "\n".join(found[1] if found else line for found, line in zip(magic, lines)).strip("\n")
    if re.match(r"%md\b", source):
        return "markdown", source.removeprefix("%md").removeprefix("-sandbox").strip()
    return "code", source


def _percent(text: str) -> list[tuple[str, str]]:
    marks = list(_PERCENT.finditer(text))
    cells = [("code", text[: marks[0].start()])]
    for mark, following in zip(marks, [*marks[1:], None]):
        body = text[mark.end() : following.start() if following else len(text)].strip("\n")
        if re.search(r"\[(?:markdown|md|raw)\]", mark[1]):
            plain = body.strip().removeprefix('"""').removesuffix('"""')
            cells.append(("markdown", "\n".join(re.sub(r"^# ?", "", line) for line in plain.split("\n"))))
        else:
            # Jupytext comments magics out: `# %matplotlib inline`, `# !pip install x`.
            cells.append(("code", re.sub(r"^# ?([%!]\w)", r"\1", body, flags=re.MULTILINE)))
    return cells
