"""`kill -9` to a customers flow with a step at its actions: what the step makes of each is the same as without."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import msgspec
import pytest

from flows import ids
from flows.schema import Action, Alarm, CloudEvent, Evidence, Identity, Role, Transition, decode, encode
from tests.buses import Bus
from tests.integration.fleet import Fleet, a_fleet
from tests.integration.settled import published, undecided, wait_until_carried_out
from tests.integration.test_kills import check_carried_out, check_decided

SEED = int(os.environ.get("TELLTALE_SEED", "7"))
EPOCH_S = 0.5
DEVICES_A_PIECE = 6
# Twice once decisions are out, whose epoch is then hardly on disk, and once at any moment.
KILLS = ("written", "any", "written")
DEVICES = [f"veh-{n}" for n in range(DEVICES_A_PIECE * (len(KILLS) + 1))]
TRANSITIONS: tuple[Transition, ...] = ("raised", "escalated", "deescalated", "cleared")
ASKED = (("raised", "open_case"), ("raised", "notify"), ("escalated", "notify"), ("cleared", "close_case"))
"""What the starter's rule asks for in the course of such an episode."""
STEPS = """
import bytewax.operators as op
import msgspec


def actions(stream):
    keyed = op.key_on("device", stream, lambda action: action.device)
    return op.key_rm("action", op.stateful_map("number", keyed, number))


def number(state, action):
    nth = (state or 0) + 1
    added = {"card": f"https://fleet.example/{action.device}", "nth": nth}
    return nth, msgspec.structs.replace(action, parameters={**action.parameters, **added})
"""


class Sending:
    """Episodes to critical and back in pieces, each of devices that have none else; whose they are is known before."""

    def __init__(self, fleet: Fleet, began: int) -> None:
        self._fleet, self._began = fleet, began
        self._devices = DEVICES
        writer = fleet.topics.writer()
        for device in self._devices:
            roles = (Role(role="owner", customer=f"o-{device}"), Role(role="driver", customer=f"d-{device}"))
            known = Identity(number=1, roles=roles)
            writer.write(fleet.names.identity, encode(known), key=f"device:{device}".encode())
        writer.close()

    def send(self) -> bool:
        """The next piece; False when there is none."""
        piece, self._devices = self._devices[:DEVICES_A_PIECE], self._devices[DEVICES_A_PIECE:]
        writer = self._fleet.topics.writer()
        for device in piece:
            for alarm in episode(device, self._began):
                writer.write(self._fleet.names.alarms, encode(alarm), key=device.encode())
        writer.close()
        return bool(piece)


def episode(device: str, began: int) -> list[Alarm]:
    """The alarms of an overheating that becomes critical and ends."""
    name = ids.episode_id("default", "engine-overheating", device, began)
    return [
        Alarm(
            id=ids.transition_id(name, number), episode=name, number=number, tenant="default",
            rule="engine-overheating", rule_set=1, stream="vehicle", device=device, transition=transition,
            at=began + number, opened_at=began, partition=0, explanation="hot",
            evidence=Evidence(values={"run": 10}, reading={"coolant_c": 120}, device={"hot_c": 105}),
        )
        for number, transition in enumerate(TRANSITIONS, 1)
    ]  # fmt: skip


def check_made(fleet: Fleet, began: int) -> None:
    """The actions of a run without a kill: each as it was decided, with what the step adds, its number from state."""
    found: dict[str, Action] = {}
    for message in fleet.actions():
        event = decode(CloudEvent, message.value or b"")
        found[event.id] = msgspec.convert(event.data, Action)
    decided = published(fleet.decisions.all())
    wanted: dict[str, Action] = {}
    for device in DEVICES:
        alarms = {alarm.transition: alarm.id for alarm in episode(device, began)}
        for nth, (transition, name) in enumerate(ASKED, 1):
            action = decided[ids.action_id(alarms[transition], name)]
            added = {"card": f"https://fleet.example/{device}", "nth": nth}
            wanted[action.id] = msgspec.structs.replace(action, parameters={**action.parameters, **added})
    assert found == wanted


def wait_until_decided(fleet: Fleet) -> None:
    """Until there is a decision on every alarm."""
    fleet.wait(lambda: undecided(fleet, 0) <= 0, lambda: f"{undecided(fleet, 0)} alarms not decided")


@pytest.mark.slow
def test_with_a_step_at_the_actions_kills_change_none_of_them(bus: Bus, tmp_path: Path) -> None:
    """The same ids with the same added parameters, one of them from state; none is lost or carried out twice."""
    print(f"TELLTALE_SEED={SEED} runs this again")
    chance = random.Random(SEED)
    kills = chance.sample(KILLS, len(KILLS) - (bus.kind == "kafka"))  # whose processes take longer to start
    began = time.time_ns() // 1_000_000
    with a_fleet(bus, tmp_path / "fleet", customers_epoch_s=EPOCH_S, steps=STEPS) as fleet:
        sending = Sending(fleet, began)
        fleet.start("customers")
        fleet.start("outbox")
        for kill in kills:
            before = len(fleet.decisions.all())
            sending.send()
            if kill == "written":
                fleet.wait(lambda before=before: len(fleet.decisions.so_far()) > before, "decisions out")
            else:
                time.sleep(chance.uniform(0, 3 * EPOCH_S))  # not to wait for anything: any moment will do
            fleet.kill("customers")
            fleet.start("customers")
        while sending.send():
            pass
        wait_until_decided(fleet)
        wait_until_carried_out(fleet)
        check_decided(fleet)
        check_carried_out(fleet)
        check_made(fleet, began)
