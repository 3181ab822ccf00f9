"""The stories of the rule language, each as events in and decisions out, with every branch."""

from __future__ import annotations

import msgspec
import pytest

from flows.expressions import parse
from flows.rules.model import (
    Aggregate,
    Alternative,
    Choose,
    Limit,
    LookUpEntry,
    Rule,
    SetStage,
    Suppress,
    Until,
)
from tests.unit.customers.desk import Desk, act, action_id, match, rules, sent, step, then
from tests.unit.customers.world import DAY, HOUR, MINUTE, T0, alarm, statuses

DAYS = 24 * 60
LIFETIME = Aggregate(name="lifetime_value", source="event:order.placed", take="sum", field="amount")
CHECK_ENGINE = Rule(
    name="check-engine",
    stream="vehicle",
    guard=parse('not profile.has_open("appointment", "engine")'),
    do={
        "raised": (
            act("notify", to="driver", purpose="service", template="check-engine"),
            act(
                "offer_appointment",
                to="driver",
                purpose="service",
                slots=3,
                reserve={"what": "loaner"},
                conditions={"reserve": parse("profile.lifetime_value >= 50000")},
                then=(
                    then(
                        act("open_case", about="engine", queue="dealer", attach=["evidence", "slot"]),
                        outcome="booked",
                    ),
                    then(
                        act("task", queue="dealer", subject="Call the driver of {device}"),
                        outcome=("no_slot", "expired"),
                    ),
                ),
            ),
        ),
    },
)
CART = Rule(
    name="abandoned-cart",
    sequence=(
        step("cart.updated", called="cart", restart=True),
        step("order.placed", "event.cart == cart.cart", 30 * MINUTE, absent=True),
    ),
    guard=parse('not profile.has_open("complaint")'),
    do={
        "raised": (
            act(
                "notify",
                purpose="marketing.cart",
                template="cart-waiting",
                text="{cart.cart}",
                then=(
                    then(
                        act("notify", purpose="marketing.cart", template="last-call", text="{cart.cart}"),
                        after=DAY,
                        unless=("order.placed", "event.cart == cart.cart"),
                    ),
                ),
            ),
        )
    },
    limits=(Limit(per="customer", at_most=1, every=7 * DAY),),
)
COMPLAINT = Rule(
    name="complaint-quiet",
    event="complaint.opened",
    do={
        "raised": (
            act(
                "suppress",
                suppress=Suppress(
                    purposes=("marketing", "adverts"),
                    items=("{event.item}",),
                    until=Until(
                        events=(
                            match("case.resolved", "event.case == cause.case"),
                            match("survey.answered", "event.case == cause.case and event.score >= 4"),
                        ),
                        rest=14 * DAY,
                        at_most=180 * DAY,
                    ),
                ),
            ),
        )
    },
)


def promo(name: str = "promo", purpose: str = "marketing.cart", event: str = "click") -> Rule:
    """A rule that writes at each click."""
    return Rule(name=name, event=event, do={"raised": (act("notify", purpose=purpose, template=name),)})


def test_a_booked_appointment_opens_the_dealers_case_with_evidence_and_slot() -> None:
    """Story check-engine: offered at the alarm, the case at `booked`, and the other follow-up is called off."""
    desk = Desk(rules(CHECK_ENGINE, profile=(LIFETIME,)))
    desk.event("order.placed", 0, {"amount": 60_000})
    (raised,) = desk.alarm(alarm(rule="check-engine"), driver="customer:dan")
    offer = raised.actions[1].action
    assert offer.parameters["reserve"] == {"what": "loaner"}
    assert offer.customer == "customer:dan"
    assert desk.outcome(offer.id, 2) == []
    booked, other = desk.outcome(offer.id, 10, result="booked", data={"slot": "Tuesday 9:00"})
    assert (booked.follows, booked.trigger, booked.at) == (offer.id, booked.id, T0 + 10 * MINUTE)
    case = booked.actions[0].action
    assert case.kind == "open_case"
    assert case.evidence is not None
    assert case.evidence.values["run"] == 10
    assert case.parameters["attached"]["slot"]["slot"] == "Tuesday 9:00"
    assert case.valid_until == booked.at + 7 * DAY
    assert (other.verdict, other.reason) == ("nothing", "not called for: the outcome was booked")
    assert desk.tick(400 * DAYS) == []


