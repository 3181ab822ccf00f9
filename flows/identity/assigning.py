"""Which customer a cluster is, and whose a token is.

Ids are not part of what the evidence says: the one that was minted first survives a merge, and after a split it stays
with the part that holds the earliest evidence, while the others get fresh ones. An erased id never comes back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

import msgspec
import sqlalchemy as sa

from flows.identity.clusters import Partition, Piece, current, owner
from flows.identity.matching import Matching
from flows.identity.region import Region, others_who_hold
from flows.identity.rows import rows_where
from flows.identity.tables import customer


class Customer(msgspec.Struct):
    """A row of `customer`, being changed."""

    id: str
    minted: int
    survivor: str | None = None
    erased: bool = False
    person: str | None = None


class Assigned(msgspec.Struct):
    """By piece whose it is now, the customers concerned, and what became of them.

    `survivors` says into whom customers were merged, `split` who was split off from whom.
    """

    of: dict[str, str] = {}
    customers: dict[str, Customer] = {}
    survivors: dict[str, str] = {}
    split: dict[str, str] = {}


def assign(
    connection: sa.Connection,
    region: Region,
    clusters: list[list[Piece]],
    concerned: Collection[str],
    erased: Collection[str],
    mint: Callable[[], Customer],
) -> Assigned:
    """Give each cluster its customer; `concerned` are others whose evidence has gone, `erased` who is forgotten now."""
    before = {whose for whose in region.whose.values() if whose is not None}
    known = customers(connection, before.union(concerned, erased))
    staying = _stay(
        region, clusters, {c for c in before if c in known and not (known[c].erased or c in erased)}
    )
    assigned = Assigned(customers=known)
    fresh: list[tuple[Customer, list[Piece]]] = []
    for place, cluster in enumerate(clusters):
        candidates = sorted(staying.get(place, ()), key=lambda c: known[c].minted)
        if not candidates:
            fresh.append((mint(), cluster))
            continue
        winner, *losers = candidates
        assigned.of |= {piece.id: winner for piece in cluster}
        assigned.survivors |= dict.fromkeys(losers, winner)
    _mint_again(connection, fresh, mint)
    for new, cluster in fresh:
        known[new.id] = new
        assigned.of |= {piece.id: new.id for piece in cluster}
        came_from = next((w for piece in cluster if (w := region.whose[piece.id]) is not None), None)
        if came_from is not None:
            assigned.split[new.id] = came_from
    for loser, winner in assigned.survivors.items():
        known[loser].survivor = winner
    return assigned


def customers(connection: sa.Connection, ids: Iterable[str]) -> dict[str, Customer]:
    """What is known of customers."""
    columns = sa.select(
        customer.c.id, customer.c.minted, customer.c.survivor, customer.c.erased, customer.c.person
    )
    return {row[0]: Customer(*row) for row in rows_where(connection, columns, customer.c.id, set(ids))}


def merged_into(connection: sa.Connection, ids: Iterable[str], into: Collection[str]) -> set[str]:
    """Those of some customers who were merged into one of others, over whomever."""
    found, ends = set[str](), {each: each for each in ids}
    while ends:
        known = customers(connection, ends.values())
        survivors = {each: known[end].survivor for each, end in ends.items() if end in known}
        found |= {each for each, survivor in survivors.items() if survivor in into}
        ends = {each: s for each, s in survivors.items() if s is not None and s not in into}
    return found


def _stay(region: Region, clusters: list[list[Piece]], customers: Collection[str]) -> dict[int, list[str]]:
    """By the place of a cluster, the customers of whose evidence it holds the earliest piece."""
    earliest: dict[str, tuple[tuple[int, str], int]] = {}
    for place, cluster in enumerate(clusters):
        for piece in cluster:
            whose = region.whose[piece.id]
            if whose is None or whose not in customers:
                continue
            if whose not in earliest or piece.age < earliest[whose][0]:
                earliest[whose] = (piece.age, place)
    found: defaultdict[int, list[str]] = defaultdict(list)
    for whose, (_, place) in earliest.items():
        found[place].append(whose)
    return found


def _mint_again(
    connection: sa.Connection, fresh: list[tuple[Customer, list[Piece]]], mint: Callable[[], Customer]
) -> None:
    """Among millions of random ids one may come twice."""
    while True:
        taken = set(customers(connection, [new.id for new, _ in fresh]))
        seen: set[str] = set()
        again = False
        for place, (new, cluster) in enumerate(fresh):
            if new.id in taken or new.id in seen:
                fresh[place] = (mint(), cluster)
                again = True
            seen.add(new.id)
        if not again:
            return


def owners(
    connection: sa.Connection,
    region: Region,
    found: Partition,
    gone: Collection[str],
    of: dict[str, str],
    matching: Matching,
) -> dict[str, str | None]:
    """Whose each token of the region is; composites are nobody's. `gone` are pieces that count no more."""
    composites = {token for piece in region.pieces.values() for token in piece.composites}
    whose: dict[str, str | None] = {}
    ask, own = set[str](), set[str]()
    for token, known in region.tokens.items():
        holders = found.holders.get(token, [])
        if token in composites:
            whose[token] = None
        elif known.pieces > matching.most_holders:
            whose[token] = of.get(token)
            own.add(token)
        elif token in of or token in region.walked or known.pieces == len(holders):
            whose[token] = owner(token, holders, of)
        else:
            ask.add(token)
            own.add(token)
    own = {token for token in own if token not in of and matching.rank(token) == 0}
    if not (ask or own):
        return whose
    holding: defaultdict[str, list[Piece]] = defaultdict(list)
    for piece in region.pieces.values():
        for token in ask.intersection(piece.tokens):
            holding[token].append(piece)
    owned: dict[str, str | None] = dict(of)
    for token, piece, theirs in others_who_hold(connection, region, gone, ask, own):
        holding[token].append(piece)
        owned[piece.id] = theirs
    for token in ask | own:
        whose[token] = owner(token, current(token, holding[token], matching) if token in ask else (), owned)
    return whose
