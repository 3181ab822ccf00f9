"""What records say of things: claims by record, and a thing's entry made of the newest of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
import structlog

from flows.identity.entries import Entries, with_past
from flows.identity.rows import delete_where, rows_where, upsert
from flows.identity.tables import role_claim
from flows.schema import Identity, Role
from flows.sources.model import SourceRecord

MOST_ROLES = 16
_AT_ONCE = 1_000
_COLUMNS = tuple(role_claim.c.keys())
_log = structlog.get_logger(__name__)

_Claim = dict[str, Any]


class Claims:
    """The claims that a batch concerns, within its transaction."""

    def __init__(self, connection: sa.Connection, entries: Entries) -> None:
        self._connection, self._entries = connection, entries

    def write(
        self,
        records: Mapping[str, SourceRecord],
        gone: Collection[str],
        of: Mapping[str, str],
        known_before: Collection[str],
    ) -> set[str]:
        """Write the claims of changed and gone records, and of all whose customer `of` says; returns the things said.

        `of` is by record, also of those that say nothing new; others than those `known_before` have no claims yet.
        """
        known = self._claims(role_claim.c.record, {*records, *gone, *of}.intersection(known_before))
        now: dict[tuple[str, ...], _Claim] = {}
        for key, claim in known.items():
            if claim["record"] not in records and claim["record"] not in gone:
                now[key] = claim
        for handle, record in records.items():
            for said in record.roles:
                claim = {"record": handle, "role": said.role, "thing": said.thing, "at": record.at}
                claim |= {"since": said.since, "until": said.until, "customer": None, "link": 0, "was": []}
                now[handle, said.role, said.thing] = claim
        changed = set(known.keys() - now.keys())
        moved: list[_Claim] = []
        for key, claim in now.items():
            old = known.get(key)
            new = dict(claim) if old is None else {**claim, "link": old["link"], "was": old["was"]}
            before = None if old is None else old["customer"]
            new["customer"] = of.get(claim["record"], before)
            if new["customer"] != before:
                new["was"] = with_past(new["was"], before, new["customer"])
                moved.append(new)
            if old is None or _differs(old, new):
                changed.add(key)
            now[key] = new
        things = sorted({thing for _, _, thing in changed})
        numbers = {thing: self._entries.number() + place for place, thing in enumerate(things)}
        for claim in moved:
            claim["link"] = numbers[claim["thing"]]
        self._write(known, now)
        self._tell(things)
        return set(things)

    def _claims(self, column: sa.Column[Any], values: Collection[str]) -> dict[tuple[str, ...], _Claim]:
        found: dict[tuple[str, ...], _Claim] = {}
        for row in rows_where(self._connection, sa.select(role_claim), column, values):
            claim = dict(zip(_COLUMNS, row, strict=True))
            found[claim["record"], claim["role"], claim["thing"]] = claim
        return found

    def _write(self, known: Mapping[tuple[str, ...], _Claim], now: Mapping[tuple[str, ...], _Claim]) -> None:
        """Write what changed; of a record with a claim less all are written anew."""
        away = {key[0] for key in known.keys() - now.keys()}
        delete_where(self._connection, role_claim.c.record, away)
        upsert(
            self._connection,
            role_claim,
            [claim for key, claim in now.items() if key[0] in away or known.get(key) != claim],
        )

    def _tell(self, things: list[str]) -> None:
        """Add the entry of each thing: its newest claims, newest first."""
        for begin in range(0, len(things), _AT_ONCE):
            some = things[begin : begin + _AT_ONCE]
            said: defaultdict[str, list[Role]] = defaultdict(list)
            for row in self._connection.execute(_newest(), {"wanted": some}):
                claim = dict(zip(_COLUMNS, row, strict=False))
                said[claim["thing"]].append(_role(claim))
            for thing in some:
                roles = said[thing]
                if len(roles) > MOST_ROLES:
                    _log.warning("more roles than are kept: the newest count", thing=thing, kept=MOST_ROLES)
                self._entries.add(thing, Identity(number=0, roles=tuple(roles[:MOST_ROLES])))


def _newest() -> sa.Select[*tuple[Any, ...]]:
    """The newest claims of the `wanted` things, and one more than is kept of each."""
    since = sa.func.coalesce(role_claim.c.since, role_claim.c.at)
    order = (since.desc(), role_claim.c.record, role_claim.c.role)
    place = sa.func.row_number().over(partition_by=role_claim.c.thing, order_by=order).label("place")
    wanted = role_claim.c.thing.in_(sa.bindparam("wanted", expanding=True))
    numbered = sa.select(*role_claim.c, place).where(wanted).subquery()
    return sa.select(*numbered.c).where(numbered.c.place <= MOST_ROLES + 1).order_by(numbered.c.place)


def _differs(old: _Claim, new: _Claim) -> bool:
    """Whether the entry of the thing may read differently."""
    names = (
        ("since", "until", "customer") if new["since"] is not None else ("since", "until", "customer", "at")
    )
    return any(old[name] != new[name] for name in names)


def _role(row: Mapping[str, Any]) -> Role:
    return Role(
        role=row["role"],
        customer=row["customer"],
        since=row["since"],
        until=row["until"],
        evidence=row["record"],
        link=row["link"],
        was=tuple(row["was"]),
    )
