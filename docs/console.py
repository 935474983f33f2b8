"""The console examples of the documents: read, run in order, compare, and (with --write) filled with what they print.

    python docs/console.py PROJECT            run every page's examples in copies of a rendered project
    python docs/console.py PROJECT --write    and put into the pages what the commands print now

A ```console block holds `$ command` lines, each followed by its output. A `title="…"` on the block says why it is
not run here; what needs a workspace is run by tests/cloud/test_cloud_pages.py. `<!-- exits: 2 -->` before a block is
the exit code it shows; `<!-- file: PATH -->` before any other block makes it a file of the project,
`<!-- cell: PATH -->` the next code cell of a notebook there. A file that no reader needs to see is written as
`<!-- file: PATH`, its lines, `-->`. In an output `…` stands for anything on a line, and a line of `…` for any lines.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PAGES = Path(__file__).parent / "pages"
ROOT = Path(__file__).parents[1]
# What differs from run to run and from machine to machine, and the word it is compared as.
VARIES = [
    (r"_\d{10}_[0-9a-f]{8}", "_ID"),
    (r"HD_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "HD_ID"),
    (r"AutoML_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "AutoML_ID"),
    (r"seed \d+", "seed N"),
    (r"\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?", "TIME"),
    (r"\b\d\d-\d\d \d\d:\d\d\b", "TIME"),  # in the list of runs
    (r"\b[0-9a-f]{8,64}\b", "HEX"),
    (r"\b\d+(\.\d+)? ?(B|kB|MB|bytes)\b", "SIZE"),
    (r"(?<![\d.])\d+ files\b(?!/)", "FILES"),
    (r"\d+\.\d+(e-\d+)?", "NUMBER"),
    (r"/home/me/my-project", "PROJECT"),
    (r"[ \t]+", " "),
    (r"[-=─━]{4,}", "LINE"),
]

# Printed where the environment is not in the cache yet, which depends on what ran before.
BUILDS = re.compile(
    r"Building the environment of |Another `aml` is building |\s*(Resolv|Download|Prepar|Install|Buil)(ing|ed|t) |"
    r"\s*\S+: taken from PyPI as "
)

# A name for git, whatever this machine's configuration is.
GIT = {
    "GIT_AUTHOR_NAME": "me", "GIT_AUTHOR_EMAIL": "me@example.com", "GIT_COMMITTER_NAME": "me",
    "GIT_COMMITTER_EMAIL": "me@example.com", "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "commit.gpgsign",
    "GIT_CONFIG_VALUE_0": "false", "GIT_CONFIG_KEY_1": "init.defaultBranch", "GIT_CONFIG_VALUE_1": "main",
}  # fmt: skip


@dataclass
class Example:
    """One command with the output that the page shows."""

    command: str
    output: str


@dataclass
class Block:
    """One fenced block. `file` makes it a file, or a `cell` of one; `why` is the reason why nothing in it is run."""

    page: Path
    line: int
    text: str
    file: str | None = None
    why: str | None = None
    exits: int = 0
    cell: bool = False
    examples: list[Example] = field(default_factory=list)


def blocks(page: Path) -> Iterator[Block]:
    """The page's console blocks and files, in order."""
    lines = page.read_text(encoding="utf-8").split("\n")
    file, exits, cell, at = None, 0, False, 0
    while at < len(lines):
        mark = re.match(r"<!-- (file|cell|exits): (\S+)( -->)?$", lines[at])
        fence = re.match(r'```(\w+)(?: title="([^"]+)")?', lines[at])
        if mark and not mark[3]:
            end = lines.index("-->", at + 1)
            yield Block(page, at + 1, "\n".join(lines[at + 1 : end]) + "\n", mark[2])
            at = end
        elif mark:
            file, exits = (file, int(mark[2])) if mark[1] == "exits" else (mark[2], exits)
            cell = mark[1] == "cell"
        elif fence:
            end = lines.index("```", at + 1)
            block = Block(page, at + 1, "\n".join(lines[at + 1 : end]) + "\n", file, fence[2], exits, cell)
            if fence[1] == "console" and file is None:
                block.examples = list(_examples(lines[at + 1 : end]))
                yield block
            elif file is not None:
                yield block
            file, exits, cell, at = None, 0, False, end
        at += 1


