"""Python text by its syntax tree: what its parts are called and say; edits that leave all else as it was written."""

from __future__ import annotations

import ast
import re
import textwrap
from typing import Union

from amlrun.dataclass import dataclass

Placed = Union[ast.expr, ast.stmt, ast.alias, ast.keyword]
Function = Union[ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True)
class Edit:
    """Replace `start`..`end` (offsets in characters) by `text`."""

    start: int
    end: int
    text: str


class Source:
    """Python text with line ends `\\n`, addressed as `ast` does: 1-based lines, columns in UTF-8 bytes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = text.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def offset(self, line: int, column: int) -> int:
        """The character at `line` and `column`."""
        text = self._lines[line - 1]
        if not text.isascii():
            column = len(text.encode()[:column].decode(errors="ignore"))
        return self._starts[line - 1] + column

    def span(self, node: Placed) -> tuple[int, int]:
        """Where `node` begins and ends, its decorators included."""
        line, column = node.lineno, node.col_offset
        for decorator in getattr(node, "decorator_list", []):
            if decorator.lineno <= line:
                line, column = decorator.lineno, 0
        start = self.offset(line, column)
        if getattr(node, "decorator_list", []):
            start += len(self._lines[line - 1]) - len(self._lines[line - 1].lstrip())
        return start, self.offset(node.end_lineno or line, node.end_col_offset or 0)

    def slice(self, node: Placed) -> str:
        """The text of `node`."""
        start, end = self.span(node)
        return self.text[start:end]

    def commented(self, node: ast.stmt, why: str) -> Edit:
        """The edit that turns `node` into a comment which says `why`."""
        start, end = self.span(node)
        before = self.text[self.text.rfind("\n", 0, start) + 1 : start]
        if before.strip() and (before[0].isspace() or before.rstrip().endswith(":")):
            return Edit(start, end, "pass")  # `if x: run.log(…)`
        before = "" if before.strip() else before
        lines = [f"left out ({why}):", *textwrap.dedent(before + self.text[start:end]).split("\n")]
        more = re.match(r"[ \t]*;[ \t]*(?=[^\s#])", self.text[end:])  # another statement on the same line
        text = f"\n{before}".join(f"# {line}".rstrip() for line in lines)
        return Edit(start, end + more.end(), f"{text}\n{before}") if more else Edit(start, end, text)


def apply(text: str, edits: list[Edit], start: int = 0, end: int | None = None) -> str:
    """`text[start:end]` with the edits that lie in it; one inside another is swallowed by the outer one."""
    end = len(text) if end is None else end
    parts, at = [], start
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end > edit.start, -edit.end)):
        if edit.start < start or edit.end > end or edit.start < at:
            continue
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join(parts) + text[at:end]


def indent(text: str, prefix: str = "    ") -> str:
    """`text`, Python statements, one level deeper; the inside of strings over several lines stays as it is."""
    inside: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.JoinedStr | ast.Constant):
            continue
        if isinstance(node, ast.Constant) and not isinstance(node.value, (str, bytes)):
            continue
        if node.end_lineno is not None and node.end_lineno > node.lineno:
            inside.update(range(node.lineno + 1, node.end_lineno + 1))
    lines = text.split("\n")
    return "\n".join(
        line if number in inside or not line.strip() else prefix + line for number, line in enumerate(lines, 1)
    )


def in_f_strings(node: ast.AST) -> dict[int, ast.JoinedStr]:
    """The ids of all nodes inside `{…}` of f-strings, with the f-string; edits there must not reuse its quotes."""
    found: dict[int, ast.JoinedStr] = {}
    for string in ast.walk(node):
        if isinstance(string, ast.JoinedStr):
            for value in string.values:
                found.update((id(part), string) for part in ast.walk(value) if part is not value)
    return found


def root(node: ast.AST) -> str | None:
    """The first name of `a.b(c).d[e]`: `a`; None where there is none."""
    while True:
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Attribute):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Subscript):
            node = node.value
        else:
            return None


def dotted(node: ast.AST) -> str:
    """`a.b.c` as text; for anything else the last attribute's name, or nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else node.attr
    return ""


