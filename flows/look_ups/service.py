"""The process that asks: questions are taken from their topic, answered many at once, and committed in their order.

A question that was under way at a kill is asked again; its answer may come twice, and the second changes nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from flows.documents import Mistakes, read_file
from flows.errors import LookUpsMissing
from flows.look_up_files import AskedSystem, read_look_ups
from flows.look_ups.asking import Asking
from flows.look_ups.systems import system_of
from flows.metrics import Metrics
from flows.schema import Answer, DeadLetter, LookUp, encode
from flows.settings import Settings
from flows.topics.names import TopicNames
from flows.topics.port import Message, Subscription, Topics, Writer

GROUP = "telltale-look-ups"
# More than any one system may have waiting (MOST_WAITING), so that no slow one keeps questions to others unread.
_MOST_UNDER_WAY = 50_000
_BATCH = 200
_WAIT_S = 0.1
_MEMBER = "look-ups"

T = TypeVar("T")

_log = structlog.get_logger(__name__)


def declared_systems(settings: Settings) -> dict[str, AskedSystem]:
    """What `look_ups.yaml` declares; raises RulesWrong, and LookUpsMissing when there is nothing."""
    path, mistakes = settings.path(settings.look_ups), Mistakes()
    document = read_file(path, str(path), mistakes) if path.exists() else None
    found = {} if document is None else read_look_ups(document, mistakes)
    mistakes.raise_any()
    if not found:
        raise LookUpsMissing(str(path))
    return found


def run_look_ups(
    settings: Settings,
    topics: Topics,
    clock: Callable[[], int],
    stop: threading.Event,
    *,
    metrics: Metrics,
    environment: Mapping[str, str],
) -> None:
    """Answer questions until `stop` is set; `clock` gives the wall clock in ms.

    Raises LookUpsMissing, RulesWrong, SettingsWrong for a variable of the environment that is missing or wrong,
    TopicMissing.
    """
    names, at_once = TopicNames(settings.topics.prefix), settings.look_up.at_once
    declared, folder = declared_systems(settings), settings.path(".")
    Answering(topics, names, declared, environment, clock, at_once, metrics, folder).run(stop)


class Answering:
    """One process of `telltale run look-ups`; `clock` gives the wall clock in ms."""

    def __init__(
        self,
        topics: Topics,
        names: TopicNames,
        declared: Mapping[str, AskedSystem],
        environment: Mapping[str, str],
        clock: Callable[[], int],
        at_once: int,
        metrics: Metrics,
        folder: Path = Path(),
    ) -> None:
        """Files of databases are taken from `folder`."""
        self._topics, self._names, self._declared = topics, names, declared
        self._clock, self._at_once, self._metrics = clock, at_once, metrics
        self._environment, self._folder = environment, folder
        # One thread for all that touches the bus, whose connections belong to the thread that made them.
        self._bus = ThreadPoolExecutor(1, thread_name_prefix="bus")
        self._under_way: dict[asyncio.Task[Answer | DeadLetter], Message] = {}
        self._done = _Offsets()

    def run(self, stop: threading.Event) -> None:
        """Answer until `stop` is set; raises TopicMissing, DeliveryFailed, and SettingsWrong as `system_of`."""
        try:
            asyncio.run(self._run(stop))
        finally:
            self._bus.shutdown()

    async def _run(self, stop: threading.Event) -> None:
        systems = {
            name: system_of(each, self._environment, self._folder) for name, each in self._declared.items()
        }
        asking = Asking(self._declared, systems, self._clock, self._at_once)
        group = self._names.group(GROUP)
        subscription = await self._on_bus(
            lambda: self._topics.subscribe(group, [self._names.look_ups], member=_MEMBER)
        )
        writer = await self._on_bus(self._topics.writer)
        try:
            while not stop.is_set():
                await self._take(asking, subscription)
                await self._give(subscription, writer)
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)
            for system in systems.values():
                await system.close()
            await self._on_bus(writer.close)
            await self._on_bus(subscription.close)

    async def _take(self, asking: Asking, subscription: Subscription) -> None:
        """Begin with what is asked, unless too much is under way."""
        if len(self._under_way) >= _MOST_UNDER_WAY:
            await asyncio.wait(self._under_way, timeout=_WAIT_S, return_when=asyncio.FIRST_COMPLETED)
            return
        for message in await self._on_bus(lambda: subscription.poll(_BATCH, _WAIT_S)):
            self._done.begin(message)
            self._under_way[asyncio.create_task(self._one(asking, message))] = message

    async def _one(self, asking: Asking, message: Message) -> Answer | DeadLetter:
        try:
            question = msgspec.json.decode(message.value or b"", type=LookUp)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return DeadLetter(
                topic=message.topic, partition=message.partition, offset=message.offset,
                reason=type(error).__name__, message=str(error)[:1000], value=message.value or b"", key=message.key,
            )  # fmt: skip
        return await asking.answer(question)

    async def _give(self, subscription: Subscription, writer: Writer) -> None:
        """Write what is answered, wait until the bus has it, and commit up to the first that is not."""
        ready = [task for task in self._under_way if task.done()]
        if not ready:
            return
        found = [(self._under_way.pop(task), task.result()) for task in ready]

        def write() -> None:
            for message, said in found:
                if isinstance(said, DeadLetter):
                    writer.write(self._names.dead_letters, said.value, key=said.key, headers=said.headers())
                else:
                    writer.write(self._names.answers, encode(said), key=said.customer.encode())
                self._done.end(message)
            writer.flush()
            subscription.commit(self._done.commit())

        await self._on_bus(write)
        for _, said in found:
            if isinstance(said, DeadLetter):
                self._metrics.dead_letters.labels(reason=said.reason).inc()
                _log.warning("question malformed", why=said.message)
            else:
                self._metrics.answers.labels(status=said.status).inc()

    async def _on_bus(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._bus, work)


class _Offsets:
    """Which messages of each partition are begun and not yet answered, so that no commit passes one of them."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], dict[int, None]] = {}
        self._next: dict[tuple[str, int], int] = {}

    def begin(self, message: Message) -> None:
        place = (message.topic, message.partition)
        self._open.setdefault(place, {})[message.offset] = None
        self._next[place] = max(self._next.get(place, 0), message.offset + 1)

    def end(self, message: Message) -> None:
        self._open[message.topic, message.partition].pop(message.offset, None)

    def commit(self) -> dict[tuple[str, int], int]:
        """By partition the offset of the next message to handle after a start."""
        return {place: min(left, default=self._next[place]) for place, left in self._open.items()}