def test_no_slot_makes_a_task_and_a_modest_customer_gets_no_loaner() -> None:
    """The other branch; a parameter whose condition does not hold is left out, and a check says so."""
    desk = Desk(rules(CHECK_ENGINE, profile=(LIFETIME,)))
    (raised,) = desk.alarm(alarm(rule="check-engine"), driver="customer:dan")
    assert "reserve" not in raised.actions[1].action.parameters
    assert [c.result for c in raised.checks if c.text.startswith("reserve")] == [False]
    _, task = desk.outcome(action_id(raised, "offer_appointment"), 5, result="no_slot")
    assert task.actions[0].action.parameters["subject"] == "Call the driver of veh-17"


def test_an_appointment_is_open_until_its_result() -> None:
    """The guard refuses a second offer while one is open, and no longer once it has a result."""
    desk = Desk(rules(CHECK_ENGINE, profile=(LIFETIME,)))
    (raised,) = desk.alarm(alarm(rule="check-engine"), driver="customer:dan")
    (second,) = desk.alarm(alarm(rule="check-engine", opened_at=T0 + HOUR), driver="customer:dan")
    assert (second.verdict, second.reason) == ("refused", "guard")
    desk.outcome(action_id(raised, "offer_appointment"), 90, status="failed")
    (third,) = desk.alarm(alarm(rule="check-engine", opened_at=T0 + 2 * HOUR), driver="customer:dan")
    assert third.verdict == "acted"


def test_a_follow_up_whose_outcome_never_comes_is_given_up_after_a_year() -> None:
    """Both wait, and both say so."""
    desk = Desk(rules(CHECK_ENGINE, profile=(LIFETIME,)))
    desk.alarm(alarm(rule="check-engine"), driver="customer:dan")
    assert desk.tick(365 * DAYS) == []
    given_up = desk.tick(366 * DAYS)
    assert [d.reason for d in given_up] == ["given up: no outcome has come in a year"] * 2
    assert not any(part.waiting for part in desk.customer.parts.values())


DAMAGED = Rule(
    name="damaged-shipment",
    event="shipment.damaged",
    customer="buyer",
    look_ups=(LookUpEntry(name="stock", source="inventory", key=parse("event.sku"), within=5 * 1000),),
    do={
        "raised": (
            Choose(
                alternatives=(
                    Alternative(
                        name="replace",
                        condition=parse("profile.lifetime_value >= 1000 and stock.available > 0"),
                        do=(
                            act(
                                "start_process",
                                process="replace-order",
                                order="{event.order}",
                                then=(
                                    then(
                                        act("notify", to="buyer", purpose="service", template="new-copy"),
                                        outcome="accepted",
                                    ),
                                    then(act("open_case", about="shipment", queue="care"), outcome="failed"),
                                ),
                            ),
                        ),
                    ),
                    Alternative(
                        name="ask", do=(act("notify", to="buyer", purpose="service", template="sorry"),)
                    ),
                )
            ),
        )
    },
)


def damaged(amount: int = 2000) -> Desk:
    """A buyer of that worth, and a shipment of his that was damaged."""
    desk = Desk(rules(DAMAGED, profile=(LIFETIME,)))
    desk.event("order.placed", 0, {"amount": amount})
    assert desk.event("shipment.damaged", 1, {"sku": "s1", "order": "o9"}, subject="shipment:8") == []
    return desk


def test_what_is_in_stock_is_replaced_once_the_stock_has_answered() -> None:
    """The decision waits for its question, chooses, and follows up what becomes of the process."""
    desk = damaged()
    (question,) = desk.asked
    assert (question.source, question.key, question.until) == ("inventory", "s1", T0 + MINUTE + 5000)
    (decision,) = desk.answer("stock", available=3)
    assert (decision.choice, sent([decision])) == ("replace", ["start_process"])
    assert decision.at == T0 + MINUTE
    assert decision.actions[0].action.parameters["order"] == "o9"
    assert [(c.text, c.result, c.values) for c in decision.checks if c.kind == "look_up"] == [
        ("stock", True, {"stock.available": 3})
    ]
    process = action_id(decision, "start_process")
    (told,) = desk.outcome(process, 5)
    assert told.actions[0].action.parameters["template"] == "new-copy"
    (case,) = desk.outcome(process, 9, status="failed")
    assert sent([case]) == ["open_case"]


