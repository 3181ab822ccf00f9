"""What the database knows of somebody: for showing it, for telling why, and for judgements. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec
import sqlalchemy as sa

from flows.identity.clusters import Piece, severed
from flows.identity.evidence import Judgement
from flows.identity.explain import Asked, Known
from flows.identity.judged import apart, judgements_about
from flows.identity.judgements import Side
from flows.identity.matching import MOST_HOLDERS, Matching
from flows.identity.region import PIECE
from flows.identity.rows import rows_where
from flows.identity.tables import assignment, customer, evidence, evidence_key, role_claim
from flows.schema import Role
from flows.sources.model import SourceRecord

CUSTOMER = "customer:"
_record = msgspec.json.Decoder(SourceRecord)


class About(msgspec.Struct, frozen=True, kw_only=True):
    """A customer: the tokens that are theirs, those their evidence holds besides (shared, or of several), and more.

    `merged` are customers who are this one now, `roles` by thing.
    """

    customer: str
    own: tuple[str, ...]
    besides: tuple[str, ...]
    shared: frozenset[str]
    pieces: tuple[Piece, ...]
    sources: dict[str, str]
    records: tuple[SourceRecord, ...]
    roles: tuple[tuple[str, Role], ...]
    judgements: tuple[Judgement, ...]
    merged: tuple[str, ...]


def asked(connection: sa.Connection, name: str, handle: str) -> Asked | None:
    """Who is meant by a customer's id or a token, called `name`; None for an id that was never given.

    Who was merged away is the survivor.
    """
    if not handle.startswith(CUSTOMER):
        row = connection.execute(
            sa.select(assignment.c.customer).where(assignment.c.token == handle)
        ).one_or_none()
        return Asked(name=name, customer=None if row is None else row.customer, tokens=frozenset([handle]))
    columns = sa.select(customer.c.id, customer.c.survivor, customer.c.erased)
    seen: set[str] = set()
    while True:
        found = connection.execute(columns.where(customer.c.id == handle)).one_or_none()
        if found is None:
            return None
        seen.add(handle)
        if found.survivor is None or found.survivor in seen:
            break
        handle = found.survivor
    tokens = _tokens(_pieces_of(connection, [handle]))
    return Asked(name=name, customer=handle, tokens=_own(connection, handle, tokens), erased=found.erased)


def side_of(connection: sa.Connection, who: Asked, matching: Matching) -> Side:
    """Somebody as a party to a judgement: accounts are the rows of theirs and what else names one of so many."""
    token = min(who.tokens, default="")
    if who.customer is None:
        return Side(token=token)
    pieces = _pieces_of(connection, [who.customer])
    own = _own(connection, who.customer, _tokens(pieces))
    rows = {piece.id for piece in pieces if piece.kind == "record"}
    accounts = rows | {each for each in own if matching.is_unique(each)}
    # Asked for by their id, they are meant whole.
    if len(who.tokens) > 1 and accounts:
        token = min(accounts)
    return Side(token=token, accounts=tuple(sorted(accounts)), tokens=tuple(sorted(own | accounts)))


def known_of(
    connection: sa.Connection, one: Asked, other: Asked, match: tuple[tuple[str, ...], ...]
) -> Known:
    """The evidence about two: theirs, that of tokens which are nobody's, and all who hold what they have in common."""
    sides = [_side_pieces(connection, each) for each in (one, other)]
    common = _tokens(sides[0], composites=True) & _tokens(sides[1], composites=True)
    pieces = {piece.id: piece for side in sides for piece in side}
    for piece in _pieces(connection, _holders(connection, common) - pieces.keys()):
        pieces[piece.id] = piece
    tokens = _tokens(pieces.values(), composites=True)
    columns = sa.select(evidence.c.id, evidence.c.customer, evidence.c.source)
    rows = rows_where(connection, columns, evidence.c.id, pieces)
    return Known(
        pieces=tuple(pieces.values()),
        whose={row.id: row.customer for row in rows},
        sources={row.id: row.source for row in rows},
        judgements=tuple(judgements_about(connection, tokens | one.tokens | other.tokens)),
        shared=_shared(connection, tokens),
        match=match,
    )


