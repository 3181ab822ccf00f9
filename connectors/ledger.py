"""The ledger: which actions were claimed, what became of them, and which outcomes the bus is known to hold.

An action is claimed before its effect, and its outcome is recorded after; the recorded outcomes that are not yet
confirmed are what is still to be published. One process at a time holds a ledger, and its death lets go of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from flows.errors import LedgerInUse, LedgerUnusable, StateUnreadable, TelltaleError
from flows.schema import OutcomeStatus

_FORMAT = 1
_BUSY_S = 1.0
_TABLES = (
    "CREATE TABLE IF NOT EXISTS action (id TEXT PRIMARY KEY, state TEXT NOT NULL, claimed_at INTEGER NOT NULL, "
    "key BLOB, outcome BLOB, confirmed INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS unconfirmed ON action (id) WHERE outcome IS NOT NULL AND confirmed = 0",
    "CREATE TABLE IF NOT EXISTS mark (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL)",
)


class Settled(msgspec.Struct, frozen=True):
    """What became of an action, and the message that says so: its key and value on `outcomes`."""

    id: str
    state: OutcomeStatus
    key: bytes
    value: bytes


class Claims(msgspec.Struct, frozen=True):
    """The ids of a batch that are claimed now for the first time, and those whose claim was never settled."""

    new: frozenset[str]
    again: frozenset[str]


class Ledger:
    """One SQLite file; raises LedgerInUse when another process has it, LedgerUnusable when it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._meant():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
        try:
            self._prepare()
        except TelltaleError:
            self._connection.close()
            raise

    def claim(self, ids: Iterable[str], now: int) -> Claims:
        """Claim those actions that are not settled, at `now` (ms); durable when it returns."""
        new: set[str] = set()
        again: set[str] = set()
        with self._changing() as run:
            for each in ids:
                statement = "INSERT OR IGNORE INTO action (id, state, claimed_at) VALUES (?, 'claimed', ?)"
                if run.execute(statement, (each, now)).rowcount:
                    new.add(each)
                elif each not in new:
                    found = run.execute("SELECT 1 FROM action WHERE id = ? AND outcome IS NULL", (each,))
                    again.update(each for _ in found)
        return Claims(frozenset(new), frozenset(again))

    def settle(self, settled: Iterable[Settled]) -> None:
        """Record what became of claimed actions; the first record of an action stays. Durable when it returns."""
        rows = [(each.state, each.key, each.value, each.id) for each in settled]
        with self._changing() as run:
            run.executemany(
                "UPDATE action SET state = ?, key = ?, outcome = ? WHERE id = ? AND outcome IS NULL", rows
            )

    def unconfirmed(self, at_most: int) -> list[Settled]:
        """Outcomes that the bus is not known to hold."""
        with self._changing() as run:
            rows = run.execute(
                "SELECT id, state, key, outcome FROM action WHERE outcome IS NOT NULL AND confirmed = 0 LIMIT ?",
                (at_most,),
            ).fetchall()
        return [Settled(*row) for row in rows]

    def confirm(self, ids: Iterable[str]) -> None:
        """The bus holds the outcomes of these actions; others than recorded ones are passed over."""
        with self._changing() as run:
            run.executemany(
                "UPDATE action SET confirmed = 1 WHERE id = ? AND outcome IS NOT NULL",
                [(each,) for each in ids],
            )

    def marks(self) -> dict[int, int]:
        """By partition of `outcomes`: all outcomes from here that stand before this offset are confirmed."""
        with self._changing() as run:
            return dict(run.execute("SELECT partition, next FROM mark").fetchall())

    def mark(self, ends: Mapping[int, int]) -> None:
        """Remember, when nothing is unconfirmed, that nothing of ours has to be looked for before these offsets."""
        with self._changing() as run:
            run.executemany("INSERT OR REPLACE INTO mark VALUES (?, ?)", list(ends.items()))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _prepare(self) -> None:
        """Take the file for this process alone and make its tables; raises StateUnreadable."""
        with self._meant():
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
        with self._changing() as run:
            found = int(run.execute("PRAGMA user_version").fetchone()[0])
            if found > _FORMAT:
                raise StateUnreadable(f"the ledger {self._path}", found, _FORMAT)
            for statement in _TABLES:
                run.execute(statement)
            run.execute(f"PRAGMA user_version = {_FORMAT}")

    @contextmanager
    def _changing(self) -> Generator[sqlite3.Connection]:
        """One transaction, all or nothing."""
        with self._meant():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def _meant(self) -> Generator[None]:
        """Trouble with the file as an error of ours."""
        try:
            yield
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise LedgerInUse(str(self._path)) from error
            raise LedgerUnusable(str(self._path), str(error)) from error
        except OSError as error:
            raise LedgerUnusable(str(self._path), str(error)) from error
