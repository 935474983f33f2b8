"""`aml notebook convert`: a notebook as a `train.py`, with a report and a proposal for the conda file."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amlrun import extras, project
from amlrun.cli.common import Context, debug_option, write_text
from amlrun.errors import AmlError, os_error

if TYPE_CHECKING:
    from amlrun.notebook.conda import Proposal
    from amlrun.notebook.model_module import Module
    from amlrun.notebook.report import Report
    from amlrun.notebook.runconfig import Named


@click.group("notebook")
def command() -> None:
    """Turn a notebook into a training script."""


@command.command("convert")
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("-o", "--output", "output", metavar="FILE", type=click.Path(path_type=Path),
              help="The script to write; the default is the train.py of the project's only model.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Write over a script that is there, without asking.")
@click.option("--apply", is_flag=True,
              help="Also do what is proposed (conda file, run configurations, datasets.yml), and write score.py, "
                   "score_batch.py, a sample request and a test for the model.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON document.")
@click.option("-t", "--output-metadata-file", "metadata_file", metavar="FILE", type=click.Path(path_type=Path),
              help="Also write the report there as JSON.")  # fmt: skip
@click.option("--path", default=".", metavar="FOLDER", show_default=True, type=click.Path(path_type=Path),
              help="The project folder.")  # fmt: skip
@debug_option
def convert(
    notebook: Path,
    output: Path | None,
    overwrite: bool,
    apply: bool,
    as_json: bool,
    metadata_file: Path | None,
    path: Path,
) -> None:
    """Write NOTEBOOK as a train.py with arguments, data, model, evaluation and save; the notebook stays as it is.

    Cells tagged `parameters` (else plain values at the top) become options, files that are read come through
    --data-path, what is written goes to outputs/. Cells tagged `skip` or `exploration` are left out. NOTEBOOK may also
    be a Python script with cells, of Databricks or Jupytext (`# %%`).
    """
    context = Context(path.absolute(), "json" if as_json else "text", metadata_file)
    target = output if output is not None else _only_script(context.path)
    if target.exists() and notebook.exists() and target.samefile(notebook):
        raise AmlError(f"-o: {target} is the notebook itself", hint="For example: -o models/model1/train.py")
    if target.suffix != ".py":
        raise AmlError(f"-o: expected a .py file, got {target}", hint="For example: -o models/model1/train.py")
    text, report, module = _converted(notebook, target, apply)
    _may_write(target, overwrite)
    from amlrun.notebook import runconfig

    named = runconfig.dataset(report, target)
    proposals = _proposals(target, text, report, notebook.absolute().parent, named)
    if apply:
        proposals += _serving(target, text, notebook, report, module, overwrite)
    changes = [{"file": str(one.file), "add": one.added, "diff": one.diff, "applied": apply} for one in proposals]
    write_text(target, text)
    if apply:
        root = project.find(target).root
        for one in proposals:
            _keep_copy(one.file, root, report)
            write_text(one.file, one.text)
        _remember([one.file for one in proposals], root)
        _without_sample(target, report)
    _result(context, target, report, changes, _name_data(context, named, apply), apply)


def _proposals(target: Path, text: str, report: Report, beside: Path, named: Named | None) -> list[Proposal]:
    """What the files beside the script should say: the conda file, then the run configurations."""
    from amlrun.notebook import conda, option_files, runconfig

    file = _conda_file(target)
    packages = conda.propose(text, file, report, beside)
    found = [packages] if packages is not None else []
    for one in sorted(file.parent.glob("*.runconfig")):
        new = runconfig.propose(one, target, report, named)
        found += [conda.Proposal(one, new)] if new is not None else []
    return found + option_files.propose(text, target, file.parent, project.find(target).root, report)


def _name_data(context: Context, named: Named | None, apply: bool) -> str | None:
    """Name the script's data in datasets.yml, when it has no name there; the command that does so."""
    if named is None or named.known:
        return None
    from amlrun.prepare import data

    if apply:
        data.register(project.find(named.path), named.name, named.path, "")
    place = Path(os.path.relpath(named.path, context.path)).as_posix()
    return f"aml dataset register -n {named.name} -p {shlex.quote(place)}"


def _serving(
    target: Path, text: str, notebook: Path, report: Report, module: Module | None, overwrite: bool
) -> list[Proposal]:
    """The files that answer requests with the model, those formatted, and what its environment lacks for it."""
    from amlrun.notebook import conda, serving
    from amlrun.notebook.formatting import format_script
    from amlrun.notebook.report import Report

    beside = target.absolute().parent
    found = (
        [conda.Proposal(beside / f"{module.name}.py", format_script(module.text, beside / "x.py", report))]
        if module
        else []
    )
    made = serving.files(text, target, notebook.name, project.find(target).root, report, overwrite=overwrite)
    for one in made:
        if one.file.suffix == ".py":
            one.text = format_script(one.text, one.file, Report())
    found += [one for one in made if not one.file.exists() or one.file.read_text(encoding="utf-8") != one.text]
    file = _conda_file(target).with_name("inference-conda.yml")
    if made and file.exists():
        packages = conda.propose(serving.needs(text), file, Report(), notebook.absolute().parent)
        found += [packages] if packages is not None else []
    return found


