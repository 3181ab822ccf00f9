"""What the identity service is told, in the form in which it is kept as evidence.

Of a source record the newest version counts, by its time and, of two of one time, by its version: a deletion before a
change, else by content. Events that name the same identifiers are one piece of evidence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from flows.identity.clusters import Kind
from flows.sources.model import Identifier, SourceRecord

JudgementKind = Literal["merge", "split", "erase"]
_plain = msgspec.json.Encoder()
_canonical = msgspec.json.Encoder(order="deterministic")


class Named(msgspec.Struct, frozen=True):
    """An event of some type that named several identifiers together; `tokens` are sorted, each once."""

    tokens: tuple[str, ...]
    at: int
    type: str

    @property
    def id(self) -> str:
        """The same for the same identifiers."""
        digest = hashlib.blake2b("\n".join(self.tokens).encode(), digest_size=16)
        return f"event:{digest.hexdigest()}"


class Judgement(msgspec.Struct, frozen=True):
    """What a person decided about two tokens, or for `erase` about the token `a` of the customer `b`."""

    id: str
    kind: JudgementKind
    a: str
    b: str
    at: int
    who: str = ""
    reason: str = ""

    @property
    def pair(self) -> tuple[str, str]:
        """Its tokens in one order."""
        return (self.a, self.b) if self.a <= self.b else (self.b, self.a)

    @property
    def age(self) -> tuple[int, str]:
        """Of the judgements of a pair the greatest counts."""
        return self.at, self.id


class Batch(msgspec.Struct, frozen=True):
    """Evidence that is taken in at once; `identifiers` are those of events, with their values.

    `versions` tell apart versions of the `records` of one time, in their order; without them their content does.
    """

    records: tuple[SourceRecord, ...] = ()
    events: tuple[Named, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    identifiers: tuple[Identifier, ...] = ()
    versions: tuple[str, ...] = ()


class Said(msgspec.Struct):
    """A piece of evidence as it comes; `version` tells apart what was said at one time."""

    id: str
    kind: Kind
    source: str
    first: int
    last: int
    version: str
    deleted: bool
    tokens: tuple[str, ...]
    composites: tuple[str, ...] = ()
    record: SourceRecord | None = None

    def row(self, customer: str | None) -> dict[str, Any]:
        """Its row in the table `evidence`; whoever counts no more belongs to nobody."""
        return {
            "id": self.id,
            "kind": self.kind,
            "source": self.source,
            "first": self.first,
            "last": self.last,
            "version": self.version,
            "deleted": self.deleted,
            "customer": None if self.deleted else customer,
            "tokens": () if self.deleted else self.tokens,
            "composites": () if self.deleted else self.composites,
            "content": self.content,
        }

    @property
    def content(self) -> bytes | None:
        """What is kept of a row as long as it counts."""
        return None if self.record is None or self.deleted else _plain.encode(public(self.record))


def version_of(record: SourceRecord, key: bytes, row: object = None) -> str:
    """A keyed digest of the row as it came, or else of the record (BLAKE2, RFC 7693); deletions have the greatest."""
    content = _canonical.encode(record if row is None else row)
    digest = hashlib.blake2b(content, key=key[:64], digest_size=12).hexdigest()
    return f"{int(record.deleted)}{digest}"


def public(record: SourceRecord) -> SourceRecord:
    """A record without what is personal."""
    identifiers = tuple(msgspec.structs.replace(one, value="") for one in record.identifiers)
    return msgspec.structs.replace(record, identifiers=identifiers, personal={})


def said_by(record: SourceRecord, version: str) -> Said:
    """A source record as evidence."""
    return Said(
        id=record.handle,
        kind="record",
        source=record.source,
        first=record.at,
        last=record.at,
        version=version,
        deleted=record.deleted,
        tokens=() if record.deleted else _each_once([record.handle, *(i.token for i in record.identifiers)]),
        composites=() if record.deleted else _each_once(record.composites),
        record=record,
    )


def said_by_event(event: Named) -> Said:
    """An event as evidence."""
    return Said(event.id, "event", event.type, event.at, event.at, "", False, event.tokens)


def said_by_judgement(merge: Judgement, holds: bool) -> Said:
    """A person's judgement as evidence, which holds as long as no later one of the same pair says otherwise."""
    tokens = _each_once([merge.a, merge.b])
    return Said(merge.id, "judgement", merge.who, merge.at, merge.at, "", not holds, tokens if holds else ())


def newest(said: Iterable[Said]) -> dict[str, Said]:
    """One piece of evidence an id: of a record the newest version, of an event all that was said in one."""
    found: dict[str, Said] = {}
    for each in said:
        known = found.get(each.id)
        if known is None:
            found[each.id] = each
        elif each.kind == "event":
            lay_over(each, (known.first, known.last, known.source))
            found[each.id] = each
        elif (each.last, each.version) > (known.last, known.version):
            found[each.id] = each
    return found


def lay_over(event: Said, known: tuple[int, int, str]) -> None:
    """Add to an event what is known of the same identifiers: first, last and the type of the first."""
    first, last, source = known
    event.first, event.source = min((event.first, event.source), (first, source))
    event.last = max(event.last, last)


def _each_once(tokens: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tokens))
