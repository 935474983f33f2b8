"""What a value is known to be from the text alone: a number, text, or a constant."""

from __future__ import annotations

import ast
import posixpath
import re

from amlrun.migrate.scripts import flow
from amlrun.migrate.scripts.kinds import Kinds
from amlrun.migrate.scripts.names import Binding, Names
from amlrun.python_source import literal_text

# MLflow's alphabet of metric and parameter names (mlflow.utils.validation).
_REFUSED = re.compile(r"[^\w\-./: ]", re.ASCII)
_BUILTIN_NUMBERS = {"len", "float", "int", "bool", "round", "abs", "ord"}
_BUILTIN_TEXT = {"str", "repr", "format", "chr", "hex"}
_MODULE_NUMBERS = {
    "time.time", "time.perf_counter", "time.monotonic", "math.sqrt", "math.log", "math.exp", "math.floor", "math.ceil",
    "numpy.float", "numpy.int", "numpy.bool", "numpy.float64", "numpy.float32", "numpy.int64", "numpy.int32",
    "os.path.getsize",
}  # fmt: skip
# Without an axis these give one number of an array.
_REDUCING = {"mean", "std", "var", "min", "max", "sum", "median", "average", "sqrt", "amax", "amin", "prod", "argmax"}
_SKLEARN_NUMBERS = {
    "accuracy_score", "balanced_accuracy_score", "average_precision_score", "brier_score_loss", "cohen_kappa_score",
    "f1_score", "fbeta_score", "hamming_loss", "hinge_loss", "jaccard_score", "log_loss", "matthews_corrcoef",
    "precision_score", "recall_score", "roc_auc_score", "zero_one_loss", "auc", "explained_variance_score",
    "max_error", "mean_absolute_error", "mean_squared_error", "root_mean_squared_error", "mean_squared_log_error",
    "mean_absolute_percentage_error", "median_absolute_error", "r2_score", "mean_poisson_deviance",
    "mean_gamma_deviance", "silhouette_score", "adjusted_rand_score", "normalized_mutual_info_score",
}  # fmt: skip
_SEVERAL = {"average", "multioutput", "axis", "keepdims"}
_TEXT_METHODS = {"strip", "lower", "upper", "title", "format", "join", "replace", "strftime", "isoformat", "to_json"}
NUMBER, TEXT = "number", "text"


def metric_name(name: str) -> str:
    """A name that MLflow takes: what it refuses becomes `_`.

    A name is also a path to MLflow, so that a leading slash and `..` are not kept.
    """
    clean = _REFUSED.sub("_", name)
    path = posixpath.normpath(clean) if clean else "_"
    return clean if path == clean and path != "." and not path.startswith(("/", "..")) else re.sub(r"[/.]+", "_", clean)


