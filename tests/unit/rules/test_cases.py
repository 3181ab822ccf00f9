"""The shape of a rule's own tests."""

from __future__ import annotations

import pytest

from tests.unit.rules.mistakes import ENDS, TAIL, device_rule, read, right

MORE = f"{ENDS}severity: {{low: {{}}}}\ndo: {{raised: [{{task: {{queue: q, subject: s}}}}]}}\n"
EVENT = "rule: e\nevent: order.placed\ndo: [{task: {queue: q, subject: s}}]\n"


def with_test(case: str) -> str:
    """A rule on readings with one test."""
    return device_rule("{run: 3, of: coolant_c > 9}", f"{MORE}tests: [{case}]\n")


def test_a_test_is_kept_as_plain_data() -> None:
    """The runner reads it; here only its shape is sure."""
    case = (
        "{name: x, interval: 10s, start: '2026-01-31T08:00:00Z', "
        "given: {device: {hot_c: 1}, profile: {spent: 2}, roles: {owner: o}, open: ['case:engine']}, "
        "readings: {coolant_c: 9x3, mil: onx3, battery_v: 12}, expect: [{at: 20s, raised: low, do: [task]}]}"
    )
    assert right(with_test(case)).tests == (
        {
            "name": "x",
            "interval": "10s",
            "start": "2026-01-31T08:00:00Z",
            "given": {
                "device": {"hot_c": 1},
                "profile": {"spent": 2},
                "roles": {"owner": "o"},
                "open": ["case:engine"],
            },
            "readings": {"coolant_c": "9x3", "mil": "onx3", "battery_v": 12},
            "expect": [{"at": "20s", "raised": "low", "do": ["task"]}],
        },
    )


def test_a_test_of_a_rule_on_events_has_events() -> None:
    """Their data are free, their time is as long after the start."""
    case = "{name: x, events: [{at: 0s, data: {amount: 3}}], expect: [{at: 0s, do: [task]}, {at: 1s, refused: guard}]}"
    assert len(right(f"{EVENT}tests: [{case}]\n{TAIL}").tests) == 1


@pytest.mark.parametrize(
    ("case", "path", "part"),
    [
        ("{name: x, expect: []}", "tests[0]", "'readings' is missing"),
        ("{name: x, readings: {coolant_c: 1}}", "tests[0]", "'expect' is missing"),
        ("{readings: {coolant_c: 1}, expect: []}", "tests[0]", "'name' is missing"),
        ("{name: x, readings: {coolant: 1}, expect: []}", "tests[0].readings.coolant", "'coolant_c'?"),
        ("{name: x, readings: {coolant_c: 1y}, expect: []}", "tests[0].readings.coolant_c", "no sample"),
        ("{name: x, readings: {mil: onn}, expect: []}", "tests[0].readings.mil", "no value of mil"),
        ("{name: x, interval: 10, readings: {coolant_c: 1}, expect: []}", "tests[0].interval", "a unit"),
        ("{name: x, start: today, readings: {coolant_c: 1}, expect: []}", "tests[0].start", "with a zone"),
        ("{name: x, start: '2026-01-31', readings: {coolant_c: 1}, expect: []}", "tests[0].start", "with a zone"),
        ("{name: x, given: {device: {hot: 1}}, readings: {mil: on}, expect: []}", "tests[0].given.device.hot", "hot_c"),
        ("{name: x, given: {profile: {x: 1}}, readings: {mil: on}, expect: []}", "tests[0].given.profile.x", "spent"),
        ("{name: x, given: {open: [case]}, readings: {mil: on}, expect: []}", "tests[0].given.open", "kind:about"),
        ("{name: x, given: {local_time: 22}, readings: {mil: on}, expect: []}", "tests[0].given.local_time", "later"),
        ("{name: x, outcomes: [], readings: {mil: on}, expect: []}", "tests[0].outcomes", "later version"),
        ("{name: x, readings: {mil: on}, expect: [{at: 1, raised: low}]}", "tests[0].expect[0].at", "a unit"),
        ("{name: x, readings: {mil: on}, expect: [{raised: low}]}", "tests[0].expect[0]", "'at' is missing"),
        ("{name: x, readings: {mil: on}, expect: [{at: 1s}]}", "tests[0].expect[0]", "one transition"),
        ("{name: x, readings: {mil: on}, expect: [{at: 1s, raised: hi}]}", "tests[0].expect[0].raised", "no severity"),
        ("{name: x, readings: {mil: on}, expect: [{at: 1s, raised: low, do: [tsk]}]}", "tests[0].expect[0].do", "task"),
        ("{name: x, readings: {}, expect: [{at: 0s, raised: low, refused: x}]}", "tests[0].expect[0].refused", ""),
        ("{name: x, events: [], readings: {mil: on}, expect: []}", "tests[0].events", "unknown field"),
    ],
)  # fmt: skip
def test_a_wrong_test_is_refused_where_it_is_wrong(case: str, path: str, part: str) -> None:
    """A test that could not be run is a mistake of its rule."""
    found = read(with_test(case))[1]
    assert [finding.path for finding in found] == [path]
    assert part in str(found[0])


def test_two_tests_have_two_names() -> None:
    """Else nobody knows which of them failed."""
    case = "{name: x, readings: {mil: on}, expect: []}"
    found = read(with_test(f"{case}, {case}"))[1]
    assert "two tests are called 'x'" in str(found[0])


def test_a_rule_on_events_has_no_transitions() -> None:
    """Its actions come at once, or are refused."""
    case = "{name: x, events: [{at: 0s}], expect: [{at: 0s, raised: true}]}"
    found = read(f"{EVENT}tests: [{case}]\n{TAIL}")[1]
    assert [finding.path for finding in found] == ["tests[0].expect[0].raised"]
