"""What a rule's tests can say besides readings: events, outcomes, the time of day, and the parameters of actions."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.rules.testing import Result, told
from tests.unit.rules.test_testing import project, results_of

HOT = """\
rule: hot
stream: vehicle
customer: owner
when: {run: 2, of: coolant_c > 100}
clear: {of: coolant_c < 90}
guard: not profile.has_open("case", "engine") and profile.spent < 100 and not local_hour() >= 22
do:
  raised:
    - open_case: {about: engine, queue: roadside, subject: "{device} is hot"}
    - notify: {to: driver, purpose: service, template: hot}
limits: [{per: rule, at_most: 100, every: 1h}]
tests:
"""
RAISED = "{at: 10s, raised: true, do: [open_case, notify]}"
AGAIN = "50s, raised: true"
TWICE = "101x1 80x1 101x1"
ROLES = "roles: {owner: olga, driver: dan}"


def played(folder: Path, *cases: str, rule: str = HOT) -> list[Result]:
    """The results of cases without names."""
    tests = "".join(f"  - {{name: case {i}, {case}}}\n" for i, case in enumerate(cases))
    return results_of(project(folder, hot=rule + tests))


def whats_wrong(results: list[Result]) -> list[str]:
    """What failed, in the words of the tests."""
    return [
        *(f"got {told(each, r.missing)}" for r in results for each in r.unexpected),
        *(f"expected {told(each)}" for r in results for each in r.missing),
        *(each for r in results for each in r.unplayed),
    ]


@pytest.mark.parametrize(
    ("status", "again"),
    [
        ("accepted", "refused: guard"),
        ("unknown", "refused: guard"),
        ("failed", "do: [open_case, notify]"),
        ("suppressed", "do: [open_case, notify]"),
        ("expired", "do: [open_case, notify]"),
    ],
)
def test_an_outcome_decides_whether_what_was_done_is_still_open(tmp_path, status, again):
    """As in the flow: accepted and unknown stay open, all else never was."""
    case = (
        f"given: {{profile: {{spent: 1}}, {ROLES}, local_time: '08:00'}}, readings: {{coolant_c: {TWICE}}}, "
        f"outcomes: [{{at: 20s, action: open_case, status: {status}}}], "
        f"expect: [{RAISED}, {{at: 20s, cleared: true}}, {{at: {AGAIN}, {again}}}]"
    )
    assert whats_wrong(played(tmp_path, case)) == []


def test_what_was_asked_for_is_open_before_any_outcome(tmp_path):
    """Something is open from the decision on."""
    case = (
        f"given: {{{ROLES}, local_time: '08:00'}}, readings: {{coolant_c: {TWICE}}}, "
        f"expect: [{RAISED}, {{at: 20s, cleared: true}}, {{at: {AGAIN}, refused: guard}}]"
    )
    assert whats_wrong(played(tmp_path, case)) == []


def test_an_outcome_of_what_was_not_done_by_then_fails_the_test(tmp_path):
    """It would prove nothing; at the very time of the action it is in time."""
    for at, wrong in (
        ("10s", []),
        ("9s", ["the outcome at 9s is of 'open_case', which was not done by then"]),
    ):
        case = (
            f"given: {{{ROLES}, local_time: '08:00'}}, readings: {{coolant_c: 101x1}}, "
            f"outcomes: [{{at: {at}, action: open_case, status: failed}}], expect: [{RAISED}]"
        )
        folder = tmp_path / at
        folder.mkdir()
        assert whats_wrong(played(folder, case)) == wrong


def test_events_beside_readings_go_into_the_profile_in_their_time(tmp_path):
    """An order before the raise makes a good customer; one at its time comes after it."""
    for at, then in (("5s", "refused: guard"), ("10s", "do: [open_case, notify]")):
        folder = tmp_path / at
        folder.mkdir()
        case = (
            f"given: {{profile: {{spent: 1}}, {ROLES}, local_time: '08:00'}}, readings: {{coolant_c: 101x1}}, "
            f"events: [{{at: {at}, type: order.placed, data: {{amount: 200}}}}], "
            f"expect: [{{at: 10s, raised: true, {then}}}]"
        )
        assert whats_wrong(played(folder, case)) == []


@pytest.mark.parametrize(
    ("given", "then"),
    [
        ("local_time: '21:59'", "do: [open_case, notify]"),
        ("local_time: '22:30'", "refused: guard"),
        ("local_time: '00:10'", "do: [open_case, notify]"),
        ("open: []", "refused: guard"),
    ],
)
def test_a_case_begins_at_a_time_of_day(tmp_path, given, then):
    """Where no local time is given the hour is unknown, and a guard that is unknown refuses."""
    case = f"given: {{{given}, {ROLES}}}, readings: {{coolant_c: 101x1}}, expect: [{{at: 10s, raised: true, {then}}}]"
    assert whats_wrong(played(tmp_path, case)) == []


def test_the_zone_of_the_profile_is_where_the_clock_stands(tmp_path):
    """At 23:30 in Auckland it is 23 there, and the rule that asks for UTC's hour sees another."""
    rule = HOT.replace(
        "profile.spent < 100 and not local_hour() >= 22", 'local_hour() == 23 and local_hour("UTC") == 10'
    )
    case = (
        f"given: {{profile: {{time_zone: Pacific/Auckland}}, local_time: '23:30', {ROLES}}}, "
        f"readings: {{coolant_c: 101x1}}, expect: [{RAISED}]"
    )
    tests = f"  - {{name: n, {case}}}\n"
    profile = "values: {time_zone: {event: moved, take: last, field: zone}}\n"
    assert whats_wrong(results_of(project(tmp_path, profile=profile, hot=rule + tests))) == []


