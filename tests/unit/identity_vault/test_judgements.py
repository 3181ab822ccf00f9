"""What persons judge, from the entry in `audit` to what becomes of the clusters."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.identity.clusters import Piece, partition
from flows.identity.evidence import Judgement
from flows.identity.judgements import (
    AT_ONCE,
    ERASE,
    MERGE,
    REVEAL,
    SPLIT,
    JudgementUnreadable,
    Side,
    in_messages,
    judgements_of,
    last_of_pairs,
    merge_of,
    split_of,
)
from flows.identity.matching import Matching
from flows.schema import Audit
from flows.sources.model import IdentityRules

CRM = [f"crm:{i:032x}" for i in range(4)]
EMAIL = [f"email:{i:032x}" for i in range(3)]
MATCHING = Matching(IdentityRules(match=(("email",),)), ("crm",))


def entry(command: str, what: dict[str, Any], at: int = 5) -> Audit:
    return Audit(id="a1", tenant="acme", at=at, who="kim", command=command, what=what, reason="a call")


def row(handle: str, *tokens: str) -> Piece:
    return Piece(handle, "record", 1, 1, (handle, *tokens))


def clusters(rows: list[Piece], judged: list[Judgement]) -> set[frozenset[str]]:
    """The handles of rows, by person."""
    pieces, apart = list(rows), dict[str, set[str]]()
    for each in last_of_pairs(judged):
        if each.kind == "merge":
            pieces.append(Piece(each.id, "judgement", each.at, each.at, each.pair))
        else:
            apart.setdefault(each.a, set()).add(each.b)
            apart.setdefault(each.b, set()).add(each.a)
    found = partition(pieces, MATCHING, {token: frozenset(others) for token, others in apart.items()})
    return {
        handles
        for cluster in found.clusters
        if (handles := frozenset(piece.id for piece in cluster if piece.kind == "record"))
    }


def side(token: str, rows: list[Piece], judged: list[Judgement]) -> Side:
    """Who has a row, with all that is theirs."""
    handles = next(each for each in clusters(rows, judged) if token in each)
    tokens = {token for piece in rows if piece.id in handles for token in piece.tokens}
    return Side(token=token, accounts=tuple(sorted(handles)), tokens=tuple(sorted(tokens)))


def test_a_merge_a_split_and_an_erasure_come_out_as_judgements() -> None:
    """With who, when and why; their ids follow from the entry's, so that a repeat is known."""
    assert judgements_of(entry(MERGE, {"pairs": [[CRM[0], CRM[1]]]})) == (
        Judgement("a1.0", "merge", CRM[0], CRM[1], 5, "kim", "a call"),
    )
    assert judgements_of(entry(SPLIT, {"pairs": [[EMAIL[0], CRM[0]], [EMAIL[0], CRM[1]]]})) == (
        Judgement("a1.0", "split", EMAIL[0], CRM[0], 5, "kim", "a call"),
        Judgement("a1.1", "split", EMAIL[0], CRM[1], 5, "kim", "a call"),
    )
    assert judgements_of(entry(ERASE, {"customer": "customer:1", "tokens": [CRM[0]]})) == (
        Judgement("a1.0", "erase", CRM[0], "customer:1", 5, "kim", "a call"),
    )

    fast = {"customer": "customer:1", "tokens": [CRM[0]], "until": 9}
    assert [each.at for each in judgements_of(entry(ERASE, fast))] == [9]
    assert [each.at for each in judgements_of(entry(ERASE, {**fast, "until": 3}))] == [5]


def test_other_commands_judge_nothing() -> None:
    """A silence, or values that were shown, change nobody."""
    assert judgements_of(entry("silence add", {"rule": "x"})) == ()
    assert judgements_of(entry(REVEAL, {"customer": "customer:1"})) == ()


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (MERGE, {}),
        (MERGE, {"pairs": "all"}),
        (MERGE, {"pairs": []}),
        (MERGE, {"pairs": [[CRM[0]]]}),
        (MERGE, {"pairs": [[CRM[0], CRM[0]]]}),
        (SPLIT, {"pairs": [[CRM[0], "ada@example.com"]]}),
        (SPLIT, {"pairs": [[CRM[0], 7]]}),
        (SPLIT, {"pairs": [[CRM[0], CRM[1]]] * (AT_ONCE + 1)}),
        (ERASE, {"tokens": [CRM[0]]}),
        (ERASE, {"customer": "", "tokens": [CRM[0]]}),
        (ERASE, {"customer": "customer:1", "tokens": []}),
        (ERASE, {"customer": "customer:1", "tokens": [CRM[0]], "until": "ada@example.com"}),
        (ERASE, {"customer": "customer:1", "tokens": [CRM[0]], "until": 1 << 60}),
    ],
)
def test_an_entry_that_is_no_judgement_is_refused_in_words_without_values(
    command: str, what: dict[str, Any]
) -> None:
    """It becomes a dead letter; nothing of it is applied in part."""
    with pytest.raises(JudgementUnreadable) as refused:
        judgements_of(entry(command, what))
    assert "ada@" not in str(refused.value)


