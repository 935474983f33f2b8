"""Which notebook or script is running, and its copy in the run's folder."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from amlrun.runs import redact

_HERE = Path(__file__).parents[1]


def find(root: Path) -> Path | None:
    """The file of the notebook, of the program if it lies in the project, else of the caller; None when unknown."""
    shell = _shell()
    if shell is not None:
        # VS Code tells it in a variable, Jupyter Server in the kernel's environment.
        for named in (shell.user_ns.get("__vsc_ipynb_file__"), os.environ.get("JPY_SESSION_NAME")):
            if named and Path(named).is_file():
                return Path(named)
        return None
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if main and Path(main).is_file() and Path(main).resolve().is_relative_to(root.resolve()):
        return Path(main)
    frame = sys._getframe()
    while frame.f_back is not None and Path(frame.f_code.co_filename).is_relative_to(_HERE):
        frame = frame.f_back
    caller = Path(frame.f_code.co_filename)
    return caller if caller.is_file() else None


def keep(source: Path | None, folder: Path) -> str | None:
    """Copy the source into the run's folder and return its name there.

    A notebook whose file is unknown is kept as `notebook.py`: the cells that ran so far. Raises OSError.
    """
    if source is not None:
        if redact.secret_file(source.name):
            return None
        shutil.copy2(source, folder / source.name)
        return source.name
    shell = _shell()
    if shell is None:
        return None
    cells = [str(cell).rstrip() for cell in shell.user_ns.get("In", []) if str(cell).strip()]
    (folder / "notebook.py").write_text("# %%\n" + "\n\n# %%\n".join(cells) + "\n", encoding="utf-8")
    return "notebook.py"


def _shell() -> Any:
    """IPython's shell, where this is a notebook or an IPython prompt; None elsewhere."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
