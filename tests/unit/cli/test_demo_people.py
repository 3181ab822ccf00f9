"""The demonstration's people are judged: who is who, what is known of them, what was done, and nothing else."""

from __future__ import annotations

import msgspec
import pytest

from flows.demo.fleet import plan_for
from flows.demo.news import News
from flows.demo.people import TOLD, consequence, planted_people
from flows.demo.people_judgement import PeopleJudgement, is_known, judge_people
from flows.demo.reasons import told
from flows.identity.explain import Step
from flows.schema import Identity
from flows.topics.names import TopicNames
from flows.topics.port import TopicSpec
from flows.topics.sqlite import SqliteTopics
from tests.unit.cli.planned_people import Planned

PLAN = plan_for(1_772_352_000_000, 30.0)


@pytest.fixture
def bus(tmp_path) -> SqliteTopics:
    """The topics that the demonstration watches; none of the starter's files are needed for them."""
    topics, names = SqliteTopics(tmp_path / "topics.db"), TopicNames()
    watched = (names.alarms, names.decisions, names.outcomes, names.dead_letters, names.accounts)
    topics.create(TopicSpec(name, 2) for name in (*watched, names.identity, names.profiles))
    return topics


@pytest.fixture
def planned() -> Planned:
    """All as it was planned."""
    return Planned(PLAN)


def heard(bus, planned: Planned) -> tuple[PeopleJudgement, News]:
    """The judgement on what is written, and the news of it."""
    newsroom = planned.newsroom(bus)
    try:
        news = newsroom.look()
        return judge_people(planned.plan, newsroom), news
    finally:
        newsroom.close()


def test_all_as_planned_is_right(bus, planned):
    """Each truth has a line with as much as it wants, and two who are one are news with their reason."""
    judged, news = heard(bus, planned)
    assert judged.right, judged
    assert all(line.wanted == line.came and line.unwanted == 0 for line in judged.lines)
    wanted = len(planned.truths.changes) + len(planned.truths.actions)
    assert sum(line.wanted for line in judged.lines) == wanted
    assert [(one.change.kind, one.because) for one in news.people] == [
        (change.kind, f"because of {change.truth}") for change in planned.truths.changes
    ]
    assert sorted(change.kind for change in planned.truths.changes) == ["merge", "merge", "split"]


def test_what_may_not_go_out_is_news_by_the_name_of_its_handle(bus, planned):
    """The reminder that rests is told with whom it was for and why."""
    _, news = heard(bus, planned)
    refused = [one for one in planned.truths.actions if one.status == "refused"]
    assert [(one.who, one.planned.reason) for one in news.rests] == [
        (one.handle.partition(":")[2], one.reason) for one in refused
    ]


def test_a_merge_that_did_not_come_is_missed(bus, planned):
    """Its two are still two, which is also not who they are."""
    change = next(one for one in planned.truths.changes if one.kind == "merge")
    planned.entry(change.one, customer="customer:ffffffffffff")
    judged, news = heard(bus, planned)
    assert not judged.right
    assert len(judged.missing) == 1
    assert "become one person" in judged.missing[0]
    assert len(news.people) == 2
    assert any("are 2 people, not one" in line for line in judged.otherwise)


def test_a_survivor_is_who_somebody_was(bus, planned):
    """Handles of a customer who was merged away are those of who survived."""
    change = next(one for one in planned.truths.changes if one.truth == "second_accounts")
    entries = dict(planned.entries)
    survivor = entries[planned.registry.token(change.other)].customer
    planned.entry(change.one, customer="customer:eeeeeeeeeeee")
    gone = {"number": len(planned.entries) + 1, "survivor": survivor}
    planned.entries.append(("customer:eeeeeeeeeeee", msgspec.convert(gone, Identity)))
    assert heard(bus, planned)[0].right


