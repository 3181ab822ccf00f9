"""`telltale silence`, `telltale actions` and `telltale rules report`: what holds rules back, and what they came to."""

from __future__ import annotations

import json
import time

import pytest

from flows.cli import scan
from flows.rules.braking import Brakes
from flows.schema import Action, Audit, Brake, Check, CloudEvent, Decision, Outcome, PlannedAction, encode
from flows.topics.names import TopicNames

NOW = round(time.time() * 1000)
DAY = 86_400_000
NAMES = TopicNames()


def action(name: str, **more) -> Action:
    """An action that is still worth doing."""
    return Action(
        **{
            "id": f"act-{name}", "name": name, "kind": "notify", "lane": "normal", "tenant": "default",
            "customer": "c-1", "rule": "complaint", "rule_set": 1, "decision": f"d-{name}", "at": NOW,
            "valid_until": NOW + DAY, **more,
        }
    )  # fmt: skip


def decision(name: str, planned: tuple[PlannedAction, ...] = (), **more) -> Decision:
    """A decision on an event."""
    return Decision(
        **{
            "id": f"d-{name}", "number": 1, "tenant": "default", "customer": "c-1", "rule": "complaint",
            "rule_set": 1, "trigger": name, "at": NOW, "decided_at": NOW, "verdict": "acted",
            "actions": planned, **more,
        }
    )  # fmt: skip


def outcome(name: str, **more) -> CloudEvent:
    """What became of an action, as it stands on its topic."""
    said = {"status": "accepted", **more}
    data = Outcome(
        id=f"act-{name}", tenant="default", customer="c-1", kind="notify", at=NOW, connector="o", **said
    )
    return CloudEvent(id=data.id, source="s", type="t", subject="c-1", time="2026-03-01T08:02:20Z", data=data)


def write(bus, topic: str, *messages: object) -> None:
    """Put messages of the customer c-1 on a topic."""
    writer = bus.writer()
    for message in messages:
        writer.write(topic, encode(message), key=b"c-1")
    writer.close()


@pytest.fixture
def published(bus, telltale):
    """The starter's rules in force."""
    assert telltale("rules", "publish").code == 0
    return bus


def brakes(bus) -> list[Brake]:
    """Those in force."""
    found = Brakes(bus, NAMES, "default", lambda: round(time.time() * 1000))
    found.poll()
    held = list(found.active())
    found.close()
    return held


def audits(bus) -> list[Audit]:
    """All audited commands."""
    return sorted(scan.values(bus, NAMES.audit, Audit), key=lambda entry: entry.at)


def test_a_silence_is_in_force_with_what_it_matches_and_stands_in_the_audit(published, telltale) -> None:
    """What was asked for is what the flow will read, and who asked why is written down."""
    said = telltale(
        "silence", "add", "--rule", "engine-overheating", "--match", "model=m3", "--for", "2h",
        "--reason", "sensor recall", "--who", "ada",
    )  # fmt: skip
    assert said.code == 0
    (brake,) = brakes(published)
    assert (brake.kind, brake.rule, brake.match, brake.safety) == (
        "silence", "engine-overheating", {"device.model": "m3"}, False,
    )  # fmt: skip
    assert brake.until is not None
    assert brake.until - brake.at == 7_200_000
    (entry,) = audits(published)
    assert (entry.who, entry.command, entry.reason) == ("ada", "silence add", "sensor recall")
    assert "model=m3" in telltale("silence", "list").out


