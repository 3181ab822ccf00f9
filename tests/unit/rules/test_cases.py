"""The shape of a rule's own tests."""

from __future__ import annotations

import pytest

from flows.rules.case import read_case
from tests.unit.rules.mistakes import ENDS, HEAD, TAIL, device_rule, read, right

FULL = """\
severity: {low: {}, high: {when: coolant_c > 99}}
do:
  raised: [{open_case: {about: engine}}, {notify: {to: driver, purpose: service, template: t}}]
  cleared: [{close_case: {about: engine}}]
limits: [{per: rule, at_most: 10, every: 1h}]
"""
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
    case = "{name: x, events: [{at: 0s, data: {amount: 3}}], expect: [{at: 0s, do: [task]}]}"
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
        ("{name: x, given: {device: {hot: 1}}, readings: {mil: on}, expect: []}",
         "tests[0].given.device.hot", "hot_c"),
        ("{name: x, given: {profile: {x: 1}}, readings: {mil: on}, expect: []}", "tests[0].given.profile.x", "spent"),
        ("{name: x, given: {open: [case]}, readings: {mil: on}, expect: []}", "tests[0].given.open", "kind:about"),
        ("{name: x, given: {local_time: 22}, readings: {mil: on}, expect: []}", "tests[0].given.local_time", "22:30"),
        ("{name: x, given: {local_time: '24:00'}, readings: {mil: on}, expect: []}", "tests[0].given.local_time", ""),
        ("{name: x, start: 2026-01-31T08:00:00Z, given: {local_time: '22:00'}, readings: {mil: on}, expect: []}",
         "tests[0].given.local_time", "a `start` already"),
        ("{name: x, given: {profile: {spent: [1]}}, readings: {mil: on}, expect: []}",
         "tests[0].given.profile.spent", ""),
        ("{name: x, outcomes: {}, readings: {mil: on}, expect: []}", "tests[0].outcomes", "a list"),
        ("{name: x, outcomes: [{at: 1s, action: task}], readings: {mil: on}, expect: []}",
         "tests[0].outcomes[0]", "'status' is"),
        ("{name: x, outcomes: [{at: 1s, action: tsk, status: failed}], readings: {mil: on}, expect: []}",
         "tests[0].outcomes[0].action", "'task'?"),
        ("{name: x, outcomes: [{at: 1s, action: task, status: fail}], readings: {mil: on}, expect: []}",
         "tests[0].outcomes[0].status", "'failed'?"),
        ("{name: x, events: [{at: 1s}], readings: {mil: on}, expect: []}", "tests[0].events[0]", "'type' is missing"),
        ("{name: x, readings: {mil: on}, expect: [{at: 1, raised: low}]}", "tests[0].expect[0].at", "a unit"),
        ("{name: x, readings: {mil: on}, expect: [{raised: low}]}", "tests[0].expect[0]", "'at' is missing"),
        ("{name: x, readings: {mil: on}, expect: [{at: 1s}]}", "tests[0].expect[0]", "one transition"),
        ("{name: x, readings: {mil: on}, expect: [{at: 1s, raised: hi}]}",
         "tests[0].expect[0].raised", "no severity"),
        ("{name: x, readings: {mil: on}, expect: [{at: 1s, raised: low, do: [tsk]}]}",
         "tests[0].expect[0].do[0]", "task"),
        ("{name: x, readings: {}, expect: [{at: 0s, raised: low, refused: x}]}", "tests[0].expect[0].refused", ""),
        ("{name: x, readings: {mil: on}, expect: [{at: 1s, raised: low, do: [{task: {}, x: {}}]}]}",
         "tests[0].expect[0].do[0]", ""),
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


def impossible(case: str, when: str = "{run: 3, of: coolant_c > 9}", more: str = "") -> list[str]:
    """What is found wrong with the expectation of a test of a rule with two severities that never fall or lapse."""
    text = f"{HEAD}when: {when}\nclear: {{of: coolant_c < 5}}\n{more}{FULL}tests: [{{name: x, {case}}}]\n"
    return [f"{finding.path} {finding.message} {finding.hint}" for finding in read(text)[1]]


