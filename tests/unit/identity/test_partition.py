"""The partition follows from the evidence alone, however that comes."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.identity.again import Again
from flows.identity.evidence import Judgement, Named
from flows.identity.intake import Intake
from flows.identity.matching import MOST_HOLDERS, Matching
from flows.identity.store import Store, open_store
from flows.identity.tables import assignment, evidence, evidence_key, metadata, outbox, role_claim
from flows.identity.writer import writing
from flows.rules.model import RuleSet
from flows.schema import Identity, decode
from flows.sources.model import SourceRecord, Sources
from tests.unit.identity.histories import ACCOUNTS, KEY, OTHER_RULES, RULES, Said, batch_of, histories
from tests.unit.identity.oracle import people


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """A database in memory."""
    opened = open_store("sqlite://", Path())
    yield opened
    opened.close()


def empty(store: Store) -> None:
    """Make a database empty again, which is quicker than a new one."""
    with store.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(sa.delete(table))


def an_intake(seed: int = 1, most_holders: int = MOST_HOLDERS) -> Intake:
    """The real one, with ids from a seed."""
    return Intake(Matching(RULES, ACCOUNTS, most_holders), Sources(), KEY, random.Random(seed))


def partition_in(store: Store) -> tuple[set[frozenset[str]], dict[str, frozenset[str]]]:
    """What the database says: the partition of the evidence, and whose cluster an identifier belongs to."""
    with store.begin() as connection:
        found: defaultdict[str, set[str]] = defaultdict(set)
        stands = sa.select(evidence.c.customer, evidence.c.id).where(sa.not_(evidence.c.deleted))
        for whose, piece in connection.execute(stands):
            found[whose].add(piece)
        clusters = {whose: frozenset(pieces) for whose, pieces in found.items()}
        named = sa.select(assignment.c.token, assignment.c.customer).where(assignment.c.customer.is_not(None))
        owned = {token: clusters[whose] for token, whose in connection.execute(named)}
    return set(clusters.values()), owned


def published_in(store: Store) -> dict[str, Identity]:
    """The last entry of every key."""
    with store.begin() as connection:
        rows = connection.execute(sa.select(outbox.c.key, outbox.c.value).order_by(outbox.c.number)).all()
    return {key: decode(Identity, value) for key, value in rows}


def expected(
    history: list[Said], most_holders: int = MOST_HOLDERS
) -> tuple[set[frozenset[str]], dict[str, frozenset[str]]]:
    """What the slow rebuild says."""
    return people(
        RULES,
        ACCOUNTS,
        [each for each in history if isinstance(each, SourceRecord)],
        [each for each in history if isinstance(each, Named)],
        [each for each in history if isinstance(each, Judgement)],
        most_holders,
    )


def cut(chance: random.Random, history: list[Said]) -> Iterator[list[Said]]:
    """A history in batches of any size."""
    begin = 0
    while begin < len(history):
        end = begin + chance.choice([1, 1, 2, 3, 8])
        yield history[begin:end]
        begin = end


@settings(max_examples=150, deadline=None)
@given(history=histories(), seed=st.integers(0, 1 << 30), most_holders=st.sampled_from([MOST_HOLDERS, 2, 3]))
def test_any_order_cut_and_repeat_gives_the_partition_of_a_rebuild(
    store: Store, history: list[Said], seed: int, most_holders: int
) -> None:
    """Shuffled, cut into batches and with some of it twice, a history comes to what the oracle makes of it."""
    chance = random.Random(seed)
    shuffled = [*history, *chance.sample(history, len(history) // 3)]
    chance.shuffle(shuffled)
    empty(store)
    intake = an_intake(most_holders=most_holders)
    so_far: list[Said] = []
    for some in cut(chance, shuffled):
        so_far += some
        with store.begin() as connection:
            intake.take(connection, batch_of(some))
        if chance.random() < 0.3:
            assert partition_in(store) == expected(so_far, most_holders)
    assert partition_in(store) == expected(history, most_holders)
    check_what_is_kept(store)


@settings(max_examples=60, deadline=None)
@given(history=histories(), seed=st.integers(0, 1 << 30))
def test_under_other_rules_all_evidence_is_divided_anew(store: Store, history: list[Said], seed: int) -> None:
    """Killed on its way or not, one pass over what is kept gives the partition that the new rules would have given."""
    empty(store)
    chance = random.Random(seed)
    before = Matching(OTHER_RULES, ACCOUNTS)
    intake = Intake(before, Sources(), KEY, random.Random(1))
    with writing(store) as writer:
        for some in cut(chance, history):
            with writer.begin() as connection:
                intake.take(connection, batch_of(some))
        rules = RuleSet(number=1, tenant="t", rules=(), purposes={}, profile=(), identity=RULES)
        assert not Again(writer, intake, before, rules, "rows").is_due()
        again = Again(writer, an_intake(), Matching(RULES, ACCOUNTS), rules, "rows", at_once=2)
        assert again.is_due()
        for _ in itertools.islice(again.run(), chance.randint(0, 4)):
            pass
        for _ in again.run():
            pass
        assert not again.is_due()
    assert partition_in(store) == expected(history)
    check_what_is_kept(store)


def check_what_is_kept(store: Store) -> None:
    """What is kept for speed is what the evidence says, and what was published is what is kept."""
    with store.begin() as connection:
        count = sa.select(evidence_key.c.token, sa.func.count()).group_by(evidence_key.c.token)
        held = {row[0]: row[1] for row in connection.execute(count)}
        kept = connection.execute(sa.select(assignment)).all()
        columns = sa.select(evidence.c.id, evidence.c.customer)
        whose = {row[0]: row[1] for row in connection.execute(columns)}
        claims = connection.execute(sa.select(role_claim)).all()
    entries = published_in(store)
    assert {row.token: row.pieces for row in kept if row.pieces} == held
    for row in kept:
        if row.number:
            entry = entries[row.token]
            assert (entry.customer, list(entry.was), entry.number) == (row.customer, row.was, row.number)
        else:
            assert row.customer is None
    for claim in claims:
        assert claim.customer == whose[claim.record]
    said = {(r.evidence, k, r.customer) for k, e in entries.items() for r in e.roles}
    assert said == {(c.record, c.thing, c.customer) for c in claims}
