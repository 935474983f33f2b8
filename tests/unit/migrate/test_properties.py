"""Whatever a script says, its rewrite is safe: it parses, twice gives the same, and nothing else changes."""

from __future__ import annotations

import ast

from hypothesis import example, given, settings
from hypothesis import strategies as st

from amlrun.migrate.discover import classify
from amlrun.migrate.result import Kind, Verdict
from amlrun.migrate.scripts import rewrite

# Statements of SDK v1 (indented by the number of blanks in front), and plain ones that have to stay.
V1 = [
    "run = Run.get_context()", "self.run = run", "ws = run.experiment.workspace", "ws = Workspace.from_config()",
    "run.log('a', 1)", "run.log(name, value)", "run.log('b (%)', f(x), description='d')", "run.log(*pair)",
    "run.log_list('l', xs)", "run.log_row('r', a=1, **row)", "run.log_table('t', table)",
    "run.log_image('i', plot=plt)",
    "run.tag('k', v)", "run.upload_file(n, p)", "run.upload_file('outputs/x', 'x')", "run.complete()", "run.flush()",
    "run.parent.log('p', 2)", "run.parent.cancel()", "m = run.register_model('m', 'outputs/m')", "print(m.version, x)",
    "d = Dataset.get_by_name(ws, 'n')", "df = d.to_pandas_dataframe()", "d = d.drop_columns(['a'])",
    "d = run.input_datasets['i']", "print(d)", "d.download('there')", "g(run)", "g(run=run, y=1)",
    "s = run.get_secret('k')",
    "child = run.child_run('c')", "child.log('c', 1)", "child.complete()", "run = None", "run = other()", "del run",
    "if run:", "if run.id.startswith('OfflineRun'):", "for i in range(3):", "while x:", "def g(run, y=2):", "try:",
    "with exp.start_logging() as run:", "exp = Experiment(ws, 'e')", "class A:", "lambda: run.log('z', 1)",
    "x = [run.log('c', i) for i in range(2)]", "print(f'{run.id!r} {x}')", "global run", "best = Model(ws, 'n').tags",
    "p = Model.get_model_path('m')", "y = np.float(x) + np.int(2)", "from azureml.core import Model as M",
]  # fmt: skip
PLAIN = [
    "x = 1", "print('run.log(1)')  # a comment", "value = compute(x)", "z: int = 3", "text = '''a\n  b'''",
    "import json", "xs = [1,\n      2]", "assert x  ,  'odd spacing'", "logger.log(20, 'run')", "x += 1; y = 2",
]  # fmt: skip
HEADS = [
    "from azureml.core import Run, Workspace, Dataset, Experiment, Model\nimport numpy as np\n",
    "import numpy as np\nfrom azureml.core.run import Run\nfrom azureml.core import (\n    Dataset,\n"
    "    Workspace,\n)\n",
    '"""Doc."""\nfrom __future__ import annotations\nimport azureml.core\nfrom azureml.core import *\n',
    "# coding: utf-8\nimport os, sys\nimport numpy\n",
]


@st.composite
def scripts(draw: st.DrawFn) -> str:
    """A script that parses, of statements of SDK v1 and plain ones in nested blocks."""
    lines: list[str] = []
    depth = 0
    for statement in draw(st.lists(st.sampled_from([*V1, *PLAIN]), min_size=1, max_size=14)):
        depth = draw(st.integers(0, depth)) if depth else 0
        lines += ["    " * depth + line for line in statement.split("\n")]
        if statement.endswith(":"):
            depth += 1
            lines.append(
                "    " * depth + draw(st.sampled_from(["pass", "run.log('in', 1)", "run.complete()", "x = 1"]))
            )
            if statement == "try:":
                lines += ["    " * (depth - 1) + "except Exception:", "    " * depth + "run.fail('x')"]
    return draw(st.sampled_from(HEADS)) + "\n".join(lines) + draw(st.sampled_from(["\n", "", "\n\n"]))


def parses(text: str) -> bool:
    try:
        compile(text, "x", "exec", dont_inherit=True, flags=ast.PyCF_ONLY_AST)
    except (SyntaxError, ValueError):
        return False
    return True


@given(scripts(), st.sampled_from([Kind.JOB, Kind.SCORING]))
@settings(max_examples=300, deadline=None)
@example(
    "from azureml.core import Run\nrun = Run.get_context()\nc = run.child_run('c')\nself.r = run\nc.complete()",
    Kind.JOB,
)
@example(
    "from azureml.core import Run\nrun = Run.get_context()\nc = run.child_run('c')\nws = run.experiment.workspace\n"
    "c.complete()",
    Kind.JOB,
)
@example("from azureml.core import Run\nrun = Run.get_context()\nif 1: run.complete()\nelse: run.log('a', 1)", Kind.JOB)
def test_a_rewrite_is_safe(text: str, kind: Kind) -> None:
    result = rewrite("train.py", text, kind).result
    if not parses(text):
        assert result.verdict is Verdict.LEFT and not result.changes
        return
    assert not any("would not parse" in one.message for one in result.findings), result.findings
    new = result.changes[0].new if result.changes else text
    assert parses(new), new
    again = rewrite("train.py", new, kind).result
    assert not again.changes, f"{new}\n--- and again:\n{again.changes[0].diff}"
    if result.verdict is not Verdict.LEFT:
        imported = [node for node in ast.walk(ast.parse(new)) if isinstance(node, ast.Import | ast.ImportFrom)]
        names = [getattr(node, "module", None) or node.names[0].name for node in imported]
        assert not any(name.startswith("azureml.core") for name in names), new


@given(scripts())
@settings(max_examples=100, deadline=None)
def test_plain_lines_stay_in_order(text: str) -> None:
    if not parses(text):
        return
    result = rewrite("train.py", text, Kind.JOB).result
    new = (result.changes[0].new if result.changes else text).split("\n")
    plain = [line for line in text.split("\n") if line.strip() in ("print('run.log(1)')  # a comment", "x += 1; y = 2")]
    kept = [line for line in new if line in plain]
    assert kept == plain


@given(scripts(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_script_is_never_an_exception(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 30)))
    damaged = text[:start] + data.draw(st.text(max_size=5)) + text[end:]
    result = rewrite("train.py", damaged, Kind.JOB).result
    assert all(parses(change.new) for change in result.changes)


@given(st.binary(max_size=200), st.sampled_from(["a.py", "b.ipynb", "c.yml"]))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_classified_or_refused(data: bytes, name: str) -> None:
    try:
        classify(name, b"# azureml\n" + data)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        return
