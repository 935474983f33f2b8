"""The nbconvert exporter: `jupyter nbconvert --to aml-train notebook.ipynb`, and what `aml notebook convert` uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbconvert.exporters.templateexporter import TemplateExporter
from traitlets import default

from amlrun.notebook import read, script, secret_values
from amlrun.notebook.report import Report


class TrainScriptExporter(TemplateExporter):  # type: ignore[misc]
    """A notebook as a `train.py` in the template's outline.

    `resources["metadata"]` gives the notebook's folder (`path`) and `name`; `resources["target"]`, when there, the
    script's folder; `resources["move"]` whether what a pickle needs may move to a module,
    `resources["sampled"]` whether the script is to write a sample request.
    The report is left in `resources["report"]`.
    """

    export_from_notebook = "train.py for Azure ML"
    output_mimetype = "text/x-python"

    @default("file_extension")  # type: ignore[untyped-decorator]
    def _file_extension_default(self) -> str:
        return ".py"

    @default("template_file")  # type: ignore[untyped-decorator]
    def _template_file_default(self) -> str:
        return "train.py.j2"

    @default("template_extension")  # type: ignore[untyped-decorator]
    def _template_extension_default(self) -> str:
        return ".j2"

    @default("template_paths")  # type: ignore[untyped-decorator]
    def _template_paths(self, prune: bool = True, root_dirs: Any = None) -> list[str]:
        return [str(Path(__file__).parent)]

    def from_notebook_node(self, nb: Any, resources: Any = None, **kw: Any) -> tuple[str, Any]:
        """The script's text, unformatted, and the resources."""
        resources = dict(resources or {})
        metadata = resources.get("metadata", {})
        base = Path(metadata.get("path") or ".").absolute()
        target = Path(resources.get("target") or base).absolute()
        title = f"{metadata.get('name', 'a notebook')}{resources.get('suffix', '.ipynb')}"
        report = resources.setdefault("report", Report())
        plain = read.checked(nb, base / title)
        resources["script"] = script.plan(
            plain,
            base,
            target,
            title,
            report,
            move=resources.get("move", False),
            called=resources.get("called", set()),
            kept=resources.get("kept", []),
            sampled=resources.get("sampled", False),
        )
        # What the cells hold is in the plan: nbconvert's own cell filters must not see them half done.
        text, resources = super().from_notebook_node(plain, resources, **kw)
        return secret_values.hidden_in_comments(text.rstrip("\n") + "\n"), resources