def _examples(lines: list[str]) -> Iterator[Example]:
    starts = [i for i, line in enumerate(lines) if line.startswith("$ ")]
    for i, start in enumerate(starts):
        end = starts[i + 1] if i + 1 < len(starts) else len(lines)
        yield Example(lines[start][2:], "\n".join(lines[start + 1 : end]).strip("\n"))


def matches(shown: str, printed: str) -> bool:
    """Whether what the page shows is what was printed, but for what varies."""
    pattern = "".join(
        r"(?:.*\n)*" if line.strip() == "…" else re.escape(line).replace("…", ".*") + r"\n"
        for line in plain(shown).split("\n")
    )
    return re.fullmatch(pattern, plain(printed) + "\n") is not None


def plain(text: str) -> str:
    """`text` with what varies replaced."""
    for pattern, word in VARIES:
        text = re.sub(pattern, word, text)
    return "\n".join(line.rstrip() for line in text.strip().split("\n") if not BUILDS.match(line))


def start(page: Path, folder: Path) -> bool:
    """Make what the page begins with, where that is not a fresh render of the template; whether it was made."""
    if page.stem == "update":
        source = _published(folder.with_name("published"))
        words = [
            "copier",
            "copy",
            "--quiet",
            "--defaults",
            "--vcs-ref",
            "v0.1.0",
            f"git+{source.as_uri()}",
            str(folder),
        ]
        subprocess.run([sys.executable, "-m", *words], check=True, stdin=subprocess.DEVNULL)
        _commit(folder, "Rendered")
    elif page.stem in ("tutorial", "rescue"):
        folder.mkdir(parents=True, exist_ok=True)
    else:
        return False
    return True


def _published(folder: Path) -> Path:
    """The template and its library in a repository with two versions, as on GitHub; the second changes one file."""
    gone = shutil.ignore_patterns("__pycache__", ".*_cache")
    for name in ("includes", "template", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=gone)
    for name in ("copier.yml", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    _commit(folder, "One", "v0.1.0")
    changed = folder / "template" / ".github" / "workflows" / "tests.yml.jinja"
    changed.write_text(changed.read_text(encoding="utf-8") + "# Changed by the second version.\n", encoding="utf-8")
    _commit(folder, "Two", "v0.2.0")
    return folder


def _commit(folder: Path, message: str, tag: str | None = None) -> None:
    env = {**os.environ, **GIT}
    for words in (["init", "-q"], ["add", "--all"], ["commit", "-q", "-m", message], ["tag", tag] if tag else []):
        if words:
            subprocess.run(["git", *words], cwd=folder, env=env, check=True)


class Session:
    """A shell that keeps its folder from command to command, in a project of its own."""

    def __init__(self, folder: Path, environment: Path) -> None:
        self.folder = folder.resolve()
        self.cwd = self.folder
        self.top = self.folder
        self.env = {
            **{
                key: value
                for key, value in os.environ.items()
                if not key.startswith(("MLFLOW_", "AML_", "VIRTUAL_ENV"))
            },
            "UV_PROJECT_ENVIRONMENT": str(environment),
            "PATH": str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"],
            "COLUMNS": "120",
            "NO_COLOR": "1",
            "PYTHONWARNINGS": "ignore",
            **GIT,
        }
        self.synced = False

    def sync(self) -> None:
        """Make the project's environment ours, quietly, so that `uv run` has nothing to say about it."""
        self.synced = True
        # All pages' projects are the same one, so what the first resolves serves the others.
        kept = Path(self.env["UV_PROJECT_ENVIRONMENT"]).parent / "uv.lock"
        if kept.exists() and not (self.top / "uv.lock").exists():
            shutil.copy(kept, self.top)
        command = ["uv", "sync", "--quiet"]
        subprocess.run(command, cwd=self.top, env=self.env, check=True, stdin=subprocess.DEVNULL)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.top / "uv.lock", kept)

    def run(self, command: str) -> tuple[int, str]:
        """Run one command line; its exit code and all that it printed."""
        ours = re.sub(r"^uvx copier copy gh:\S+", f"copier copy --quiet --defaults --vcs-ref HEAD {ROOT}", command)
        ours = re.sub(r"^uvx copier update", "copier update --quiet --defaults", ours)
        library = f'uvx --quiet --from "amlrun @ {ROOT.as_uri()}" aml'
        ours, quiet = re.sub(r'^uvx --from "amlrun @ git\+\S+" aml', library, ours), ours != command
        with tempfile.TemporaryDirectory() as scratch:
            where = Path(scratch) / "pwd"
            script = f'{ours}\nstatus=$?\npwd -P > "{where}"\nexit $status'
            done = subprocess.run(
                ["bash", "-c", script],
                cwd=self.cwd,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
            )
            if where.exists():
                self.cwd = Path(where.read_text().strip())
        if (self.cwd / ".copier-answers.yml").exists() and (self.cwd != self.top or not self.synced):
            self.top = self.cwd
            self.sync()
        if quiet:
            return done.returncode, "" if done.returncode == 0 else done.stdout
        return done.returncode, done.stdout.replace(str(self.top), "/home/me/my-project")

    def write(self, block: Block) -> None:
        """Make the file that the block is."""
        path = self.top / str(block.file)
        path.parent.mkdir(parents=True, exist_ok=True)
        if block.cell:
            empty = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": []}
            notebook = json.loads(path.read_text(encoding="utf-8")) if path.exists() else empty
            cell = {"cell_type": "code", "metadata": {}, "source": block.text.rstrip("\n")}
            notebook["cells"].append({**cell, "outputs": [], "execution_count": None})
            path.write_text(json.dumps(notebook), encoding="utf-8")
        else:
            path.write_text(block.text, encoding="utf-8")


