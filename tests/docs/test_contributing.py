"""CONTRIBUTING.md and CHANGELOG.md say what is there, and all of it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.docs.markdown import blocks, rows

ROOT = Path(__file__).parents[2]
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
CHANGELOG = ROOT / "CHANGELOG.md"


def mapped() -> set[Path]:
    """All that the first column of the map names."""
    names = [name for first, *_ in rows(CONTRIBUTING, "The map of the house") for name in first]
    found = {name: set(ROOT.glob(name.rstrip("/"))) for name in names}
    assert [name for name, there in found.items() if not there] == []
    return set().union(*found.values())


def test_the_map_names_every_module_and_folder() -> None:
    """What a new module of `flows` is for can be read there, and nothing that is gone."""
    folders = {path.parent for path in (ROOT / "flows").glob("*/*") if path.parent.name != "__pycache__"}
    modules = {path for path in (ROOT / "flows").glob("*.py") if path.stem != "__init__"}
    others = {ROOT / "connectors", ROOT / "load_tests", ROOT / "tests"}
    assert mapped() == folders | modules | others


def test_the_paths_it_names_exist() -> None:
    """Whoever is sent to a file finds it."""
    text = CONTRIBUTING.read_text(encoding="utf-8")
    paths = re.findall(r"`?((?:flows|connectors|load_tests|tests)/[\w/.*]*[\w*/])", text)
    assert paths
    assert [path for path in paths if not any(ROOT.glob(path.rstrip("/")))] == []


def test_the_commands_it_shows_are_commands() -> None:
    """Targets of the Makefile, and programs and modules of the environment that it makes."""
    targets = set((ROOT / "Makefile").read_text().split(".PHONY:")[1].splitlines()[0].split())
    shown = [line for block in blocks(CONTRIBUTING) if block.language == "console" for line in block.lines]
    assert shown
    for line in shown:
        words = [word for word in line.split() if not word.startswith("TELLTALE_")]
        if words[0] == "make":
            assert words[1] in targets
        else:
            assert words[0] in (".venv/bin/pytest", ".venv/bin/python")


def test_the_changelog_knows_this_version() -> None:
    """The version of the distribution has its entry, the newest first."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    entries = re.findall(r"^## \[([^\]]+)\]", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
    assert entries[0] == version
