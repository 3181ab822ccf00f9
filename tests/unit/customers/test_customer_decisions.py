"""What is decided on an alarm or an event, and what is not."""

from __future__ import annotations

import pytest

from flows import ids
from flows.customers.resolve import IdentityIn
from flows.expressions import parse
from flows.rules.model import Aggregate, Limit, Rule
from flows.schema import Decision, Identity, Role
from tests.unit.customers.world import (
    DAY,
    HOUR,
    MINUTE,
    T0,
    Sets,
    World,
    alarm,
    entry,
    event,
    outcome,
    overheating,
    owned,
    rule_set,
    statuses,
)


def world(*rules: Rule, now: int = T0 + MINUTE, profile: tuple[Aggregate, ...] = ()) -> World:
    """A world in which Ann owns and Dan drives veh-17."""
    made = World(Sets(rule_set(*(rules or (overheating(),)), profile=profile)), now)
    made.feed(owned("veh-17", "c-ann", "c-dan"))
    return made


def check(decision: Decision, kind: str) -> tuple[bool | None, dict[str, object]]:
    """The answer to the first check of a kind, and what it saw."""
    found = next(c for c in decision.checks if c.kind == kind)
    return found.result, dict(found.values)


def test_overheating_to_critical_and_back_sends_pull_over_and_closes_the_case() -> None:
    """DESIGN §7's example: a case and a message at first, pull-over when critical, the case closed at the end."""
    here = world()
    raised, escalated, lower, cleared = here.feed(
        alarm("raised", 1), alarm("escalated", 2), alarm("deescalated", 3), alarm("cleared", 4)
    )
    assert statuses(raised) == {"open_case": "published", "notify": "published"}
    assert raised.customer == "c-ann"
    notify = raised.actions[1].action
    assert (notify.customer, notify.to, notify.lane) == ("c-dan", "driver", "normal")
    pull_over = escalated.actions[0].action
    assert (pull_over.parameters, pull_over.lane) == ({"template": "pull-over"}, "urgent")
    assert pull_over.valid_until == pull_over.at + 10 * MINUTE
    assert lower.verdict == "nothing"
    assert statuses(cleared) == {"close_case": "published"}
    assert here.profiles["c-ann"].open == {}


def test_texts_of_parameters_name_the_device_and_evidence_is_attached_when_asked_for() -> None:
    """`{device}` is filled, and only an action that attaches evidence carries it."""
    (raised,) = world().feed(alarm())
    case, notify = (p.action for p in raised.actions)
    assert case.parameters["subject"] == "Engine overheating on veh-17"
    assert case.evidence is not None
    assert case.evidence.values["run"] == 10
    assert notify.evidence is None


def test_ids_come_from_the_alarm_and_the_action_alone() -> None:
    """Neither rule version, customer nor wall clock is part of an action's id."""
    one = World(Sets(rule_set(overheating(), number=7))).feed(alarm())
    other = World(Sets(rule_set(overheating(), number=8)), now=T0 + 2 * MINUTE).feed(
        owned("veh-17", "x"), alarm()
    )
    assert [p.action.id for p in one[0].actions] == [p.action.id for p in other[0].actions]
    assert one[0].actions[0].action.id == ids.action_id(alarm().id, "open_case")


def test_an_unknown_device_is_a_customer_of_its_own_and_has_no_driver() -> None:
    """The case is opened for device:veh-9; a message to a driver nobody is, is refused with that reason."""
    (raised,) = world().feed(alarm(device="veh-9"))
    assert raised.customer == "device:veh-9"
    assert statuses(raised) == {"open_case": "published", "notify": "refused"}
    assert raised.actions[1].reason == "nobody is the driver of veh-9"


def test_an_action_to_the_deciding_role_of_an_unknown_device_goes_to_its_implicit_customer() -> None:
    """Who decides can always be told, even when it is only the device."""
    rule = overheating(do={"raised": (entry("notify", to="owner", purpose="service"),)})
    (raised,) = world(rule).feed(alarm(device="veh-9"))
    assert raised.actions[0].action.customer == "device:veh-9"
    assert raised.verdict == "acted"


def test_a_guard_that_does_not_hold_refuses_the_raise_and_says_what_it_saw() -> None:
    """Every action is refused with the reason guard, and the check holds the values."""
    rule = overheating(guard=parse("profile.orders >= 2"))
    orders = Aggregate(name="orders", source="event:order.placed", take="count")
    (raised,) = world(rule, profile=(orders,)).feed(alarm())
    assert (raised.verdict, raised.reason) == ("refused", "guard")
    assert check(raised, "guard") == (False, {"profile.orders": 0})
    assert set(statuses(raised).values()) == {"refused"}


