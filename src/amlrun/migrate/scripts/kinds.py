"""What an expression of SDK v1 is: the run, the workspace, a dataset, …, through imports and assignments."""

from __future__ import annotations

import ast

from amlrun.migrate.scripts import flow
from amlrun.migrate.scripts.names import Binding, Names

# Packages below `azureml` that are still released and need no rewrite.
_LIVE = {
    "mlflow", "ai", "fsspec", "evaluate", "metrics", "model", "rag", "rslex", "registry", "featurestore",
    "acft", "assets",
}  # fmt: skip
# Names of the old inference server that today's has under another package; `imports` renames them.
MOVED = ("azureml.contrib.services.aml_request", "azureml.contrib.services.aml_response")
_STARRED = {"Run", "Workspace", "Dataset", "Datastore", "Experiment", "Model", "Environment", "ScriptRunConfig"}

RUN, CHILD, STARTED, PARENT = "run", "child run", "interactive run", "parent run"
WORKSPACE, EXPERIMENT, DATASTORE, VAULT = "workspace", "experiment", "datastore", "key vault"
INPUTS, DATASETS, DATASET, MOUNT, DATAPATH = "inputs", "datasets", "dataset", "mount", "datastore path"
REGISTERED, MODEL, AUTH, WIDGET, LOGGER = "registered model", "model", "sign-in", "widget", "log handler"
COLLECTOR, OTHER_RUN, MIXED = "data collector", "another run", "mixed"

_CALLS = {
    "Run.get_context": RUN,
    "Run.get_submitted_run": RUN,
    "get_azureml_logger": RUN,
    "Run.start_logging": STARTED,
    "Workspace": WORKSPACE,
    "Workspace.from_config": WORKSPACE,
    "Workspace.get": WORKSPACE,
    "Experiment": EXPERIMENT,
    "Datastore": DATASTORE,
    "Datastore.get": DATASTORE,
    "Datastore.get_default": DATASTORE,
    "DataPath": DATAPATH,
    "ServicePrincipalAuthentication": AUTH,
    "InteractiveLoginAuthentication": AUTH,
    "AzureCliAuthentication": AUTH,
    "MsiAuthentication": AUTH,
    "Model.register": REGISTERED,
    "Model": MODEL,
    "Run": OTHER_RUN,
    "PipelineRun": OTHER_RUN,
    "StepRun": OTHER_RUN,
    "HyperDriveRun": OTHER_RUN,
    "RunDetails": WIDGET,
    "get_telemetry_log_handler": LOGGER,
    "ModelDataCollector": COLLECTOR,
}
_READS = ("Dataset.get_by_name", "Dataset.get_by_id", "Dataset.get")
_ATTRIBUTES = {
    (RUN, "experiment"): EXPERIMENT,
    (STARTED, "experiment"): EXPERIMENT,
    (PARENT, "experiment"): EXPERIMENT,
    (RUN, "parent"): PARENT,
    (PARENT, "parent"): PARENT,
    (RUN, "input_datasets"): INPUTS,
    (EXPERIMENT, "workspace"): WORKSPACE,
    (WORKSPACE, "datasets"): DATASETS,
    (WORKSPACE, "datastores"): "datastores",
    (WORKSPACE, "models"): "models",
}
_METHODS = {
    (RUN, "child_run"): CHILD,
    (STARTED, "child_run"): CHILD,
    (EXPERIMENT, "start_logging"): STARTED,
    (WORKSPACE, "get_default_datastore"): DATASTORE,
    (WORKSPACE, "get_default_keyvault"): VAULT,
    (RUN, "register_model"): REGISTERED,
    (STARTED, "register_model"): REGISTERED,
    (PARENT, "register_model"): REGISTERED,
    (DATASTORE, "path"): DATAPATH,
    (DATASET, "mount"): MOUNT,
    (INPUTS, "get"): DATASET,
    (DATASETS, "get"): DATASET,
}
# A dataset's methods that give a dataset again.
SAME_DATA = {
    "drop_columns", "keep_columns", "take", "skip", "with_timestamp_columns", "register", "as_named_input",
    "as_mount", "as_download", "as_hdfs",
}  # fmt: skip
RUN_NAMES = {"run", "aml_run", "azureml_run", "run_context", "aml_context", "azure_run", "exp_run", "run_logger", "ctx"}


