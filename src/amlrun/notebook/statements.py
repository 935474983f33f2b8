"""The cells as statements, each with the comments that belong to it, ready to be edited."""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from collections import Counter

from amlrun.dataclass import dataclass, field
from amlrun.notebook import magics
from amlrun.notebook.hosted_code import HostedCode
from amlrun.notebook.read import LEFT_OUT_TAGS, Cell
from amlrun.notebook.report import Report
from amlrun.python_source import Edit, Source, apply, bound, modules_of, used

# Packages that work by being imported, so that an import which nothing uses must stay.
_FOR_THEIR_EFFECT = (
    "sklearn.experimental",
    "mpl_toolkits.mplot3d",
    "skops",
    "intel_extension_for_pytorch",
    "sklearnex",
    # Palettes and styles, operators and dialects, accessors of pandas and xarray, environments of Gym.
    "seaborn", "scienceplots", "cmocean", "colorcet", "tensorflow_addons", "tensorflow_text", "tensorflow_hub",
    "torch_xla", "torch_scatter", "torch_sparse", "torch_directml", "habana_frameworks", "hvplot", "rioxarray", "xgcm",
    "cfgrib", "metpy", "pint_xarray", "pint_pandas", "geopandas", "dask_geopandas", "janitor", "pandas_flavor",
    "swifter", "mapply", "modin", "cudf.pandas", "cuml.accel", "pandas_ta", "databricks.koalas", "gym_", "gymnasium_",
    "pybullet_envs", "ale_py", "minigrid", "highway_env", "mujoco_py", "onnxscript", "hdf5plugin", "pillow_heif",
    "pillow_avif", "readline",
)  # fmt: skip
# Packages that give every DataFrame a method of another name.
_ADDS = {"pandas_profiling": "profile_report", "ydata_profiling": "profile_report", "cufflinks": "iplot"}
# An author's word that an import which nothing uses is meant.
_MEANT = re.compile(r"noqa(?!\s*:)|noqa\s*:[^#]*\bF401\b|unused-import", re.I)

# Comments that say something to a tool at the place where they stood.
_NO_COMMENT = re.compile(r"^#\s*%%\s*$|^#!|^#.*coding[:=]\s*[-\w.]+|^#\s*@title\b.*\{.*\}$|^# In\s*\[[\d ]*\]:?$")


@dataclass(eq=False)
class Statement:
    """One top-level statement of a cell.

    `lead` are the comment lines before it, `trail` the comment after it on its line. `replaced`, when set, is what
    stands there instead of it; `before` and `after` are lines of code put around it.
    """

    node: ast.stmt
    cell: int
    source: Source
    start: int
    end: int
    lead: list[str] = field(default_factory=list)
    trail: str = ""
    muted: bool = False  # ends in a semicolon, so Jupyter shows nothing
    last: bool = False  # the cell's last statement, whose value Jupyter shows
    tagged: bool = False  # in a cell tagged `parameters`, or a field of a Colab form
    edits: list[Edit] = field(default_factory=list)
    replaced: str | None = None
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    binds: set[str] = field(default_factory=set)

    @property
    def kept(self) -> bool:
        """Whether any of it is still code."""
        return self.replaced is None or any(line.strip()[:1] not in ("", "#") for line in self.replaced.split("\n"))

    def edit(self, node: ast.expr | ast.stmt, text: str) -> None:
        """Put `text` in place of `node`."""
        self.edits.append(Edit(*self.source.span(node), text))

    def text(self) -> str:
        """The code, edits made, without leading comments."""
        code = apply(self.source.text, self.edits, self.start, self.end) if self.replaced is None else self.replaced
        if self.trail and not code.lstrip().startswith("#") and "\n" not in self.trail and code:
            code = f"{code}  {self.trail}"
        return "\n".join([*self.before, code, *self.after]).strip("\n")

    def drop(self, reason: str) -> None:
        """Leave the statement out, with its text as a comment."""
        lines = [f"left out ({reason}):", *self.source.text[self.start : self.end].split("\n")]
        self.replaced = "\n".join(f"# {line}".rstrip() for line in lines)
        self.edits = []


