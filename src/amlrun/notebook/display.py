"""A run has no screen: figures go to `outputs/`, `display` prints, widgets become options."""

from __future__ import annotations

import ast

from amlrun.dataclass import dataclass, field
from amlrun.notebook import databricks
from amlrun.notebook.parameters import Option
from amlrun.notebook.report import Report
from amlrun.notebook.statements import Notebook, Statement
from amlrun.python_source import Edit, dotted, root, used

# Calls whose value a notebook would not show, or that only would clutter the log.
_QUIET = {
    "fit", "partial_fit", "info", "append", "extend", "insert", "remove", "update", "sort", "reverse", "clear", "add",
    "seed", "manual_seed", "filterwarnings", "simplefilter", "print", "pprint", "compile", "close", "write",
    "makedirs", "mkdir", "dump", "save", "log", "log_metric", "log_metrics", "log_param", "log_params", "autolog",
    "start_run", "end_run", "set_experiment", "set_tracking_uri", "exit", "train", "eval", "backward", "step",
    "zero_grad", "run", "show", "collect", "basicConfig", "use", "tight_layout", "sleep", "setdefault", "main",
    "set_random_seed", "rename_axis", "fill", "shuffle", "move", "copy2", "copytree", "rmtree", "unlink", "legend",
    "write_text", "write_bytes", "touch", "download", "export",
    "info_", "debug", "warning", "error", "set_option", "set_printoptions", "set_config", "set_theme", "set_style",
}  # fmt: skip
_PLOTTING = (
    "matplotlib", "seaborn", "pylab", "shap", "yellowbrick", "scikitplot", "mlxtend.plotting", "wordcloud",
    "missingno",
)  # fmt: skip
_PLOT_METHODS = {
    "plot", "hist", "boxplot", "scatter", "bar", "barh", "from_estimator", "from_predictions", "plot_tree",
    "pairplot",
}  # fmt: skip
_SHOWN_FIGURES = ("matplotlib", "plotly", "altair", "bokeh", "pylab")
_PAGES = ("plotly", "altair", "bokeh", "folium")  # figures that are web pages, and Matplotlib knows nothing of
_WIDGETS = ("ipywidgets", "ipyleaflet", "bqplot", "itables", "qgrid")
_DISPLAY = ("IPython", "google.colab", "nbformat", "jupyter")


@dataclass
class Display:
    """What the script's frame must offer: `figures` the helper that saves figures, `options` from widgets."""

    figures: bool = False
    options: list[Option] = field(default_factory=list)
    pyplot: str | None = None  # the notebook's name for matplotlib.pyplot
    namespace: bool = False
    closes: bool = False  # whether a cell's own picture is closed at its end
    matplotlib: bool = False  # whether figures are (also) Matplotlib's
    pages: set[str] = field(default_factory=set)  # variables that hold a figure which is a web page
    drawn: set[str] = field(default_factory=set)  # variables that hold something of Matplotlib's or seaborn's
    widgets: set[str] = field(default_factory=set)  # variables that held a widget


def apply(notebook: Notebook, modules: dict[str, str], arguments: str, save: str, report: Report) -> Display:
    """Edit what shows something. `save` is the script's name for the helper that saves figures."""
    display = Display(pyplot=next((name for name, module in modules.items() if module == "matplotlib.pyplot"), None))
    _widgets(notebook, modules, arguments, display, report)
    display.options += databricks.widgets(notebook, arguments, report)
    for statement in notebook.body:
        node = statement.node
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            display.pages |= statement.binds if _from(node.value, modules, _PAGES) else set()
            display.drawn |= statement.binds if _from(node.value, modules, _PLOTTING) else set()
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Attribute)
            and _from(node.targets[0], modules, _DISPLAY)
        ):
            statement.drop("it sets the notebook up")
        if statement.replaced is None:
            _calls(statement, modules, save, display, report)
            _trailing(statement, modules, save, display, report)
    _after_cells(notebook, modules, save, display)
    plots = any(_plots(statement, modules, display.pages) for statement in notebook.body)
    display.matplotlib = plots or any(module.startswith(_PLOTTING) for module in modules.values())
    return display


def _from(node: ast.AST, modules: dict[str, str], packages: tuple[str, ...]) -> bool:
    return modules.get(root(node) or "", "").startswith(packages)


