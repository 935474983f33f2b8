"""Rewrite one script of SDK v1 to plain MLflow, arguments and environment variables."""

from __future__ import annotations

import ast
import copy

from amlrun.migrate.result import Verdict
from amlrun.migrate.scripts import kinds as k
from amlrun.migrate.scripts.data import Data
from amlrun.migrate.scripts.empty import CleanUp
from amlrun.migrate.scripts.helpers import COPY_DATA, identifier, variable_of
from amlrun.migrate.scripts.hints import hint_for
from amlrun.migrate.scripts.holders import Holder, Holders
from amlrun.migrate.scripts.logs import Logs
from amlrun.migrate.scripts.models import Models
from amlrun.migrate.scripts.names import Binding
from amlrun.migrate.scripts.old_names import old_names
from amlrun.migrate.scripts.plan import Helper, Module, Note, Part, Replacement, indent_of, own_lines
from amlrun.migrate.scripts.runs import Runs
from amlrun.migrate.scripts.script import Passed, Script, note, starred
from amlrun.migrate.scripts.started import Started
from amlrun.python_source import argument
from amlrun.runs.redact import masked_text, secret_name

_LOGS = {
    "log", "log_list", "log_row", "log_table", "log_image", "log_confusion_matrix", "log_accuracy_table",
    "log_residuals", "log_predictions", "tag", "set_tags", "add_properties", "get_tags", "get_metrics",
}  # fmt: skip
_HELD = {
    k.RUN, k.STARTED, k.CHILD, k.PARENT, k.WORKSPACE, k.EXPERIMENT, k.DATASTORE, k.VAULT, k.INPUTS, k.DATASETS, k.AUTH,
    k.DATAPATH, k.WIDGET, k.REGISTERED, k.MODEL, k.OTHER_RUN, k.LOGGER, k.MIXED,
}  # fmt: skip
_SILENT = ("set_diagnostics_collection",)
_COLLECTS = ("collect", "add_correlations")
_TELEMETRY = ("azureml.telemetry", "azureml.automl.core.shared.log_server", "azureml._logging")