def test_an_unknown_guard_refuses_and_says_unknown() -> None:
    """A missing value is neither true nor false."""
    (raised,) = world(overheating(guard=parse("profile.score >= 2"))).feed(alarm())
    assert (raised.verdict, raised.reason) == ("refused", "guard: unknown")
    assert check(raised, "guard")[0] is None


def test_a_cleared_after_a_refused_raise_does_nothing() -> None:
    """A follow-up follows what was done; nothing was."""
    rule = overheating(
        guard=parse("False"), do={**overheating().do, "cleared": (entry("notify", to="owner"),)}
    )
    _, cleared = world(rule).feed(alarm("raised", 1), alarm("cleared", 2))
    assert cleared.verdict == "nothing"
    assert cleared.reason == "this episode did nothing that could be followed up"
    assert cleared.actions == ()


def test_an_escalation_acts_even_when_the_raise_was_held_back() -> None:
    """Pull-over is sent although the guard refused the raise, and the end is followed up then."""
    rule = overheating(guard=parse("False"))
    raised, escalated, cleared = world(rule).feed(alarm(), alarm("escalated", 2), alarm("cleared", 3))
    assert (raised.verdict, escalated.verdict) == ("refused", "acted")
    assert statuses(cleared) == {"close_case": "skipped"}


def test_an_escalation_with_an_if_of_its_own_asks_it() -> None:
    """An entry's `if` is asked of any transition."""
    rule = overheating(
        do={"escalated": (entry("notify", "coolant_c >= 118", to="driver", purpose="safety"),)}
    )
    _, escalated = world(rule).feed(alarm(), alarm("escalated", 2))
    assert statuses(escalated) == {"notify": "skipped"}
    assert check(escalated, "if") == (False, {"coolant_c": 109.5})


def test_a_second_raise_of_a_device_within_its_limit_is_refused() -> None:
    """At most one a day: the second episode of the day is refused, that of the next day is not."""
    here = world()
    here.now = T0 + DAY
    first, second, third = here.feed(
        alarm(opened_at=T0), alarm(opened_at=T0 + HOUR), alarm(opened_at=T0 + DAY)
    )
    assert [d.verdict for d in (first, second, third)] == ["acted", "refused", "acted"]
    assert check(second, "limit") == (False, {"counted": 1, "at_most": 1})


def test_a_refused_raise_does_not_count_under_a_limit() -> None:
    """Only raises that acted are counted: a late one leaves room."""
    here = world(now=T0 + 8 * DAY)
    late, fresh = here.feed(alarm(opened_at=T0), alarm(opened_at=T0 + 8 * DAY))
    assert late.verdict == "too_late"
    assert fresh.verdict == "acted"


def test_the_limit_of_one_device_does_not_bind_another_of_the_same_owner() -> None:
    """`per: device` is per device."""
    here = world()
    here.feed(owned("veh-18", "c-ann", "c-dan"))
    one, other = here.feed(alarm(), alarm(device="veh-18"))
    assert (one.verdict, other.verdict) == ("acted", "acted")


def test_the_limit_per_customer_binds_all_devices_of_an_owner() -> None:
    """`per: customer` counts over devices."""
    rule = overheating(limits=(Limit(per="customer", at_most=1, every=DAY),))
    here = world(rule)
    here.feed(owned("veh-18", "c-ann"))
    one, other = here.feed(alarm(), alarm(device="veh-18"))
    assert (one.verdict, other.verdict) == ("acted", "refused")


def test_something_is_open_from_the_decision_on_and_given_back_by_a_failed_outcome() -> None:
    """A second device opens no second engine case, until the first is known to have failed."""
    here = world(overheating(limits=()))
    for number in (18, 19, 20):
        here.feed(owned(f"veh-{number}", "c-ann", "c-dan"))
    (first,) = here.feed(alarm())
    (second,) = here.feed(alarm(device="veh-18"))
    assert statuses(second)["open_case"] == "skipped"
    here.feed(outcome(first.actions[0].action.id, "c-ann", "unknown"))
    (third,) = here.feed(alarm(device="veh-19"))
    assert statuses(third)["open_case"] == "skipped"
    here.feed(outcome(first.actions[0].action.id, "c-ann", "failed"))
    (fourth,) = here.feed(alarm(device="veh-20"))
    assert statuses(fourth)["open_case"] == "published"