def test_a_silence_that_is_removed_or_over_holds_nothing_back(published, telltale) -> None:
    """It ends by command or by its time; a new rule set does not end it."""
    telltale("silence", "add", "--rule", "complaint", "--reason", "x", "--for", "1ms")
    telltale("silence", "add", "--rule", "check-engine", "--reason", "x")
    found = [brake.rule for brake in brakes(published)]
    assert found == ["check-engine"]
    assert telltale("silence", "remove", brakes(published)[0].id[:4], "--reason", "over").code == 0
    assert brakes(published) == []
    assert telltale("silence", "list").out == ""
    assert [entry.command for entry in audits(published)] == ["silence add", "silence add", "silence remove"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rule", "complain"), "complaint"),
        ((), "Give --rule"),
        (("--rule", "complaint", "--for", "2 hours"), "2h"),
        (("--rule", "complaint", "--match", "model"), "--match"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused_with_a_hint(published, telltale, arguments, said) -> None:
    """Nothing is put in force, nor written down."""
    refused = telltale("silence", "add", "--reason", "x", *arguments)
    assert refused.code == 2
    assert said in refused.err
    assert brakes(published) == []
    assert audits(published) == []


def test_what_is_held_can_be_listed_and_goes_out_once(bus, telltale) -> None:
    """Neither what is too late nor what has gone out or has an outcome is released, and a second time nothing is."""
    held = [
        PlannedAction(action=each, status="held")
        for each in (
            action("a"),
            action("late", valid_until=NOW - 1),
            action("done"),
            action("other", rule="x"),
        )
    ]
    write(bus, NAMES.decisions, *[decision(p.action.name, (p,), verdict="held") for p in held])
    write(bus, NAMES.outcomes, outcome("done"))
    listed = [
        json.loads(line)["action"] for line in telltale("actions", "list", "-o", "json").out.splitlines()
    ]
    assert sorted(listed) == ["act-a", "act-other"]
    assert (
        telltale("actions", "release", "--rule", "complaint", "--reason", "fine").out
        == "1 action released.\n"
    )
    (sent,) = scan.values(bus, NAMES.actions("notify", "normal"), CloudEvent)
    assert sent.id == "act-a"
    assert (
        "Nothing is held back" in telltale("actions", "release", "--rule", "complaint", "--reason", "x").err
    )
    assert [entry.command for entry in audits(bus)] == ["actions release"]


def test_a_pause_holds_until_it_is_resumed(published, telltale) -> None:
    """Pausing and resuming are brakes that come and go."""
    assert telltale("actions", "pause", "--kind", "notify", "--reason", "template").code == 0
    (brake,) = brakes(published)
    assert (brake.kind, brake.action, brake.rule) == ("pause", "notify", "")
    assert telltale("actions", "resume", "--reason", "mended").code == 0
    assert brakes(published) == []
    assert "Nothing is paused" in telltale("actions", "resume", "--reason", "again").err


def test_the_report_counts_what_each_rule_came_to(bus, telltale) -> None:
    """Raised, acted, delivered and resolved, held out, and the check that refused; what is older does not count."""
    guard, share = Check(kind="guard", text="g", result=False), Check(kind="share", text="1 %", result=False)
    went = PlannedAction(action=action("a"), status="published")
    write(
        bus,
        NAMES.decisions,
        decision("a", (went,)),
        decision("b", verdict="refused", checks=(guard,)),
        decision("c", verdict="refused", checks=(guard,)),
        decision("d", verdict="refused", checks=(share,)),
        decision("e", variant="held_out", verdict="refused"),
        decision("f", follows="act-a"),
        decision("old", decided_at=NOW - 8 * DAY),
        decision("g", rule="another"),
    )
    write(bus, NAMES.outcomes, outcome("a"), outcome("a", result="resolved"))
    found = [json.loads(line) for line in telltale("rules", "report", "-o", "json").out.splitlines()]
    assert [row["rule"] for row in found] == ["another", "complaint"]
    row = found[1]
    counted = {
        name: row[name] for name in ("raised", "acted", "delivered", "resolved", "held_out", "refused")
    }
    assert counted == {
        "raised": 5, "acted": 2, "delivered": 1, "resolved": 1, "held_out": 1, "refused": "guard 2, share 1",
    }  # fmt: skip
    assert [
        r["rule"]
        for r in map(
            json.loads, telltale("rules", "report", "--rule", "another", "-o", "json").out.splitlines()
        )
    ] == ["another"]
    assert "Nothing was decided" in telltale("rules", "report", "--rule", "none").err
