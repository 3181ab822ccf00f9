"""Questions under way: what is known is said at once, who asks the same waits together, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

from flows.look_up_files import AskedSystem
from flows.look_ups.breaker import Breaker
from flows.look_ups.memory import Key, Memory
from flows.look_ups.systems import NotLearnt, System, Unwell
from flows.schema import Answer, LookUp, Value

Found = Mapping[str, Value]
MOST_WAITING = 5_000
_MAX_KEY = 1_024
_LEFT_ALONE = "it has not answered for a while, and is left alone"


class Asking:
    """Asks the declared systems; each has its own limit of questions at once, so that a slow one slows nobody else."""

    def __init__(
        self,
        declared: Mapping[str, AskedSystem],
        systems: Mapping[str, System],
        clock: Callable[[], int],
        at_once: int,
    ) -> None:
        """`clock` gives the wall clock in ms."""
        self._declared, self._systems, self._clock = declared, systems, clock
        self._memory = Memory()
        self._breakers = {name: Breaker() for name in declared}
        self._turns = {name: asyncio.Semaphore(at_once) for name in declared}
        self._under_way: dict[Key, asyncio.Task[Found]] = {}
        self._waiting: Counter[str] = Counter()

    async def answer(self, question: LookUp) -> Answer:
        """The answer to a question, at the latest when nobody waits any more; never raises for what a system does."""
        try:
            values = await self._values(question)
        except NotLearnt as reason:
            return self._said(question, {}, str(reason))
        return self._said(question, values, None)

    async def _values(self, question: LookUp) -> Found:
        now = self._clock()
        declared = self._declared.get(question.source)
        if declared is None:
            raise NotLearnt(f"look_ups.yaml declares no {question.source!r}")
        if not _is_askable(question.key):
            raise NotLearnt("there is nothing to ask about")
        if question.until <= now:
            raise NotLearnt("nobody waits any more")
        key = (question.source, type(question.key).__name__, question.key)
        known = self._memory.get(key, now)
        if known is not None:
            return known
        if self._breakers[question.source].is_open(now):
            raise NotLearnt(_LEFT_ALONE)
        if self._waiting[question.source] >= MOST_WAITING:
            raise NotLearnt("too many wait for it already")
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._ask(key, declared))
            task.add_done_callback(partial(self._over, key))
        self._waiting[question.source] += 1
        try:
            return await asyncio.wait_for(asyncio.shield(task), (question.until - now) / 1000)
        except TimeoutError as error:
            raise NotLearnt("it did not answer in time") from error
        finally:
            self._waiting[question.source] -= 1

    def _over(self, key: Key, task: asyncio.Task[Found]) -> None:
        """Of a task that nobody waits for any more nobody else hears how it ended."""
        self._under_way.pop(key, None)
        if not task.cancelled():
            task.exception()

    async def _ask(self, key: Key, declared: AskedSystem) -> Found:
        breaker = self._breakers[declared.name]
        async with self._turns[declared.name]:
            # Those before may have waited for it in vain.
            if not breaker.lets(self._clock()):
                raise NotLearnt(_LEFT_ALONE)
            try:
                values = await asyncio.wait_for(
                    self._systems[declared.name].ask(key[-1]), declared.timeout / 1000
                )
            except TimeoutError as error:
                breaker.failed(self._clock())
                raise NotLearnt("it did not answer in time") from error
            except Unwell:
                breaker.failed(self._clock())
                raise
            except NotLearnt:
                breaker.answered()
                raise
        breaker.answered()
        if declared.cache:
            self._memory.put(key, values, self._clock() + declared.cache)
        return values

    def _said(self, question: LookUp, values: Found, reason: str | None) -> Answer:
        return Answer(
            id=question.id,
            customer=question.customer,
            status="answered" if reason is None else "unknown",
            values=dict(values),
            reason=reason,
            at=self._clock(),
        )


def _is_askable(key: Value) -> bool:
    """Whether there is anything to ask about, and no more than an address holds."""
    return key is not None and (not isinstance(key, str) or (bool(key.strip()) and len(key) <= _MAX_KEY))
