"""Messages become what the steps read; what cannot be read goes whole to the dead letters and the batch goes on.

Behind this module a personal identifier exists only as a token: the subject of an event is tokenised here, its data
are left as they came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from flows import ids
from flows.customers.declared import EventRefused, SentEvent, as_declared
from flows.customers.handoffs import check
from flows.customers.resolve import AlarmIn, BindIn, EventIn, IdentityIn
from flows.customers.triggers import AnswerOf, HandedOver, OutcomeOf, Published
from flows.engine.messages import Item
from flows.engine.sink import Outgoing
from flows.engine.spread import key_names
from flows.schema import Alarm, Answer, DeadLetter, Decision, Event, Handoff, Identity, Outcome
from flows.sources.identifiers import IdentifierRefused, is_token, private
from flows.sources.row import MAX_AHEAD
from flows.streams import EventType
from flows.topics.port import Message

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)


class _OutcomeEvent(msgspec.Struct, frozen=True):
    """The envelope of an outcome."""

    data: Outcome


class AllIdentity(msgspec.Struct, frozen=True):
    """What is latest of one partition of `identity` at a start, in its order: one item, for there may be millions."""

    entries: list[IdentityIn]


class Keys(msgspec.Struct, frozen=True):
    """Where things are kept: `identity` has one name a partition of that topic, `buckets` one a bucket."""

    identity: tuple[str, ...]
    buckets: tuple[str, ...]

    def of_subject(self, subject: str) -> str:
        """The state key of the view that knows a handle."""
        return self.identity[ids.partition_of(subject.encode(), len(self.identity))]

    def of_customer(self, customer: str) -> str:
        """The state key of a customer's bucket."""
        return self.buckets[ids.partition_of(customer.encode(), len(self.buckets))]


def keys(partitions: int, buckets: int) -> Keys:
    """The state keys for so many partitions of `identity` and so many buckets."""
    return Keys(key_names("identity-", partitions), key_names("bucket-", buckets))


