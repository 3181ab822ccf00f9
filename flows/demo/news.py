"""What comes on the topics while the demonstration runs: alarms, who is who, decisions, outcomes, dead letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from flows.demo.registry import Registry
from flows.schema import Account, Alarm, Decision, Identity, Outcome, PlannedAction, Profile
from flows.simulator.people.truths import ExpectedChange
from flows.simulator.truths import Counts
from flows.topics.names import TopicNames
from flows.topics.port import Message, Reader, Topics

T = TypeVar("T")
_AT_ONCE = 1_000
_COUNTED = ("messages", "taken", "late", "duplicate", "future", "dead")


class Done(msgspec.Struct, frozen=True):
    """An action with what became of it; `who` is what a person calls the thing or person it is about."""

    planned: PlannedAction
    outcome: Outcome
    who: str


class Rests(msgspec.Struct, frozen=True):
    """An action that may not go out, and whom it would have been for."""

    planned: PlannedAction
    who: str


class Became(msgspec.Struct, frozen=True):
    """Two who are one now, or one who is two, why, and what follows; `customer` is the one or the other now."""

    change: ExpectedChange
    because: str
    follows: str = ""
    customer: str = ""


class News(msgspec.Struct, frozen=True):
    """What is new since the last look, oldest first; `rests` are messages that may not go out, with who and why."""

    alarms: tuple[Alarm, ...] = ()
    done: tuple[Done, ...] = ()
    people: tuple[Became, ...] = ()
    rests: tuple[Rests, ...] = ()


class _OutcomeEvent(msgspec.Struct, frozen=True):
    """The envelope of an outcome."""

    data: Outcome


class Newsroom:
    """Reads on from where it stopped, and keeps all; not shared between threads. Raises TopicMissing."""

    def __init__(
        self,
        topics: Topics,
        names: TopicNames,
        registry: Registry | None = None,
        because: Callable[[ExpectedChange], str] = lambda _: "",
    ) -> None:
        self._topics = topics
        self.registry = Registry(b"") if registry is None else registry
        self._because = because
        watched = (
            *(names.alarms, names.decisions, names.outcomes, names.dead_letters, names.accounts),
            *(names.identity, names.profiles),
        )
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
        self.profiles: dict[str, Profile] = {}
        self.became: list[Became] = []
        self._whose: dict[str, str] = {}
        self._accounts: dict[tuple[int, int], Account] = {}
        self._planned: dict[str, PlannedAction] = {}
        self._waiting: dict[str, Outcome] = {}

    def look(self) -> News:
        """Take in what is there now, without waiting."""
        names = self._names
        alarms = list(self._read(names.alarms, Alarm))
        self.alarms += alarms
        self._look_at_people()
        became = [Became(change, self._because(change)) for change in self.registry.come()]
        self.became += became
        rests: list[Rests] = []
        for decision in self._read(names.decisions, Decision):
            rests += self._take(decision)
        for event in self._read(names.outcomes, _OutcomeEvent):
            if self.outcomes.setdefault(event.data.id, event.data) is event.data:
                self._waiting[event.data.id] = event.data
        for letter in self._messages(names.dead_letters):
            self.letters[dict(letter.headers).get("__connect.errors.exception.class.name", b"").decode()] += 1
        for account in self._read(names.accounts, Account):
            self._accounts[account.partition, account.first] = account
        told = [
            Done(self._planned[id_], self._waiting[id_], self._whose[id_])
            for id_ in self._waiting
            if id_ in self._planned
        ]
        for done in told:
            del self._waiting[done.outcome.id]
        return News(tuple(sorted(alarms, key=_at)), tuple(told), tuple(became), tuple(rests))

    def _look_at_people(self) -> None:
        """Who is who, and what is known of them."""
        for message in self._messages(self._names.identity):
            if message.key is not None and message.value is not None:
                self.registry.take(message.key.decode(), msgspec.json.decode(message.value, type=Identity))
        for message in self._messages(self._names.profiles):
            if message.value is not None:
                profile = msgspec.json.decode(message.value, type=Profile)
                self.profiles[profile.customer] = profile

    def _take(self, decision: Decision) -> Iterator[Rests]:
        """Keep a decision, and tell what may not go out to people who have a name."""
        self.decisions.append(decision)
        who = self.registry.name(decision.subject)
        for planned in decision.actions:
            self._planned[planned.action.id] = planned
            self._whose[planned.action.id] = who
            if planned.status == "refused" and self.registry.has_name(decision.subject):
                yield Rests(planned, who)

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
