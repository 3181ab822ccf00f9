"""Reading of patterns and episodes: what each notation means, and which mistakes are told where."""

from __future__ import annotations

import pytest

from flows.expressions import parse
from flows.rules.model import Absence, Clear, Count, Pattern, Run, Severity, Trend, Window, Worsening
from tests.unit.rules.mistakes import device_rule, read, right

HOT = parse("coolant_c > 9")


@pytest.mark.parametrize(
    ("when", "pattern"),
    [
        ("{run: 3, of: coolant_c > 9}", Run(length=3, of=HOT)),
        ("{run: 3, of: coolant_c > 9, max_gap: 1m30s}", Run(length=3, of=HOT, max_gap=90_000)),
        (
            "{run: 10, of: coolant_c > 9, worsening: {field: coolant_c, rise: 5}}",
            Run(length=10, of=HOT, worsening=Worsening(field="coolant_c", rise=5.0, over=10)),
        ),
        (
            "{run: 100, of: coolant_c > 9, worsening: {field: battery_v, fall: 0.5}}",
            Run(length=100, of=HOT, worsening=Worsening(field="battery_v", rise=-0.5, over=64)),
        ),
        (
            "{run: 10, of: coolant_c > 9, worsening: {field: coolant_c, rise: 5, over: 4}}",
            Run(length=10, of=HOT, worsening=Worsening(field="coolant_c", rise=5.0, over=4)),
        ),
        ("{count: 8 of 10, of: coolant_c > 9}", Count(count=8, out_of=10, of=HOT)),
        ("{trend: coolant_c, over: 20, rise: 5}", Trend(field="coolant_c", over=20, rise=5.0)),
        (
            "{trend: battery_v, over: 20, fall: 5, of: coolant_c > 9, max_gap: 1d}",
            Trend(field="battery_v", over=20, rise=-5.0, of=HOT, max_gap=86_400_000),
        ),
        (
            "{window: 10m, every: 5m, mean: coolant_c, of: value >= device.hot_c}",
            Window(
                length=600_000,
                every=300_000,
                measure="mean",
                field="coolant_c",
                of=parse("value >= device.hot_c"),
            ),
        ),
        (
            "{window: 1h, count: true, of: value < 3}",
            Window(length=3_600_000, every=3_600_000, measure="count", field=None, of=parse("value < 3")),
        ),
        (
            "{window: 1h, count: mil, of: value < 3}",
            Window(length=3_600_000, every=3_600_000, measure="count", field="mil", of=parse("value < 3")),
        ),
        ("{absence: 10m}", Absence(after=600_000)),
    ],
)
def test_a_pattern_means_what_it_says(when: str, pattern: Pattern) -> None:
    """Every notation becomes its pattern, durations in milliseconds, `fall` as a negative rise."""
    assert right(device_rule(when)).patterns == (pattern,)


def test_any_holds_several_patterns_in_their_order() -> None:
    """The first that holds counts, so their order is kept."""
    rule = right(device_rule("{any: [{run: 3, of: coolant_c > 9}, {count: 1 of 2, of: coolant_c > 9}]}"))
    assert rule.patterns == (Run(length=3, of=HOT), Count(count=1, out_of=2, of=HOT))


def test_severities_stand_lowest_first_and_clear_has_a_run() -> None:
    """The lowest has no conditions of its own; the run of `clear` is one unless it is written."""
    more = (
        "severity: {low: {}, high: {when: coolant_c > 9, clear: coolant_c < 5}}\nclear: {of: coolant_c < 3}\n"
    )
    rule = right(device_rule("{run: 3, of: coolant_c > 9}", more))
    high = Severity(name="high", when=HOT, clear=parse("coolant_c < 5"))
    assert rule.severities == (Severity(name="low"), high)
    assert rule.clear == Clear(run=1, of=parse("coolant_c < 3"))


def test_a_rule_knows_which_columns_and_attributes_it_reads() -> None:
    """Patterns, severities, clear, guard, actions and explanation all count, in the order of declaration."""
    more = (
        "severity: {low: {}, high: {when: battery_v < 9}}\n"
        "ends: {silent: 1h}\n"
        "guard: door_open\n"
        "do: {raised: [{task: {queue: q, subject: '{note} {device.model}'}, if: mil == \"on\"}]}\n"
        "explain: '{coolant_c:.1f}'\n"
    )
    rule = right(device_rule("{trend: battery_v, over: 5, rise: 1, of: battery_v > device.hot_c}", more))
    assert rule.reads == ("coolant_c", "battery_v", "door_open", "mil", "note")
    assert rule.attributes == ("hot_c", "model")