@pytest.mark.parametrize(
    ("expected", "part"),
    [
        ("{at: 20s, escalated: low}", "expect[0].escalated 'escalated' never leads to 'low' Known are high."),
        ("{at: 20s, deescalated: low}", "expect[0].deescalated 'deescalated' never comes: no severity has a `clear`"),
        ("{at: 20s, lapsed: true}", "expect[0].lapsed 'lapsed' never comes: the rule has no `ends: {silent"),
        ("{at: 40s, raised: low}", "expect[0].at 40s is after the end of the series, 30s Add readings, or a last"),
        ("{at: 25s, raised: low}", "expect[0].at no reading comes at 25s The nearest readings are at 20s and 30s."),
        ("{at: 20s, raised: low, refused: guard}",
         "expect[0].refused nothing is ever refused by 'guard': the rule has no `guard`"),
        ("{at: 20s, raised: low, refused: limit}", "'limit': the rule has no such limit"),
        ("{at: 20s, raised: low, refused: too_late}", "'too_late': in a test everything is decided as it happens"),
        ("{at: 20s, raised: low, refused: dry_run}", "'dry_run': the rule is no dry run"),
        ("{at: 20s, escalated: high, refused: held}", "'held': the rule does nothing when escalated"),
        ("{at: 20s, cleared: true, refused: guard}", "guard and limits hold back only what is raised"),
        ("{at: 20s, raised: low, refused: held, do: [notify]}", "what is refused by 'held' does nothing"),
        ("{at: 20s, raised: low, do: [close_case]}",
         "expect[0].do[0] the rule does not do 'close_case' when raised It does"),
        ("{at: 20s, raised: low, do: [{open_case: {template: t}}]}",
         "do[0].open_case.template 'open_case' has no 'template'"),
        ("{at: 20s, raised: low, do: [{notify: {template: 3}}]}", "do[0].notify.template a text is needed"),
    ],
)  # fmt: skip
def test_a_test_that_expects_what_cannot_be_is_refused(expected: str, part: str) -> None:
    """At load, at its place, with what cannot be and how to mend it, rather than as a failure that puzzles."""
    (found,) = impossible(f"readings: {{coolant_c: 10x3}}, expect: [{expected}]")
    assert part in found


def test_what_this_rule_can_do_may_be_expected() -> None:
    """Each kind of expectation, and nothing at all."""
    case = (
        "readings: {coolant_c: 10x5}, expect: [{at: 20s, raised: low, do: [open_case, {notify: {to: driver}}]}, "
        "{at: 30s, escalated: high, do: []}, {at: 40s, cleared: true, refused: held}, "
        "{at: 40s, raised: high, refused: role}]"
    )
    assert impossible(case) == []
    assert impossible("readings: {coolant_c: 10}, expect: []") == []


def test_a_rule_with_one_severity_never_escalates() -> None:
    """There is nothing above it."""
    found = read(with_test("{name: x, readings: {mil: on}, expect: [{at: 0s, escalated: low}]}"))[1]
    assert ["two severities" in finding.message for finding in found] == [True]


def test_a_window_raises_between_readings_and_at_the_lowest_severity() -> None:
    """It closes when it ends, whenever readings come."""
    when = "{window: 1m, mean: coolant_c, of: value > 3}"
    case = "readings: {coolant_c: 10x9}, expect: [{at: 1m5s, raised: low}, {at: 1m5s, raised: high}]"
    assert impossible(case, when) == [
        "tests[0].expect[1].raised 'raised' never leads to 'high' Known are low.",
    ]


def test_nothing_is_decided_where_no_event_comes() -> None:
    """A rule on events acts at their times."""
    for at, part in (("5s", "no event comes at 5s"), ("1m", "1m is after the last event, 10s")):
        case = f"{{name: x, events: [{{at: 0s}}, {{at: 10s}}], expect: [{{at: {at}, do: [task]}}]}}"
        (found,) = read(f"{EVENT}tests: [{case}]\n{TAIL}")[1]
        assert found.path == "tests[0].expect[0].at"
        assert part in found.message


def test_a_rule_that_is_wrong_itself_is_told_without_its_tests() -> None:
    """What its tests may expect is not known before it is mended."""
    text = f"{HEAD}when: {{run: 3, of: coolant > 9}}\n{ENDS}{TAIL}tests: [{{name: x, readings: {{mil: on}}, "
    found = read(f"{text}expect: [{{at: 0s, raised: true, refused: guard}}]}}]\n")[1]
    assert [finding.path for finding in found] == ["when.of"]


LATER = """\
rule: e
event: order.placed
hold_out: 5 %
look_up: {stock: {from: inventory, key: event.sku, within: 5s}}
do:
  - open_case: {about: order}
    then:
      - {outcome: resolved, after: 1d, do: [{notify: {purpose: marketing.cart, template: t}}]}
  - start_process: {process: p, order: "{event.order}"}
  - suppress: {purposes: [service], until: {at_most: 2d}}
    name: rest
"""


def later(case: str, rule: str = LATER) -> list[str]:
    """What is found wrong with one test of a rule that does something later."""
    found = read(f"{rule}tests: [{{name: x, events: [{{at: 0s}}], {case}}}]\n{TAIL}")[1]
    return [f"{finding.path} {finding.message} {finding.hint}" for finding in found]


