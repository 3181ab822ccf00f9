"""Reading of actions, limits and rules on events."""

from __future__ import annotations

import pytest

from flows.expressions import parse
from flows.rules.model import ActionEntry, Limit
from tests.unit.rules.mistakes import ENDS, TAIL, device_rule, read, right

EVENT = "rule: e\nevent: order.placed\n"


def with_do(raised: str) -> str:
    """A rule on readings with one list of actions."""
    return device_rule("{run: 3, of: coolant_c > 9}", f"{ENDS}do: {{raised: {raised}}}\n")


def test_actions_have_their_kind_name_condition_and_parameters() -> None:
    """A name defaults to the kind, a notification goes to the deciding role unless it says otherwise."""
    rule = right(
        device_rule(
            "{run: 3, of: coolant_c > 9}",
            f"""\
{ENDS}customer: buyer
do:
  raised:
    - open_case: {{about: engine, queue: roadside, subject: "Hot: {{device}}", attach: [evidence]}}
      if: not profile.has_open("case", "engine")
    - notify: {{purpose: service, template: hot}}
      valid_for: 2h
    - notify: {{to: driver, purpose: service, template: hot}}
      name: to-driver
  cleared: [{{close_case: {{about: engine}}}}]
""",
        ).replace("    - notify: {purpose", "    - name: to-buyer\n      notify: {purpose")
    )
    case, buyer, driver = rule.do["raised"]
    assert case == ActionEntry(
        name="open_case",
        kind="open_case",
        about="engine",
        condition=parse('not profile.has_open("case", "engine")'),
        parameters={"queue": "roadside", "subject": "Hot: {device}", "attach": ["evidence"]},
    )
    assert (buyer.name, buyer.to, buyer.valid_for) == ("to-buyer", "buyer", 7_200_000)
    assert (driver.name, driver.to, driver.purpose) == ("to-driver", "driver", "service")
    assert rule.do["cleared"] == (ActionEntry(name="close_case", kind="close_case", about="engine"),)


@pytest.mark.parametrize(
    ("raised", "path", "part"),
    [
        ("[{open_case: {queue: q}}]", "do.raised[0].open_case", "'about' is missing"),
        ("[{close_case: {}}]", "do.raised[0].close_case", "'about' is missing"),
        ("[{task: {queue: q}}]", "do.raised[0].task", "'subject' is missing"),
        ("[{notify: {template: t}}]", "do.raised[0].notify", "'purpose' is missing"),
        ("[{notify: {purpose: servic, template: t}}]", "do.raised[0].notify.purpose", "Did you mean 'service'?"),
        ("[{notify: {purpose: safety, template: t}}]", "do.raised[0].notify.purpose", "may not use"),
        ("[{notify: {purpose: service, template: t, tmplate: x}}]", "do.raised[0].notify.tmplate", "Did you mean"),
        ("[{notify: {purpose: service, template: '{devic}'}}]", "do.raised[0].notify.template", "'device'?"),
        ("[{task: {queue: q, subject: s, attach: [slot]}}]", "do.raised[0].task.attach", "cannot be attached"),
        ("[{noitfy: {purpose: service}}]", "do.raised[0].noitfy", "Did you mean 'notify'?"),
        ("[{task: {queue: q, subject: s}, if: profile.spnt > 1}]", "do.raised[0].if", "'profile.spent'?"),
        ("[{task: {queue: q, subject: s}, valid_for: 1}]", "do.raised[0].valid_for", "with a unit"),
        ("[{task: {queue: q, subject: s}, open_case: {about: x}}]", "do.raised[0]", "two actions stand in one"),
        ("[{task: {queue: q, subject: s}, name: A!}]", "do.raised[0].name", "cannot be a name"),
        ("{task: {queue: q, subject: s}}", "do.raised", "a list is needed"),
    ],
)  # fmt: skip
def test_a_wrong_action_is_refused_where_it_is_wrong(raised: str, path: str, part: str) -> None:
    """One mistake gives one finding at its path."""
    found = read(with_do(raised))[1]
    assert [finding.path for finding in found] == [path]
    assert part in str(found[0])


