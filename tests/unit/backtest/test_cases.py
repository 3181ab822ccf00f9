"""The player of rule tests: who it is, what comes when, and the word for each refusal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from flows.backtest.cases import Backtest
from flows.customers.bucket import Bucket
from flows.rules.case import exact, read_case
from flows.rules.load import Documents, compile_documents
from flows.rules.testing import Happened, told

STREAMS: dict[str, Any] = {
    "streams": {
        "vehicle": {
            "topic": "telemetry", "key": "device", "time": "at", "fields": {"coolant_c": {"type": "float"}},
        },
    },
}  # fmt: skip
PURPOSES = """
purposes:
  service: {}
  marketing: {consent: marketing, budget: week}
  news: {budget: week}
  club: {budget: window}
budgets:
  week: {at_most: 1, every: 7d}
  window: {at_most: 5, every: 7d, window: 10m}
"""
PROFILE = "values: {spent: {event: order.placed, take: sum, field: amount}}"
SOURCES = "sources: {crm: {key: id, attributes: {language: lang}, identifiers: {email: mail}}}"
LOOK_UPS = 'look_ups: {stock: {http: "https://s.example/{key}", fields: {available: quantity}}}'
ON_EVENT = "rule: e\nevent: asked\nlimits: [{per: rule, at_most: 9, every: 1h}]\n"
ON_STREAM = """
rule: s
stream: vehicle
customer: owner
when: {run: 2, of: coolant_c > 100}
clear: {run: 1, of: coolant_c < 90}
ends: {silent: 1d}
limits: [{per: rule, at_most: 9, every: 1h}]
"""
TASK = "task: {queue: q, subject: s}"


def plain(text: str) -> Any:
    """YAML as plain data."""
    return YAML(typ="safe").load(text)


def happened(rule: str, case: str, unplayed: tuple[str, ...] = ()) -> tuple[Happened, ...]:
    """What comes of a case under a rule, both as they are written."""
    documents = Documents(
        streams=STREAMS,
        rules={"r.yaml": plain(rule)},
        purposes=plain(PURPOSES),
        profile=plain(PROFILE),
        look_ups=plain(LOOK_UPS),
        sources=plain(SOURCES),
    )
    found = compile_documents(documents)
    (compiled,) = found.rules
    stream = None if compiled.stream is None else found.streams[compiled.stream]
    given = read_case({"name": "n", "expect": [], **plain(case)}, stream)
    played = Backtest(found.rule_set("t")).play(compiled, given)
    assert played.unplayed == unplayed
    return played.happened


def lines(rule: str, case: str, unplayed: tuple[str, ...] = ()) -> list[str]:
    """The same in the words of the tests."""
    return [told(each) for each in happened(rule, case, unplayed)]


REFUSED = {
    "guard": ("guard: event.n > 5\ndo: [{TASK}]", "events: [{at: 0s, data: {n: 1}}]"),
    "limit": (
        "limits: [{per: customer, at_most: 1, every: 1h}, {per: rule, at_most: 9, every: 1h}]\ndo: [{TASK}]",
        "given: {roles: {owner: o}}, events: [{at: 0s}, {at: 1s}]",
    ),
    "held": ("limits: [{per: rule, at_most: 1, every: 1h}]\ndo: [{TASK}]", "events: [{at: 0s}, {at: 1s}]"),
    "dry_run": ("mode: dry_run\ndo: [{TASK}]", "events: [{at: 0s}]"),
    "role": ("do: [{notify: {to: driver, purpose: service, template: t}}]", "events: [{at: 0s}]"),
    "consent": (
        "do: [{notify: {purpose: marketing, template: t}}]",
        "given: {consents: {marketing: false}}, events: [{at: 0s}]",
    ),
    "budget": ("do: [{notify: {purpose: news, template: t}}]", "events: [{at: 0s}, {at: 6d}]"),
    "quiet": (
        "do: [{notify: {purpose: service, template: t}}]",
        "given: {quiet: [service]}, events: [{at: 0s}]",
    ),
    "share": ("share: 0.000001%\ndo: [{TASK}]", "events: [{at: 0s}]"),
    "held_out": ("hold_out: 99.9999%\ndo: [{TASK}]", "events: [{at: 0s}]"),
    "outbid": (
        "do: [{notify: {purpose: club, template: t}}]",
        "events: [{at: 0s}, {at: 1m}], expect: [{at: 11m}]",
    ),
}


@pytest.mark.parametrize("word", REFUSED)
def test_each_refusal_has_its_word(word: str) -> None:
    """The last thing that happens is refused with it, and only a dry run shows what it would have done."""
    rule, case = REFUSED[word]
    rules = ON_EVENT if "limits" not in rule else ON_EVENT.partition("limits")[0]
    last = happened(rules + rule.replace("{TASK}", f"{{{TASK}}}"), f"{{{case}}}")[-1]
    assert last.refused == word
    assert [each.name for each in last.do] == (["task"] if word == "dry_run" else [])


def test_why_nothing_was_done_is_told_in_more_words_to_people() -> None:
    """A guard says what it asked and saw, anything else what the decision says; what was done needs no reason."""
    rule = ON_EVENT + f"guard: event.n > 5 and profile.spent < 9\ndo: [{{{TASK}}}]"
    cases = "{events: [{at: 0s, data: {n: 1}}, {at: 1s}, {at: 2s, data: {n: 9}}]}"
    assert [each.because for each in happened(rule, cases)] == [
        "event.n > 5 and profile.spent < 9 is not so: event.n 1, profile.spent 0",
        "event.n > 5 and profile.spent < 9 is unknown: event.n unknown, profile.spent 0",
        "",
    ]
    rule = ON_STREAM + f"do: {{raised: [{{{TASK}, if: profile.language == 'de'}}]}}"
    (raised,) = happened(rule, "{readings: {coolant_c: 101x1}}")
    assert (raised.do, raised.refused) == ((), None)
    assert raised.because == "if: profile.language == 'de' is unknown"


def test_at_one_time_what_is_due_comes_first_then_alarms_events_and_outcomes() -> None:
    """What comes at the very time at which something is due is not known to it yet."""
    rule = ON_EVENT + (
        f"do:\n  - {TASK}\n    then:\n      - {{after: 10m, if: profile.spent == 0, do: [{{{TASK}}}]}}\n"
        "      - {outcome: accepted, if: profile.spent > 0, "
        "do: [{notify: {purpose: service, template: t}}]}\n"
    )
    case = (
        "{events: [{at: 0s}, {at: 10m, type: order.placed, data: {amount: 5}}], "
        "outcomes: [{at: 10m, action: task, status: accepted}]}"
    )
    # The last task is the follow-up's own, of which nothing waits for an outcome.
    assert lines(rule, case) == ["0s do: [task]", "10m do: [task]"]
    first = case.replace("{at: 10m, action", "{at: 9m59s, action").replace("at: 10m, type", "at: 9m59s, type")
    assert lines(rule, first) == ["0s do: [task]", "9m59s do: [notify]"]
    unless = (
        ON_EVENT
        + f"do: [{{{TASK}, then: [{{after: 10m, unless: {{event: order.placed}}, do: [{{{TASK}}}]}}]}}]"
    )
    for at, wanted in (("9m59s", []), ("10m", ["10m do: [task]"])):
        case = f"{{events: [{{at: 0s}}, {{at: {at}, type: order.placed}}], expect: [{{at: 1d}}]}}"
        assert lines(unless, case) == ["0s do: [task]", *wanted]


def test_years_pass_in_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time goes from what is due to what is due, however long that is."""
    taken: list[int] = []
    take = Bucket.take

    def counted(self: Bucket, triggers: Any) -> Any:
        taken.append(len(triggers))
        return take(self, triggers)

    monkeypatch.setattr(Bucket, "take", counted)
    rule = (
        ON_EVENT
        + f"do: [{{{TASK}, then: [{{after: 365d, do: [{{{TASK}, then: [{{after: 1d, do: [{{{TASK}}}]}}]}}]}}]}}]"
    )
    assert lines(rule, "{events: [{at: 0s}], expect: [{at: 1000d}]}") == [
        "0s do: [task]", "365d do: [task]", "366d do: [task]",
    ]  # fmt: skip
    assert len(taken) < 10


