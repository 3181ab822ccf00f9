"""The database of the identity service: opened by its URL, brought to this version, read and written in batches.

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

from flows.errors import IdentityNewer, IdentityOfOther, IdentityUnreachable, IdentityUrlWrong
from flows.identity.migrations import HEAD
from flows.identity.tables import state

Columns = TypeVarTuple("Columns")
_ANSWERS_S = 10
_TENANT = "tenant"
# Both numbers of the lock that steps are run under on PostgreSQL; chosen once, for ever.
MIGRATION_LOCK = 0x7E11_7A1E
_BEGIN = "begin"
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
        except (exc.ProgrammingError, exc.IntegrityError, exc.DataError):
            raise
        except exc.DBAPIError as error:
            raise IdentityUnreachable(self.url, str(error.orig)) from error

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()


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


def open_store(url: str, folder: Path, tenant: str | None = None) -> Store:
    """Open `sqlite:///file` (from `folder`) or `postgresql+psycopg://…`, and bring it to this version.

    Raises IdentityUrlWrong, IdentityUnreachable, IdentityNewer, and IdentityOfOther when it is not the tenant's.
    """
    engine = _engine(url, folder)
    store = Store(engine, engine.url.render_as_string(hide_password=True))
    try:
        with store.meant():
            _migrate(store)
        if tenant is not None:
            with store.begin() as connection:
                found = read_state(connection, _TENANT)
                if found not in (None, tenant):
                    raise IdentityOfOther(store.url, found or "", tenant)
                if found is None:
                    write_state(connection, _TENANT, tenant)
    except BaseException:
        store.close()
        raise
    return store


def _engine(url: str, folder: Path) -> sa.Engine:
    """The engine of a URL; raises IdentityUrlWrong and, where no file can be, IdentityUnreachable."""
    try:
        made = sa.make_url(url)
        if made.get_backend_name() == "sqlite":
            engine = sa.create_engine(_located(made, folder), connect_args={"timeout": _ANSWERS_S})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        if made.get_backend_name() == "postgresql":
            return sa.create_engine(made, connect_args={"connect_timeout": _ANSWERS_S})
    except (exc.ArgumentError, exc.NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
        raise IdentityUrlWrong(str(error)) from error
    except OSError as error:
        raise IdentityUnreachable(url, str(error)) from error
    raise IdentityUrlWrong(f"{made.get_backend_name()} is neither sqlite nor postgresql")


def _located(made: sa.URL, folder: Path) -> sa.URL:
    """The URL with a relative file taken from the folder, which is made."""
    if made.database in (None, "", ":memory:"):
        return made
    file = folder / str(made.database)
    file.parent.mkdir(parents=True, exist_ok=True)
    return made.set(database=str(file))


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """A committed transaction is on disk, and who reads does not wait for who writes."""
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -65536")


def _begin_sqlite(connection: sa.Connection) -> None:
    """The driver begins a transaction late, and none for what changes tables."""
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _migrate(store: Store) -> None:
    """Run the steps that are missing; raises IdentityNewer."""
    with store.engine.begin() as connection:
        if _version(connection) == HEAD:
            return
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    with _alone(store.engine) as connection:
        found = _version(connection)
        if found is not None and found not in known:
            raise IdentityNewer(store.url, found, HEAD)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _version(connection: sa.Connection) -> str | None:
    """The last step that was run; None for an empty database."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


@contextmanager
def _alone(engine: sa.Engine) -> Generator[sa.Connection]:
    """A transaction beside which no other process runs steps."""
    with engine.connect().execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        yield connection
