"""What a run logs, as MLflow: numbers, lists, rows, tables, images, charts, tags."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from amlrun.migrate.scripts.helpers import LOG_VALUE, RUN_DATA, identifier
from amlrun.migrate.scripts.plan import Counter, Helper, Module, Part, indent_of, own_lines
from amlrun.migrate.scripts.script import Script, note, starred
from amlrun.migrate.scripts.steps import COUNTER, step_of
from amlrun.migrate.scripts.values import NUMBER, TEXT, metric_name
from amlrun.python_source import argument, literal_text

MLFLOW = Module("mlflow")
_CHARTS = ("log_confusion_matrix", "log_accuracy_table", "log_residuals", "log_predictions")


class Logs:
    """The rewriting of a script's logging calls; `rewrite` takes one call at a time."""

    def __init__(self, script: Script, block_of: Callable[[ast.expr], ast.AST | None]) -> None:
        self.script = script
        self._block_of = block_of
        self.plan = script.plan
        self._by_name: dict[str, list[ast.Call]] = {}
        self._autolog = any(isinstance(node, ast.Attribute) and node.attr == "autolog" for node in script.names.nodes)

    def seen(self, call: ast.Call) -> None:
        """Count a call of `log`, so that a name that is logged in several places becomes a series."""
        name = argument(call, "name", 0)
        constant = self.script.values.constant(name)
        if constant is not None:
            self._by_name.setdefault(constant, []).append(call)

    def rewrite(self, call: ast.Call, method: str) -> bool:
        """Replace a logging call of the script's own run; False when it cannot be."""
        if method == "log" and len(call.args) == 1 and isinstance(call.args[0], ast.Starred) and not call.keywords:
            self.plan.replace(call, [Helper(LOG_VALUE), "(", call.args[0], ")"])
            return True
        if starred(call) and method != "log_row":
            return False
        if method == "log_row":
            return self._row(call)
        if method == "log_image":
            return self._image(call)
        of_value = {"log": self._log, "log_list": self._list, "log_table": self._table}
        if method not in of_value and method not in _CHARTS:
            return self._tags(call, method)
        name, value = (argument(call, word, at) for at, word in enumerate(("name", "value")))
        if name is None or value is None:
            return False
        of_value.get(method, self._chart)(call, name, value)
        return True

    def _log(self, call: ast.Call, name: ast.expr, value: ast.expr) -> None:
        known = self.script.values.kind(value)
        clean = self.name(name)
        given = argument(call, "step", 3)
        step: list[Part] = ["step=", given] if given is not None else self.step(call, name)
        tail: list[Part] = [", ", *step] if step else []
        if clean is None or not known:
            self._call(call, [Helper(LOG_VALUE)], [name] if clean is None else clean, value, tail)
        elif known == NUMBER:
            self._call(call, [MLFLOW, ".log_metric"], clean, value, tail)
        else:
            often = (
                bool(step) or self._autolog or len(self._by_name.get(self.script.values.constant(name) or "", [])) > 1
            )
            self._call(call, [MLFLOW, ".set_tag" if often else ".log_param"], clean, value, [])

    def _call(
        self, call: ast.Call, function: Sequence[Part], name: Sequence[Part], value: ast.expr, tail: Sequence[Part]
    ) -> None:
        """`function(name, value, …)`; the lines and comments between the arguments stay where they were."""
        words = {one.arg for one in call.keywords}
        first = argument(call, "name", 0)
        if first is None or words - {"name", "value"} or len(call.args) + len(call.keywords) != 2:
            self.plan.replace(call, [*function, "(", *name, ", ", value, *tail, ")"])
            return
        source = self.script.source
        end = source.span(call)[1]
        spans = [source.span(one) for one in (first, value)]
        if spans[0][0] > spans[1][0]:
            self.plan.replace(call, [*function, "(", *name, ", ", value, *tail, ")"])
            return
        begins = [
            next((source.span(word)[0] for word in call.keywords if word.value is one), span[0])
            for one, span in zip((first, value), spans)
        ]
        opening = source.text[source.span(call.func)[1] : begins[0]]
        between, closing = source.text[spans[0][1] : begins[1]], source.text[spans[1][1] : end]
        parts: list[Part] = [*function, opening, *name, between, value, *tail, closing]
        self.plan.replace(call, parts)

    def name(self, node: ast.expr) -> list[Part] | None:
        """The parts of a metric's name that MLflow is sure to take; None when only the run will tell."""
        if (text := literal_text(node)) is not None:
            clean = metric_name(text)
            return [node] if clean == text else [_quoted(clean, self.script.source.slice(node))]
        constant = self.script.values.constant(node)
        if constant is not None:
            clean = metric_name(constant)
            return [node] if clean == constant else [_quoted(clean, '"')]
        if isinstance(node, ast.JoinedStr):
            for part in node.values:
                if isinstance(part, ast.Constant) and metric_name(f"a{part.value!s}a") != f"a{part.value!s}a":
                    return None
                if isinstance(part, ast.FormattedValue):
                    plain = part.conversion == -1 and part.format_spec is None
                    if not plain or self.script.values.kind(part.value) != NUMBER:
                        return None
            return [node]
        return None

    def step(self, call: ast.Call, name: ast.expr) -> list[Part]:
        """`step=…` for a call that may come again with the same name; empty for one that does not."""
        constant = self.script.values.constant(name)
        counter = Counter(self.script.fresh(identifier(f"{constant or 'log'}_step", "log_step")))
        owner = call.func.value if isinstance(call.func, ast.Attribute) else call
        found = step_of(call, name, self.script.names, self._block_of(owner))
        if self._series(constant, call):
            return ["step=", counter]
        if not found:
            return []
        return ["step=", counter if found == COUNTER else found]

    def _series(self, constant: str | None, call: ast.Call) -> bool:
        """Whether the same name is logged elsewhere too, in a place that does not exclude this one."""
        others = [one for one in self._by_name.get(constant or "", []) if one is not call]
        return any(not self._excluding(call, one) for one in others)

    def _excluding(self, one: ast.AST, other: ast.AST) -> bool:
        """Whether two calls lie in different branches of one `if`."""
        parents = self.script.names.parents
        path: dict[ast.AST, ast.AST] = {}
        at: ast.AST = one
        while at in parents:
            path[parents[at]] = at
            at = parents[at]
        at = other
        while at in parents:
            above = parents[at]
            if above in path:
                return isinstance(above, ast.If) and (path[above] in above.body) != (at in above.body)
            at = above
        return False

    def _list(self, call: ast.Call, name: ast.expr, value: ast.expr) -> None:
        numbers = isinstance(value, ast.List | ast.Tuple) and all(
            self.script.values.kind(one) == NUMBER for one in value.elts
        )
        clean = self.name(name)
        log: list[Part] = [MLFLOW, ".log_metric("] if numbers and clean else [Helper(LOG_VALUE), "("]
        step, item = self.script.fresh("step"), self.script.fresh("value")
        again = self.step(call, name)
        log += [
            *(clean or [name]),
            f", {item}, ",
            *(again if again and isinstance(again[1], Counter) else [f"step={step}"]),
        ]
        loop: list[Part] = [f"{item} in ", value]
        if not (again and isinstance(again[1], Counter)):
            loop = [f"{step}, {item} in enumerate(", value, ")"]
        self.loop(call, [*log, ")"], loop)

    def loop(self, call: ast.Call, body: Sequence[Part], over: Sequence[Part]) -> None:
        """Replace a call by a loop: over two lines where it is a statement, else as a list."""
        statement = self.script.statement(call)
        if statement is not None and own_lines(self.script.source, statement):
            margin = indent_of(self.script.source, statement)
            self.plan.replace(statement, ["for ", *over, f":\n{margin}    ", *body])
        else:
            self.plan.replace(call, ["[", *body, " for ", *over, "]"])

    def _row(self, call: ast.Call) -> bool:
        name = argument(call, "name", 0)
        if name is None or any(isinstance(one, ast.Starred) for one in call.args):
            return False
        parts: list[Part] = []
        for word in call.keywords:
            if word.arg in ("name", "description"):
                continue
            if word.arg is None:
                parts += [", **{key: [value] for key, value in (", word.value, ").items()}"]
            else:
                parts += [f', "{word.arg}": [', word.value, "]"]
        rest = [word for word in call.keywords if word.arg not in ("name", "description")]
        if len(rest) == 1 and rest[0].arg is None:
            parts = ["{key: [value] for key, value in ", rest[0].value, ".items()}"]
        elif parts:
            parts = ["{", str(parts[0])[2:], *parts[1:], "}"]
        else:
            return False
        often = step_of(call, name, self.script.names, None)
        hint = "In the cloud, gather the rows and log the table once: a stored file may not be written again."
        remark = note("run.log_row became mlflow.log_table, which appends one row per call", hint) if often else None
        self.plan.replace(call, [MLFLOW, ".log_table(", *parts, ", ", *self.file(name, ".json"), ")"], remark)
        return True

    def _table(self, call: ast.Call, name: ast.expr, value: ast.expr) -> None:
        known = self._content(value)
        lists = isinstance(known, ast.Dict) and all(
            isinstance(one, ast.List | ast.ListComp | ast.Tuple) for one in known.values
        )
        table: list[Part] = [value]
        if not lists:
            wrap = "value if isinstance(value, (list, tuple)) else [value]"
            table = [f"{{key: {wrap} for key, value in (", value, ").items()}"]
        self.plan.replace(call, [MLFLOW, ".log_table(", *table, ", ", *self.file(name, ".json"), ")"])

    def _image(self, call: ast.Call) -> bool:
        name, path, plot = (argument(call, word, at) for at, word in enumerate(("name", "path", "plot")))
        if path is not None and not (isinstance(path, ast.Constant) and path.value is None):
            self.plan.replace(call, [MLFLOW, ".log_artifact(", path, ")"])
            return True
        if plot is None or name is None:
            return False
        figure: list[Part] = [plot]
        binding = self.script.names.of.get(plot)
        if self.script.kinds.dotted(plot) in ("matplotlib.pyplot", "matplotlib.pylab", "pylab"):
            figure = [plot, ".gcf()"]
        elif binding is not None and binding.parameter_of is not None and not binding.values:
            figure = [plot, ".gcf() if hasattr(", plot, ', "gcf") else ', plot]
        self.plan.replace(call, [MLFLOW, ".log_figure(", *figure, ", ", *self.file(name, ".png"), ")"])
        return True

    def _content(self, value: ast.expr) -> ast.expr:
        """What a variable was made of, where that is in one place; any other expression as it is."""
        binding = self.script.names.of.get(value)
        return binding.values[0] if binding is not None and len(binding.values) == 1 and not binding.opaque else value

    def file(self, name: ast.expr, suffix: str) -> list[Part]:
        """An artifact's file name made of what it was called."""
        if (text := literal_text(name)) is not None:
            return [_quoted(text if text.endswith(suffix) else text + suffix, self.script.source.slice(name))]
        if isinstance(name, ast.Name | ast.Attribute):
            return ['f"{', name, f'}}{suffix}"']
        return [name, f' + "{suffix}"']

    def _chart(self, call: ast.Call, name: ast.expr, value: ast.expr) -> None:
        known = self._content(value)
        file = self.file(name, ".json")
        dumped = isinstance(known, ast.Call) and self.script.kinds.dotted(known.func) == "json.dumps"
        if dumped or self.script.values.kind(value) == TEXT:
            self.plan.replace(call, [MLFLOW, ".log_text(", value, ", ", *file, ")"])
        elif isinstance(known, ast.Dict):
            self.plan.replace(call, [MLFLOW, ".log_dict(", value, ", ", *file, ")"])
        else:
            loads: list[Part] = [Module("json"), ".loads(", value, ") if isinstance(", value, ", str) else ", value]
            self.plan.replace(call, [MLFLOW, ".log_dict(", *loads, ", ", *file, ")"])

    def _tags(self, call: ast.Call, method: str) -> bool:
        key, value = (argument(call, word, at) for at, word in enumerate(("key", "value")))
        if method == "tag" and key is not None:
            empty = value is None or (isinstance(value, ast.Constant) and value.value is None)
            last: Part = '""' if empty or value is None else value
            self.plan.replace(call, [MLFLOW, ".set_tag(", key, ", ", last, ")"])
            return True
        several = argument(call, "tags" if method == "set_tags" else "properties", 0)
        if method in ("set_tags", "add_properties") and several is not None:
            remark = None
            if method == "add_properties":
                remark = note(
                    "run.add_properties became mlflow.set_tags: MLflow has no properties, and tags can change"
                )
            self.plan.replace(call, [MLFLOW, ".set_tags(", several, ")"], remark)
            return True
        if method in ("get_tags", "get_metrics"):
            data = "metrics" if method == "get_metrics" else "tags"
            name = argument(call, "name", 0)
            if name is None and not call.keywords:
                self.plan.replace(call, [Helper(RUN_DATA), f"().{data}"])
                return True
            if name is not None and len(call.args) + len(call.keywords) == 1:
                self.plan.replace(call, ["{", name, ": ", Helper(RUN_DATA), f"().{data}[", name, "]}"])
                return True
        return False


def _quoted(text: str, like: str) -> str:
    """`text` as a string literal with the quotes that the old one had."""
    quote = "'" if like.lstrip("rRbBuUfF").startswith("'") else '"'
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace(quote, f"\\{quote}")
    return f"{quote}{escaped}{quote}"