def test_what_is_due_after_the_last_that_is_expected_is_not_waited_for() -> None:
    """A test that expects nothing of it need not say that it will come."""
    rule = ON_EVENT + f"do: [{{{TASK}, then: [{{after: 1h, do: [{{{TASK}}}]}}]}}]"
    assert lines(rule, "{events: [{at: 0s}], expect: [{at: 59m59s}]}") == ["0s do: [task]"]
    assert lines(rule, "{events: [{at: 0s}], expect: [{at: 1h}]}") == ["0s do: [task]", "1h do: [task]"]


def test_an_outcome_reaches_who_decided_though_the_action_went_to_another_role() -> None:
    """The driver is told, the owner's rule goes on; a result without a status was accepted; data is read."""
    rule = ON_STREAM + (
        "do:\n  raised:\n    - offer_appointment: {to: driver, purpose: service, with: dealer}\n      then:\n"
        '        - {outcome: booked, if: outcome.slot == "noon", do: [{task: {queue: q, subject: "{outcome.slot}"}}]}\n'
    )
    case = (
        "{given: {roles: {owner: o, driver: d}}, readings: {coolant_c: 101x1}, outcomes: "
        "[{at: 1m, action: offer_appointment, status: accepted}, "
        "{at: 2m, action: offer_appointment, result: booked, data: {slot: noon}}]}"
    )
    raised, later = happened(rule, case)
    assert (told(raised), raised.do[0].parameters["to"]) == (
        "10s raised: true, do: [offer_appointment]",
        "driver",
    )
    assert (later.at, later.transition, later.do[0].parameters["subject"]) == (120_000, None, "noon")
    early = case.replace("at: 1m", "at: 0s")
    assert (
        len(
            happened(
                rule, early, ("the outcome at 0s is of 'offer_appointment', which was not done by then",)
            )
        )
        == 2
    )


