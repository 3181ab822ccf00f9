"""A run of the whole product over a plan that is sent in pieces, in which processes may be killed on the way."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import msgspec

from flows.schema import Event, decode
from flows.simulator.plan import Plan
from flows.simulator.records import events, identities, things
from flows.simulator.simulate import simulate
from tests.integration.fleet import Fleet
from tests.integration.settled import (
    not_carried_out,
    undecided,
    untaken,
    wait_until_carried_out,
    wait_until_decided,
)

PARTS = ("devices", "customers", "outbox")
FOLDING = "published decisions to fold"


class Piece(msgspec.Struct):
    """Some of the messages of a plan: (topic, key, value), and how many readings and complaints are among them."""

    messages: list[tuple[str, bytes, bytes]] = []
    readings: int = 0
    complaints: int = 0


class Run:
    """A fleet that runs while a plan is sent in `pieces`; devices are divided among `processes`."""

    def __init__(self, fleet: Fleet, plan: Plan, pieces: int, processes: int) -> None:
        self.fleet = fleet
        self.kills: list[str] = []
        self.readings = self.complaints = 0
        self._plan, self._processes = plan, processes
        self._pieces = cut(fleet, plan, pieces)
        self._writer = fleet.topics.writer()
        self._written_before: dict[str, int] = {}

    def begin(self) -> None:
        """Write what is known beforehand, then start all processes."""
        names = self.fleet.names
        for topic, records in ((names.things, things(self._plan)), (names.identity, identities(self._plan))):
            for record in records:
                self._writer.write(topic, record.value, key=record.key)
        self._writer.flush()
        for part in PARTS:
            self._start(part)

    def send(self) -> bool:
        """Send the next piece; False when there is none."""
        piece = next(self._pieces, None)
        if piece is None:
            return False
        for part in PARTS:
            self._written_before[part] = self._written(part)
        for topic, key, value in piece.messages:
            self._writer.write(topic, value, key=key)
        self._writer.flush()
        self.readings += piece.readings
        self.complaints += piece.complaints
        return True

    def end(self) -> None:
        """Send what is left, and wait until all is taken, decided and carried out."""
        while self.send():
            pass
        self._writer.close()
        wait_until_decided(self.fleet, self.readings, self.complaints)
        wait_until_carried_out(self.fleet)

    def kill_in_flight(self, part: str, chance: random.Random, within_s: float) -> None:
        """Kill a part at some moment after it has begun to work, and start it again at once."""
        self._wait_for_work(part)
        time.sleep(chance.uniform(0, within_s))  # not to wait for anything: any moment is as good as another
        self._restart(part, chance)

    def kill_while_binding(self, chance: random.Random) -> None:
        """Kill customers as soon as decisions are out, and again while the next process folds those in."""
        self._wait_for_work("customers")
        folded = self.fleet.said("customers", FOLDING)
        self._restart("customers", chance)
        self.fleet.wait(
            lambda: self.fleet.said("customers", FOLDING) > folded or self._is_at_work("customers"),
            "published decisions folded in",
        )
        self._restart("customers", chance)

    def _start(self, part: str) -> None:
        self._written_before[part] = self._written(part)
        self.fleet.start(part, self._processes if part == "devices" else 1)

    def _restart(self, part: str, chance: random.Random) -> None:
        self.fleet.kill(part, chance.randrange(self._processes))
        self.kills.append(part)
        self._start(part)

    def _written(self, part: str) -> int:
        """How many messages a part has written so far."""
        fleet = self.fleet
        tail = {"devices": fleet.alarms, "customers": fleet.decisions, "outbox": fleet.outcomes}[part]
        return len(tail.so_far())

    def _is_at_work(self, part: str) -> bool:
        """Whether a part has written something since its start and the last piece, or all that was sent is done."""
        if self._written(part) > self._written_before[part]:
            return True
        fleet = self.fleet
        return not (
            untaken(fleet, self.readings) or undecided(fleet, self.complaints) or not_carried_out(fleet)
        )

    def _wait_for_work(self, part: str) -> None:
        self.fleet.wait(lambda: self._is_at_work(part), f"work done by {part}")


def cut(fleet: Fleet, plan: Plan, pieces: int) -> Iterator[Piece]:
    """A plan's readings and events in their order of time, in pieces that are alike long."""
    reading, other = fleet.names.telemetry("telemetry"), fleet.names.events
    coming = events(plan)
    event = next(coming, None)
    length = plan.duration / pieces
    piece, ends = Piece(), plan.start + length
    for sent in simulate(plan):
        if sent.appended >= ends:
            yield piece
            piece, ends = Piece(), ends + length
        while event is not None and event[0] <= sent.appended:
            piece.messages.append((other, event[1].key, event[1].value))
            piece.complaints += decode(Event, event[1].value).type == "complaint.opened"
            event = next(coming, None)
        piece.messages.append((reading, sent.key, sent.value))
        piece.readings += 1
    yield piece
