"""The runner of a rule's own tests: the flows' objects say what happens, and any other expectation fails."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.backtest.cases import Backtest
from flows.rules.case import Case, ExpectedAction, exact, read_case
from flows.rules.load import Configuration, load_configuration
from flows.rules.model import Rule
from flows.rules.places import CaseLines, lines_of
from flows.rules.testing import Done, Happened, Result, judge, run_tests, told
from flows.settings import Settings

STARTER = Path(__file__).parents[3] / "flows" / "starter"
FOUND: Configuration = load_configuration(Settings(folder=str(STARTER)))
CASES = [(rule, plain) for rule in FOUND.rules for plain in rule.tests]
WINDOW = """
rule: warm-on-average
stream: vehicle
customer: owner
when: {window: 1m, mean: coolant_c, of: value > 90}
ends: {silent: 10m}
do: {raised: [{task: {queue: fleet, subject: "{value:.1f}"}}]}
limits: [{per: rule, at_most: 1, every: 1h}]
tests:
  - name: a minute above ninety
    given: {roles: {owner: olga}}
    readings: {coolant_c: "91x5 gap 2m"}
    expect: [{at: 1m, raised: true, do: [task]}]
  - name: after ten minutes of silence it lapses
    given: {roles: {owner: olga}}
    readings: {coolant_c: "91x5 gap 11m"}
    expect:
      - {at: 1m, raised: true}
      - {at: 10m50s, lapsed: true, do: []}
"""


def case_named(name: str) -> tuple[Rule, Case]:
    """A case of the starter's, by a part of its name."""
    rule, plain = next((rule, plain) for rule, plain in CASES if name in plain["name"])
    return rule, read_case(plain, None if rule.stream is None else FOUND.streams[rule.stream])


def outcome(rule: Rule, case: Case) -> Result:
    """What comes of a case."""
    return judge(rule, case, Backtest(FOUND.rule_set("default")).play(rule, case))


PROFILE = "values: {spent: {event: order.placed, take: sum, field: amount}}\n"


def project(folder: Path, profile: str = PROFILE, **rules: str) -> Configuration:
    """The starter's stream with other rules, and events that nobody declares."""
    streams = (STARTER / "streams.yaml").read_text(encoding="utf-8")
    (folder / "streams.yaml").write_text(streams.partition("\nevents:")[0], encoding="utf-8")
    (folder / "purposes.yaml").write_text("purposes: {service: {}}\n")
    (folder / "profile.yaml").write_text(profile)
    (folder / "rules").mkdir()
    for name, text in rules.items():
        (folder / "rules" / f"{name}.yaml").write_text(text)
    return load_configuration(Settings(folder=str(folder)))


def results_of(found: Configuration) -> list[Result]:
    """What comes of all tests of a project."""
    return run_tests(found.rules, found.streams, Backtest(found.rule_set("default")))


@pytest.mark.parametrize(("rule", "plain"), CASES, ids=[f"{r.name}: {p['name']}" for r, p in CASES])
def test_the_starter_rules_pass_their_own_tests(rule, plain):
    """What `telltale init` hands out is right, by its own word."""
    stream = None if rule.stream is None else FOUND.streams[rule.stream]
    assert outcome(rule, read_case(plain, stream)).passed


def test_the_designs_example_goes_to_critical_and_back():
    """Raised, escalated, deescalated and cleared, with the actions of each: pull over is sent, the case is closed."""
    rule, case = case_named("to critical and back")
    played = Backtest(FOUND.rule_set("default")).play(rule, case)
    assert [told(happened) for happened in played.happened] == [
        "2m20s raised: warning, do: [open_case, notify]",
        "2m30s escalated: critical, do: [notify]",
        "2m50s deescalated: warning, do: []",
        "3m20s cleared: warning, do: [close_case]",
    ]


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from([p["name"] for _, p in CASES if p["expect"]]),
    place=st.integers(0, 3),
    change=st.sampled_from(["at", "transition", "severity", "do", "refused", "dropped", "added"]),
)
def test_a_test_that_expects_what_does_not_happen_fails(name, place, change):
    """Every expectation that holds, made wrong in any one thing, is told as missing, unexpected or both."""
    rule, case = case_named(name)
    expect = list(case.expect)
    i = place % len(expect)
    right = expect[i]
    if change == "dropped":
        del expect[i]
    elif change == "added":
        expect.append(right)
    else:
        wrong = {
            "at": {"at": right.at + 1000},
            "transition": {"transition": "lapsed"},
            "severity": {"severity": "nonsense"},
            "do": {"do": (*(right.do or ()), ExpectedAction("nonsense"))},
            "refused": {"refused": "nonsense"},
        }[change]
        expect[i] = msgspec.structs.replace(right, **wrong)
    result = outcome(rule, msgspec.structs.replace(case, expect=tuple(expect)))
    assert not result.passed


