"""Code that only works where the notebook once ran: Colab's and Kaggle's helpers, MLflow's set-up, a typed secret."""

from __future__ import annotations

import ast
import re

from amlrun.notebook import secret_values
from amlrun.notebook.magics import imported, parse
from amlrun.notebook.read import Cell
from amlrun.notebook.report import Report
from amlrun.notebook.sdk_v1 import SdkV1
from amlrun.python_source import Edit, Source, apply, bound, dotted, full_name, in_f_strings, modules_of

_HOSTS = {"google.colab": "Colab", "kaggle_secrets": "Kaggle", "kaggle_datasets": "Kaggle"}
_READS_SECRET = ("google.colab.userdata.get", "kaggle_secrets.UserSecretsClient.get_secret")
_SET_UP = {
    "mlflow.set_tracking_uri": "the run says where metrics go",
    "mlflow.set_registry_uri": "the project says where models go",
    "mlflow.set_experiment": "-e names the experiment",
    "dbutils.notebook.exit": "a run hands back what it logs and writes",
    "dbutils.library.restartPython": "packages are installed before the run",
}
# Calls that fetch data or a trained model from the network, by how their full name ends.
_FETCHES = re.compile(
    r"^(?:seaborn|datasets|statsmodels\..*|vega_datasets\..*)\.(?:load_dataset|get_rdataset)$|\.fetch_\w+$|"
    r"^(?:nltk|spacy\.cli|gdown|kagglehub|gensim\.downloader|tensorflow_datasets)\.\w*(?:download|load)\w*$|"
    r"^(?:tensorflow\.)?keras\.datasets\.\w+\.load_data$|^torch(?:vision|text|audio)\.datasets\.(?!ImageFolder|DatasetFolder)\w+$|^requests\.(?:get|post)$|urllib\.request\.url\w+$|"
    r"^(?:yfinance|ucimlrepo|openml)\.\w+$|\.from_pretrained$"
)


class HostedCode:
    """One notebook's passes over its cells, in order: `plain` remembers what the cells before have imported."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.modules: dict[str, str] = {}
        self.sdk = SdkV1(report, self.modules)

    def plain(self, cell: Cell, text: str) -> str:
        """`text`, a cell as plain Python, without what only works elsewhere; what needs a person is reported."""
        text = self._without_secrets(cell, text)
        self.modules.update(modules_of(parse(cell, text)))
        text = self.sdk.plain(cell, text)
        tree, source = parse(cell, text), Source(text)
        return imported(apply(text, [edit for node in tree.body for edit in self._statement(node, cell, source)]))

    def _without_secrets(self, cell: Cell, text: str) -> str:
        tree, source = parse(cell, text), Source(text)
        inside = in_f_strings(tree)
        alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        edits: list[Edit] = []
        for name, value in secret_values.found(tree):
            start, end = source.span(value)
            if id(value) in inside:
                continue
            if id(value) in alone:  # a docstring
                edits.append(Edit(start, end, secret_values.hidden(text[start:end])))
                continue
            variable = secret_values.variable_of(name)
            self.report.ask(
                f"{name} holds a secret, which is not copied: the script reads the environment variable {variable}; "
                "change the secret, for the notebook still holds it",
                cell.number,
            )
            setting = [node for node in tree.body if secret_values.sets_environment(node) and value in ast.walk(node)]
            edits += [Edit(*source.span(node), f"# left out (a secret): {variable} is to be set") for node in setting]
            if not setting:
                edits.append(Edit(start, end, secret_values.instead(value, text[start:end], variable)))
        return imported(apply(text, edits))

    def _statement(self, node: ast.stmt, cell: Cell, source: Source) -> list[Edit]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            host = next((host for host in _HOSTS if _imports(node, host)), None)
            return [source.commented(node, f"only {_HOSTS[host]} has it")] if host else []
        edits: list[Edit] = []
        for call in ast.walk(node):
            if not isinstance(call, ast.Call):
                continue
            name = full_name(call.func, self.modules)
            where = next((host for host in _HOSTS if name.startswith(f"{host}.")), None)
            kaggle = name.endswith(".get_secret") and "kaggle_secrets.UserSecretsClient" in self.modules.values()
            if name in _READS_SECRET or kaggle or (name.startswith("getpass.") and isinstance(node, ast.Assign)):
                edits.append(self._secret(call, node, cell, source))
            elif where and isinstance(node, ast.Expr | ast.Assign):
                if name.endswith("upload"):
                    self.report.ask(
                        "files.upload() asked for a file: put it under data/ and read it there", cell.number
                    )
                else:
                    self.report.did(f"left out {dotted(call.func)}: available only on {_HOSTS[where]}", cell.number)
                return [source.commented(node, f"only {_HOSTS[where]} has it")]
            elif name in _SET_UP and isinstance(node, ast.Expr | ast.Assign):
                self.report.did(f"left out {name}: {_SET_UP[name]}", cell.number)
                return [source.commented(node, _SET_UP[name])]
            elif _FETCHES.search(name):
                self.report.ask(
                    f"{dotted(call.func)} fetches from the network: a run needs it reachable, or a copy under data/",
                    cell.number,
                )
        return edits

    def _secret(self, call: ast.Call, node: ast.stmt, cell: Cell, source: Source) -> Edit:
        first = call.args[0] if call.args else None
        asked = first.value if isinstance(first, ast.Constant) and "getpass" not in dotted(call.func) else None
        name = re.sub(r"\W", "_", str(asked or min(bound(node), default="SECRET"))).upper()
        self.report.ask(f"reads a secret: set the environment variable {name} instead", cell.number)
        return Edit(*source.span(call), f'__import__("os").environ["{name}"]')


def _imports(node: ast.Import | ast.ImportFrom, package: str) -> bool:
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return any(name == package or name.startswith(f"{package}.") for name in names)
