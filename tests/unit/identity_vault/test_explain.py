"""Why and why not, against the partition that the same evidence comes to."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.identity.clusters import Piece, partition
from flows.identity.evidence import Judgement
from flows.identity.explain import Asked, Known, Step, rule_of, why
from flows.identity.judgements import last_of_pairs
from flows.identity.matching import Matching
from flows.identity.obstacles import Missing, why_not
from flows.sources.model import IdentityRules, KindRule

DAY = 86_400_000
RULES = IdentityRules(
    kinds={
        "crm": KindRule(kind="crm", per_person=2),
        "shop": KindRule(kind="shop", per_person=1),
        "email": KindRule(kind="email", shared_above=3),
        "cookie": KindRule(kind="cookie", shared_above=2, expires=90 * DAY),
    },
    match=(("email",), ("cookie",), ("phone", "birth_date")),
)
MATCHING = Matching(RULES, ("crm", "shop"))
CRM = [f"crm:{i}" for i in range(4)]
SHOP = [f"shop:{i}" for i in range(3)]
EMAIL, COOKIE, PHONE = ("email:0", "email:1"), ("cookie:0", "cookie:1"), "phone:0"
BOTH = ("phone+birth_date:0", "phone+birth_date:1")


def row(handle: str, *tokens: str, at: int = 1, composites: tuple[str, ...] = ()) -> Piece:
    return Piece(handle, "record", at, at, (handle, *tokens), composites)


def known_of(pieces: list[Piece], judged: list[Judgement]) -> Known:
    """All evidence, with whose each piece is."""
    apart: dict[str, frozenset[str]] = {}
    merges = list[Piece]()
    for each in last_of_pairs(judged):
        if each.kind == "merge":
            merges.append(Piece(each.id, "judgement", each.at, each.at, each.pair))
        else:
            apart[each.a] = apart.get(each.a, frozenset()) | {each.b}
            apart[each.b] = apart.get(each.b, frozenset()) | {each.a}
    every = [*pieces, *merges]
    found = partition(every, MATCHING, apart)
    whose = {piece.id: f"customer:{i}" for i, cluster in enumerate(found.clusters) for piece in cluster}
    return Known(
        pieces=tuple(every),
        whose=whose,
        sources={piece.id: piece.id.partition(":")[0] for piece in every},
        judgements=tuple(judged),
        shared=frozenset(found.shared),
        match=RULES.match,
    )


def asked(handle: str, known: Known) -> Asked:
    """A row's own id, or who has a token alone."""
    whose = known.whose.get(handle)
    if whose is None:
        owners = {known.whose[p.id] for p in known.pieces if handle in p.tokens}
        whose = owners.pop() if len(owners) == 1 else None
    return Asked(name=handle, customer=whose, tokens=frozenset([handle]))


def explained(one: str, other: str, known: Known) -> list[Step]:
    return why(asked(one, known), asked(other, known), known, MATCHING)


def missing(one: str, other: str, known: Known) -> list[Missing]:
    return why_not(asked(one, known), asked(other, known), known, MATCHING)


tokens = st.sets(st.sampled_from([*EMAIL, *COOKIE, PHONE, *CRM[2:]]), max_size=3)
composites = st.sets(st.sampled_from(BOTH), max_size=1)
times = st.sampled_from([0, 50 * DAY, 120 * DAY])
pairs = st.tuples(st.sampled_from([*CRM, *SHOP]), st.sampled_from([*CRM, *SHOP, *EMAIL]))
judgements = st.lists(st.tuples(st.sampled_from(["merge", "split"]), pairs), max_size=3)


@st.composite
def evidence(draw: st.DrawFn) -> tuple[list[Piece], list[Judgement]]:
    """Rows, events and judgements that collide."""
    pieces = [
        row(handle, *sorted(draw(tokens) - {handle}), at=draw(times), composites=tuple(draw(composites)))
        for handle in draw(st.sets(st.sampled_from([*CRM, *SHOP]), min_size=2)) | {CRM[0]}
    ]
    for i, held in enumerate(draw(st.lists(tokens, max_size=3))):
        at = draw(times)
        if len(held) > 1:
            pieces.append(Piece(f"event:{i}", "event", at, at, tuple(sorted(held))))
    judged = [
        Judgement(f"j{i}", "merge" if kind == "merge" else "split", a, b, i, "kim", "so")
        for i, (kind, (a, b)) in enumerate(draw(judgements))
        if a != b
    ]
    return pieces, judged


@settings(max_examples=300, deadline=None)
@given(evidence())
def test_there_is_a_chain_exactly_between_rows_of_one_person(
    found: tuple[list[Piece], list[Judgement]],
) -> None:
    """Each step holds the token that ties it to the one before; and of two persons something keeps them apart."""
    known = known_of(*found)
    rows = [piece.id for piece in known.pieces if piece.kind == "record"]
    current = {piece.id: piece for piece in known.current()}
    for one in rows:
        for other in rows:
            chain = explained(one, other, known)
            together = known.whose[one] == known.whose[other]
            assert bool(chain) == together
            assert bool(missing(one, other, known)) == (not together)
            if not chain:
                continue
            assert one in chain[0].tokens
            assert other in chain[-1].tokens
            for before, step in itertools.pairwise(chain):
                tie = step.tokens[0]
                assert tie == before.tokens[-1]
                for each in (before, step):
                    held = current[each.evidence]
                    assert tie in (*held.tokens, *held.composites)
                judged = "judgement" in (before.kind, step.kind)
                assert step.rule == ("judgement" if judged else rule_of(tie, MATCHING))
                assert step.rule