def test_a_stranger_who_is_joined_is_noticed(bus, planned):
    """Two who were not planned to be one are not right, though nothing is missing."""
    strangers = [person for person in planned.truths.persons if person.truth == "ordinary"]
    entries = dict(planned.entries)
    owner = entries[planned.registry.token(strangers[0].handles[0])].customer
    for handle in strangers[1].handles:
        planned.entry(handle, customer=owner)
    judged, _ = heard(bus, planned)
    assert judged.missing == ()
    assert any("are one person, not two" in line for line in judged.otherwise)


def test_an_older_entry_that_comes_late_changes_nothing(bus, planned):
    """Per key the greatest number counts."""
    key, entry = planned.entries[-1]
    planned.entries.append((key, msgspec.structs.replace(entry, number=0, customer="customer:late")))
    assert heard(bus, planned)[0].right


def test_a_message_that_should_not_have_come_is_noticed(bus, planned):
    """A reminder of the cart that was ordered is extra, in the line of its truth."""
    reminder = next(one for one in planned.truths.actions if one.truth == "abandoned_carts")
    ordered = next(p for p in planned.truths.persons if p.truth == "ordered_carts")
    handle = next(h for h in ordered.handles if h.startswith("shop:"))
    planned.decisions.append(planned.decision(msgspec.structs.replace(reminder, handle=handle)))
    judged, _ = heard(bus, planned)
    assert len(judged.unexpected) == 1
    assert [line.told for line in judged.lines if line.unwanted] == [TOLD["ordered_carts"]]


def test_a_decision_that_is_published_again_is_one(bus, planned):
    """What a start says again is no second action."""
    planned.decisions.append(planned.decisions[0])
    assert heard(bus, planned)[0].right


def test_an_action_that_did_not_come_is_missed(bus, planned):
    """It is one less in the line of its truth."""
    del planned.decisions[0]
    judged, _ = heard(bus, planned)
    assert len(judged.missing) == 1
    assert sum(line.wanted - line.came for line in judged.lines) == 1


def test_money_that_counts_for_somebody_else_is_noticed(bus, planned):
    """Until it is counted where it belongs not all is known, and in the end it is not right."""
    customer, profile = next((c, p) for c, p in planned.profiles.items() if p.values.get("lifetime_value"))
    planned.profiles[customer] = msgspec.structs.replace(
        profile, values={**profile.values, "lifetime_value": 1.0}
    )
    newsroom = planned.newsroom(bus)
    newsroom.look()
    judged = judge_people(planned.plan, newsroom)
    assert not is_known(planned.truths, newsroom)
    newsroom.close()
    assert any("lifetime_value" in line for line in judged.otherwise)


def test_every_planted_truth_of_people_has_words():
    """The closing table names each, and every person is in it once."""
    planned = Planned(PLAN)
    found = planted_people(planned.plan)
    assert set(found) == set(TOLD)
    assert all(found.values())
    assert sum(found.values()) == planned.plan.people


def test_what_follows_is_told_with_its_amounts(planned):
    """Each merge and split has a sentence with what its people spent."""
    for change in planned.truths.changes:
        person = next(p for p in planned.truths.persons if change.other in p.handles)
        assert f"{person.values['lifetime_value']:.2f} EUR" in consequence(change, planned.truths)


def step(kind: str, source: str, rule: str = "") -> Step:
    """A piece in a chain."""
    return Step(evidence="e", kind=kind, source=source, at=1, tokens=("a:1", "b:2"), rule=rule)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([step("event", "page.viewed")], "page.viewed names both"),
        (
            [step("record", "shop"), step("record", "crm", "[phone, birth_date]")],
            "the same phone and birth date in shop and crm",
        ),
        (
            [step("record", "shop"), step("event", "app.opened", "email"), step("record", "crm", "email")],
            "the same email in shop and app.opened; the same email in app.opened and crm",
        ),
    ],
)
def test_a_chain_of_evidence_is_a_sentence(steps, said):
    """Piece by piece, with what ties them."""
    assert told(steps) == said
