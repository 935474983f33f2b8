"""IPython's own syntax out of a cell: what plain Python can say is said so, the rest becomes a comment."""

from __future__ import annotations

import ast
import re
import shlex
from typing import Any

from amlrun.errors import AmlError
from amlrun.notebook import top_level_await
from amlrun.notebook.read import Cell
from amlrun.notebook.report import Report
from amlrun.python_source import Edit, Source, apply, bound, dotted, root

# Cell magics whose cell is Python that a script runs as it is.
_KEEP_BODY = {
    "time",
    "capture",
    "prun",
    "memit",
    "mprun",
    "lprun",
    "snakeviz",
    "python",
    "python3",
    "skip_if",
}
# Cell magics that only show something.
_SHOW_ONLY = {"md", "html", "HTML", "svg", "SVG", "latex", "markdown", "javascript", "js", "mermaid", "timeit"}
# Line magics that only change how the notebook behaves.
_SETTINGS = {
    "matplotlib", "load_ext", "reload_ext", "unload_ext", "autoreload", "aimport", "config", "precision", "pdb",
    "xmode", "who", "whos", "who_ls", "timeit", "prun", "lprun", "memit", "mprun", "history", "hist", "pinfo", "pinfo2",
    "pdoc", "psource", "lsmagic", "reset", "tensorboard", "watermark", "colors", "debug", "notebook", "magic", "pwd",
    "ls", "ll", "page", "pprint", "qtconsole", "quickref", "doctest_mode", "autosave", "automagic", "autocall", "gui",
    "nb_black", "black", "blackcellmagic", "time_it", "rehashx", "logstart", "logstop",
}  # fmt: skip
_SHOWS = {
    "ls", "dir", "pwd", "cat", "head", "tail", "wc", "nvidia-smi", "echo", "which", "tree", "df", "free", "date", "du",
    "lscpu", "uname", "whoami", "find",
}  # fmt: skip
_FETCHES = {"wget", "curl", "kaggle", "gdown", "azcopy", "git", "unzip", "tar", "gsutil", "aws"}
_MAGIC_CALLS = {"run_line_magic", "run_cell_magic", "magic", "system", "getoutput"}
# Lines that IPython runs without a sign (automagic), in the forms in which people write them.
_AUTOMAGIC = re.compile(
    r"(?:(pip|conda|mamba)\s+(?:install|uninstall|list|freeze|show|update)\b|(cd)(?:\s+[\w.~/\"'][^=(]*)?$|(pwd)\s*$|"
    r"(?:ls|ll|cat|mkdir|rm|cp|mv)(?:\s+[-\w.~/*][^=(]*)?$)"
)
_INSTALL = re.compile(
    r"^(?:\S*python[\d.]*\s+-m\s+|\{sys\.executable\}\s+-m\s+)?(?:pip3?|conda|mamba|uv pip)\s+install\s+(.*)$"
)


def plain(cell: Cell, report: Report, coroutines: set[str]) -> str:
    """The cell's source as plain Python; `coroutines` are the functions that the notebook defines with `async def`.

    What is dropped leaves a comment with the reason, and a line in `report` when a person must look.
    Raises `AmlError` naming cell and line for a syntax error.
    """
    from IPython.core.inputtransformer2 import TransformerManager

    manager: Any = TransformerManager  # IPython's types are incomplete
    text = _cell_magics(cell, report)
    if not text.strip():
        return text
    for _ in range(20):  # `%time %timeit f()` nests; twenty levels is more than anybody writes
        try:
            text = _future_first(manager().transform_cell(text))
        except SyntaxError as error:
            raise _syntax_error(cell, error) from None
        source = Source(text)
        tree = parse(cell, text)
        edits = [edit for node in ast.walk(tree) for edit in _statement(node, tree, source, cell, report)]
        if not edits:
            break
        text = apply(text, edits)
    return imported(top_level_await.plain(parse(cell, text), text, cell, coroutines, report))


def imported(text: str) -> str:
    """`text` with `__import__("os").x` as `os.x` below an import: how an edit asks for a module that it needs."""
    for module in sorted(set(re.findall(r'__import__\("(\w+)"\)\.', text))):
        text = f"import {module}\n" + text.replace(f'__import__("{module}").', f"{module}.")
    return text