class Values:
    """Number, text or constant, for the expressions of one file."""

    def __init__(self, names: Names, kinds: Kinds) -> None:
        self.names = names
        self.kinds = kinds
        self._busy: set[object] = set()
        self._options = self._argparse()

    def kind(self, node: ast.expr) -> str:
        """NUMBER, TEXT, or empty where the text does not tell."""
        if node in self._busy or len(self._busy) > 40:
            return ""
        self._busy.add(node)
        found = self._kind(node)
        self._busy.discard(node)
        return found

    def _kind(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant):
            return NUMBER if isinstance(node.value, bool | int | float) else TEXT if isinstance(node.value, str) else ""
        if isinstance(node, ast.JoinedStr):
            return TEXT
        if isinstance(node, ast.Compare):
            single = len(node.ops) == 1 and isinstance(node.ops[0], ast.Is | ast.IsNot | ast.In | ast.NotIn)
            return NUMBER if single or {self.kind(one) for one in [node.left, *node.comparators]} == {NUMBER} else ""
        if isinstance(node, ast.UnaryOp):
            return NUMBER if isinstance(node.op, ast.Not) else self.kind(node.operand)
        if isinstance(node, ast.BinOp):
            return self._operation(node)
        if isinstance(node, ast.IfExp):
            return self._same([node.body, node.orelse])
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Name):
            binding = self.names.of.get(node)
            return self._binding(binding) if binding is not None else ""
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.attr in self._options:
                return self._options[node.attr] if self._parsed(node.value) else ""
            if node in self.names.of:
                return self._binding(self.names.of[node])
        return ""

    def _operation(self, node: ast.BinOp) -> str:
        left, right = self.kind(node.left), self.kind(node.right)
        if isinstance(node.op, ast.Mod | ast.Add | ast.Mult) and TEXT in (left, right):
            return TEXT
        return NUMBER if left == right == NUMBER else ""

    def _same(self, nodes: list[ast.expr]) -> str:
        found = {self.kind(one) for one in nodes}
        return found.pop() if len(found) == 1 else ""

    def _call(self, node: ast.Call) -> str:
        several = any(one.arg in _SEVERAL and not _single(one) for one in node.keywords)
        dotted = self.kinds.dotted(node.func)
        if dotted.startswith("sklearn.metrics"):
            return NUMBER if dotted.rpartition(".")[2] in _SKLEARN_NUMBERS and not several else ""
        if dotted.startswith("numpy."):
            if dotted == "numpy.str":
                return TEXT
            name = dotted.rpartition(".")[2]
            reduces = name in _REDUCING - {"sqrt"} and len(node.args) == 1 and not several
            roots = name == "sqrt" and len(node.args) == 1 and self.kind(node.args[0]) == NUMBER
            return NUMBER if reduces or roots or dotted in _MODULE_NUMBERS else ""
        if dotted in _MODULE_NUMBERS:
            return NUMBER
        if isinstance(node.func, ast.Name) and node.func not in self.names.of:
            name = node.func.id
            if name in ("max", "min", "sum", "pow") and node.args and all(self.kind(x) == NUMBER for x in node.args):
                return NUMBER
            return NUMBER if name in _BUILTIN_NUMBERS else TEXT if name in _BUILTIN_TEXT else ""
        if isinstance(node.func, ast.Attribute):
            if node.func.attr == "score" and not node.keywords and len(node.args) == 2:
                return NUMBER
            if node.func.attr == "item" and not node.args:
                return NUMBER
            return TEXT if node.func.attr in _TEXT_METHODS and self.kind(node.func.value) == TEXT else ""
        if isinstance(node.func, ast.Name):
            made = self.names.of[node.func].definition
            if isinstance(made, ast.FunctionDef):
                values = [one.value for one in flow.returns_of(made)]
                return self._same([one for one in values if one is not None]) if values and None not in values else ""
        return ""

    def _binding(self, binding: Binding) -> str:
        if binding in self._busy or binding.imports or binding.definition is not None:
            return ""
        if binding.loop_of is not None and not binding.values:
            return NUMBER if counted(binding, self.names) else ""
        if binding.opaque or not binding.values:
            return ""
        self._busy.add(binding)
        found = self._same(binding.values)
        self._busy.discard(binding)
        return found

    def _argparse(self) -> dict[str, str]:
        """The options of the file's argparse parsers by destination: numbers by their type, else text."""
        found: dict[str, str] = {}
        for node in self.names.nodes:
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            flags = [text for one in node.args if (text := literal_text(one)) is not None]
            if node.func.attr != "add_argument" or not flags:
                continue
            words = {one.arg: one.value for one in node.keywords}
            longest = next((flag for flag in flags if flag.startswith("--")), flags[0])
            dest = words.get("dest")
            name = str(dest.value) if isinstance(dest, ast.Constant) else longest.lstrip("-").replace("-", "_")
            kind, action = words.get("type"), words.get("action")
            if "nargs" in words or (action is not None and not isinstance(action, ast.Constant)):
                found[name] = ""
            elif isinstance(action, ast.Constant) and action.value != "store":
                found[name] = NUMBER if action.value in ("store_true", "store_false", "count") else ""
            elif kind is None:
                default = words.get("default")
                found[name] = TEXT if default is None or self.kind(default) == TEXT else ""
            else:
                number = isinstance(kind, ast.Name) and kind.id in ("int", "float")
                textual = isinstance(kind, ast.Name) and kind.id == "str"
                required = words.get("required")
                sure = "default" in words and self.kind(words["default"]) == NUMBER
                sure = sure or (isinstance(required, ast.Constant) and required.value is True)
                found[name] = NUMBER if number and sure else TEXT if textual else ""
        return found

    def _parsed(self, node: ast.Name) -> bool:
        """Whether a variable holds what a parser parsed."""
        binding = self.names.of.get(node)
        if binding is None:
            return False
        if binding.parameter_of is not None and not binding.values:
            return binding.name in ("args", "opt", "options", "flags")
        for value in binding.values:
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
                if value.func.attr.startswith("parse_"):
                    return True
            elif isinstance(value, ast.Name) and value not in self._busy and value.id in ("args", "opt", "options"):
                return True
        return any(
            isinstance(above := self.names.parents.get(store), ast.Tuple)
            and "parse_known_args" in ast.dump(self.names.statement_of(above))
            for store in binding.stores
        )

    def constant(self, node: ast.expr | None) -> str | None:
        """The text that an expression always is: literals, joined paths, variables that are assigned once."""
        if node is None or node in self._busy or len(self._busy) > 40:
            return None
        self._busy.add(node)
        try:
            if isinstance(node, ast.Constant):
                return node.value if isinstance(node.value, str) else None
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Div):
                left, right = self.constant(node.left), self.constant(node.right)
                if left is None or right is None:
                    return None
                return left + right if isinstance(node.op, ast.Add) else posixpath.join(left, right)
            if isinstance(node, ast.Call) and not node.keywords:
                dotted = self.kinds.dotted(node.func)
                parts = [self.constant(one) for one in node.args]
                known = [one for one in parts if one is not None]
                if dotted == "os.path.join" and known and len(known) == len(parts):
                    return posixpath.join(*known)
                if dotted == "pathlib.Path" and known and len(known) == len(parts):
                    return posixpath.join(*known)
                return None
            binding = self.names.of.get(node)
            if binding is not None and len(binding.values) == 1 and not binding.opaque:
                return self.constant(binding.values[0])
            return None
        finally:
            self._busy.discard(node)

    def beginning(self, node: ast.expr) -> str:
        """The text that an expression is known to begin with."""
        known = self.constant(node)
        if known is not None:
            return known
        if isinstance(node, ast.JoinedStr):
            first = node.values[0] if node.values else None
            return str(first.value) if isinstance(first, ast.Constant) else ""
        if isinstance(node, ast.BinOp):
            return self.beginning(node.left)
        if isinstance(node, ast.Call):
            if self.kinds.dotted(node.func) in ("os.path.join", "pathlib.Path") and node.args:
                start = self.beginning(node.args[0])
                return f"{start}/" if start and self.constant(node.args[0]) is not None else start
            if isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "as_posix"):
                return self.beginning(node.func.value).partition("{")[0]
            if isinstance(node.func, ast.Name) and node.func.id == "str" and node.args:
                return self.beginning(node.args[0])
        binding = self.names.of.get(node)
        if binding is not None and len(binding.values) == 1 and not binding.opaque and node not in self._busy:
            self._busy.add(node)
            try:
                return self.beginning(binding.values[0])
            finally:
                self._busy.discard(node)
        return ""


def counted(binding: Binding, names: Names) -> bool:
    """Whether a loop's variable is a whole number that counts: `range(…)`, or the first of `enumerate(…)`."""
    loop = binding.loop_of
    if loop is None or len(binding.stores) != 1:
        return False
    over = loop.iter if isinstance(loop, ast.For | ast.AsyncFor | ast.comprehension) else None
    while isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id in ("tqdm", "trange"):
        if over.func.id == "trange":
            break
        over = over.args[0] if over.args else None
    if not (isinstance(over, ast.Call) and isinstance(over.func, ast.Name)):
        return False
    store = binding.stores[0]
    above = names.parents[store]
    if over.func.id in ("range", "trange"):
        return above is loop
    return over.func.id == "enumerate" and isinstance(above, ast.Tuple) and above.elts[0] is store


def _single(keyword: ast.keyword) -> bool:
    """`average="macro"` and the like still give one number."""
    return isinstance(keyword.value, ast.Constant) and keyword.value.value not in (
        None,
        "raw_values",
        "variance_weighted",
    )
