"""The one process that may write: refused when another has the database, and let go of by any death."""

from __future__ import annotations

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from flows.errors import IdentityInUse, IdentityUnreachable
from flows.identity.store import Store

_WRITER_LOCK = 0x7E11_7A1F


class Writer:
    """Writes to a store through one connection, which on PostgreSQL holds the lock: without it nothing is written."""

    def __init__(self, store: Store, connection: sa.Connection) -> None:
        self._store, self._connection = store, connection

    @contextmanager
    def begin(self) -> Generator[sa.Connection]:
        """One transaction, all or nothing; raises IdentityUnreachable."""
        with self._store.meant(), self._connection.begin():
            yield self._connection


@contextmanager
def writing(store: Store) -> Generator[Writer]:
    """Be the one who writes; raises IdentityInUse, IdentityUnreachable."""
    if store.engine.dialect.name == "postgresql":
        with store.meant(), store.engine.connect() as connection:
            # The lock lives as long as the connection, which is closed at the end and not kept for others.
            connection.detach()
            with connection.begin():
                mine = connection.execute(sa.select(sa.func.pg_try_advisory_lock(_WRITER_LOCK))).scalar()
            if not mine:
                raise IdentityInUse(store.url)
            yield Writer(store, connection)
        return
    file = store.engine.url.database
    beside = None if file in (None, "", ":memory:") else Path(f"{file}.writer")
    with _locked(store.url, beside), store.meant(), store.engine.connect() as connection:
        yield Writer(store, connection)


@contextmanager
def _locked(url: str, file: Path | None) -> Generator[IO[bytes] | None]:
    """Hold a file beside the database, which the system lets go of when this process ends."""
    if file is None:
        yield None
        return
    try:
        held = file.open("ab")
    except OSError as error:
        raise IdentityUnreachable(url, str(error)) from error
    with held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise IdentityInUse(url) from error
        yield held
