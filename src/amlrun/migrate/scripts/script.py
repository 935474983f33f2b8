"""One script while it is rewritten: its tree, what is known of it, and the plan of its changes."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from amlrun.dataclass import dataclass, field
from amlrun.migrate.result import Verdict
from amlrun.migrate.scripts.helpers import HELPERS
from amlrun.migrate.scripts.kinds import Kinds
from amlrun.migrate.scripts.names import Binding, Names
from amlrun.migrate.scripts.plan import Note, Plan
from amlrun.migrate.scripts.values import Values
from amlrun.python_source import Source

_USUAL = {"pandas": "pd", "azureml.ai.monitoring": "monitoring"}
_MODULES = (
    "mlflow", "os", "sys", "json", "re", "shutil", "pathlib", "itertools", "glob", "pandas", "joblib",
    "azureml.ai.monitoring",

)  # fmt: skip


@dataclass(frozen=True)
class Passed:
    """Something of SDK v1 that a script passes to an imported function: by place or keyword, and of which kind."""

    function: str
    place: int | str
    kind: str


@dataclass(frozen=True)
class Outside:
    """What is known of other files.

    `seeds` are the kinds of parameters that they pass, as `function.parameter` (of a class: `Class.parameter`);
    `ignored` the parameters of their functions that need nothing of SDK v1 any more.
    """

    seeds: Mapping[str, str] = field(default_factory=dict)
    ignored: frozenset[tuple[str, int | str]] = frozenset()


@dataclass
class Script:
    """`scoring` tells a scoring script from a job's."""

    tree: ast.Module
    source: Source
    names: Names
    kinds: Kinds
    values: Values
    plan: Plan
    scoring: bool
    outside: Outside
    # Bindings whose values cannot be rewritten, because something is done with them that has no counterpart.
    held: set[Binding] = field(default_factory=set)
    # What was uploaded under another name, and where that file lies now.
    moved: dict[str, str] = field(default_factory=dict)
    # Modules that the script imports at its top already.
    present: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, text: str, scoring: bool, outside: Outside) -> Script:
        """Parse `text`, whose line ends are `\\n`. Raises SyntaxError, ValueError or RecursionError as `ast` does."""
        tree = ast.parse(text)
        source = Source(text)
        names = Names(tree)
        kinds = Kinds(names, dict(outside.seeds))
        plan = Plan(names, source)
        script = cls(tree, source, names, kinds, Values(names, kinds), plan, scoring, outside)
        script._choose_names()
        return script

    def fresh(self, name: str) -> str:
        """`name`, or with `_` behind it if the script uses it for something else."""
        while name in self._taken:
            name += "_"
        return name

    def passed(self, value: ast.expr) -> Passed | None:
        """The imported function that `value` is an argument of, when its call names it."""
        above = self.names.parents.get(value)
        word = above if isinstance(above, ast.keyword) else None
        call = self.names.parents[word] if word is not None else above
        if not isinstance(call, ast.Call) or call.func is value:
            return None
        function = self.kinds.dotted(call.func)
        if not function or self.kinds.v1_name(call.func) or starred(call):
            return None
        place = word.arg if word is not None and word.arg is not None else call.args.index(value)
        return Passed(function, place, self.kinds.of(value))

    def statement(self, node: ast.expr) -> ast.stmt | None:
        """The statement that consists of the expression alone."""
        above = self.names.parents.get(node)
        return above if isinstance(above, ast.Expr) else None

    def _choose_names(self) -> None:
        taken = {node.id for node in self.names.nodes if isinstance(node, ast.Name)}
        taken |= {binding.name for binding in self.names.of.values()}
        self._taken = taken
        imported: dict[str, str] = {}
        for node in self.tree.body:
            for alias in node.names if isinstance(node, ast.Import) else []:
                # `import os.path` brings `os`.
                module = alias.name if alias.asname else alias.name.partition(".")[0]
                name = alias.asname or module
                if "." not in module and name in self.names.module.names:
                    binding = self.names.module.names[name]
                    # What is rebound, or imported only after it is first read, is no safe name for a module.
                    first = min((one.lineno for one in binding.loads if isinstance(one, ast.Name)), default=node.lineno)
                    if not binding.values and not binding.opaque and first >= node.lineno:
                        imported.setdefault(module, name)
        self.present = set(imported)
        for module in _MODULES:
            usual = _USUAL.get(module, module)
            bound = [one for one in dict.fromkeys(self.names.of.values()) if one.name == usual]
            # A function that imports the same module under that name is no obstacle.
            free = all(one.imports == [module] and not one.values and not one.opaque for one in bound)
            self.plan.aliases[module] = imported.get(module) or (usual if free else self.fresh(usual))
        for helper in HELPERS:
            self.plan.aliases[helper] = self.fresh(helper)


def starred(call: ast.Call) -> bool:
    """Whether a call has `*args` or `**kwargs`, so that its arguments cannot be told apart."""
    return any(isinstance(one, ast.Starred) for one in call.args) or any(one.arg is None for one in call.keywords)


def note(message: str, hint: str = "") -> Note:
    """A note on a replacement; its line is the replaced node's."""
    return Note(Verdict.NOTE, message, hint)


def asks(message: str, hint: str) -> Note:
    """A note on a replacement that needs an answer before the script runs."""
    return Note(Verdict.ASKS, message, hint)
