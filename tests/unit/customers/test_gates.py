"""What stands between a rule and its actions: consent, budgets and bids, shares, brakes, and what they leave behind."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.customers import shares
from flows.customers.masking import MASK
from flows.customers.rule_index import RuleBook
from flows.customers.rule_limits import Decided, RuleLimits
from flows.customers.why import why_id
from flows.expressions import parse
from flows.rules.model import Alternative, Budget, Choose, Limit, Rule, Suppress, Until
from flows.schema import Brake, Decision
from tests.unit.customers.desk import (
    Brakes,
    Desk,
    act,
    action_id,
    clone,
    rules,
    sent,
    then,
)
from tests.unit.customers.world import DAY, HOUR, MINUTE, T0, Sets, alarm, overheating, statuses

DAYS = 24 * 60


def writes(name: str = "writes", purpose: str = "service", event: str = "click", **fields: Any) -> Rule:
    """A rule that writes at each event of a type."""
    do = fields.pop("do", (act("notify", purpose=purpose, template=name),))
    return Rule(name=name, event=event, do={"raised": do}, **fields)


def only(found: list[Decision]) -> Decision:
    """The one decision."""
    (decision,) = found
    return decision


def brake(kind: str, **fields: Any) -> Brake:
    """A silence or a pause by Eve."""
    return Brake(id="b1", kind=kind, at=T0, who="eve", reason="wrong template", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("consents", "reason"),
    [
        ({}, "no consent to marketing.upsell is known"),
        ({"marketing": True}, None),
        ({"marketing": True, "marketing_upsell": False}, "the consent to marketing.upsell was withdrawn"),
        ({"marketing": False, "marketing_upsell": True}, None),
        ({"marketing": False}, "the consent to marketing was withdrawn"),
        ({"news": True}, "no consent to marketing.upsell is known"),
    ],
)
def test_the_nearest_consent_counts_and_none_is_none(consents: dict[str, bool], reason: str | None) -> None:
    """`marketing.upsell`, else `marketing`; who never said yes has not."""
    desk = Desk(rules(writes(purpose="marketing.upsell")))
    desk.agree(**consents)
    decision = only(desk.event("click", 0))
    assert decision.reason == reason
    check = next(c for c in decision.checks if c.kind == "consent")
    assert (check.result is True) == (reason is None)


def test_consent_of_somebody_else_is_not_known_where_another_decides() -> None:
    """The owner's consent is none of the driver's: refused rather than guessed."""
    rule = writes(do=(act("notify", purpose="marketing.upsell", to="driver"),))
    desk = Desk(rules(rule))
    desk.agree(marketing=True)
    decision = only(desk.event("click", 0, roles={"driver": "customer:dan"}))
    assert decision.reason == "the consent of the driver is not known where the owner decides"


def test_what_another_role_gets_draws_on_no_budget_and_the_decision_says_so() -> None:
    """Three to the driver leave the owner's budget whole; who is both draws on it."""
    rule = writes(do=(act("notify", purpose="news", to="driver"),))
    desk = Desk(rules(rule))
    for at in range(3):
        decision = only(desk.event("click", at, roles={"driver": "customer:dan"}))
        assert (sent([decision]), decision.change.spent) == (["notify"], ())
        check = next(c for c in decision.checks if c.kind == "budget")
        assert (check.text, check.result) == ("marketing: not that of the driver, so not counted", None)
    both = only(desk.event("click", 4, roles={"driver": desk.customer.name}))
    assert [spent.budget for spent in both.change.spent] == ["marketing"]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=25), st.integers(1, 3), st.integers(1, 9))
def test_a_budget_never_holds_more_than_it_may_and_refuses_nothing_without_need(
    days: list[int], at_most: int, every: int
) -> None:
    """Against an oracle that looks at every stretch, for messages of two rules that come in any order."""
    budget = Budget(name="marketing", at_most=at_most, every=every * DAY)
    desk = Desk(rules(writes("a", "news"), writes("b", "news", "tap"), budgets={"marketing": budget}))
    desk.now = T0 + 31 * DAY
    patient = {
        **desk.rules.purposes,
        "news": msgspec.structs.replace(desk.rules.purposes["news"], valid_for=40 * DAY),
    }
    desk.rules = msgspec.structs.replace(desk.rules, purposes=patient)
    kept: list[int] = []
    for n, day in enumerate(days):
        decision = only(desk.event("click" if n % 2 else "tap", day * DAYS))
        after = sorted([*kept, day])
        fits = all(sum(begin <= d < begin + every for d in after) <= at_most for begin in after)
        assert (decision.verdict == "acted") == fits
        kept = after if fits else kept