class Decoding:
    """Makes keyed items of the messages of each topic the customers flow reads.

    `declared` gives the kinds of events that the rule set in force declares.
    """

    def __init__(
        self,
        where: Keys,
        tenant_key: bytes,
        dead_letters: str,
        declared: Callable[[], Mapping[str, EventType]] = dict,
    ) -> None:
        self._keys = where
        self._tenant_key = tenant_key
        self._dead_letters = dead_letters
        self._declared = declared
        self._alarm = msgspec.json.Decoder(Alarm)
        self._event = msgspec.json.Decoder(SentEvent)
        self._identity = msgspec.json.Decoder(Identity)
        self._outcome = msgspec.json.Decoder(_OutcomeEvent)
        self._decision = msgspec.json.Decoder(Decision)
        self._handoff = msgspec.json.Decoder(Handoff)
        self._answer = msgspec.json.Decoder(Answer)

    def alarms(self, messages: list[Message]) -> list[Item]:
        """For the resolver of each device."""
        return self._each(messages, self._one_alarm)

    def events(self, messages: list[Message]) -> list[Item]:
        """For the resolver of each subject."""
        return self._each(messages, self._one_event)

    def identity(self, messages: list[Message]) -> list[Item]:
        """For the view of the partition; who was merged or erased for every view, since any may name him."""
        return self._each(messages, self._one_identity)

    def identity_at_start(self, messages: list[Message], mark: int | None) -> list[Item]:
        """All that is latest: the buckets were told of what lies before `mark`; without one this is the first start."""

        def one(message: Message) -> list[Item]:
            told = mark is not None and message.offset < mark
            return self._one_identity(message, told=told, first=mark is None)

        by_view: dict[str, list[IdentityIn]] = {}
        items: list[Item] = []
        for key, found in self._each(messages, one):
            if isinstance(found, IdentityIn):
                by_view.setdefault(key, []).append(found)
            else:
                items.append((key, found))
        return [*items, *((key, AllIdentity(found)) for key, found in by_view.items())]

    def outcomes(self, messages: list[Message]) -> list[Item]:
        """For the bucket of the customer who decided on the action."""
        return self._each(messages, self._one_outcome)

    def answers(self, messages: list[Message]) -> list[Item]:
        """For the bucket of the customer who waits."""
        return self._each(messages, self._one_answer)

    def handoffs(self, messages: list[Message]) -> list[Item]:
        """For the bucket of whoever takes it."""
        return self._each(messages, self._one_handoff)

    def handed_over(self, messages: list[Message]) -> list[Item]:
        """At a start: for the buckets of whoever takes it and of whoever gave it."""
        return self._each(messages, self._one_handed_over)

    def published(self, messages: list[Message]) -> list[Item]:
        """For the resolver, which then knows whose its trigger is, and for the bucket, which folds it."""
        return self._each(messages, self._one_published)

    def _each(self, messages: list[Message], one: Callable[[Message], list[Item]]) -> list[Item]:
        """Every message by itself, so that a broken one costs itself alone."""
        items: list[Item] = []
        for message in messages:
            try:
                items += one(message)
            except _UNREADABLE as error:
                reason = (
                    error.reason
                    if isinstance(error, EventRefused | IdentifierRefused)
                    else type(error).__name__
                )
                items.append(self._dead(message, reason, str(error)))
        return items

    def _dead(self, message: Message, reason: str, said: str) -> Item:
        letter = DeadLetter(
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            reason=reason,
            message=said[:1000],
            value=message.value or b"",
            key=message.key,
        )
        out = Outgoing(self._dead_letters, letter.key, letter.value, letter.headers())
        return f"{message.topic}/{message.partition}", out

    def _one_alarm(self, message: Message) -> list[Item]:
        alarm = self._alarm.decode(message.value or b"")
        return [(self._keys.of_subject(f"device:{alarm.device}"), AlarmIn(alarm))]

    def _one_event(self, message: Message) -> list[Item]:
        found = as_declared(self._event.decode(message.value or b""), self._declared())
        subject = private(found.event.subject, self._tenant_key)
        event = self._event_item(msgspec.structs.replace(found.event, subject=subject))
        if event[1].at > message.appended + MAX_AHEAD:
            # With it all that comes in years would be late, and what was done last would stay so.
            raise EventRefused("future", "the event's time is over 5 min ahead of when it came")
        missing = [
            self._dead(message, "out_of_range", f"{field} is out of its range") for field in found.disbelieved
        ]
        return [event, *missing]

    def event(self, event: Event) -> Item:
        """An event from a step, which may have named another subject: one that is personal becomes its token."""
        if not is_token(event.subject):
            event = msgspec.structs.replace(event, subject=private(event.subject, self._tenant_key))
        return self._event_item(event)

    def _event_item(self, event: Event) -> tuple[str, EventIn]:
        return self._keys.of_subject(event.subject), EventIn(event, time_of(event.time))

    def _one_identity(self, message: Message, *, told: bool = False, first: bool = False) -> list[Item]:
        if message.value is None:
            # What was known of a key stays known, so that nothing older comes back.
            return []
        key, entry = (message.key or b"").decode(), self._identity.decode(message.value)
        if entry.survivor is None and not entry.erased:
            return [(self._keys.identity[message.partition], IdentityIn(key, entry, told=told, first=first))]
        views = self._keys.identity
        return [
            (name, IdentityIn(key, entry, view, len(views), told, first)) for view, name in enumerate(views)
        ]

    def _one_outcome(self, message: Message) -> list[Item]:
        outcome = self._outcome.decode(message.value or b"").data
        return [(self._keys.of_customer(outcome.decider or outcome.customer), OutcomeOf(outcome))]

    def _one_answer(self, message: Message) -> list[Item]:
        answer = self._answer.decode(message.value or b"")
        return [(self._keys.of_customer(answer.customer), AnswerOf(answer))]

    def _one_handoff(self, message: Message) -> list[Item]:
        return self._one_handed_over(message)[:1]

    def _one_handed_over(self, message: Message) -> list[Item]:
        handoff = self._handoff.decode(message.value or b"")
        check(handoff)
        return [
            (self._keys.of_customer(customer), HandedOver(handoff=handoff, customer=customer))
            for customer in (handoff.target, handoff.source)
        ]

    def _one_published(self, message: Message) -> list[Item]:
        decision = self._decision.decode(message.value or b"")
        return [
            (self._keys.of_subject(decision.subject), BindIn(decision)),
            (self._keys.of_customer(decision.customer), Published(decision)),
        ]


def time_of(text: str) -> int:
    """An RFC 3339 time in ms since the epoch; raises ValueError without an offset or for what is no time."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"the time {text[:64]!r} has no offset to UTC")
    return (found - _EPOCH) // _MILLISECOND
