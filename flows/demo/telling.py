"""The simulation sent onto the bus: first what is known, then fleet and people at their pace, then what comes after."""

from __future__ import annotations

import threading
from collections.abc import Callable

from flows.demo.fleet import pace_of
from flows.demo.people import people_for
from flows.errors import TelltaleError
from flows.simulator.people.plan import PeoplePlan
from flows.simulator.people.simulate import simulate
from flows.simulator.people.told import Act
from flows.simulator.plan import Plan
from flows.simulator.send import Names, drive, introduce, tell
from flows.topics.port import Topics

Clock = Callable[[], float]


class Telling:
    """Sends a simulation that takes so many seconds by `clock`."""

    def __init__(self, topics: Topics, names: Names, seconds: float, clock: Clock) -> None:
        self._topics, self._names, self._seconds, self._clock = topics, names, seconds, clock

    def introduce(self, plan: Plan) -> list[str]:
        """Send what is known of vehicles and people, and return the handles of the rows."""
        writer = self._topics.writer()
        try:
            introduce(plan, writer, self._names)
        finally:
            writer.close()
        self._tell(people_for(plan, self._seconds), "before")
        told = simulate(people_for(plan, self._seconds))
        return [one.key.decode() for one in told if one.act == "before" and one.topic == "source_records"]

    def conclude(self, people: PeoplePlan) -> None:
        """Send what comes when all else is known."""
        self._tell(people, "after")

    def begin(self, plan: Plan, people: PeoplePlan) -> Voice:
        """Fleet and people, in a thread of their own."""
        return Voice(lambda sleep: self._drive(plan, people, sleep))

    def _tell(self, people: PeoplePlan, act: Act) -> None:
        writer = self._topics.writer()
        try:
            tell(simulate(people), act, writer, self._names)
        finally:
            writer.close()

    def _drive(self, plan: Plan, people: PeoplePlan, sleep: Callable[[float], None]) -> None:
        writer = self._topics.writer()
        pace, told = pace_of(self._seconds), simulate(people)
        try:
            drive(plan, writer, self._names, pace=pace, clock=self._clock, sleep=sleep, people=told)
        finally:
            writer.close()


class _Cancelled(Exception):
    """The telling is to end early."""


class Voice:
    """What is said in a thread, which can be told to stop; it is given what to sleep with."""

    def __init__(self, say: Callable[[Callable[[float], None]], None]) -> None:
        self._say = say
        self._cancelled = threading.Event()
        self._error: TelltaleError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Voice:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._cancelled.set()
        self._thread.join()

    def going(self) -> bool:
        """Whether there is more to say; raises what went wrong in it."""
        if self._error is not None:
            raise self._error
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._say(self._sleep)
        except TelltaleError as error:
            self._error = error
        except _Cancelled:
            return

    def _sleep(self, seconds: float) -> None:
        if self._cancelled.wait(seconds):
            raise _Cancelled
