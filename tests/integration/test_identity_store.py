"""The identity database, SQLite and PostgreSQL alike: opened, refused, written by one, and filled in any order."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from flows.errors import IdentityInUse, IdentityNewer, IdentityOfOther, IdentityUnreachable, IdentityUrlWrong
from flows.identity import migrations
from flows.identity.evidence import Batch
from flows.identity.store import Store, open_store
from flows.identity.tables import assignment, evidence, metadata, outbox
from flows.identity.writer import writing
from flows.sources.model import Identifier, SourceRecord
from tests.unit.identity.histories import Said, a_history, batch_of
from tests.unit.identity.test_partition import an_intake, check_what_is_kept, cut, expected, partition_in


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    """An empty database of either kind."""
    opened = open_store(database_url, tmp_path, "acme")
    yield opened
    opened.close()


def test_the_steps_make_the_tables_that_are_declared(store: Store) -> None:
    """What the migrations build is what the code reads and writes, and the last of them is the one that is known."""
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    steps = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert steps.get_heads() == [migrations.HEAD]


def test_a_database_is_opened_again_as_it_was(store: Store, database_url: str, tmp_path: Path) -> None:
    """Opening makes tables once, and leaves what is in them."""
    with store.begin() as connection:
        connection.execute(sa.insert(outbox).values(number=7, key="k", value=b"v"))
    again = open_store(database_url, tmp_path, "acme")
    with again.begin() as connection:
        assert connection.execute(sa.select(outbox.c.number)).scalars().all() == [7]
    again.close()


def test_another_tenants_database_is_refused(store: Store, database_url: str, tmp_path: Path) -> None:
    """A wrong URL cannot mix the customers of two tenants."""
    assert store.url
    with pytest.raises(IdentityOfOther, match=r"belongs to the tenant 'acme'.*'other'"):
        open_store(database_url, tmp_path, "other")


def test_a_newer_database_is_refused(store: Store, database_url: str, tmp_path: Path) -> None:
    """A version that does not know the tables leaves them alone."""
    with store.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(IdentityNewer, match="9999"):
        open_store(database_url, tmp_path, "acme")


def test_a_second_writer_is_refused_until_the_first_is_gone(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    """One process writes at a time, and who lets go makes room; reading is always possible."""
    other = open_store(database_url, tmp_path, "acme")
    with writing(store) as first:
        with pytest.raises(IdentityInUse, match="Another process writes"), writing(other):
            pass
        with first.begin() as connection:
            connection.execute(sa.insert(outbox).values(number=1, key="k", value=b"v"))
        with other.begin() as connection:
            assert connection.execute(sa.select(outbox.c.number)).scalars().all() == [1]
    with writing(other):
        pass
    other.close()


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    """Evidence, offsets and outbox are written together or not at all."""
    history = a_history(random.Random(5))

    def fail() -> None:
        with writing(store) as writer, writer.begin() as connection:
            an_intake().take(connection, batch_of(history))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert partition_in(store) == (set(), {})


@pytest.mark.parametrize("seed", range(12))
def test_any_order_and_cut_gives_the_partition_of_a_rebuild(store: Store, seed: int) -> None:
    """On both databases a shuffled history with repeats comes to what the oracle makes of it."""
    chance = random.Random(seed)
    history = a_history(chance)
    shuffled: list[Said] = [*history, *chance.sample(history, len(history) // 3)]
    chance.shuffle(shuffled)
    intake = an_intake()
    with writing(store) as writer:
        for some in cut(chance, shuffled):
            with writer.begin() as connection:
                intake.take(connection, batch_of(some))
    assert partition_in(store) == expected(history)
    check_what_is_kept(store)


def test_a_database_that_does_not_answer_is_said(tmp_path: Path) -> None:
    """The URL without its password, and what to check."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"postgresql+psycopg://me:secret@127.0.0.1:{nobody.getsockname()[1]}/identity"
        with pytest.raises(IdentityUnreachable, match=r"me:\*\*\*@127") as found:
            open_store(url, tmp_path)
    assert "secret" not in str(found.value)


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    """Not a traceback of the driver's."""
    (tmp_path / "identity.db").write_text(
        "this is a text, and a rather long one, but no database at all" * 20
    )
    with pytest.raises(IdentityUnreachable, match="not a database"):
        open_store("sqlite:///identity.db", tmp_path)


@pytest.mark.parametrize("url", ["identity.db", "mysql://me@host/name", "postgresql+nodriver://x/y"])
def test_a_url_of_no_database_is_said(url: str, tmp_path: Path) -> None:
    """With the two forms that are meant."""
    with pytest.raises(IdentityUrlWrong, match="sqlite:///"):
        open_store(url, tmp_path)


def test_a_storm_of_rows_with_one_identifier_stays_bounded(store: Store) -> None:
    """Thousands of accounts beside one address: it is shared after a few, and later rows look at themselves alone."""
    intake = an_intake()
    looked_at: list[int] = []
    with writing(store) as writer:
        for begin in range(0, 3_000, 100):
            rows = [
                SourceRecord(
                    source="crm",
                    handle=f"crm:{n:05}",
                    at=n,
                    identifiers=(Identifier("crm", f"crm:{n:05}"), Identifier("email", "email:info")),
                )
                for n in range(begin, begin + 100)
            ]
            with writer.begin() as connection:
                looked_at.append(intake.take(connection, Batch(records=tuple(rows))).region)
    assert max(looked_at) <= 101
    with store.begin() as connection:
        persons = connection.execute(sa.select(sa.func.count(evidence.c.customer.distinct()))).scalar()
        row = connection.execute(sa.select(assignment).where(assignment.c.token.in_(["email:info"]))).one()
    assert persons == 3_000
    assert (row.customer, row.pieces, row.shared) == (None, 3_000, True)
