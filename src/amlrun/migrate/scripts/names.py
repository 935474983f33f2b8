"""Who binds a name, what it is given, and where it is read: the scopes of one Python file.

Flow-insensitive: a binding knows every expression that is assigned to it anywhere, not which one comes when.
"""

from __future__ import annotations

import ast

from amlrun.dataclass import dataclass, field
from amlrun.python_source import FUNCTIONS, Function, arguments_of, parameters_of, places_of

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(eq=False)
class Binding:
    """One variable of one scope, or one attribute name (`self.x`) of the file.

    `values` are the expressions that it is assigned whole; `opaque` means that it is also bound in a way that is not
    followed (a loop's target, unpacking, …). `imports` are the dotted names that an import gives it.
    """

    name: str
    values: list[ast.expr] = field(default_factory=list)
    opaque: bool = False
    imports: list[str] = field(default_factory=list)
    definition: ast.AST | None = None
    parameter_of: Function | None = None
    annotation: ast.expr | None = None
    loads: list[ast.expr] = field(default_factory=list)
    stores: list[ast.AST] = field(default_factory=list)
    loop_of: ast.AST | None = None


class Scope:
    """The names of a module, function, class or comprehension."""

    def __init__(self, node: ast.AST, parent: Scope | None) -> None:
        self.node = node
        self.parent = parent
        self.names: dict[str, Binding] = {}
        self.outer: dict[str, str] = {}

    def binding(self, name: str) -> Binding:
        """The binding of a name that this scope binds, made when it is new."""
        if self.outer.get(name) == "global":
            return self._module().names.setdefault(name, Binding(name))
        if self.outer.get(name) == "nonlocal" and self.parent is not None:
            return self.parent.find(name) or self.names.setdefault(name, Binding(name))
        return self.names.setdefault(name, Binding(name))

    def find(self, name: str) -> Binding | None:
        """The binding that a reader of `name` in this scope sees; None for a builtin or an unknown name."""
        scope: Scope | None = self
        first = True
        while scope is not None:
            if scope.outer.get(name) == "global":
                return self._module().names.get(name)
            if name in scope.names and (first or not isinstance(scope.node, ast.ClassDef)):
                return scope.names[name]
            scope, first = scope.parent, False
        return None

    def _module(self) -> Scope:
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope


