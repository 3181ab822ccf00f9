"""`telltale why --device`: why a rule was raised for a device, or what was still missing, from both sources."""

from __future__ import annotations

import json

import pytest

from flows.ids import partition_of
from flows.schema import Decision, encode

START = 1_709_280_000_000  # 2024-03-01 08:00:00 UTC
HOT = ("why", "--device", "veh-1", "--rule", "engine-overheating")

WINDOW = """
rule: fast-hour
stream: vehicle
when:
  window: 1m
  mean: speed_kmh
  of: value >= 100
ends: {silent: 1h}
do:
  raised:
    - task: {queue: fleet, subject: "{device} is fast"}
limits:
  - {per: rule, at_most: 10, every: 1h}
"""


# The clock of a shard is that of its partition: whose readings move it must be in the same.
OTHER = next(
    f"veh-{i}" for i in range(2, 99) if partition_of(f"veh-{i}".encode(), 4) == partition_of(b"veh-1", 4)
)


def readings(device: str, field: str, *values: float | None, step: int = 10_000, start: int = START):
    """Messages of a device, ten seconds apart; None is a reading without the field."""
    return [
        {"device": device, "at": start + i * step, **({} if value is None else {field: value})}
        for i, value in enumerate(values)
    ]


CLIMB = readings("veh-1", "coolant_c", 90, 90, 105, 107, 106, 109, 108, 111, 110, 113, 112, 115)
SHORT = CLIMB[:-1]
STUCK = readings("veh-1", "coolant_c", 90, *[106] * 12)
COOLED = readings("veh-1", "coolant_c", 105, 107, 109, 99, 106)


@pytest.fixture(params=["topic", "archive"])
def ask(request, bus, telltale, project):
    """Asks about messages that lie on the topic, or in an archive."""

    def asking(messages, *arguments):
        if request.param == "topic":
            writer = bus.writer()
            for message in messages:
                writer.write("telemetry", encode(message), key=message["device"].encode())
            writer.write("things", b'{"hot_c": 105}', key=b"veh-1")
            writer.close()
            return telltale(*arguments)
        archive, things = project / "may.jsonl", project / "things.csv"
        archive.write_bytes(b"\n".join(encode(message) for message in messages))
        things.write_text("device,hot_c\nveh-1,105\n")
        return telltale(*arguments, "--archive", archive, "--things", things)

    return asking


def test_a_raise_is_told_with_its_reasons(ask):
    """Each reading with how far it was, and why it was raised."""
    said = ask(CLIMB, *HOT)
    assert (said.code, said.err) == (0, "")
    assert said.lines[0].split() == ["2024-03-01", "UTC", "coolant_c", "holds", "so", "far"]
    assert said.lines[1].strip() == "… 2 readings, condition never true …"
    nine, raised = said.lines[10], said.lines[11]
    assert nine.split() == ["08:01:40", "112", "yes", "9", "of", "10;", "rise", "8", "of", "5"]
    assert raised.endswith("RAISED warning")
    assert said.lines[-1].startswith(
        "Raised warning at 2024-03-01 08:01:50, because coolant_c >= device.hot_c in 10 readings in a row "
        "(it needs 10), and coolant_c rose by 9 (it needs 5) (device.hot_c 105)."
    )


@pytest.mark.parametrize(
    ("messages", "needles"),
    [
        (SHORT, ["Not raised by 2024-03-01 08:01:40: 9 of 10; rise 8 of 5."]),
        (STUCK, ["12 of 10; rise 0 of 5."]),
        (
            COOLED,
            [
                "1 of 10.",
                "The run of 3 readings was broken at 2024-03-01 08:00:30: coolant_c >= device.hot_c was false "
                "(coolant_c 99, device.hot_c 105).",
            ],
        ),
        (
            [*CLIMB[:6], *readings("veh-1", "coolant_c", 112, start=START + 300_000)],
            ["a gap of 4m10s since 2024-03-01 08:00:50, over max_gap 2m"],
        ),
        (
            readings("veh-1", "speed_kmh", 50, 60),
            ["In all 2 readings the condition was unknown, because there was no coolant_c."],
        ),
    ],
)
def test_a_raise_that_did_not_come_says_what_was_missing(ask, messages, needles):
    """One short, a rise too small, a value below, a gap, or the field not there."""
    said = ask(messages, *HOT)
    assert said.code == 0
    for needle in needles:
        assert needle in said.out