def test_has_open_never_counts_the_asking_episodes_own() -> None:
    """An escalation that asks for an open case sees only those of others."""
    own = entry("notify", 'has_open("case", "engine")', to="driver", purpose="safety")
    rule = overheating(do={**overheating().do, "escalated": (own,)}, limits=())
    here = world(rule)
    here.feed(owned("veh-18", "c-ann", "c-dan"))
    _, escalated = here.feed(alarm(), alarm("escalated", 2))
    (_, other) = here.feed(alarm(device="veh-18"), alarm("escalated", 2, device="veh-18"))
    assert statuses(escalated) == {"notify": "skipped"}
    assert statuses(other) == {"notify": "published"}


@pytest.mark.parametrize(
    ("purpose", "minutes"), [("safety", 10), ("service", 24 * 60), ("marketing.care", 120)]
)
def test_past_its_validity_an_action_is_too_late(purpose: str, minutes: int) -> None:
    """The default goes by the purpose, from the event time of the cause."""
    rule = overheating(
        do={"raised": (entry("notify", to="driver", purpose=purpose),)}, name="engine-overheating"
    )
    (in_time,) = world(rule, now=T0 + minutes * MINUTE).feed(alarm())
    (late,) = world(rule, now=T0 + minutes * MINUTE + 1).feed(alarm())
    assert (in_time.verdict, late.verdict) == ("acted", "too_late")
    assert late.actions[0].status == "too_late"


def test_a_case_outlives_the_message_that_came_too_late() -> None:
    """Each action has its own validity: two days on, the case is opened and nobody is written to."""
    (raised,) = world(now=T0 + 2 * DAY).feed(alarm())
    assert statuses(raised) == {"open_case": "published", "notify": "too_late"}
    assert raised.verdict == "acted"


def test_a_dry_run_publishes_nothing_and_keeps_limits_and_opens_of_its_own() -> None:
    """What a dry run pretends binds itself and nobody else."""
    dry = overheating(mode="dry_run", name="tried")
    here = world(overheating(), dry)
    here.feed(owned("veh-18", "c-ann", "c-dan"))
    (tried,) = here.feed(alarm(rule="tried"))
    (live,) = here.feed(alarm(opened_at=T0 + MINUTE))
    (again,) = here.feed(alarm(rule="tried", opened_at=T0 + 2 * MINUTE))
    (end,) = here.feed(alarm("cleared", 2, rule="tried"))
    assert (tried.verdict, statuses(tried)["open_case"]) == ("dry_run", "dry_run")
    assert statuses(live)["open_case"] == "published"
    assert again.verdict == "refused"
    assert statuses(end) == {"close_case": "dry_run"}
    assert here.profiles["c-ann"].open == {"case:engine": 1}


def test_a_purpose_that_a_rule_may_not_use_is_refused() -> None:
    """`safety` names the rules allowed to use it."""
    rule = overheating(name="nosy", do={"raised": (entry("notify", to="driver", purpose="safety"),)})
    (raised,) = world(rule).feed(alarm(rule="nosy"))
    assert raised.actions[0].reason == "the rule nosy may not use the purpose safety"


def test_the_end_of_a_removed_rules_episode_takes_back_what_it_opened() -> None:
    """The rule is gone, its case is closed all the same."""
    here = world()
    here.feed(alarm())
    here.sets.current = rule_set(number=8)
    (lapsed,) = here.feed(alarm("lapsed", 2, reason="rule removed"))
    assert [(p.action.kind, p.action.about, p.status) for p in lapsed.actions] == [
        ("close_case", "engine", "published")
    ]
    assert here.profiles["c-ann"].open == {}


def test_an_alarm_of_a_rule_that_is_not_in_the_set_is_decided_as_nothing() -> None:
    """It is recorded, with the reason."""
    (raised,) = world().feed(alarm(rule="unheard-of"))
    assert (raised.verdict, raised.reason) == ("nothing", "the rule unheard-of is not in rule set 7")


def test_an_alarm_that_comes_twice_is_decided_once() -> None:
    """Alarms come at least once, in pieces of a replay too."""
    here = world()
    here.feed(alarm(), alarm("escalated", 2))
    assert here.feed(alarm(), alarm("escalated", 2), alarm()) == []
    assert len(here.feed(alarm("cleared", 3), alarm("escalated", 2), alarm("cleared", 3))) == 1


