"""Where a dataset comes from, and the expression that gives its path or its table instead."""

from __future__ import annotations

import ast

from amlrun.migrate.scripts import kinds as k
from amlrun.migrate.scripts.helpers import READ_TABLE, identifier, variable_of
from amlrun.migrate.scripts.plan import Helper, Module, Note, Part
from amlrun.migrate.scripts.script import Script, asks, note
from amlrun.python_source import argument

PANDAS = Module("pandas")
_RECIPE = "The files are read as they are; types and headers that the dataset itself set are not known here."
_READERS = {"from_delimited_files": ".read_csv", "from_parquet_files": ".read_parquet"}


class Origins:
    """The expressions of one script that make a dataset."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.plan = script.plan
        self._of = script.kinds.of

    def is_origin(self, node: ast.expr) -> bool:
        """Whether a dataset begins at this expression."""
        return bool(self._maker(node))

    def modes(self, node: ast.expr) -> set[str]:
        """What an origin says of its dataset: `input`, `tabular`, `files`, `unreadable`."""
        maker = self._maker(node)
        if maker == "input":
            return {"input"}
        if maker.startswith("from_"):
            if self.unreadable(node):
                return {"unreadable"}
            return {"files"} if maker == "from_files" else {"tabular"}
        return set()

    def unreadable(self, node: ast.expr) -> bool:
        """A query, or arguments that cannot be told apart: nothing here reads that."""
        maker = self._maker(node)
        if not maker.startswith("from_"):
            return False
        known = maker in ("from_delimited_files", "from_parquet_files", "from_json_lines_files", "from_files")
        return not known or self._argument(node, "path", 0) is None

    def name_of(self, node: ast.expr) -> list[Part]:
        """`dataset.name`."""
        binding = self.script.names.of.get(node)
        values = binding.values if binding is not None else [node]
        for value in values:
            name = self._argument(value, "name", 1) if self._maker(value) == "name" else None
            if name is not None:
                return [name]
        return [f'"{binding.name if binding is not None else "dataset"}"']

    def replace(self, node: ast.expr, table: bool) -> None:
        """Put the path, or the table read from it, in the place of an origin."""
        maker = self._maker(node)
        if maker == "input":
            path, remark = self._input(node)
        elif maker == "name":
            path, remark = self._registered(node)
        elif maker == "id":
            path, remark = self._by_id(node)
        else:
            self._from_files(node, maker, table)
            return
        parts: list[Part] = [Helper(READ_TABLE), "(", *path, ")"] if table else path
        self.plan.replace(node, parts, remark)

    def _maker(self, node: ast.AST) -> str:
        if isinstance(node, ast.Subscript):
            owner = self._of(node.value)
            return "input" if owner == k.INPUTS else "name" if owner == k.DATASETS else ""
        if not isinstance(node, ast.Call):
            return ""
        name = self.script.kinds.v1_name(node.func)
        method = name.rpartition(".")[2]
        if name:
            if method.startswith("from_") and "Dataset" in name:
                return method
            return {"get_by_name": "name", "get_by_id": "id", "get": "name"}.get(method, "")
        if isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            owner = self._of(node.func.value)
            return "input" if owner == k.INPUTS else "name" if owner == k.DATASETS else ""
        return ""

    def _argument(self, node: ast.AST, word: str, at: int) -> ast.expr | None:
        if isinstance(node, ast.Subscript):
            return node.slice
        if not isinstance(node, ast.Call):
            return None
        if not self.script.kinds.v1_name(node.func):
            at = 0  # `.get("x")` of a mapping
        return argument(node, word, at)

    def _input(self, node: ast.expr) -> tuple[list[Part], Note]:
        key = self._argument(node, "key", 0)
        constant = self.script.values.constant(key)
        if constant is None:
            shown: list[Part] = [key] if key is not None else ['"dataset"']
            remark = note(
                "the input's path is read from the environment variable of its name",
                "Name each input under data: of the run configuration, with environmentVariableName.",
            )
            return [Module("os"), ".environ[", *shown, "]"], remark
        name = identifier(constant)
        return self._variable(name), self._supply(f"the input {constant}", name)

    def _registered(self, node: ast.expr) -> tuple[list[Part], Note]:
        given = self._argument(node, "name", 1)
        constant = self.script.values.constant(given)
        if constant is not None:
            name = identifier(constant)
            return self._variable(name), self._supply(f"the dataset {constant}", name)
        if given is not None:
            remark = note(
                f"the dataset {ast.unparse(given)} is read from the path in the environment variable of its name, with "
                "_ for all but letters and digits, and before a digit at its start",
                f"Name each dataset that it may be under data:, with its environmentVariableName. {_RECIPE}",
            )
            return variable_of(given), remark
        name = self._holder(node)
        remark = asks(
            f"which dataset is meant? Its name is not given; its path is read from the environment variable {name}",
            f"Name the dataset under data: of the run configuration, with environmentVariableName: {name}. {_RECIPE}",
        )
        return self._variable(name), remark

    def _by_id(self, node: ast.expr) -> tuple[list[Part], Note]:
        given = self._argument(node, "id", 1)
        if given is None or self.script.values.constant(given) is not None:
            name = self._holder(node)
            return self._variable(name), self._supply("the dataset", name)
        remark = note(
            f"{ast.unparse(given)} is the path of the dataset's files now, not its ID",
            f"Pass the input's path: in a run configuration, arguments that name an entry of data: get it. {_RECIPE}",
        )
        return [given], remark

    def _supply(self, what: str, name: str) -> Note:
        hint = f"Name it under data: of the run configuration, with environmentVariableName: {name}. {_RECIPE}"
        return note(f"{what} is read from the path in the environment variable {name}", hint)

    def _variable(self, name: str) -> list[Part]:
        return [Module("os"), f'.environ["{name}"]']

    def _holder(self, node: ast.expr) -> str:
        """The name of the variable that a dataset is assigned to."""
        above = self.script.names.parents.get(node)
        while isinstance(above, ast.Attribute | ast.Call | ast.IfExp):
            above = self.script.names.parents.get(above)
        target = above.targets[0] if isinstance(above, ast.Assign) else None
        name = target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""
        return identifier(name)

    def _from_files(self, node: ast.expr, maker: str, table: bool) -> None:
        path = self._argument(node, "path", 0)
        if path is None:
            return  # `unreadable` has refused it
        one = path.elts[0] if isinstance(path, ast.List) and len(path.elts) == 1 else path
        binding = self.script.names.of.get(one)
        value = binding.values[0] if binding is not None and len(binding.values) == 1 else one
        if isinstance(value, ast.List) and len(value.elts) == 1 and value is not one:
            value = value.elts[0]
        if self._on_store(value):
            name = self._holder(node)
            shown = " ".join(ast.unparse(path).split())
            place: list[Part] = self._variable(name)
            remark = self._supply(f"the datastore path {shown}", name)
            separator = self._argument(node, "separator", 99)
            if table and separator is not None and self.script.values.constant(separator) != ",":
                wanted = f"Pass sep={ast.unparse(separator)} to pd.read_csv in read_table. {remark.hint}"
                remark = asks(f"{remark.message}; its values are separated by {ast.unparse(separator)}", wanted)
            self.plan.replace(node, [Helper(READ_TABLE), "(", *place, ")"] if table else place, remark)
            return
        if not table:
            self.plan.replace(node, [one])
            return
        separator = self._argument(node, "separator", 99)
        options: list[Part] = [", sep=", separator] if separator is not None else []
        if maker == "from_json_lines_files":
            reader, options = ".read_json", [", lines=True"]
        else:
            reader = _READERS[maker]
        if isinstance(one, ast.List):
            each: list[Part] = [PANDAS, f"{reader}(file", *options, ") for file in ", one]
            self.plan.replace(node, [PANDAS, ".concat([", *each, "], ignore_index=True)"])
        else:
            self.plan.replace(node, [PANDAS, f"{reader}(", one, *options, ")"])

    def _on_store(self, node: ast.expr) -> bool:
        """Whether a path lies on a datastore: `(datastore, "path")`, `datastore.path(…)`, a DataPath."""
        if isinstance(node, ast.Tuple):
            return True
        if isinstance(node, ast.List):
            return any(self._on_store(one) for one in node.elts)
        return self._of(node) in (k.DATAPATH, k.DATASTORE)