@dataclass
class Notebook:
    """All that is kept, in order. `left_out` maps a name bound only in a cell left out to that cell."""

    imports: list[Statement] = field(default_factory=list)
    body: list[Statement] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def all(self) -> list[Statement]:
        return [*self.imports, *self.body]

    def names(self) -> set[str]:
        """Every name that occurs anywhere, so that a new one can be chosen beside them."""
        return {part.id for s in self.all for part in ast.walk(s.node) if isinstance(part, ast.Name)} | {
            name for s in self.all for name in bound(s.node)
        }

    def modules(self) -> dict[str, str]:
        """Each name that an import binds, with what it stands for: `pd` for pandas, `PCA` for a class's full name."""
        found: dict[str, str] = {}
        for statement in self.imports:
            found.update(modules_of(statement.node))
        return found

    def times_bound(self) -> Counter[str]:
        """How many top-level statements bind each name."""
        return Counter(name for statement in self.all for name in statement.binds)


def split(cells: list[Cell], report: Report) -> Notebook:
    """Cut the kept cells into statements; imports are gathered, markdown becomes leading comments."""
    notebook = Notebook()
    lead: list[str] = []
    code = "\n".join(cell.source for cell in cells if cell.kind == "code")
    coroutines = set(re.findall(r"^async def (\w+)", code, re.M))
    hosted = HostedCode(report)
    for cell in cells:
        out = next((tag for tag in LEFT_OUT_TAGS if tag in cell.tags), None)
        if out is not None:
            report.did(f'left out: it is tagged "{out}"', cell.number)
            if cell.kind == "code":
                _note_left_out(cell, notebook)
        elif cell.kind == "markdown":
            lead += ([""] if lead else []) + _markdown(cell.source)
        elif cell.kind == "code":
            text = _without_guard(cell, magics.plain(cell, report, coroutines))
            statements, rest = _cut(cell, hosted.plain(cell, text))
            for statement in statements:
                if isinstance(statement.node, ast.Import | ast.ImportFrom):
                    lead += statement.lead
                    notebook.imports.append(statement)
                else:
                    statement.lead = _merged([*lead, *statement.lead])
                    lead = []
                    notebook.body.append(statement)
            lead += rest
        elif cell.source.strip():
            report.did("left out: a raw cell is not code", cell.number)
    notebook.tail = _merged(lead)
    _early(notebook, {cell.number: at for at, cell in enumerate(cells)})
    return notebook


def _note_left_out(cell: Cell, notebook: Notebook) -> None:
    try:
        tree = magics.parse(cell, magics.plain(cell, Report(), set()))
    except Exception:  # a cell left out may well be broken
        return
    for name in bound(tree):
        notebook.left_out.setdefault(name, cell.number)


def _without_guard(cell: Cell, text: str) -> str:
    """The cell without `if __name__ == "__main__":`, its lines kept: the script's own such line stands above them."""
    source = Source(text)
    edits = []
    for node in magics.parse(cell, text).body:
        if not isinstance(node, ast.If) or node.orelse or ast.unparse(node.test) != "__name__ == '__main__'":
            continue
        start, end = source.span(node)
        inside = "\n".join(text[start:end].split("\n")[1:])
        strings = (part for part in ast.walk(node) if isinstance(part, ast.Constant | ast.JoinedStr))
        if inside and not any(part.end_lineno != part.lineno for part in strings):
            edits.append(Edit(start, end, textwrap.dedent(inside)))
    return apply(text, edits)


def _cut(cell: Cell, text: str) -> tuple[list[Statement], list[str]]:
    tagged = "parameters" in cell.tags
    source = Source(text)
    body = magics.parse(cell, text).body
    found: list[Statement] = []
    at = 0
    for node in body:
        start, end = source.span(node)
        lead = _comments(text[at:start])
        rest, _, _ = text[end:].partition("\n")
        trail = re.match(r"\s*(;*)\s*(#.*)?$", rest)
        statement = Statement(node, cell.number, source, start, end, lead, binds=bound(node), tagged=tagged)
        if trail:
            statement.muted, statement.trail = bool(trail[1]), trail[2] or ""
            form = re.match(r"#\s*@param\b", statement.trail)  # a field of Colab's forms
            if form:
                statement.tagged, statement.trail = True, ""
            end += len(rest)
        found.append(statement)
        at = end
    if found:
        found[-1].last = True
    return found, _comments(text[at:])