def test_a_budget_is_given_back_by_what_did_not_arrive() -> None:
    """Failed, suppressed, expired: the next message goes; accepted: it does not."""
    desk = Desk(rules(writes(purpose="news")))
    first, _ = only(desk.event("click", 0)), only(desk.event("click", 1))
    refused = only(desk.event("click", 2))
    assert (refused.reason, sent([refused])) == ("budget: marketing: 2 in 7d", [])
    desk.outcome(action_id(first, "notify"), 3)
    assert only(desk.event("click", 4)).verdict == "refused"
    desk.outcome(action_id(first, "notify"), 5, status="expired")
    assert only(desk.event("click", 6)).verdict == "acted"


def test_two_messages_of_one_decision_both_count() -> None:
    """The third of a list finds the budget empty."""
    do = tuple(act("notify", name=f"n{i}", purpose="news") for i in range(3))
    decision = only(Desk(rules(writes(do=do))).event("click", 0))
    assert statuses(decision) == {"n0": "published", "n1": "published", "n2": "refused"}


def test_a_dry_run_spends_apart() -> None:
    """It sees what is live, and takes nothing from it."""
    desk = Desk(rules(writes("tried", "news", mode="dry_run"), writes("real", "news", "tap")))
    assert [only(desk.event("click", n)).verdict for n in range(3)] == ["dry_run", "dry_run", "refused"]
    assert only(desk.event("tap", 4)).verdict == "acted"


def bidders(*priorities: int, **fields: Any) -> tuple[Rule, ...]:
    """Rules r0, r1, … that bid at events e0, e1, …"""
    return tuple(
        writes(f"r{n}", "club", f"e{n}", priority=priority, **fields) for n, priority in enumerate(priorities)
    )


def test_of_messages_in_one_window_the_greatest_priority_wins() -> None:
    """One goes out when the first is due, each of the others is told by whom it was outbid."""
    desk = Desk(rules(*bidders(1, 5, 3)))
    bids = [only(desk.event(f"e{n}", minute)) for n, minute in enumerate((0, 4, 9))]
    assert [(d.verdict, d.change.acted) for d in bids] == [("nothing", False)] * 3
    assert desk.tick(9.9) == []
    best, *others = desk.tick(10)
    assert (best.rule, sent([best]), best.at) == ("r1", ["notify"], T0 + 10 * MINUTE)
    assert [(d.rule, d.verdict, d.reason) for d in others] == [
        ("r2", "refused", "outbid by r1"),
        ("r0", "refused", "outbid by r1"),
    ]
    assert desk.tick(60) == []


def test_of_equal_priority_the_earlier_cause_wins_then_the_name_and_the_next_window_is_its_own() -> None:
    """The order in which they are read does not matter."""
    desk = Desk(rules(*bidders(1, 1, 1)))
    desk.event("e2", 3)
    desk.event("e1", 2)
    desk.event("e0", 2)
    desk.event("e1", 30)
    assert [d.rule for d in desk.tick(15)] == ["r0", "r1", "r2"]
    assert sent(desk.tick(60)) == ["notify"]


def test_when_the_best_is_refused_the_next_has_its_turn() -> None:
    """A purpose that rests by then, a rule that is gone: the window is not lost."""
    quiet = writes(
        "quiet",
        event="grumble",
        do=(act("suppress", suppress=Suppress(purposes=("club",), until=Until(at_most=HOUR))),),
    )
    strict = {**rules().purposes, "club2": msgspec.structs.replace(rules().purposes["club"], name="club2")}
    low = writes("low", "club2", "e9")
    desk = Desk(rules(quiet, low, *bidders(5), purposes=strict))
    desk.event("e0", 0)
    desk.event("e9", 1)
    desk.event("grumble", 2)
    best, other = desk.tick(10)
    assert (best.rule, best.reason) == ("r0", "quiet: club rests because of quiet")
    assert (other.rule, other.verdict) == ("low", "acted")