def test_a_moment_is_asked_for_in_several_ways(ask, telltale):
    """The reading at it counts, none behind it."""
    said = ask(CLIMB, *HOT, "--at", "2024-03-01 08:01:45")
    assert "9 of 10; rise 8 of 5." in said.lines[-1]
    same = ask([], *HOT, "--at", str(START + 105_000)) if "--archive" not in said.err else said
    assert same.code == 0
    wrong = telltale(*HOT, "--at", "noon")
    assert (wrong.code, wrong.out) == (2, "")
    assert "--at 'noon' is not a time" in wrong.err


def test_json_is_one_object_a_reading_and_the_verdict(ask):
    """For who reads it with a program."""
    found = [json.loads(line) for line in ask(SHORT, *HOT, "-o", "json").lines]
    assert len(found) == len(SHORT) + 1
    assert found[-2]["standing"]["patterns"][0]["length"] == 9
    assert found[-2]["values"] == {"coolant_c": 112}
    assert (found[-1]["outcome"], found[-1]["missing"]) == ("not_raised", ["9 of 10; rise 8 of 5"])


def test_a_window_is_told_as_it_closes(ask, project):
    """With its value, and the next close."""
    (project / "rules" / "fast-hour.yaml").write_text(WINDOW)
    slow = readings("veh-1", "speed_kmh", *[90] * 6, *[120] * 7, *[80] * 9)
    said = ask(slow, "why", "--device", "veh-1", "--rule", "fast-hour")
    assert said.code == 0
    assert "window to 08:01:00 closed: mean 90, not value >= 100" in said.out
    assert "window to 08:02:00 closed: mean 120, value >= 100; RAISED at 08:02:00" in said.out
    assert (
        "Raised at 2024-03-01 08:02:00, because the window up to 2024-03-01 08:02:00 closed with a mean of "
        in (said.lines[-1])
    )


def test_an_absence_says_since_when_nothing_was_heard(ask):
    """How long is missing, or that it was raised."""
    others = readings(OTHER, "speed_kmh", *[50] * 60)
    quiet = sorted([*readings("veh-1", "speed_kmh", 50, 50), *others], key=lambda one: one["at"])
    silent = ("why", "--device", "veh-1", "--rule", "vehicle-silent")
    early = ask(quiet, *silent, "--at", "2024-03-01T08:05:10Z")
    assert "silent 5m of 10m. It was last heard with a reading of 2024-03-01 08:00:10." in early.lines[-1]


def test_an_absence_that_was_raised_says_so(ask):
    """By the clock of the other devices."""
    others = readings(OTHER, "speed_kmh", *[50] * 90)
    quiet = sorted([*readings("veh-1", "speed_kmh", 50, 50), *others], key=lambda one: one["at"])
    said = ask(quiet, "why", "--device", "veh-1", "--rule", "vehicle-silent", "--at", "2024-03-01 08:12")
    assert "because nothing was heard of it since 2024-03-01 08:00:10 for 10m." in said.lines[-1]


def test_a_device_nobody_knows_gets_the_nearest(ask):
    """And one that is known, but not up to that time, is told so."""
    said = ask(CLIMB, "why", "--device", "veh-11", "--rule", "engine-overheating")
    assert (said.code, said.out) == (0, "")
    assert "The device 'veh-11' is unknown on the stream 'vehicle'" in said.err
    assert "Did you mean 'veh-1'?" in said.err
    early = ask([] if "telemetry)" in said.err else CLIMB, *HOT, "--at", "2023-01-01")
    assert (early.code, early.out) == (0, "")
    assert "Nothing of 'veh-1'" in early.err


