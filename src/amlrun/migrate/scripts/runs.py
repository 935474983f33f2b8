"""The rest of what a run was used for: files, models, secrets, its ID, its parent, child runs, being offline."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Callable

from amlrun.migrate.scripts.helpers import LOG_ROOT, ROOT_RUN, RUN_DATA, identifier
from amlrun.migrate.scripts.logs import MLFLOW
from amlrun.migrate.scripts.plan import Helper, Module, Part, indent_of, own_lines
from amlrun.migrate.scripts.script import Script, note, starred
from amlrun.migrate.scripts.values import NUMBER
from amlrun.python_source import argument

OS, SHUTIL = Module("os"), Module("shutil")
NOTHING = {"complete", "flush", "start", "clean", "cancel", "wait_for_completion"}
_WORKSPACE = {
    "name": "AZUREML_ARM_WORKSPACE_NAME",
    "subscription_id": "AZUREML_ARM_SUBSCRIPTION",
    "resource_group": "AZUREML_ARM_RESOURCEGROUP",
}
_IDS = {"id", "name", "number", "run_id", "_run_id", "display_name"}
KEEPS_NAME = note(
    "run.upload_file became mlflow.log_artifact, which keeps the file's own name",
    "If the two names differ, copy the file to outputs/ under the new name instead.",
)
OFFLINE_CLASS = ("_OfflineRun", "OfflineRun", "_SubmittedRun")


class Runs:
    """The rewriting of calls and attributes of a run, one at a time; each method is False where it knows no way."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.plan = script.plan

    def call(self, call: ast.Call, method: str) -> bool:
        """A method of the script's own run, but for logging."""
        if method in NOTHING:
            return self.drop(call)
        if starred(call):
            return False
        if method == "fail":
            return self._fail(call)
        if method in ("upload_file", "upload_folder"):
            return self._upload(call, folder=method == "upload_folder")
        if method == "download_file":
            return self._download(call)
        if method == "get_secret":
            return self.secret(call)
        return False

    def drop(self, call: ast.expr) -> bool:
        """Take a call out: the statement where it is one, else `None` in its place."""
        statement = self.script.statement(call)
        if statement is not None:
            self.plan.remove(statement)
        else:
            self.plan.replace(call, ["None"])
        return True

    def _fail(self, call: ast.Call) -> bool:
        statement = self.script.statement(call)
        message = argument(call, "error_details", 0)
        if statement is None:
            return False
        remark = note("run.fail set no status in a submitted run; raising SystemExit ends the script and fails the run")
        reason: list[Part] = [message] if message is not None else ['"failed"']
        self.plan.replace(statement, ["raise SystemExit(", *reason, ")"], remark)
        return True

    def _upload(self, call: ast.Call, folder: bool) -> bool:
        name = argument(call, "name", 0)
        path = argument(call, "path" if folder else "path_or_stream", 1)
        if name is None or path is None:
            return False
        target, source = self.script.values.constant(name), self.script.values.constant(path)
        same = ast.dump(name) == ast.dump(path)
        if target is not None and source is not None:
            same = posixpath.normpath(target) == posixpath.normpath(source)
        begins = self.script.values.beginning(name)
        kept = posixpath.normpath(begins).split("/")[0] in ("outputs", "logs") and begins != ""
        if same and kept:
            return self.drop(call)
        if folder:
            self.plan.replace(call, [MLFLOW, ".log_artifacts(", path, ", ", name, ")"])
            return True
        if same:
            self.plan.replace(call, [MLFLOW, ".log_artifact(", path, ")"])
            return True
        if not kept and target is not None and source is not None:
            directory, base = posixpath.split(target)
            if base == posixpath.basename(source):
                inside = [f', "{directory}"'] if directory else []
                self.script.moved[target] = source
                self.plan.replace(call, [MLFLOW, ".log_artifact(", path, *inside, ")"])
                return True
        if not kept and source is None and target is None and not begins:
            self.plan.replace(call, [MLFLOW, ".log_artifact(", path, ")"], KEEPS_NAME)
            return True
        return self._copy(call, name, path, kept)

    def _copy(self, call: ast.Call, name: ast.expr, path: ast.expr, kept: bool) -> bool:
        """Copy a file into outputs/ under its new name; not onto itself, and the folder is made when it has one."""
        place: list[Part] = [name] if kept else [OS, '.path.join("outputs", ', name, ")"]
        target = self.script.values.constant(name)
        if target is not None and not kept:
            self.script.moved[target] = f"outputs/{target}"
        remark = None if kept else note("run.upload_file became a copy in outputs/, which is kept with the run")
        copied: list[Part] = [SHUTIL, ".copy(", path, ", ", *place, ")"]
        statement = self.script.statement(call)
        if statement is None or not own_lines(self.script.source, statement):
            self.plan.replace(call, copied, remark)
            return True
        margin = indent_of(self.script.source, statement)
        lines: list[Part] = []
        if target is None or posixpath.dirname(target) not in ("", "outputs", "logs"):
            lines += [OS, ".makedirs(", OS, ".path.dirname(", *place, f"), exist_ok=True)\n{margin}"]
        elif not kept:
            lines += [OS, f'.makedirs("outputs", exist_ok=True)\n{margin}']
        if target is None or (self.script.values.constant(path) is None and kept):
            lines += ["if ", OS, ".path.abspath(", path, ") != ", OS, ".path.abspath(", *place, f"):\n{margin}    "]
        self.plan.replace(statement, [*lines, *copied], remark)
        return True

    def _download(self, call: ast.Call) -> bool:
        name = argument(call, "name", 0)
        path = argument(call, "output_file_path", 1)
        if name is None or path is None:
            return False
        remark = note("run.download_file became a copy of the file that this run wrote")
        self.plan.replace(call, [SHUTIL, ".copy(", name, ", ", path, ")"], remark)
        return True

    def secret(self, call: ast.Call) -> bool:
        """A secret of the workspace's vault: an environment variable."""
        name = argument(call, "name", 0)
        if name is None:
            return False
        constant = self.script.values.constant(name)
        hint = (
            "Set it where the job starts, never in a file; in the cloud, azure-keyvault-secrets reads the vault with "
            "the compute's identity."
        )
        if constant is None:
            variable: list[Part] = [name, '.replace("-", "_").upper()']
            remark = note("the secret is read from the environment variable of its name, upper case with '_'", hint)
        else:
            text = identifier(constant, "SECRET").upper()
            variable = [f'"{text}"']
            remark = note(f"the secret {constant} is read from the environment variable {text}", hint)
        self.plan.replace(call, [OS, ".environ[", *variable, "]"], remark)
        return True

    def attribute(self, node: ast.Attribute) -> bool:
        """`run.id`, `run.tags` and the like."""
        if node.attr in _IDS:
            self.plan.replace(node, [OS, '.environ.get("AZUREML_RUN_ID", "local")'])
            return True
        if node.attr == "tags":
            self.plan.replace(node, [Helper(RUN_DATA), "().tags"])
            return True
        return False

    def experiment(self, node: ast.Attribute) -> bool:
        """`run.experiment.name`."""
        if node.attr != "name":
            return False
        self.plan.replace(node, [OS, '.environ.get("AZUREML_EXPERIMENT_NAME", "local")'])
        return True

    def workspace(self, node: ast.Attribute) -> bool:
        """`ws.name` and the like, which Azure ML sets as variables of a job."""
        variable = _WORKSPACE.get(node.attr)
        if variable is None:
            return False
        remark = note(f"the workspace's {node.attr} is read from {variable}, which Azure ML sets; empty elsewhere")
        self.plan.replace(node, [OS, f'.environ.get("{variable}", "")'], remark)
        return True

    def tracking(self, call: ast.Call) -> None:
        """The workspace's tracking URI, which a job has set already: setting it again goes."""
        above = self.script.names.parents[call]
        setting = isinstance(above, ast.Call) and self.script.kinds.dotted(above.func) == "mlflow.set_tracking_uri"
        if setting and isinstance(above, ast.Call) and self.script.statement(above) is not None:
            self.drop(above)
        else:
            self.plan.replace(call, [MLFLOW, ".get_tracking_uri()"])

    def parent(self, call: ast.Call, method: str) -> bool:
        """A method of the pipeline's run."""
        if method in NOTHING - {"cancel"}:
            return self.drop(call)
        client: list[Part] = [MLFLOW, ".MlflowClient()."]
        root: list[Part] = ["(", Helper(ROOT_RUN), "(), "]
        first, second = (argument(call, word, at) for at, word in enumerate(("name", "value")))
        remark = note(
            "the parent run is the pipeline's, named by AZUREML_ROOT_RUN_ID; outside a pipeline it is this run"
        )
        if method == "log" and first is not None and second is not None:
            if self.script.values.kind(second) == NUMBER:
                self.plan.replace(call, [*client, "log_metric", *root, first, ", ", second, ")"], remark)
            else:
                self.plan.replace(call, [Helper(LOG_ROOT), "(", first, ", ", second, ")"], remark)
            return True
        key = argument(call, "key", 0)
        if method == "tag" and key is not None:
            value: list[Part] = [second] if second is not None else ['""']
            self.plan.replace(call, [*client, "set_tag", *root, key, ", ", *value, ")"], remark)
            return True
        if method in ("get_metrics", "get_tags"):
            data: list[Part] = [MLFLOW, ".get_run(", Helper(ROOT_RUN), "()).data.", method[4:]]
            name = argument(call, "name", 0)
            self.plan.replace(call, data if name is None else ["{", name, ": ", *data, "[", name, "]}"], remark)
            return True
        if method in ("upload_file", "upload_folder") and self._upload(call, folder=method == "upload_folder"):
            return True
        statement = self.script.statement(call)
        if method == "cancel" and statement is not None:
            hint = "A step that fails stops the steps after it; the pipeline ends as Failed, not as Canceled."
            text = '.exit("stopped: the steps after this one do not run")'
            self.plan.replace(statement, [Module("sys"), text], note("run.parent.cancel became a non-zero exit", hint))
            return True
        return False

    def parent_attribute(self, node: ast.Attribute) -> bool:
        """`run.parent.id` and `run.parent.tags`."""
        if node.attr in ("id", "run_id", "_run_id"):
            self.plan.replace(node, [Helper(ROOT_RUN), "()"])
            return True
        if node.attr == "tags":
            self.plan.replace(node, [MLFLOW, ".get_run(", Helper(ROOT_RUN), "()).data.tags"])
            return True
        return False

    def offline(self, node: ast.expr, is_run: Callable[[ast.AST], bool]) -> bool:
        """A test whether the run is offline, in one of its usual forms. `is_run` tells whether a node is the run."""
        found = self._offline(node, is_run)
        if found is None:
            return False
        above = self.script.names.parents[node]
        if isinstance(above, ast.UnaryOp) and isinstance(above.op, ast.Not):
            node, found = above, not found
            above = self.script.names.parents[node]
        word = "not in" if found else "in"
        test: list[Part] = [f'"AZUREML_RUN_ID" {word} ', OS, ".environ"]
        self.plan.replace(node, ["(", *test, ")"] if isinstance(above, ast.Compare | ast.BinOp) else test)
        return True

    def _offline(self, node: ast.expr, is_run: Callable[[ast.AST], bool]) -> bool | None:
        """True for "is offline", False for "is not", None for anything else."""

        def run_id(part: ast.AST) -> bool:
            while isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and not part.args:
                part = part.func.value  # `.lower()`
            return isinstance(part, ast.Attribute) and part.attr in _IDS and is_run(part.value)

        def offline_text(part: ast.AST) -> bool:
            text = self.script.values.constant(part) if isinstance(part, ast.expr) else None
            return text is not None and text.lower().startswith("offlinerun")

        def run_class(part: ast.AST) -> bool | None:
            if isinstance(part, ast.Constant) and part.value in (*OFFLINE_CLASS, "Run"):
                return part.value in OFFLINE_CLASS[:2]
            name = self.script.kinds.v1_name(part)
            return None if name not in (*OFFLINE_CLASS, "Run") else name in OFFLINE_CLASS[:2]

        if isinstance(node, ast.Call) and node.args:
            func = node.func
            if isinstance(func, ast.Attribute) and func.attr == "startswith" and run_id(func.value):
                return True if offline_text(node.args[0]) else None
            if isinstance(func, ast.Name) and len(node.args) == 2 and is_run(node.args[0]):
                if func.id == "isinstance":
                    return run_class(node.args[1])
                if func.id == "hasattr" and isinstance(node.args[1], ast.Constant):
                    return False
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            left, op, right = node.left, node.ops[0], node.comparators[0]
            if isinstance(op, ast.In | ast.NotIn) and offline_text(left) and run_id(right):
                return isinstance(op, ast.In)
            if isinstance(op, ast.Eq | ast.Is | ast.NotEq | ast.IsNot):
                kind = run_class(right) if _class_of(left, is_run) else None
                return None if kind is None else kind == isinstance(op, ast.Eq | ast.Is)
        return None


def _class_of(node: ast.expr, is_run: Callable[[ast.AST], bool]) -> bool:
    """`type(run)`, `run.__class__`, with or without `.__name__`."""
    if isinstance(node, ast.Attribute) and node.attr == "__name__":
        node = node.value
    if isinstance(node, ast.Attribute) and node.attr == "__class__":
        return is_run(node.value)
    typed = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "type"
    return typed and isinstance(node, ast.Call) and len(node.args) == 1 and is_run(node.args[0])