def test_an_episode_stays_with_the_customer_it_was_raised_for_until_his_role_ends() -> None:
    """The car is sold meanwhile: the case is closed for whom it was opened, and the new owner hears of no end."""
    here = world()
    here.feed(alarm())
    (lapsed,) = here.feed(owned("veh-17", "c-new", number=2))
    assert (lapsed.customer, lapsed.transition) == ("c-ann", "lapsed")
    assert [p.action.kind for p in lapsed.actions if p.status == "published"] == ["close_case"]
    (cleared,) = here.feed(alarm("cleared", 2))
    assert (cleared.customer, cleared.verdict) == ("c-new", "nothing")


def test_each_holder_of_a_role_that_an_episode_outlasts_has_his_own_case_closed() -> None:
    """Sold twice while it overheats: two cases, two ends, and no connector takes the second for a repeat."""
    opens = overheating(limits=()).do["raised"][:1]
    made = World(Sets(rule_set(overheating(do={"raised": opens, "escalated": opens}, limits=()))))
    ends = T0 + 10 * MINUTE, T0 + 20 * MINUTE
    ann = Role(role="owner", customer="c-ann", until=ends[0])
    bob = Role(role="owner", customer="c-bob", since=ends[0], until=ends[1])
    made.feed(IdentityIn("device:veh-17", Identity(number=1, roles=(ann, bob))))
    made.feed(alarm())
    for number, minute in ((2, 12), (3, 13), (4, 25)):
        made.feed(alarm("escalated", number, at=T0 + minute * MINUTE))
    closed = [d for d in made.log if d.transition == "lapsed"]
    assert [d.customer for d in closed] == ["c-ann", "c-bob"]
    assert len({p.action.id for d in closed for p in d.actions if p.status == "published"}) == 2


def test_an_event_rule_decides_for_the_customer_its_subject_names() -> None:
    """The guard reads the event and the profile, which counts this event already."""
    unhappy = Rule(
        name="unhappy-post",
        event="message.posted",
        guard=parse("event.sentiment <= -0.4 and profile.posts <= 2"),
        do={"raised": (entry("open_case", about="care", queue="social", subject="{event.place.name}"),)},
    )
    posts = Aggregate(name="posts", source="event:message.posted", take="count")
    here = world(unhappy, profile=(posts,))
    placed = {"sentiment": -0.9, "place": {"name": "forum"}}
    found = [here.feed((event("message.posted", "crm:17", n, **placed), T0))[0] for n in (1, 2, 3)]
    assert [d.verdict for d in found] == ["acted", "acted", "refused"]
    assert found[0].customer == "crm:17"
    assert found[0].actions[0].action.parameters["subject"] == "forum"
    assert check(found[2], "guard") == (False, {"event.sentiment": -0.9, "profile.posts": 3})
    assert here.feed((event("message.posted", "crm:17", 2, **placed), T0)) == []


def test_an_event_about_a_thing_is_decided_by_the_holder_of_each_rules_role() -> None:
    """One event, two rules, two customers, and each customer's rules alone."""
    rules = [
        Rule(name=f"tell-{role}", event="recall", customer=role, do={"raised": (entry("notify", to=role),)})
        for role in ("driver", "owner")
    ]
    here = world(*rules)
    decided = here.feed((event("recall", "device:veh-17", 1), T0))
    assert {(d.rule, d.customer) for d in decided} == {("tell-driver", "c-dan"), ("tell-owner", "c-ann")}


def test_an_event_nobody_reads_reaches_no_customer() -> None:
    """No rule and no aggregate asks for it: no state comes of it."""
    here = world()
    assert here.feed((event("click", "crm:1", 1), T0)) == []
    assert "crm:1" not in here.profiles


@pytest.mark.parametrize(
    ("told", "condition", "result", "seen"),
    [
        ("Asia/Tokyo", "local_hour() == 17", True, {"local_hour()": 17}),
        ("Asia/Tokyo", "local_hour() < 9", False, {"local_hour()": 17}),
        ("nowhere", "local_hour() < 9", None, {"local_hour()": None}),
        (None, "local_hour() < 9", None, {"local_hour()": None}),
        (None, 'local_hour("UTC") == 8', True, {"local_hour(UTC)": 8}),
    ],
)
def test_the_hour_where_the_customer_is_is_that_of_the_cause(told, condition, result, seen) -> None:
    """By the zone in the profile; without one it is unknown, and the check says so. The alarm is of 08:53 UTC."""
    zone = Aggregate(name="time_zone", source="event:moved", take="last", field="zone")
    here = world(overheating(guard=parse(condition)), profile=(zone,))
    if told is not None:
        here.feed((event("moved", "device:veh-17", 1, zone=told), T0))
    (decision,) = here.feed(alarm())
    assert check(decision, "guard") == (result, seen)