def about(connection: sa.Connection, whom: str) -> About:
    """All that is known of a customer."""
    pieces = _pieces_of(connection, [whom])
    named = _tokens(pieces)
    judged = apart(connection, named)
    tokens = _tokens(severed(piece, judged) for piece in pieces)
    own = _own(connection, whom, tokens)
    columns = sa.select(evidence.c.id, evidence.c.source)
    sources = {row.id: row.source for row in rows_where(connection, columns, evidence.c.id, _ids(pieces))}
    rows = evidence.c.content.is_not(None)
    said = rows_where(connection, sa.select(evidence.c.content), evidence.c.id, _ids(pieces), rows)
    merged = connection.execute(sa.select(customer.c.id).where(customer.c.survivor == whom)).scalars()
    return About(
        customer=whom,
        own=tuple(sorted(own)),
        besides=tuple(sorted(tokens - own)),
        shared=_shared(connection, tokens),
        pieces=tuple(sorted(pieces, key=lambda piece: piece.age)),
        sources=sources,
        records=tuple(_record.decode(row.content) for row in said),
        roles=tuple(_roles(connection, whom, _ids(pieces))),
        judgements=tuple(sorted(judgements_about(connection, named), key=lambda each: each.age)),
        merged=tuple(sorted(merged)),
    )


def _side_pieces(connection: sa.Connection, who: Asked) -> list[Piece]:
    """The evidence of a customer; of nobody's token that of whoever holds it."""
    if who.customer is not None:
        return _pieces_of(connection, [who.customer])
    return _pieces(connection, _holders(connection, who.tokens))


def _pieces_of(connection: sa.Connection, customers: Collection[str]) -> list[Piece]:
    rows = rows_where(connection, sa.select(evidence.c.id), evidence.c.customer, customers)
    return _pieces(connection, [row.id for row in rows])


def _pieces(connection: sa.Connection, ids: Collection[str]) -> list[Piece]:
    """Pieces that count, with what they hold."""
    columns = sa.select(*PIECE)
    return [
        Piece(row.id, row.kind, row.first, row.last, row.tokens, row.composites)
        for row in rows_where(connection, columns, evidence.c.id, ids, sa.not_(evidence.c.deleted))
    ]


def customers_with(connection: sa.Connection, tokens: Collection[str]) -> set[str]:
    """The customers whose evidence holds any of the tokens."""
    columns = sa.select(evidence.c.customer).join(evidence_key, evidence.c.id == evidence_key.c.evidence)
    known = evidence.c.customer.is_not(None)
    return {row[0] for row in rows_where(connection, columns.distinct(), evidence_key.c.token, tokens, known)}


def _holders(connection: sa.Connection, tokens: Iterable[str]) -> set[str]:
    """Who holds tokens: of each one more than count as shared, at most."""
    found: set[str] = set()
    for token in tokens:
        of_one = sa.select(evidence_key.c.evidence).where(evidence_key.c.token == token)
        found |= set(connection.execute(of_one.limit(MOST_HOLDERS + 1)).scalars())
    return found


def _tokens(pieces: Iterable[Piece], composites: bool = False) -> set[str]:
    held = {token for piece in pieces for token in piece.tokens}
    return held | {token for piece in pieces for token in piece.composites} if composites else held


def _own(connection: sa.Connection, whom: str, tokens: Collection[str]) -> frozenset[str]:
    """Those of the tokens that are a customer's alone."""
    mine = assignment.c.customer == whom
    return frozenset(
        row.token
        for row in rows_where(connection, sa.select(assignment.c.token), assignment.c.token, tokens, mine)
    )


def _shared(connection: sa.Connection, tokens: Collection[str]) -> frozenset[str]:
    """Those of the tokens that link no more."""
    found = rows_where(
        connection, sa.select(assignment.c.token), assignment.c.token, tokens, assignment.c.shared
    )
    return frozenset(row.token for row in found)


def _ids(pieces: Iterable[Piece]) -> list[str]:
    return [piece.id for piece in pieces]


def _roles(connection: sa.Connection, whom: str, records: Collection[str]) -> list[tuple[str, Role]]:
    """What rows of a customer claim of things."""
    rows = rows_where(connection, sa.select(role_claim), role_claim.c.record, records)
    return sorted(
        (
            (
                row.thing,
                Role(
                    role=row.role,
                    customer=whom,
                    since=row.since,
                    until=row.until,
                    evidence=row.record,
                ),
            )
            for row in rows
        ),
        key=lambda pair: (pair[0], pair[1].role, pair[1].evidence),
    )
