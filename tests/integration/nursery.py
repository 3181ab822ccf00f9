"""Processes of the product as a test starts and kills them, forked by one that has all of it loaded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.integration.dying import Death

ROOT = Path(__file__).parents[2]
_LOOK_S = 0.01


class Birth(msgspec.Struct, frozen=True, tag="birth"):
    """The order for a process: which part, where what it says goes, how it dies, and the file of the test's hand.

    Unless it is `timely`, its clock and that of its bus are the test's.
    """

    part: str
    environment: dict[str, str]
    log: str
    hand: str
    death: Death | None = None
    timely: bool = True


class Question(msgspec.Struct, frozen=True, tag="question"):
    """How a process has ended: its return code as `subprocess` has it, None while it runs."""

    process: int


class Nursery:
    """Made by `a_nursery`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._pause = threading.Event()

    def start(self, birth: Birth) -> int:
        """Start a process and return its id."""
        found = self._ask(birth)
        assert found is not None
        return found

    def ended(self, process: int) -> int | None:
        """The return code of a process, None while it runs."""
        return self._ask(Question(process))

    def kill(self, process: int) -> None:
        """SIGKILL; when this returns the process is gone."""
        if self.ended(process) is None:
            os.kill(process, signal.SIGKILL)
        while self.ended(process) is None:
            self._pause.wait(_LOOK_S)

    def _ask(self, order: Birth | Question) -> int | None:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        process.stdin.flush()
        return msgspec.json.decode(process.stdout.readline(), type=int | None)


@contextmanager
def a_nursery() -> Iterator[Nursery]:
    """One that ends, with all that it started, at the end."""
    program = [sys.executable, "-m", "tests.integration.nursery_process"]
    with subprocess.Popen(program, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Nursery(process)
        assert process.stdin is not None
        process.stdin.close()
