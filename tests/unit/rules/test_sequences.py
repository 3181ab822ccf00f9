"""Rules on sequences of events, and what rules ask of other systems."""

from __future__ import annotations

import pytest

from flows.rules.model import LookUpEntry
from tests.unit.rules.mistakes import TAIL, read, right

CART = "{event: cart.updated, as: cart}"
NONE = "{no: order.placed, within: 30m}"
DO = "do: [{task: {queue: q, subject: s}}]\n"


def on(steps: str, more: str = DO) -> str:
    """A rule on a sequence."""
    return f"rule: s\nsequence: {steps}\n{more}{TAIL}"


@pytest.mark.parametrize(
    ("steps", "path", "part"),
    [
        (f"[{CART}]", "sequence", "two steps at least"),
        ("{}", "sequence", "a list is needed"),
        (f"[{', '.join([CART, *[NONE] * 8])}]", "sequence", "more than 8 items"),
        (f"[{CART}, {{within: 1h}}]", "sequence[1]", "one of `event` and `no` is needed"),
        (f"[{CART}, {{event: a, no: b, within: 1h}}]", "sequence[1]", "one of `event` and `no` is needed"),
        (f"[{CART}, {{no: order.placed}}]", "sequence[1]", "nothing bounds how long this step is waited for"),
        (f"[{CART}, {{event: order.placed}}]", "sequence[1]", "Add `within:`"),
        (f"[{{no: a}}, {NONE}]", "sequence[0].no", "begins with an event that comes"),
        (f"[{{event: a, within: 1h}}, {NONE}]", "sequence[0].within", "nothing comes before the first step"),
        (f"[{CART}, {{event: a, within: 1h, restart: true}}]", "sequence[1].restart", "only the first step"),
        (f"[{{event: a, restart: often}}, {NONE}]", "sequence[0].restart", "true or false is needed"),
        (f"[{CART}, {{no: a, within: 1h, as: b}}]", "sequence[1].as", "has no fields to read"),
        (f"[{CART}, {{event: a, within: 1h, as: cart}}]", "sequence[1].as", "another step is called 'cart'"),
        (f"[{{event: a, as: profile}}, {NONE}]", "sequence[0].as", "cannot name a step"),
        (f"[{CART}, {{no: a, within: 1h, where: event.cart == basket.cart}}]", "sequence[1].where",
         "'basket.cart'"),
        (f"[{CART}, {{no: a, within: 1h, where: profile.spent > 1}}]", "sequence[1].where", "asked in `guard`"),
    ],
)  # fmt: skip
def test_a_sequence_without_a_bound_or_sense_is_refused(steps: str, path: str, part: str) -> None:
    """One mistake gives one finding at its path."""
    found = read(on(steps))[1]
    assert [finding.path for finding in found] == [path]
    assert part in f"{found[0].message} {found[0].hint}"


def test_what_steps_name_is_read_in_all_that_comes_after_them() -> None:
    """In later steps, in the guard, in texts, in what follows; the event just now is the one that is asked about."""
    rule = right(
        on(
            f"[{CART}, {{event: order.placed, as: order, within: 1h, where: event.cart == cart.cart}}, {NONE}]",
            "guard: order.amount > cart.amount\n"
            "do: [{task: {queue: q, subject: '{cart.cart}'}, then: [{after: 1d, if: order.amount > 3, "
            "unless: {event: a, where: event.cart == cart.cart}, do: []}]}]\n",
        )
    )
    assert [step.within for step in rule.sequence] == [None, 3_600_000, 1_800_000]
    found = read(on(f"[{CART}, {NONE}]", f"guard: event.cart == 1\n{DO}"))[1]
    assert [finding.path for finding in found] == ["guard"]


def test_another_bound_is_another_sequence() -> None:
    """What waits under the old one is not taken for the new one's."""
    steps = f"[{CART}, {NONE}]"
    one = right(on(steps))
    assert right(on(steps, f"about: The same.\n{DO}")).fingerprint == one.fingerprint
    assert right(on(steps.replace("30m", "31m"))).fingerprint != one.fingerprint


EVENT = "rule: e\nevent: order.placed\n"


@pytest.mark.parametrize(
    ("look_up", "path", "part"),
    [
        ("{stock: {from: inventory, key: event.sku}}", "look_up.stock", "'within' is missing"),
        ("{stock: {from: invent, key: event.sku, within: 5s}}", "look_up.stock.from", "Did you mean 'inventory'?"),
        ("{stock: {from: inventory, key: event.sku > 1, within: 5s}}", "look_up.stock.key", "is a condition"),
        ("{stock: {from: inventory, key: sku, within: 5s}}", "look_up.stock.key", "read as `event.<field>`"),
        ("{stock: {from: inventory, key: event.sku, within: 2h}}", "look_up.stock.within", "out of bounds"),
        ("{event: {from: inventory, key: event.sku, within: 5s}}", "look_up.event", "cannot be a look-up's name"),
        ("{profile: {from: inventory, key: event.sku, within: 5s}}", "look_up.profile", "cannot be a look-up's"),
        ("[stock]", "look_up", "a mapping is needed"),
    ],
)  # fmt: skip
def test_a_wrong_question_is_refused(look_up: str, path: str, part: str) -> None:
    """It names a system that is declared, and what it waits for is bounded."""
    found = read(f"{EVENT}look_up: {look_up}\n{DO}{TAIL}")[1]
    assert [finding.path for finding in found] == [path]
    assert part in f"{found[0].message} {found[0].hint}"


def test_an_answer_is_read_by_the_name_of_its_question() -> None:
    """In the guard and in texts, and only what the system is declared to tell."""
    text = (
        f"{EVENT}look_up: {{stock: {{from: inventory, key: event.sku, within: 5s}}}}\n"
        "guard: stock.available > 0\ndo: [{task: {queue: q, subject: '{stock.place}'}}]\n"
    )
    (asked,) = right(text + TAIL).look_ups
    assert asked == LookUpEntry(name="stock", source="inventory", key=asked.key, within=5000)
    assert asked.key.text == "event.sku"
    (found,) = read(text.replace("stock.available", "stock.avail") + TAIL)[1]
    assert "Did you mean 'stock.available'?" in found.hint
