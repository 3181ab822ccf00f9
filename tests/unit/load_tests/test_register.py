"""The rows that the identity leg is given, and the plain answer to who is who after them."""

from __future__ import annotations

import json
from collections import Counter

from load_tests.register import (
    PER_ROW,
    Register,
    answer,
    contact_of,
    first_rows,
    mail_of,
    next_rows,
    shared_rows,
    token,
    wrong,
)

REGISTER = Register(seed=7, people=60, rows=40)


def rows(sent: object) -> list[dict[str, object]]:
    return [json.loads(value) for _, value in sent]  # type: ignore[attr-defined]


def test_each_row_is_of_another_person() -> None:
    """The first part has a contact of each, the second adds at most one row to each and some people."""
    first, second = rows(first_rows(REGISTER)), rows(next_rows(REGISTER))
    assert len(first) == REGISTER.people
    assert len(second) == REGISTER.rows
    data = [row["data"] for row in second]
    assert len({d.get("contact_id", d.get("account"))[1:] for d in data}) == REGISTER.rows  # type: ignore[attr-defined]
    assert {row["source"] for row in second} == {"crm", "shop"}


def test_everybody_shares_one_card_in_a_storm() -> None:
    """Each row comes again with what it said, and with the same card."""
    data = [row["data"] for row in rows(shared_rows(REGISTER))]
    assert {d["card_no"] for d in data} == {"1"}  # type: ignore[index]
    assert Counter(d["mail"] for d in data) == {mail_of(n): 1 for n in range(REGISTER.people)}  # type: ignore[index]


def test_the_answer_to_all_rows() -> None:
    """Asked of every row it names each identifier of each, and the addresses that were given up as nobody's."""
    found = answer(REGISTER, 1)
    second = rows(next_rows(REGISTER))
    fresh = sum(1 for row in second if int(row["data"].get("contact_id", "c0")[1:]) >= REGISTER.people)  # type: ignore[attr-defined]
    accounts = sum(row["source"] == "shop" for row in second)
    moved = sum("moved" in row["data"]["mail"] for row in second)  # type: ignore[index]
    assert len(found.handles) == REGISTER.rows
    assert len(found.whose) == PER_ROW * (REGISTER.people + fresh) + accounts + moved
    assert sum(person is None for person in found.whose.values()) == moved > 0


def test_what_is_said_of_tokens_is_compared_as_a_partition() -> None:
    """Any names of customers will do, but those of one person are one, those of two are two, and none is left out."""
    found = answer(REGISTER, 1)
    right = {each: None if person is None else f"customer:{person}" for each, person in found.whose.items()}
    assert wrong(found, right) is None
    handle, mail = token("crm", contact_of(0)), token("crm", contact_of(1))
    assert "somebody else" in (wrong(found, right | {handle: "customer:1"}) or "")
    assert "is nobody's" in (wrong(found, {k: v for k, v in right.items() if k != mail}) or "")
    given_up = next(each for each, person in found.whose.items() if person is None)
    assert "was given up" in (wrong(found, right | {given_up: "customer:1"}) or "")
