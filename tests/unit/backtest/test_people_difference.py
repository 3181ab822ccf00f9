"""In what two rule sets act otherwise, told while both are played: the same as looking at all of it at the end."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.backtest.difference import Side
from flows.backtest.people_difference import ActionDifference, ActionDiffering
from flows.schema import Action, ActionStatus, Decision, PlannedAction

bounded = settings(derandomize=True, max_examples=200, deadline=None)


def decision(
    trigger: str, customer: str = "c", text: str = "", status: ActionStatus = "published"
) -> Decision:
    """A decision with one action, as far as it is compared."""
    action = Action(
        id=f"{trigger}/n", name="n", kind="notify", lane="normal", tenant="t", customer=customer, rule="r", rule_set=0,
        decision=trigger, at=0, valid_until=0, parameters={"text": text},
    )  # fmt: skip
    return Decision(
        id=trigger, number=1, tenant="t", customer=customer, rule="r", rule_set=0, trigger=trigger, at=0, decided_at=0,
        verdict="acted", actions=(PlannedAction(action=action, status=status),),
    )  # fmt: skip


Acts = list[tuple[int, Side, str, str, str]]
drawn = st.lists(
    st.tuples(
        st.integers(0, 40), st.sampled_from(["now", "before"]), st.sampled_from("abcdef"), st.sampled_from("xy"),
        st.sampled_from(["", "other"]),
    ),
    max_size=16,
    unique_by=lambda each: (each[1], each[2]),
)  # fmt: skip


def told(acts: Acts, within: int, steps: bool) -> tuple[ActionDifference, list[ActionDiffering]]:
    """All that is told of acts in their order, at each step or only at the end."""
    difference, out = ActionDifference(["r"], within), list[ActionDiffering]()
    for at, side, trigger, customer, text in sorted(acts, key=lambda each: each[0]):
        if steps:
            out += difference.settled(at)
        difference.take(side, decision(trigger, customer, text), at)
    return difference, out + list(difference.settled(None))


@bounded
@given(drawn, st.integers(0, 10))
def test_each_action_is_told_once_and_by_time(acts: Acts, within: int) -> None:
    """What is the same on both sides is counted; all else is told once, in order, as one of a pair or alone."""
    difference, out = told(acts, within, steps=True)
    (counts,) = difference.by_rule()
    assert len(out) + 2 * counts.same == len(acts)
    assert [one.mine.at for one in out] == sorted(one.mine.at for one in out)
    by_id = {(side, trigger): (at, text) for at, side, trigger, _, text in acts}
    same = sum(
        ("before", t) in by_id and by_id["before", t] == said for (s, t), said in by_id.items() if s == "now"
    )
    assert counts.same <= same
    for one in out:
        if one.other is None:
            continue
        if one.how == "changed":
            assert one.mine.id == one.other.id
        else:
            assert abs(one.mine.at - one.other.at) <= within
            assert one.mine.kind == one.other.kind
    assert Counter(one.how for one in out if one.side == "now")["shifted"] == counts.shifted
    assert difference.differ == bool(out)


@bounded
@given(drawn, st.integers(0, 10))
def test_what_is_left_alone_has_no_pair(acts: Acts, within: int) -> None:
    """No two that are left alone, one of each side, are of one customer and near enough."""
    _, out = told(acts, within, steps=True)
    alone = [one for one in out if one.how == "only"]
    for one in alone:
        for other in alone:
            if one.side != other.side and one.mine.kind == other.mine.kind:
                assert abs(one.mine.at - other.mine.at) > within


def test_the_same_again_is_no_difference() -> None:
    """The same decision on both sides at one time is the same, whatever was refused on the way."""
    difference = ActionDifference(["r"], 10)
    for side in ("now", "before"):
        difference.take(side, decision("a"), 5)
        difference.take(side, decision("b", status="refused"), 5)
    assert list(difference.settled(None)) == []
    assert difference.by_rule()[0].same == 1


def test_only_what_may_find_its_pair_is_kept() -> None:
    """After a million seconds of actions that the other side does not do, no more wait than fit into the window."""
    difference = ActionDifference(["r"], 10)
    for at in range(0, 2000, 2):
        out = list(difference.settled(at))
        difference.take("now", decision(f"t{at}"), at)
        assert len(out) <= 1
    assert len(list(difference.settled(None))) <= 6
