"""The database of the identity service: opened by its URL, and read and written in batches.

SQLite and PostgreSQL behave alike behind it. Errors are those of `flows.errors`.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVarTuple

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.dialects import postgresql, sqlite

from flows.errors import IdentityUnreachable
from flows.identity.tables import metadata, state

Columns = TypeVarTuple("Columns")
_BUSY_S = 10.0
# How many values one statement names at most; both databases take more.
_AT_ONCE = 5_000


class Store:
    """An open database; several processes may read one at a time, one writes (`Writer`)."""

    def __init__(self, engine: sa.Engine, url: str) -> None:
        self.engine, self.url = engine, url

    @contextmanager
    def begin(self) -> Generator[sa.Connection]:
        """One transaction, all or nothing; raises IdentityUnreachable."""
        with self.meant(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def meant(self) -> Generator[None]:
        """Trouble with the database as an error of ours."""
        try:
            yield
        except (exc.OperationalError, exc.InterfaceError) as error:
            raise IdentityUnreachable(self.url, str(error.orig)) from error

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()


def open_store(url: str, folder: Path) -> Store:
    """Open `sqlite:///file` (from `folder`) or `postgresql+psycopg://…`; raises IdentityUnreachable."""
    engine = sa.create_engine(_located(url, folder))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    store = Store(engine, engine.url.render_as_string(hide_password=True))
    with store.meant():
        metadata.create_all(engine)
    return store


def rows_where(
    connection: sa.Connection,
    select: sa.Select[*Columns],
    column: sa.ColumnElement[Any],
    values: Iterable[Any],
    *where: sa.ColumnElement[bool],
) -> list[sa.Row[*Columns]]:
    """The rows of a selection that fulfil `where` and whose `column` is one of the values, however many those are."""
    wanted, found = list(values), list[sa.Row[*Columns]]()
    statement = select.where(column.in_(sa.bindparam("wanted", expanding=True)), *where)
    for begin in range(0, len(wanted), _AT_ONCE):
        found += connection.execute(statement, {"wanted": wanted[begin : begin + _AT_ONCE]}).all()
    return found


def upsert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows (all with the same columns), or lay them over those that have the same key."""
    if not rows:
        return
    connection.execute(_upsert(table, tuple(rows[0]), connection.dialect.name), list(rows))


@lru_cache
def _upsert(table: sa.Table, names: tuple[str, ...], dialect: str) -> sa.Executable:
    """The statement that writes such rows; making it takes longer than running it."""
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
    keys = {column.name for column in table.primary_key}
    changed = {name: statement.excluded[name] for name in names if name not in keys}
    if not changed:
        return statement.on_conflict_do_nothing()
    return statement.on_conflict_do_update(index_elements=sorted(keys), set_=changed)


def delete_where(connection: sa.Connection, column: sa.Column[Any], values: Collection[Any]) -> None:
    """Delete the rows of the column's table in which it is one of the values."""
    wanted = list(values)
    statement = sa.delete(column.table).where(column.in_(sa.bindparam("wanted", expanding=True)))
    for begin in range(0, len(wanted), _AT_ONCE):
        connection.execute(statement, {"wanted": wanted[begin : begin + _AT_ONCE]})


def delete_pairs(
    connection: sa.Connection, one: sa.Column[Any], two: sa.Column[Any], pairs: Collection[tuple[Any, Any]]
) -> None:
    """Delete the rows of the columns' table in which they are one of the pairs."""
    if pairs:
        both = sa.and_(one == sa.bindparam("one"), two == sa.bindparam("two"))
        connection.execute(sa.delete(one.table).where(both), [{"one": a, "two": b} for a, b in pairs])


def set_where(
    connection: sa.Connection,
    key: sa.Column[Any],
    changed: sa.Column[Any],
    values: Collection[tuple[Any, Any]],
) -> None:
    """Set a column in rows that are there: (key, value)."""
    if values:
        statement = (
            sa.update(key.table).where(key == sa.bindparam("which")).values({changed: sa.bindparam("new")})
        )
        connection.execute(statement, [{"which": which, "new": new} for which, new in values])


def read_state(connection: sa.Connection, name: str) -> str | None:
    """What is known of the database itself under a name."""
    return connection.execute(sa.select(state.c.value).where(state.c.name == name)).scalar()


def write_state(connection: sa.Connection, name: str, value: str) -> None:
    """Note something of the database itself."""
    upsert(connection, state, [{"name": name, "value": value}])


def _located(url: str, folder: Path) -> sa.URL:
    """The URL with a relative file taken from the folder, which is made."""
    made = sa.make_url(url)
    if made.get_backend_name() == "sqlite" and made.database not in (None, "", ":memory:"):
        file = folder / str(made.database)
        file.parent.mkdir(parents=True, exist_ok=True)
        return made.set(database=str(file))
    return made


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """A committed transaction is on disk, and who reads does not wait for who writes."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_S * 1000)}")