@pytest.mark.parametrize(("amount", "available"), [(2000, 0), (10, 3)])
def test_what_cannot_or_need_not_be_replaced_is_asked_about(amount: int, available: int) -> None:
    """The second alternative is taken, and the check of the first says what it saw."""
    desk = damaged(amount)
    (decision,) = desk.answer("stock", available=available)
    assert (decision.choice, sent([decision])) == ("ask", ["notify"])
    check = next(c for c in decision.checks if c.kind == "choose")
    assert (check.result, check.values["stock.available"]) == (False, available)


def test_an_answer_that_does_not_come_is_unknown_when_the_clock_has_passed() -> None:
    """Not before the Clock says so; the choice passes over what is unknown."""
    desk = damaged()
    assert desk.tick(1) == []
    (decision,) = desk.tick(1.1)
    assert decision.choice == "ask"
    assert [(c.kind, c.result) for c in decision.checks if c.kind in ("look_up", "choose")] == [
        ("look_up", None),
        ("choose", None),
        ("choose", True),
    ]
    assert desk.answer("stock", available=3) == []


def test_an_unknown_answer_decides_at_once_and_a_question_about_nothing_is_not_asked() -> None:
    """`unknown` is an answer too; without a key there is nothing to wait for."""
    desk = damaged()
    (decision,) = desk.answer("stock", "unknown")
    assert decision.choice == "ask"
    (bare,) = desk.event("shipment.damaged", 2, {"order": "o9"})
    assert bare.choice == "ask"
    assert len(desk.asked) == 1


def test_an_abandoned_cart_is_reminded_of_twice() -> None:
    """After 30 minutes of the Clock, and a day later; the times are those at which it was due."""
    desk = Desk(rules(CART))
    desk.event("cart.updated", 0, {"cart": "a"})
    assert desk.tick(29.9) == []
    (first,) = desk.tick(31)
    assert (sent([first]), first.at) == (["notify"], T0 + 30 * MINUTE)
    assert first.actions[0].action.parameters["text"] == "a"
    assert desk.tick(24 * 60) == []
    (last,) = desk.tick(24 * 60 + 30)
    assert last.actions[0].action.parameters == {"template": "last-call", "text": "a"}
    assert last.actions[0].action.valid_until == last.at + 2 * HOUR
    assert (last.follows, last.at) == (action_id(first, "notify"), T0 + DAY + 30 * MINUTE)
    assert desk.tick(60 * DAYS) == []


def test_an_order_of_that_cart_stops_both_reminders_another_order_neither() -> None:
    """`no …` and `unless` go by their `where`; what is called off says so."""
    desk = Desk(rules(CART))
    desk.event("cart.updated", 0, {"cart": "a"})
    desk.event("order.placed", 10, {"cart": "b"}, label="crm:1")
    assert len(desk.tick(31)) == 1
    desk.event("order.placed", 60, {"cart": "c"})
    (off,) = desk.event("order.placed", 70, {"cart": "a"}, label="crm:1")
    assert (off.verdict, off.reason) == ("nothing", "called off: order.placed came")
    assert desk.tick(3 * DAYS) == []
    again = Desk(rules(CART))
    again.event("cart.updated", 0, {"cart": "a"})
    (broken,) = again.event("order.placed", 10, {"cart": "a"}, label="crm:1")
    assert (broken.verdict, broken.reason) == ("nothing", "broken: order.placed came")
    assert again.tick(3 * DAYS) == []


def test_an_order_that_is_read_before_its_cart_still_counts() -> None:
    """Two sources at different speeds: what happened counts, not what was read first."""
    desk = Desk(rules(CART))
    desk.event("order.placed", 10, {"cart": "a"}, label="crm:1")
    desk.event("cart.updated", 0, {"cart": "a"})
    assert desk.tick(3 * DAYS) == []
    late = Desk(rules(CART))
    late.event("order.placed", 100, {"cart": "a"}, label="crm:1")
    late.event("cart.updated", 0, {"cart": "a"})
    first, off = late.tick(31)
    assert (sent([first]), off.reason) == (["notify"], "called off: order.placed came")