def _widgets(notebook: Notebook, modules: dict[str, str], arguments: str, display: Display, report: Report) -> None:
    names = {name for name, module in modules.items() if module.startswith(_WIDGETS)}
    gone: set[str] = set()
    for statement in list(notebook.body):
        node = statement.node
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if root(decorator) in names:
                    start, end = statement.source.span(decorator)
                    statement.edits.append(Edit(start - 1, end, ""))
                    report.did(f"{node.name}: left out @{dotted(decorator) or 'interact'}, a widget", statement.cell)
                    report.ask(f"{node.name} was run by a widget: call it with the values you want", statement.cell)
            continue
        if not used(node) & (names | gone):
            continue
        target = node.targets[0].id if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) else None
        value = node.value if isinstance(node, ast.Assign) else None
        if target and isinstance(value, ast.Call) and root(value) in names and _widget_value(value) is not None:
            default = _widget_value(value)
            option = Option(f"--{target.lower()}", target, _type(default), repr(default), "was a widget")
            display.options.append(option)
            display.namespace = True
            display.widgets.add(target)
            statement.replaced = f"{target} = SimpleNamespace(value={arguments}.{option.attribute})"
            report.did(f"the widget {target} became the option {option.flag}", statement.cell)
            report.option(option.flag, option.type, option.default, target)
        elif used(node) & names or isinstance(node, ast.Expr):
            statement.drop("a widget")
            gone |= statement.binds
            report.ask("a widget was left out: what it chose must become an option", statement.cell)


def _type(value: object) -> str:
    return {bool: "yes_or_no", int: "int", float: "float"}.get(type(value), "str")


def _widget_value(call: ast.Call) -> object:
    words = {keyword.arg: keyword.value for keyword in call.keywords}
    kind = dotted(call.func).rpartition(".")[2]
    try:
        if "value" in words:
            value = ast.literal_eval(words["value"])
        elif "options" in words:
            value = ast.literal_eval(words["options"])[0]
        else:
            value = {"Int": 0, "Flo": 0.0, "Tex": "", "Che": False, "Tog": False}.get(kind[:3])
    except (ValueError, LookupError, TypeError):
        return None
    return value if isinstance(value, (int, float, str)) else None


def _calls(statement: Statement, modules: dict[str, str], save: str, display: Display, report: Report) -> None:
    figures = "a figure is saved to outputs/ instead of shown"
    for node in ast.walk(statement.node):
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        last = name.rpartition(".")[2]
        if last == "show" and isinstance(node.func, ast.Attribute) and _is_figure(node.func.value, modules):
            owner = "" if _from(node, modules, ("matplotlib", "pylab")) else statement.source.slice(node.func.value)
            statement.edit(node, f"{save}({owner})")
            display.figures = True
            report.did(figures, statement.cell)
        elif last == "show" and isinstance(node.func, ast.Name) and _from(node, modules, ("matplotlib", "plotly.io")):
            statement.edit(node, f"{save}()")
            display.figures = True
            report.did(figures, statement.cell)
        elif name == "display" or _from(node, modules, ("IPython",)) or name.startswith("IPython."):
            _display(node, last, statement, modules, display.widgets)
            report.did("display became print", statement.cell)
        elif name in ("matplotlib.use", "mpl.use", "plt.switch_backend") and isinstance(statement.node, ast.Expr):
            statement.drop("a run has no display")
        elif isinstance(node.func, ast.Name) and node.func.id in ("exit", "quit"):
            statement.edit(node.func, "raise SystemExit") if isinstance(statement.node, ast.Expr) else None


def _display(node: ast.Call, last: str, statement: Statement, modules: dict[str, str], widgets: set[str]) -> None:
    shown = [arg for arg in node.args if not (isinstance(arg, ast.Call) and _from(arg, modules, ("IPython",)))]
    shown = [arg for arg in shown if not (isinstance(arg, ast.Name) and arg.id in widgets)]
    if last != "display" or not shown:
        statement.edit(node, "None")
    elif len(shown) == len(node.args):
        start = statement.source.span(node)[0]
        inside = ", ".join(statement.source.slice(arg) for arg in node.args)
        if node.keywords:
            statement.edit(node, f"print({inside})")
        else:
            statement.edits.append(Edit(start, statement.source.span(node.func)[1], "print"))
    else:
        statement.edit(node, f"print({', '.join(statement.source.slice(arg) for arg in shown)})")


def _is_figure(owner: ast.expr, modules: dict[str, str]) -> bool:
    name = root(owner) or ""
    return modules.get(name, "").startswith(_SHOWN_FIGURES) or name.lower().startswith(("fig", "chart"))


