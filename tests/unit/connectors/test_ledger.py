"""The ledger."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from connectors.ledger import Claims, Ledger, Settled
from flows.errors import LedgerInUse, LedgerUnusable, StateUnreadable


def record(name: str, value: bytes = b"{}") -> Settled:
    return Settled(name, "accepted", b"customer", value)


def test_an_action_is_claimed_once_and_settled_once(tmp_path: Path) -> None:
    """A claim that was not settled comes again, a settled one never, and the first outcome stays."""
    with closing(Ledger(tmp_path / "ledger.db")) as ledger:
        assert ledger.claim(["a", "b", "a"], 1) == Claims(frozenset("ab"), frozenset())
        ledger.settle([record("a", b"first")])
        assert ledger.claim(["a", "b", "c"], 2) == Claims(frozenset("c"), frozenset("b"))
        ledger.settle([record("a", b"second")])
        assert ledger.unconfirmed(10) == [record("a", b"first")]


def test_what_was_recorded_outlives_the_process(tmp_path: Path) -> None:
    """Claims, outcomes, confirmations and marks are there when the file is opened again."""
    with closing(Ledger(tmp_path / "ledger.db")) as ledger:
        ledger.claim(["a", "b", "c"], 1)
        ledger.settle([record("a"), record("b")])
        ledger.confirm(["a", "unknown", "c"])
        ledger.mark({0: 5, 1: 7})
        ledger.mark({1: 9})
    with closing(Ledger(tmp_path / "ledger.db")) as ledger:
        assert ledger.claim(["a", "b", "c"], 2).again == {"c"}
        assert ledger.unconfirmed(10) == [record("b")]
        assert ledger.marks() == {0: 5, 1: 9}


def test_what_is_not_settled_cannot_be_confirmed(tmp_path: Path) -> None:
    """A confirmation of a mere claim is passed over, so its outcome is still published later."""
    with closing(Ledger(tmp_path / "ledger.db")) as ledger:
        ledger.claim(["a"], 1)
        ledger.confirm(["a"])
        ledger.settle([record("a")])
        assert ledger.unconfirmed(10) == [record("a")]


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """Two connectors on one ledger would both publish; the second says so and leaves."""
    with closing(Ledger(tmp_path / "ledger.db")), pytest.raises(LedgerInUse):
        Ledger(tmp_path / "ledger.db")


def test_a_file_that_is_no_ledger_is_an_error_and_stays(tmp_path: Path) -> None:
    """Garbage where the ledger should be is refused, not overwritten."""
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database at all, but long enough to look like one" * 20)
    with pytest.raises(LedgerUnusable, match="restore it"):
        Ledger(path)
    assert path.read_bytes().startswith(b"not a database")


def test_a_ledger_of_a_later_version_is_refused(tmp_path: Path) -> None:
    """What a newer version wrote is not read with the eyes of an older one."""
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StateUnreadable, match="99"):
        Ledger(path)
