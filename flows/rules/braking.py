"""Brakes on the topic `rules`: silences and pauses, under the keys `<tenant>/brake/<id>`.

They lie beside the rule sets because every process that decides follows that topic already: a brake is in force within
an epoch, and a set that is published anew leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import structlog

from flows.schema import Brake, encode
from flows.topics.names import TopicNames
from flows.topics.port import Message, Reader, Topics, read_latest

_BATCH = 100

_log = structlog.get_logger(__name__)


class Brakes:
    """The brakes of one tenant as this process has read them; `poll` from one thread, read from any."""

    def __init__(self, topics: Topics, names: TopicNames, tenant: str, clock: Callable[[], int]) -> None:
        """`clock` gives ms since the epoch; raises TopicMissing at the first poll."""
        self._topics, self._topic, self._tenant, self._clock = topics, names.rules, tenant, clock
        self._found: dict[str, Brake] = {}
        self._readers: list[Reader] = []

    def poll(self) -> None:
        """Take in what is there now; the first call reads the topic to the end seen then."""
        if not self._readers:
            self._read_all()
        for reader in self._readers:
            while messages := reader.read(_BATCH):
                for message in messages:
                    self._take(message)

    def active(self, now: int | None = None) -> Sequence[Brake]:
        """Those that hold at a wall-clock time (ms; None is now), oldest first."""
        at = self._clock() if now is None else now
        held = (brake for brake in list(self._found.values()) if brake.until is None or at < brake.until)
        return sorted(held, key=lambda brake: (brake.at, brake.id))

    def close(self) -> None:
        """Let go of the readers."""
        for reader in self._readers:
            reader.close()
        self._readers = []

    def _read_all(self) -> None:
        readers: list[Reader] = []
        for partition in range(self._topics.partitions(self._topic)):
            latest, end = read_latest(self._topics, self._topic, partition)
            for message in latest.values():
                self._take(message)
            readers.append(self._topics.reader(self._topic, partition, end))
        self._readers = readers

    def _take(self, message: Message) -> None:
        prefix = f"{self._tenant}/brake/".encode()
        key = message.key or b""
        if not key.startswith(prefix):
            return
        name = key[len(prefix) :].decode(errors="replace")
        if message.value is None:
            self._found.pop(name, None)
            return
        try:
            self._found[name] = msgspec.json.decode(message.value, type=Brake)
        except msgspec.MsgspecError as error:
            _log.warning("a brake that cannot be read is left out", brake=name, reason=str(error))


def put_brake(topics: Topics, names: TopicNames, tenant: str, brake: Brake) -> None:
    """Write a brake; when it returns, the bus has it. Raises TopicMissing and DeliveryFailed."""
    _write(topics, names, tenant, brake.id, encode(brake))


def remove_brake(topics: Topics, names: TopicNames, tenant: str, brake: str) -> None:
    """Take a brake away, by its id; raises TopicMissing and DeliveryFailed."""
    _write(topics, names, tenant, brake, None)


def _write(topics: Topics, names: TopicNames, tenant: str, brake: str, value: bytes | None) -> None:
    writer = topics.writer()
    try:
        writer.write(names.rules, value, key=f"{tenant}/brake/{brake}".encode())
        writer.flush()
    finally:
        writer.close()