@settings(max_examples=25, deadline=None)
@given(
    hot=st.lists(st.integers(80, 130), min_size=1, max_size=40),
    expected=st.lists(st.integers(0, 400_000), max_size=3),
)
def test_a_test_passes_only_when_its_expectations_are_exactly_what_happens(hot, expected):
    """For any readings, expecting what was played passes, and any other list of moments fails."""
    rule, case = case_named("a noisy climb")
    plain = {
        "name": "n",
        "readings": {"coolant_c": " ".join(map(str, hot))},
        "given": {"device": {"hot_c": 105}},
    }
    case = read_case({**plain, "expect": []}, FOUND.streams["vehicle"])
    played = Backtest(FOUND.rule_set("default")).play(rule, case)
    as_played = [
        {"at": exact(h.at), h.transition: h.severity, "do": [done.name for done in h.do]}
        for h in played.happened
    ]
    assert judge(rule, read_case({**plain, "expect": as_played}, FOUND.streams["vehicle"]), played).passed
    others = [{"at": exact(at), "raised": True} for at in expected]
    matches = sorted(expected) == [h.at for h in played.happened] and all(
        h.transition == "raised" for h in played.happened
    )
    assert (
        judge(rule, read_case({**plain, "expect": others}, FOUND.streams["vehicle"]), played).passed
        == matches
    )


def test_an_expectation_without_do_does_not_look_at_actions_and_an_empty_one_does():
    """`do` left away is not asked; `do: []` says that nothing is done."""
    rule, case = case_named("a noisy climb")
    (expected,) = case.expect
    unasked = msgspec.structs.replace(case, expect=(msgspec.structs.replace(expected, do=None),))
    nothing = msgspec.structs.replace(case, expect=(msgspec.structs.replace(expected, do=()),))
    assert outcome(rule, unasked).passed
    assert not outcome(rule, nothing).passed


def test_what_only_the_shards_clock_ends_is_seen_up_to_the_end_of_the_series(tmp_path):
    """A window closes and an episode lapses though the device says nothing more: the last gap moves the clock."""
    results = results_of(project(tmp_path, window=WINDOW))
    assert [(r.case.name, r.missing, r.unexpected) for r in results if not r.passed] == []
    assert len(results) == 2


def test_an_absence_at_the_very_end_of_a_gap_is_seen_and_one_after_it_is_not():
    """A gap of ten minutes is an absence of ten minutes, one of a second less is none."""
    silent, case = case_named("nine minutes")
    assert outcome(silent, case).passed
    for gap, count in (("10m", 1), ("9m59s", 0)):
        plain = {"name": "n", "interval": "10s", "readings": {"speed_kmh": f"50x2 gap {gap}"}, "expect": []}
        result = outcome(silent, read_case(plain, FOUND.streams["vehicle"]))
        assert [told(h) for h in result.unexpected] == ["10m20s raised: true, do: [task]"] * count


def test_limits_hold_within_a_test():
    """A second raise within the limit is refused, and one beyond the limit per rule is held."""
    rule, _ = case_named("a noisy climb")
    climb = "90 105+1x9 97x3 "
    plain = {
        "name": "n",
        "given": {"device": {"hot_c": 105}, "roles": {"owner": "o", "driver": "d"}},
        "readings": {"coolant_c": climb * 2},
        "expect": [],
    }
    result = outcome(rule, read_case(plain, FOUND.streams["vehicle"]))
    assert [h.refused for h in result.unexpected if h.transition == "raised"] == [None, "limit"]
    few = msgspec.structs.replace(rule, limits=tuple(x for x in rule.limits if x.per == "rule"))
    few = msgspec.structs.replace(
        few, limits=tuple(msgspec.structs.replace(x, at_most=1) for x in few.limits)
    )
    result = outcome(few, read_case(plain, FOUND.streams["vehicle"]))
    assert [h.refused for h in result.unexpected if h.transition == "raised"] == [None, "held"]


def test_a_reading_that_cannot_be_read_fails_its_test():
    """A fraction for a whole number would be a dead letter, so the test that gives it cannot prove anything."""
    rule, _ = case_named("a noisy climb")
    plain = {"name": "n", "readings": {"coolant_c": "90", "engine_load": "12.5"}, "expect": []}
    limited = msgspec.structs.replace(rule, reads=(*rule.reads, "engine_load"))
    result = outcome(limited, read_case(plain, FOUND.streams["vehicle"]))
    assert not result.passed
    assert result.unplayed[0].startswith("the reading at 0s cannot be read: ")


def test_a_disabled_rule_is_tested_as_if_it_were_live_and_a_dry_run_shows_what_it_would_do():
    """Tests speak of what a rule means, whatever its mode is today."""
    rule, case = case_named("a noisy climb")
    for mode in ("disabled", "dry_run", "live"):
        assert outcome(msgspec.structs.replace(rule, mode=mode), case).passed


def test_a_failed_test_is_found_in_its_file(tmp_path):
    """The lines are those of the test's item and of its expectations; a file that is gone has none."""
    found = project(tmp_path, window=WINDOW)
    text = WINDOW.splitlines()
    lines = lines_of(found.rules[0].file)
    for result in results_of(found):
        case = lines[result.case.name]
        assert f"name: {result.case.name}" in text[case.case - 1]
        assert [exact(expected.at) in text[case.of(expected.place) - 1] for expected in result.case.expect]
    (tmp_path / "rules" / "window.yaml").unlink()
    assert lines_of(found.rules[0].file) == {}
    assert CaseLines(7).of(3) == 7


def test_durations_are_told_with_all_their_units():
    """A moment is told so that it could be written into the test."""
    assert [exact(ms) for ms in (0, 140_000, 3_600_000 + 61_500)] == ["0s", "2m20s", "1h1m1s500ms"]


def test_what_happened_is_told_in_the_words_of_the_tests():
    """A refusal shows instead of an empty list of actions."""
    assert told(Happened(at=1000, transition="raised", refused="guard")) == "1s raised: true, refused: guard"
    assert told(Happened(at=0, do=(Done("task"),))) == "0s do: [task]"
