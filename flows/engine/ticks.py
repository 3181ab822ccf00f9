"""Ticks: the one way in which time reaches a bucket, and with it the news that another rule set is in force.

An input step present on every worker; one of them in each process keeps the Clock, and wakes the buckets of its process
whose earliest due has passed on it. A tick is an item like any other, so what it decides lies in an epoch, too.
Bytewax's own notifications are of no use for it: they go by the wall clock, and fire before anything is folded in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import msgspec
import structlog
from bytewax.inputs import DynamicSource, StatelessSourcePartition

from flows.clocks import Clock, ClockReader, Expected
from flows.engine.clock import LONGEST_SLEEP_MS, moment
from flows.engine.messages import UNWATCHED, Item, Watch
from flows.engine.told import told
from flows.errors import TelltaleError

_EVERY_MS = 100
_STILL_MS = 60_000
# So many buckets at once take up a new rule set: each looks through all its customers.
_AT_ONCE = 8

_log = structlog.get_logger(__name__)


class _Known(msgspec.Struct):
    """Of one bucket: when it is due (ms), its rule set, and what it was sent and has not handled."""

    due: int | None
    rules: int
    ticked: bool = False
    told: int | None = None


class Dues:
    """Of one process: when each of its buckets is next due, and which rule set it has taken up."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def note(self, key: str, due: int | None, rules: int) -> None:
        """A bucket is built, or has handled a batch."""
        with self._lock:
            known = self._known.get(key)
            if known is None:
                self._known[key] = _Known(due, rules)
                return
            known.due, known.rules, known.ticked = due, rules, False

    def due_by(self, now: int) -> list[str]:
        """The buckets due by `now` (ms); one that is asked is not asked again before it has handled something."""
        with self._lock:
            found = [
                (k, b) for k, b in self._known.items() if not b.ticked and b.due is not None and b.due <= now
            ]
            for _, known in found:
                known.ticked = True
            return [key for key, _ in found]

    def behind(self, rules: int) -> list[str]:
        """A few of the buckets that have not taken up the rule set of this number, each once."""
        with self._lock:
            under_way = sum(b.told == rules and b.rules != rules for b in self._known.values())
            found = [(k, b) for k, b in self._known.items() if rules not in (b.rules, b.told)]
            found = found[: max(0, _AT_ONCE - under_way)]
            for _, known in found:
                known.told = rules
            return [key for key, _ in found]


class Ticking(msgspec.Struct, frozen=True, kw_only=True):
    """What the step is made of.

    `open_clock` begins to hear for a Clock, `expected` says whose notes count for the rule set in force, `rules` is
    that set's number; `tick` and `rules_changed` make the items of a time (ms) and of a number. `on_lag` is told how
    far (s) the Clock is behind the wall clock.
    """

    open_clock: Callable[[Clock], ClockReader]
    expected: Callable[[], Expected]
    rules: Callable[[], int]
    dues: Dues
    tick: Callable[[int], object]
    rules_changed: Callable[[int], object]
    on_lag: Callable[[float], None]


class TickPartition(StatelessSourcePartition[Item]):
    """Of one worker; only the first of a process has something to tell."""

    def __init__(self, ticking: Ticking | None, watch: Watch) -> None:
        self._ticking, self._watch = ticking, watch
        self._last = self._moved = self._said = watch.clock()
        self._now: int | None = None
        if ticking is not None:
            self._rules = ticking.rules()
            self._reader = ticking.open_clock(Clock(ticking.expected()))

    def next_batch(self) -> list[Item]:
        """About every 100 ms what is due, and who has to take up other rules."""
        if self._watch.stopping():
            raise StopIteration
        wall = self._watch.clock()
        if self._ticking is None or wall - self._last < _EVERY_MS:
            return []
        self._last = wall
        with told("ticks"):
            return self._items(self._ticking, wall)

    def next_awake(self) -> datetime | None:
        """Every 10 ms, so that no epoch waits for it."""
        return moment(self._watch.clock() + LONGEST_SLEEP_MS)

    def close(self) -> None:
        """Let go of the readers."""
        if self._ticking is not None:
            self._reader.close()

    def _items(self, ticking: Ticking, wall: int) -> list[Item]:
        rules, clock = ticking.rules(), self._reader.clock
        try:
            if rules != self._rules:
                clock.expect(ticking.expected())
                self._rules = rules
            self._reader.poll(wall)
        except TelltaleError as error:
            _log.warning("the Clock cannot be read", reason=str(error))
        items: list[Item] = []
        if self._watch.bound is None or self._watch.bound:
            items += [(key, ticking.rules_changed(rules)) for key in ticking.dues.behind(rules)]
        now = clock.now()
        if now is not None:
            items += [(key, ticking.tick(now)) for key in ticking.dues.due_by(now)]
        self._tell(ticking, wall, now)
        return items

    def _tell(self, ticking: Ticking, wall: int, now: int | None) -> None:
        """How far the Clock is behind; once a minute who holds it back, when it stands still."""
        if now != self._now:
            self._now, self._moved, self._said = now, wall, wall
        ticking.on_lag((wall - (self._moved if now is None else now)) / 1000)
        if wall - self._said >= _STILL_MS:
            self._said = wall
            _log.warning(
                "the Clock stands still, so nothing that waits for a time is decided",
                seconds=(wall - self._moved) // 1000,
                held_back_by=self._reader.clock.holders(),
            )


class TickSource(DynamicSource[Item]):
    """One worker of each process has the task."""

    def __init__(self, ticking: Ticking, watch: Watch = UNWATCHED) -> None:
        self._ticking: Ticking | None = ticking
        self._watch = watch
        self._lock = threading.Lock()

    def build(
        self,
        step_id: str,
        worker_index: int,
        worker_count: int,  # noqa: ARG002 - it is one of a process, however many there are
    ) -> TickPartition:
        """The first worker of this process gets the task; raises TopicMissing."""
        with self._lock, told(step_id, str(worker_index)):
            mine, self._ticking = self._ticking, None
            return TickPartition(mine, self._watch)
