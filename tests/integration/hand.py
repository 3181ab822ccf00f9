"""What a test does to processes while they run: it moves their clocks, and says from when on they may die.

A file that the test and its processes have in their memory: nothing is asked, sent or waited for.
"""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path

PARTS = ("identity", "devices", "customers", "outbox")
_BEHIND = struct.Struct("<q")


class Hand:
    """One file; who opens it first makes it."""

    def __init__(self, path: Path) -> None:
        with path.open("a+b") as file:
            file.truncate(_BEHIND.size + len(PARTS))
            self._memory = mmap.mmap(file.fileno(), _BEHIND.size + len(PARTS))

    def now(self) -> int:
        """What the clocks of the processes say, ms."""
        return time.time_ns() // 1_000_000 - self.behind

    @property
    def behind(self) -> int:
        """How far (ms) these clocks are behind the wall clock."""
        return int(_BEHIND.unpack_from(self._memory)[0])

    @behind.setter
    def behind(self, behind: int) -> None:
        _BEHIND.pack_into(self._memory, 0, behind)

    def go_on_to(self, at: int) -> None:
        """Let the clocks say `at` (ms) from now on, unless it is later already."""
        self.behind = min(self.behind, time.time_ns() // 1_000_000 - at)

    def may_die(self, part: str) -> bool:
        """Whether the moments of a part are counted."""
        return bool(self._memory[_BEHIND.size + PARTS.index(part)])

    def let_die(self, part: str, may: bool) -> None:
        """Have the moments of a part counted, or not."""
        self._memory[_BEHIND.size + PARTS.index(part)] = may

    def close(self) -> None:
        """Let go of the file."""
        self._memory.close()
