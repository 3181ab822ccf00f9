"""Why, and why not."""

from __future__ import annotations

from flows.customers.why import why_customer, why_id
from tests.unit.customers.world import HOUR, T0, Sets, World, alarm, outcome, overheating, owned, rule_set


def world() -> World:
    """Two raises of Ann's car in a day, the second refused, and one of Bob's."""
    made = World(Sets(rule_set(overheating())), now=T0 + 2 * HOUR)
    made.feed(owned("veh-17", "c-ann", "c-dan"), owned("veh-18", "c-bob", "c-dan"))
    made.feed(alarm(), alarm(opened_at=T0 + HOUR), alarm(device="veh-18"))
    return made


def test_an_action_an_alarm_and_an_episode_all_lead_to_the_decision() -> None:
    """Any id a person may have in hand is told about."""
    here = world()
    first = here.log[0]
    action = first.actions[0].action.id
    for wanted in (first.id, first.episode or "", action):
        (told,) = why_id(wanted, here.log, [])
        assert told.decision == first.id
    assert why_id("nothing-like-it", here.log, []) == []


def test_why_says_what_was_done_with_every_check_and_what_became_of_it() -> None:
    """Acted: names of actions, answers of checks, outcomes by action."""
    here = world()
    action = here.log[0].actions[0].action.id
    (told,) = why_id(here.log[0].id, here.log, [outcome(action, "c-ann", "accepted")])
    assert told.said == "acted: open_case, notify"
    assert [a.outcome for a in told.actions] == ["accepted", "none yet"]
    condition = next(c for c in told.checks if c.kind == "if")
    assert (condition.answer, condition.values) == ("yes", {"has_open(case, engine)": False})


def test_why_not_names_the_limit_and_what_it_counted() -> None:
    """Refused, with the check that said no."""
    here = world()
    (_, told) = why_customer("c-ann", "engine-overheating", here.log, [])
    assert told.said == "refused: limit: 1 per device in 1d"
    no = [c for c in told.checks if c.answer == "no"]
    assert [(c.kind, c.values["counted"]) for c in no] == [("limit", 1)]


def test_a_customers_decisions_are_told_in_their_order_and_by_rule() -> None:
    """Bob's are not Ann's, and another rule has none."""
    here = world()
    assert [t.at for t in why_customer("c-ann", None, reversed(here.log), [])] == [T0, T0 + HOUR]
    assert len(why_customer("c-bob", None, here.log, [])) == 1
    assert why_customer("c-ann", "other", here.log, []) == []


def test_a_later_transition_is_told_in_its_own_words() -> None:
    """The rule's explanation is of the raise: what escalated or cleared has none of its facts."""
    here = world()
    here.feed(alarm(transition="escalated", number=2, severity="critical", explanation=""))
    here.feed(alarm(transition="cleared", number=3, severity="warning", explanation=""))
    told = why_customer("c-ann", None, here.log, [])
    assert [t.explanation for t in told][-2:] == [
        "engine-overheating escalated to critical.",
        "engine-overheating cleared.",
    ]