def test_another_update_of_a_cart_begins_the_wait_anew() -> None:
    """`restart`: half an hour counts from the last one, and there is one reminder."""
    desk = Desk(rules(CART))
    desk.event("cart.updated", 0, {"cart": "a"})
    desk.event("cart.updated", 20, {"cart": "b"}, label="crm:1")
    assert desk.tick(45) == []
    (first,) = desk.tick(50)
    assert first.actions[0].action.parameters["text"] == "b"
    assert not any(part.sequences for part in desk.customer.parts.values())


def test_a_limit_refuses_the_next_cart_of_the_week_and_nothing_follows_it() -> None:
    """`per: customer` counts over handles; a refused message has no follow-up."""
    desk = Desk(rules(CART))
    desk.event("cart.updated", 0, {"cart": "a"})
    desk.tick(31)
    desk.event("cart.updated", 100, {"cart": "b"}, label="crm:1")
    (second,) = desk.tick(131)
    assert (second.verdict, second.reason) == ("refused", "limit: 1 per customer in 7d")
    assert second.change.waiting == ()


def test_no_more_than_sixteen_sequences_of_a_rule_are_under_way() -> None:
    """Without `restart` each first event begins one; the seventeenth is refused and says why."""
    patient = msgspec.structs.replace(
        CART, sequence=(step("cart.updated", called="cart"), CART.sequence[1]), limits=()
    )
    desk = Desk(rules(patient))
    refused = [d for n in range(17) for d in desk.event("cart.updated", n / 10, {"cart": str(n)})]
    assert [(d.verdict, d.reason) for d in refused] == [
        ("refused", "16 sequences of this rule are under way already")
    ]
    assert len(desk.tick(40)) == 16


def test_adverts_rest_until_the_case_is_resolved_the_survey_is_good_and_two_weeks_have_passed() -> None:
    """Story complaint-quiet: both events in any order, then the rest, then the release with its reason."""
    desk = Desk(rules(COMPLAINT, promo()))
    (quiet,) = desk.event("complaint.opened", 0, {"item": "shoe", "case": "7"})
    assert quiet.actions[0].action.parameters["items"] == ["shoe"]
    (refused,) = desk.event("click", 1)
    assert (refused.verdict, refused.reason) == (
        "refused",
        "quiet: marketing.cart rests because of complaint-quiet",
    )
    desk.event("survey.answered", 2, {"case": "7", "score": 2})
    desk.event("survey.answered", 3 * DAYS, {"case": "7", "score": 5}, label="crm:1")
    desk.event("case.resolved", 1 * DAYS, {"case": "8"})
    desk.event("case.resolved", 2 * DAYS, {"case": "7"})
    assert desk.tick(17 * DAYS - 1) == []
    (release,) = desk.tick(17 * DAYS)
    assert (release.verdict, release.reason, release.at) == ("acted", "satisfied", T0 + 17 * DAY)
    action = release.actions[0].action
    assert (action.kind, action.parameters["suppress"]) == ("release", action_id(quiet, "suppress"))
    (acted,) = desk.event("click", 17 * DAYS + 1)
    assert acted.verdict == "acted"


def test_a_suppression_that_nothing_satisfies_is_released_at_its_bound() -> None:
    """`at_most` is a promise: released and reported, however long nobody looked."""
    desk = Desk(rules(COMPLAINT))
    desk.event("complaint.opened", 0, {"case": "7"})
    (release,) = desk.tick(500 * DAYS)
    assert (release.reason, release.at, sent([release])) == ("at_most passed", T0 + 180 * DAY, ["release"])


def test_a_suppression_is_released_when_its_rule_goes_or_a_person_says_so() -> None:
    """At once in both cases, with the reason."""
    desk = Desk(rules(COMPLAINT))
    desk.event("complaint.opened", 0, {"case": "7"})
    (gone,) = desk.change_rules(rules(number=8))
    assert (gone.reason, sent([gone])) == ("rule removed", ["release"])
    again = Desk(rules(COMPLAINT))
    (quiet,) = again.event("complaint.opened", 0, {"case": "7"})
    (said,) = again.outcome(action_id(quiet, "suppress"), 5, result="released")
    assert (said.reason, sent([said])) == ("a person said so", ["release"])
    assert again.tick(500 * DAYS) == []