@pytest.mark.parametrize(
    ("when", "path", "part"),
    [
        ("{count: 8, of: coolant_c > 9}", "when.count", "a count needs a bound"),
        ("{run: ten, of: coolant_c > 9}", "when.run", "not a whole number"),
        ("{count: 11 of 10, of: coolant_c > 9}", "when.count", "out of bounds"),
        ("{count: 8 of 100, of: coolant_c > 9}", "when.count", "out of bounds"),
        ("{window: true, mean: coolant_c, of: value > 1}", "when.window", "not a duration"),
        ("{window: , mean: coolant_c, of: value > 1}", "when.window", "a window needs a bound"),
        ("{absence: }", "when.absence", "absence needs a bound"),
        ("{absence: true}", "when.absence", "absence needs a bound"),
        ("{trend: coolant_c, rise: 5}", "when", "a trend needs a bound"),
        ("{trend: coolant_c, over: 65, rise: 5}", "when.over", "from 2 to 64"),
        ("{trend: coolant_c, over: 5}", "when", "one of `rise` and `fall`"),
        ("{trend: coolant_c, over: 5, rise: -5}", "when.rise", "above 0"),
        ("{trend: mil, over: 5, rise: 5}", "when.trend", "of type enum, not a number"),
        ("{trend: coolant, over: 5, rise: 5}", "when.trend", "Did you mean 'coolant_c'?"),
        ("{run: 0, of: coolant_c > 9}", "when.run", "from 1 to 10000"),
        ("{run: 3}", "when", "'of' is missing"),
        ("{run: 3, of: coolant > 9}", "when.of", "Did you mean 'coolant_c'?"),
        ("{run: 3, of: device.hot > 9}", "when.of", "Did you mean 'device.hot_c'?"),
        ("{run: 3, of: note == 9}", "when.of", "evidence only"),
        ("{run: 3, of: coolant_c}", "when.of", "is no condition"),
        ("{run: 3, of: coolant_c + 1}", "when.of", "is no condition"),
        ("{run: 3, of: coolant_c and door_open}", "when.of", "need conditions"),
        ('{run: 3, of: mil == "onn"}', "when.of", "Did you mean 'on'?"),
        ("{run: 3, of: mil == 1}", "when.of", 'Compare with one of "off", "on"'),
        ("{run: 3, of: '\"on\" < mil'}", "when.of", "have no order"),
        ('{run: 3, of: "mil in [1, 2]"}', "when.of", "compared with a number"),
        ("{run: 3, of: mil == device.model}", "when.of", "two enums of other values"),
        ("{run: 3, of: mil + 1 > 2}", "when.of", "cannot be reckoned with"),
        ('{run: 3, of: coolant_c == "hot"}', "when.of", "never equal"),
        ("{run: 3, of: last(coolant_c) > 9}", "when.of", "not available yet in this version"),
        ('{run: 3, of: has_open("case")}', "when.of", "use it in `guard` or `if`"),
        ("{run: 3, of: coolant_c >}", "when.of", "not an expression"),
        ("{run: 3, of: coolant_c > 9, max_gap: 5}", "when.max_gap", "with a unit"),
        ("{run: 3, of: coolant_c > 9, maxgap: 5s}", "when.maxgap", "Did you mean 'max_gap'?"),
        ("{run: 1, of: coolant_c > 9, worsening: {field: coolant_c, rise: 1}}", "when.worsening", "one reading"),
        ("{run: 5, of: door_open, worsening: {field: coolant_c, rise: 1, over: 6}}", "when.worsening.over", "2 to 5"),
        ("{window: 10m, of: value > 1}", "when", "one measure"),
        ("{window: 10m, mean: coolant_c, max: coolant_c, of: value > 1}", "when", "one measure"),
        ("{window: 10m, every: 3m, mean: coolant_c, of: value > 1}", "when.every", "multiple"),
        ("{window: 2h, every: 1m, mean: coolant_c, of: value > 1}", "when.every", "at most 64"),
        ("{window: 10m, mean: coolant_c, of: coolant_c > 1}", "when.of", "its measure is `value`"),
        ("{window: 10m, mean: mil, of: value > 1}", "when.mean", "not a number"),
        ("{any: [{absence: 1m}, {run: 3, of: coolant_c > 9}]}", "when.any[0]", "absence cannot stand beside"),
        ("{any: []}", "when", "one to eight"),
        ("{of: coolant_c > 9}", "when", "kind of pattern is missing"),
        ("{sequence: []}", "when.sequence", "in the place of `stream:`"),
        ("{distinct: device}", "when.distinct", "is not available in this version"),
        ("often", "when", "a pattern is a mapping"),
    ],
)  # fmt: skip
def test_a_wrong_pattern_is_refused_where_it_is_wrong(when: str, path: str, part: str) -> None:
    """One mistake gives one finding, which names its path and how to mend it."""
    found = read(device_rule(when))[1]
    assert [finding.path for finding in found] == [path]
    assert part in str(found[0])
    assert found[0].line == 3


