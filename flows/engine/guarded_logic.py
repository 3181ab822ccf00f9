"""Guards the state of a team's stateful operator: a value that cannot be taken leaves the state as it was.

State that comes back at a start says nothing of its own accord in the first epoch. There what was published is folded
in, which a timer that is due at once, or the end of the input, would outrun: what it gives would be decided anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from bytewax.operators import StatefulBatchLogic  # pyright: ignore[reportMissingTypeStubs]

from flows.engine.blame import Blame
from flows.engine.clock import LONGEST_SLEEP_MS, Clock, moment, wall_clock
from flows.engine.told import told

Logic = StatefulBatchLogic[Any, Any, Any]


class GuardedLogic(StatefulBatchLogic[Any, Any, Any]):
    """One key; what is not about a value (a snapshot, a timer) stops the flow with the step named in the log."""

    def __init__(
        self,
        build: Callable[[Any], Logic],
        blame: Blame,
        step_id: str,
        resume: Any,
        clock: Clock = wall_clock,
    ) -> None:
        self._build, self._blame, self._clock = build, blame, clock
        self._waits = resume is not None
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
        """As the logic says, but not before the first epoch's end."""
        if self._logic is None:
            return (), StatefulBatchLogic.DISCARD
        if self._waits:
            return (), StatefulBatchLogic.RETAIN
        with told(self._name, self._step_id):
            return self._timed(self._logic.on_notify())

    def on_eof(self) -> tuple[Iterable[Any], bool]:
        """As the logic says; in the first epoch it keeps what it has for the next start."""
        if self._logic is None:
            return (), StatefulBatchLogic.DISCARD
        if self._waits:
            return (), StatefulBatchLogic.RETAIN
        with told(self._name, self._step_id):
            return self._timed(self._logic.on_eof())

    def notify_at(self) -> datetime | None:
        """As the logic says; asked again and again while it has to wait, since only what was awake has a snapshot."""
        if self._logic is None:
            return None
        with told(self._name, self._step_id):
            at = self._logic.notify_at()
        if at is None or not self._waits:
            return at
        return max(at, moment(self._clock() + LONGEST_SLEEP_MS))

    def snapshot(self) -> Any:
        """As the logic says; an epoch ends with it, and what was published is folded in."""
        self._waits = False
        if self._logic is None:
            raise RuntimeError("a key without state was asked for it")
        with told(self._name, self._step_id):
            return self._logic.snapshot()
