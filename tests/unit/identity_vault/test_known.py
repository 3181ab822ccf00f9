"""What the database knows, after histories that the service's own intake took in."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flows.identity.clusters import severed
from flows.identity.evidence import Named
from flows.identity.explain import why
from flows.identity.intake import Intake
from flows.identity.judged import apart
from flows.identity.keeping import Keeping
from flows.identity.known import about, asked, known_of, side_of
from flows.identity.matching import Matching
from flows.identity.obstacles import why_not
from flows.identity.seals import MasterKey
from flows.identity.tables import customer, evidence, evidence_key, metadata, vault_key, vault_value
from flows.identity.vault import Vault
from flows.sources.model import Identifier, SourceRecord, Sources
from tests.unit.identity.histories import ACCOUNTS, KEY, RULES, Said, batch_of, histories

MATCHING = Matching(RULES, ACCOUNTS)
MASTER = MasterKey("sixteen characters or more", secrets.token_bytes)


@pytest.fixture(scope="module")
def engine() -> Iterator[sa.Engine]:
    """One database in memory, emptied before each history."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    metadata.create_all(engine)
    yield engine
    engine.dispose()


def row(handle: str, at: int, *tokens: str) -> SourceRecord:
    """A row that holds its own id and more."""
    named = [Identifier(each.split(":")[0], each, f"value of {each}") for each in (handle, *tokens)]
    return SourceRecord(
        source=handle.split(":", maxsplit=1)[0], handle=handle, at=at, identifiers=tuple(named)
    )


# By what comes last a customer falls into three, of whom two have the address that was the first's.
PARTED: list[Said] = [
    *[row("crm:0", 0)] * 7,
    row("crm:0", 1, "email:0", "crm:3"),
    row("crm:3", 0, "email:2", "shop:2"),
    row("shop:2", 0, "email:0", "shop:0"),
    row("crm:1", 0, "shop:2", "crm:3"),
    *[Named(("email:0", "email:1"), 0, "order.placed")] * 2,
]


def filled(connection: sa.Connection, said: list[Said], cuts: int) -> None:
    """Take a history in, in so many batches."""
    for table in metadata.sorted_tables:
        connection.execute(sa.delete(table))
    intake = Intake(MATCHING, Sources(), KEY, random.Random(3), Keeping("acme", MASTER))
    size = len(said) // cuts + 1
    for begin in range(0, len(said), size):
        intake.take(connection, batch_of(said[begin : begin + size]))


@settings(max_examples=40, deadline=None)
@given(histories(), st.integers(1, 4))
def test_every_two_rows_are_explained_either_way(engine: sa.Engine, said: list[Said], cuts: int) -> None:
    """Two rows of one customer have a chain of evidence, two of different customers something that parts them."""
    with engine.begin() as connection:
        filled(connection, said, cuts)
        is_row = sa.and_(evidence.c.kind == "record", sa.not_(evidence.c.deleted))
        rows = connection.execute(sa.select(evidence.c.id, evidence.c.customer).where(is_row)).all()
        for one, whose in rows[:4]:
            for other, theirs in rows[:4]:
                both = [found for each in (one, other) if (found := asked(connection, each, each))]
                assert [each.customer for each in both] == [whose, theirs]
                known = known_of(connection, *both, RULES.match)
                assert bool(why(*both, known, MATCHING)) == (whose == theirs)
                assert bool(why_not(*both, known, MATCHING)) == (whose != theirs)


@settings(max_examples=40, deadline=None)
@given(histories(), st.integers(1, 4))
def test_a_customer_is_known_by_the_evidence_that_is_theirs(
    engine: sa.Engine, said: list[Said], cuts: int
) -> None:
    """Every token of it that no judgement took away is their own or held besides; their rows stand for them."""
    with engine.begin() as connection:
        filled(connection, said, cuts)
        for (whom,) in connection.execute(sa.select(customer.c.id)).all():
            who = asked(connection, whom, whom)
            assert who is not None
            assert who.customer is not None
            found = about(connection, who.customer)
            named = {token for piece in found.pieces for token in piece.tokens}
            judged = apart(connection, named)
            held = {token for piece in found.pieces for token in severed(piece, judged).tokens}
            assert {*found.own, *found.besides} == held
            assert who.tokens == set(found.own)
            rows = {piece.id for piece in found.pieces if piece.kind == "record"}
            assert rows <= set(side_of(connection, who, MATCHING).accounts)
            assert {each.handle for each in found.records} == rows


@settings(max_examples=40, deadline=None)
@given(histories(), st.integers(1, 4))
@example(PARTED, 3)
def test_the_vault_has_for_each_customer_what_their_rows_name(
    engine: sa.Engine, said: list[Said], cuts: int
) -> None:
    """No value without evidence that names it, none of it missing, and each opens."""
    with engine.begin() as connection:
        filled(connection, said, cuts)
        columns = sa.select(evidence.c.customer, evidence_key.c.token).join(
            evidence, evidence.c.id == evidence_key.c.evidence
        )
        named = columns.where(sa.not_(evidence.c.deleted), evidence_key.c.role != "composite")
        by_rows = {tuple(row) for row in connection.execute(named.where(evidence.c.kind == "record"))}
        by_any = {tuple(row) for row in connection.execute(named)}
        kept = {
            tuple(row) for row in connection.execute(sa.select(vault_value.c.customer, vault_value.c.token))
        }
        assert by_rows <= kept <= by_any
        keys = set(connection.execute(sa.select(vault_key.c.customer)).scalars())
        assert {whose for whose, _ in kept} <= keys
        tokens = {token for _, token in kept}
        revealed = Vault(connection, "acme", MASTER).reveal(tokens, {whose for whose, _ in kept})
        assert revealed == {token: f"value of {token}" for token in tokens}