@pytest.mark.parametrize(
    ("more", "path", "part"),
    [
        ("", "", "nothing ever ends an episode"),
        ("clear: {run: 3}\n", "clear", "'of' is missing"),
        ("ends: {silent: 1h, quiet: 2h}\n", "ends.quiet", "unknown field"),
        ("ends: {silent: 1h}\nseverity: {low: {when: coolant_c > 1}}\n", "severity.low.when", "the lowest"),
        ("ends: {silent: 1h}\nseverity: {low: {}, high: {}}\n", "severity.high", "'when' is missing"),
        ("ends: {silent: 1h}\nseverity: {}\n", "severity", "one to eight"),
        ("ends: {silent: 1h}\nguard: profile.spend > 1\n", "guard", "Did you mean 'profile.spent'?"),
        ("ends: {silent: 1h}\nguard: since(run) > 1\n", "guard", "not available yet"),
        ("ends: {silent: 1h}\nexplain: '{runs} hot'\n", "explain", "Did you mean 'run'?"),
        ("ends: {silent: 1h}\nexplain: '{run.__class__}'\n", "explain", "not known here"),
        ("ends: {silent: 1h}\nexplain: '{run!r}'\n", "explain", "cannot be filled"),
        ("ends: {silent: 1h}\nexplain: '{run:99999}'\n", "explain", "cannot be filled"),
        ("ends: {silent: 1h}\nexplain: '{profile.spent}'\n", "explain", "not known here"),
        ("ends: {silent: 1h}\nmode: off\n", "mode", "Known are disabled, dry_run, live"),
        ("ends: {silent: 1h}\nhold_out: 500%\n", "hold_out", "out of bounds"),
        ("ends: {silent: 1h}\nhold_out: 1\n", "hold_out", "between nothing and all"),
        ("ends: {silent: 1h}\nshare: 0\n", "share", "between nothing and all"),
        ("ends: {silent: 1h}\nshare: few\n", "share", "'few' is no share"),
        ("ends: {silent: 1h}\npriority: 1001\n", "priority", "from -1000 to 1000"),
        ("ends: {silent: 1h}\nsensitive: maybe\n", "sensitive", "true or false"),
        ("ends: {silent: 1h}\nevent: a.b\n", "event", "not both"),
        ("ends: {silent: 1h}\ncustomer: '?'\n", "customer", "is no role"),
    ],
)
def test_the_rest_of_a_rule_is_checked_too(more: str, path: str, part: str) -> None:
    """Episodes, guard, explanation and mode each have their mistakes told at their place."""
    found = read(device_rule("{run: 3, of: coolant_c > 9}", more))[1]
    assert [finding.path for finding in found] == [path]
    assert part in str(found[0])


def test_an_absence_needs_no_clear_and_has_one_severity() -> None:
    """The next reading clears it, and no reading could escalate it."""
    assert right(device_rule("{absence: 1m}", "")).clear is None
    more = "clear: {of: coolant_c > 1}\nseverity: {low: {}, high: {when: coolant_c > 1}}\n"
    found = read(device_rule("{absence: 1m}", more))[1]
    assert [finding.path for finding in found] == ["clear", "severity"]


def test_the_fingerprint_of_a_rule_on_readings_stays_what_it_was() -> None:
    """A version that knows more words does not forget the episodes of rules that use none of them."""
    hot = "{run: 10, of: coolant_c >= device.hot_c, worsening: {field: coolant_c, rise: 5}, max_gap: 2m}"
    assert right(device_rule(hot)).fingerprint == "ea23c2a163668a3297d020a9"
    assert right(device_rule("{absence: 10m}", "")).fingerprint == "6626f25f628c1f6fd153c662"


def test_a_fingerprint_is_of_the_meaning_and_not_of_the_spelling() -> None:
    """Layout, comments, actions and texts leave it as it is; another threshold or bound changes it."""
    plain = right(device_rule("{run: 3, of: coolant_c > 9}"))
    spelled = right(
        device_rule("\n  of: ((coolant_c>9.0))  # hot\n  run: 3", "ends: {silent: 60m}\nabout: The same.\n")
    )
    assert spelled.fingerprint == plain.fingerprint
    others = [
        "{run: 4, of: coolant_c > 9}",
        "{run: 3, of: coolant_c >= 9}",
        "{count: 3 of 3, of: coolant_c > 9}",
    ]
    prints = {right(device_rule(when)).fingerprint for when in others}
    assert len(prints | {plain.fingerprint}) == 4
    assert right(device_rule("{run: 3, of: coolant_c > 9}", "ends: {silent: 2h}\n")).fingerprint not in prints
