"""Child processes that run together: their log lines are kept, and when one ends all are stopped.

A child holds the reading end of a pipe that only its parent writes to: when the parent is gone, however it went, the
pipe ends, and so does the child (`end_with_parent`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import IO

from flows.errors import ProcessEnded

_KEPT_LINES = 20
_KEPT_PANIC_LINES = 1000
_STOP_S = 10.0

# What Rust prints around an error of Python's that goes through Bytewax: the header, a line, and where it was.
_PANIC = re.compile(r"thread '.*' (\(\d+\) )?panicked at ")
_PANIC_GOES_ON = re.compile(r"stack backtrace:$| +\d+: | +at |note: |$")
# With these a child has said itself, in a paragraph, why it ended.
_SAID_ITSELF = (2, 3)
_log = logging.getLogger(__name__)

OnLine = Callable[[str, str], None]
"""Takes the name of a child and one line it said."""


class Panics:
    """What Rust says when it panics, told from the other lines of a process."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._inside = False

    def take(self, line: str) -> bool:
        """Keep the next line if it belongs to a panic, whose second line may say anything."""
        begins = _PANIC.match(line) is not None
        second = self._inside and _PANIC.match(self.lines[-1]) is not None
        self._inside = begins or second or (self._inside and _PANIC_GOES_ON.match(line) is not None)
        if self._inside:
            self.lines.append(line)
            del self.lines[:-_KEPT_PANIC_LINES]
        return self._inside


class Child:
    """One process with the last lines it said, and apart from them its panics."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name, self.process = name, process
        self.lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self.panics = Panics()


class Children:
    """Processes that live and end together; used as a context, which stops them all.

    `on_line` takes what they say, and `shown` says that a person reads it there. Around an error that a child tells
    itself, what Rust says of it goes to the log of this process, at debug.
    """

    def __init__(self, on_line: OnLine, shown: bool = False) -> None:
        self._on_line = on_line
        self._shown = shown
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
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = ("-m", "flows.cli"),
    ) -> None:
        """Start `telltale <arguments>` as a child that no Ctrl-C of the terminal reaches."""
        process = subprocess.Popen(  # noqa: S603 - this interpreter, with arguments of ours
            [sys.executable, *program, *arguments],
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
        raise ProcessEnded(ended.name, ended.process.returncode, ended.lines, self._shown)

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
            said = line.rstrip("\n")
            if not child.panics.take(said):
                self._hand_on(child, said)
        code = child.process.wait()
        for said in child.panics.lines:
            if code in _SAID_ITSELF:
                _log.debug("%s: %s", child.name, said)
            else:
                self._hand_on(child, said)
        self._one_ended.set()

    def _hand_on(self, child: Child, said: str) -> None:
        """Keep a line and show it, unless all are being stopped."""
        if self._stopping:
            return
        child.lines.append(said)
        # Who listened may be gone; the child is watched all the same.
        with contextlib.suppress(OSError):
            self._on_line(child.name, said)


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
