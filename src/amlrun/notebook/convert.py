"""A whole conversion: the notebook's script, what the files beside it should say, and writing all that."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun import extras, project
from amlrun.dataclass import dataclass
from amlrun.errors import AmlError, os_errors
from amlrun.notebook import read
from amlrun.notebook.report import Report
from amlrun.runs.files import write_text

if TYPE_CHECKING:
    from amlrun.notebook.conda import Proposal
    from amlrun.notebook.model_module import Module
    from amlrun.notebook.runconfig import Named


@dataclass
class Conversion:
    """A converted notebook: `text` is the content of the file `script`, `report` says what was done and what is left.

    `proposals` are the updated conda file, run configurations and editor files and, with `apply`, the files that serve
    and test the model. Nothing is written until `write` is called.
    """

    notebook: Path
    script: Path
    text: str
    report: Report
    proposals: list[Proposal]
    apply: bool
    _data: Named | None = None

    def write(self) -> None:
        """Write the script and, with `apply`, all that is proposed. Raises AmlError when something can't be written.

        What somebody edited is kept beside what replaces it, as FILE.bak.
        """
        write_text(self.script, self.text)
        if not self.apply:
            return
        root = project.find(self.script).root
        for one in self.proposals:
            _keep_copy(one.file, root, self.report)
            write_text(one.file, one.text)
        _remember([one.file for one in self.proposals], root)
        _delete_sample_tests(self.script, self.report)
        if self._data is not None and not self._data.known:
            from amlrun.prepare import data

            data.register(project.find(self._data.path), self._data.name, self._data.path, "")

    def data_command(self, folder: Path) -> str | None:
        """The command, typed in `folder`, that names the script's data in datasets.yml; None where it has a name."""
        if self._data is None or self._data.known:
            return None
        place = Path(os.path.relpath(self._data.path, folder)).as_posix()
        return f"aml dataset register -n {self._data.name} -p {shlex.quote(place)}"


def convert(notebook: Path, script: Path, *, apply: bool = False, overwrite: bool = False) -> Conversion:
    """Turn a notebook (or a script with cells) into `script`. Raises AmlError; nothing is written yet.

    `overwrite` lets a score.py that is there be replaced.
    """
    from amlrun.notebook import runconfig, serving

    if script.suffix != ".py":
        raise AmlError(f"-o: expected a .py file, got {script}", hint="For example: -o models/model1/train.py")
    if script.exists() and notebook.exists() and script.samefile(notebook):
        raise AmlError(f"-o: {script} is the notebook itself", hint="For example: -o models/model1/train.py")
    text, report, module = _script(notebook, script, apply)
    called = serving.functions(text, script, report) if apply else []
    if called:
        text, report, module = _script(notebook, script, apply, called)
    whole = _whole(text, module)
    kept = serving.options(whole, script, report, module) if apply else []
    sampled = apply and serving.is_sampled(whole, script, report, module)
    if kept or sampled:
        text, report, module = _script(notebook, script, apply, called, kept=kept, sampled=sampled)
    named = runconfig.dataset(report, script)
    proposals = _proposals(script, text, report, notebook.absolute().parent, named)
    if apply:
        proposals += _serving(script, text, notebook, report, module, overwrite)
    return Conversion(notebook, script, text, report, proposals, apply, named)


def convert_notebook(
    notebook: str | Path, script: str | Path | None = None, *, apply: bool = False, overwrite: bool = False
) -> Conversion:
    """Convert a notebook to a train.py with arguments, data, model, evaluation and save. The notebook is not changed.

    `script` defaults to the train.py of the project's only model. With `apply` the conda file, the run configurations
    and the files that serve and test the model are written too. Raises AmlError, also if the script already exists
    and `overwrite` is not set.

    >>> made = amlrun.convert_notebook("../../notebooks/explore.ipynb", "../model2/train.py")
    >>> made.script.name, made.report.options[0]["flag"]
    ('train.py', '--data-path')
    """
    source = Path(notebook)
    target = only_script(source.absolute().parent) if script is None else Path(script)
    made = convert(source, target, apply=apply, overwrite=overwrite)
    if target.exists() and not overwrite:
        raise AmlError("already exists; it was not overwritten", file=target, hint="Set overwrite, or name another.")
    made.write()
    return made