def bound(node: ast.AST) -> set[str]:
    """Names that `node` binds in its own scope (not those inside functions and classes it defines)."""
    names: set[str] = set()
    waiting: list[ast.AST] = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(part.name)
            # A function that says `global x` binds x out here.
            names.update(name for inner in ast.walk(part) if isinstance(inner, ast.Global) for name in inner.names)
            continue
        if isinstance(part, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            names.update(inner.target.id for inner in ast.walk(part) if isinstance(inner, ast.NamedExpr))
            continue
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store | ast.Del):
            names.add(part.id)
        elif isinstance(part, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name).split(".")[0] for alias in part.names)
        elif (isinstance(part, ast.ExceptHandler) and part.name) or (
            isinstance(part, ast.MatchAs | ast.MatchStar) and part.name
        ):
            names.add(part.name)
        waiting.extend(ast.iter_child_nodes(part))
    return names


def assigned(node: ast.AST) -> tuple[str | None, ast.expr | None, ast.expr | None]:
    """The name, the value and the annotation of an assignment to one name; None for anything else."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id, node.value, None
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        return node.target.id, node.value, node.annotation
    return None, None, None


def used(node: ast.AST) -> set[str]:
    """Every name that is read anywhere in `node`."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}


def literal_text(node: ast.AST | None) -> str | None:
    """The text that `node` is, where it is written as one literal; else None."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def argument(call: ast.Call, word: str, at: int) -> ast.expr | None:
    """What a call is given as `word`, or at place `at`."""
    given = next((keyword.value for keyword in call.keywords if keyword.arg == word), None)
    return given or (call.args[at] if len(call.args) > at else None)


def places_of(function: Function) -> list[ast.arg]:
    """The parameters that are given by place."""
    return [*function.args.posonlyargs, *function.args.args]


def parameters_of(function: Function) -> list[ast.arg]:
    """The parameters that have a name of their own: all but `*args` and `**kwargs`."""
    return [*places_of(function), *function.args.kwonlyargs]


def arguments_of(node: ast.AST) -> list[ast.arg]:
    """Every parameter of a function or lambda; none of anything else."""
    if not isinstance(node, FUNCTIONS):
        return []
    return [*parameters_of(node), *(arg for arg in (node.args.vararg, node.args.kwarg) if arg)]


def needed_now(node: ast.AST) -> set[str]:
    """Names that `node` reads when it runs: of a definition its defaults, bases and decorators, not its body."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        parts: list[ast.AST] = [*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d)]
        parts += [arg.annotation for arg in arguments_of(node) if arg.annotation]
        parts += [node.returns] if node.returns else []
        return set().union(*(used(part) for part in parts))
    if isinstance(node, ast.ClassDef):
        found = set().union(*(used(part) for part in [*node.bases, *node.keywords, *node.decorator_list]))
        inner: set[str] = set()
        for part in node.body:
            found |= needed_now(part) - inner
            inner |= bound(part)
        return found
    return used(node)


def modules_of(tree: ast.AST) -> dict[str, str]:
    """Each name that an import in `tree` binds, with what it stands for: `pd` for pandas, `PCA` its full name."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                found[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            found.update({alias.asname or alias.name: f"{node.module or '.'}.{alias.name}" for alias in node.names})
    return found


def full_name(node: ast.AST, modules: dict[str, str]) -> str:
    """`pandas.read_csv` for `pd.read_csv`; calls in between count as what they call."""
    while isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call):
        inner = full_name(node.value.func, modules)
        return f"{inner}.{node.attr}" if inner else node.attr
    head, _, rest = dotted(node).partition(".")
    return ".".join(part for part in (modules.get(head, head), rest) if part)
