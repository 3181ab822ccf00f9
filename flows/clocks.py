"""The Clock of a process: up to when (event time) all that happened has been handled everywhere.

Being behind must never look like silence: nothing that waits for a time goes by the wall clock. Whoever reads a source
partition notes on the topic `clocks` how far it is, once what it read is handled and on disk: a lower bound for ever.
The Clock is the least of what every expected partition noted since this process started, and adds nothing to it, so
that one that is silent stops it.

What another process noted says that all it caused is on our own topics, not that we have read it. So it counts once
each partition of our own has been read up to the moment in which the note was heard.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

import msgspec
import structlog

from flows.errors import TelltaleError
from flows.topics.port import Reader, Topics, Writer

_BATCH = 1_000

_log = structlog.get_logger(__name__)


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """The value on `clocks`: `at` (ms) is the event time up to which all is handled.

    `read` (ms) is the time up to which all that was appended has been read: the partition's own order of things.
    """

    at: int
    read: int | None = None


def clock_name(process: str, topic: str, partition: int) -> str:
    """The key on `clocks` of one source partition of `devices`, `customers` or `identity`."""
    return f"{process}:{topic}/{partition}"


class ClockWriter:
    """Writes the notes of one process; never fails who notes: a note that is lost only stops Clocks for a while."""

    def __init__(self, topics: Topics, clocks: str, process: str) -> None:
        self._topics, self._clocks, self._process = topics, clocks, process
        self._writer: Writer | None = None
        self._lock = threading.Lock()

    def tell(self, topic: str, partition: int, note: Note) -> None:
        """Note how far a partition is; all before must be handled and on disk."""
        key = clock_name(self._process, topic, partition).encode()
        try:
            with self._lock:
                if self._writer is None:
                    self._writer = self._topics.writer()
                self._writer.write(self._clocks, msgspec.json.encode(note), key=key)
                self._writer.poll()
        except TelltaleError as error:
            _log.warning("clock not noted", topic=topic, partition=partition, reason=str(error))


class Expected(msgspec.Struct, frozen=True):
    """Whose notes the Clock waits for: `own` are of this flow, `others` of processes that write what it reads."""

    own: frozenset[str]
    others: frozenset[str] = frozenset()


class Clock:
    """The least of what all expected partitions have noted; unknown names are ignored, and it never goes back."""

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._now: int | None = None
        self._at: dict[str, int] = {}
        self._read: dict[str, int] = {}
        self._coming: dict[str, list[tuple[int, int]]] = {}

    def expect(self, expected: Expected) -> None:
        """Wait for these from now on; the Clock stands still until those that are new have noted something."""
        self._expected = expected
        known = expected.own | expected.others
        for kept in (self._at, self._read, self._coming):
            for name in kept.keys() - known:
                del kept[name]

    def hear(self, name: str, note: Note, heard: int) -> None:
        """Take in a note; `heard` (ms, wall clock) is a moment at which it was on the topic."""
        if name in self._expected.own:
            self._at[name] = max(note.at, self._at.get(name, note.at))
            if note.read is not None:
                self._read[name] = max(note.read, self._read.get(name, note.read))
        elif name in self._expected.others:
            coming = self._coming.setdefault(name, [])
            # The first goes on waiting, all after it together: what was true stays true.
            at = max([note.at, *(at for _, at in coming[1:])])
            coming[1:] = [(heard, at)]

    def now(self) -> int | None:
        """Up to when all has been handled (ms); None until each has noted something."""
        self._take_others()
        if self._at.keys() >= self._expected.own | self._expected.others:
            least = min(self._at.values(), default=None)
            if least is not None:
                self._now = max(least, self._now or least)
        return self._now

    def holders(self) -> list[str]:
        """The names that hold the Clock back: those silent so far, else those furthest behind; sorted."""
        silent = (self._expected.own | self._expected.others) - self._at.keys() - self._coming.keys()
        if silent:
            return sorted(silent)
        kept = self._at
        if self._coming.keys() - self._at.keys():  # what others noted waits for our own to be read
            kept = {name: self._read.get(name, 0) for name in self._expected.own}
        least = min(kept.values(), default=0)
        return sorted(name for name, at in kept.items() if at == least)

    def _take_others(self) -> None:
        """Let count what was noted before all of our own was read up to then."""
        if not self._coming or self._read.keys() < self._expected.own:
            return
        read = min(self._read.values(), default=0)
        for name, coming in self._coming.items():
            while coming and coming[0][0] <= read:
                at = coming.pop(0)[1]
                self._at[name] = max(at, self._at.get(name, at))


class ClockReader:
    """Hears what is noted from now on, for one Clock; raises TopicMissing."""

    def __init__(self, topics: Topics, clocks: str, clock: Clock) -> None:
        self.clock = clock
        ends = [topics.bounds(clocks, p).end for p in range(topics.partitions(clocks))]
        self._readers: list[Reader] = [topics.reader(clocks, p, end) for p, end in enumerate(ends)]

    def poll(self, heard: int) -> None:
        """Take in what is there now, without waiting; `heard` is the wall clock (ms)."""
        for reader in self._readers:
            while messages := reader.read(_BATCH):
                for message in messages:
                    self._take(message.key, message.value, heard)

    def close(self) -> None:
        """Let go of the readers."""
        for reader in self._readers:
            reader.close()

    def _take(self, key: bytes | None, value: bytes | None, heard: int) -> None:
        try:
            name, note = (key or b"").decode(), msgspec.json.decode(value or b"", type=Note)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            _log.warning("a note on the clocks cannot be read", reason=str(error))
        else:
            self.clock.hear(name, note, heard)


def expected_of(process: str, partitions: Iterable[tuple[str, int]]) -> frozenset[str]:
    """The names of all partitions of topics (with their count) that one process reads."""
    return frozenset(clock_name(process, topic, p) for topic, count in partitions for p in range(count))
