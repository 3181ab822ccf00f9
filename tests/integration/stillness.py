"""When nothing more will come of what was sent: every process has read to the end, and has written nothing since.

It goes by what the processes note of themselves on the topic `clocks`, as the customers flow does itself: everything up
to the moment of the last message has been handled everywhere. The flow hears the same notes a little later, and acts
upon them in an epoch after that: so the Clock has to pass a second moment, at which the first was passed already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.clocks import Clock, ClockReader, Expected
from tests.integration.settled import not_carried_out

if TYPE_CHECKING:
    from tests.integration.town import Town


class Stillness:
    """Of one town, whose customers flow goes by the notes that are `expected`."""

    def __init__(self, town: Town, expected: Expected) -> None:
        self._town = town
        self._reader = ClockReader(town.topics, town.names.clocks, Clock(expected))
        self._since = 0
        self._again = True
        self._ends: dict[tuple[str, int], int] | None = None
        names = town.names
        self._topics = (
            *(names.alarms, names.events, names.identity, names.decisions, names.handoffs),
            *(names.profiles, names.consents, names.outcomes, names.dead_letters),
        )

    def wait(self) -> None:
        """Until nothing more will come."""
        town = self._town
        self._ends, self._since, self._again = None, town.now(), True
        town.wait(self._is_still, self._said)

    def _is_still(self) -> bool:
        self._reader.poll(self._town.now())
        passed = (self._reader.clock.now() or 0) >= self._since
        ends = self._read_ends()
        if ends != self._ends:
            # Only now, so that all of it was there at that moment.
            self._ends, self._since, self._again = ends, self._town.now(), True
        elif passed and self._again:
            self._since, self._again = self._town.now(), False
        else:
            return passed and not not_carried_out(self._town)
        return False

    def close(self) -> None:
        """Let go of the readers."""
        self._reader.close()

    def _said(self) -> str:
        holders = ", ".join(self._reader.clock.holders())
        return (
            f"{not_carried_out(self._town)} actions without outcome, and the Clock is held back by {holders}"
        )

    def _read_ends(self) -> dict[tuple[str, int], int]:
        topics = self._town.topics
        return {
            (topic, partition): topics.bounds(topic, partition).end
            for topic in self._topics
            for partition in range(topics.partitions(topic))
        }
