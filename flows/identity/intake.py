"""Taking in a batch of evidence: one transaction from what was said to what is to be published of it."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from flows.identity.assigning import Assigned, Customer, assign, merged_into, owners
from flows.identity.clusters import partition
from flows.identity.entries import Entries, Entry, with_past
from flows.identity.evidence import Batch
from flows.identity.keeping import Keeping
from flows.identity.matching import Matching
from flows.identity.people import records_by_customer, tell_of_customers, tell_of_ends
from flows.identity.region import Reading, Region
from flows.identity.roles import Claims
from flows.identity.rows import read_state, upsert, write_state
from flows.identity.tables import assignment, customer
from flows.identity.taking import Taken, Taking, write_pieces
from flows.schema import Identity
from flows.sources.model import Sources

_MINTED = "minted"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a batch: pieces that were new by kind, customers merged and split off, tokens shared now.

    `entries` are in the outbox now, `region` is how many pieces had to be looked at.
    """

    new: Mapping[str, int] = {}
    merged: int = 0
    split: int = 0
    shared: int = 0
    entries: Sequence[Entry] = ()
    region: int = 0


class Intake:
    """Takes evidence in; `chance` is what customer ids are drawn from, `keeping` gets what goes to the vault."""

    def __init__(
        self,
        matching: Matching,
        sources: Sources,
        tenant_key: bytes,
        chance: random.Random,
        keeping: Keeping | None = None,
    ) -> None:
        self._matching, self._sources, self._key = matching, sources, tenant_key
        self._chance, self._keeping = chance, keeping

    def take(self, connection: sa.Connection, batch: Batch) -> Result:
        """Write a batch and all that follows from it, within the caller's transaction."""
        taken = Taking(connection, self._matching, self._key).take(batch)
        if not taken.touched and not taken.erased:
            write_pieces(connection, taken, {}, {})
            return Result(new=taken.new)
        return self.follow(connection, taken, batch)

    def follow(self, connection: sa.Connection, taken: Taken, batch: Batch) -> Result:
        """Draw the consequences of what was taken."""
        matching = self._matching
        region = Reading(connection, matching, taken).read()
        found = partition(region.pieces.values(), matching, region.apart, region.shared, region.over)
        gone = {whose for whose in taken.gone.values() if whose is not None}
        minting = _Minting(connection, self._chance)
        assigned = assign(connection, region, found.clusters, gone, taken.erased, minting.mint)
        whose = owners(connection, region, found, taken.gone, assigned.of, matching)
        entries = Entries(connection)
        merged = [assigned.customers[loser] for loser in assigned.survivors]
        erased = [c for each in sorted(taken.erased) if (c := assigned.customers.get(each)) and not c.erased]
        tell_of_ends(entries, merged, erased)
        forgotten = _forget(connection, region, {each.id for each in erased})
        shared = self._write_tokens(connection, region, taken, found.shared, whose, forgotten, entries)
        write_pieces(connection, taken, region.whose, assigned.of)
        changed = self._changed(region, taken, assigned)
        rows = {p.id for p in region.pieces.values() if p.kind == "record"}
        of = records_by_customer(assigned.of, rows)
        tell_of_customers(
            connection,
            entries,
            self._sources,
            [assigned.customers[c] for c in sorted(changed)],
            of,
            taken.records,
        )
        self._write_customers(connection, assigned, changed)
        minting.write()
        moved = {h: assigned.of[h] for h in rows if region.whose[h] != assigned.of[h] or h in taken.records}
        before = {*taken.whose, *(h for h in rows if region.whose[h] is not None)}
        Claims(connection, entries).write(taken.records, taken.gone, moved, before)
        if self._keeping is not None:
            self._keeping.keep(connection, region, assigned, taken, batch)
        return Result(
            new=taken.new,
            merged=len(merged),
            split=len(assigned.split),
            shared=shared,
            entries=entries.write(),
            region=len(region.pieces),
        )

    def _write_tokens(
        self,
        connection: sa.Connection,
        region: Region,
        taken: Taken,
        shared: Collection[str],
        whose: Mapping[str, str | None],
        forgotten: Collection[str],
        entries: Entries,
    ) -> int:
        """Write what changed of tokens and say whose they are now; returns how many are shared now that were not."""
        rows, newly = list[dict[str, Any]](), 0
        for token in sorted(region.tokens):
            known, new = region.tokens[token], whose[token]
            links_no_more = token in shared and self._matching.rank(token) is not None
            if (known.customer, known.shared) == (new, links_no_more) and not taken.pieces.get(token):
                continue
            newly += links_no_more and not known.shared
            if known.customer != new:
                old = None if known.customer in forgotten else known.customer
                known.was = with_past(known.was, old, new)
                known.number = entries.add(token, Identity(number=0, customer=new, was=tuple(known.was)))
            known.customer, known.shared = new, links_no_more
            rows.append({"token": token, **msgspec.structs.asdict(known)})
        upsert(connection, assignment, rows)
        return newly

    def _changed(self, region: Region, taken: Taken, assigned: Assigned) -> set[str]:
        """The customers who have other evidence, or evidence that says something else, than before."""
        found = {whose for whose in taken.gone.values() if whose is not None}
        for piece, new in assigned.of.items():
            old = region.whose[piece]
            if old != new:
                found.add(new)
                if old is not None:
                    found.add(old)
            elif piece in taken.records:
                found.add(new)
        return found

    def _write_customers(self, connection: sa.Connection, assigned: Assigned, changed: set[str]) -> None:
        ids = changed | {each.id for each in assigned.customers.values() if each.erased}
        upsert(connection, customer, [msgspec.structs.asdict(assigned.customers[c]) for c in sorted(ids)])


def _forget(connection: sa.Connection, region: Region, erased: Collection[str]) -> set[str]:
    """Take those who are erased now, and who was merged into them, out of the past of tokens; returns who that is.

    Nobody is to hand over what was known of them, and that they are erased, and whose their tokens are now, are entries
    that may be read in any order.
    """
    theirs = [known for known in region.tokens.values() if erased and known.customer in erased]
    gone = {*erased, *merged_into(connection, {each for known in theirs for each in known.was}, erased)}
    for known in theirs:
        known.was = [each for each in known.was if each not in gone]
    return gone


class _Minting:
    """Fresh customers, numbered in the order of their beginning."""

    def __init__(self, connection: sa.Connection, chance: random.Random) -> None:
        self._connection, self._chance = connection, chance
        # Those of one batch begin alike, so that what is kept of them lies side by side.
        self._begin = f"{chance.getrandbits(16):04x}"
        self._number = self._begun = int(read_state(connection, _MINTED) or 0)

    def mint(self) -> Customer:
        """A fresh customer with a random id."""
        self._number += 1
        return Customer(f"customer:{self._begin}{self._chance.getrandbits(32):08x}", self._number)

    def write(self) -> None:
        """Note the last number."""
        if self._number != self._begun:
            write_state(self._connection, _MINTED, str(self._number))
