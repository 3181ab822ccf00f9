"""From a row of a source system to the one form that all take: identifiers, roles, attributes, consents.

A row is taken or refused as a whole only for what it cannot do without: a system that is declared, its own id, a time.
Any other value that is broken costs itself alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import msgspec

from flows import ids
from flows.hints import did_you_mean
from flows.moments import NoMoment, moment
from flows.schema import Event
from flows.schema_people import Attested, Consent
from flows.sources.identifiers import MAX_HANDLE, IdentifierRefused, identifier
from flows.sources.model import (
    ConsentPath,
    Identifier,
    IdentityRules,
    RoleClaim,
    RolePath,
    Source,
    SourceRecord,
    Sources,
)
from flows.sources.row import CHANGED, DELETED, Refusal, Row, RowRefused, name_of
from flows.sources.spelling import compared, folded
from flows.zones import zone_named

MAX_IDENTIFIERS = 64
MAX_ROLES = 64
_MAX_COMPOSITES = 64


class Mapped(msgspec.Struct, frozen=True):
    """A row in canonical form, and which of its values were not taken."""

    record: SourceRecord
    refused: tuple[Refusal, ...] = ()


class Mapper:
    """Maps rows of the declared sources; `tenant_key` is what tokens are made with."""

    def __init__(self, sources: Sources, matching: IdentityRules, tenant_key: bytes) -> None:
        self._sources = sources
        self._together = [names for names in matching.match if _is_composite(names, sources)]
        self._key = tenant_key

    def record_of(self, event: Event) -> SourceRecord:
        """The record that a row becomes, whatever of it was not taken; raises RowRefused."""
        return self.mapped(event).record

    def mapped(self, event: Event, appended: int | None = None) -> Mapped:
        """The record that a row becomes, and what of it was not taken; raises RowRefused.

        Refused are a source or a type that is not known, a row without an id of its own, a time that is none or that
        lies ahead of when the bus took the row (`appended`, ms), more than 64 identifiers or roles.
        """
        source = self._sources.systems.get(event.source)
        if source is None:
            hint = did_you_mean(event.source[:64], self._sources.systems)
            raise RowRefused("unknown_source", f"there is no source {event.source[:64]!r}. {hint}")
        if event.type not in (CHANGED, DELETED):
            message = f"the type {event.type[:64]!r} is neither {CHANGED} nor {DELETED}"
            raise RowRefused("unknown_type", message)
        row = Row(event.data, source, appended)
        handle = self._handle(source, event, row)
        at = _at(source, event, row)
        if event.type == DELETED:
            return Mapped(SourceRecord(source=source.name, handle=handle.token, at=at, deleted=True))
        record = self._record(source, row, handle, at)
        return Mapped(record, tuple(row.refused))

    def _handle(self, source: Source, event: Event, row: Row) -> Identifier:
        """The row's own id, which stands in the row or is the subject."""
        said = row.said(source.key)
        key = None if said is None else name_of(said)
        if said is not None and not key:
            message = f"{source.key} is neither a text nor a whole number"
            raise RowRefused("wrong_type", message, source.key)
        subject = event.subject.strip()
        if key and subject and key != subject:
            raise RowRefused("two_ids", f"the row's {source.key} is not the subject that is named beside it")
        if not key and not subject:
            raise RowRefused("missing_field", f"{source.key} is missing, and no subject is named instead")
        try:
            return identifier(source.name, key or subject, self._key)
        except IdentifierRefused as error:
            raise RowRefused(error.reason, str(error), source.key) from error

    def _record(self, source: Source, row: Row, handle: Identifier, at: int) -> SourceRecord:
        """The record of a row that is there."""
        identifiers = self._identifiers(source, row, handle)
        attested = {
            path: Attested(value=value, source=source.name, at=at)
            for path in dict.fromkeys(one.path for one in (*source.attributes, *source.preferences))
            if (value := row.value(path)) is not None
        }
        named = [(one, attested[one.path]) for one in source.attributes if one.path in attested]
        attributes = {one.name: value for one, value in named if not one.personal}
        personal = {one.name: value for one, value in named if one.personal}
        return SourceRecord(
            source=source.name,
            handle=handle.token,
            at=at,
            identifiers=identifiers,
            roles=_roles(source, row),
            attributes=attributes,
            personal=personal,
            consents={
                one.purpose: found for one in source.consents if (found := _consent(one, source, row, at))
            },
            preferences={one.name: attested[one.path] for one in source.preferences if one.path in attested},
            time_zone=_zone(source, row, at),
            composites=self._composites(identifiers, {**attributes, **personal}),
        )

    def _identifiers(self, source: Source, row: Row, handle: Identifier) -> tuple[Identifier, ...]:
        """The row's own id first, then all others, each once."""
        found = {handle.token: handle}
        for one in source.identifiers:
            for text in row.texts(one.path):
                try:
                    made = identifier(one.kind, text, self._key, one.country)
                except IdentifierRefused as error:
                    row.refuse(one.path, error.reason, str(error))
                else:
                    found.setdefault(made.token, made)
        if len(found) > MAX_IDENTIFIERS:
            raise RowRefused("too_big", f"{len(found)} identifiers, and at most {MAX_IDENTIFIERS} are taken")
        return tuple(found.values())

    def _composites(
        self, identifiers: Iterable[Identifier], attributes: Mapping[str, Attested]
    ) -> tuple[str, ...]:
        """Tokens of what matches only together; where the row has several of a kind, of each combination."""
        values: dict[str, list[str]] = {name: [compared(one.value)] for name, one in attributes.items()}
        for one in identifiers:
            values.setdefault(one.kind, []).append(one.value)
        found: list[str] = []
        for names in self._together:
            combinations = itertools.product(*(values.get(name, ()) for name in names))
            for combination in itertools.islice(combinations, _MAX_COMPOSITES - len(found)):
                together = msgspec.json.encode(combination).decode()
                found.append(ids.token("+".join(names), together, self._key))
        return tuple(found)


