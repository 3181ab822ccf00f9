"""Silences and pauses in the running flow: in force soon after they are written, and told in every decision."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import msgspec
import pytest

from flows.engine.clock import wall_clock
from flows.rules.braking import put_brake, remove_brake
from flows.schema import Brake, Decision
from flows.topics.port import Topics
from flows.topics.sqlite import SqliteTopics
from tests.flow.test_customers import KINDS, LANES, NAMES, Until, actions, decisions, roles, run, write
from tests.unit.customers.world import TENANT, alarm


@pytest.fixture
def bus(tmp_path: Path) -> Callable[[], Topics]:
    """An embedded bus with all of Telltale's topics."""

    def open_topics() -> Topics:
        return SqliteTopics(tmp_path / "topics.db")

    open_topics().create(NAMES.own_topics(4, KINDS, LANES))
    return open_topics


def brake(kind: str, **more: object) -> Brake:
    """A brake of the name `b`."""
    return Brake(id="b", kind=kind, at=0, who="ada", reason="recall", **more)  # type: ignore[arg-type]


class Probing:
    """Raises one alarm after the other, each of a car and an owner of its own, and looks at what is decided on it."""

    def __init__(self, topics: Topics) -> None:
        self.topics, self.asked = topics, 0

    def ask(self, model: str) -> None:
        """The next car, of a model, overheats."""
        self.asked += 1
        device, now = f"veh-{self.asked}", wall_clock()
        found = alarm(device=device, opened_at=now)
        evidence = msgspec.structs.replace(found.evidence, device={"model": model})
        write(self.topics, NAMES.identity, (f"device:{device}", roles(f"o-{device}", f"d-{device}")))
        write(self.topics, NAMES.alarms, (device, alarm(device=device, opened_at=now, evidence=evidence)))

    def answer(self) -> Decision | None:
        """What was decided on the last, once it is."""
        found = decisions(self.topics)
        return next((d for d in found if d.device == f"veh-{self.asked}"), None)


def test_a_silence_written_while_the_flow_runs_refuses_what_it_matches_and_nothing_once_removed(
    bus: Callable[[], Topics],
) -> None:
    """Cars of one model are asked for until the silence holds, another model's acts, and the first again after it."""
    topics = bus()
    probing = Probing(topics)
    seen: list[str] = []

    def script() -> Generator[None, Decision]:
        """Each yield waits for the decision on the car that was asked for last."""
        probing.ask("m3")
        seen.append((yield).verdict)
        put_brake(topics, NAMES, TENANT, brake("silence", match={"device.model": "m3"}))
        probing.ask("m3")
        while (found := (yield)).verdict == "acted":
            probing.ask("m3")
        seen.append(found.reason or "")
        probing.ask("m1")
        seen.append((yield).verdict)
        remove_brake(topics, NAMES, TENANT, "b")
        probing.ask("m3")
        while (found := (yield)).verdict != "acted":
            probing.ask("m3")
        seen.append(found.verdict)

    told = script()
    next(told)

    def done() -> bool:
        answer = probing.answer()
        if answer is None:
            return False
        try:
            told.send(answer)
        except StopIteration:
            return True
        return False

    run(bus, Until(done))
    assert seen == ["acted", "silenced by ada: recall", "acted", "acted"]


def test_a_pause_holds_actions_that_are_decided_all_the_same(bus: Callable[[], Topics]) -> None:
    """What was paused before the flow began is held from its first decision on; other kinds go out."""
    topics = bus()
    put_brake(topics, NAMES, TENANT, brake("pause", action="notify"))
    write(topics, NAMES.identity, ("device:veh-0", roles("olga", "dan")))
    write(topics, NAMES.alarms, ("veh-0", alarm(device="veh-0", opened_at=wall_clock())))
    run(bus, Until(lambda: bool(decisions(topics))))
    (decision,) = decisions(topics)
    assert {p.action.kind: p.status for p in decision.actions} == {"open_case": "published", "notify": "held"}
    assert [action.kind for _, _, action in actions(topics)] == ["open_case"]