def test_a_bid_counts_under_its_rules_limits_only_when_it_wins() -> None:
    """Outbid leaves room; the win does not."""
    limit = (Limit(per="customer", at_most=1, every=7 * DAY),)
    desk = Desk(rules(*bidders(5), *bidders(1, 1, limits=limit)[1:]))
    desk.event("e0", 0)
    desk.event("e1", 1)
    assert [d.verdict for d in desk.tick(20)] == ["acted", "refused"]
    desk.event("e1", 100)
    assert only(desk.tick(120)).verdict == "acted"
    assert only(desk.event("e1", 200)).reason == "limit: 1 per customer in 7d"


@pytest.mark.parametrize("survives", ["r1", "r0"])
def test_whichever_decision_of_a_window_survives_a_crash_one_message_goes_out(survives: str) -> None:
    """Decisions of two rules reach the topic by two ways: the loser alone must not win now."""
    calm = Desk(rules(*bidders(1, 5)))
    calm.event("e0", 0)
    calm.event("e1", 4)
    crashed = Desk(calm.rules, clone(calm.customer))
    decided = calm.tick(10)
    crashed.fold([d for d in decided if d.rule == survives])
    again = crashed.tick(20)
    survived = [d for d in decided if d.rule == survives]
    assert len(sent([*survived, *again])) == 1
    assert {d.id for d in [*survived, *again]} == {d.id for d in decided}


def test_a_message_that_followed_another_bids_and_its_own_follow_up_comes() -> None:
    """Nested: after an hour a bid, and a day after the message that won another."""
    last = then(act("notify", name="last", purpose="service", text="{cause.item}"), after=DAY)
    middle = then(act("notify", name="middle", purpose="club", text="{cause.item}", then=(last,)), after=HOUR)
    rule = writes(do=(act("notify", purpose="service", then=(middle,)),))
    desk = Desk(rules(rule))
    desk.event("click", 0, {"item": "shoe"})
    assert sent(desk.tick(61)) == []
    won = only(desk.tick(70))
    assert won.actions[0].action.parameters == {"text": "shoe"}
    end = only(desk.tick(70 + DAYS))
    assert (sent([end]), end.actions[0].action.parameters) == (["last"], {"text": "shoe"})


def test_a_bid_is_asked_anew_when_its_window_ends_unless_its_raise_has_acted() -> None:
    """A complaint within the window keeps the message back; what was done at once has passed the guard for all."""
    care = writes("care", event="complaint", do=(act("open_case", about="complaint"),))
    guard = parse('event.cart > 0 and not profile.has_open("case", "complaint")')
    only_bids = writes("bids", "club", priority=2, guard=guard)
    acts_too = writes(
        "acts", do=(act("open_case", about="x"), act("notify", purpose="club")), event="tap", guard=guard
    )
    desk = Desk(rules(care, only_bids, acts_too))
    assert only(desk.event("click", 0, {"cart": 1})).reason == "bids for the budget bidding for 10m"
    assert only(desk.event("tap", 1, {"cart": 1})).verdict == "acted"
    desk.event("complaint", 2)
    kept, sent_too = desk.tick(10)
    assert (kept.rule, kept.verdict, kept.reason) == ("bids", "refused", "guard")
    assert (sent_too.rule, sent([sent_too])) == ("acts", ["notify"])


def test_a_bid_of_an_escalation_is_never_gated() -> None:
    """The raise has used up the limit, and the guard holds no more: an escalation acts, also after a window."""
    rule = overheating(
        do={"raised": (act("open_case", about="x"),), "escalated": (act("notify", purpose="club"),)},
        guard=parse('not profile.has_open("case", "complaint")'),
        limits=(Limit(per="device", at_most=1, every=DAY),),
    )
    desk = Desk(rules(rule, writes("care", event="complaint", do=(act("open_case", about="complaint"),))))
    assert only(desk.alarm(alarm())).verdict == "acted"
    desk.alarm(alarm("escalated", 2))
    desk.event("complaint", 2)
    assert sent(desk.tick(20)) == ["notify"]


