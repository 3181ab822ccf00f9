"""The readings of a benchmark: a healthy fleet, devices that go bad or nearly so, and marks at both ends.

All is seeded, so every run and every leg gets the same bytes. A device in trouble reports more often than a healthy
one; that is why a tenth of the readings holds a tenth of the episodes. The n-th message is n ms after the first.

A mark is one episode in each partition: `first` comes before everything, so that a leg is known to be warm, and `last`
after everything, so that its alarm says that the partition is handled.
"""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
from numpy.typing import NDArray

from flows.ids import partition_of
from load_tests.case import Case
from load_tests.oracle import Raised, answer

BEGAN = 1_735_689_600_000
_MARK = 10
_GARBAGE = (b'{"device":"veh-00', b"\x00\xff\xfe garbage", b'{"at":1735689600000,"coolant_c":90.0}', b"[1,2")


class Messages(msgspec.Struct, frozen=True):
    """Keys and values in their order."""

    keys: list[bytes]
    values: list[bytes]

    def prefix(self, count: int) -> Messages:
        """The first of them."""
        return Messages(self.keys[:count], self.values[:count])


class Load(msgspec.Struct, frozen=True):
    """What a leg gets: `first` before it starts, then `body` and `last` at once; and what it must answer.

    `marks` are the answers to `last`, `warm` those to `first`, one of each a partition; `expected` is all.
    """

    first: Messages
    body: Messages
    last: Messages
    warm: set[Raised]
    marks: set[Raised]
    expected: set[Raised]

    @property
    def size(self) -> int:
        """How many messages are released at once."""
        return len(self.body.values) + len(self.last.values)


def make_load(body: Messages, partitions: int) -> Load:
    """Marks around messages, and the oracle's answer to all of it."""
    first = _marks("one", BEGAN - 1000, partitions)
    last = _marks("end", BEGAN + len(body.values), partitions)
    warm, marks = answer(first.values), answer(last.values)
    return Load(first, body, last, warm, marks, warm | marks | answer(body.values))


def with_garbage(load: Load, share: float, seed: int) -> tuple[Load, int]:
    """The load with a share of its healthy readings replaced by what cannot be read; and how many were.

    Devices in trouble are left alone, so the answer stays as it is.
    """
    rng = np.random.default_rng(seed)
    values = list(load.body.values)
    chosen = np.flatnonzero(rng.random(len(values)) < share).tolist()
    chosen = [i for i in chosen if load.body.keys[i].startswith(b"veh-0")]
    for number, i in enumerate(chosen):
        values[i] = _GARBAGE[number % len(_GARBAGE)]
    return msgspec.structs.replace(load, body=Messages(load.body.keys, values)), len(chosen)


def make_readings(case: Case) -> Messages:
    """The body: healthy devices in rounds of random order, and in between those in trouble."""
    rng = np.random.default_rng(case.seed)
    troubled = [_series(rng, i < case.planted) for i in range(case.planted + case.near_misses)]
    gap = max(10, case.readings // 2000)
    places, owners, troubles = [], [], []
    for number, series in enumerate(troubled):
        start = rng.uniform(0, max(1, case.readings - gap * len(series)))
        places += [start + gap * j for j in range(len(series))]
        owners += [number] * len(series)
        troubles += series
    count = max(0, case.readings - len(places))
    healthy = _rounds(rng, case.devices - len(troubled), count)
    order = np.argsort(np.concatenate([np.linspace(0, case.readings, count), places]), kind="stable")
    # Devices in trouble have names of their own range, told from healthy ones by their first digit.
    names = np.concatenate([healthy, np.array(owners, np.int64) + 9_000_000])[order]
    coolant = np.concatenate([rng.integers(820, 970, count), np.array(troubles, np.int64)])[order]
    return _render(rng, names, coolant)


def _rounds(rng: np.random.Generator, devices: int, count: int) -> NDArray[np.int64]:
    """`count` devices: all of them in random order, again and again."""
    rounds = [rng.permutation(devices) for _ in range(-(-count // devices))]
    return np.concatenate(rounds)[:count] if rounds else np.empty(0, np.int64)


def _series(rng: np.random.Generator, planted: bool) -> list[int]:
    """The coolant (tenths of °C) of one device in trouble, with healthy readings before and after."""

    def climb(length: int, start: int = 1060) -> list[int]:
        return [start + 14 * i + int(rng.integers(-9, 10)) for i in range(length)]

    def flat(length: int) -> list[int]:
        return [1070 + int(rng.integers(-4, 5)) for _ in range(length)]

    kind = int(rng.integers(3))
    if planted:
        hot = climb(int(rng.integers(11, 15))) if kind else flat(8) + climb(9, 1085)
    else:
        hot = (climb(9), flat(int(rng.integers(11, 16))), [*climb(7), 900, *climb(7)])[kind]
    return [*rng.integers(820, 970, 3).tolist(), *hot, *rng.integers(820, 970, 3).tolist()]


def _render(rng: np.random.Generator, names: NDArray[np.int64], coolant: NDArray[np.int64]) -> Messages:
    """Compact JSON, as a device's firmware writes it."""
    count = len(names)
    battery, speed = rng.integers(1250, 1440, count), rng.integers(0, 1300, count)
    known: dict[int, bytes] = {}
    keys: list[bytes] = []
    values: list[bytes] = []
    columns = zip(names.tolist(), coolant.tolist(), battery.tolist(), speed.tolist(), strict=True)
    for at, (name, c, b, s) in enumerate(columns, BEGAN):
        key = known.get(name)
        if key is None:
            key = known[name] = b"veh-%07d" % name
        keys.append(key)
        values.append(
            b'{"device":"%s","at":%d,"coolant_c":%d.%d,"battery_v":%d.%02d,"speed_kmh":%d.%d}'
            % (key, at, c // 10, c % 10, b // 100, b % 100, s // 10, s % 10)
        )
    return Messages(keys, values)


def _marks(name: str, began: int, partitions: int) -> Messages:
    """One rising run in every partition, its last reading being the partition's last."""
    found: dict[int, bytes] = {}
    for number in itertools.count():
        key = f"{name}-{number:07}".encode()
        found.setdefault(partition_of(key, partitions), key)
        if len(found) == partitions:
            break
    keys = [found[p] for _ in range(_MARK) for p in range(partitions)]
    values = [
        b'{"device":"%s","at":%d,"coolant_c":%d.0,"battery_v":13.50,"speed_kmh":50.0}'
        % (key, began + i, 106 + i // partitions)
        for i, key in enumerate(keys)
    ]
    return Messages(keys, values)
