"""What comes out of a leg while it runs: alarms with the moment the bus took them, and accounts."""

from __future__ import annotations

import uuid
from itertools import pairwise

import msgspec

from flows.schema import Account
from flows.topics.port import Message
from load_tests.bus import Bus
from load_tests.oracle import Raised

_AT_MOST = 10_000
_WAIT_S = 0.02


class RaisedMessage(msgspec.Struct):
    """What of an alarm tells it from others; the naive flow writes no more than device and time."""

    device: str
    opened_at: int
    transition: str = "raised"
    rule: str = ""


class Results:
    """Follows the topics of alarms and, of the product, of accounts; `appended` (ms) is of the first of its kind."""

    def __init__(self, bus: Bus, alarms: str, accounts: str | None) -> None:
        self._alarms = alarms
        self._topics = bus.open()
        listed = [alarms, accounts] if accounts else [alarms]
        self._subscription = self._topics.subscribe(f"bench-{uuid.uuid4().hex}", listed)
        self.appended: dict[str, dict[Raised, int]] = {}
        self.repeated = 0
        self.accounts: list[Account] = []

    def poll(self) -> None:
        """Take in what is there, waiting a little."""
        for message in self._subscription.poll(_AT_MOST, _WAIT_S):
            self._take(message)

    def _take(self, message: Message) -> None:
        value = message.value or b""
        if message.topic != self._alarms:
            self.accounts.append(msgspec.json.decode(value, type=Account))
            return
        alarm = msgspec.json.decode(value, type=RaisedMessage)
        if alarm.transition == "raised":
            raised = self.appended.setdefault(alarm.rule, {})
            found = (alarm.device, alarm.opened_at)
            self.repeated += found in raised
            raised.setdefault(found, message.appended)

    def when(self, wanted: set[Raised], rule: str) -> list[int] | None:
        """When the bus took each of these, if it took them all."""
        appended = self.appended.get(rule, {})
        return [appended[one] for one in wanted] if wanted <= appended.keys() else None

    def readings(self) -> dict[str, int]:
        """The sums of all accounts, by what became of the readings."""
        fields = ("messages", "taken", "late", "duplicate", "future", "dead")
        return {field: sum(getattr(account, field) for account in self.accounts) for field in fields}

    def overlapping(self) -> bool:
        """Whether two accounts of a partition speak of one message."""
        ranges = sorted((a.partition, a.first, a.next) for a in self.accounts)
        return any(p == q and n > f for (p, _, n), (q, f, _) in pairwise(ranges))

    def close(self) -> None:
        """Let go of the bus."""
        self._subscription.close()
        self._topics.close()
