"""Three hours down, then catching up: being behind never looks like silence, and nothing is done that is too late.

The product runs as processes by a clock of the test's, which stands hours behind the wall clock and is moved on five
minutes at a time, each time with all that happens in them. First customers are down, later devices, then identity.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from flows.audit import write_audit
from flows.identity.judgements import ERASE
from flows.schema import Decision, Outcome
from flows.simulator.plan import MINUTE
from flows.sources.identifiers import private
from tests.buses import Bus
from tests.integration.downtime import (
    BEFORE,
    ERASED_AT,
    HOT,
    LONG,
    PAUSING,
    SILENT,
    Cast,
    readings,
)
from tests.integration.hand import PARTS
from tests.integration.nursery import Nursery
from tests.integration.settled import published as wanted
from tests.integration.town import CONFIGURATION, Sent, Town, a_town
from tests.integration.who import Who

EPOCH_S = 0.2
STEP = 5
DOWN = ("customers", "devices", "identity")
PURPOSES = """
purposes:
  safety: {lane: urgent, rules: [engine-overheating], valid_for: 10m}
  service: {lane: normal, valid_for: 24h}
  marketing.cart: {consent: marketing, budget: marketing, valid_for: 2h}
budgets:
  marketing: {at_most: 2, every: 7d, window: 10m}
"""


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """The town's, with times that three hours can pass."""
    folder = shutil.copytree(CONFIGURATION, tmp_path / "configuration")
    (folder / "purposes.yaml").write_text(PURPOSES)
    rule = folder / "rules" / "complaint-quiet.yaml"
    text = rule.read_text()
    assert "rest: 14d" in text
    assert "at_most: 180d" in text
    rule.write_text(text.replace("rest: 14d", "rest: 30m").replace("at_most: 180d", "at_most: 2h"))
    return folder


class Day:
    """The hours of a town: `casts` live through one downtime each."""

    def __init__(self, town: Town) -> None:
        self.town = town
        # A whole minute, long enough ago for all that is to come.
        begin = town.now() // MINUTE * MINUTE + BEFORE * MINUTE
        each = (LONG + BEFORE) * MINUTE
        self.casts = [Cast(part, begin + number * each, number) for number, part in enumerate(DOWN)]
        self._told = begin - BEFORE * MINUTE

    def begin(self) -> None:
        """All is known of everybody."""
        for part in PARTS:
            self.town.start(part)
        names = self.town.names
        self.town.send(
            (getattr(names, topic), key, value)
            for cast in self.casts
            for _, topic, key, value in cast.known()
        )

    def pass_until(self, at: int) -> None:
        """Let time pass, five minutes at once, with what happens in them."""
        while self._told < at:
            after = min(at, self._told + STEP * MINUTE)
            self.town.send(self._happening(self._told, after), as_of=after)
            self.town.hand.go_on_to(after)
            self._told = after

    def _happening(self, first: int, after: int) -> list[Sent]:
        names = self.town.names
        said: list[tuple[int, Sent]] = [
            (cast.at(minute), (getattr(names, topic), key, value))
            for cast in self.casts
            for minute, topic, key, value in cast.happens()
            if first <= cast.at(minute) < after
        ]
        telemetry = names.telemetry("telemetry")
        said += [(at, (telemetry, key, value)) for at, key, value in readings(self.casts, first, after)]
        return [sent for _, sent in sorted(said, key=lambda each: each[0])]


def token(town: Town, handle: str) -> str:
    """What stands for a handle."""
    return private(handle, town.settings.tenant_key.encode())


def erase(town: Town, cast: Cast) -> str:
    """A person asks for Ida to be erased; returns who she was."""
    who, mine = Who(town.identity.all()), token(town, f"email:{cast.email('ida')}")
    customer = who.whose(mine)
    assert customer != mine
    what = {"customer": customer, "tokens": sorted(who.handles(customer))}
    write_audit(town.topics, town.names, "default", cast.at(ERASED_AT), "kim", ERASE, what, "she asked")
    return customer


@pytest.mark.slow
def test_after_three_hours_down_all_is_as_if_it_had_been_watched(
    bus: Bus, tmp_path: Path, configuration: Path, nursery: Nursery
) -> None:
    """Whichever was down: no false absence, nothing too late, every case, every release, and nobody comes back."""
    behind = (len(DOWN) * (LONG + BEFORE) + 2 * BEFORE) * MINUTE
    with a_town(bus, tmp_path / "town", nursery, EPOCH_S, configuration=configuration, behind=behind) as town:
        day = Day(town)
        day.begin()
        for cast in day.casts:
            day.pass_until(cast.begin)
            town.stillness.wait()
            town.kill(cast.name)
            day.pass_until(cast.at(ERASED_AT))
            erased = erase(town, cast)
            day.pass_until(cast.at(LONG))
            town.start(cast.name)
            town.stillness.wait()
            check_absences(town, day.casts[: cast.number + 1])
            check_carts(town, cast)
            check_cases(town, cast)
            check_releases(town, cast)
            check_people(town, cast, erased)
        check_nothing_too_late(town)


