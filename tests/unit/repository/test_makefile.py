"""The Makefile on machines that are not as it wants them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def make(target: str, folder: Path, programs: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run make on a copy that has no environment yet, where only these programs are on the PATH."""
    binaries = folder / "bin"
    binaries.mkdir()
    for name, script in programs.items():
        (binaries / name).write_text(f"#!/bin/sh\n{script}\n")
        (binaries / name).chmod(0o755)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        [shutil.which("make") or "make", target],
        cwd=folder,
        env={**environment, "PATH": str(binaries), "PYTHON": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("target", ["demo", "test", "check", "bench"])
@pytest.mark.parametrize(
    "programs",
    [
        {},
        {"python3.12": "echo 'pyenv: python3.12: command not found' >&2; exit 127"},
        {"python3": f"exec {sys.executable} -c 'raise SystemExit(1)'", "python": "exit 1"},
    ],
    ids=["no python", "a shim that fails", "another version"],
)
def test_another_python_gets_one_plain_line(target: str, programs: dict[str, str], tmp_path: Path) -> None:
    """Without a Python that fits, one line says which is needed and how to name one; nothing is installed."""
    done = make(target, tmp_path, programs)
    assert done.returncode == 2
    lines = (done.stdout + done.stderr).strip().splitlines()
    assert len(lines) == 1
    assert "Telltale needs Python 3.11 or 3.12" in lines[0]
    assert "PYTHON=" in lines[0]
    assert not (tmp_path / ".venv").exists()


def test_the_first_python_that_runs_and_fits_is_taken(tmp_path: Path) -> None:
    """A candidate that fails is passed over, and the next one makes the environment."""
    asked = {
        "python3.12": "exit 127",
        "python3.11": f'case "$1" in -c) exec {sys.executable} "$@";; esac; echo "made with $*"; exit 1',
    }
    done = make("test", tmp_path, asked)
    assert "Making .venv with python3.11." in done.stdout
    assert "made with -m venv --clear .venv" in done.stdout


def test_the_constraints_pin_everything_and_name_no_host() -> None:
    """Each line pins one distribution, on both Pythons, and says nothing of where it was found."""
    text = (ROOT / "constraints.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert lines
    assert [line for line in lines if "==" not in line] == []
    assert "://" not in text
    assert "--" not in text


def test_each_target_is_explained() -> None:
    """What `make` can do stands at the head of the Makefile."""
    text = (ROOT / "Makefile").read_text()
    targets = text.split(".PHONY:")[1].splitlines()[0].split()
    assert [target for target in targets if f"#   make {target} " not in text] == []