def _keep_copy(file: Path, root: Path, report: Report) -> None:
    """Keep what somebody edited beside the file that replaces it; what only changes in part needs none."""
    from amlrun.notebook.edited import is_edited

    if file.suffix in (".py", ".json") and file.parent.name != ".vscode" and file.exists() and is_edited(file, root):
        write_text(file.with_name(f"{file.name}.bak"), file.read_text(encoding="utf-8"))
        report.did(f"replaced {file.name}, which was edited; your text is in {file.name}.bak")


def _remember(files: list[Path], root: Path) -> None:
    from amlrun.notebook import edited

    try:
        edited.remember((file for file in files if file.suffix in (".py", ".json", ".yml")), root)
    except OSError as error:
        raise os_error(error, "write down what was converted") from error


def _without_sample(target: Path, report: Report) -> None:
    """Delete the sample's test of a score.py that is no more."""
    from amlrun.notebook import serving

    for test in serving.outdated(target, project.find(target).root) if report.model_file else []:
        test.unlink()
        report.did(f"deleted {test.name}, the sample's test: test_train.py tests yours")


def _converted(notebook: Path, target: Path, apply: bool) -> tuple[str, Report, Module | None]:
    from amlrun.notebook import read
    from amlrun.notebook.formatting import format_script
    from amlrun.notebook.report import Report

    if not notebook.exists():
        raise AmlError("there is no such notebook", file=notebook, hint="Give the path of an .ipynb file.")
    try:
        from amlrun.notebook.exporter import TrainScriptExporter
    except ImportError as error:
        raise AmlError(
            f"converting needs nbconvert and IPython ({error.name} is missing)",
            hint=f"Add them: {extras.how_to_add('notebook')}",
        ) from None
    node = read.load(notebook)
    report = Report()
    resources: dict[str, Any] = {
        "metadata": {"path": str(notebook.absolute().parent), "name": notebook.stem},
        "suffix": notebook.suffix,
        "target": str(target.absolute().parent),
        "report": report,
        "move": apply,
    }
    try:
        text, resources = TrainScriptExporter().from_notebook_node(node, resources)
    except AmlError as error:
        raise AmlError(error.message, file=error.file or notebook, line=error.line, hint=error.hint) from None
    return format_script(text, target, report), report, resources["script"].module


def _only_script(folder: Path) -> Path:
    """The train.py of the project's one model."""
    root = project.find(folder).root
    found = sorted(
        path for path in (root / "models").glob("*") if path.is_dir() and not path.name.startswith((".", "_"))
    )
    if len(found) != 1:
        what = "no model folder" if not found else f"{len(found)} model folders"
        raise AmlError(f"{what} under {root / 'models'}", hint="Say where: -o models/NAME/train.py")
    return found[0] / "train.py"


def _may_write(target: Path, overwrite: bool) -> None:
    if not target.exists() or overwrite:
        return
    try:
        agreed = click.confirm(f"{target} is there already. Write over it?", err=True)
    except click.Abort:
        agreed = False
    if not agreed:
        raise AmlError("the script is there already, and stays", file=target, hint="Give --overwrite, or another -o.")


def _conda_file(target: Path) -> Path:
    """The conda file that belongs to the script: the one of its folder's run configurations."""
    folder = target.absolute().parent
    config = next(
        (folder / name for name in ("aml_config", ".azureml") if (folder / name).is_dir()), folder / "aml_config"
    )
    there = [config / name for name in ("train-conda.yml", "conda_dependencies.yml") if (config / name).exists()]
    return there[0] if there else config / "train-conda.yml"


def _result(
    context: Context, target: Path, report: Report, changes: list[dict[str, Any]], naming: str | None, applied: bool
) -> None:
    conda = next((change for change in changes if change["add"]), None)
    made = [change["file"] for change in changes if change["file"].endswith((".py", "request.json"))]
    value = {
        "script": str(target),
        "options": report.options,
        "model": report.model,
        "model_file": report.model_file,
        "done": report.done,
        "todo": report.todo,
        "conda": conda,
        "runconfigs": [change for change in changes if change["file"].endswith(".runconfig")],
        "files": made,
        "dataset": naming,
    }

    def text() -> None:
        context.say(f"Wrote {target}.")
        if report.options:
            context.say("\nOptions:")
            for option in report.options:
                context.say(f"  {option['flag']} ({option['type']}, default {option['default']})")
        if report.done:
            context.say("\nWhat was done:")
        for line in report.done:
            context.say(f"  {line}")
        if report.todo:
            context.say("\nWhat needs you:")
            for line in report.todo:
                context.say(f"  {line}")
        seen: dict[str, str] = {}
        if made:
            context.say("\nWritten for the model:")
        for name in made:
            context.say(f"  {Path(os.path.relpath(name, context.path)).as_posix()}")
        for change in changes:
            if change["file"] in made:
                continue
            context.say(f"\n{'Written to' if applied else 'Proposed for'} {change['file']}:")
            body = change["diff"].split("\n", 2)[-1]
            context.say(f"(the same as for {seen[body]})" if body in seen else change["diff"])
            seen.setdefault(body, Path(change["file"]).name)
        if naming:
            context.say(f"\n{'Done too' if applied else 'And to name the data'}: {naming}")
        if report.model_file:
            context.say(
                f"\nAfter a run: aml model register -n NAME --asset-path {shlex.quote(report.model_file)} -f run.json"
            )
        if (changes or naming) and not applied:
            context.say("\nAdd --apply to have that done.")

    context.result(value, text)
