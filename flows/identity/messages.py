"""What messages say about who is who; what cannot be read goes to the dead letters whole, with the reason.

Events are read for their identifiers alone. One that cannot be decoded, or is of the future, is the customers flow's to
bury: it reads all of them, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from flows.identity.evidence import Batch, Judgement, Named, version_of
from flows.identity.judgements import JudgementUnreadable, judgements_of
from flows.moments import NoMoment, moment
from flows.schema import Audit, DeadLetter, Event
from flows.sources.identifiers import THINGS, IdentifierRefused, identifier
from flows.sources.mapping import Mapper
from flows.sources.model import Identifier, IdentityRules, SourceRecord, Sources
from flows.sources.row import MAX_AHEAD, RowRefused, name_of, row_of
from flows.streams import EventType, value_at
from flows.topics.port import Message

_LONGEST = 1_000
_audit = msgspec.json.Decoder(Audit)


class Read(msgspec.Struct):
    """What was read: evidence, dead letters, and by (topic, partition) the greatest time that was said."""

    records: list[SourceRecord] = []
    versions: list[str] = []
    events: list[Named] = []
    identifiers: list[Identifier] = []
    judgements: list[Judgement] = []
    letters: list[DeadLetter] = []
    times: dict[tuple[str, int], int] = {}

    def batch(self) -> Batch:
        """The evidence."""
        return Batch(
            records=tuple(self.records),
            events=tuple(self.events),
            judgements=tuple(self.judgements),
            identifiers=tuple(self.identifiers),
            versions=tuple(self.versions),
        )


class Messages:
    """Reads messages as the sources, the matching rules and the events of a rule set declare them."""

    def __init__(
        self,
        sources: Sources,
        matching: IdentityRules,
        events: Mapping[str, EventType],
        tenant: str,
        tenant_key: bytes,
    ) -> None:
        self._mapper = Mapper(sources, matching, tenant_key)
        self._events, self._tenant, self._key = events, tenant, tenant_key

    def rows(self, messages: Iterable[Message], read: Read) -> None:
        """Rows of source systems."""
        for message in messages:
            try:
                sent = row_of(message.value or b"")
                mapped = self._mapper.mapped(sent, message.appended)
            except RowRefused as error:
                read.letters.append(_letter(message, error.reason, str(error)))
                continue
            read.records.append(mapped.record)
            read.versions.append(version_of(mapped.record, self._key, [sent.type, sent.data]))
            _note(read, message, mapped.record.at)
            if mapped.refused:
                said = "; ".join(f"{each.path}: {each.message}" for each in mapped.refused)
                read.letters.append(_letter(message, mapped.refused[0].reason, said))

    def events(self, messages: Iterable[Message], read: Read) -> None:
        """Events, of which those that name several identifiers are evidence."""
        for message in messages:
            try:
                event = row_of(message.value or b"")
                at = moment(event.time, "rfc3339", "")
            except (RowRefused, NoMoment):
                continue
            _note(read, message, at)
            found: dict[str, Identifier] = {}
            for kind, value in self._named(event):
                try:
                    made = identifier(kind, value, self._key)
                except IdentifierRefused as error:
                    read.letters.append(_letter(message, error.reason, f"{kind}: {error}"))
                else:
                    found[made.token] = made
            # By one of the future all that others know of a cookie would be too old for ever.
            if len(found) > 1 and at <= message.appended + MAX_AHEAD:
                read.events.append(Named(tuple(sorted(found)), at, event.type))
                read.identifiers += found.values()

    def audits(self, messages: Iterable[Message], read: Read) -> None:
        """Judgements among all that was commanded."""
        for message in messages:
            try:
                audit = _audit.decode(message.value or b"")
                if audit.tenant == self._tenant:
                    read.judgements += judgements_of(audit)
            except JudgementUnreadable as error:
                read.letters.append(_letter(message, error.reason, str(error)))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                read.letters.append(_letter(message, type(error).__name__, str(error)))
            else:
                _note(read, message, audit.at)

    def _named(self, event: Event) -> Iterable[tuple[str, str]]:
        """The identifiers of persons that an event names: its subject, and what is declared for its type."""
        kind, _, value = event.subject.partition(":")
        if value and kind not in THINGS and kind != "customer":
            yield kind, value
        declared = self._events.get(event.type)
        for kind, path in declared.identifiers.items() if declared is not None else ():
            said = value_at(event.data, path)
            text = None if said is None else name_of(said)
            if text and kind not in THINGS:
                yield kind, text


def _note(read: Read, message: Message, at: int) -> None:
    place = message.topic, message.partition
    read.times[place] = max(at, read.times.get(place, at))


def _letter(message: Message, reason: str, said: str) -> DeadLetter:
    return DeadLetter(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        reason=reason,
        message=said[:_LONGEST],
        value=message.value or b"",
        key=message.key,
    )
