"""`telltale why`: decisions told whole, by any id that names them, and why there may be none."""

from __future__ import annotations

import json

import pytest

from flows.schema import (
    Action,
    Alarm,
    Check,
    CloudEvent,
    Decision,
    Identity,
    Outcome,
    PlannedAction,
    Role,
    encode,
)
from flows.sources.identifiers import private

AT = 1_772_352_140_000


def action(name: str, decision: str, **more) -> Action:
    """An action of a decision."""
    return Action(
        id=f"act-{decision}-{name}",
        name=name,
        kind=name,
        lane="normal",
        tenant="default",
        customer="c-1",
        rule="engine-overheating",
        rule_set=1,
        decision=decision,
        at=AT,
        valid_until=AT + 1000,
        **more,
    )


def decision(id_: str, number: int, **more) -> Decision:
    """A decision for the customer c-1."""
    return Decision(
        id=id_,
        number=number,
        tenant="default",
        customer="c-1",
        rule="engine-overheating",
        rule_set=1,
        trigger=id_,
        transition="raised",
        device="veh-1",
        episode=id_.partition(".")[0],
        at=AT,
        decided_at=AT + 500,
        subject="device:veh-1",
        explanation="10 readings in a row",
        **more,
    )


@pytest.fixture
def decided(bus):
    """One decision that acted, and one that its guard refused."""
    done = decision(
        "e1.1",
        1,
        verdict="acted",
        checks=(Check(kind="guard", text="profile.orders < 5", result=True, values={"profile.orders": 2}),),
        actions=(PlannedAction(action=action("notify", "e1.1", to="driver"), status="published"),),
    )
    refused = decision(
        "e2.1",
        2,
        verdict="refused",
        reason="guard",
        checks=(Check(kind="guard", text="profile.orders < 5", result=None),),
        actions=(PlannedAction(action=action("notify", "e2.1"), status="refused", reason="guard"),),
    )
    outcome = Outcome(
        id="act-e1.1-notify",
        tenant="default",
        customer="c-1",
        kind="notify",
        status="accepted",
        at=AT,
        connector="o",
    )
    event = CloudEvent(
        id=outcome.id, source="s", type="t", subject="c-1", time="2026-03-01T08:02:20Z", data=outcome
    )
    writer = bus.writer()
    for each in (done, refused):
        writer.write("decisions", encode(each), key=b"c-1")
    writer.write("decisions", b"not a decision", key=b"c-1")
    writer.write("outcomes", encode(event), key=b"c-1")
    writer.close()
    return bus


@pytest.mark.parametrize("named", ["e1.1", "e1", "act-e1.1-notify"])
@pytest.mark.usefixtures("decided")
def test_what_was_done_is_told_by_any_of_its_ids(telltale, named):
    """Of the decision or alarm, the episode, the action: the checks with their values, and what became of it."""
    said = telltale("why", named)
    assert said.code == 0
    assert said.lines[0] == "engine-overheating raised: acted: notify"
    for needle in (
        "10 readings in a row",
        "profile.orders = 2",
        "published to the driver; outcome: accepted",
    ):
        assert needle in said.out, needle
    assert "2026-03-01 08:02:20 UTC" in said.out


@pytest.mark.usefixtures("decided")
def test_what_was_not_done_is_told_with_the_check_that_refused(telltale):
    """An unknown value is neither yes nor no, and says so."""
    said = telltale("why", "e2.1")
    assert said.lines[0] == "engine-overheating raised: refused: guard"
    assert "unknown  guard, profile.orders < 5" in said.out
    assert "notify  refused: guard" in said.out


@pytest.mark.usefixtures("decided")
def test_all_of_a_customer_come_in_their_order(telltale):
    """As text, and as JSON with every field."""
    rows = [json.loads(line) for line in telltale("why", "--customer", "c-1", "-o", "json").lines]
    assert [row["decision"] for row in rows] == ["e1.1", "e2.1"]
    text = telltale("why", "--customer", "c-1", "--rule", "engine-overheating").out
    assert text.index("acted: notify") < text.index("refused: guard")


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (("why", "nonsense"), "None of 2 decisions is, or was brought about by, or did 'nonsense'."),
        (("why", "--customer", "c-2"), "Did you mean 'c-1'?"),
        (("why", "--customer", "olga"), "The last decisions were for c-1."),
        (("why", "--customer", "c-1", "--rule", "engine-overheat"), "Did you mean 'engine-overheating'?"),
    ],
)
@pytest.mark.usefixtures("decided")
def test_nothing_to_tell_says_why(telltale, arguments, needle):
    """With exit code 0, on standard error."""
    said = telltale(*arguments)
    assert (said.code, said.out) == (0, "")
    assert needle in said.err


def test_an_alarm_that_is_not_decided_yet_is_known_as_one(telltale, decided):
    """The customers flow may lag behind, or be down."""
    alarm = Alarm(
        id="e9.1",
        episode="e9",
        number=1,
        tenant="default",
        rule="battery-decline",
        rule_set=1,
        stream="vehicle",
        device="veh-2",
        transition="raised",
        at=AT,
        opened_at=AT,
        partition=0,
    )
    writer = decided.writer()
    writer.write("alarms", encode(alarm), key=b"veh-2")
    writer.close()
    assert (
        "an alarm of battery-decline that the customers flow has not decided yet"
        in telltale("why", "e9.1").err
    )


@pytest.mark.usefixtures("bus")
def test_before_any_decision_it_says_what_may_be_missing(telltale):
    """No rule raised anything, or nothing runs."""
    assert "Nothing was decided yet" in telltale("why", "x").err


@pytest.mark.usefixtures("decided")
def test_a_customer_is_told_of_by_any_handle(telltale, bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an address, by an id that was merged away, and by the car that is leased until some day to come."""
    monkeypatch.setenv("TELLTALE_TENANT_KEY", "a secret of this test")
    lessee = Role(role="owner", customer="c-1", since=1, until=1 << 52)
    writer = bus.writer()
    for key, entry in (
        (private("email:ada@example.org", b"a secret of this test"), Identity(number=1, customer="c-0")),
        ("c-0", Identity(number=2, survivor="c-1")),
        ("device:veh-1", Identity(number=3, roles=(lessee,))),
        ("c-9", Identity(number=4, erased=True)),
    ):
        writer.write("identity", encode(entry), key=key.encode())
    writer.close()
    whole = telltale("why", "--customer", "c-1").out
    assert "e1.1" in whole
    for handle in ("email:Ada@example.org", "c-0", "device:veh-1"):
        assert telltale("why", "--customer", handle).out == whole
    assert "was erased" in telltale("why", "--customer", "c-9").err
    assert telltale("why", "--customer", "email:none").code == 2
