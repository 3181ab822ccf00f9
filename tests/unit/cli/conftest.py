"""The command line as a person meets it: arguments in, exit code and both outputs back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from flows.cli import main
from flows.topics.sqlite import SqliteTopics

STARTER = Path(__file__).parents[3] / "flows" / "starter"


class Said(msgspec.Struct, frozen=True):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of standard output."""
        return self.out.splitlines()


Telltale = Callable[..., Said]


@pytest.fixture
def telltale(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Telltale:
    """Runs the real entry point with arguments."""

    def run(*arguments: str | Path) -> Said:
        monkeypatch.setattr("sys.argv", ["telltale", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else int(left.code is not None)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Said(code, out, err)

    return run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the starter's files, in which one stands; nothing of the environment's settings."""
    folder = tmp_path / "project"
    shutil.copytree(STARTER, folder)
    monkeypatch.chdir(folder)
    for name in ("TELLTALE_CONFIG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def bus(project: Path, telltale: Telltale) -> SqliteTopics:
    """The project's bus with all topics."""
    assert telltale("topics", "create").code == 0
    return SqliteTopics(project / "state" / "topics.db")
