"""What the customers flow decides while it runs, with the moment the bus took each."""

from __future__ import annotations

import uuid
from collections import Counter
from itertools import pairwise

import msgspec

from flows.topics.port import Message
from load_tests.bus import Bus

_AT_MOST = 10_000
_WAIT_S = 0.02


class DecisionMessage(msgspec.Struct):
    """What of a decision is looked at."""

    customer: str
    number: int
    verdict: str
    at: int


class Decisions:
    """Follows the decisions on customers whose name begins with `prefix`; times (ms) are in order of their coming.

    `count` is of all of them by customer, `last` by customer the number and verdict of the last.
    """

    def __init__(self, bus: Bus, topic: str, prefix: str) -> None:
        self._topics, self._prefix = bus.open(), prefix
        self._subscription = self._topics.subscribe(f"bench-{uuid.uuid4().hex}", [topic])
        self._decode = msgspec.json.Decoder(DecisionMessage).decode
        self.count = Counter[str]()
        self.last: dict[str, tuple[int, str]] = {}
        self.verdicts = Counter[str]()
        self.appended: list[int] = []
        self.latencies: list[tuple[str, int]] = []
        self.others = 0

    def poll(self) -> None:
        """Take in what is there, waiting a little."""
        for message in self._subscription.poll(_AT_MOST, _WAIT_S):
            self._take(message)

    def _take(self, message: Message) -> None:
        found = self._decode(message.value or b"")
        if not found.customer.startswith(self._prefix):
            self.others += 1
            return
        self.count[found.customer] += 1
        self.verdicts[found.verdict] += 1
        self.last[found.customer] = max(self.last.get(found.customer, (0, "")), (found.number, found.verdict))
        self.appended.append(message.appended)
        self.latencies.append((found.customer, message.appended - found.at))

    def longest_silence(self, first: int) -> int:
        """The longest time (ms) in which none came, between those from the `first`-th on."""
        times = sorted(self.appended[first:])
        return max((b - a for a, b in pairwise(times)), default=0)

    def close(self) -> None:
        """Let go of the bus."""
        self._subscription.close()
        self._topics.close()