def _trailing(statement: Statement, modules: dict[str, str], save: str, display: Display, report: Report) -> None:
    """The value that Jupyter would show is printed; a bare expression elsewhere did nothing and is left out."""
    node = statement.node
    if not isinstance(node, ast.Expr) or isinstance(node.value, ast.Await | ast.Yield):
        return
    value = node.value
    acts = any(isinstance(part, ast.Call | ast.Await | ast.NamedExpr) for part in ast.walk(value))
    shown = statement.last and not statement.muted
    if isinstance(value, ast.Call) and (_from(value, modules, ("IPython",)) or dotted(value.func) == "display"):
        if not any("print" in edit.text for edit in statement.edits):
            statement.drop("only shown in a notebook")
        return
    table = any(isinstance(part, ast.Attribute) and part.attr == "style" for part in ast.walk(value))
    if table and not _from(value, modules, _PLOTTING):
        statement.drop("a table's style, only shown in a notebook")
    elif isinstance(value, ast.Name) and value.id.startswith(("fig", "ax")) and value.id not in display.pages:
        statement.drop("a figure, which is saved")
    elif shown and not statement.edits and _is_page(value, modules, display):
        statement.edit(value, f"{save}({statement.source.slice(value)})")
        display.figures = True
        report.did("a figure is saved to outputs/ instead of shown", statement.cell)
    elif isinstance(value, ast.Constant) and isinstance(value.value, str) and not shown:
        statement.drop("text that nothing uses")
    elif not acts and not shown:
        statement.drop("it has no effect")
    elif not acts or (shown and isinstance(value, ast.Call) and _is_telling(value, modules, display.drawn)):
        start, end = statement.source.span(node)
        statement.edits += [Edit(start, start, "print("), Edit(end, end, ")")]
        report.did("the shown value is printed", statement.cell)
    elif shown and not isinstance(value, ast.Call):
        start, end = statement.source.span(node)
        statement.edits += [Edit(start, start, "print("), Edit(end, end, ")")]


def _is_page(value: ast.expr, modules: dict[str, str], display: Display) -> bool:
    """`px.line(df)`, or `fig` when `fig = px.line(df)`: a figure that a cell shows by ending in it."""
    if isinstance(value, ast.Name):
        return value.id in display.pages
    if not isinstance(value, ast.Call):
        return False
    changes = dotted(value.func).rpartition(".")[2].startswith(("update_", "add_"))
    return _from(value, modules, _PAGES) or (root(value) in display.pages and changes)


def _is_telling(call: ast.Call, modules: dict[str, str], drawn: set[str]) -> bool:
    name = dotted(call.func)
    last = name.rpartition(".")[2]
    words = {keyword.arg for keyword in call.keywords}
    if last == "summary":  # Keras prints it, statsmodels hands it back
        return any(module.startswith("statsmodels") for module in modules.values())
    if words & {"inplace", "ax"} or root(call) in drawn:
        return False
    if name == "display" or last in _QUIET or last.startswith(("set_", "to_", "plot", "save", "log_")):
        return False
    if _from(call, modules, _PLOTTING) or last in _PLOT_METHODS or (root(call) or "").startswith(("ax", "plt", "fig")):
        return False
    # Functions of the notebook itself print what they want to; their None would only be noise.
    if isinstance(call.func, ast.Name):
        return call.func.id in modules or call.func.id in _BUILTINS
    return isinstance(call.func, ast.Attribute)


_BUILTINS = {
    "len", "sum", "min", "max", "type", "sorted", "list", "dict", "set", "tuple", "round", "abs", "str", "repr",
}  # fmt: skip


def _plots(statement: Statement, modules: dict[str, str], pages: set[str]) -> bool:
    if statement.replaced is not None or isinstance(statement.node, ast.FunctionDef | ast.ClassDef):
        return False
    for node in ast.walk(statement.node):
        if not isinstance(node, ast.Call):
            continue
        last = dotted(node.func).rpartition(".")[2]
        if last in ("rcParams", "use", "switch_backend", "set_theme", "set_style", "set", "close", "show", "update"):
            continue
        if _from(node, modules, _PAGES) or root(node) in pages:
            continue
        drawn = any(keyword.arg == "ax" for keyword in node.keywords) or root(node) == "ax"
        if drawn or _from(node, modules, _PLOTTING) or last in _PLOT_METHODS:
            return True
    return False


def _saves_figure(statement: Statement) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == "savefig" for node in ast.walk(statement.node))


def _after_cells(notebook: Notebook, modules: dict[str, str], save: str, display: Display) -> None:
    """Jupyter shows a cell's figures when the cell ends: save them there when nothing in the cell did."""
    plots = any(_plots(s, modules, display.pages) for s in notebook.body)
    if not plots and not any(module.startswith(_PLOTTING) for module in modules.values()):
        return
    last: dict[int, Statement] = {}
    plotted: dict[int, bool] = {}
    for statement in notebook.body:
        if statement.replaced is None or statement.last:
            last[statement.cell] = statement
        shows = any(edit.text.startswith(f"{save}(") for edit in statement.edits) or _saves_figure(statement)
        plotted[statement.cell] = not shows and (
            plotted.get(statement.cell, False) or _plots(statement, modules, display.pages)
        )
    saves = {statement.cell for statement in notebook.body if _saves_figure(statement)}
    for cell, statement in last.items():
        if plotted.get(cell):
            statement.after.append(f"{save}()")
            display.figures = True
        elif cell in saves:  # a picture left open would be drawn over by the next cell
            display.closes = True
            statement.after.append(f'{display.pyplot or "plt"}.close("all")')