@pytest.mark.parametrize("comes", ["order", "grumble", "nothing"])
def test_a_follow_up_that_bids_is_called_off_and_asked_until_it_goes_out(comes: str) -> None:
    """`unless` and `if` hold at the end of the window, too."""
    follow = then(
        act("notify", name="later", purpose="club"),
        after=HOUR,
        unless=("order", "event.cart == cause.cart"),
        if_='not profile.has_open("case", cause.item)',
    )
    rule = writes(do=(act("notify", purpose="service", then=(follow,)),))
    desk = Desk(rules(rule, writes("care", event="grumble", do=(act("open_case", about="shoe"),))))
    desk.event("click", 0, {"cart": 1, "item": "shoe"})
    assert only(desk.tick(60)).reason == "bids for the budget bidding for 10m"
    off = desk.event(comes, 65, {"cart": 1}) if comes != "nothing" else []
    end = only(off if comes == "order" else desk.tick(70))
    reasons = {
        "order": "called off: order came",
        "grumble": 'if: not profile.has_open("case", cause.item) is not so',
        "nothing": None,
    }
    assert (end.reason, sent([end])) == (reasons[comes], ["later"] if comes == "nothing" else [])
    assert desk.tick(600) == []


def test_what_follows_something_held_does_not_go_out_as_a_bid() -> None:
    """Held by a pause, or by the rule's limit: a window does not free it."""
    follow = then(act("notify", name="later", purpose="club"), after=HOUR)
    rule = writes(
        do=(act("notify", purpose="service", then=(follow,)),),
        limits=(Limit(per="rule", at_most=1, every=DAY),),
    )
    paused = Desk(rules(rule))
    paused.brakes = Brakes(brake("pause"))
    paused.event("click", 0)
    paused.brakes = Brakes()
    assert [d.verdict for minute in (61, 80) for d in paused.tick(minute)] == ["held"]
    desk = Desk(rules(rule))
    limit = RuleLimits(RuleBook(Sets(desk.rules)))
    found = [d for minute in (0, 30) for d in desk.event("click", minute)]
    found += [d for minute in (60, 70, 90, 100) for d in desk.tick(minute)]
    decided = [limit.take(Decided(d)).decision for d in found]
    assert [d.verdict for d in decided] == ["acted", "held", "nothing", "acted", "nothing", "held"]


def test_a_share_is_of_customers_and_held_out_ones_are_decided_counted_and_left_alone() -> None:
    """Each customer has one variant with its likelihood; together they are the shares that were asked for."""
    rule = writes(share=0.5, hold_out=0.2, limits=(Limit(per="customer", at_most=1, every=DAY),))
    found: dict[str, int] = {}
    for n in range(400):
        desk = Desk(rules(rule))
        desk.customer.name = f"customer:{n}"
        decision = only(desk.event("click", 0))
        found[f"{decision.verdict} {decision.reason}"] = (
            found.get(f"{decision.verdict} {decision.reason}", 0) + 1
        )
        treated = decision.verdict == "acted"
        assert decision.variant == ("treated" if treated else "held_out")
        assert decision.propensity == pytest.approx(0.4 if treated else 0.6)
        assert bool(decision.change.counted) == (decision.reason != "share")
        assert decision.change.acted == treated
    assert set(found) == {"acted None", "refused share", "nothing held out"}
    assert 120 <= found["acted None"] <= 200
    assert 160 <= found["refused share"] <= 240


def test_what_goes_on_after_something_done_is_not_held_out() -> None:
    """A follow-up of a treated customer comes, whatever has become of who he is."""
    rule = writes(
        hold_out=0.5,
        do=(act("notify", purpose="service", then=(then(act("task", subject="x"), after=HOUR),)),),
    )
    treated = next(
        f"customer:{n}" for n in range(99) if not shares.variant_of(rule, f"customer:{n}").held_out
    )  # type: ignore[union-attr]
    out = next(f"customer:{n}" for n in range(99) if shares.variant_of(rule, f"customer:{n}").held_out)  # type: ignore[union-attr]
    desk = Desk(rules(rule))
    desk.customer.name = treated
    desk.event("click", 0)
    desk.customer.name = out
    follow_up = only(desk.tick(60))
    assert (follow_up.verdict, follow_up.variant, follow_up.propensity) == ("acted", "treated", 0.5)


