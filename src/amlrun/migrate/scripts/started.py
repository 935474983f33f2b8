"""Runs that a script starts itself: an interactive run, or child runs."""

from __future__ import annotations

import ast
import posixpath

from amlrun.migrate.scripts import kinds as k
from amlrun.migrate.scripts.names import Binding
from amlrun.migrate.scripts.plan import Module, Note, Part, indent_of, own_lines
from amlrun.migrate.scripts.runs import KEEPS_NAME
from amlrun.migrate.scripts.script import Script
from amlrun.python_source import argument, literal_text

_USES = {"log", "log_list", "log_row", "log_table", "log_image", "tag", "set_tags", "complete", "upload_file"}
_START: tuple[Part, ...] = (Module("mlflow"), ".start_run(")


class Started:
    """What `start_logging` and `child_run` become. A child has to begin and end in one block, with nothing logged to
    its parent in between: then MLflow's active run is the child exactly there.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self.plan = script.plan
        self._calls = [node for node in script.names.nodes if isinstance(node, ast.Call)]
        of = script.kinds.of
        self._children = {node for node in self._calls if of(node) == k.CHILD and self._closed(node)}
        self._interactive = [node for node in self._calls if of(node) == k.STARTED]
        self._ends = any(
            isinstance(node.func, ast.Attribute) and node.func.attr == "complete" and of(node.func.value) == k.STARTED
            for node in self._calls
        )
        for node in [*self._children, *self._interactive]:
            if isinstance(script.names.parents[node], ast.withitem):
                self.plan.replace(node, self._start(node))

    def child(self, node: ast.expr) -> bool:
        """Whether an expression is a child run that can be rewritten."""
        if isinstance(node, ast.Call):
            return node in self._children
        binding = self.script.names.of.get(node)
        return binding is not None and bool(binding.values) and all(one in self._children for one in binding.values)

    def block_of(self, node: ast.expr) -> ast.AST | None:
        """The block in which a child or interactive run begins, for a name of it: what is logged once there needs no
        step."""
        binding = self.script.names.of.get(node)
        if binding is None or not (self.child(node) or self._interactively(binding)):
            return None
        return self.script.names.parents[self.script.names.statement_of(binding.values[0])]

    def _interactively(self, binding: Binding) -> bool:
        return len(binding.values) == 1 and binding.values[0] in self._interactive

    def begin(self, value: ast.expr, kind: str, bindings: list[Binding]) -> tuple[tuple[Part, ...], Note | None]:
        """What takes the place of the statement that makes a run or an experiment."""
        if kind == k.RUN and self._children and isinstance(value, ast.Call):
            return (*_START, ")"), None
        mixed = any(self.script.kinds.binding(one) != k.STARTED for one in bindings)
        if kind == k.STARTED and isinstance(value, ast.Call) and not mixed:
            statement = self.script.names.statement_of(value)
            again: tuple[Part, ...] = ()
            if not self._ends and own_lines(self.script.source, statement):
                again = (Module("mlflow"), f".end_run()\n{indent_of(self.script.source, statement)}")
            return (*again, *self._start(value)), None
        if kind == k.CHILD and isinstance(value, ast.Call) and value in self._children:
            return self._start(value), None
        if kind == k.EXPERIMENT and self._interactive and isinstance(value, ast.Call):
            name = argument(value, "name", 1)
            if name is not None and self.script.kinds.v1_name(value.func) == "Experiment":
                return (Module("mlflow"), ".set_experiment(", name, ")"), None
        return (), None

    def end(self, call: ast.Call, kind: str, method: str) -> bool:
        """`complete()` of a run that the script started."""
        statement = self.script.statement(call)
        if not isinstance(call.func, ast.Attribute) or (kind == k.CHILD and not self.child(call.func.value)):
            return False
        path = argument(call, "path_or_stream", 1)
        if method == "upload_file" and path is not None:
            self._upload(call, path)
            return True
        if method not in ("complete", "fail") or statement is None:
            return False
        parts: list[Part] = []
        outputs = self._outputs(call.func.value)
        if outputs is not None and own_lines(self.script.source, statement):
            margin = indent_of(self.script.source, statement)
            parts = [Module("mlflow"), ".log_artifacts(", outputs, ", ", outputs, f")\n{margin}"]
        status = '"FAILED"' if method == "fail" else ""
        self.plan.replace(statement, [*parts, Module("mlflow"), f".end_run({status})"])
        return True

    def _upload(self, call: ast.Call, path: ast.expr) -> None:
        """A file goes into the folder of its name. MLflow keeps the file's own name there."""
        name = argument(call, "name", 0)
        new, old = (self.script.values.constant(one) if one is not None else None for one in (name, path))
        folder: list[Part] = []
        begins = self.script.values.beginning(name) if name is not None else ""
        if new is not None:
            folder = [f', "{posixpath.dirname(new)}"'] if posixpath.dirname(new) else []
            self.script.moved[new] = old or new
        elif name is not None and ("/" in begins or not begins):
            folder = [", ", Module("os"), ".path.dirname(", name, ")"]
        same = new is not None and old is not None and posixpath.basename(new) == posixpath.basename(old)
        self.plan.replace(call, [Module("mlflow"), ".log_artifact(", path, *folder, ")"], None if same else KEEPS_NAME)

    def _start(self, call: ast.expr) -> tuple[Part, ...]:
        if not isinstance(call, ast.Call):
            return (*_START, ")")
        if self.script.kinds.of(call) == k.STARTED:
            name = argument(call, "display_name", 9)
            return (*_START, "run_name=", name, ")") if name is not None else (*_START, ")")
        name = argument(call, "name", 0)
        return (*_START, "run_name=", name, ", nested=True)") if name is not None else (*_START, "nested=True)")

    def _outputs(self, owner: ast.expr) -> ast.expr | None:
        binding = self.script.names.of.get(owner)
        for value in binding.values if binding is not None else []:
            given = argument(value, "outputs", 9) if isinstance(value, ast.Call) else None
            if literal_text(given) is not None:
                return given
        return None

    def _closed(self, call: ast.Call) -> bool:
        """Whether a child ends in the block that it begins in, and its parent logs nothing in between."""
        above = self.script.names.parents[call]
        if isinstance(above, ast.withitem):
            block = self.script.names.statement_of(above)
            return not any(self._parent_uses(part) for part in getattr(block, "body", []))
        if not isinstance(above, ast.Assign) or len(above.targets) != 1:
            return False
        binding = self.script.names.of.get(above.targets[0])
        if binding is None or len(binding.values) != 1 or not self._has_holder() or not self._plain(binding):
            return False
        for name in ("body", "orelse", "finalbody"):
            body = getattr(self.script.names.parents[above], name, None)
            if isinstance(body, list) and above in body:
                for statement in body[body.index(above) + 1 :]:
                    if self._completes(statement, binding):
                        return True
                    if self._parent_uses(statement):
                        return False
        return False

    def _plain(self, binding: Binding) -> bool:
        """Whether all that is done with a child has a counterpart."""
        parents = self.script.names.parents
        return all(isinstance(above := parents[load], ast.Attribute) and above.attr in _USES for load in binding.loads)

    def _has_holder(self) -> bool:
        """Whether the script's own run is assigned: that is where MLflow's parent run is started."""
        of = self.script.kinds.of
        return any(
            of(node) == k.RUN and isinstance(self.script.names.parents[node], ast.Assign) for node in self._calls
        )

    def _completes(self, statement: ast.stmt, binding: Binding) -> bool:
        call = statement.value if isinstance(statement, ast.Expr) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            return False
        return call.func.attr == "complete" and self.script.names.of.get(call.func.value) is binding

    def _parent_uses(self, statement: ast.AST) -> bool:
        """Whether the parent is used; a second name of it, or of its experiment and workspace, is no use."""
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name):
            return False
        return any(
            isinstance(node, ast.Name) and self.script.kinds.of(node) == k.RUN and not self._experiment_of(node)
            for node in ast.walk(statement)
        )

    def _experiment_of(self, name: ast.Name) -> bool:
        above = self.script.names.parents[name]
        return isinstance(above, ast.Attribute) and above.attr == "experiment"
