"""Waiting while processes run: until they are ready, while something is told, until all that was told is handled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from flows.children import Children
from flows.demo.news import News, Newsroom
from flows.errors import ProcessSilent
from flows.simulator.people.plan import PeoplePlan
from flows.simulator.plan import Plan

_LOOK_EVERY_S = 0.2
_WARM_S = 240.0
_SETTLE_S = 60.0


class Audience(Protocol):
    """Who watches."""

    def warming(self) -> None:
        """The processes start; asked again and again until they are ready."""
        ...

    def begins(self, plan: Plan, people: PeoplePlan, seconds: float) -> None:
        """Fleet and people begin, for so many seconds."""
        ...

    def hears(self, news: News, newsroom: Newsroom) -> None:
        """What is new; asked a few times a second."""
        ...

    def over(self) -> None:
        """All is said; also when it ended early."""
        ...


class Stage:
    """Where processes run and somebody watches; `clock` is in seconds, `logs` where the processes' words are.

    Each method raises ProcessEnded when a process has ended.
    """

    def __init__(
        self,
        children: Children,
        newsroom: Newsroom,
        audience: Audience,
        clock: Callable[[], float],
        logs: str,
    ) -> None:
        self._children, self._newsroom, self._audience = children, newsroom, audience
        self._clock, self._logs = clock, logs

    def warm(self, ready: Callable[[], bool]) -> None:
        """Wait until the processes are ready; raises ProcessSilent."""
        until = self._clock() + _WARM_S
        while not ready():
            if self._clock() > until:
                raise ProcessSilent("The processes were not ready", _WARM_S, self._logs)
            self._audience.warming()
            self._children.wait(_LOOK_EVERY_S)

    def watch(self, going: Callable[[], bool]) -> None:
        """Look for news as long as something is told."""
        while going():
            self._look()

    def settle(self, settled: Callable[[], bool]) -> None:
        """Look on until everything is handled; what never is shows in the judgement."""
        until = self._clock() + _SETTLE_S
        while not settled() and self._clock() < until:
            self._look()

    def _look(self) -> None:
        self._children.wait(_LOOK_EVERY_S)
        self._audience.hears(self._newsroom.look(), self._newsroom)
