"""What persons judged about tokens, read from the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from flows.identity.evidence import Judgement
from flows.identity.rows import rows_where
from flows.identity.tables import judgement


def judgements_about(connection: sa.Connection, tokens: Collection[str]) -> list[Judgement]:
    """All judgements that name any of the tokens."""
    found: dict[str, Judgement] = {}
    if not tokens or not _is_any(connection):
        return []
    for column in (judgement.c.a, judgement.c.b):
        for row in rows_where(connection, sa.select(judgement), column, tokens):
            found[row.id] = _judgement(row)
    return list(found.values())


def apart(connection: sa.Connection, tokens: Collection[str]) -> dict[str, frozenset[str]]:
    """By token, those that the last judgement about the two says to be of somebody else."""
    last: dict[tuple[str, str], Judgement] = {}
    for each in judgements_about(connection, tokens):
        known = last.get(each.pair)
        if each.kind != "erase" and (known is None or each.age > known.age):
            last[each.pair] = each
    found: defaultdict[str, set[str]] = defaultdict(set)
    for (a, b), each in last.items():
        if each.kind == "split":
            found[a].add(b)
            found[b].add(a)
    return {token: frozenset(others) for token, others in found.items()}


def about(connection: sa.Connection, tokens: Collection[str]) -> tuple[set[str], set[str]]:
    """Those of the tokens that anything was judged about, and the ids of the merges among these judgements."""
    found = [each for each in judgements_about(connection, tokens) if each.kind != "erase"]
    named = {token for each in found for token in each.pair}
    return named.intersection(tokens), {each.id for each in found if each.kind == "merge"}


def erased_at(connection: sa.Connection, tokens: Collection[str]) -> dict[str, int]:
    """By token, up to when (ms) evidence that holds it counts no more."""
    found: dict[str, int] = {}
    if not _is_any(connection):
        return found
    columns = sa.select(judgement.c.a, judgement.c.at).where(judgement.c.kind == "erase")
    for token, at in rows_where(connection, columns, judgement.c.a, tokens):
        found[token] = max(found.get(token, at), at)
    return found


def _is_any(connection: sa.Connection) -> bool:
    """Most tenants have no judgement at all, and then nothing need be looked for."""
    return connection.execute(sa.select(judgement.c.id).limit(1)).first() is not None


def _judgement(row: sa.Row[Any]) -> Judgement:
    return Judgement(row.id, row.kind, row.a, row.b, row.at, row.who, row.reason)
