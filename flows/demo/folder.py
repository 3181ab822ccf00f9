"""The demonstration's folder: the starter's files, made anew each time, so that one can look around in it after."""

from __future__ import annotations

import shutil
from pathlib import Path

from flows.errors import FolderTaken

_STARTER = Path(__file__).parents[1] / "starter"
_MARK = ".telltale-demo"


def make_folder(folder: Path) -> Path:
    """Make the folder anew and return its settings file; raises FolderTaken for one that is not a demonstration's."""
    if folder.exists():
        if not (folder / _MARK).exists() and any(folder.iterdir()):
            raise FolderTaken(str(folder))
        shutil.rmtree(folder)
    shutil.copytree(_STARTER, folder)
    (folder / _MARK).touch()
    return folder / "telltale.toml"