def parse(cell: Cell, text: str) -> ast.Module:
    """The cell's syntax tree; `await` at the top is allowed here.

    Raises `AmlError` naming cell and line for a syntax error.
    """
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = compile(text, f"cell {cell.number}", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            # `return` outside a function and the like are only seen here.
            compile(text, f"cell {cell.number}", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError) as error:
        raise _syntax_error(cell, error) from None
    assert isinstance(tree, ast.Module)  # noqa: S101 - what PyCF_ONLY_AST with "exec" gives
    return tree


_PYTHON_2 = re.compile(r"Missing parentheses in call to|multiple exception types|leading zeros in decimal|use '!='")
_PYTHON_2_CODE = re.compile(
    r"^\s*(?:print\s+[\"'\w%]|exec\s+[\"'\w]|except\s+[\w.]+\s*,\s*\w+\s*:|raise\s+\w+\s*,)|\bur[\"']", re.MULTILINE
)


def _syntax_error(cell: Cell, error: Exception) -> AmlError:
    line = getattr(error, "lineno", None)
    message = getattr(error, "msg", None) or str(error)
    where = f"cell {cell.number}" + (f", line {line}" if line else "")
    if _PYTHON_2.search(message) or _PYTHON_2_CODE.search(cell.source):
        hint = "Translate the whole notebook to Python 3 first (`2to3` does most of it), then convert it."
        return AmlError(f"{where}: the notebook is written in Python 2 ({message})", hint=hint)
    return AmlError(f"{where}: {message}", hint='Fix the cell, or tag it "skip" to leave it out.')


def _cell_magics(cell: Cell, report: Report) -> str:
    # Databricks writes one per cent sign before a cell of another language.
    text = re.sub(r"\A\s*%(?=(?:sql|md|scala|[rR]|sh|fs|python)\b(?:\s|$))", "%%", _automagics(cell.source))
    while True:
        head, _, body = text.lstrip("\n").partition("\n")
        match = re.match(r"%%(\w+|!)\s*(.*)", head)
        if not match:
            return text
        name = match[1]
        if name not in _KEEP_BODY:
            break
        kept = re.match(r"capture\s+(?:-\S+\s+)*([A-Za-z]\w*)", match[0].lstrip("%"))
        if kept:
            report.ask(f"%%capture kept what the cell prints in {kept[1]}: the script prints it instead", cell.number)
        report.did(f"left out {match[0].strip()}, kept the code below it", cell.number)
        text = body
    if name in _SHOW_ONLY:
        report.did(f"left out a %%{name} cell: it only shows something", cell.number)
    elif name in ("writefile", "file"):
        report.files += match[2].split()[-1:]
        report.ask(f"writes the file {''.join(report.files[-1:])}: put it beside the script", cell.number)
    else:
        report.ask(
            f"is a %%{name} cell, not Python: left out; do what it did before the run, or in Python", cell.number
        )
    for line in body.split("\n") if name in ("bash", "sh", "!") else []:
        _installed(line.strip(), report, cell)
    return "\n".join(
        f"# {line}".rstrip()
        for line in [
            f"left out ({'shown only' if name in _SHOW_ONLY else 'not Python'}):",
            *text.strip("\n").split("\n"),
        ]
    )


def _future_first(text: str) -> str:
    """`text` with its `from __future__` lines at the top, where Python wants them: a magic above is code by now."""
    found = re.findall(r"^from __future__ import [\w, ]+$", text, re.M)
    return "\n".join([*found, re.sub(r"^from __future__ import [\w, ]+$", "", text, flags=re.M)]) if found else text


def _automagics(text: str) -> str:
    """`text` with the per cent sign before magics that are written without: `pip install six`, `cd ..`, `ls -la`."""
    lines = text.split("\n")
    try:
        body = ast.parse(text).body
    except SyntaxError:
        at = set(range(len(lines)))
    else:  # `ls -la` is Python too; a name that the cell binds is no magic
        names = {name for node in body for name in bound(node)}
        alone = [node for node in body if isinstance(node, ast.Expr) and root(_leftmost(node.value)) not in names]
        at = {node.lineno - 1 for node in alone if node.lineno == node.end_lineno}
    for number in at:
        match = _AUTOMAGIC.match(lines[number])
        if match:
            lines[number] = ("%" if any(match.groups()) else "!") + lines[number]
    return "\n".join(lines)


def _leftmost(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.BinOp):
        node = node.left
    return node


def _call(node: ast.AST | None) -> ast.Call | None:
    """The call when `node` is `get_ipython().…(…)`."""
    while isinstance(node, ast.Attribute | ast.Subscript):  # (!ls).s, (!ls)[0]
        node = node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _MAGIC_CALLS:
        owner = node.func.value
        if isinstance(owner, ast.Call) and dotted(owner.func).endswith("get_ipython"):
            return node
    return None


def _statement(node: ast.AST, tree: ast.Module, source: Source, cell: Cell, report: Report) -> list[Edit]:
    if not isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign):
        return []
    call = _call(node.value)
    if call is None:
        return []
    start, end = source.span(node)
    words = [str(arg.value) if isinstance(arg, ast.Constant) else source.slice(arg) for arg in call.args] or [""]
    if len(words) == 1 and dotted(call.func).endswith("magic"):  # get_ipython().magic("cd ..")
        words = words[0].split(" ", 1)
    target = "" if isinstance(node, ast.Expr) or node.value is None else source.text[start : source.span(node.value)[0]]
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("system", "getoutput"):
        new = _shell(words[0].strip(), target, cell, report)
    else:
        new = _magic(words[0].lstrip("%"), words[1].strip() if len(words) > 1 else "", target, cell, report)
    alone = node in tree.body
    if new.startswith("#") and (not alone or source.text[end:].split("\n")[0].strip()):
        new = "pass"
    return [Edit(start, end, new)]