def test_what_comes_by_time_alone_may_be_expected_at_any_time() -> None:
    """Follow-ups, releases and refusals, long after the last event; and what is given for them."""
    case = (
        "given: {profile: {stage: moving}, stage: bereaved, quiet: [marketing], consents: {marketing: false}, "
        "look_ups: {stock: {available: 3}}}, "
        "outcomes: [{at: 1m, action: open_case, result: resolved, data: {slot: monday}}], "
        "expect: [{at: 0s, do: [open_case, {start_process: {order: a}}, rest]}, {at: 1d1m, do: [notify]}, "
        "{at: 1d1m, refused: consent}, {at: 1d1m, refused: budget}, {at: 1d1m, refused: outbid}, "
        "{at: 1d1m, refused: quiet}, {at: 0s, refused: held_out}, {at: 2d, released: rest}]"
    )
    assert later(case) == []
    assert later("given: {look_ups: {stock: unknown}}, expect: []") == []


@pytest.mark.parametrize(
    ("case", "part"),
    [
        ("given: {stage: A B}, expect: []", "given.stage 'A B' cannot be a stage"),
        ("given: {quiet: [marketin]}, expect: []", "given.quiet the purpose 'marketin' is not declared"),
        ("given: {consents: {news: true}}, expect: []", "given.consents.news no purpose needs the consent 'news'"),
        ("given: {consents: {marketing: maybe}}, expect: []", "given.consents.marketing true or false is needed"),
        ("given: {look_ups: {stck: unknown}}, expect: []", "given.look_ups.stck the rule asks for no 'stck' Did you"),
        ("given: {look_ups: {stock: {avail: 1}}}, expect: []", "given.look_ups.stock.avail 'avail' is not declared"),
        ("given: {look_ups: {stock: unknwn}}, expect: []", "given.look_ups.stock a mapping is needed"),
        ("outcomes: [{at: 1m, action: open_case}], expect: []", "outcomes[0] 'status' is missing"),
        ("outcomes: [{at: 1m, action: open_case, result: No!}], expect: []", "outcomes[0].result 'No!' is no result"),
        ("expect: [{at: 2d, released: rst}]", "expect[0].released the rule lets nothing rest as 'rst' Did you mean"),
        ("expect: [{at: 0s, refused: share}]", "'share': the rule has no `share`"),
        ("expect: [{at: 0s, refused: silenced}]", "'silenced': in a test nobody silences a rule"),
        ("expect: [{at: 0s, do: [{start_process: {ordr: a}}]}]", "'start_process' has no 'ordr' Did you mean 'order'?"),
        ("expect: [{at: 0s, do: [{rest: {purposes: a}}]}]", "'rest' has no 'purposes'"),
    ],
)  # fmt: skip
def test_what_no_test_can_give_or_expect_of_this_rule_is_refused(case: str, part: str) -> None:
    """One mistake gives one finding."""
    (found,) = later(case)
    assert f"tests[0].{part}" in found or part in found


def test_a_rule_that_uses_no_consent_is_never_refused_for_one() -> None:
    """What no purpose of it asks for cannot hold it back."""
    plain = (
        f"{EVENT}tests: [{{name: x, events: [{{at: 0s}}], expect: [{{at: 0s, refused: REASON}}]}}]\n{TAIL}"
    )
    for reason in ("consent", "budget", "outbid", "quiet", "held_out", "share"):
        (found,) = read(plain.replace("REASON", reason))[1]
        assert f"nothing is ever refused by {reason!r}" in found.message


def test_a_rule_on_readings_expects_what_follows_without_a_transition() -> None:
    """It comes between transitions; a rule to which nothing follows has transitions alone."""
    do = "do: {raised: [{open_case: {about: engine}, then: [{after: 1h, do: [{task: {queue: q, subject: s}}]}]}]}\n"
    case = "tests: [{name: x, readings: {coolant_c: 10x3}, expect: [{at: 1h20s, do: [task]}]}]\n"
    assert read(device_rule("{run: 3, of: coolant_c > 9}", f"{ENDS}{do}{case}"))[1] == []


def test_a_test_of_a_sequence_names_the_types_of_its_events() -> None:
    """There is none that they could be of by default; what does not come is expected at a time of its own."""
    rule = (
        "rule: s\nsequence: [{event: cart.updated}, {no: order.placed, within: 30m}]\n"
        "do: [{task: {queue: q, subject: s}}]\n"
    )
    (found,) = later("expect: []", rule)
    assert found.startswith("tests[0].events[0] 'type' is missing")
    case = "{name: x, events: [{at: 0s, type: cart.updated}], expect: [{at: 30m, do: [task]}]}"
    assert read(f"{rule}tests: [{case}]\n{TAIL}")[1] == []


def test_a_case_is_waited_for_until_its_last_expectation() -> None:
    """What is sent ends before."""
    plain = right(
        f"{LATER}tests: [{{name: x, events: [{{at: 1m}}], expect: [{{at: 2d, released: rest}}]}}]\n{TAIL}"
    ).tests[0]
    case = read_case(plain, None)
    assert (case.end, case.until) == (60_000, 2 * 86_400_000)
    assert case.expect[0].released == "rest"
