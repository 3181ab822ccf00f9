"""Child processes that run together: their log lines are kept, and when one ends all are stopped.

A child holds the reading end of a pipe that only its parent writes to: when the parent is gone, however it went, the
pipe ends, and so does the child (`end_with_parent`).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import IO

from flows.errors import ProcessEnded

_KEPT_LINES = 20
_STOP_S = 10.0

OnLine = Callable[[str, str], None]
"""Takes the name of a child and one line it said."""


class Child:
    """One process with the last lines it said."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name, self.process = name, process
        self.lines: deque[str] = deque(maxlen=_KEPT_LINES)


class Children:
    """Processes that live and end together; used as a context, which stops them all."""

    def __init__(self, on_line: OnLine) -> None:
        self._on_line = on_line
        self._children: list[Child] = []
        self._threads: list[threading.Thread] = []
        self._one_ended = threading.Event()
        self._stopping = False

    def __enter__(self) -> Children:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start `telltale <arguments>` as a child that no Ctrl-C of the terminal reaches."""
        process = subprocess.Popen(  # noqa: S603 - this interpreter, with arguments of ours
            [sys.executable, "-m", "flows.cli", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=None if environment is None else dict(environment),
            start_new_session=True,
        )
        child = Child(name, process)
        thread = threading.Thread(target=self._follow, args=(child,), daemon=True)
        self._children.append(child)
        self._threads.append(thread)
        thread.start()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until a child ends, at most so long; raises ProcessEnded with its last lines."""
        if not self._one_ended.wait(seconds):
            return
        ended = next(child for child in self._children if child.process.poll() is not None)
        raise ProcessEnded(ended.name, ended.process.returncode, ended.lines)

    def stop(self) -> None:
        """Tell all to stop, wait for them, and kill who does not."""
        self._stopping = True
        for child in self._children:
            if child.process.poll() is None:
                child.process.terminate()
        for child in self._children:
            try:
                child.process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        for thread in self._threads:
            thread.join(_STOP_S)
        for child in self._children:
            _close(child.process.stdin)
            _close(child.process.stdout)

    def _follow(self, child: Child) -> None:
        """Hand on what a child says until it ends."""
        for line in child.process.stdout or ():
            if not self._stopping:
                child.lines.append(line.rstrip("\n"))
                # Who listened may be gone; the child is watched all the same.
                with contextlib.suppress(OSError):
                    self._on_line(child.name, line.rstrip("\n"))
        child.process.wait()
        self._one_ended.set()


def end_with_parent() -> None:
    """End this process as soon as its standard input does; it may be ended at any moment."""

    def wait() -> None:
        while os.read(0, 4096):  # not through sys.stdin, whose lock an ending interpreter wants
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def _close(pipe: IO[str] | None) -> None:
    if pipe is not None:
        pipe.close()
