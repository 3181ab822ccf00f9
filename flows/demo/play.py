"""The demonstration from beginning to end: start the processes, tell the fleet, wait for the last outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from flows.children import Children
from flows.demo.fleet import plan_for, tell
from flows.demo.judgement import Judgement, judge
from flows.demo.news import News, Newsroom
from flows.errors import ProcessSilent, TelltaleError
from flows.rules.load import load_configuration
from flows.settings import Settings
from flows.simulator.expectation import expected
from flows.simulator.plan import Plan
from flows.topics.names import TopicNames
from flows.topics.open import open_topics
from flows.topics.port import Topics

_LOOK_EVERY_S = 0.2
_WARM_S = 240.0
_SETTLE_S = 60.0
_STREAM = "vehicle"
_PARTS = {"devices": ["devices"], "customers": ["customers"], "outbox": ["connector", "outbox"]}


class Audience(Protocol):
    """Who watches."""

    def warming(self) -> None:
        """The processes start; asked again and again until they are ready."""
        ...

    def begins(self, plan: Plan, seconds: float) -> None:
        """The fleet begins to send, for so many seconds."""
        ...

    def hears(self, news: News, newsroom: Newsroom) -> None:
        """What is new; asked a few times a second."""
        ...

    def over(self) -> None:
        """All is said; also when it ended early."""
        ...


class Play:
    """One performance in a folder; `now` gives ms since the epoch, `clock` seconds."""

    def __init__(
        self, settings: Settings, file: Path, now: Callable[[], int], clock: Callable[[], float]
    ) -> None:
        self._settings, self._file = settings, file
        self._now, self._clock = now, clock
        self._names = TopicNames(settings.topics.prefix)
        stream = load_configuration(settings).streams[_STREAM]
        self._telemetry = self._names.telemetry(stream.topic)
        self._logs = settings.path("logs")

    def run(self, seconds: float, audience: Audience) -> Judgement:
        """Play it; topics and rules must be there. Raises ProcessEnded and ProcessSilent."""
        self._logs.mkdir(exist_ok=True)
        topics = open_topics(self._settings)
        newsroom = Newsroom(topics, self._names)
        try:
            with Children(self._keep) as children:
                for name, arguments in _PARTS.items():
                    file = str(self._file.absolute())
                    children.start(name, ["run", *arguments, "--process-id", "0", "--config", file])
                self._warm(children, topics, audience)
                plan = plan_for(self._now(), seconds)
                audience.begins(plan, seconds)
                self._watch(children, newsroom, _Telling(self, plan, topics, seconds), audience)
                self._settle(children, newsroom, plan, audience)
            return judge(plan, newsroom)
        finally:
            audience.over()
            newsroom.close()
            topics.close()

    def tell(self, plan: Plan, topics: Topics, seconds: float, sleep: Callable[[float], None]) -> None:
        """Send the fleet's messages."""
        tell(plan, self._settings, self._telemetry, topics, seconds, self._clock, sleep)

    def _keep(self, name: str, line: str) -> None:
        """What a process says goes into a file of its own."""
        with (self._logs / f"{name}.log").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def _warm(self, children: Children, topics: Topics, audience: Audience) -> None:
        """Wait until both flows have an epoch on disk, which they show by noting their offsets."""
        group = self._names.group
        read = {group("telltale-devices"): self._telemetry, group("telltale-customers"): self._names.alarms}
        until = self._clock() + _WARM_S
        while not all(
            len(topics.committed(group, topic)) == topics.partitions(topic) for group, topic in read.items()
        ):
            if self._clock() > until:
                raise ProcessSilent("The flows were not ready", _WARM_S, str(self._logs))
            audience.warming()
            children.wait(_LOOK_EVERY_S)

    def _watch(self, children: Children, newsroom: Newsroom, telling: _Telling, audience: Audience) -> None:
        """Look for news until the fleet has said all."""
        with telling:
            while telling.going():
                children.wait(_LOOK_EVERY_S)
                audience.hears(newsroom.look(), newsroom)

    def _settle(self, children: Children, newsroom: Newsroom, plan: Plan, audience: Audience) -> None:
        """Look on until everything is handled; what never is shows in the judgement."""
        messages = expected(plan, "paced").counts.messages
        until = self._clock() + _SETTLE_S
        while not newsroom.settled(messages) and self._clock() < until:
            children.wait(_LOOK_EVERY_S)
            audience.hears(newsroom.look(), newsroom)


class _Cancelled(Exception):
    """The telling is to end early."""


class _Telling:
    """The fleet in a thread of its own."""

    def __init__(self, play: Play, plan: Plan, topics: Topics, seconds: float) -> None:
        self._play, self._plan, self._topics, self._seconds = play, plan, topics, seconds
        self._cancelled = threading.Event()
        self._error: TelltaleError | None = None
        self._thread = threading.Thread(target=self._tell, daemon=True)

    def __enter__(self) -> _Telling:
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

    def _tell(self) -> None:
        try:
            self._play.tell(self._plan, self._topics, self._seconds, self._sleep)
        except TelltaleError as error:
            self._error = error
        except _Cancelled:
            return

    def _sleep(self, seconds: float) -> None:
        if self._cancelled.wait(seconds):
            raise _Cancelled