def short_name(dotted: str) -> str:
    """`Run.get_context` for `azureml.core.run.Run.get_context`; empty when it is nothing of SDK v1."""
    parts = dotted.split(".")
    if parts[0] != "azureml" or (len(parts) > 1 and parts[1] in _LIVE) or dotted.startswith(MOVED):
        return ""
    at = next((number for number, part in enumerate(parts) if part.lstrip("_")[:1].isupper()), len(parts) - 1)
    return ".".join(parts[at:])


def is_v1(alias: ast.alias, dotted: str) -> bool:
    """Whether an imported name is SDK v1's. `import azureml.mlflow` binds `azureml`, but is none of it."""
    return bool(short_name(alias.name if dotted == "azureml" else dotted))


class Kinds:
    """The kinds of one file's expressions, worked out when asked for."""

    def __init__(self, names: Names, seeds: dict[str, str] | None = None) -> None:
        self.names = names
        self.seeds = seeds or {}
        # Runs that the script may find again stay v1's: it would find none of MLflow's.
        self._started = OTHER_RUN if any(self._finds_runs(node) for node in names.nodes) else STARTED
        self.uses_v1 = any(
            is_v1(node, dotted)
            for node in names.nodes
            if isinstance(node, ast.alias) and node in names.of
            for dotted in [*names.of[node].imports]
        ) or any(short_name(module) for module in names.stars)
        self._bindings: dict[Binding, str] = {}
        self._known: dict[ast.expr, str] = {}
        self._returns: dict[ast.AST, str] = {}
        self._busy: set[object] = set()
        self._cut = False

    def dotted(self, node: ast.AST) -> str:
        """The imported name that `node` is, written out in full; empty where it is none."""
        if isinstance(node, ast.Name):
            binding = self.names.of.get(node)
            if binding is None:
                stars = [module for module in self.names.stars if short_name(module)]
                return f"{stars[0]}.{node.id}" if stars and node.id in _STARRED else ""
            if not binding.imports:
                return ""
            return next((one for one in binding.imports if one.startswith("azureml")), binding.imports[0])
        if isinstance(node, ast.Attribute):
            before = self.dotted(node.value)
            return f"{before}.{node.attr}" if before else ""
        return ""

    def v1_name(self, node: ast.AST) -> str:
        """`Run.get_context` for an expression that is that class's or module's attribute of SDK v1; else empty."""
        dotted = self.dotted(node)
        return short_name(dotted) if dotted else ""

    def _finds_runs(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Call) and self.v1_name(node.func) in ("Run", "Run.get", "Run.list"):
            return True
        finds = isinstance(node, ast.Attribute) and node.attr in ("get_runs", "get_run")
        return finds and not self.dotted(node).startswith("mlflow")

    def of(self, node: ast.AST | None) -> str:
        """The kind of an expression; empty when it is none of SDK v1's."""
        if not isinstance(node, ast.expr):
            return ""
        if node in self._known:
            return self._known[node]
        if node in self._busy:
            self._cut = True
            return ""
        before, self._cut = self._cut, False
        self._busy.add(node)
        found = self._of(node)
        self._busy.discard(node)
        # An answer that met itself on the way is only final for whoever asked first.
        if not self._cut or not self._busy:
            self._known[node] = found
        self._cut = before or self._cut
        return found

    def _of(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            binding = self.names.of.get(node)
            return self.binding(binding) if binding is not None else ""
        if isinstance(node, ast.Call):
            found = self._call(node)
            return self._started if found == STARTED else found
        if isinstance(node, ast.Attribute):
            kind = _ATTRIBUTES.get((self.of(node.value), node.attr), "")
            if kind or node not in self.names.of:
                return kind
            return self.binding(self.names.of[node])
        if isinstance(node, ast.Subscript):
            owner = self.of(node.value)
            return {INPUTS: DATASET, DATASETS: DATASET, "datastores": DATASTORE, "models": MODEL}.get(owner, "")
        if isinstance(node, ast.IfExp):
            return self._merge([node.body, node.orelse], or_parent=flow.asks_for(node.test, "parent"))
        if isinstance(node, ast.BoolOp):
            return self._merge(node.values, or_parent=isinstance(node.op, ast.Or))
        if isinstance(node, ast.NamedExpr | ast.Await):
            return self.of(node.value)
        return ""

    def _call(self, node: ast.Call) -> str:
        name = self.v1_name(node.func)
        if name:
            if name in _CALLS:
                return _CALLS[name]
            if name in _READS or (".from_" in name and "Dataset" in name):
                return DATASET
            return ""
        if isinstance(node.func, ast.Attribute):
            owner = self.of(node.func.value)
            if owner == DATASET and node.func.attr in SAME_DATA:
                return DATASET
            if owner == EXPERIMENT and node.func.attr == "submit":
                return OTHER_RUN
            found = _METHODS.get((owner, node.func.attr), "")
            if found or owner:
                return found
        if isinstance(node.func, ast.Name):
            binding = self.names.of.get(node.func)
            made = binding.definition if binding is not None else None
            if isinstance(made, ast.FunctionDef) and binding is not None and not binding.values:
                if made not in self._returns:
                    self._returns[made] = ""  # a function that returns what it returns
                    returns = [one.value for one in flow.returns_of(made) if one.value is not None]
                    self._returns[made] = self._merge(returns) if returns else ""
                return self._returns[made]
        return ""

    def binding(self, binding: Binding) -> str:
        """The kind of everything that a variable is assigned; MIXED when that is more than one."""
        if binding in self._bindings:
            return self._bindings[binding]
        if binding in self._busy:
            self._cut = True
            return ""
        other = bool(binding.imports) or binding.definition is not None
        if other and not binding.values:
            return ""
        before, self._cut = self._cut, False
        self._busy.add(binding)
        found = self._merge(binding.values) if binding.values else ""
        if not found and binding.annotation is not None:
            found = {"Run": RUN, "Workspace": WORKSPACE, "Experiment": EXPERIMENT}.get(
                self.v1_name(binding.annotation), ""
            )
        if not found and binding.parameter_of is not None and not binding.values:
            found = self._parameter(binding)
        elif found and (other or (binding.opaque and found != DATASET)):
            found = MIXED  # `from subprocess import run`, and a run of that name
        self._busy.discard(binding)
        if not self._cut or not self._busy:
            self._bindings[binding] = found
        self._cut = before or self._cut
        return found

    def _parameter(self, binding: Binding) -> str:
        """A parameter whose calls are not seen: known from another file, or by its usual name and use."""
        function = binding.parameter_of
        if isinstance(function, ast.FunctionDef):
            owner = self.names.parents.get(function)
            made = owner.name if isinstance(owner, ast.ClassDef) and function.name == "__init__" else function.name
            seed = self.seeds.get(f"{made}.{binding.name}", "")
            if seed:
                return seed
        if not self.uses_v1 or binding.name not in RUN_NAMES or not binding.loads:
            return ""
        used = set()
        for load in binding.loads:
            above = self.names.parents[load]
            if isinstance(above, ast.Attribute):
                used.add(above.attr)
        return RUN if used and used <= RUN_MEMBERS else ""

    def _merge(self, values: list[ast.expr], *, or_parent: bool = False) -> str:
        """One kind for all values. `or_parent`: the parent run where there is one, else the run itself, which is what
        the parent run becomes."""
        # Assigned from itself (`run = run or …`, a narrowed dataset) says nothing new.
        found = {self.of(value) for value in values if not (isinstance(value, ast.Constant) and value.value is None)}
        if DATASET in found:
            return DATASET
        if or_parent and found == {RUN, PARENT}:
            return PARENT
        if found == {RUN, STARTED} and all(
            flow.once_in_a_branch(one, self.names) for one in values if self.of(one) == STARTED
        ):
            return RUN
        found_v1 = found - {""}
        if not found_v1:
            return ""
        return found_v1.pop() if len(found) == 1 else MIXED


RUN_MEMBERS = {
    "log", "log_list", "log_row", "log_table", "log_image", "log_confusion_matrix", "log_accuracy_table",
    "log_residuals", "log_predictions", "tag", "set_tags", "add_properties", "get_tags", "tags", "get_metrics",
    "upload_file", "upload_folder", "register_model", "complete", "fail", "cancel", "flush", "parent", "experiment",
    "id", "input_datasets", "child_run", "get_secret", "get_context",
}  # fmt: skip