def _comments(text: str) -> list[str]:
    lines = [line.strip() for line in text.split("\n")]
    return [line for line in lines if line.startswith("#") and not _NO_COMMENT.match(line)]


def _merged(lead: list[str]) -> list[str]:
    """Comments in which what was left out for one reason in a row says so once."""
    merged: list[str] = []
    reason = ""
    for line in lead:
        if line.startswith("# left out (") and line.endswith(":"):
            if line == reason:
                continue
            reason = line
        elif not line or line.startswith("# left out:"):
            reason = ""
        merged.append(line)
    return merged


def _markdown(text: str) -> list[str]:
    text = re.sub(r"!\[([^\]]*)\]\((data:|attachment:)[^)]*\)", r"(picture: \1)", text)
    lines: list[str] = []
    fenced = False
    for line in text.strip().split("\n"):
        fenced ^= line.lstrip().startswith("```")
        whole = fenced or len(line) <= 110 or line.lstrip().startswith("|")
        lines += [line] if whole else textwrap.wrap(line, 110, break_long_words=False, break_on_hyphens=False)
    return [f"# {line}".rstrip() for line in lines]


def _early(notebook: Notebook, order: dict[int, int]) -> None:
    """`sys.path` and `os.environ` lines that an import comes after move up between the imports, order kept."""
    for at, statement in reversed([*enumerate(notebook.body)]):
        text = statement.source.text[statement.start : statement.end]
        if not re.match(r"(sys\.path\.(append|insert|extend)\(|os\.environ(\[|\.setdefault\(|\.update\())", text):
            continue
        if used(statement.node) - {"sys", "os", "str", "Path", "pathlib"}:
            continue
        place = (order[statement.cell], statement.start)
        later = [i for i, other in enumerate(notebook.imports) if (order[other.cell], other.start) > place]
        if later:
            del notebook.body[at]
            notebook.imports.insert(later[0], statement)
            rest = notebook.body[at].lead if at < len(notebook.body) else notebook.tail
            rest[:0] = statement.lead  # comments have no place among imports


def prune_imports(notebook: Notebook, extra: set[str], report: Report) -> None:
    """Leave out imports, name by name, that nothing kept uses; `extra` are names that the script's frame uses."""
    kept = [ast.parse(statement.text() or "pass") for statement in notebook.body]
    kept += [ast.parse(s.text()) for s in notebook.imports if not isinstance(s.node, ast.Import | ast.ImportFrom)]
    names = extra.union(*(used(tree) for tree in kept))
    attributes = {part.attr for tree in kept for part in ast.walk(tree) if isinstance(part, ast.Attribute)}
    seen: set[str] = set()
    for statement in list(notebook.imports):
        node = statement.node
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        module = getattr(node, "module", None) or ""
        if module == "__future__":
            continue
        keep: list[ast.alias] = []
        gone: list[ast.alias] = []
        for alias in node.names:
            name = (alias.asname or alias.name).split(".")[0]
            effect = (module or alias.name).startswith(_FOR_THEIR_EFFECT) or _adds(node, alias, attributes)
            effect = effect or bool(_MEANT.search(statement.trail))
            (keep if alias.name == "*" or name in names or effect else gone).append(alias)
            if effect and name not in names and not _MEANT.search(statement.trail):
                statement.trail = "# noqa: F401 - it works by being imported"
        if gone:
            report.did(f"left out unused: {', '.join((module + '.' if module else '') + a.name for a in gone)}")
        if not keep:
            notebook.imports.remove(statement)
            continue
        if gone:
            node.names = keep
            statement.replaced = ast.unparse(node)
        text = statement.text()
        if text in seen:
            notebook.imports.remove(statement)
        seen.add(text)


def _adds(node: ast.Import | ast.ImportFrom, alias: ast.alias, attributes: set[str]) -> bool:
    """Whether the script reads an attribute that a package adds to others' objects: `import swifter`, `df.swifter`."""
    top = alias.name.split(".")[0]
    if isinstance(node, ast.ImportFrom) or top in sys.stdlib_module_names:
        return False
    return bool(attributes & {top, alias.asname or top, _ADDS.get(top, top)})
