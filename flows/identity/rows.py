"""Reading and writing many rows at once, on SQLite and PostgreSQL alike, at a cost that hardly grows with their number.

Values go to the database as one list; what SQLAlchemy would do for each row is done once a statement.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVarTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from flows.identity.tables import state

Columns = TypeVarTuple("Columns")
_WANTED = "wanted"
_POSTGRES = "postgresql"

_Row = tuple[Any, ...]


def rows_where(
    connection: sa.Connection,
    select: sa.Select[*Columns],
    column: sa.ColumnElement[Any],
    values: Iterable[str],
    *where: sa.ColumnElement[bool],
) -> list[sa.Row[*Columns]]:
    """The rows of a selection that fulfil `where` and whose `column` is one of the values, however many those are."""
    wanted = list(values)
    if not wanted:
        return []
    dialect = connection.dialect.name
    found = connection.execute(select.where(_among(column, dialect), *where), _named(wanted, dialect))
    return list(found.all())


def delete_where(connection: sa.Connection, column: sa.Column[Any], values: Collection[str]) -> None:
    """Delete the rows of the column's table in which it is one of the values."""
    wanted = list(values)
    if wanted:
        dialect = connection.dialect.name
        connection.execute(sa.delete(column.table).where(_among(column, dialect)), _named(wanted, dialect))


def upsert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows (all with the same columns), or lay them over those that have the same key."""
    if not rows:
        return
    names = tuple(rows[0])
    if connection.dialect.name == _POSTGRES:
        # Of rows with one key PostgreSQL takes none in one statement, SQLite the last.
        keys = table.primary_key.columns.keys()
        rows = list({tuple(row[key] for key in keys): row for row in rows}.values())
    _write(connection, _upsert(table, names, connection.dialect.name), table, names, rows)


def update(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Change rows that are there: each with its key, and the columns that change (the same of all)."""
    if not rows:
        return
    names = tuple(rows[0])
    _write(connection, _update(table, names, connection.dialect.name), table, names, rows)


def delete_pairs(
    connection: sa.Connection, one: sa.Column[Any], two: sa.Column[Any], pairs: Collection[tuple[str, str]]
) -> None:
    """Delete the rows of the columns' table in which they are one of the pairs."""
    if not pairs:
        return
    table, names = one.table, (one.name, two.name)
    if connection.dialect.name == _POSTGRES:
        given = f"SELECT * FROM {_unnest(table, names)}"
        statement = f"DELETE FROM {table.name} WHERE ({one.name}, {two.name}) IN ({given})"
    else:
        statement = f"DELETE FROM {table.name} WHERE {one.name} = ? AND {two.name} = ?"
    rows = [dict(zip(names, pair, strict=True)) for pair in pairs]
    _write(connection, statement, table, names, rows)


def read_state(connection: sa.Connection, name: str) -> str | None:
    """What is known of the database itself under a name."""
    return connection.execute(sa.select(state.c.value).where(state.c.name == name)).scalar()


def write_state(connection: sa.Connection, name: str, value: str) -> None:
    """Note something of the database itself."""
    upsert(connection, state, [{"name": name, "value": value}])


def _among(column: sa.ColumnElement[Any], dialect: str) -> sa.ColumnElement[bool]:
    """That a column is one of the wanted values, which are one parameter."""
    if dialect == _POSTGRES:
        return column == sa.any_(sa.bindparam(_WANTED, type_=postgresql.ARRAY(sa.Text)))
    each = sa.func.json_each(sa.bindparam(_WANTED, type_=sa.Text)).table_valued("value")
    return column.in_(sa.select(each.c.value))


def _named(wanted: list[str], dialect: str) -> dict[str, Any]:
    return {_WANTED: wanted if dialect == _POSTGRES else msgspec.json.encode(wanted).decode()}


def _write(
    connection: sa.Connection,
    statement: str,
    table: sa.Table,
    names: tuple[str, ...],
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Run a statement with rows: with a list a column on PostgreSQL, once a row on SQLite, which is quick there."""
    bound = _binding(table, names, connection.dialect)
    columns: list[list[Any]] = []
    for name, process in zip(names, bound, strict=True):
        said = [row[name] for row in rows]
        columns.append(said if process is None else [process(each) for each in said])
    if connection.dialect.name == _POSTGRES:
        connection.exec_driver_sql(statement, tuple(columns))
    else:
        connection.exec_driver_sql(statement, list(zip(*columns, strict=True)))


@lru_cache
def _upsert(table: sa.Table, names: tuple[str, ...], dialect: str) -> str:
    """The statement that writes such rows; names come from the tables alone."""
    listed = _listed(names)
    given = (
        f"SELECT * FROM {_unnest(table, names)} WHERE true"
        if dialect == _POSTGRES
        else f"VALUES ({', '.join('?' for _ in names)})"
    )
    keys = table.primary_key.columns.keys()
    changed = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name not in keys)
    then = f"UPDATE SET {changed}" if changed else "NOTHING"
    return f"INSERT INTO {table.name} ({listed}) {given} ON CONFLICT ({_listed(keys)}) DO {then}"


@lru_cache
def _update(table: sa.Table, names: tuple[str, ...], dialect: str) -> str:
    """The statement that changes such rows."""
    keys = table.primary_key.columns.keys()
    if dialect == _POSTGRES:
        changed = ", ".join(f'"{name}" = given."{name}"' for name in names if name not in keys)
        same = " AND ".join(f'{table.name}."{key}" = given."{key}"' for key in keys)
        given = f"{_unnest(table, names)} AS given ({_listed(names)})"
        return f"UPDATE {table.name} SET {changed} FROM {given} WHERE {same}"
    given = f"VALUES ({', '.join('?' for _ in names)})"
    changed = ", ".join(f'"{name}" = given."{name}"' for name in names if name not in keys)
    columns = ", ".join(f'column{i + 1} AS "{name}"' for i, name in enumerate(names))
    same = " AND ".join(f'{table.name}."{key}" = given."{key}"' for key in keys)
    return f"UPDATE {table.name} SET {changed} FROM (SELECT {columns} FROM ({given})) AS given WHERE {same}"


@lru_cache
def _unnest(table: sa.Table, names: tuple[str, ...]) -> str:
    """One list a column as rows."""
    dialect = postgresql.dialect()
    kinds = [table.c[name].type.compile(dialect) for name in names]
    return f"unnest({', '.join(f'%s::{kind}[]' for kind in kinds)})"


@lru_cache
def _binding(
    table: sa.Table, names: tuple[str, ...], dialect: sa.Dialect
) -> tuple[Callable[[Any], Any] | None, ...]:
    """By column what makes a value one that the driver takes; bytes both take as they are."""
    kinds = (table.c[name].type for name in names)
    return tuple(
        None if isinstance(kind, sa.LargeBinary) else kind.dialect_impl(dialect).bind_processor(dialect)
        for kind in kinds
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
