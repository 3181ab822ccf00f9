"""Messages that cannot be read, and values that cannot be, from vehicles that are otherwise well."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from flows.simulator.plan import Plan
from flows.simulator.planted.moments import moments
from flows.simulator.planted.planted import Planted
from flows.simulator.truths import Counts
from flows.simulator.vehicles import Sent, Vehicles


class Garbage(msgspec.Struct, frozen=True):
    """What is made of a good reading: messages that are each dead for `reason`."""

    reason: str
    messages: int
    make: Callable[[bytes], list[bytes]]


def _put(field: bytes, value: bytes) -> Callable[[bytes], list[bytes]]:
    """The reading with another value in one field; the text of the value as it is."""
    pattern = re.compile(b'"' + field + b'":("[^"]*"|[^,}]*)')
    return lambda reading: [pattern.sub(b'"' + field + b'":' + value, reading)]


def _without(field: bytes) -> Callable[[bytes], list[bytes]]:
    pattern = re.compile(b'"' + field + b'":("[^"]*"|[^,}]*),')
    return lambda reading: [pattern.sub(b"", reading)]


def _split(reading: bytes) -> list[bytes]:
    """Two broken messages which, joined by a comma, would be two good readings."""
    head, _, tail = reading.partition(b',"coolant_c"')
    return [reading + b"," + head, b'"coolant_c"' + tail]


DEAD = (
    Garbage("not_json", 1, lambda reading: [reading[: len(reading) // 2]]),
    Garbage("not_json", 1, lambda reading: [reading + b"," + reading]),
    Garbage("not_json", 2, _split),
    Garbage("not_json", 1, lambda _: [b"engine ok"]),
    Garbage("not_json", 1, lambda _: [b'\xff\xfe{"device":']),
    Garbage("wrong_type", 1, lambda _: [b"42"]),
    Garbage("wrong_type", 1, _put(b"coolant_c", b'"hot"')),
    Garbage("wrong_type", 1, _put(b"device", b"true")),
    Garbage("wrong_type", 1, _put(b"at", b'"yesterday"')),
    Garbage("missing_field", 1, _without(b"device")),
    Garbage("missing_field", 1, _without(b"at")),
    Garbage("too_deep", 1, lambda _: [b"[" * 5_000 + b"]" * 5_000]),
    Garbage("too_big", 1, _put(b"device", b'"' + b"v" * 20_000 + b'"')),
    Garbage("too_big", 1, lambda _: [b"[" + b"0," * 20_000 + b"0]"]),
)
IMPOSSIBLE = (_put(b"coolant_c", b"9999.0"), _put(b"coolant_c", b"NaN"), _put(b"battery_v", b"-Infinity"))
"""In place of the good reading: taken, with that value missing and a dead letter `out_of_range`."""


class Garbled(Planted):
    """One reading in eight comes with garbage before it, or an impossible value in it, each kind in turn."""

    name = "garbage"
    sends = True

    def __init__(
        self, plan: Plan, vehicles: Vehicles, slots: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        super().__init__(plan, vehicles, slots, rng)
        kinds = len(DEAD) + len(IMPOSSIBLE)
        self._kinds: list[dict[int, int]] = []
        for _ in slots:
            steps = moments(plan, rng, 8)
            first = int(rng.integers(0, kinds))
            self._kinds.append({step: (first + i) % kinds for i, step in enumerate(steps)})

    def deliver(self, step: int, member: int, sent: Sent) -> Sequence[Sent]:
        """Garbage, then the reading; or the reading with its impossible value."""
        kind = self._kinds[member].get(step)
        if kind is None:
            return (sent,)
        if kind >= len(DEAD):
            (spoilt,) = IMPOSSIBLE[kind - len(DEAD)](sent.value)
            return (Sent(sent.key, spoilt, sent.appended),)
        made = DEAD[kind].make(sent.value)
        return [*(Sent(sent.key, value, sent.appended) for value in made), sent]

    def counts(self) -> Counts:
        """The dead by reason, and the copies of what was taken with a value missing."""
        letters: Counter[str] = Counter()
        dead = 0
        for kind in (kind for kinds in self._kinds for kind in kinds.values()):
            if kind < len(DEAD):
                letters[DEAD[kind].reason] += DEAD[kind].messages
                dead += DEAD[kind].messages
            else:
                letters["out_of_range"] += 1
        return Counts(messages=dead, dead=dead, dead_letters=dict(letters))
