"""The outbox folder: one file an action, whole or not there, under a name that a repeat comes out with again."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from flows.errors import OutboxUnwritable
from flows.schema import Action

_PART = ".part"


class Folder:
    """`<kind>/<date>-<action id>.txt` below a root; the only writer of it. Raises OutboxUnwritable."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._changed: set[Path] = set()
        try:
            root.mkdir(parents=True, exist_ok=True)
            for left in root.glob(f"*/.*{_PART}"):  # by a process that was killed while it wrote
                left.unlink()
        except OSError as error:
            raise OutboxUnwritable(str(root), str(error)) from error

    def reference(self, action: Action) -> str:
        """The path of an action's file below the root; it depends on nothing but the action."""
        return f"{action.kind}/{_date(action.at)}-{action.id}.txt"

    def has(self, action: Action) -> bool:
        """Whether the action's file is there, and so is whole."""
        return (self._root / self.reference(action)).exists()

    def put(self, action: Action, text: str) -> str:
        """Write an action's file and return its reference; certain after `settle`."""
        reference = self.reference(action)
        path = self._root / reference
        part = path.with_name(f".{path.name}{_PART}")
        try:
            if not path.parent.exists():
                path.parent.mkdir(exist_ok=True)
                self._changed.add(self._root)
            with part.open("w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise OutboxUnwritable(str(path), str(error)) from error
        self._changed.add(path.parent)
        return reference

    def settle(self) -> None:
        """Make the names of all files put so far outlive a power cut."""
        for directory in sorted(self._changed):
            try:
                descriptor = os.open(directory, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
            except OSError as error:
                raise OutboxUnwritable(str(directory), str(error)) from error
        self._changed.clear()


def _date(at: int) -> str:
    """The UTC date of an event time (ms); what no calendar holds has none."""
    try:
        return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return "undated"
