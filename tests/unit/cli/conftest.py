"""A folder of the starter and its bus, for commands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flows.topics.sqlite import SqliteTopics
from tests.command import Telltale

STARTER = Path(__file__).parents[3] / "flows" / "starter"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the starter's files, in which one stands; nothing of the environment's settings."""
    folder = tmp_path / "project"
    shutil.copytree(STARTER, folder)
    monkeypatch.chdir(folder)
    for name in ("TELLTALE_CONFIG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return folder


def without_people(folder: Path) -> None:
    """Leave of the starter's files what is about devices alone."""
    for name in ("sources", "identity", "look_ups"):
        (folder / f"{name}.yaml").unlink()
    for file in (folder / "rules").iterdir():
        if "\nstream: " not in file.read_text(encoding="utf-8"):
            file.unlink()
    streams = folder / "streams.yaml"
    streams.write_text(streams.read_text(encoding="utf-8").partition("\nevents:")[0] + "\n", encoding="utf-8")


@pytest.fixture
def bus(project: Path, telltale: Telltale) -> SqliteTopics:
    """The project's bus with all topics."""
    assert telltale("topics", "create").code == 0
    return SqliteTopics(project / "state" / "topics.db")
