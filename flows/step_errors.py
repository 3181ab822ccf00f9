"""Errors of a team's own code: where in their files one arose, and the words in which it is told."""

from __future__ import annotations

import traceback
from pathlib import Path

import structlog

_log = structlog.get_logger(__name__)
_MOST_TOLD = 100
_MOST_TEXT = 1000


def own_line(error: BaseException, file: Path) -> tuple[Path, int] | None:
    """The innermost line of the files in the folder of `file` on the way to an error."""
    frames = traceback.walk_tb(error.__traceback__)
    own = [(Path(frame.f_code.co_filename), line) for frame, line in frames]
    own = [one for one in own if one[0].is_relative_to(file.parent) and "site-packages" not in one[0].parts]
    return own[-1] if own else None


class StepErrors:
    """Names one step of a steps file in errors; each place in it is logged once, and counted in the dead letters."""

    def __init__(self, point: str, file: Path | None) -> None:
        self.point, self.file = point, file
        self._told: set[str] = set()

    def tell(self, error: Exception) -> str:
        """Log an error, and return it in words: `actions step, steps.py:12: ZeroDivisionError: division by zero`."""
        where = f"{self.point} step, {self._place(error)}: {type(error).__name__}"
        message = f"{where}: {error}"[:_MOST_TEXT]
        if where not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(where)
            _log.error(message, why="what it cannot take goes to the dead letters; this place is told once")
        return message

    def _place(self, error: Exception) -> str:
        """`steps.py:12`; `steps.py` when it arose in none of the team's lines."""
        if self.file is None:
            return "in no file"
        found = own_line(error, self.file)
        return self.file.name if found is None else f"{found[0].name}:{found[1]}"
