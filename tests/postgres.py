"""A real PostgreSQL for tests; it starts in about a second, also as root."""

from __future__ import annotations

import contextlib
import signal
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from load_tests.databases import postgres_in


@contextlib.contextmanager
def start_postgres() -> Iterator[str]:
    """The URL of a server of its own, gone with all its databases at the end."""
    # Not in pytest's folders: whom the server runs as may not enter those.
    with tempfile.TemporaryDirectory(prefix="telltale-postgres-") as folder:
        server = postgres_in(Path(folder) / "data")
        url = server.get_uri(driver="psycopg")
        try:
            _hurry(url)
            yield url
        finally:
            # At once, without a checkpoint of what nobody wants any more.
            process = server.get_postmaster_info().process
            server.cleanup_mode = None
            server.cleanup()
            if process is not None:
                process.send_signal(signal.SIGQUIT)
                process.wait(30)


def _hurry(server: str) -> None:
    """Nothing here has to outlive the machine; what a client committed outlives the client all the same."""
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {name} = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    engine.dispose()


def new_database(server: str) -> str:
    """The URL of a database that no other test has."""
    name = f"t{uuid.uuid4().hex}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)
