"""Bare batched upserts: the rows that evidence came to, written again into the database they were taken out of.

The denominator of the identity service: the same rows in the same tables of the same size, and nothing else done.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from flows.identity.rows import delete_where, rows_where, upsert
from flows.identity.store import open_store
from flows.identity.tables import (
    assignment,
    customer,
    evidence,
    evidence_key,
    vault_attribute,
    vault_key,
    vault_value,
)

_TENANT = "default"
Rows = dict[sa.Table, list[dict[str, Any]]]


def bare_upserts(url: str, handles: Sequence[str], batch: int) -> float:
    """How long (s) it takes to write the rows of some pieces of evidence again, so many pieces a transaction."""
    store = open_store(url, Path(), _TENANT)
    try:
        with store.begin() as connection:
            batches = [
                _taken_out(connection, handles[begin : begin + batch])
                for begin in range(0, len(handles), batch)
            ]
        began = time.perf_counter()
        for rows in batches:
            with store.begin() as connection:
                for table, some in rows.items():
                    upsert(connection, table, some)
        return time.perf_counter() - began
    finally:
        store.close()


def _taken_out(connection: sa.Connection, handles: Iterable[str]) -> Rows:
    """The rows of some pieces, which are in the tables no more."""
    rows: Rows = {}

    def take(column: sa.Column[Any], values: Iterable[Any]) -> list[dict[str, Any]]:
        table, wanted = column.table, set(values)
        if not isinstance(table, sa.Table):
            raise TypeError("a column of a table is needed")
        found = rows_where(connection, sa.select(table), column, wanted)
        rows[table] = [dict(row._mapping) for row in found]
        delete_where(connection, column, wanted)
        return rows[table]

    pieces = take(evidence.c.id, handles)
    tokens = {token for row in pieces for token in row["tokens"]}
    take(evidence_key.c.token, tokens)
    take(assignment.c.token, tokens)
    owners = {row["customer"] for row in pieces if row["customer"] is not None}
    for column in (customer.c.id, vault_key.c.customer, vault_value.c.customer):
        take(column, owners)
    take(vault_attribute.c.record, handles)
    return {table: some for table, some in rows.items() if some}
