"""Choices, follow-ups, suppressions, stages, appointments and processes: how they are read, and what is refused."""

from __future__ import annotations

from textwrap import dedent

import pytest

from flows.rules.action_kinds import MAX_IN_ALL, MAX_NESTED
from flows.rules.model import ActionEntry, Choose
from tests.unit.rules.mistakes import ENDS, TAIL, device_rule, read, right

EVENT = "rule: e\nevent: order.placed\n"
TASK = "{task: {queue: q, subject: s}}"
CASE = "open_case: {about: x}"
OFFER = "offer_appointment: {purpose: service, with: dealer"


def on_event(do: str, more: str = "") -> str:
    """A rule on an event with a list of actions."""
    return f"{EVENT}{more}do: {do}\n{TAIL}"


def findings(text: str) -> list[tuple[str, str]]:
    """(path, message and hint) of each mistake."""
    return [(found.path, f"{found.message} {found.hint}") for found in read(text)[1]]


@pytest.mark.parametrize(
    ("do", "path", "part"),
    [
        ("[{choose: []}]", "do[0].choose", "nothing to choose from"),
        ("[{choose: {}}]", "do[0].choose", "a list is needed"),
        (f"[{{choose: [{{name: a, do: [{TASK}]}}], name: x}}]", "do[0].name", "cannot stand beside `choose`"),
        ("[{choose: [{if: profile.spent > 1, do: []}]}]", "do[0].choose[0]", "'name' is missing"),
        ("[{choose: [{name: a, if: profile.spent > 1}]}]", "do[0].choose[0]", "'do' is missing"),
        ("[{choose: [{name: A!, do: []}]}]", "do[0].choose[0].name", "cannot be a name"),
        ("[{choose: [{name: a, do: []}, {name: b, do: []}]}]", "do[0].choose[1]", "'a' before it always holds"),
        ("[{choose: [{name: a, if: profile.spent > 1, do: []}, {name: a, do: []}]}]", "do[0].choose[1]",
         "two alternatives are called 'a'"),
        ("[{choose: [{name: a, if: profile.spnt > 1, do: []}, {name: b, do: []}]}]", "do[0].choose[0].if",
         "'profile.spent'?"),
        (f"[{{{CASE}, then: [{{do: []}}]}}]", "do[0].then[0]", "nothing says when this follows"),
        (f"[{{{CASE}, then: [{{after: 1h}}]}}]", "do[0].then[0]", "'do' is missing"),
        (f"[{{{CASE}, then: [{{outcome: [], do: []}}]}}]", "do[0].then[0].outcome", "1 to 8 outcomes"),
        (f"[{{{CASE}, then: [{{outcome: No!, do: []}}]}}]", "do[0].then[0].outcome", "is no outcome"),
        (f"[{{{CASE}, then: [{{after: 1h, unless: {{where: event.x > 1}}, do: []}}]}}]", "do[0].then[0].unless",
         "'event' is missing"),
        (f"[{{{CASE}, then: [{{after: 1h, if: event.amount > 1, do: []}}]}}]", "do[0].then[0].if",
         "read as `cause.<field>` here"),
        (f"[{{{CASE}, then: [{{after: 1h, if: outcome.slot == 1, do: []}}]}}]", "do[0].then[0].if",
         "what follows has no 'outcome.slot'"),
        (f"[{{{CASE}, then: [{{after: 1h, unless: {{event: a, where: profile.spent > 1}}, do: []}}]}}]",
         "do[0].then[0].unless.where", "The profile is asked in `guard` and `if`."),
        (f'[{{{CASE}, then: [{{after: 1h, unless: {{event: a, where: has_open("case")}}, do: []}}]}}]',
         "do[0].then[0].unless.where", "use it in `guard` or `if`"),
        (f"[{{{CASE}, then: [{{after: 1h, do: [{{task: {{queue: q, subject: '{{event.x}}'}}}}]}}]}}]",
         "do[0].then[0].do[0].task.subject", "not known here"),
        (f"[{{{CASE}, then: [{{after: 1h, do: [{TASK}, {TASK}]}}]}}]", "do[0].then[0].do[1]", "two actions"),
        ("[{suppress: {purposes: [marketing], until: {rest: 1d, at_most: 2d}}}]", "do[0].suppress.until.rest",
         "Add `all:` or `any:`"),
        ("[{suppress: {purposes: [marketing], until: {all: [{event: a}]}}}]", "do[0].suppress.until",
         "nothing bounds how long it lasts"),
        ("[{suppress: {purposes: [marketing]}}]", "do[0].suppress", "'until' is missing"),
        ("[{suppress: {until: {at_most: 2d}}}]", "do[0].suppress", "nothing is said to rest"),
        ("[{suppress: {purposes: [safety], until: {at_most: 2d}}}]", "do[0].suppress.purposes", "never rests"),
        ("[{suppress: {purposes: [marketin], until: {at_most: 2d}}}]", "do[0].suppress.purposes", "not declared"),
        ("[{suppress: {purposes: [service], until: {all: [], any: [], at_most: 2d}}}]", "do[0].suppress.until.any",
         "cannot stand beside"),
        ("[{suppress: {items: ['{evnt.x}'], until: {at_most: 2d}}}]", "do[0].suppress.items[0]", "not known here"),
        ("[{suppress: {items: [a], until: {all: [{event: a, where: cause.x == cas.x}], at_most: 2d}}}]",
         "do[0].suppress.until.all[0].where", "has no 'cas.x'"),
        ("[{set_stage: {for: 1d}}]", "do[0].set_stage", "'stage' is missing"),
        ("[{set_stage: {stage: A B}}]", "do[0].set_stage.stage", "cannot be a stage"),
        ("[{set_stage: {stage: a, for: ever}}]", "do[0].set_stage.for", "is not a duration"),
        ("[{offer_appointment: {purpose: service}}]", "do[0].offer_appointment", "'with' is missing"),
        (f"[{{{OFFER}, slots: 0}}}}]", "do[0].offer_appointment.slots", "from 1 to 16"),
        (f"[{{{OFFER}, calendars: [a b]}}}}]", "do[0].offer_appointment.calendars", "is no role"),
        (f"[{{{OFFER}, reserve: {{if: profile.spent > 1}}}}}}]", "do[0].offer_appointment.reserve", "is missing"),
        (f"[{{{OFFER}, reserve: {{what: car, if: profile.spnt > 1}}}}}}]", "do[0].offer_appointment.reserve.if",
         "'profile.spent'?"),
        (f"[{{{OFFER}, attach: [slot]}}}}]", "do[0].offer_appointment.attach", "cannot be attached here"),
        ("[{start_process: {order: o}}]", "do[0].start_process", "'process' is missing"),
        ("[{start_process: {process: p, order: [1]}}]", "do[0].start_process.order", "a text is needed"),
        ("[{start_process: {process: p, a b: x}}]", "do[0].start_process.a b", "is not a name"),
        ("[{start_process: {process: p, order: '{evnt.x}'}}]", "do[0].start_process.order", "not known here"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_place(do: str, path: str, part: str) -> None:
    """One mistake gives one finding at its path, with what to do."""
    ((where, said),) = findings(on_event(do))
    assert where == path
    assert part in said


def test_what_follows_reads_what_began_it_the_outcome_and_the_profile() -> None:
    """And so does what is done then, and what follows that."""
    then = (
        "[{outcome: booked, if: outcome.price < cause.amount and profile.spent > 1, "
        "do: [{task: {queue: q, subject: '{outcome.slot} {cause.order}', attach: [slot, event]}, "
        "then: [{after: 1d, if: cause.amount > 3, do: []}]}]}]"
    )
    (offer,) = right(on_event(f"[{{{OFFER}}}, then: {then}}}]")).do["raised"]
    assert isinstance(offer, ActionEntry)
    (booked,) = offer.then
    assert booked.condition is not None
    assert booked.condition.names == {"outcome.price", "cause.amount", "profile.spent"}
    (nothing,) = findings(
        on_event(f"[{{{OFFER}}}, then: {then.replace('cause.amount > 3', 'outcome.slot > 3')}}}]")
    )
    assert nothing[0] == "do[0].then[0].do[0].then[0].if"


def test_a_rule_on_readings_reads_its_alarm_when_something_follows() -> None:
    """Its columns are among those that the evidence must hold, wherever they are named."""
    do = (
        "do: {raised: [{open_case: {about: engine}, then: [{after: 1d, if: battery_v < 11, "
        "do: [{task: {queue: q, subject: '{device} {door_open}', attach: [evidence]}}]}]}]}\n"
    )
    rule = right(device_rule("{run: 3, of: coolant_c > 9}", ENDS + do))
    assert rule.reads == ("coolant_c", "battery_v", "door_open")


def test_one_kind_may_stand_in_several_alternatives_but_not_beside_them() -> None:
    """Of alternatives one is done; what stands beside a choice is done too, and another choice chooses as well."""
    choice = f"{{choose: [{{name: a, if: profile.spent > 1, do: [{TASK}]}}, {{name: b, do: [{TASK}]}}]}}"
    (choose,) = right(on_event(f"[{choice}]")).do["raised"]
    assert isinstance(choose, Choose)
    assert [len(each.do) for each in choose.alternatives] == [1, 1]
    for both in (f"[{choice}, {TASK}]", f"[{TASK}, {choice}]", f"[{choice}, {choice}]"):
        ((path, said),) = findings(on_event(both))
        assert path == "do[1]"
        assert "of the kind 'task'" in said
    assert findings(on_event(f"[{TASK[:-1]}, then: [{{after: 1h, do: [{TASK}]}}]}}]")) == []


def test_how_deep_and_how_many_is_bounded() -> None:
    """Lists in lists end somewhere, and so does the number of actions in a rule."""

    def nested(depth: int) -> str:
        return TASK if not depth else f"{{{CASE}, then: [{{after: 1h, do: [{nested(depth - 1)}]}}]}}"

    assert findings(on_event(f"[{nested(MAX_NESTED)}]")) == []
    ((path, said),) = findings(on_event(f"[{nested(MAX_NESTED + 1)}]"))
    assert path.endswith("then[0].do")
    assert "nested deeper than 4" in said
    tasks = ", ".join(f"{{name: t{i}, task: {{queue: q, subject: s}}}}" for i in range(13))
    follow_ups = ", ".join(f"{{after: 1h, do: [{tasks}]}}" for _ in range(5))
    ((path, said),) = findings(on_event(f"[{{{CASE}, then: [{follow_ups}]}}]"))
    assert f"more than {MAX_IN_ALL} actions" in said


def test_a_purpose_above_those_that_are_declared_may_rest() -> None:
    """`marketing` is `marketing.cart` and whatever is declared below it later."""
    (entry,) = right(on_event("[{suppress: {purposes: [marketing], until: {at_most: 2d}}}]")).do["raised"]
    assert isinstance(entry, ActionEntry)
    assert entry.suppress is not None
    assert (entry.suppress.until.events, entry.suppress.until.rest) == ((), 0)


FIVE = """\
rule: five
event: order.placed
look_up: {stock: {from: inventry, key: event.sku, within: 5s}}
do:
  - choose:
      - name: dear
        if: profile.spend > 1000
        do:
          - suppress: {purposes: [marketing], until: {all: [{event: a.b, were: event.x == 1}], at_most: 9d}}
      - name: other
        do:
          - notify: {to: buyer, purpose: servce, template: t}
            then:
              - {outcome: accepted, after: soon, do: []}
limits: [{per: rule, at_most: 10, every: 1h}]
"""


def test_five_mistakes_at_once_each_with_line_path_and_hint() -> None:
    """However deep they lie, all are told in one go."""
    assert [(found.line, found.path, found.hint) for found in read(dedent(FIVE))[1]] == [
        (3, "look_up.stock.from", "Did you mean 'inventory'?"),
        (7, "do[0].choose[0].if", "Did you mean 'profile.spent'?"),
        (9, "do[0].choose[0].do[0].suppress.until.all[0].were", "Did you mean 'where'?"),
        (12, "do[0].choose[1].do[0].notify.purpose", "Did you mean 'service'?"),
        (14, "do[0].choose[1].do[0].then[0].after", "Write it with a unit, e.g. 500ms, 10s, 1h30m, 7d."),
    ]
