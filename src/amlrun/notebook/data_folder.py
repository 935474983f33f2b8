"""Where the project keeps the files that a notebook reads under another path: below `data/`."""

from __future__ import annotations

from pathlib import Path

_LEVELS = 4  # how far above the script the project's data/ is looked for
_MOST = 5000  # files looked at, so that a folder of pictures does not hold a conversion up


def folder_with(files: list[str], script: Path) -> Path | None:
    """The only folder below the project's `data/` that has all `files` (relative paths); None when there is none."""
    root = next((up / "data" for up in [script, *script.parents][:_LEVELS] if (up / "data").is_dir()), None)
    if root is None or not files:
        return None
    found = set()
    for count, path in enumerate(root.rglob("*")):
        if count > _MOST:
            return None
        if path.as_posix().endswith(f"/{files[0]}") and path.is_file():
            folder = Path(path.as_posix()[: -len(files[0]) - 1])
            if all((folder / name).is_file() for name in files):
                found.add(folder)
    return found.pop() if len(found) == 1 else None