TASK = "{task: {queue: q, subject: s}}"


@pytest.mark.parametrize(
    ("raised", "path", "part"),
    [
        (f"[{TASK}, {TASK}]", "do.raised[1]", "two actions of the kind 'task'"),
        (f"[{TASK}, {TASK[:-1]}, name: b}}]", "do.raised[1]", "has no name"),
        (f"[{TASK[:-1]}, name: b}}, {TASK[:-1]}, name: b}}]", "do.raised[1]", "'b' is taken"),
    ],
)
def test_two_actions_of_one_kind_must_be_named_apart(raised: str, path: str, part: str) -> None:
    """Their ids hang on their names, so an order that changes must not swap them."""
    found = read(with_do(raised))[1]
    assert [finding.path for finding in found] == [path]
    assert part in str(found[0])


def test_an_unknown_transition_is_refused() -> None:
    """`do` knows the five transitions alone."""
    found = read(with_do("[]").replace("raised", "raise"))[1]
    assert "Did you mean 'raised'?" in str(found[0])


def test_limits_are_read_in_milliseconds() -> None:
    """Several may stand beside each other, also of one kind."""
    limits = "limits: [{per: device, at_most: 1, every: 24h}, {per: rule, at_most: 9, every: 1h}]\n"
    rule = right(device_rule("{run: 3, of: coolant_c > 9}").replace(TAIL, limits))
    assert rule.limits == (
        Limit(per="device", at_most=1, every=86_400_000),
        Limit(per="rule", at_most=9, every=3_600_000),
    )


@pytest.mark.parametrize(
    ("limits", "path"),
    [
        ("[{per: car, at_most: 1, every: 1h}, {per: rule, at_most: 1, every: 1h}]", "limits[0].per"),
        ("[{per: rule, at_most: 0, every: 1h}]", "limits[0].at_most"),
        ("[{per: rule, at_most: true, every: 1h}]", "limits[0].at_most"),
        ("[{per: rule, at_most: 1, every: 1}]", "limits[0].every"),
        ("[{per: rule, at_most: 1}]", "limits[0]"),
        ("[{per: device, at_most: 1, every: 1h}]", "limits"),
    ],
)
def test_a_wrong_limit_is_refused(limits: str, path: str) -> None:
    """What bounds a rule must be sure."""
    found = read(device_rule("{run: 3, of: coolant_c > 9}").replace(TAIL, f"limits: {limits}\n"))[1]
    assert [finding.path for finding in found] == [path]


def test_a_rule_on_events_has_a_plain_list_of_actions() -> None:
    """They stand under `raised`, and may read whatever the event holds."""
    rule = right(
        f"{EVENT}guard: event.amount > 9 and profile.spent > 1\n"
        "do: [{open_case: {about: order, subject: '{event.sku}', attach: [event]}}]\n"
        f"explain: 'Ordered {{event.sku}}'\n{TAIL}"
    )
    assert (rule.event, rule.stream, rule.patterns) == ("order.placed", None, ())
    assert [entry.name for entry in rule.do["raised"]] == ["open_case"]


@pytest.mark.parametrize(
    ("text", "path", "part"),
    [
        (f"{EVENT}{TAIL}", "", "'do' is missing"),
        (f"{EVENT}do: []\nwhen: {{run: 3}}\n{TAIL}", "when", "belongs to rules on a stream"),
        (f"{EVENT}do: []\nguard: amount > 1\n{TAIL}", "guard", "read as `event.<field>`"),
        (f"{EVENT}do: {{raised: []}}\n{TAIL}", "do", "a list is needed"),
        (f"{EVENT}do: []\nsequence: []\n{TAIL}", "sequence", "on an event or on a sequence, not both"),
        (f"rule: e\nalarm: hot\ndo: []\n{TAIL}", "alarm", "is not available in this version"),
    ],
)
def test_a_wrong_rule_on_events_is_refused(text: str, path: str, part: str) -> None:
    """What the language has, but not yet here, is told apart from what it never had."""
    found = read(text)[1]
    assert [finding.path for finding in found] == [path]
    assert part in str(found[0])