def test_parameters_are_compared_as_they_go_out(tmp_path):
    """Texts are filled in; what differs is shown on both sides."""
    right = (
        "[{open_case: {subject: device-1 is hot, about: engine, queue: roadside}}, {notify: {to: driver}}]"
    )
    wrong = "[open_case, {notify: {to: owner, template: hot}}]"
    cases = [
        f"given: {{{ROLES}, local_time: '08:00'}}, readings: {{coolant_c: 101x1}}, "
        f"expect: [{{at: 10s, raised: true, do: {do}}}]"
        for do in (right, wrong)
    ]
    assert whats_wrong(played(tmp_path, *cases)) == [
        "got 10s raised: true, do: [open_case, {notify: {to: driver, template: hot}}]",
        "expected 10s raised: true, do: [open_case, {notify: {to: owner, template: hot}}]",
    ]


def test_a_recipient_whom_nobody_is_is_a_refusal(tmp_path):
    """Without a driver the only action of a rule cannot go out."""
    rule = HOT.replace('    - open_case: {about: engine, queue: roadside, subject: "{device} is hot"}\n', "")
    case = (
        "given: {roles: {owner: olga}, local_time: '08:00'}, readings: {coolant_c: 101x1}, "
        "expect: [{at: 10s, raised: true, refused: role}]"
    )
    assert whats_wrong(played(tmp_path, case, rule=rule)) == []


def test_an_event_without_a_type_is_of_the_rules(tmp_path):
    """A rule on events needs not say it again; any other type concerns nobody."""
    rule = (
        "rule: e\nevent: order.placed\ndo: [{task: {queue: q, subject: s}}]\n"
        "limits: [{per: rule, at_most: 1, every: 1h}]\ntests:\n"
    )
    expect = "[{at: 0s, do: [task]}, {at: 2s, refused: held}]"
    case = f"events: [{{at: 0s}}, {{at: 1s, type: other}}, {{at: 2s}}], expect: {expect}"
    assert whats_wrong(played(tmp_path, case, rule=rule)) == []