def test_a_silence_refuses_and_says_by_whom_and_never_what_takes_back() -> None:
    """Rule by pattern, purpose with all below it, what the event says; a closing case is let through."""
    rule = writes(
        "cart-1",
        "marketing.cart",
        do=(
            act("notify", purpose="marketing.cart"),
            act("open_case", about="x"),
            act("close_case", about="y"),
        ),
    )
    desk = Desk(rules(rule, writes("opens", event="tap", do=(act("open_case", about="y"),))))
    desk.event("tap", 0)
    for fields, notify, case in (
        ({"rule": "cart-*"}, "refused", "refused"),
        ({"purpose": "marketing"}, "refused", "published"),
        ({"action": "open_case"}, "published", "refused"),
        ({"match": {"event.model": "m3"}}, "refused", "refused"),
        ({"match": {"event.model": "m4"}}, "published", "published"),
        ({"rule": "other"}, "published", "published"),
    ):
        desk.brakes = Brakes(brake("silence", **fields))
        one = Desk(
            desk.rules,
            clone(desk.customer),
        )
        one.brakes = desk.brakes
        decision = only(one.event("click", 1, {"model": "m3"}, id="other"))
        assert statuses(decision) == {"notify": notify, "open_case": case, "close_case": "published"}
        if notify == "refused":
            assert decision.actions[0].reason == "silenced by eve: wrong template"


def test_safety_is_braked_only_by_a_brake_that_says_so() -> None:
    """Both kinds."""
    for kind, status in (("silence", "refused"), ("pause", "held")):
        desk = Desk(rules(writes(purpose="safety")))
        desk.brakes = Brakes(brake(kind))
        assert statuses(only(desk.event("click", 0))) == {"notify": "published"}
        desk.brakes = Brakes(brake(kind, safety=True))
        assert statuses(only(desk.event("click", 1))) == {"notify": status}


def test_what_is_paused_is_held_counts_as_open_and_holds_what_follows_until_it_is_sent() -> None:
    """A held message's follow-up would make no sense; once the outcome shows that it went out, it does."""
    follow = then(act("notify", name="later", purpose="service"), after=HOUR)
    rule = writes(do=(act("open_case", about="x", then=(follow,)),))
    desk = Desk(rules(rule))
    desk.brakes = Brakes(brake("pause"))
    first, second = only(desk.event("click", 0)), only(desk.event("click", 1))
    assert (first.verdict, first.reason) == ("held", "paused by eve: wrong template")
    assert desk.customer.parts["email:ann|customer:ann|1"].items.keys() == {
        action_id(first, "open_case"),
        action_id(second, "open_case"),
    }
    desk.brakes = Brakes()
    desk.outcome(action_id(second, "open_case"), 30)
    held, free = desk.tick(62)
    assert (held.verdict, held.reason) == ("held", "what it follows is held")
    assert free.verdict == "acted"


def test_beyond_the_rules_limit_what_follows_is_held_too_and_is_not_counted() -> None:
    """The limit stands behind the buckets; it knows held actions by what waits after them."""
    rule = writes(
        do=(act("notify", purpose="service", then=(then(act("task", subject="x"), after=HOUR),)),),
        limits=(Limit(per="rule", at_most=1, every=DAY),),
    )
    desk = Desk(rules(rule))
    limit = RuleLimits(RuleBook(Sets(desk.rules)))
    raised = [only(desk.event("click", n)) for n in range(2)]
    assert [limit.take(Decided(d)).decision.verdict for d in raised] == ["acted", "held"]
    restarted = RuleLimits(RuleBook(Sets(desk.rules)), limit.snapshot())
    assert [restarted.take(Decided(d)).decision.verdict for d in desk.tick(70)] == ["acted", "held"]


def test_the_texts_of_a_sensitive_rules_cases_show_no_values() -> None:
    """Cases and tasks are read by many; what is written to the customer is whole."""
    rule = writes(
        sensitive=True,
        explain="{event.kin} has died.",
        do=(
            act("open_case", about="x", subject="Of {event.kin}", attach=["event"]),
            act("notify", purpose="service", text="Of {event.kin}"),
        ),
    )
    decision = only(Desk(rules(rule)).event("click", 0, {"kin": "Bob"}))
    case, letter = (p.action for p in decision.actions)
    assert "Bob" not in msgspec.json.encode(case).decode()
    assert (letter.parameters["text"], letter.sensitive) == ("Of Bob", True)


