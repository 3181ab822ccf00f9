"""What a device takes in memory and in a snapshot, under three rules and with one in fifty in trouble."""

from __future__ import annotations

import sys

import msgspec

from load_tests.case import CASES
from load_tests.failures import AnswerWrong
from load_tests.figures import Figure, figure
from load_tests.legs import Ground
from load_tests.processes import run_once

_TROUBLE = 50
_PATIENCE_S = 900.0


class Memory(msgspec.Struct, frozen=True):
    """What the child measured, bytes."""

    devices: int
    resident: int
    arrays: int
    snapshot: int
    raised: int


def measure(ground: Ground, devices: int) -> list[Figure]:
    """Bytes a device: growth of the process, arrays of the state, snapshots; raises AnswerWrong.

    Of the devices in trouble all are hot most of the time, and half of them are rising too.
    """
    command = [sys.executable, "-m", "load_tests.memory_child", str(CASES / "memory" / "telltale.toml")]
    command += ["--devices", str(devices), "--partitions", str(ground.partitions), "--trouble", str(_TROUBLE)]
    said = run_once(command, {}, ground.folder / "memory", _PATIENCE_S)
    found = msgspec.json.decode(said.splitlines()[-1], type=Memory)
    wanted = len(range(0, devices, _TROUBLE)) + len(range(0, devices, 2 * _TROUBLE))
    if found.raised != wanted:
        raise AnswerWrong("memory", f"{found.raised} episodes were raised, {wanted} are right")
    name = f"{devices:,} devices"
    return [
        *figure(f"{name}: resident", "bytes a device", [found.resident / devices], bar=133, aim=40),
        *figure(f"{name}: arrays of it", "bytes a device", [found.arrays / devices]),
        *figure(f"{name}: snapshot", "bytes a device", [found.snapshot / devices], bar=45, aim=16),
    ]