def test_a_transition_that_waits_for_an_answer_comes_later_without_its_name() -> None:
    """An answer that is given comes at once; else it is decided when nobody waits longer, as something that follows."""
    rule = ON_STREAM + (
        "look_up: {stock: {from: stock, key: device, within: 5s}}\n"
        f"do: {{raised: [{{{TASK}, if: stock.available > 0}}, {{notify: {{purpose: service, template: t}}}}]}}"
    )
    case = "{given: {look_ups: {stock: SAID}}, readings: {coolant_c: 101x3}}"
    assert lines(rule, case.replace("SAID", "{available: 1}")) == ["10s raised: true, do: [task, notify]"]
    assert lines(rule, case.replace("SAID", "{available: 0}")) == ["10s raised: true, do: [notify]"]
    assert lines(rule, case.replace("SAID", "unknown")) == ["15s do: [notify]"]
    assert lines(rule, case.replace("{stock: SAID}", "{}")) == ["15s do: [notify]"]


def test_events_without_a_subject_are_of_who_decides() -> None:
    """Those that the rule looks for are of the thing, all others of the person who has the deciding role to it."""
    rule = ON_EVENT + f"customer: buyer\nguard: profile.spent >= 100\ndo: [{{{TASK}}}]"
    case = "{given: {roles: {buyer: b}}, events: [{at: 0s, type: order.placed, data: {amount: 100}, WHO}, {at: 1s}]}"
    assert lines(rule, case.replace(", WHO", "")) == ["1s do: [task]"]
    assert lines(rule, case.replace("WHO", 'subject: "email:somebody.else@b.example"')) == [
        "1s refused: guard"
    ]