def test_long_stretches_are_folded_unless_all_is_wanted(ask, project):
    """Forty runs that broke: twenty readings with news, or every one."""
    messages = readings("veh-1", "coolant_c", *[90, 106] * 40)
    said = ask(messages, *HOT)
    assert len(said.lines) < 30
    assert "readings …" in said.lines[1]
    every = ask([] if not (project / "may.jsonl").exists() else messages, *HOT, "--all")
    assert sum(line.startswith("08:") for line in every.lines) == 80


def test_what_was_decided_on_the_raise_is_one_line(bus, telltale):
    """With the way to more of it."""
    writer = bus.writer()
    for message in CLIMB:
        writer.write("telemetry", encode(message), key=b"veh-1")
    writer.write("things", b'{"hot_c": 105}', key=b"veh-1")
    writer.flush()
    episode = json.loads(telltale(*HOT, "-o", "json").lines[-1])["episode"]
    decision = Decision(
        id=f"{episode}.1",
        number=1,
        tenant="default",
        customer="c-1",
        rule="engine-overheating",
        rule_set=1,
        trigger=f"{episode}.1",
        transition="raised",
        device="veh-1",
        episode=episode,
        at=START,
        decided_at=START,
        subject="device:veh-1",
        verdict="refused",
        reason="guard",
    )
    writer.write("decisions", encode(decision), key=b"c-1")
    writer.close()
    said = telltale(*HOT)
    assert said.lines[-1] == f"Decided when raised: refused: guard  (telltale why {episode})"


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (("why",), "Either an ID, --customer or --device is needed"),
        (("why", "x", "--device", "d", "--rule", "r"), "ID and --device do not go together"),
        (("why", "--customer", "c", "--device", "d"), "--customer and --device do not go together"),
        (("why", "--device", "d"), "Which rule is meant must be said"),
        (("why", "--customer", "c", "--at", "-10m"), "--at goes with --device, not with --customer"),
        (("why", "--all"), "--all goes with --device"),
        ((*HOT, "--all", "--last", "3"), "--last and --all do not go together"),
        ((*HOT, "--since", "soon"), "--since 'soon' is not a duration"),
        ((*HOT, "--things", "things.csv"), "--things goes with --archive"),
        (("why", "--device", "d", "--rule", "engine-overheatin"), "Did you mean 'engine-overheating'?"),
        (("why", "--device", "d", "--rule", "complaint"), "decides on events of the type complaint.opened"),
    ],
)
@pytest.mark.usefixtures("bus")
def test_what_does_not_go_together_is_refused(telltale, arguments, needle):
    """With what to write instead."""
    said = telltale(*arguments)
    assert (said.code, said.out) == (2, "")
    assert needle in said.err


def test_a_disabled_rule_is_asked_all_the_same(ask, project):
    """And it is said that nothing watches it."""
    file = project / "rules" / "engine-overheating.yaml"
    file.write_text(file.read_text().replace("mode: live", "mode: disabled"))
    said = ask(CLIMB, *HOT)
    assert "is disabled, so nothing watches it" in said.err
    assert "Raised warning at" in said.out


@pytest.mark.usefixtures("project")
def test_a_clock_that_is_years_ahead_is_named(telltale, tmp_path):
    """In an archive nothing is from the future, so one wrong clock ends every silence; --at leaves it out."""
    archive = tmp_path / "may.jsonl"
    wrong = readings("veh-9", "coolant_c", 90, start=START + 9 * 365 * 86_400_000)
    archive.write_bytes(b"\n".join(encode(message) for message in [*COOLED, *wrong]))
    silent = ("why", "--device", "veh-1", "--rule", "vehicle-silent", "--archive", archive)
    assert "Some clock in what was read says 2033-" in telltale(*silent).err
    assert telltale(*silent, "--at", str(START + 60_000)).err == ""