def of(town: Town, rule: str, subject: str) -> list[Decision]:
    """What was decided by a rule about a subject in clear, once each."""
    mine = subject if subject.startswith("device:") else token(town, subject)
    found = {each.id: each for each in town.decisions.all() if (each.rule, each.subject) == (rule, mine)}
    return [*found.values()]


def published(decisions: list[Decision], kind: str) -> list[str]:
    """The ids of the actions of a kind that went out."""
    return [
        planned.action.id
        for decision in decisions
        for planned in decision.actions
        if planned.status == "published" and planned.action.kind == kind
    ]


def check_absences(town: Town, casts: list[Cast]) -> None:
    """Only who said nothing for ten minutes is absent: two cars of each cast, once each."""
    raised = Counter(
        device
        for device, rule, transition, _ in {
            (each.device, each.rule, each.transition, each.id) for each in town.alarms.all()
        }
        if (rule, transition) == ("vehicle-silent", "raised")
    )
    assert raised == Counter(cast.car(number) for cast in casts for number in (SILENT, PAUSING))


def check_carts(town: Town, cast: Cast) -> None:
    """Nothing about what was ordered, nothing more about what is long ago, and a reminder where it is still in time."""
    reminded = {
        who: published(of(town, "abandoned-cart", f"email:{cast.email(who)}"), "notify")
        for who in ("ann", "cal", "dan", "eve", "fay")
    }
    assert {who: len(found) for who, found in reminded.items()} == {
        "ann": 1, "cal": 0, "dan": 0, "eve": 0, "fay": 1,
    }  # fmt: skip
    late = of(town, "abandoned-cart", f"email:{cast.email('dan')}")
    assert [each.verdict for each in late] == ["too_late"]


def check_cases(town: Town, cast: Cast) -> None:
    """Every complaint and every engine has its case; to pull over is said only where it is not too late."""
    for who in ("ann", "ben", "gus", "hal", "ian"):
        opened = published(of(town, "complaint", f"email:{cast.email(who)}"), "open_case")
        assert len(opened) == 1, who
    for number in HOT:
        decided = of(town, "engine-overheating", f"device:{cast.car(number)}")
        assert len(published(decided, "open_case")) == 1
        told = Counter(
            (planned.action.transition, planned.status)
            for decision in decided
            for planned in decision.actions
            if planned.action.kind == "notify"
        )
        assert told["raised", "published"] == 1
        if cast.name != "identity":
            in_time = number == HOT[-1]
            assert told["escalated", "published" if in_time else "too_late"] == 1


def check_releases(town: Town, cast: Cast) -> None:
    """What rested is released once where its end fell into these hours, and by what was to end it."""
    for who, reason in (("ann", "at_most passed"), ("ben", "satisfied"), ("gus", "at_most passed")):
        decided = of(town, "complaint-quiet", f"email:{cast.email(who)}")
        assert len(published(decided, "release")) == 1
        assert [each.reason for each in decided if published([each], "release")] == [reason]


def check_people(town: Town, cast: Cast, erased: str) -> None:
    """Who was erased is gone, and what was unlinked counts for whoever has it now."""
    who = Who(town.identity.all())
    profiles = dict(town.profiles.all())
    assert who.is_erased(erased)
    assert profiles[erased.encode()] is None
    assert dict(town.consents.all())[erased.encode()] is None
    ida = token(town, f"email:{cast.email('ida')}")
    jon, account = token(town, f"email:{cast.email('jon')}"), token(town, f"shop:{cast.account}")
    assert who.whose(ida) == ida
    assert who.whose(jon) != who.whose(account)
    spent = {
        handle: profile.values["lifetime_value"]
        for handle in (ida, jon, account)
        if (profile := profiles.get(who.whose(handle).encode())) is not None
    }
    # What is read of Ida after she was forgotten is that of a handle by itself, whenever it happened.
    assert spent.pop(ida, None) in (None, 70.0, 130.0)
    assert spent == {jon: 11.0, account: 600.0}


def check_nothing_too_late(town: Town) -> None:
    """No action was published, nor carried out, when it was not worth doing any more."""
    for decision in town.decisions.all():
        for planned in decision.actions:
            assert planned.status != "published" or decision.decided_at <= planned.action.valid_until
    until = {each: action.valid_until for each, action in wanted(town.decisions.all()).items()}
    done = [msgspec.convert(event.data, Outcome) for event in town.outcomes.all()]
    assert [each for each in done if each.status == "accepted" and each.at > until[each.id]] == []
    assert Counter(each.id for each in done) == Counter(until.keys())