def test_a_purpose_rests_while_any_of_two_suppressions_lasts_and_safety_never() -> None:
    """The end of one is not the end of the other; only what is below a purpose rests with it."""
    short = msgspec.structs.replace(
        COMPLAINT,
        name="short",
        event="grumble",
        do={
            "raised": (
                act("suppress", suppress=Suppress(purposes=("marketing.cart",), until=Until(at_most=DAY))),
            )
        },
    )
    urgent = promo("urgent", "safety")
    desk = Desk(rules(COMPLAINT, short, promo(), urgent, promo("bill", "service")))
    desk.event("complaint.opened", 0, {"case": "7"})
    desk.event("grumble", 0)
    assert sent(desk.event("click", 1)) == ["notify", "notify"]
    assert len(desk.tick(1 * DAYS)) == 1
    assert statuses(desk.event("click", 1 * DAYS + 1)[0]) == {"notify": "refused"}


def test_bereavement_sets_a_stage_for_a_year_and_lets_purposes_rest_as_long() -> None:
    """Story bereavement: the stage is read by other rules while it lasts, and ends by the Clock."""
    rule = Rule(
        name="bereavement",
        event="life.bereavement",
        sensitive=True,
        do={
            "raised": (
                act("set_stage", stage=SetStage(stage="bereaved", lasts=365 * DAY)),
                act(
                    "suppress",
                    suppress=Suppress(purposes=("marketing.fashion",), until=Until(at_most=365 * DAY)),
                ),
            )
        },
    )
    asks = Rule(
        name="asks",
        event="click",
        do={"raised": (act("notify", 'profile.stage == "bereaved"', purpose="service"),)},
    )
    desk = Desk(rules(rule, asks))
    assert desk.event("click", 0)[0].verdict == "nothing"
    (told,) = desk.event("life.bereavement", 1)
    assert told.sensitive
    assert all(p.action.sensitive for p in told.actions)
    assert told.actions[0].action.parameters == {"stage": "bereaved", "until": T0 + MINUTE + 365 * DAY}
    assert desk.event("click", 2)[0].verdict == "acted"
    ends = desk.tick(365 * DAYS + 1)
    assert sorted(d.reason or "" for d in ends) == ["at_most passed", "the stage bereaved is over"]
    assert desk.event("click", 365 * DAYS + 2)[0].verdict == "nothing"


def test_two_weeks_after_a_resolved_case_a_content_customer_is_written_to_with_consent() -> None:
    """Story unhappy-post: outcome and after, its `if` asked then, consent asked then."""
    score = Aggregate(name="last_score", source="event:survey.answered", take="last", field="score")
    rule = Rule(
        name="unhappy-post",
        event="message.posted",
        guard=parse('event.sentiment <= -0.4 and not profile.has_open("case", "care")'),
        do={
            "raised": (
                act(
                    "open_case",
                    about="care",
                    queue="social-care",
                    attach=["message"],
                    then=(
                        then(
                            act("notify", purpose="marketing.upsell", template="next-suite"),
                            outcome="resolved",
                            after=14 * DAY,
                            if_='profile.last_score >= 4 and not profile.has_open("complaint")',
                        ),
                    ),
                ),
            )
        },
    )

    def resolved(score_said: int) -> Desk:
        desk = Desk(rules(rule, profile=(score,)))
        (raised,) = desk.event("message.posted", 0, {"sentiment": -0.9, "text": "never again"})
        attached = raised.actions[0].action.parameters["attached"]["message"]
        assert (attached["text"], attached["sentiment"]) == ("never again", -0.9)
        assert desk.outcome(action_id(raised, "open_case"), 60, result="resolved") == []
        desk.event("survey.answered", 100, {"score": score_said})
        assert desk.tick(14 * DAYS + 59) == []
        return desk

    content = resolved(5)
    content.agree(marketing=True)
    (written,) = content.tick(14 * DAYS + 60)
    assert (sent([written]), written.at) == (["notify"], T0 + 14 * DAY + HOUR)
    (unknown,) = resolved(5).tick(14 * DAYS + 60)
    assert (unknown.verdict, unknown.reason) == ("refused", "no consent to marketing.upsell is known")
    cross = resolved(2)
    cross.agree(marketing=True)
    (no,) = cross.tick(14 * DAYS + 60)
    assert no.verdict == "nothing"
    assert (no.reason or "").startswith("if: profile.last_score >= 4")
