"""A fleet that reports now, at a steady rate, with some devices going bad; started by the latency leg.

It prints one JSON line: how long it took, how many readings it sent, and device and time of each reading that must
raise. A device that goes bad is used once.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from flows.topics.kafka import KafkaTopics
from flows.topics.port import Writer
from flows.topics.sqlite import SqliteTopics
from load_tests.oracle import TenInARow, Watcher

_TICK_S = 0.005
_STEP_S = 0.1
_RISING = 10
_COOL = 2


class Sent(msgspec.Struct, frozen=True):
    """What a live fleet did; `raising` are (device, event time in ms)."""

    seconds: float
    readings: int
    raising: list[tuple[str, int]]


class Fleet:
    """Healthy devices in turn, and devices that go bad, `episodes` a second; numbered from `first` on."""

    def __init__(self, writer: Writer, topic: str, devices: int, episodes: float, first: int) -> None:
        self._writer, self._topic = writer, topic
        named = [b"veh-%07d" % number for number in range(devices)]
        tail = b'","coolant_c":%d.5,"battery_v":13.61,"speed_kmh":57.0,"at":'
        self._healthy = itertools.cycle(
            [(name, b'{"device":"' + name + tail % (84 + i % 10)) for i, name in enumerate(named)]
        )
        self._numbers = itertools.count(first)
        self._every = 1 / episodes
        self._next = 0.0
        self._going_bad: deque[tuple[float, int, int, Watcher]] = deque()
        self.raising: list[tuple[str, int]] = []

    def report(self, count: int, at: int) -> None:
        """So many healthy devices report."""
        end = b"%d}" % at
        write, topic = self._writer.write, self._topic
        for name, head in itertools.islice(self._healthy, count):
            write(topic, head + end, key=name)

    def go_bad(self, now: float, clock: Callable[[], float], last: bool) -> None:
        """Devices that go bad report, every tenth of a second; with `last` no further one begins."""
        if now >= self._next and not last:
            self._next = max(self._next + self._every, now - self._every)
            self._going_bad.append((now, next(self._numbers), 0, Watcher(TenInARow())))
        while self._going_bad and self._going_bad[0][0] <= now:
            _, number, step, watcher = self._going_bad.popleft()
            name, at = f"hot-{number:07}", int(clock() * 1000)
            coolant = 90 if step >= _RISING else 106 + 2 * step
            value = (
                f'{{"device":"{name}","coolant_c":{coolant}.0,"battery_v":13.5,"speed_kmh":50.0,"at":{at}}}'
            )
            self._writer.write(self._topic, value.encode(), key=name.encode())
            if watcher.take(at, coolant):
                self.raising.append((name, at))
            if step < _RISING + _COOL:
                # From now, not from when it was due: after a hold-up two readings would have one time.
                self._going_bad.append((now + _STEP_S, number, step + 1, watcher))

    @property
    def quiet(self) -> bool:
        """Whether nobody is going bad."""
        return not self._going_bad


def drive(fleet: Fleet, writer: Writer, rate: float, seconds: float) -> Sent:
    """Report for a time at a rate, then let those that are going bad come to their end."""
    began, sent = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds or not fleet.quiet:
        due = int(passed * rate) - sent
        fleet.report(due, time.time_ns() // 1_000_000)
        sent += due
        fleet.go_bad(passed, time.time, passed >= seconds)
        writer.poll()
        time.sleep(_TICK_S)  # this is the pace of the fleet
    writer.flush()
    return Sent(time.monotonic() - began, sent, fleet.raising)


def main() -> None:
    """As the leg calls it."""
    parser = argparse.ArgumentParser(description="A fleet that reports now.")
    parser.add_argument("bus", choices=["sqlite", "kafka"])
    parser.add_argument("address")
    parser.add_argument("topic")
    for name, kind in (
        ("rate", float),
        ("seconds", float),
        ("episodes", float),
        ("devices", int),
        ("first", int),
    ):
        parser.add_argument(f"--{name}", type=kind, required=True)
    chosen: Any = parser.parse_args()
    bus = SqliteTopics(Path(chosen.address)) if chosen.bus == "sqlite" else KafkaTopics(chosen.address)
    writer = bus.writer()
    fleet = Fleet(writer, chosen.topic, chosen.devices, chosen.episodes, chosen.first)
    print(msgspec.json.encode(drive(fleet, writer, chosen.rate, chosen.seconds)).decode(), flush=True)


if __name__ == "__main__":
    main()
