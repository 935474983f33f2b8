"""Variables that hold the run, the workspace and the like: they go when all that used them is gone."""

from __future__ import annotations

import ast
from collections.abc import Callable

from amlrun.dataclass import dataclass
from amlrun.migrate.result import Verdict
from amlrun.migrate.scripts import kinds as k
from amlrun.migrate.scripts.kinds import short_name
from amlrun.migrate.scripts.names import Binding
from amlrun.migrate.scripts.plan import Module, Note, Part
from amlrun.migrate.scripts.script import Passed, Script

_REMARK = "  # SDK v1's {}: MLflow logs now"
# What only leads to something else: making one has no effect of its own.
_HANDLES = (k.RUN, k.STARTED, k.PARENT, k.WORKSPACE, k.EXPERIMENT, k.DATASTORE)
_PRINTS = {"print", "pprint", "info", "debug", "warning", "log", "write", "critical", "error", "exception"}


@dataclass
class Holder:
    """A statement that gives a variable something of SDK v1; `parts` take its place when nothing needs it."""

    statement: ast.stmt
    value: ast.expr
    bindings: list[Binding]
    parts: tuple[Part, ...] = ()
    note: Note | None = None


class Holders:
    """Takes out, round by round, what nothing uses any more; what is still used is `left`."""

    def __init__(self, script: Script, holders: list[Holder]) -> None:
        self.script = script
        self.plan = script.plan
        self.names = script.names
        self.holders = holders
        kinds = script.kinds
        self._handles = {one.statement: one for one in holders if one.bindings and kinds.of(one.value) in _HANDLES}
        self.dirty: set[Binding] = set()
        self._tests = False
        names = [one for one in self.names.nodes if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)]
        # `import azureml.mlflow` also binds `azureml`: a name counts for the whole of what it begins.
        self._imported: list[ast.expr] = [one for one in names if self._is_v1(one)]
        bindings = dict.fromkeys([*self.names.of.values(), *self.names.attributes.values()])
        self._known = [one for one in bindings if script.kinds.binding(one)]

    @property
    def _bindings(self) -> list[Binding]:
        """The variables whose use matters: datasets and collectors only where they could not be replaced."""
        replaced, kinds, held = (k.DATASET, k.COLLECTOR), self.script.kinds, self.script.held
        return [one for one in self._known if kinds.binding(one) not in replaced or one in held]

    def settle(self, clean_up: Callable[[], bool]) -> None:
        """Repeat until nothing more goes. `clean_up` takes out what became empty and tells whether it did."""
        changed = True
        while changed:
            changed = False
            self._mark()
            for holder in self.holders:
                changed |= self._settle(holder)
            changed |= self._prints()
            changed |= clean_up()
            changed = changed or self._placeholders()

    def _mark(self) -> None:
        """Find the variables that something without a counterpart is done with."""
        self._tests = False
        self.dirty = {one for one in self._bindings if one in self.script.held}
        grew = True
        while grew:
            grew = False
            for binding in self._bindings:
                if binding not in self.dirty and any(self.harmful(load) for load in binding.loads):
                    self.dirty.add(binding)
                    grew = True

    def harmful(self, load: ast.expr) -> bool:
        """Whether reading the variable there needs the real thing of SDK v1."""
        if not self.plan.alive(load):
            return False
        if load in self.names.passed_as:
            target = self.names.passed_as[load]
            return target in self.dirty or not self.script.kinds.binding(target)
        passed = self.script.passed(load)
        if passed is not None and (passed.function, passed.place) in self.script.outside.ignored:
            self._tests = True
            return False
        above = self.names.parents[load]
        holder = self._handles.get(self.names.statement_of(load))
        if holder is not None:
            # `exp = Experiment(ws, …)`: as long as nothing needs `exp`, it does not need `ws`.
            return any(one in self.dirty for one in holder.bindings)
        if isinstance(above, ast.Assign) and self._for_keywords(above):
            return False
        if isinstance(above, ast.Assign | ast.AnnAssign) and above.value is load:
            targets = above.targets if isinstance(above, ast.Assign) else [above.target]
            bound = [self.names.of.get(target) for target in targets]
            return any(one is None or one in self.dirty for one in bound)
        if isinstance(above, ast.Return):
            function = self.names.function_of(above)
            calls = self.names.calls_of.get(function, []) if function is not None else []
            return not calls or any(self._needed(call) for call in calls)
        if self._tested(load):
            self._tests = True
            return False
        return not isinstance(above, ast.Expr)

    def _for_keywords(self, assign: ast.Assign) -> bool:
        """`options["run"] = run`, for a function of this file that is called with `**options`."""
        target = assign.targets[0]
        key = target.slice if isinstance(target, ast.Subscript) else None
        if not isinstance(key, ast.Constant) or self.script.kinds.of(assign.value) != k.RUN:
            return False
        named = [one for one in self._bindings if one.parameter_of is not None and one.name == key.value]
        return bool(named) and not any(one in self.dirty for one in named)

    def _needed(self, call: ast.Call) -> bool:
        above = self.names.parents[call]
        if not self.plan.alive(call) or isinstance(above, ast.Expr):
            return False
        if isinstance(above, ast.Assign):
            bound = [self.names.of.get(target) for target in above.targets]
            return any(one is None or one in self.dirty for one in bound)
        return True

    def _tested(self, load: ast.expr) -> bool:
        """`if run:`, `run is not None` and the like: a truth value is all that is asked."""
        node: ast.AST = load
        above = self.names.parents[node]
        if isinstance(above, ast.Compare):
            if not (len(above.ops) == 1 and isinstance(above.ops[0], ast.Is | ast.IsNot | ast.Eq | ast.NotEq)):
                return False
            other = above.comparators[0] if above.left is load else above.left
            return isinstance(other, ast.Constant) and other.value is None
        while isinstance(above, ast.BoolOp | ast.UnaryOp):
            node, above = above, self.names.parents[above]
        return isinstance(above, ast.If | ast.While | ast.IfExp | ast.Assert) and above.test is node

    def _settle(self, holder: Holder) -> bool:
        if holder.statement in self.plan.made or not self.plan.alive(holder.statement):
            return False
        if any(binding in self.dirty for binding in holder.bindings):
            return False
        if any(self.plan.alive(load) for binding in holder.bindings for load in binding.loads):
            return False
        self.plan.replace(holder.statement, holder.parts, holder.note)
        return True

    def _placeholders(self) -> bool:
        """What is only handed on to code that ignores it now becomes None, or mlflow where its truth is asked."""
        empty: Part = Module("mlflow") if self._tests else "None"
        before = len(self.plan.made)
        for holder in self.holders:
            if holder.value in self.plan.made or not self.plan.alive(holder.statement):
                continue
            if not holder.bindings or any(binding in self.dirty for binding in holder.bindings):
                continue
            if isinstance(holder.value, ast.Name | ast.Constant):
                continue  # another variable, which is None itself, or None
            kind = self.script.kinds.of(holder.value)
            ends = self.script.source.text[self.script.source.span(holder.value)[1] :].partition("\n")[0]
            remark = _REMARK.format(kind) if not ends.strip() else ""
            self.plan.replace(holder.value, [empty, remark])
        for value, target in self.names.passed_as.items():
            kind = self.script.kinds.of(value)
            ignored = target not in self.dirty and target not in self.script.held
            if kind and kind != k.DATASET and ignored and not isinstance(value, ast.Name) and self.plan.alive(value):
                self.plan.replace(value, [empty])
        for node in self.names.nodes:
            if isinstance(node, ast.expr) and not isinstance(node, ast.Name) and self.script.kinds.of(node):
                passed = self.script.passed(node)
                if passed is not None and (passed.function, passed.place) in self.script.outside.ignored:
                    self.plan.replace(node, [Module("mlflow")])
        return len(self.plan.made) > before

    def _prints(self) -> bool:
        """A line that only tells about things of SDK v1 goes; one that tells more prints None for them."""
        changed = False
        for node in [*self._uses(), *self.imported()]:
            statement = self.names.statement_of(node)
            call = statement.value if isinstance(statement, ast.Expr) else None
            if not isinstance(call, ast.Call) or not self._is_print(call) or not self.plan.alive(node):
                continue
            others = [
                part
                for part in ast.walk(call)
                if isinstance(part, ast.Name) and part in self.names.of and self.plan.alive(part)
                if not self.script.kinds.of(part) and not self.names.of[part].imports and part is not _root(call.func)
                if not self.script.kinds.of(self.names.parents[part])
            ]
            if others:
                chain = self.chain(node)
                message = f"{_short(chain)} is printed as None: it has no counterpart"
                self.plan.replace(chain, ["None"], Note(Verdict.NOTE, message))
            else:
                self.plan.remove(statement)
            changed = True
        return changed

    def _is_print(self, call: ast.Call) -> bool:
        func = call.func
        if isinstance(func, ast.Attribute):
            return func.attr in _PRINTS and not self.script.kinds.of(func.value)
        return isinstance(func, ast.Name) and func.id in _PRINTS and func not in self.names.of

    def _uses(self) -> list[ast.expr]:
        return [load for binding in self._bindings for load in binding.loads if self.harmful(load)]

    def imported(self) -> list[ast.expr]:
        """The names that still stand for something imported from SDK v1."""
        return [node for node in self._imported if self.plan.alive(node)]

    def _is_v1(self, node: ast.Name) -> bool:
        dotted = self.script.kinds.dotted(node)
        if dotted != "azureml":
            return bool(dotted and short_name(dotted))
        above = self.names.parents[node]
        return not isinstance(above, ast.Attribute) or bool(short_name(self.script.kinds.dotted(above)))

    def chain(self, node: ast.expr) -> ast.expr:
        """The whole expression that begins with a name: `ws.get_details()["id"]`."""
        while True:
            above = self.names.parents[node]
            inner = getattr(above, "func" if isinstance(above, ast.Call) else "value", None)
            if isinstance(above, ast.Attribute | ast.Subscript | ast.Call) and inner is node:
                node = above
            else:
                return node

    def exceptions(self) -> None:
        """`except` clauses of SDK v1's errors, where nothing of SDK v1 is tried any more."""
        for node in self.imported():
            chain = self.chain(node)
            above: ast.AST = self.names.parents[chain]
            if isinstance(above, ast.Tuple):
                above = self.names.parents[above]
            block = self.names.parents.get(above)
            if not isinstance(above, ast.ExceptHandler) or not isinstance(block, ast.Try):
                continue
            inside = {part for statement in block.body for part in ast.walk(statement)}
            if not any(part in inside for part in [*self._uses(), *self.imported()]):
                message = f"{_short(chain)} is not raised any more: the handler is for FileNotFoundError now"
                self.plan.replace(chain, ["FileNotFoundError"], Note(Verdict.NOTE, message))

    def passes(self) -> list[Passed]:
        """What is passed to functions of other modules."""
        loads = [load for binding in self._bindings for load in binding.loads]
        calls = [node for node in self.names.nodes if isinstance(node, ast.Call | ast.Attribute)]
        found = [self.script.passed(node) for node in [*loads, *calls] if self.script.kinds.of(node)]
        return [one for one in found if one is not None]

    def ignored(self) -> set[str]:
        """The parameters, as `function.parameter`, that need nothing of SDK v1 any more."""
        found = set()
        for binding in self._bindings:
            function = binding.parameter_of
            if isinstance(function, ast.FunctionDef) and binding not in self.dirty:
                owner = self.names.parents.get(function)
                name = owner.name if isinstance(owner, ast.ClassDef) else function.name
                found.add(f"{name}.{binding.name}")
        return found

    def left(self) -> list[tuple[ast.expr, ast.expr]]:
        """The names that are still of SDK v1, each with the whole expression it begins."""
        known = {holder.value for holder in self.holders}
        found = [(load, self.chain(load)) for load in self._uses()]
        for node in self.imported():
            if not found or not any(part in known for part in self._above(node)):
                found.append((node, self.chain(node)))
        # What is passed to a call that is named anyway needs no line of its own.
        calls = {chain for _, chain in found}
        return [one for one in found if not any(part in calls for part in self._above(one[1])[1:])]

    def _above(self, node: ast.AST) -> list[ast.AST]:
        found = []
        while node in self.names.parents and not isinstance(node, ast.stmt):
            found.append(node)
            node = self.names.parents[node]
        return found


def _root(node: ast.AST) -> ast.AST:
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node


def _short(node: ast.expr) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
