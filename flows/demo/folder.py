"""The demonstration's folder: the starter's files, made anew each time, so that one can look around in it after."""

from __future__ import annotations

import shutil
from pathlib import Path

from flows.errors import FolderTaken

_STARTER = Path(__file__).parents[1] / "starter"
_MARK = ".telltale-demo"
_TABLE = "[identity]"


def make_folder(folder: Path, vault_key: str) -> Path:
    """Make the folder anew, with a key for its vault, and return its settings file.

    Raises FolderTaken for one that is not a demonstration's.
    """
    if folder.exists():
        if not (folder / _MARK).exists() and any(folder.iterdir()):
            raise FolderTaken(str(folder))
        shutil.rmtree(folder)
    shutil.copytree(_STARTER, folder)
    (folder / _MARK).touch()
    file = folder / "telltale.toml"
    text = file.read_text(encoding="utf-8")
    table = "" if f"\n{_TABLE}\n" in text else f"\n{_TABLE}\n"
    key = f'{_TABLE}\nvault_key = "{vault_key}"        # of this demonstration alone\n'
    file.write_text((text + table).replace(f"{_TABLE}\n", key, 1), encoding="utf-8")
    return file
