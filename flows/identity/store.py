"""The database of the identity service: opened by its URL, brought to this version, and seen to be the tenant's.

Errors are those of `flows.errors`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from flows.errors import IdentityNewer, IdentityOfOther, IdentityUnreachable, IdentityUrlWrong
from flows.identity.migrations import HEAD
from flows.identity.rows import read_state, write_state

_ANSWERS_S = 10
_TENANT = "tenant"
# Both numbers of the lock that steps are run under on PostgreSQL; chosen once, for ever.
MIGRATION_LOCK = 0x7E11_7A1E
_BEGIN = "begin"


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
            timeout = {"timeout": _ANSWERS_S}
            engine = sa.create_engine(_located(made, folder), hide_parameters=True, connect_args=timeout)
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        if made.get_backend_name() == "postgresql":
            timeout = {"connect_timeout": _ANSWERS_S}
            return sa.create_engine(made, hide_parameters=True, connect_args=timeout)
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
    connection.execute("PRAGMA mmap_size = 1073741824")
    # A batch touches pages all over: moved into the file one by one they would be written twice.
    connection.execute("PRAGMA wal_autocheckpoint = 16384")


def _begin_sqlite(connection: sa.Connection) -> None:
    """The driver begins a transaction late, and none for what changes tables.

    What is deleted is overwritten only where the vault asks for it: some builds of SQLite do it always.
    """
    connection.exec_driver_sql("PRAGMA secure_delete = OFF")
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
