"""What is said of customers: into whom one was merged, that one was erased, and what source systems tell of one."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

import msgspec
import sqlalchemy as sa

from flows.identity.assigning import Customer
from flows.identity.entries import Entries
from flows.identity.reconcile import person_of
from flows.identity.rows import rows_where
from flows.identity.tables import evidence
from flows.schema import Identity, encode
from flows.sources.model import SourceRecord, Sources

_decoder = msgspec.json.Decoder(SourceRecord)


def tell_of_customers(
    connection: sa.Connection,
    entries: Entries,
    sources: Sources,
    customers: Iterable[Customer],
    records: Mapping[str, Collection[str]],
    new: Mapping[str, SourceRecord],
) -> None:
    """Add the entries of customers who changed; `records` are the handles of each one's rows, `new` what came of them.

    Of one who is as he was before nothing is said. `person` of the customers is changed on the way.
    """
    standing = [each for each in customers if each.survivor is None and not each.erased]
    wanted = {handle for each in standing for handle in records.get(each.id, ())}
    said = _said(connection, wanted - new.keys()) | dict(new)
    for each in standing:
        rows = [said[handle] for handle in records.get(each.id, ()) if handle in said]
        person = person_of(rows, sources) if rows else None
        digest = None if person is None else hashlib.blake2b(encode(person), digest_size=12).hexdigest()
        if digest != each.person:
            each.person = digest
            entries.add(each.id, Identity(number=0, person=person))


def tell_of_ends(entries: Entries, merged: Iterable[Customer], erased: Iterable[Customer]) -> None:
    """Add the entries of customers who are no more."""
    for each in merged:
        entries.add(each.id, Identity(number=0, survivor=each.survivor))
    for each in erased:
        each.erased, each.person = True, None
        entries.add(each.id, Identity(number=0, erased=True))


def records_by_customer(of: Mapping[str, str], handles: Collection[str]) -> dict[str, list[str]]:
    """The handles of rows by customer."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for handle in handles:
        found[of[handle]].append(handle)
    return found


def _said(connection: sa.Connection, handles: Collection[str]) -> dict[str, SourceRecord]:
    """What rows say."""
    columns = sa.select(evidence.c.id, evidence.c.content)
    rows = rows_where(connection, columns, evidence.c.id, handles)
    return {handle: _decoder.decode(content) for handle, content in rows if content is not None}
