"""What comes on the topics while the demonstration runs: alarms, decisions, outcomes, dead letters, accounts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from flows.schema import Account, Alarm, Decision, Outcome, PlannedAction
from flows.simulator.truths import Counts
from flows.topics.names import TopicNames
from flows.topics.port import Message, Reader, Topics

T = TypeVar("T")
_AT_ONCE = 1_000
_COUNTED = ("messages", "taken", "late", "duplicate", "future", "dead")


class Done(msgspec.Struct, frozen=True):
    """An action with what became of it."""

    planned: PlannedAction
    outcome: Outcome


class News(msgspec.Struct, frozen=True):
    """What is new since the last look, oldest first."""

    alarms: tuple[Alarm, ...] = ()
    done: tuple[Done, ...] = ()


class _OutcomeEvent(msgspec.Struct, frozen=True):
    """The envelope of an outcome."""

    data: Outcome


class Newsroom:
    """Reads on from where it stopped, and keeps all; not shared between threads. Raises TopicMissing."""

    def __init__(self, topics: Topics, names: TopicNames) -> None:
        self._topics = topics
        watched = (names.alarms, names.decisions, names.outcomes, names.dead_letters, names.accounts)
        self._readers: dict[str, list[Reader]] = {
            topic: [
                topics.reader(topic, partition, topics.bounds(topic, partition).low)
                for partition in range(topics.partitions(topic))
            ]
            for topic in watched
        }
        self._names = names
        self.alarms: list[Alarm] = []
        self.decisions: list[Decision] = []
        self.outcomes: dict[str, Outcome] = {}
        self.letters: Counter[str] = Counter()
        self._accounts: dict[tuple[int, int], Account] = {}
        self._planned: dict[str, PlannedAction] = {}
        self._waiting: dict[str, Outcome] = {}

    def look(self) -> News:
        """Take in what is there now, without waiting."""
        names = self._names
        alarms = list(self._read(names.alarms, Alarm))
        self.alarms += alarms
        for decision in self._read(names.decisions, Decision):
            self.decisions.append(decision)
            self._planned |= {planned.action.id: planned for planned in decision.actions}
        for event in self._read(names.outcomes, _OutcomeEvent):
            if self.outcomes.setdefault(event.data.id, event.data) is event.data:
                self._waiting[event.data.id] = event.data
        for letter in self._messages(names.dead_letters):
            self.letters[dict(letter.headers).get("__connect.errors.exception.class.name", b"").decode()] += 1
        for account in self._read(names.accounts, Account):
            self._accounts[account.partition, account.first] = account
        told = [Done(self._planned[id_], self._waiting[id_]) for id_ in self._waiting if id_ in self._planned]
        for done in told:
            del self._waiting[done.outcome.id]
        return News(tuple(sorted(alarms, key=_at)), tuple(told))

    def counts(self) -> Counts:
        """What the shards have counted so far, and the dead letters by reason."""
        sums = {name: sum(getattr(each, name) for each in self._accounts.values()) for name in _COUNTED}
        return Counts(**sums, dead_letters=dict(self.letters))

    def settled(self, messages: int) -> bool:
        """Whether so many messages are accounted for, all alarms are decided, and all actions have an outcome."""
        decided = {decision.trigger for decision in self.decisions}
        published = {id_ for id_, planned in self._planned.items() if planned.status == "published"}
        return (
            self.counts().messages >= messages
            and all(alarm.id in decided for alarm in self.alarms)
            and published <= self.outcomes.keys()
        )

    def close(self) -> None:
        """Let go of the readers."""
        for readers in self._readers.values():
            for reader in readers:
                reader.close()

    def _messages(self, topic: str) -> Iterator[Message]:
        for reader in self._readers[topic]:
            while found := reader.read(_AT_ONCE):
                yield from found

    def _read(self, topic: str, kind: type[T]) -> Iterator[T]:
        """The messages of a topic of ours as what they are."""
        decoder = msgspec.json.Decoder(kind)
        for message in self._messages(topic):
            yield decoder.decode(message.value or b"")


def _at(alarm: Alarm) -> int:
    return alarm.at
