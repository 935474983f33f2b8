"""Models: where a script finds one, and what registering one from a script becomes."""

from __future__ import annotations

import ast

from amlrun.migrate.scripts.helpers import COLLECT, COPY_MODEL, identifier, variable_of
from amlrun.migrate.scripts.plan import Helper, Module, Note, Part
from amlrun.migrate.scripts.script import Script, asks, note, starred
from amlrun.python_source import argument

_OS, _GLOB = Module("os"), Module("glob")


class Models:
    """The rewriting of one script's calls about models."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.plan = script.plan
        asked = [node for node in script.names.nodes if isinstance(node, ast.Call) and self.is_path(node)]
        self._several = len({ast.dump(name) for call in asked if (name := argument(call, "model_name", 0))}) > 1

    def is_path(self, call: ast.Call) -> bool:
        """Whether a call is `Model.get_model_path(…)`."""
        return self.script.kinds.v1_name(call.func) == "Model.get_model_path"

    def path(self, call: ast.Call) -> bool:
        """Replace `Model.get_model_path(name)`."""
        name = argument(call, "model_name", 0)
        if name is None:
            return False
        constant = self.script.values.constant(name)
        if not self.script.scoring:
            return self._input(call, name, constant)
        folder: list[Part] = [_OS, '.environ["AZUREML_MODEL_DIR"]']
        if self._several:
            remark = asks(
                "which file is each model? The script loads several models, which a v2 deployment gets as one",
                "Register one model from a folder that holds them all, in the layout <name>/<version>/<file>.",
            )
            parts: list[Part] = [_GLOB, ".glob(", _OS, ".path.join(", *folder, ", ", name, ', "*", "*"))[0]']
            self.plan.replace(call, parts, remark)
            return True
        shown = constant or ast.unparse(name)
        remark = note(
            f"the path of the model {shown} is the one entry of the folder AZUREML_MODEL_DIR: the registered file "
            "or folder",
            'You can name the file instead: os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.pkl").',
        )
        self.plan.replace(call, [_GLOB, ".glob(", _OS, ".path.join(", *folder, ', "*"))[0]'], remark)
        return True

    def download(self, call: ast.Call) -> bool:
        """`Model(ws, name=…).download(target_dir=…)` of a job: a copy of the model that the job is given."""
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        binding = self.script.names.of.get(owner) if owner is not None else None
        made = binding.values[0] if binding is not None and len(binding.values) == 1 else owner
        if not isinstance(made, ast.Call) or self.script.kinds.v1_name(made.func) != "Model" or starred(call):
            return False
        name = argument(made, "name", 1)
        if name is None or starred(made) or self.script.scoring:
            return False
        constant = self.script.values.constant(name)
        if constant is None and made is not owner and not self._movable(name, call):
            return False
        path, remark = self._variable(name if made is owner else self.script.source.slice(name), name, constant)
        folder = argument(call, "target_dir", 0)
        self.plan.replace(call, [Helper(COPY_MODEL), "(", *path, ", ", folder or '"."', ")"], remark)
        return True

    def _movable(self, name: ast.expr, call: ast.Call) -> bool:
        """Whether an expression means the same beside `call`, and nothing else is needed for it there."""
        names = self.script.names
        parts = [names.of[part] for part in ast.walk(name) if part in names.of]
        return names.function_of(name) is names.function_of(call) and not any(one.imports for one in parts)

    def _input(self, call: ast.Call, name: ast.expr, constant: str | None) -> bool:
        path, remark = self._variable(name, name, constant)
        self.plan.replace(call, path, remark)
        return True

    def _variable(self, text: ast.expr | str, name: ast.expr, constant: str | None) -> tuple[list[Part], Note]:
        """The path of a model that the job is given; `text` stands for its name in the script."""
        if constant is None:
            remark = note(
                f"the path of the model {ast.unparse(name)} is read from the environment variable of its name, with _ "
                "for all but letters and digits, and before a digit at its start",
                "Set one for each model that it may be under environmentVariables: of the run configuration; aml model "
                "download fetches a model.",
            )
            return variable_of(text), remark
        variable = identifier(constant, "model_path")
        remark = note(
            f"the path of the model {constant} is read from the environment variable {variable}",
            "Set it under environmentVariables: of the run configuration; aml model download fetches the model.",
        )
        return [_OS, f'.environ["{variable}"]'], remark

    def collector(self, call: ast.Call) -> bool:
        """`ModelDataCollector(…, designation="inputs")`: the collector of azureml-ai-monitoring."""
        given = argument(call, "designation", 1)
        constant = self.script.values.constant(given) or ""
        name = {"inputs": "model_inputs", "predictions": "model_outputs"}.get(constant, constant or "model_data")
        remark = note(
            f"ModelDataCollector became azureml-ai-monitoring's Collector, which collects tables as {name}",
            "Name azureml-ai-monitoring and pandas in the conda file, and turn data_collector on in the deployment.",
        )
        self.plan.replace(call, [Module("azureml.ai.monitoring"), f'.Collector(name="{name}", on_error=print)'], remark)
        return True

    def collect(self, call: ast.Call, method: str) -> bool:
        """`collector.collect(data)`."""
        data = argument(call, "input_data", 0)
        if data is None or not isinstance(call.func, ast.Attribute):
            return False
        if method == "add_correlations":
            self.plan.replace(call, [data], note("the collected inputs and outputs are no longer correlated"))
            return True
        if method != "collect":
            return False
        self.plan.replace(call, [Helper(COLLECT), "(", call.func.value, ", ", data, ")"])
        return True

    def registration(self, call: ast.Call) -> str:
        """The `aml` line that registers what a call registered; empty when its arguments cannot be told apart."""
        words = {one.arg: one.value for one in call.keywords}
        if None in words or any(isinstance(one, ast.Starred) for one in call.args):
            return ""
        method = self.script.kinds.v1_name(call.func) == "Model.register"
        places = ("workspace", "model_path", "model_name", "tags", "properties", "description")
        for word, value in zip(places if method else ("model_name", "model_path", "tags", "properties"), call.args):
            words.setdefault(word, value)
        name, path = words.get("model_name"), words.get("model_path")
        if name is None:
            return ""
        line = ["aml model register", f"-n {self._shown(name)}", "--asset-path"]
        line += [self._shown(path or name, moved=True), "-f run.json"]
        for word, flag in (("tags", "--tag"), ("properties", "--property")):
            given = words.get(word)
            binding = self.script.names.of.get(given) if given is not None else None
            if binding is not None and len(binding.values) == 1:
                given = binding.values[0]
            for key, value in zip(given.keys, given.values) if isinstance(given, ast.Dict) else []:
                if key is not None:
                    line.append(f"{flag} {self._shown(key)}={self._shown(value)}")
        return " ".join(line)

    def _shown(self, node: ast.expr, moved: bool = False) -> str:
        """A value in a command line: the text where it is known, else the expression in angle brackets."""
        known = self.script.values.constant(node)
        known = self.script.moved.get(known or "", known) if moved else known
        if known is None and isinstance(node, ast.Constant):
            known = str(node.value)
        if known is None:
            return f"<{' '.join(ast.unparse(node).split())}>"
        return f'"{known}"' if not known or set(known) & set(" '&|;<>$*?()") else known