def test_a_removed_rule_lets_go_of_what_waits_but_stages_stay() -> None:
    """Follow-ups and bids are dropped with a decision each, and nothing fires later."""
    follow = then(act("task", subject="x"), after=HOUR)
    rule = writes(do=(act("notify", purpose="service", then=(follow, follow)),))
    desk = Desk(rules(rule, *bidders(1)))
    desk.event("click", 0)
    desk.event("e0", 0)
    gone = desk.change_rules(rules(number=8))
    assert [(d.verdict, d.reason) for d in gone] == [("nothing", "rule removed")] * 3
    assert desk.tick(60 * DAYS) == []
    kept = Desk(rules(rule))
    kept.event("click", 0)
    assert (
        kept.change_rules(rules(msgspec.structs.replace(rule, mode="disabled")))[0].reason == "rule removed"
    )


def test_a_follow_up_finds_its_entry_by_name_and_says_when_it_is_gone() -> None:
    """An action that was put before it misleads nobody; one that was renamed is gone."""
    follow = then(act("task", subject="x"), after=HOUR)
    told = act("notify", purpose="service", then=(follow,))
    desk = Desk(rules(writes(do=(told,))))
    desk.event("click", 0)
    desk.change_rules(rules(writes(do=(act("task", subject="y"), told))))
    assert sent(desk.tick(60)) == ["task"]
    other = Desk(rules(writes(do=(told,))))
    other.event("click", 0)
    other.change_rules(rules(writes(do=(msgspec.structs.replace(told, name="renamed"),))))
    assert (only(other.tick(60)).reason or "").startswith("rule changed")


def test_choices_stand_in_choices_and_in_what_follows_and_each_is_told() -> None:
    """The first that is true, at any depth; what is unknown is passed over, and a choice may come to nothing."""

    def alternative(name: str, condition: str | None, *do: Any) -> Alternative:
        return Alternative(name=name, condition=None if condition is None else parse(condition), do=do)

    inner = Choose(
        alternatives=(
            alternative("unknown", "event.never > 1", act("task", name="never", subject="x")),
            alternative("small", "event.n < 10", act("task", name="small", subject="x")),
        )
    )
    later = Choose(alternatives=(alternative("mine", "cause.n == 5", act("task", name="mine", subject="x")),))
    told = act("notify", purpose="service", then=(then(later, after=HOUR),))
    rule = writes(
        do=(
            Choose(
                alternatives=(alternative("large", "event.n > 100"), alternative("else", None, inner, told))
            ),
            Choose(alternatives=(alternative("none", "event.n > 1000", act("close_case", about="x")),)),
        )
    )
    desk = Desk(rules(rule))
    decision = only(desk.event("click", 0, {"n": 5}))
    assert (decision.choice, sent([decision])) == ("else + small", ["small", "notify"])
    assert [(c.text, c.result) for c in decision.checks if c.kind == "choose"] == [
        ("large: event.n > 100", False),
        ("else", True),
        ("unknown: event.never > 1", None),
        ("small: event.n < 10", True),
        ("none: event.n > 1000", False),
    ]
    follow_up = only(desk.tick(60))
    assert (follow_up.choice, sent([follow_up])) == ("mine", ["mine"])
    large = only(desk.event("click", 70, {"n": 500}))
    assert (large.verdict, large.reason, large.choice) == ("nothing", "large asks for nothing", "large")


def test_why_masks_what_a_sensitive_decision_saw_and_tells_what_came_of_it() -> None:
    """Values and the explanation are masked; rule, questions, answers and the verdict are told."""
    rule = writes(sensitive=True, explain="{event.kin} has died.", guard=parse('event.kin != "Eve"'))
    desk = Desk(rules(rule))
    decision = only(desk.event("click", 0, {"kin": "Bob"}))
    (told,) = why_id(decision.id, [decision], [])
    assert "Bob" not in msgspec.json.encode(told).decode()
    assert (told.said, told.explanation) == ("acted: notify", MASK)
    guard = next(c for c in told.checks if c.kind == "guard")
    assert (guard.answer, guard.values) == ("yes", {"event.kin": MASK})


def test_why_leads_from_an_action_to_what_followed_it_and_names_the_choice() -> None:
    """Asked about a message, both its decision and its follow-up are told."""
    follow = then(act("task", subject="x"), after=HOUR)
    chosen = Alternative(name="only", do=(act("notify", purpose="service", then=(follow,)),))
    desk = Desk(rules(writes(do=(Choose(alternatives=(chosen,)),))))
    first = only(desk.event("click", 0))
    desk.tick(60)
    told = why_id(action_id(first, "notify"), desk.log, [])
    assert [w.said for w in told] == ["acted: notify (chose only)", "acted: task"]