def only_script(folder: Path) -> Path:
    """The train.py of the only model of the project around `folder`. Raises AmlError when there are none or several."""
    root = project.find(folder).root
    found = sorted(
        path for path in (root / "models").glob("*") if path.is_dir() and not path.name.startswith((".", "_"))
    )
    if len(found) != 1:
        what = "no model folder" if not found else f"{len(found)} model folders"
        raise AmlError(f"{what} under {root / 'models'}", hint="Say where: -o models/NAME/train.py")
    return found[0] / "train.py"


def _script(
    notebook: Path,
    script: Path,
    apply: bool,
    called: Iterable[str] = (),
    *,
    kept: Iterable[str] = (),
    sampled: bool = False,
) -> tuple[str, Report, Module | None]:
    """The script's text, the report, and what has moved to a module: what score.py needs, with `called` by it.

    `sampled`: the script is to write a sample request. `kept` are variables whose values the model keeps.
    """
    from amlrun.notebook.formatting import format_script

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
        "target": str(script.absolute().parent),
        "report": report,
        "move": apply,
        "called": set(called),
        "kept": list(kept),
        "sampled": sampled,
    }
    try:
        text, resources = TrainScriptExporter().from_notebook_node(node, resources)
    except AmlError as error:
        raise AmlError(error.message, file=error.file or notebook, line=error.line, hint=error.hint) from None
    return format_script(text, script, report), report, resources["script"].module


def _whole(text: str, module: Module | None) -> str:
    """The script's text with that of the module that it imports from."""
    return f"{module.text}\n{text}" if module else text


def _proposals(script: Path, text: str, report: Report, beside: Path, named: Named | None) -> list[Proposal]:
    """What the files beside the script should say: the conda file, then the run configurations."""
    from amlrun.notebook import conda, option_files, runconfig

    file = _conda_file(script)
    packages = conda.propose(text, file, report, beside)
    found = [packages] if packages is not None else []
    for one in sorted(file.parent.glob("*.runconfig")):
        new = runconfig.propose(one, script, report, named)
        found += [conda.Proposal(one, new)] if new is not None else []
    return found + option_files.propose(text, script, file.parent, project.find(script).root, report)


def _serving(
    script: Path, text: str, notebook: Path, report: Report, module: Module | None, overwrite: bool
) -> list[Proposal]:
    """The files that answer requests with the model, those formatted, and what its environment lacks for it."""
    from amlrun.notebook import conda, serving
    from amlrun.notebook.formatting import format_script

    beside = script.absolute().parent
    found = (
        [conda.Proposal(beside / f"{module.name}.py", format_script(module.text, beside / "x.py", report))]
        if module
        else []
    )
    made = serving.files(
        _whole(text, module), script, notebook.name, project.find(script).root, report, module, overwrite=overwrite
    )
    for one in made:
        if one.file.suffix == ".py":
            one.text = format_script(one.text, one.file, Report())
    found += [one for one in made if not one.file.exists() or one.file.read_text(encoding="utf-8") != one.text]
    file = _conda_file(script).with_name("inference-conda.yml")
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

    with os_errors("write down what was converted"):
        edited.remember((file for file in files if file.suffix in (".py", ".json", ".yml")), root)


def _delete_sample_tests(script: Path, report: Report) -> None:
    """Delete the sample's test of a score.py that is no more."""
    from amlrun.notebook import serving

    for test in serving.outdated(script, project.find(script).root) if report.model_file else []:
        test.unlink()
        report.did(f"deleted {test.name}, the sample's test: test_train.py tests yours")


def _conda_file(script: Path) -> Path:
    """The conda file that belongs to the script: the one of its folder's run configurations."""
    folder = script.absolute().parent
    config = next(
        (folder / name for name in ("aml_config", ".azureml") if (folder / name).is_dir()), folder / "aml_config"
    )
    there = [config / name for name in ("train-conda.yml", "conda_dependencies.yml") if (config / name).exists()]
    return there[0] if there else config / "train-conda.yml"