class Rewriter:
    """The passes over one script; afterwards `script.plan` holds what is to be changed, `left` what is not."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.plan = script.plan
        self.kinds = script.kinds
        self.started = Started(script)
        self.logs = Logs(script, self.started.block_of)
        self.runs = Runs(script)
        self.models = Models(script)
        self.left: list[tuple[ast.expr, Note]] = []
        self.passes: tuple[Passed, ...] = ()
        self.ignored: frozenset[str] = frozenset()

    def work(self) -> None:
        """Plan every change. The imports come last, with the text: what is unused is known only then."""
        old_names(self.script)
        if not self.kinds.uses_v1 and not self.kinds.seeds:
            return
        nodes = [node for node in self.script.names.nodes if isinstance(node, ast.expr)]
        for node in nodes:
            func = node.func if isinstance(node, ast.Call) else None
            logs = isinstance(func, ast.Attribute) and func.attr == "log" and self.kinds.of(func.value) == k.RUN
            if logs and isinstance(node, ast.Call):
                self.logs.seen(node)
        data = Data(self.script)
        data.plan_all()
        for node in nodes:
            if isinstance(node, ast.Call | ast.Compare):
                self._offline(node)
            if isinstance(node, ast.Call):
                self._call(node)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                self._attribute(node)
        holders = Holders(self.script, self._holders())
        clean_up = CleanUp(self.script).round
        holders.settle(clean_up)
        # What refused a dataset may be gone by now.
        while data.retry():
            holders.settle(clean_up)
        holders.exceptions()
        self._annotations(holders)
        for node, chain in holders.left():
            self._name_left(node, chain)
        self.passes = tuple(holders.passes())
        self.ignored = frozenset(holders.ignored())

    def _annotations(self, holders: Holders) -> None:
        """Annotations that name SDK v1's classes go where the variable needs none of it any more."""
        names = self.script.names
        for node in names.nodes:
            returns = node.returns if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else None
            if returns is not None and self._names_v1(returns):
                self.plan.made.setdefault(returns, Replacement(()))
        for arg, binding in list(names.of.items()):
            annotation = arg.annotation if isinstance(arg, ast.arg) else None
            if annotation is not None and self._names_v1(annotation) and binding not in holders.dirty:
                self.plan.made.setdefault(annotation, Replacement(()))

    def _names_v1(self, node: ast.expr) -> bool:
        return any(isinstance(part, ast.Name) and bool(self.kinds.v1_name(part)) for part in ast.walk(node))

    def _own(self, node: ast.expr) -> bool:
        kind = self.kinds.of(node)
        return kind in (k.RUN, k.STARTED) or (kind == k.CHILD and self.started.child(node))

    def _offline(self, node: ast.expr) -> None:
        def is_run(part: ast.AST) -> bool:
            return self.kinds.of(part) in (k.RUN, k.STARTED)

        self.runs.offline(node, is_run)

    def _call(self, call: ast.Call) -> None:
        name = self.kinds.v1_name(call.func)
        if name in _SILENT or self.kinds.dotted(call.func).startswith(_TELEMETRY):
            self.runs.drop(call)
        elif name == "log_traceback":
            self._traceback(call)
        elif self.kinds.of(call) == k.COLLECTOR and self._collects(call):
            self.models.collector(call)
        elif self.models.is_path(call):
            self.models.path(call)
        if not isinstance(call.func, ast.Attribute) or name:
            return
        owner, method = self.kinds.of(call.func.value), call.func.attr
        if self._own(call.func.value) and method in _LOGS:
            self.logs.rewrite(call, method)
        elif owner in (k.STARTED, k.CHILD) and self.started.end(call, owner, method):
            return
        elif owner in (k.RUN, k.STARTED):
            self.runs.call(call, method)
        elif owner == k.PARENT:
            # Files and pictures are kept with the step's own run.
            if not self.runs.parent(call, method) and method in _LOGS - {"log", "tag", "get_tags", "get_metrics"}:
                self.logs.rewrite(call, method)
        elif owner == k.COLLECTOR and self.script.names.of.get(call.func.value) not in self.script.held:
            self.models.collect(call, method)
        elif (owner, method) == (k.MODEL, "download"):
            self.models.download(call)
        elif owner == k.VAULT and method == "get_secret":
            self.runs.secret(call)
        elif (owner, method) in ((k.WORKSPACE, "write_config"), (k.WIDGET, "show")):
            self.runs.drop(call)
        elif (owner, method) == (k.WORKSPACE, "get_mlflow_tracking_uri"):
            self.runs.tracking(call)
        elif owner == k.DATASTORE and not starred(call):
            if method == "download":
                self._fetch(call)
            else:
                self._store(call, method)

    def _collects(self, call: ast.Call) -> bool:
        """Whether a data collector is used as azureml-ai-monitoring's can be, too."""
        above = self.script.names.parents[call]
        targets = above.targets if isinstance(above, ast.Assign) else []
        bindings = [self.script.names.of[one] for one in targets if one in self.script.names.of]
        parents = self.script.names.parents
        loads = [load for binding in bindings for load in binding.loads]
        fine = all(isinstance(at := parents[load], ast.Attribute) and at.attr in _COLLECTS for load in loads)
        if not fine:
            self.script.held.update(bindings)
        return fine

    def _traceback(self, call: ast.Call) -> None:
        """AutoML's `log_traceback(exception, logger)`, which its scoring scripts call."""
        error, logger = (argument(call, word, at) for at, word in enumerate(("exception", "logger")))
        if error is not None and logger is not None:
            self.plan.replace(call, [logger, ".error(", error, ", exc_info=True)"])

    def _fetch(self, call: ast.Call) -> None:
        """Files of a datastore, brought below a folder: a copy of the path that the job is given."""
        target, prefix = argument(call, "target_path", 0), argument(call, "prefix", 1)
        statement = self.script.statement(call)
        if target is None or prefix is None or not isinstance(statement, ast.Expr) or statement.value is not call:
            return
        constant = self.script.values.constant(prefix)
        name: list[Part] = variable_of(prefix)
        shown = (
            f"of the name {ast.unparse(prefix)}, with _ for all but letters and digits, and before a digit at its start"
        )
        if constant is not None:
            shown = identifier(constant)
            name = [Module("os"), f'.environ["{shown}"]']
        remark = note(
            f"what is downloaded from a datastore is copied from the path in the environment variable {shown}",
            "Name it under data: of the run configuration, with its environmentVariableName.",
        )
        place: list[Part] = [Module("os"), ".path.join(", target, ", ", prefix, ")"]
        self.plan.replace(call, [Helper(COPY_DATA), "(", *name, ", ", *place, ")"], remark)

    def _store(self, call: ast.Call, method: str) -> None:
        """Writing to a datastore: into outputs/, which the run keeps."""
        target = argument(call, "target_path", 1)
        place: list[Part] = ['"outputs"']
        if target is not None and not (isinstance(target, ast.Constant) and target.value is None):
            place = [Module("os"), '.path.join("outputs", ', target, ")"]
        remark = note(
            "what was uploaded to a datastore is written to outputs/, which is kept with the run",
            "For a fixed place, give the job an output and write there.",
        )
        source = argument(call, "src_dir" if method == "upload" else "files", 0)
        if source is None or self.script.statement(call) is None:
            return
        if method == "upload":
            parts: list[Part] = [Module("shutil"), ".copytree(", source, ", ", *place, ", dirs_exist_ok=True)"]
            self.plan.replace(call, parts, remark)
        statement = self.script.statement(call)
        if method == "upload_files" and statement is not None and own_lines(self.script.source, statement):
            margin = indent_of(self.script.source, statement)
            file = self.script.fresh("file")
            lines: list[Part] = [
                Module("os"),
                ".makedirs(",
                *place,
                f", exist_ok=True)\n{margin}for {file} in ",
                source,
            ]
            self.plan.replace(
                statement, [*lines, f":\n{margin}    ", Module("shutil"), f".copy({file}, ", *place, ")"], remark
            )

    def _attribute(self, node: ast.Attribute) -> None:
        owner = self.kinds.of(node.value)
        if owner in (k.RUN, k.STARTED):
            self.runs.attribute(node)
        elif owner == k.PARENT:
            self.runs.parent_attribute(node)
        elif owner == k.EXPERIMENT:
            self.runs.experiment(node)
        elif owner == k.WORKSPACE:
            self.runs.workspace(node)
        elif owner == k.REGISTERED and node.attr == "name":
            self._model_name(node)

    def _model_name(self, node: ast.Attribute) -> None:
        binding = self.script.names.of.get(node.value)
        made = binding.values[0] if binding is not None and len(binding.values) == 1 else None
        if isinstance(made, ast.Call):
            static = bool(self.kinds.v1_name(made.func))
            name = argument(made, "model_name", 2 if static else 0)
            if name is not None:
                self.plan.replace(node, [self.script.source.slice(name)])

    def _holders(self) -> list[Holder]:
        found: list[Holder] = []
        for node in self.script.names.nodes:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                kind = self.kinds.of(node.value)
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                bound = [self.script.names.of.get(target) for target in targets]
                bindings = [one for one in bound if one is not None]
                if kind in _HELD and len(bindings) == len(bound):
                    found.append(self._holder(node, node.value, kind, bindings))
                elif self._emptied(bindings, node.value):
                    found.append(Holder(node, node.value, bindings))
                elif any(isinstance(one, ast.Subscript) and self.kinds.of(one.value) == k.INPUTS for one in targets):
                    self.plan.remove(node, note("a dataset is no longer recorded as an input of the run"))
            elif isinstance(node, ast.Expr) and self.kinds.of(node.value) in _HELD:
                found.append(self._holder(node, node.value, self.kinds.of(node.value), []))
        return found

    def _emptied(self, bindings: list[Binding], value: ast.expr) -> bool:
        """`run = None` beside `run = Run.get_context()`."""
        none = isinstance(value, ast.Constant) and value.value is None
        return none and bool(bindings) and all(self.kinds.binding(one) in _HELD for one in bindings)

    def _holder(self, node: ast.stmt, value: ast.expr, kind: str, bindings: list[Binding]) -> Holder:
        parts, remark = self.started.begin(value, kind, bindings)
        if kind == k.REGISTERED and isinstance(value, ast.Call):
            line = self.models.registration(value)
            if line:
                empty = "pass  " if not own_lines(self.script.source, node) else ""
                remark = note("the model is registered after the run", f"Run: {line}")
                return Holder(node, value, bindings, (f"{empty}# After the run: {line}",), remark)
        return Holder(node, value, bindings, parts, remark)

    def _name_left(self, node: ast.expr, chain: ast.expr) -> None:
        part: ast.expr = node
        dotted = self.kinds.dotted(node)
        while part is not chain and isinstance(outer := self.script.names.parents[part], ast.expr):
            part = outer
            dotted = self.kinds.dotted(part) or dotted
        kind = self.kinds.of(node)
        shown = _shown(chain)
        message = f"{shown} has no counterpart"
        above = self.script.names.parents.get(chain)
        if kind and chain is node and isinstance(above, ast.Call | ast.keyword):
            call = above if isinstance(above, ast.Call) else self.script.names.parents[above]
            called = ast.unparse(call.func) if isinstance(call, ast.Call) else "other code"
            message = f"the {kind} is passed to {called}, which this file does not define"
        self.left.append((node, Note(Verdict.LEFT, message, hint_for(kind, dotted), node.lineno)))


def _shown(node: ast.expr) -> str:
    """An expression for a message: in one line, shortened, without what may be a secret."""
    shown = copy.deepcopy(node)
    for part in ast.walk(shown):
        if isinstance(part, ast.keyword) and secret_name(part.arg or ""):
            part.value = ast.Name("…", ast.Load())
    text = masked_text(" ".join(ast.unparse(shown).split()))
    return text if len(text) <= 70 else f"{text[:67]}..."
