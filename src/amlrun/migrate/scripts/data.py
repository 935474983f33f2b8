"""Datasets, as the files of a run's input: which of them can be rewritten together, and what each call becomes."""

from __future__ import annotations

import ast
from typing import Union

from amlrun.dataclass import dataclass, field
from amlrun.migrate.scripts import kinds as k
from amlrun.migrate.scripts.names import Binding
from amlrun.migrate.scripts.origins import Origins
from amlrun.migrate.scripts.plan import Module, Part
from amlrun.migrate.scripts.script import Script, note
from amlrun.python_source import argument

_TABLE = {"to_pandas_dataframe", "drop_columns", "keep_columns", "take", "skip", "take_sample"}
_FILES = {"download", "to_path", "mount", "as_mount", "as_download"}
_NEUTRAL = {"with_timestamp_columns", "register", "as_named_input", "as_hdfs"}
_UNCALLED = {"name", "id", "version"}
Key = Union[Binding, ast.AST]


@dataclass
class Group:
    """The expressions through which one dataset goes: they are rewritten together or not at all."""

    modes: set[str] = field(default_factory=set)
    refused: list[ast.AST] = field(default_factory=list)
    nodes: list[ast.expr] = field(default_factory=list)
    used: bool = False


class Data:
    """The datasets of one script. `plan_all` decides and replaces; `refused` are the uses that nothing replaces."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.plan = script.plan
        self._of = script.kinds.of
        self._parents = script.names.parents
        self._above: dict[Key, Key] = {}
        self._groups: dict[Key, Group] = {}
        self._origins = Origins(script)
        self._copied = False
        self._held: set[Binding] = set()
        self.refused: list[ast.AST] = []

    def plan_all(self) -> None:
        """Replace all uses of the datasets whose every use has a counterpart."""
        nodes = [node for node in self.script.names.nodes if isinstance(node, ast.expr)]
        nodes = [node for node in nodes if self._of(node) == k.DATASET and not self._stored(node)]
        nodes = [node for node in nodes if self.plan.alive(node)]
        for node in nodes:
            self._link(node)
        for node in nodes:
            group = self._groups.setdefault(self._root(self._key(node)), Group())
            group.nodes.append(node)
            self._use(node, group)
        for key, group in self._groups.items():
            self._settle(key, group)

    def retry(self) -> bool:
        """Look again at the datasets that could not be replaced; whether some can be now."""
        if not self.refused:
            return False
        before = len(self.plan.made)
        self.script.held -= self._held
        self._above, self._groups, self._held, self.refused = {}, {}, set(), []
        self.plan_all()
        return len(self.plan.made) > before

    def _stored(self, node: ast.expr) -> bool:
        return not isinstance(getattr(node, "ctx", ast.Load()), ast.Load)

    def _key(self, node: ast.expr) -> Key:
        """What stands for the group of a node: the variable that is read, or the receiver that a method narrows."""
        if isinstance(node, ast.Name | ast.Attribute) and node in self.script.names.of:
            return self.script.names.of[node]
        narrowed = self._narrowed(node)
        return node if narrowed is None else self._key(narrowed)

    def _narrowed(self, node: ast.expr) -> ast.expr | None:
        """The dataset that a method such as `drop_columns` is called on, when `node` is such a call."""
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return None
        same = node.func.attr in k.SAME_DATA and self._of(node.func.value) == k.DATASET
        return node.func.value if same else None

    def _root(self, key: Key) -> Key:
        while key in self._above:
            key = self._above[key]
        return key

    def _join(self, one: Key, other: Key) -> None:
        first, second = self._root(one), self._root(other)
        if first is not second:
            self._above[first] = second

    def _link(self, node: ast.expr) -> None:
        above = self._parents[node]
        key = self._key(node)
        if isinstance(above, ast.Assign | ast.AnnAssign | ast.NamedExpr) and above.value is node:
            for target in above.targets if isinstance(above, ast.Assign) else [above.target]:
                if target in self.script.names.of:
                    self._join(key, self.script.names.of[target])
        elif isinstance(above, ast.IfExp | ast.BoolOp):
            self._join(key, above)
        elif isinstance(above, ast.Return):
            function = self.script.names.function_of(above)
            for call in self.script.names.calls_of.get(function, []) if function is not None else []:
                self._join(key, call)
        if node in self.script.names.passed_as:
            self._join(key, self.script.names.passed_as[node])

    def _use(self, node: ast.expr, group: Group) -> None:
        """Note what is done with one expression of a group."""
        above = self._parents[node]
        group.modes |= self._origins.modes(node)
        if isinstance(above, ast.Attribute):
            call = self._parents[above]
            called = isinstance(call, ast.Call) and call.func is above
            mixed = self._mixed(node)
            if called and above.attr in _TABLE:
                group.modes.add("table")
            elif called and above.attr in _FILES and self._files(call, above.attr):
                group.modes.add("files")
            elif not (called and above.attr in _NEUTRAL) and above.attr not in _UNCALLED and not mixed:
                group.refused.append(node)
            group.used = True
            return
        if self._lineage(node):
            return
        if isinstance(above, ast.Expr | ast.Assign | ast.AnnAssign | ast.NamedExpr | ast.Return | ast.IfExp):
            function = self.script.names.function_of(node) if isinstance(above, ast.Return) else None
            uncalled = function is not None and not self.script.names.calls_of.get(function)
            if uncalled or (isinstance(above, ast.Assign) and not self._followed(above)):
                group.refused.append(node)
            return
        if isinstance(above, ast.BoolOp | ast.UnaryOp) or node in self.script.names.passed_as:
            return
        if isinstance(above, ast.Compare) and any(isinstance(op, ast.Is | ast.IsNot) for op in above.ops):
            return
        group.used = True
        if not self._mixed(node):
            group.modes.add("plain")
            group.refused.append(node)

    def _read(self, assign: ast.Assign) -> bool:
        """Whether what is assigned is read anywhere, or kept where that is not known."""
        bound = [self.script.names.of.get(target) for target in assign.targets]
        return any(one is None or one.loads for one in bound)

    def _followed(self, assign: ast.Assign) -> bool:
        return all(target in self.script.names.of for target in assign.targets)

    def _mixed(self, node: ast.expr) -> bool:
        """Whether a variable also holds what is no dataset any more: the table that was made of it."""
        binding = self.script.names.of.get(node)
        return binding is not None and any(self._of(value) != k.DATASET for value in binding.values)

    def _lineage(self, node: ast.AST) -> bool:
        """Whether a dataset is only named to a registration, or as the run's input: v1 kept it as lineage."""
        while not isinstance(node, ast.stmt):
            node = self._parents[node]
            if isinstance(node, ast.Call) and self._of(node) == k.REGISTERED:
                return True
        targets = node.targets if isinstance(node, ast.Assign) else []
        return any(isinstance(one, ast.Subscript) and self._of(one.value) == k.INPUTS for one in targets)

    def _files(self, call: ast.AST, method: str) -> bool:
        """Whether a method of a folder of files can be replaced where it stands."""
        if method == "download":
            return isinstance(self._parents[call], ast.Expr)
        return method != "mount"

    def _settle(self, key: Key, group: Group) -> None:
        inputs = "input" in group.modes
        table = "table" in group.modes or ("tabular" in group.modes and not inputs)
        if inputs and not table and all(self._plain_use(node) for node in group.refused):
            group.refused.clear()
        if table and "files" in group.modes:
            group.refused += group.nodes[:1]
        if "unreadable" in group.modes:
            group.refused += [node for node in group.nodes if self._origins.unreadable(node)]
        if group.refused:
            self.refused += group.refused
            self._held |= {key} if isinstance(key, Binding) else set()
            self._held |= {self.script.names.of[node] for node in group.nodes if node in self.script.names.of}
            self.script.held |= self._held
            return
        self._copied = sum(self._is_table_call(node) for node in group.nodes) > 1
        for node in group.nodes:
            self._replace(node, table, group.used or inputs)

    def _is_table_call(self, node: ast.expr) -> bool:
        above = self._parents[node]
        return isinstance(above, ast.Attribute) and above.attr == "to_pandas_dataframe" and not self._narrowed(node)

    def _plain_use(self, node: ast.AST) -> bool:
        """A path may be used in any way, but not have the methods of a dataset."""
        return not isinstance(self._parents[node], ast.Attribute)

    def _replace(self, node: ast.expr, table: bool, used: bool) -> None:
        if self._origins.is_origin(node):
            if used:
                self._origins.replace(node, table)
            elif isinstance(statement := self._parents[node], ast.Assign) and not self._read(statement):
                self.plan.remove(statement)
            else:
                self.plan.replace(node, ["None"])
        owner = self._narrowed(node)
        if owner is not None and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            self._narrow(node, owner, node.func.attr)
        above = self._parents[node]
        call = self._parents[above] if isinstance(above, ast.Attribute) else None
        if isinstance(above, ast.Attribute) and isinstance(call, ast.Call) and call.func is above:
            self._end(call, node, above.attr)
        elif isinstance(above, ast.Attribute) and above.attr in _UNCALLED and not self._mixed(node):
            self.plan.replace(above, self._origins.name_of(node))

    def _narrow(self, call: ast.Call, owner: ast.expr, method: str) -> None:
        """A method that gives a dataset again, on what is a table now."""
        first = call.args[0] if call.args else call.keywords[0].value if call.keywords else None
        if method == "drop_columns" and first is not None:
            self.plan.replace(call, [owner, ".drop(columns=", first, ")"])
        elif method == "keep_columns" and first is not None:
            one = isinstance(first, ast.Constant)
            self.plan.replace(call, [owner, "[[" if one else "[", first, "]]" if one else "]"])
        elif method == "take" and first is not None:
            self.plan.replace(call, [owner, ".head(", first, ")"])
        elif method == "skip" and first is not None:
            self.plan.replace(call, [owner, ".iloc[", first, ":]"])
        else:
            remark = None
            if method == "register":
                remark = note(
                    "the dataset is not registered any more",
                    "Write the table to outputs/, and register it after the run with: aml dataset register",
                )
            statement = self.script.statement(call)
            if statement is not None:
                self.plan.remove(statement, remark)
            else:
                self.plan.replace(call, [owner], remark)

    def _end(self, call: ast.Call, owner: ast.expr, method: str) -> None:
        """A method that gives something else than a dataset."""
        if method == "to_pandas_dataframe":
            statement = self._parents[call]
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                target = statement.targets[0]
                same = self.script.names.of.get(target) if isinstance(owner, ast.Name) else None
                if same is not None and same is self.script.names.of.get(owner):
                    self.plan.remove(statement)
                    return
            # Each call gave a table of its own.
            self.plan.replace(call, [owner, ".copy()"] if self._copied else [owner])
        elif method == "take_sample":
            share, seed = (argument(call, word, at) for at, word in enumerate(("probability", "seed")))
            state: list[Part] = [", random_state=", seed] if seed is not None else []
            if share is not None:
                self.plan.replace(call, [owner, ".sample(frac=", share, *state, ")"])
        elif method == "download":
            to = argument(call, "target_path", 0)
            place: list[Part] = [to] if to is not None else ['"."']
            copied: list[Part] = [Module("shutil"), ".copytree(", owner, ", ", *place, ", dirs_exist_ok=True)"]
            self.plan.replace(call, copied)
        elif method == "to_path":
            files: list[Part] = ["sorted(str(file) for file in ", Module("pathlib"), ".Path(", owner]
            self.plan.replace(call, [*files, ').rglob("*") if file.is_file())'])