def _shell(command: str, target: str, cell: Cell, report: Report) -> str:
    if target:
        listed = re.fullmatch(r"ls\s+(?:-1\s+)?([^\s;|&<>${}]+)", command)
        if listed:
            report.did(f"turned `!{command}` into Python", cell.number)
            if set("*?[") & set(listed[1]):
                return f'{target}sorted(__import__("glob").glob({listed[1]!r}))'
            return f'{target}sorted(__import__("os").listdir({listed[1]!r}))'
        report.ask(f"took the output of `!{command}`: the script has an empty list there", cell.number)
        return f"{target}[]"
    if _installed(command, report, cell):
        return f"# left out: !{command} (the conda file installs packages)"
    first = command.split()[0] if command.split() else ""
    if first in _SHOWS and ">" not in command:
        report.did(f"left out `!{command}`: it only shows something", cell.number)
    elif first in _FETCHES:
        report.ask(f"`!{command}` fetched something: put it under data/ and pass --data-path", cell.number)
    else:
        report.ask(f"`!{command}` was left out: do it before the run, or in Python", cell.number)
    return f"# left out: !{command} (a shell line)"


def _installed(command: str, report: Report, cell: Cell) -> bool:
    match = _INSTALL.match(command.strip().lstrip("!%"))
    if not match:
        return False
    try:
        words = shlex.split(match[1], comments=True)
    except ValueError:
        words = match[1].split()
    skip = False
    for word in words:
        if skip or word.startswith("-"):
            skip = word in ("-r", "-c", "-i", "-f", "--index-url", "--extra-index-url", "--find-links", "--channel")
            if word in ("-r", "--requirement"):
                report.ask("installs from a requirements file: add its packages to the conda file", cell.number)
            continue
        if not re.match(r"^[A-Za-z0-9][\w.\-]*(\[[\w,\-]+\])?([=<>!~;].*)?$", word):
            report.ask(f"installs {word}: add it to the conda file by hand", cell.number)
            continue
        report.packages.append(word)
        report.did(f"left out the installation of {word}: add {word} to the conda file (see the proposal)", cell.number)
    return True


def _magic(name: str, rest: str, target: str, cell: Cell, report: Report) -> str:
    magic = f"%{name} {rest}".strip()
    if name in ("time",) and rest:
        return target + rest
    if target and name == "pwd":
        return f'{target}__import__("os").getcwd()'
    if target:
        report.ask(f"took the result of `{magic}`: the script has None there", cell.number)
        return f"{target}None"
    if name in ("pip", "conda", "mamba", "uv"):
        if _installed(f"{name} {rest}", report, cell):
            return f"# left out: {magic} (the conda file installs packages)"
    elif name in ("env", "set_env") and rest:
        key, _, value = rest.partition("=") if "=" in rest else rest.partition(" ")
        if value and key.strip().isidentifier():
            report.did(f"turned `%{name} {key.strip()}` into os.environ", cell.number)
            return f'__import__("os").environ[{key.strip()!r}] = {value.strip()!r}'
    elif name == "cd":
        report.ask(f"`{magic}` changed the folder: the script runs in its own; check its paths", cell.number)
        return f"# left out: {magic} (a script runs in its own folder)"
    elif name == "run":
        report.ask(f"`{magic}` ran another file: import what it defines, with the file beside the script", cell.number)
        return f"# left out: {magic} (another file)"
    elif name == "pylab":
        report.ask("`%pylab` put NumPy and Matplotlib names everywhere: import them by name", cell.number)
        return f"# left out: {magic} (it imports everything)"
    if name not in _SETTINGS and name not in ("env", "set_env", "time"):
        report.ask(f"`{magic}` was left out: a script has no such thing", cell.number)
        return f"# left out: {magic} (a notebook magic)"
    report.did(f"left out `{magic}`: it only matters in a notebook", cell.number)
    return f"# left out: {magic} (only matters in a notebook)"
