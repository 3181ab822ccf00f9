"""A terminal with a shell in it, in which a test types what a document tells its reader to type."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

PATIENCE_S = 120.0
_COLUMNS, _LINES = 100, 30
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# Before each prompt the shell says how the last command ended, between two characters that nothing else prints.
_PROMPT = re.compile("\x1e([0-9]+)\x1e")
_IN_A_TERMINAL_OF_ITS_OWN = """
import fcntl, os, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp("bash", ["bash", "--noprofile", "--norc", "--noediting", "-i"])
"""
_SAY_HOW_IT_ENDED = "printf '\\036%s\\036' $?"


class Terminal:
    """Bash in a terminal of 100 × 30; used as a context, which ends it with whatever runs in it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._own, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, _COLUMNS, 0, 0))
        echoless = termios.tcgetattr(theirs)
        echoless[3] &= ~termios.ECHO
        termios.tcsetattr(theirs, termios.TCSANOW, echoless)
        self._shell = subprocess.Popen(
            [sys.executable, "-c", _IN_A_TERMINAL_OF_ITS_OWN],
            cwd=folder,
            env={**environment, "PS1": "", "PROMPT_COMMAND": _SAY_HOW_IT_ENDED, "TERM": "dumb"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._text = ""
        self._await(_PROMPT)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shell.poll() is None:
            os.killpg(os.tcgetpgrp(self._own), signal.SIGTERM)
            self._shell.kill()
        self._shell.wait()
        os.close(self._own)

    def type(self, line: str) -> tuple[int, str]:
        """Type a line, and return its exit code and what it said, once it has ended."""
        self._write(f"{line}\n")
        return self._ended()

    def start(self, line: str, ready: str) -> str:
        """Type a line that goes on until it is interrupted, and return what it said up to a word."""
        self._write(f"{line}\n")
        return self._await(re.compile(re.escape(ready)))[0]

    def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C, and return what `type` returns."""
        self._write("\x03")
        return self._ended()

    def _ended(self) -> tuple[int, str]:
        said, prompt = self._await(_PROMPT)
        return int(prompt[1]), said

    def _write(self, text: str) -> None:
        os.write(self._own, text.encode())

    def _await(self, wanted: re.Pattern[str]) -> tuple[str, re.Match[str]]:
        """All up to what is wanted, and that; in one line, because a terminal breaks lines where it likes."""
        until = time.monotonic() + PATIENCE_S
        while (found := wanted.search(self._text)) is None:
            left = until - time.monotonic()
            assert left > 0, f"{wanted.pattern!r} did not come within {PATIENCE_S:g} s:\n{self._text}"
            if select.select([self._own], [], [], left)[0]:
                self._text += os.read(self._own, 65_536).decode(errors="replace")
        said, self._text = self._text[: found.start()], self._text[found.end() :]
        return " ".join(_CODES.sub("", said).split()), found
