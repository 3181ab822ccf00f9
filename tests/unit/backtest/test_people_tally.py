"""What a backtest of customers is counted to: days, customers, budgets, against counting it all at the end."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.backtest.people_tally import DAY_MS, PeopleTally, check_of, most_of, spread_of
from flows.schema import Action, ActionStatus, Check, Decision, Identity, PlannedAction
from flows.schema_change import Change, Spent

bounded = settings(derandomize=True, max_examples=150, deadline=None)


def decision(
    rule: str, *planned: tuple[str, ActionStatus, str | None], kind: str = "notify", **more: object
) -> Decision:
    """A decision with actions to customers, each with its status and reason."""
    actions = tuple(
        PlannedAction(
            action=Action(
                id=f"{i}", name="n", kind=kind, lane="normal", tenant="t", customer=to, rule=rule, rule_set=0,
                decision="d", at=0, valid_until=0,
            ),
            status=status,
            reason=reason,
        )
        for i, (to, status, reason) in enumerate(planned)
    )  # fmt: skip
    return Decision(
        id="d", number=1, tenant="t", customer="decider", rule=rule, rule_set=0, trigger="e", at=0, decided_at=0,
        verdict="acted", actions=actions, **more,  # type: ignore[arg-type]
    )  # fmt: skip


acts = st.lists(
    st.tuples(st.integers(0, 5 * DAY_MS), st.sampled_from("rs"), st.sampled_from("abc"), st.booleans()),
    max_size=40,
)


@bounded
@given(acts, st.integers(0, 3 * DAY_MS))
def test_days_and_customers(found: list[tuple[int, str, str, bool]], start: int) -> None:
    """Who got most on each day and in all, and how it is spread, is what counting everything at the end gives."""
    tally = PeopleTally(["r", "s"], start)
    ordered = sorted(found)
    for at, rule, to, goes in ordered:
        tally.decided(decision(rule, (to, "published" if goes else "refused", "guard")), at)
    tally.close()
    counted = [(at // DAY_MS, rule, to) for at, rule, to, goes in ordered if goes and at >= start]
    for day in tally.days:
        today = Counter(to for number, _, to in counted if number == day.day)
        assert (day.most, day.customers, day.actions) == (most_of(today), len(today), today.total())
    assert [day.day for day in tally.days] == sorted({at // DAY_MS for at, *_ in found if at >= start})
    every = Counter(to for _, _, to in counted)
    assert tally.customers == every
    assert tally.messages == spread_of(every)
    for rule in "rs":
        assert tally.rules[rule].customers == Counter(to for _, r, to in counted if r == rule)


@bounded
@given(st.lists(st.integers(1, 30), min_size=1, max_size=250))
def test_the_spread_is_by_nearest_rank(counts: list[int]) -> None:
    """At least half, and 99 in a hundred, have at most so many; one less would be too few."""
    spread = spread_of(Counter({f"c{i}": count for i, count in enumerate(counts)}))
    for of, value in ((50, spread.p50), (99, spread.p99)):
        assert sum(count <= value for count in counts) * 100 >= of * len(counts)
        assert sum(count < value for count in counts) * 100 < of * len(counts)
    assert spread.most.count == max(counts)


def test_who_turns_out_to_be_one_is_counted_as_one() -> None:
    """A merge, and an identifier that finds its customer, take along what was counted, on the day too."""
    tally = PeopleTally(["r"])
    for to in ("email:x", "customer:2", "customer:1"):
        tally.decided(decision("r", (to, "published", None)), 5)
    tally.known("email:x", Identity(number=1, customer="customer:2"))
    tally.known("customer:2", Identity(number=2, survivor="customer:1"))
    tally.known("customer:1", Identity(number=3))
    tally.close()
    assert tally.customers == {"customer:1": 3}
    assert tally.days[0].most.count == 3
    assert tally.rules["r"].customers == {"customer:1": 3}


def test_what_refused_and_what_was_drawn_on() -> None:
    """A refused action counts under its check, one that went out under its budget, a dry run under none."""
    tally = PeopleTally(["r"])
    spent = (Spent(budget="offers", every=1, action="a"), Spent(budget="dry|offers", every=1, action="b"))
    tally.decided(decision("r", ("a", "published", None), change=Change(spent=spent)), 5)
    check = Check(kind="budget", text="offers: 2 in 7d", result=False)
    tally.decided(decision("r", ("a", "refused", "budget: offers: 2 in 7d"), checks=(check,)), 6)
    assert tally.refused == {("r", "budget"): 1}
    assert tally.budgets["offers"].spent == {"decider": 1}
    assert tally.budgets["offers"].refused == 1
    assert [check_of(said) for said in ("guard: unknown", "nobody is the driver of x", "no consent to y", "odd")] == [
        "guard", "role", "consent", "odd",
    ]  # fmt: skip
