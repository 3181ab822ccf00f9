"""From a reading to its action, the whole road, with a fleet that reports now.

First the highest rate is looked for at which the lag stays flat, by steps; then the fleet reports at half of it. The
time is from the event time of the raising reading, which is when it was sent, to the moment the bus took its action.
"""

from __future__ import annotations

import sys
import time
import uuid
from statistics import median, quantiles

import msgspec

from flows.schema import Action
from load_tests.case import Case, Live
from load_tests.failures import AnswerWrong, NotInTime
from load_tests.figures import Figure, figure
from load_tests.legs import Ground
from load_tests.live import Sent
from load_tests.oracle import Raised
from load_tests.processes import Processes, processes
from load_tests.product import Product

_ACTION = ("open_case", "normal")
_START_S = 180.0
_DRAIN_S = 120.0
_KEPT_UP = 0.95
_FLAT_MS = 250.0
_NUMBERS = 10_000  # more than one fleet lets go bad


class ActionMessage(msgspec.Struct):
    """What of an action's CloudEvent is looked at."""

    data: Action


class Actions:
    """Follows the actions; `appended` (ms) is by device and event time of the reading that caused it."""

    def __init__(self, ground: Ground, topic: str) -> None:
        self._topics = ground.bus.open()
        self._subscription = self._topics.subscribe(f"bench-{uuid.uuid4().hex}", [topic])
        self.appended: dict[Raised, int] = {}
        self.repeated = 0

    def poll(self) -> None:
        """Take in what is there, waiting a little."""
        for message in self._subscription.poll(10_000, 0.02):
            action = msgspec.json.decode(message.value or b"", type=ActionMessage).data
            cause = (action.device or "", action.at)
            self.repeated += cause in self.appended
            self.appended.setdefault(cause, message.appended)

    def latencies(self, raising: list[Raised]) -> list[int] | None:
        """From reading to action (ms), in order of the readings, if all actions are there."""
        there = self.appended
        return [there[cause] - cause[1] for cause in raising] if there.keys() >= set(raising) else None

    def close(self) -> None:
        """Let go of the bus."""
        self._subscription.close()
        self._topics.close()


class Road:
    """The running flows, a fleet before them and the actions behind."""

    def __init__(
        self, ground: Ground, product: Product, live: Live, devices: int, running: Processes
    ) -> None:
        self._ground, self._product, self._live, self._devices = ground, product, live, devices
        self._running = running
        self._first = 0
        self.actions = Actions(ground, product.topics.actions(*_ACTION))

    def drive(self, rate: float, seconds: float) -> tuple[Sent, list[int]]:
        """Let the fleet report at a rate for a time; returns what it did and the latencies (ms) of all actions."""
        live = self._live
        name = f"live-{self._first}"
        command = [sys.executable, "-m", "load_tests.live", self._ground.bus.kind, self._ground.bus.address]
        command += [self._product.telemetry, "--rate", str(rate), "--seconds", str(seconds)]
        command += ["--episodes", str(live.episodes), "--devices", str(self._devices)]
        self._running.start(name, [*command, "--first", str(self._first)], {})
        self._first += _NUMBERS
        log = self._running.log(name)

        def sent() -> Sent | None:
            self.actions.poll()
            lines = log.read_text().splitlines()
            return msgspec.json.decode(lines[-1], type=Sent) if lines and lines[-1][:1] == "{" else None

        done = self._running.wait_for("The live fleet", seconds + _DRAIN_S, sent, lambda: "it did not end")

        def arrived() -> list[int] | None:
            self.actions.poll()
            return self.actions.latencies(done.raising)

        def seen() -> str:
            missing = [device for device, at in done.raising if (device, at) not in self.actions.appended]
            return f"of {len(done.raising)} actions {len(missing)} are missing: {', '.join(missing[:3])}, …"

        return done, self._running.wait_for("Acting on all episodes", _DRAIN_S, arrived, seen)


def is_flat(latencies: list[int]) -> bool:
    """Whether the last third took no longer than the first, but for noise."""
    third = len(latencies) // 3
    return third > 0 and median(latencies[-third:]) <= 1.5 * median(latencies[:third]) + _FLAT_MS


def highest_rate(road: Road, live: Live) -> tuple[float, float]:
    """(the highest flat rate, the rate that was too much or 0 when even the cap was flat); readings/s."""
    rate, best = float(live.first), 0.0
    while rate <= live.highest:
        try:
            sent, latencies = road.drive(rate, live.step_s)
        except NotInTime:
            return best, rate
        if sent.readings < _KEPT_UP * rate * sent.seconds or not is_flat(latencies):
            return best, rate
        best, rate = rate, rate * live.factor
    return best, 0.0


def measure(ground: Ground, case: Case) -> list[Figure]:
    """p50 and p99 (ms) at half of the highest rate; raises AnswerWrong, NotInTime, ProcessEnded."""
    product = Product(ground.bus, ground.folder, "bench", "latency")
    live = case.live
    try:
        product.install(ground.partitions)
        with processes(product.folder / "logs") as running:
            product.start("devices", ground.processes, running)
            product.start("customers", 1, running)
            road = Road(ground, product, live, case.devices, running)
            road.drive(live.first, 2.0)
            best, _ = highest_rate(road, live)
            if not best:
                raise AnswerWrong("latency", f"the lag grew even at {live.first:,} readings/s")
            time.sleep(1.0)  # the epoch of the step that was too much is over
            sent, latencies = road.drive(best / 2, live.seconds)
            repeated, extra = road.actions.repeated, len(road.actions.appended)
            road.actions.close()
    finally:
        product.remove()
    if repeated:
        raise AnswerWrong("latency", f"{repeated} of {extra} actions came twice")
    cuts = quantiles(latencies, n=100, method="inclusive")
    return [
        *figure("live: highest flat rate", "readings/s", [best], more=True),
        *figure("live: rate of the measurement", "readings/s", [sent.readings / sent.seconds], more=True),
        *figure("reading to action: p50", "ms", [cuts[49]]),
        *figure("reading to action: p99", "ms", [cuts[98]], aim=150),
    ]
