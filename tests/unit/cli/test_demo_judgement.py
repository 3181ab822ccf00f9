"""The demonstration judges itself: all that was planted must be on the topics, and nothing else."""

from __future__ import annotations

import msgspec
import pytest

from flows.demo.fleet import TOLD, plan_for, planted_vehicles
from flows.demo.folder import make_folder
from flows.demo.judgement import Judgement, judge
from flows.errors import FolderTaken
from flows.schema import Account, Alarm, DeadLetter, encode
from flows.simulator.expectation import expected
from flows.simulator.truths import Counts, total
from tests.unit.cli.planned_people import Planned

PLAN = plan_for(1_772_352_000_000, 30.0)
TRUTHS = expected(PLAN, "paced")
PEOPLE = Planned(PLAN)
LETTERS = total([TRUTHS.counts, Counts(dead_letters=PEOPLE.truths.dead_letters)]).dead_letters


def alarms() -> list[Alarm]:
    """Every alarm that the plan must bring, as soon as it may come."""
    return [
        Alarm(
            id=f"e{i}.1",
            episode=f"e{i}",
            number=1,
            tenant="default",
            rule=one.rule,
            rule_set=1,
            stream="vehicle",
            device=one.device,
            transition=one.transition,
            severity=one.severity,
            at=one.not_before,
            opened_at=one.not_before,
            partition=0,
            stale=bool(one.stale),
        )
        for i, one in enumerate(TRUTHS.alarms)
    ]


def judged(bus, found: list[Alarm], letters: dict[str, int]) -> Judgement:
    """The judgement on these alarms and dead letters, with every reading accounted for."""
    counts = TRUTHS.counts
    account = Account(
        topic="telemetry",
        partition=0,
        first=0,
        next=counts.messages,
        messages=counts.messages,
        taken=counts.taken,
        late=counts.late,
        duplicate=counts.duplicate,
        future=counts.future,
        dead=counts.dead,
    )
    writer = bus.writer()
    writer.write("accounts", encode(account), key=b"telemetry/0")
    for alarm in found:
        writer.write("alarms", encode(alarm), key=alarm.device.encode())
    for reason, count in letters.items():
        letter = DeadLetter(topic="t", partition=0, offset=0, reason=reason, message="", value=b"")
        for _ in range(count):
            writer.write("dead-letters", b"", headers=letter.headers())
    writer.close()
    people = Planned(PLAN)
    newsroom = people.newsroom(bus)
    try:
        newsroom.look()
        return judge(PLAN, people.plan, newsroom)
    finally:
        newsroom.close()


def test_all_that_was_planted_is_right(bus):
    """Each truth has a line with as many alarms as it wants, and a repeat of the same alarm is none."""
    found = alarms()
    result = judged(bus, [*found, found[0]], LETTERS)
    assert result.right
    assert sum(line.came for line in result.truths) == len(found)
    assert all(line.wanted == line.came and line.unwanted == 0 for line in result.truths)
    assert sum(line.vehicles for line in result.truths) == PLAN.vehicles


def test_an_alarm_that_did_not_come_is_missed(bus):
    """It is one less in the line of its truth."""
    result = judged(bus, alarms()[1:], LETTERS)
    assert not result.right
    assert result.comparison.missing == TRUTHS.alarms[:1]
    assert sum(line.wanted - line.came for line in result.truths) == 1


@pytest.mark.parametrize(
    "changed", [{"device": "veh-0000000"}, {"at": TRUTHS.alarms[0].not_after + 3_600_000}, {"rule": "other"}]
)
def test_an_alarm_that_should_not_have_come_is_noticed(bus, changed):
    """Of another device, at another time or of another rule."""
    found = alarms()
    extra = msgspec.structs.replace(found[0], id="x.1", episode="x", **changed)
    result = judged(bus, [*found, extra], LETTERS)
    assert not result.right
    assert result.comparison.unexpected == (extra,)
    assert sum(line.unwanted for line in result.truths) == 1


def test_an_alarm_with_two_contents_is_noticed(bus):
    """One id must not say two things."""
    found = alarms()
    other = msgspec.structs.replace(found[0], explanation="otherwise")
    result = judged(bus, [*found, other], LETTERS)
    assert not result.right
    assert result.comparison.contradicted == (other,)


def test_a_lost_dead_letter_is_a_miscount(bus):
    """Garbage is planted too, and must be found where it belongs."""
    letters = dict(LETTERS)
    letters["not_json"] -= 1
    result = judged(bus, alarms(), letters)
    wanted = LETTERS["not_json"]
    assert result.miscounted == (("dead letters not_json", wanted, wanted - 1),)
    assert not result.right


def test_every_planted_truth_has_words():
    """The closing table names each."""
    assert set(planted_vehicles(PLAN)) == set(TOLD)


def test_the_engines_that_overheat_while_driving_do_so_when_pulling_over_still_helps():
    """The seed is chosen for it: their escalations are less than ten minutes old when they are sent."""
    for one in TRUTHS.alarms:
        if one.truth == "overheating" and one.transition == "escalated":
            told_after = (one.not_before - PLAN.start) / PLAN.duration
            lag = (1 - told_after) * (PLAN.duration - 30_000)
            assert lag < 9.5 * 60_000


def test_the_folder_is_made_anew_only_when_it_is_a_demonstrations(tmp_path):
    """What somebody else keeps there is not removed."""
    folder = tmp_path / "demo"
    assert make_folder(folder, "first").exists()
    (folder / "left").touch()
    assert "first" in (folder / "telltale.toml").read_text()
    assert make_folder(folder, "second").exists()
    assert "first" not in (folder / "telltale.toml").read_text()
    assert not (folder / "left").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").touch()
    with pytest.raises(FolderTaken, match="--folder"):
        make_folder(mine, "third")
    assert (mine / "thesis.txt").exists()