class Names:
    """The bindings of a module.

    `of` gives the binding of a name, attribute, parameter or import alias; `parents` the tree upwards; `calls_of` the
    calls of each of the file's own functions; `passed_as` the parameter that an argument of such a call is given to.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.parents: dict[ast.AST, ast.AST] = {}
        self.of: dict[ast.AST, Binding] = {}
        self.attributes: dict[str, Binding] = {}
        self.nodes: list[ast.AST] = []
        self.calls_of: dict[ast.AST, list[ast.Call]] = {}
        self.passed_as: dict[ast.expr, Binding] = {}
        self.stars: list[str] = []
        self._loads: list[tuple[ast.Name, Scope]] = []
        self.module = Scope(tree, None)
        self._visit_all(tree, self.module)
        for node, scope in self._loads:
            binding = scope.find(node.id)
            if binding is not None:
                self.of[node] = binding
                binding.loads.append(node)
        self._attributes()
        self._calls()

    def function_of(self, node: ast.AST) -> Function | None:
        """The innermost function that `node` is in."""
        above = self.parents.get(node)
        while above is not None and not isinstance(above, FUNCTIONS):
            above = self.parents.get(above)
        return above

    def statement_of(self, node: ast.AST) -> ast.stmt:
        """The statement that `node` is a part of, or is."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def _visit_all(self, node: ast.AST, scope: Scope) -> None:
        for child in ast.iter_child_nodes(node):
            self.parents[child] = node
            self._visit(child, scope)

    def _visit(self, node: ast.AST, scope: Scope) -> None:
        self.nodes.append(node)
        if isinstance(node, FUNCTIONS):
            self._function(node, scope)
        elif isinstance(node, ast.ClassDef):
            binding = scope.binding(node.name)
            binding.definition = node
            binding.stores.append(node)
            inner = Scope(node, scope)
            self._visit_all(node, inner)
        elif isinstance(node, _COMPREHENSIONS):
            self._visit_all(node, Scope(node, scope))
        else:
            self._bind(node, scope)
            self._visit_all(node, scope)

    def _bind(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.Global):
            scope.outer.update(dict.fromkeys(node.names, "global"))
        elif isinstance(node, ast.Nonlocal):
            scope.outer.update(dict.fromkeys(node.names, "nonlocal"))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node, scope)
        elif isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                self._loads.append((node, scope))
            else:
                self._store(node, scope)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            scope.binding(node.name).opaque = True

    def _store(self, node: ast.Name, scope: Scope) -> None:
        binding = scope.binding(node.id)
        self.of[node] = binding
        binding.stores.append(node)
        value = self._value_for(node)
        if value is not None:
            binding.values.append(value)
        else:
            binding.opaque = True
        above = self.parents[node]
        if isinstance(above, ast.Tuple | ast.List):
            above = self.parents[above]
            if isinstance(above, ast.Tuple):
                above = self.parents[above]
        if isinstance(above, ast.For | ast.AsyncFor | ast.comprehension):
            binding.loop_of = above

    def _value_for(self, node: ast.expr) -> ast.expr | None:
        """What a single target is assigned, or None where that is not one expression."""
        above = self.parents[node]
        if isinstance(above, ast.Assign) and node in above.targets:
            return above.value
        # `x += 1` stays of the kind that it is and is added.
        if isinstance(above, ast.AnnAssign | ast.NamedExpr | ast.AugAssign) and above.target is node:
            return above.value
        if isinstance(above, ast.withitem) and above.optional_vars is node:
            return above.context_expr
        if isinstance(above, ast.Tuple):
            assign = self.parents[above]
            if isinstance(assign, ast.Assign) and isinstance(assign.value, ast.Tuple):
                parts = assign.value.elts
                at = above.elts.index(node)
                if len(parts) == len(above.elts) and not any(isinstance(one, ast.Starred) for one in above.elts):
                    return parts[at]
        return None

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import):
                name = alias.asname or alias.name.partition(".")[0]
                dotted = alias.name if alias.asname else name
            else:
                if alias.name == "*":
                    self.stars.append(node.module or "")
                    continue
                name = alias.asname or alias.name
                dotted = f"{'.' * node.level}{node.module or ''}.{alias.name}"
            binding = scope.binding(name)
            binding.imports.append(dotted)
            binding.stores.append(alias)
            self.of[alias] = binding

    def _function(self, node: Function, scope: Scope) -> None:
        if not isinstance(node, ast.Lambda):
            binding = scope.binding(node.name)
            binding.definition = node
            binding.stores.append(node)
        inner = Scope(node, scope)
        args = node.args
        outside: list[ast.AST] = [*args.defaults, *(one for one in args.kw_defaults if one is not None)]
        if not isinstance(node, ast.Lambda):
            outside += [*node.decorator_list, *([node.returns] if node.returns else [])]
        for arg in arguments_of(node):
            made = inner.names.setdefault(arg.arg, Binding(arg.arg))
            made.parameter_of, made.annotation = node, arg.annotation
            made.opaque = arg in (args.vararg, args.kwarg)
            self.of[arg] = made
            self.parents[arg] = node
            if arg.annotation:
                self.parents[arg.annotation] = arg
                self._visit(arg.annotation, scope)
        for part in outside:
            self.parents[part] = node
            self._visit(part, scope)
        self.parents[args] = node
        for part in node.body if isinstance(node.body, list) else [node.body]:
            self.parents[part] = node
            self._visit(part, inner)

    def _attributes(self) -> None:
        """`self.x = value`: the attribute is a binding of the file, shared by all classes."""
        for node in self.nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                binding = self.attributes.setdefault(node.attr, Binding(node.attr))
                self.of[node] = binding
                binding.stores.append(node)
                value = self._value_for(node)
                if value is None:
                    binding.opaque = True
                else:
                    binding.values.append(value)
        for node in self.nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and node.attr in self.attributes:
                self.of[node] = self.attributes[node.attr]
                self.attributes[node.attr].loads.append(node)

    def _calls(self) -> None:
        """Give the parameters of the file's own functions what its calls pass."""
        methods: dict[str, list[ast.AST]] = {}
        for node in self.nodes:
            if isinstance(node, ast.FunctionDef) and isinstance(self.parents[node], ast.ClassDef):
                methods.setdefault(node.name, []).append(node)
        for node in self.nodes:
            if isinstance(node, ast.Call):
                target = self._callee(node, methods)
                if target is not None:
                    self.calls_of.setdefault(target, []).append(node)
                    for arg, value in self._passed(node, target):
                        self.of[arg].values.append(value)
                        self.passed_as[value] = self.of[arg]

    def _callee(self, call: ast.Call, methods: dict[str, list[ast.AST]]) -> Function | None:
        func = call.func
        found: ast.AST | None = None
        if isinstance(func, ast.Name) and func in self.of:
            binding = self.of[func]
            found = binding.definition if not binding.values and not binding.opaque else None
            if isinstance(found, ast.ClassDef):
                found = next(
                    (one for one in found.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"), None
                )
        elif isinstance(func, ast.Attribute) and len(methods.get(func.attr, [])) == 1:
            found = methods[func.attr][0]
        return found if isinstance(found, FUNCTIONS) else None

    def _passed(self, call: ast.Call, function: Function) -> list[tuple[ast.arg, ast.expr]]:
        places = places_of(function)
        decorators = [] if isinstance(function, ast.Lambda) else function.decorator_list
        static = any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in decorators)
        if isinstance(self.parents.get(function), ast.ClassDef) and not static:
            places = places[1:]
        found = []
        for place, value in zip(places, call.args):
            if isinstance(value, ast.Starred):
                break
            found.append((place, value))
        by_name = {one.arg: one for one in parameters_of(function)}
        found += [(by_name[one.arg], one.value) for one in call.keywords if one.arg in by_name]
        return found
