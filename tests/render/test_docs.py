"""The documents are true: their examples run and print what they show, their links lead somewhere, they build."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from support.rendering import render

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))
import console  # noqa: E402
import generate_reference  # noqa: E402

PAGES = sorted(path for path in console.PAGES.rglob("*.md") if path.parent.name != "reference")
RUN = [page for page in PAGES if any(block.examples and not block.why for block in console.blocks(page))]
ALL = [*PAGES, ROOT / "README.md"]


def name(page: Path) -> str:
    return page.stem


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One environment for `uv run` in all pages' projects."""
    return tmp_path_factory.mktemp("docs") / "environment"


@pytest.mark.skipif(os.name == "nt", reason="the examples are written for a POSIX shell")
@pytest.mark.parametrize("page", RUN, ids=name)
def test_the_examples_print_what_the_page_shows(page: Path, tmp_path: Path, environment: Path) -> None:
    folder = tmp_path / "my-project"
    if not console.start(page, folder):
        render(folder)
    assert console.run_page(page, folder, environment) == []


def commands() -> list[tuple[str, str]]:
    """Every `aml` line of every page and of the README, run or not, with the place where it stands."""
    found = []
    for page in ALL:
        for block in console.blocks(page):
            for example in block.examples:
                words = re.sub(r'^(uv run|uvx --from "[^"]+") ', "", example.command)
                if words.startswith("aml "):
                    found.append((f"{page.stem}:{block.line}", words))
    return found


@pytest.mark.parametrize(("place", "line"), commands())
def test_every_command_and_flag_exists(place: str, line: str) -> None:
    from amlrun.cli import cli

    words = shlex.split(line)[1:]
    command: click.Command = cli
    context = click.Context(cli, info_name="aml")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        inner = command.get_command(context, words[0])
        if inner is None:
            from amlrun.cli import phrasebook

            assert phrasebook.find(shlex.split(line)[1:]), f"{place}: {line}"
            return
        command, context = inner, click.Context(inner, parent=context, info_name=words.pop(0))
    if "--help" not in words:
        # Parses the flags and their values' types; a wrong one raises.
        command.make_context(command.name, words, parent=context.parent, resilient_parsing=False)


def test_a_wrong_flag_would_be_seen() -> None:
    with pytest.raises(click.UsageError):
        test_every_command_and_flag_exists("here", "aml run list --no-such-flag")


def test_what_is_not_run_says_why() -> None:
    reasons = {block.why for page in PAGES for block in console.blocks(page) if block.why and block.examples}
    assert reasons <= {
        "needs a workspace", "needs a v1 pipeline", "keeps running", "with your own notebook", "changes this machine",
        "needs Docker or Podman", "needs a machine", "in a PyTorch project",
    }  # fmt: skip
    counted = [bool(b.why) for page in PAGES for b in console.blocks(page) for _ in b.examples]
    assert counted.count(False) > counted.count(True)


def test_the_comparison_can_fail() -> None:
    assert console.matches(
        "a\n…\nRunId: first_1795255007_3b972d7c\nz 1.25", "a\nb\nc\nRunId: first_1700000000_00000000\nz 9.5"
    )
    assert console.matches("a … c", "a b c")
    assert not console.matches("a\nb", "a\nc")
    assert not console.matches("a\n…\nz", "a\nb")
    assert not console.matches("", "something")


def test_links_lead_somewhere() -> None:
    generate_reference.main()
    wrong = []
    for page in ALL:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"https?://|mailto:", target):
                continue
            path, _, anchor = target.partition("#")
            file = (page.parent / path) if path else page
            if not file.exists():
                wrong.append(f"{page.name}: {target}")
            elif anchor and anchor not in _anchors(file):
                wrong.append(f"{page.name}: {target}: no such heading")
    assert wrong == []


def _anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in heads}


def test_the_messages_of_troubleshooting_are_those_of_the_code() -> None:
    """The first cell of each row quotes a message of `aml` or of the template; each part between `…` is in the code."""
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "template").rglob("*.py*")]
    code = "".join(file.read_text(encoding="utf-8") for file in files if file.suffix != ".pyc")
    code = re.sub(r"\{[^{}\n]*\}", "…", code)
    rows = re.findall(r"^\| `([^|]+)` \|", (console.PAGES / "how-to" / "troubleshooting.md").read_text(), flags=re.M)
    others = ("aml: ", "No such", "ModuleNotFound", "FileNotFound", "mlflow", "uv sync", "copier")  # other programs'
    ours = [row.split("`")[0] for row in rows if not row.startswith(others)]
    parts = [part.strip(" '") for row in ours for part in re.split(r"…|'NAME'|NAME|2,000|300.0 MB", row)]
    assert len(ours) > 15 and [part for part in parts if part not in code] == []


def test_every_page_is_in_the_menu() -> None:
    menu = set(re.findall(r'= "([\w/\-]+\.md)"', (ROOT / "zensical.toml").read_text(encoding="utf-8")))
    pages = {path.relative_to(console.PAGES).as_posix() for path in PAGES}
    assert menu == pages | {f"reference/{page}.md" for page in generate_reference.PAGES}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="zensical needs Python 3.11")
def test_the_documents_build_without_a_warning(tmp_path: Path) -> None:
    generate_reference.main()
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    shutil.copytree(console.PAGES, tmp_path / "docs" / "pages")
    words = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout + done.stderr
    page = (tmp_path / "site" / "tutorial" / "index.html").read_text(encoding="utf-8")
    # What copy.css needs to leave out of a copy all but the commands.
    assert "stylesheets/copy.css" in page and '<span class="gp">$ </span>' in page and '<span class="go">' in page


def test_the_reference_has_every_key_and_command() -> None:
    from amlrun.v1.runconfig.field_table import RUNCONFIG
    from amlrun.v1.table import dotted

    page = generate_reference.runconfig()
    assert all(f"`{dotted(path)}`" in page for path in RUNCONFIG.fields)
    page = generate_reference.commands()
    for head in ("aml run submit-script", "aml model register", "aml notebook convert", "aml folder attach"):
        assert f" {head}\n" in page
    assert "| `-o`, `--output` | FILE | The script to write" in page, "-o FILE is no -o json"
    assert "\nCells tagged" in page, "an indented paragraph would be shown as code"
    assert "\b" not in page and "```text\naml model deploy" in page, "examples keep their lines"


def test_the_pictures_are_there_and_their_script_is_too() -> None:
    for picture in ("curve.png", "sweep.png", "architecture.svg"):
        assert (console.PAGES / "pictures" / picture).stat().st_size > 5000
        assert picture in (ROOT / "docs" / "make_pictures.py").read_text(encoding="utf-8")
