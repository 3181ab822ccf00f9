"""The identity service as a process, with its database, and how far it has come."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import msgspec
import sqlalchemy as sa
from sqlalchemy import exc

from flows.ids import partition_of
from flows.schema import Identity
from load_tests.bus import held
from load_tests.crowd import TENANT_KEY, Message
from load_tests.legs import Ground
from load_tests.processes import Processes, processes
from load_tests.product import OWN_PARTITIONS, Product
from load_tests.register import NOBODY, crm_row

CASE = "identity"
_VAULT_KEY = "a secret of the vault, long enough"
_LOOK_S = 0.02
_TAKEN = sa.text("SELECT partition, next FROM consumed WHERE topic = :topic")
_WAITING = sa.text("SELECT count(*) FROM outbox")


class Taken(msgspec.Struct, frozen=True):
    """What came of some rows: wall and CPU time (s), entries published, and when (s) how many had been taken in."""

    rows: int
    wall_s: float
    cpu_s: float
    entries: int
    progress: list[tuple[float, int]]

    @property
    def rate(self) -> float:
        """Pieces of evidence a second."""
        return self.rows / max(self.wall_s, 0.001)

    @property
    def slowing(self) -> float:
        """How many times as long the last third took as the first."""
        third, begun = self.rows / 3, self.progress[0][1]
        ends = [next(at for at, done in self.progress if done - begun >= third * i) for i in (1, 2, 3)]
        return (ends[2] - ends[1]) / max(ends[0] - self.progress[0][0], 0.001)


class Identified:
    """The service with all around it, for as long as the block lasts; `url` is that of its database."""

    def __init__(self, ground: Ground, url: str) -> None:
        settings = (
            f'tenant_key = "{TENANT_KEY}"\n[identity]\ndatabase = "{url}"\nvault_key = "{_VAULT_KEY}"\n'
        )
        self._ground = ground
        self._product = Product(ground.bus, ground.folder, CASE, CASE, settings)
        self._topic = self._product.topics.source_records
        self._engine = sa.create_engine(url)

    def __enter__(self) -> Self:
        self._product.install(OWN_PARTITIONS)
        self._context = processes(self._product.folder / "logs")
        self._running: Processes = self._context.__enter__()
        self._running.start(CASE, self._product.command("run", CASE), self._product.environment)
        self.take([crm_row(NOBODY, 0)])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._engine.dispose()
        self._product.remove()

    def stop(self) -> None:
        """End the service."""
        self._context.__exit__(None, None, None)

    def take(self, rows: Iterable[Message]) -> Taken:
        """Let it have rows, all at once, and wait until they are in the database and on the bus."""
        sent = list(rows)
        wanted = self._ends_with(sent)
        release = held(self._ground.bus, self._topic, OWN_PARTITIONS, sent)
        begun, entries, cpu = sum(self._taken().values()), self.entries(), self._running.cpu_s()
        released = time.monotonic()
        progress = [(released, begun)]
        release()

        def all_taken() -> bool | None:
            time.sleep(_LOOK_S)  # the database is looked at: it tells nobody when it grows
            taken = self._taken()
            progress.append((time.monotonic(), sum(taken.values())))
            return (all(taken.get(p, 0) >= end for p, end in wanted.items()) and self._published()) or None

        self._running.wait_for(
            "Taking in evidence",
            self._ground.patience(10 * len(sent)),
            all_taken,
            lambda: f"{progress[-1][1] - begun} of {len(sent)} rows were taken in",
        )
        wall, cpu = time.monotonic() - released, self._running.cpu_s() - cpu
        return Taken(len(sent), wall, cpu, self.entries() - entries, progress)

    def whose(self, tokens: Iterable[str]) -> dict[str, str | None]:
        """By token who has it, as the topic says."""
        found = self._ground.bus.latest(self._product.topics.identity, tokens)
        return {key: msgspec.json.decode(value, type=Identity).customer for key, value in found.items()}

    def entries(self) -> int:
        """How many entries are on the topic `identity`."""
        return sum(self._ground.bus.ends(self._product.topics.identity))

    def _ends_with(self, sent: Iterable[Message]) -> dict[int, int]:
        """By partition the offset behind the last of some messages that are written now."""
        counts = Counter(partition_of(key, OWN_PARTITIONS) for key, _ in sent)
        # On Kafka a message that holds them back comes before them.
        ends = [end + (self._ground.bus.kind == "kafka") for end in self._ground.bus.ends(self._topic)]
        return {partition: ends[partition] + count for partition, count in counts.items()}

    def _taken(self) -> dict[int, int]:
        """By partition up to where the service has read; nothing before it has made its tables."""
        try:
            with self._engine.connect() as connection:
                return {row[0]: row[1] for row in connection.execute(_TAKEN, {"topic": self._topic})}
        except (exc.OperationalError, exc.ProgrammingError):
            return {}

    def _published(self) -> bool:
        with self._engine.connect() as connection:
            return not connection.execute(_WAITING).scalar()