def short(text: str) -> str:
    """An output as a page shows it: the middle of a long one left out."""
    lines = [line.rstrip() for line in text.strip("\n").split("\n")]
    return "\n".join(lines if len(lines) <= 45 else [*lines[:22], "…", *lines[-16:]])


def run_page(page: Path, folder: Path, environment: Path, write: bool = False) -> list[str]:
    """Run the page's examples in `folder`; what went wrong, a text each. `write` puts in what is printed."""
    session = Session(folder, environment)
    if (folder / ".copier-answers.yml").exists():
        session.sync()
    wrong: list[str] = []
    text = page.read_text(encoding="utf-8")
    for block in blocks(page):
        if block.file:
            session.write(block)
            continue
        if block.why:
            continue
        new = []
        for example in block.examples:
            code, printed = session.run(example.command)
            shown = example.output if matches(example.output, printed) else short(printed)
            new.append("\n".join(part for part in (f"$ {example.command}", shown) if part))
            place = f"{page.name}:{block.line}: {example.command}"
            if code != block.exits:
                wrong.append(f"{place}\nended with {code} and not {block.exits}:\n{printed}")
            elif not write and not matches(example.output, printed):
                wrong.append(f"{place}\nshows\n{plain(example.output)}\n--- and prints\n{plain(printed)}")
        if write:
            text = text.replace(block.text, "\n".join(new) + "\n", 1)
    if write:
        page.write_text(text, encoding="utf-8")
    return wrong


def main() -> None:
    """Run or fill all pages, or those named after the project."""
    words = [word for word in sys.argv[1:] if word != "--write"]
    project = Path(words[0])
    wrong: list[str] = []
    for page in sorted(PAGES.rglob("*.md")):
        if len(words) > 1 and page.stem not in words[1:]:
            continue
        if not any(block.examples and not block.why for block in blocks(page)):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "my-project"
            if not start(page, folder):
                shutil.copytree(project, folder, ignore=shutil.ignore_patterns(".venv", "runs", "mlflow.db"))
            print(page.relative_to(PAGES), flush=True)
            wrong += run_page(page, folder, project.resolve().parent / "docs-environment", "--write" in sys.argv)
    print("\n\n".join(wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