def test_the_roles_of_a_test_are_to_every_thing_that_it_names() -> None:
    """A shipment's buyer is the customer, of whom the profile is given; an identifier is a customer by itself."""
    rule = ON_EVENT + (
        "customer: buyer\nguard: profile.spent == 7\ndo: [{notify: {to: driver, purpose: service, template: t}}]"
    )
    case = (
        "{given: {roles: {buyer: b, driver: d}, profile: {spent: 7}}, "
        'events: [{at: 0s, subject: "shipment:1"}, {at: 1s, subject: "order:1"}, {at: 2s, subject: "email:a@b.c"}]}'
    )
    assert lines(rule, case) == ["0s do: [notify]", "1s do: [notify]", "2s refused: role"]


def test_what_is_given_of_a_customer_is_known() -> None:
    """The stage, what a source system says, what is open, and that there is no stage when none is given."""
    rule = ON_EVENT + (
        'guard: profile.stage == "moved" and profile.language == "de" and profile.has_open("case", "x")\n'
        f"do: [{{{TASK}}}]"
    )
    case = '{given: {stage: moved, profile: {language: de}, open: ["case:x"]}, events: [{at: 0s}]}'
    assert lines(rule, case) == ["0s do: [task]"]
    for other in ("moved", "de}", "case:x"):
        assert lines(rule, case.replace(other, f"z{other}")) == ["0s refused: guard"]
    rule = ON_EVENT + f'guard: profile.stage != "moved"\ndo: [{{{TASK}}}]'
    assert lines(rule, "{events: [{at: 0s}]}") == ["0s do: [task]"]


def test_a_release_bears_the_name_of_what_rested() -> None:
    """Two suppressions of one rule are told apart, and a dry run releases what it pretended."""
    rule = ON_EVENT + (
        "do:\n  - {name: one, suppress: {purposes: [news], until: {at_most: 2d}}}\n"
        "  - {name: two, suppress: {purposes: [club], until: {any: [{event: order.placed}], at_most: 9d}}}\n"
    )
    case = "{events: [{at: 0s}, {at: 1d, type: order.placed}], expect: [{at: 9d}]}"
    wanted = ["0s do: [one, two]", "1d released: two", "2d released: one"]
    assert lines(rule, case) == wanted
    assert [each.partition(", refused: dry_run")[0] for each in lines(rule + "mode: dry_run\n", case)] == [
        each.replace(" released", " refused: dry_run, released") if "released" in each else each
        for each in wanted
    ]


def test_what_a_sequence_wants_is_that_of_its_things_owner() -> None:
    """Whoever is the owner goes on with it, and the driver is told."""
    rule = (
        "rule: q\nsequence: [{event: asked, as: first}, {event: answered, within: 1h}]\n"
        "guard: profile.spent == 7\ndo: [{notify: {to: driver, purpose: service, template: '{first.n}'}}]\n"
        "limits: [{per: rule, at_most: 9, every: 1h}]\n"
    )
    case = (
        "{given: {roles: {owner: o, driver: d}, profile: {spent: 7}}, "
        "events: [{at: 0s, type: asked, data: {n: 5}}, {at: 59m, type: answered}]}"
    )
    (only,) = happened(rule, case)
    assert (only.at, only.do[0].parameters["template"]) == (59 * 60_000, "5")


@settings(max_examples=40, deadline=None)
@given(times=st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=12, unique_by=lambda t: t[0]))
def test_a_missing_event_is_missed_when_its_time_is_over(times: list[tuple[int, bool]]) -> None:
    """By hand: each change without another in its half hour, and without an order in it, half an hour later."""
    rule = (
        "rule: q\nsequence: [{event: cart.updated, restart: true}, {no: order.placed, within: 30m}]\n"
        f"do: [{{{TASK}}}]\nlimits: [{{per: rule, at_most: 99, every: 1h}}]\n"
    )
    events = ", ".join(
        f"{{at: {at}m, type: {'cart.updated' if cart else 'order.placed'}}}" for at, cart in sorted(times)
    )
    wanted = [
        begun + 30
        for begun, cart in sorted(times)
        if cart and not any(begun < at < begun + 30 for at, _ in times)
    ]
    found = lines(rule, f"{{events: [{events}], expect: [{{at: 1d}}]}}")
    assert found == [f"{exact(at * 60_000)} do: [task]" for at in wanted]
