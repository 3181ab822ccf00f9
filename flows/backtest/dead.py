"""What of an archive could not be read or taken, by reason, with the numbers of its first lines."""

from __future__ import annotations

import msgspec

_FIRST_LINES = 5


class Dead(msgspec.Struct):
    """The dead letters of one reason in one archive: how many, the numbers of the first lines, what the first says."""

    reason: str
    archive: str
    message: str
    count: int = 0
    lines: list[int] = []

    def add(self, line: int) -> None:
        """Count one more."""
        self.count += 1
        if len(self.lines) < _FIRST_LINES and line not in self.lines:
            self.lines.append(line)
