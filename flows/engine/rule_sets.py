"""The step that keeps a process's rule sets fresh: present on every worker, one of them polls, none emits.

The source object is one of its process and shared by the worker threads, so a lock in it is enough.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import structlog
from bytewax.inputs import DynamicSource, StatelessSourcePartition

from flows.engine.clock import LONGEST_SLEEP_MS, moment
from flows.engine.messages import UNWATCHED, Item, Watch
from flows.engine.told import told
from flows.errors import TelltaleError

_log = structlog.get_logger(__name__)


class Polled(Protocol):
    """Something that reads a topic when asked, such as the rule sets."""

    def poll(self) -> object:
        """Take in what is new, without waiting."""
        ...


class PollPartition(StatelessSourcePartition[Item]):
    """Of one worker; only the first of a process has something to poll."""

    def __init__(self, polled: Polled | None, every_ms: int, watch: Watch) -> None:
        self._polled = polled
        self._every = every_ms
        self._watch = watch
        self._last = watch.clock()

    def next_batch(self) -> list[Item]:
        """Poll when it is time, and emit nothing; a bus that is silent, or a broken set, leaves the old in force."""
        if self._watch.stopping():
            raise StopIteration
        now = self._watch.clock()
        if self._polled is not None and now - self._last >= self._every:
            self._last = now
            try:
                self._polled.poll()
            except TelltaleError as error:
                _log.warning("the rule set in force stays", reason=str(error))
        return []

    def next_awake(self) -> datetime | None:
        """Every 10 ms, so that no epoch waits for it."""
        return moment(self._watch.clock() + LONGEST_SLEEP_MS)


class PollSource(DynamicSource[Item]):
    """Polls at most every `every_ms`, and once before any worker goes on: no item meets an empty set.

    `on_workers` is told once a process how many workers the flow has in all.
    """

    def __init__(
        self,
        polled: Polled,
        every_ms: int = 500,
        watch: Watch = UNWATCHED,
        on_workers: Callable[[int], None] | None = None,
    ) -> None:
        self._polled = polled
        self._every = every_ms
        self._watch = watch
        self._on_workers = on_workers
        self._lock = threading.Lock()
        self._taken = False

    def build(
        self,
        step_id: str,
        worker_index: int,
        worker_count: int,
    ) -> PollPartition:
        """The first worker of this process gets the task; raises what the first poll raises."""
        with self._lock, told(step_id, str(worker_index)):
            if self._taken:
                return PollPartition(None, self._every, self._watch)
            self._polled.poll()
            self._taken = True
            if self._on_workers is not None:
                self._on_workers(worker_count)
            return PollPartition(self._polled, self._every, self._watch)