def _is_composite(names: tuple[str, ...], sources: Sources) -> bool:
    """Whether a match is no single identifier, whose own token does."""
    attributes = {one.name for system in sources.systems.values() for one in system.attributes}
    return len(names) != 1 or not attributes.isdisjoint(names)


def _at(source: Source, event: Event, row: Row) -> int:
    """Since when the row says so."""
    at = row.moment(source.time)
    if at is not None:
        return at
    if not event.time:
        named = f"{source.time} is missing" if source.time else "the source has no `time`"
        raise RowRefused("missing_field", f"{named}, and the message names no time either")
    try:
        at = moment(event.time, "rfc3339", "")
    except NoMoment as error:
        raise RowRefused("wrong_type", f"the message's time {error}") from error
    row.check_past(at, "")
    return at


def _roles(source: Source, row: Row) -> tuple[RoleClaim, ...]:
    """What the row claims of things; a claim whose times are none is left out."""
    found: dict[RoleClaim, None] = {}
    for one in source.roles:
        for name in row.texts(one.path):
            claim = _role(one, name, row)
            if claim is not None:
                found[claim] = None
    if len(found) > MAX_ROLES:
        raise RowRefused("too_big", f"{len(found)} roles, and at most {MAX_ROLES} are taken")
    return tuple(found)


def _role(one: RolePath, name: str, row: Row) -> RoleClaim | None:
    """One claim; a time before 1970 is before all that happens here."""
    thing = f"{one.thing}:{name}"
    if len(thing) > MAX_HANDLE:
        row.refuse(one.path, "too_big", f"the name of the {one.thing} has more than {MAX_HANDLE} characters")
        return None
    try:
        since, until = row.moment(one.since, ever=True), row.moment(one.until, ever=True)
    except RowRefused as error:
        row.refuse(one.path, error.reason, f"the {one.role}'s {error}")
        return None
    if since is not None and until is not None and until <= since:
        row.refuse(one.path, "out_of_range", f"the {one.role}'s {one.until} is not after {one.since}")
        return None
    return RoleClaim(
        role=one.role,
        thing=thing,
        since=since if since is None or since > 0 else None,
        until=until if until is None else max(until, 0),
    )


def _consent(one: ConsentPath, source: Source, row: Row, at: int) -> Consent | None:
    """A yes or a no; a time that is none leaves it to the row's, since a no must not be lost."""
    said = row.said(one.path)
    if said is None:
        return None
    text = str(said).lower() if isinstance(said, bool) else name_of(said)
    granted = text is not None and folded(text) in {folded(yes) for yes in one.granted}
    since = None
    try:
        since = row.moment(one.at)
    except RowRefused as error:
        row.refuse(one.at, error.reason, str(error))
    return Consent(granted=granted, source=source.name, at=at if since is None else since)


def _zone(source: Source, row: Row, at: int) -> Attested | None:
    """The zone somebody lives in, if there is such a one."""
    name = row.text(source.time_zone)
    if name is None:
        return None
    if len(name) > MAX_HANDLE or zone_named(name) is None:
        row.refuse(source.time_zone, "bad_zone", "it is no IANA time zone such as Europe/Berlin")
        return None
    return Attested(value=name, source=source.name, at=at)
