"""The stories that the rule language was agreed on: each compiles, but the one that a later version brings."""

from __future__ import annotations

from typing import Any

import pytest

from flows.documents import locate
from flows.errors import RulesWrong
from flows.rules.load import compile_documents
from flows.rules.model import ActionEntry, Choose, Rule, actions_in
from tests.unit.rules.stories import EVENTS, LOOK_UPS, read_stories, told

COUNT = 8


@pytest.fixture(scope="module")
def stories() -> dict[str, dict[str, Any]]:
    """The documents by the rules' names."""
    return read_stories()


@pytest.fixture(scope="module")
def rules(stories: dict[str, dict[str, Any]]) -> dict[str, Rule]:
    """All but the last, compiled, by name."""
    kept = dict(list(stories.items())[:-1])
    return {rule.name: rule for rule in told(kept, EVENTS).rules}


def actions(rule: Rule) -> dict[str, ActionEntry]:
    """The actions of a rule by name, the first of a name."""
    found: dict[str, ActionEntry] = {}
    for entries in rule.do.values():
        for entry in actions_in(entries):
            found.setdefault(entry.name, entry)
    return found


def test_all_stories_but_the_last_are_rules(stories: dict[str, Any], rules: dict[str, Rule]) -> None:
    """With events that are declared, and with events that nobody declared."""
    assert len(stories) == COUNT
    assert sorted(rules) == sorted(list(stories)[:-1])
    assert len(told(dict(list(stories.items())[:-1])).rules) == COUNT - 1


def test_the_last_story_is_not_available_yet(stories: dict[str, dict[str, Any]]) -> None:
    """It is refused with just that, and not with what else would be strange about it."""
    with pytest.raises(RulesWrong) as error:
        told(stories, EVENTS)
    assert {(finding.path, finding.message) for finding in error.value.findings} == {
        (word, f"{word!r} is not available in this version") for word in ("alarm", "per", "inhibits")
    }


def test_an_appointment_is_offered_and_followed_up(rules: dict[str, Rule]) -> None:
    """With what is reserved under a condition of its own, and a follow-up for each outcome."""
    offer = actions(rules["check-engine"])["offer_appointment"]
    assert (offer.to, offer.purpose) == ("driver", "service")
    assert offer.parameters == {
        "with": "dealer", "calendars": ["dealer", "driver"], "slots": 3, "reserve": {"what": "loaner"}
    }  # fmt: skip
    assert offer.conditions["reserve"].text == "profile.lifetime_value >= 50000"
    assert [follow_up.outcomes for follow_up in offer.then] == [("booked",), ("no_slot", "expired")]
    (booked,) = actions_in(offer.then[0].do)
    assert booked.parameters["attach"] == ["evidence", "slot"]


def test_the_first_that_holds_is_chosen_by_an_answer_of_another_system(rules: dict[str, Rule]) -> None:
    """The look-up is asked first; the last alternative is for all else, an unknown answer too."""
    rule = rules["damaged-shipment"]
    (asked,) = rule.look_ups
    assert (asked.name, asked.source, asked.key.text, asked.within) == (
        "stock",
        "inventory",
        "event.sku",
        5000,
    )
    (choice,) = rule.do["raised"]
    assert isinstance(choice, Choose)
    assert [(each.name, each.condition is None) for each in choice.alternatives] == [
        ("replace", False), ("ask", True)
    ]  # fmt: skip
    assert actions(rule)["start_process"].parameters == {"process": "replace-order", "order": "{event.order}"}


def test_a_sequence_ends_with_what_does_not_come(rules: dict[str, Rule]) -> None:
    """What follows it reads the event that the step names, and the new one."""
    rule = rules["abandoned-cart"]
    cart, order = rule.sequence
    assert (rule.stream, rule.event) == (None, None)
    assert (cart.event, cart.called, cart.restart, cart.absent) == ("cart.updated", "cart", True, False)
    assert (order.event, order.absent, order.within) == ("order.placed", True, 1_800_000)
    (later,) = actions(rule)["notify"].then
    assert later.after == 86_400_000
    assert later.unless is not None
    assert later.unless.where is not None
    assert later.unless.where.names == {"event.cart", "cart.cart"}


def test_a_suppression_ends_at_last_and_a_stage_too(rules: dict[str, Rule]) -> None:
    """Both events of a complaint count, then two weeks; after half a year it ends whatever comes."""
    rest = actions(rules["complaint-quiet"])["suppress"].suppress
    assert rest is not None
    assert (rest.purposes, rest.items) == (("marketing", "adverts"), ("{event.item}",))
    assert (rest.until.all, rest.until.rest, rest.until.at_most) == (True, 14 * 86_400_000, 180 * 86_400_000)
    assert [match.event for match in rest.until.events] == ["case.resolved", "survey.answered"]
    grief = rules["bereavement"]
    assert grief.sensitive
    stage = actions(grief)["set_stage"].stage
    assert stage is not None
    assert (stage.stage, stage.lasts) == ("bereaved", 365 * 86_400_000)


def test_what_follows_an_outcome_after_a_while_has_both(rules: dict[str, Rule]) -> None:
    """Two weeks after the case is resolved, if the customer is content by then."""
    case = actions(rules["unhappy-post"])["open_case"]
    assert case.parameters["attach"] == ["message"]
    (later,) = case.then
    assert (later.outcomes, later.after) == (("resolved",), 14 * 86_400_000)
    assert later.condition is not None


def test_plain_data_and_text_mean_the_same(stories: dict[str, Any]) -> None:
    """A published set is compiled from plain data."""
    found = told(dict(list(stories.items())[:-1]), EVENTS)
    again = compile_documents(found.documents, "rules/t/1/").rule_set("t")
    assert [rule.do for rule in again.rules] == [rule.do for rule in found.rules]
    assert again.budgets == found.budgets
    assert again.look_ups == found.look_ups
    assert locate(found.documents.look_ups, "f").plain() == {"look_ups": LOOK_UPS}
