"""Guards the state of a team's stateful operator: a value that cannot be taken leaves the state as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from bytewax.operators import StatefulBatchLogic  # pyright: ignore[reportMissingTypeStubs]

from flows.engine.blame import Blame
from flows.engine.told import told

Logic = StatefulBatchLogic[Any, Any, Any]


class GuardedLogic(StatefulBatchLogic[Any, Any, Any]):
    """One key; what is not about a value (a snapshot, a timer) stops the flow with the step named in the log."""

    def __init__(self, build: Callable[[Any], Logic], blame: Blame, step_id: str, resume: Any) -> None:
        self._build, self._blame = build, blame
        self._name, self._step_id = f"{blame.point} step", step_id
        self._logic: Logic | None = None
        if resume is not None:
            with told(self._name, step_id):
                self._logic = build(resume)

    def on_batch(self, values: list[Any]) -> tuple[Iterable[Any], bool]:
        """Each value by itself, so that a failing one costs itself alone."""
        out: list[Any] = []
        for value in values:
            out += self._take(value)
        return out, self._logic is None

    def _take(self, value: Any) -> list[Any]:
        logic = self._logic
        try:
            used = self._build(None) if logic is None else logic
            found, over = used.on_batch([value])
            found = list(found)
        except Exception as error:  # noqa: BLE001 - the team's code, of which no error may end the flow
            return [self._blame.failed(value, error)]
        self._logic = None if over else used
        return found

    def _timed(self, found: tuple[Iterable[Any], bool]) -> tuple[list[Any], bool]:
        out, over = list(found[0]), found[1]
        if over:
            self._logic = None
        return out, over

    def on_notify(self) -> tuple[Iterable[Any], bool]:
        """As the logic says."""
        if self._logic is None:
            return (), StatefulBatchLogic.DISCARD
        with told(self._name, self._step_id):
            return self._timed(self._logic.on_notify())

    def on_eof(self) -> tuple[Iterable[Any], bool]:
        """As the logic says."""
        if self._logic is None:
            return (), StatefulBatchLogic.DISCARD
        with told(self._name, self._step_id):
            return self._timed(self._logic.on_eof())

    def notify_at(self) -> datetime | None:
        """As the logic says."""
        if self._logic is None:
            return None
        with told(self._name, self._step_id):
            return self._logic.notify_at()

    def snapshot(self) -> Any:
        """As the logic says."""
        if self._logic is None:
            raise RuntimeError("a key without state was asked for it")
        with told(self._name, self._step_id):
            return self._logic.snapshot()
