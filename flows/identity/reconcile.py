"""What the source systems say of one person, made one: whose word is believed, and the most restrictive consent.

Pure and free of order: records that come in another order, or twice, give the same person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from flows.schema_people import Attested, Consent, Person, Value
from flows.sources.model import Reconcile, SourceRecord, Sources

TIME_ZONE = "time_zone"
MOST_PURPOSES = 64

Rank = tuple[Any, ...]

_content = msgspec.json.Encoder(order="deterministic")


def person_of(records: Iterable[SourceRecord], sources: Sources) -> Person:
    """The person that records tell of, of whom nothing is personal.

    Of one row (`handle`) the newest version counts, and a deleted row says nothing. Attributes and preferences are
    those that `sources` declares now and that no system calls personal. At most `MOST_PURPOSES` consents are kept,
    withdrawals before grants.
    """
    rows = _newest(records)
    attributes, preferences = _declared(sources)
    zones = [row.time_zone for row in rows if row.time_zone is not None]
    return Person(
        attributes=_believed((row.attributes for row in rows), attributes, sources),
        preferences=_believed((row.preferences for row in rows), preferences, sources),
        consents=_consents(rows),
        time_zone=_chosen(zones, _how(TIME_ZONE, sources)),
    )


def personal_of(records: Iterable[Mapping[str, Attested]], sources: Sources) -> dict[str, Attested]:
    """The personal attributes of somebody, from those of each record as the vault gives them."""
    each = list(records)
    return _believed(each, {name for record in each for name in record}, sources)


def _newest(records: Iterable[SourceRecord]) -> list[SourceRecord]:
    """The last version of each row that still stands."""
    newest: dict[str, SourceRecord] = {}
    for record in records:
        known = newest.get(record.handle)
        if known is None or _version(record) > _version(known):
            newest[record.handle] = record
    return [record for record in newest.values() if not record.deleted]


def _version(record: SourceRecord) -> Rank:
    """Of two versions of one time a deletion counts; two rows of one time that differ are told apart by content."""
    return (record.at, record.deleted, _content.encode(record))


def _declared(sources: Sources) -> tuple[set[str], set[str]]:
    """The names of attributes and of preferences that may leave the vault."""
    systems = sources.systems.values()
    personal = {a.name for s in systems for a in (*s.attributes, *s.preferences) if a.personal}
    attributes = {a.name for s in systems for a in s.attributes}
    preferences = {a.name for s in systems for a in s.preferences}
    return attributes - personal, preferences - personal


def _believed(
    rows: Iterable[Mapping[str, Attested]], wanted: set[str], sources: Sources
) -> dict[str, Attested]:
    """The value of each wanted name that is believed."""
    said: dict[str, list[Attested]] = {}
    for row in rows:
        for name, attested in row.items():
            if name in wanted:
                said.setdefault(name, []).append(attested)
    chosen = ((name, _chosen(said[name], _how(name, sources))) for name in sorted(said))
    return {name: attested for name, attested in chosen if attested is not None}


def _how(name: str, sources: Sources) -> Reconcile:
    return sources.reconcile.get(name, sources.default)


def _chosen(said: list[Attested], how: Reconcile) -> Attested | None:
    """The word that is believed; None where nobody said anything."""
    known = [attested for attested in said if attested.value is not None]
    return max(known, key=_ranking(known, how)) if known else None


def _ranking(said: list[Attested], how: Reconcile) -> Callable[[Attested], Rank]:
    """What is believed more ranks higher; what ranks alike is the same word."""
    if how.by == "last_updated":
        return _recent
    if how.by == "source_order":
        places = {source: -place for place, source in enumerate(how.order)}
        # A system that the order does not name comes after all that it names.
        return lambda a: (places.get(a.source, -len(places)), *_recent(a))
    often: dict[Rank, int] = {}
    for attested in said:
        often[_alike(attested.value)] = often.get(_alike(attested.value), 0) + 1
    return lambda a: (often[_alike(a.value)], _alike(a.value), *_recent(a))


def _recent(attested: Attested) -> Rank:
    return (attested.at, *_alike(attested.value), type(attested.value).__name__, attested.source)


def _alike(value: Value) -> Rank:
    """Values that compare equal are one, but yes is not 1; words rank above numbers, these above yes and no."""
    if isinstance(value, bool):
        return (0, value)
    return (2, value) if isinstance(value, str) else (1, value)


def _consents(rows: list[SourceRecord]) -> dict[str, Consent]:
    """By purpose the most restrictive of what each source said last."""
    last: dict[tuple[str, str], Consent] = {}
    for row in rows:
        for purpose, said in row.consents.items():
            known = last.get((purpose, said.source))
            if known is None or _word(said) > _word(known):
                last[purpose, said.source] = said
    strictest: dict[str, Consent] = {}
    for (purpose, _), said in last.items():
        known = strictest.get(purpose)
        if known is None or _strictness(said) > _strictness(known):
            strictest[purpose] = said
    kept = sorted(strictest, key=lambda purpose: (strictest[purpose].granted, purpose))[:MOST_PURPOSES]
    return {purpose: strictest[purpose] for purpose in sorted(kept)}


def _word(consent: Consent) -> Rank:
    """Of one source the newest word counts, and of one moment the no."""
    return (consent.at, not consent.granted)


def _strictness(consent: Consent) -> Rank:
    return (not consent.granted, consent.at, consent.source)