def test_the_chain_is_the_shortest_and_says_what_ties_it() -> None:
    """Two steps by the address, not three by way of the cookie."""
    pieces = [
        row(CRM[0], EMAIL[0], COOKIE[0], at=1),
        Piece("event:1", "event", 2, 2, (COOKIE[0], COOKIE[1])),
        row(SHOP[0], EMAIL[0], COOKIE[1], at=3),
    ]
    assert explained(CRM[0], SHOP[0], known_of(pieces, [])) == [
        Step(evidence=CRM[0], kind="record", source="crm", at=1, tokens=(CRM[0], EMAIL[0])),
        Step(evidence=SHOP[0], kind="record", source="shop", at=3, tokens=(EMAIL[0], SHOP[0]), rule="email"),
    ]


def test_two_handles_of_one_row_need_no_more_than_that_row() -> None:
    """An address and a phone number that one row names."""
    known = known_of([row(CRM[0], EMAIL[0], PHONE)], [])
    (step,) = explained(EMAIL[0], PHONE, known)
    assert (step.evidence, step.tokens) == (CRM[0], (EMAIL[0], PHONE))


def test_a_chain_over_a_judgement_says_who_judged_and_why() -> None:
    """Of the two rows themselves it is all there is to say; from their addresses it lies between the rows."""
    judged = [Judgement("j", "merge", CRM[0], SHOP[0], 9, "kim", "she called")]
    known = known_of([row(CRM[0], EMAIL[0]), row(SHOP[0], EMAIL[1])], judged)
    between = Step(
        evidence="j", kind="judgement", source="j", at=9, tokens=(CRM[0], SHOP[0]), reason="she called"
    )
    assert explained(CRM[0], SHOP[0], known) == [between]
    first, middle, last = explained(*EMAIL, known)
    assert (first.evidence, middle.reason, last.evidence) == (CRM[0], "she called", SHOP[0])
    assert (middle.rule, last.rule) == ("judgement", "judgement")


def test_what_matches_only_together_is_named_whole() -> None:
    """Phone and date of birth."""
    known = known_of([row(CRM[0], composites=(BOTH[0],)), row(SHOP[0], composites=(BOTH[0],))], [])
    assert explained(CRM[0], SHOP[0], known)[1].rule == "[phone, birth_date]"


def only(one: str, other: str, known: Known) -> Missing:
    (found,) = missing(one, other, known)
    return found


def test_strangers_have_nothing_in_common() -> None:
    """And it is said what would join them."""
    found = only(CRM[0], SHOP[0], known_of([row(CRM[0], EMAIL[0]), row(SHOP[0], EMAIL[1])], []))
    assert found.kind == "nothing"
    assert found.text.endswith("what joins is the same account, email, cookie, [phone, birth_date]")


def test_a_shared_address_says_beside_how_many_accounts_it_stands() -> None:
    """More than `shared_above`."""
    found = only(CRM[0], SHOP[1], known_of([row(h, EMAIL[0]) for h in (*CRM[:2], *SHOP[:2])], []))
    assert (found.kind, found.token) == ("shared", EMAIL[0])
    assert "beside 4 accounts" in found.text
    assert "more than 3" in found.text


def test_a_cookie_seen_too_long_ago_has_expired() -> None:
    """The older of the two held it 120 days before the younger, and it counts for 90."""
    pieces = [row(CRM[0], COOKIE[0], at=0), row(SHOP[0], COOKIE[0], at=120 * DAY)]
    found = only(CRM[0], SHOP[0], known_of(pieces, []))
    assert (found.kind, found.at) == ("expired", 0)
    assert "last 120 days before the other, and it counts for 90" in found.text


def test_two_accounts_of_a_kind_that_one_person_has_once() -> None:
    """The limit is named with the number that it would come to."""
    found = only(SHOP[0], SHOP[1], known_of([row(SHOP[0], EMAIL[0]), row(SHOP[1], EMAIL[0])], []))
    assert found.kind == "limit"
    assert "2 accounts of shop, and one person has at most 1" in found.text


def test_a_judgement_says_whose_it_is_and_why() -> None:
    """The address they share would join them else."""
    judged = [Judgement("j", "split", CRM[0], SHOP[0], 9, "kim", "twins")]
    found = missing(CRM[0], SHOP[0], known_of([row(CRM[0], EMAIL[0]), row(SHOP[0], EMAIL[0])], judged))
    assert found[0] == Missing(
        kind="split",
        text=f"kim judged that {CRM[0]} and {SHOP[0]} are not of one person",
        who="kim",
        at=9,
        reason="twins",
    )


def test_a_phone_number_alone_joins_nobody_where_a_date_of_birth_must_agree() -> None:
    """And what is in no match joins never."""
    pieces = [row(CRM[0], PHONE, "loyalty:1"), row(SHOP[0], PHONE, "loyalty:1")]
    loyalty, phone = missing(CRM[0], SHOP[0], known_of(pieces, []))
    assert (loyalty.kind, phone.kind) == ("plain", "together")
    assert "only together with birth_date" in phone.text


def test_a_handle_that_is_nobodys_says_so() -> None:
    """One that was never seen, one that several hold, one who was erased."""
    known = known_of([row(CRM[0], PHONE), row(SHOP[0], PHONE)], [])
    assert only("email:9", CRM[0], known).text == "no evidence names email:9"
    assert missing(PHONE, CRM[0], known)[0].text == f"{PHONE} is nobody's alone: several hold it"
    gone = Asked(name="customer:x", customer="customer:x", erased=True)
    assert why_not(gone, asked(CRM[0], known), known, MATCHING)[0].text == "customer:x was erased"