def test_merging_in_a_circle_is_one_person() -> None:
    """A into B, B into C and C into A, in any order."""
    rows = [row(handle) for handle in CRM[:3]]
    circle = [
        Judgement(f"j{i}", "merge", CRM[a], CRM[b], i) for i, (a, b) in enumerate([(0, 1), (1, 2), (2, 0)])
    ]
    for order in itertools.permutations(circle):
        assert clusters(rows, list(order)) == {frozenset(CRM[:3])}
    there_and_back = [
        Judgement("j0", "merge", CRM[0], CRM[1], 0),
        Judgement("j1", "merge", CRM[1], CRM[0], 1),
    ]
    assert clusters(rows, there_and_back) == {frozenset(CRM[:2]), frozenset(CRM[2:3])}


def test_a_row_leaves_its_customer_and_nothing_that_joined_it_brings_it_back() -> None:
    """Neither the address it shares nor another row that holds the same."""
    rows = [row(CRM[0], EMAIL[0]), row(CRM[1], EMAIL[0]), row(CRM[2], EMAIL[0])]
    ruling = split_of(CRM[1], side(CRM[0], rows, []), [])
    judged = [Judgement(f"s{i}", "split", a, b, 9) for i, (a, b) in enumerate(ruling.pairs)]
    assert clusters(rows, judged) == {frozenset({CRM[1]}), frozenset({CRM[0], CRM[2]})}


def test_an_address_leaves_its_customer() -> None:
    """Rows that nothing else ties are apart then."""
    rows = [row(CRM[0], EMAIL[0]), row(CRM[1], EMAIL[0])]
    ruling = split_of(EMAIL[0], side(CRM[0], rows, []), [])
    judged = [Judgement(f"s{i}", "split", a, b, 9) for i, (a, b) in enumerate(ruling.pairs)]
    assert clusters(rows, judged) == {frozenset({CRM[0]}), frozenset({CRM[1]})}


def test_who_is_known_from_events_alone_can_be_split_too() -> None:
    """Without an account every other token is what is left."""
    cookies = Side(token=EMAIL[0], tokens=(EMAIL[0], EMAIL[1]))
    assert split_of(EMAIL[1], cookies, []).pairs == ((EMAIL[0], EMAIL[1]),)


steps = st.lists(
    st.tuples(st.sampled_from(["merge", "split"]), st.sampled_from(CRM), st.sampled_from(CRM)), max_size=6
)
rows_of = st.lists(st.sets(st.sampled_from(EMAIL), max_size=2), min_size=4, max_size=4)


@settings(max_examples=200, deadline=None)
@given(rows_of, steps)
def test_the_last_command_wins_whatever_was_judged_before(
    held: list[set[str]], commands: list[tuple[str, str, str]]
) -> None:
    """After a merge the two are one, after a split they are not; the ruling names what it overrules."""
    rows = [row(handle, *sorted(tokens)) for handle, tokens in zip(CRM, held, strict=True)]
    judged: list[Judgement] = []
    for at, (command, one, other) in enumerate(commands):
        together = one in side(other, rows, judged).accounts
        if one == other or together == (command == "merge"):
            continue
        if command == "merge":
            ruling = merge_of(side(one, rows, judged), side(other, rows, judged), judged)
        else:
            ruling = split_of(one, side(other, rows, judged), judged)
        holding = last_of_pairs(judged)
        assert all(each in holding and each.kind != command for each in ruling.overruled)
        assert {each.pair for each in ruling.overruled} <= set(ruling.pairs)
        judged += [
            Judgement(f"j{at}.{i}", "merge" if command == "merge" else "split", a, b, at)
            for i, (a, b) in enumerate(ruling.pairs)
        ]
        assert (one in side(other, rows, judged).accounts) == (command == "merge")


def test_of_two_judgements_of_one_moment_the_greater_id_counts_in_any_order() -> None:
    """Nothing depends on which of them was read first."""
    one, other = Judgement("j1", "merge", CRM[0], CRM[1], 3), Judgement("j2", "split", CRM[1], CRM[0], 3)
    assert last_of_pairs([one, other]) == last_of_pairs([other, one]) == [other]


def test_a_long_list_goes_in_several_messages() -> None:
    """None of which is refused for its length."""
    cut = in_messages([CRM[0]] * (2 * AT_ONCE + 1))
    assert [len(each) for each in cut] == [AT_ONCE, AT_ONCE, 1]
