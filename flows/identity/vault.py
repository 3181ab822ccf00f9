"""Personal values, sealed with a key for each customer: what tokens stand for, and attributes that no rule reads.

Who deletes a customer's key has made all of it unreadable, in every copy of the rows, too. Values are in no log, no
message of an error and no `repr`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from flows.errors import VaultKeyMissing
from flows.identity.rows import delete_pairs, delete_where, rows_where, upsert
from flows.identity.seals import SHORTEST_SECRET, MasterKey, Seal
from flows.identity.tables import vault_attribute, vault_key, vault_value
from flows.schema_people import Attested
from flows.sources.model import Identifier

_AT_ONCE = 1_000

# Where a sealed text belongs: (token,), or (record, name).
_Place = tuple[str, ...]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be kept of a customer; `personal` is all that a record, named by its handle, says now."""

    customer: str
    identifiers: Collection[Identifier] = ()
    personal: Mapping[str, Mapping[str, Attested]] = {}

    def __repr__(self) -> str:
        """Without the values."""
        return f"Kept(customer={self.customer!r}, {len(self.identifiers)} identifiers)"


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens (a record's handle among them brings its attributes) that go from one customer to another.

    `shared` are those that the source has evidence of besides: it keeps them, and the target gets them, too.
    """

    tokens: Collection[str]
    source: str
    target: str
    shared: Collection[str] = ()


class Vault:
    """The vault within one transaction of the identity database; `master` may be None as long as nothing is kept."""

    def __init__(self, connection: sa.Connection, tenant: str, master: MasterKey | None) -> None:
        self._connection, self._tenant, self._master = connection, tenant, master

    def keep(self, kept: Iterable[Kept]) -> None:
        """Seal what is new; raises VaultKeyMissing, VaultKeyWrong."""
        all_kept = list(kept)
        texts = self._unknown(all_kept)
        for each in all_kept:
            for record, said in each.personal.items():
                for name, attested in said.items():
                    texts.setdefault(each.customer, {})[record, name] = msgspec.json.encode(attested)
        delete_where(
            self._connection, vault_attribute.c.record, {r for each in all_kept for r in each.personal}
        )
        self._write(texts)

    def move(self, moves: Iterable[Move]) -> None:
        """Seal what goes with the key of whom it goes to, one move after the other.

        Who loses something gets a new key for what stays, so that no old copy of what left opens with it, and who has
        nothing left has no key any more. Raises VaultKeyMissing, VaultKeyWrong, VaultUnreadable.
        """
        all_moves = [move for move in moves if move.source != move.target]
        held = self._held({move.source for move in all_moves})
        before = {customer: set(texts) for customer, texts in held.items()}
        for move in all_moves:
            going, shared = set(move.tokens), set(move.shared)
            texts = held.get(move.source, {})
            found = {place: text for place, text in texts.items() if place[0] in going}
            for place in found:
                if place[0] not in shared:
                    del texts[place]
            if found:
                held.setdefault(move.target, {}).update(found)
        lost = {c: gone for c, places in before.items() if (gone := places - held[c].keys())}
        if lost:
            _overwrite(self._connection)
        delete_where(self._connection, vault_key.c.customer, lost)
        self._delete(vault_value.c.token, lost, 1)
        self._delete(vault_attribute.c.record, lost, 2)
        self._write(
            {c: texts for c, texts in held.items() if c in lost or texts.keys() - before.get(c, set())}
        )

    def forget(self, pairs: Collection[tuple[str, str]]) -> None:
        """Delete of each (token, customer) what no evidence names any more; of a record by its handle, too."""
        if not pairs:
            return
        _overwrite(self._connection)
        delete_pairs(self._connection, vault_value.c.token, vault_value.c.customer, pairs)
        delete_pairs(self._connection, vault_attribute.c.record, vault_attribute.c.customer, pairs)

    def reveal(self, tokens: Iterable[str], customers: Collection[str]) -> dict[str, str]:
        """What tokens stand for, as some customers have them; what none of them has, or was erased, is left out.

        Raises VaultKeyMissing, VaultKeyWrong, VaultUnreadable.
        """
        theirs, wanted = vault_value.c.customer, set(tokens)
        all_rows = rows_where(self._connection, sa.select(vault_value), theirs, set(customers))
        rows = [row for row in all_rows if row.token in wanted]
        seals = self._seals({row.customer for row in rows})
        found: dict[str, str] = {}
        for row in rows:
            if row.token not in found and row.customer in seals:
                text = seals[row.customer].open(row.ciphertext, *self._bound((row.token,)))
                found[row.token] = text.decode()
        return found

    def person(self, customer: str) -> dict[str, dict[str, Attested]]:
        """The personal attributes of a customer, by record and name (`reconcile.personal_of` makes them one).

        Raises as `reveal`.
        """
        found: dict[str, dict[str, Attested]] = {}
        for place, text in self._held({customer}).get(customer, {}).items():
            if len(place) == 2:
                found.setdefault(place[0], {})[place[1]] = msgspec.json.decode(text, type=Attested)
        return found

    def erase(self, customers: Collection[str]) -> None:
        """Delete the keys of customers, and what they sealed: a customer, and all who were merged into it."""
        _overwrite(self._connection)
        for column in (vault_key.c.customer, vault_value.c.customer, vault_attribute.c.customer):
            delete_where(self._connection, column, customers)

    def _unknown(self, kept: list[Kept]) -> dict[str, dict[_Place, bytes]]:
        """The values that customers do not have yet: a token stands for one value for ever."""
        values = {(i.token, each.customer): i.value for each in kept for i in each.identifiers if i.value}
        customers = {customer for _, customer in values}
        pairs: list[sa.Column[Any]] = [vault_value.c.token, vault_value.c.customer]
        rows = rows_where(self._connection, sa.select(*pairs), vault_value.c.customer, customers)
        known = {(row.token, row.customer) for row in rows}
        found: dict[str, dict[_Place, bytes]] = {}
        for (token, customer), value in values.items():
            if (token, customer) not in known:
                found.setdefault(customer, {})[token,] = value.encode()
        return found

    def _held(self, customers: Collection[str]) -> dict[str, dict[_Place, bytes]]:
        """All that customers have, opened."""
        seals, found = self._seals(customers), dict[str, dict[_Place, bytes]]()
        for table, names in ((vault_value, ("token",)), (vault_attribute, ("record", "name"))):
            for row in rows_where(self._connection, sa.select(table), table.c.customer, customers):
                if row.customer in seals:
                    place = tuple(str(getattr(row, name)) for name in names)
                    text = seals[row.customer].open(row.ciphertext, *self._bound(place))
                    found.setdefault(row.customer, {})[place] = text
        return found

    def _write(self, texts: Mapping[str, Mapping[_Place, bytes]]) -> None:
        """Seal and write what customers have; who has no key gets one."""
        filled = {customer: places for customer, places in texts.items() if places}
        seals = self._seals_or_new(filled)
        values: list[dict[str, Any]] = []
        attributes: list[dict[str, Any]] = []
        for customer, places in filled.items():
            for place, text in places.items():
                row = {"customer": customer, "ciphertext": seals[customer].close(text, *self._bound(place))}
                if len(place) == 1:
                    values.append({"token": place[0], **row})
                else:
                    attributes.append({"record": place[0], "name": place[1], **row})
        upsert(self._connection, vault_value, values)
        upsert(self._connection, vault_attribute, attributes)

    def _delete(self, column: sa.Column[Any], lost: Mapping[str, set[_Place]], length: int) -> None:
        """Delete the rows of one table, whose places have so many parts, that customers have lost."""
        pairs = {(p[0], customer) for customer, gone in lost.items() for p in gone if len(p) == length}
        delete_pairs(self._connection, column, column.table.c.customer, pairs)

    def _bound(self, place: _Place) -> tuple[str, ...]:
        """What a ciphertext is bound to."""
        return ("value" if len(place) == 1 else "attribute", self._tenant, *place)

    def _seals(self, customers: Collection[str]) -> dict[str, Seal]:
        """The keys of customers that have one; opening one takes 4 µs, so none is kept any longer."""
        rows = rows_where(self._connection, sa.select(vault_key), vault_key.c.customer, customers)
        return {row.customer: self._opener().unseal(row.sealed, self._tenant, row.customer) for row in rows}

    def _seals_or_new(self, customers: Collection[str]) -> dict[str, Seal]:
        """The keys of customers; who has none gets one."""
        seals, minted = self._seals(customers), list[dict[str, Any]]()
        for customer in sorted(set(customers) - seals.keys()):
            seals[customer], sealed = self._opener().mint(self._tenant, customer)
            minted.append({"customer": customer, "sealed": sealed})
        upsert(self._connection, vault_key, minted)
        return seals

    def _opener(self) -> MasterKey:
        if self._master is None:
            raise VaultKeyMissing(0, SHORTEST_SECRET)
        return self._master


def reseal(connection: sa.Connection, tenant: str, old: MasterKey, new: MasterKey) -> int:
    """Seal the keys of all customers with another master key, and return how many; raises VaultKeyWrong.

    What the keys seal stays as it is. The identity service must not run meanwhile.
    """
    _overwrite(connection)
    last, done = "", 0
    while True:
        following = sa.select(vault_key).where(vault_key.c.customer > last).order_by(vault_key.c.customer)
        rows = connection.execute(following.limit(_AT_ONCE)).all()
        if not rows:
            return done
        upsert(
            connection,
            vault_key,
            [
                {
                    "customer": row.customer,
                    "sealed": old.handed_to(new, row.sealed, tenant, row.customer),
                }
                for row in rows
            ],
        )
        last, done = rows[-1].customer, done + len(rows)


def _overwrite(connection: sa.Connection) -> None:
    """What this transaction deletes must not stay in free pages of the file."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
