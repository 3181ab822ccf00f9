"""Whether one customer who does far more than all others slows them: a shared account, say.

The others order at a steady rate, far below what the flow can do: first alone, then beside the hot customer, then
alone again. What counts is how long it takes from an order to its decision on the bus, of the others.
"""

from __future__ import annotations

import sys
import time
from statistics import quantiles

import msgspec

from flows.schema import Profile
from load_tests.case import Case
from load_tests.crowd import Crowd, Oracle, customer_of, identity_of, warm
from load_tests.crowded import CASE, settings_of, wrong_profiles
from load_tests.decisions import Decisions
from load_tests.failures import AnswerWrong
from load_tests.figures import Figure, figure
from load_tests.legs import Ground
from load_tests.live_events import HOT, Sent, hot_event, other_event
from load_tests.processes import Processes, processes
from load_tests.product import OWN_PARTITIONS, Product

_START_S = 180.0
_DRAIN_S = 60.0
_STRAGGLERS_S = 15.0
_RATIO = 1.5


class Steady:
    """The running flow with what was sent to it so far, and how long the others' orders took (ms)."""

    def __init__(self, ground: Ground, case: Case, product: Product, running: Processes) -> None:
        self._ground, self._case, self._product, self._running = ground, case, product, running
        self._others = self._hot = 0
        self._oracle = Oracle()
        self._decisions = Decisions(ground.bus, product.topics.decisions, "customer:")

    def warm_up(self) -> None:
        """Let the flow know who is who, and wait until it decides."""
        topics, now = self._product.topics, time.time_ns() // 1_000_000
        crowd = Crowd(seed=1, customers=self._case.hot.customers, active=1, events=0, began=now)
        self._ground.bus.write(topics.identity, identity_of(crowd))
        self._ground.bus.write(topics.events, warm(OWN_PARTITIONS, now))

        def decides() -> bool | None:
            self._decisions.poll()
            return self._decisions.others > 0 or None

        self._running.wait_for("Warming up", _START_S, decides, lambda: "nothing was decided")

    def drive(self, hot_rate: float) -> list[int]:
        """Send for a time, wait for all decisions, and give the latencies (ms) of the others'."""
        first, sent = len(self._decisions.latencies), self._send(hot_rate)
        self._oracle.take(
            other_event(self._others + n, self._case.hot.customers, 0) for n in range(sent.others)
        )
        self._oracle.take(hot_event(self._hot + n, 0) for n in range(sent.hot))
        self._others, self._hot = self._others + sent.others, self._hot + sent.hot

        def all_there() -> bool | None:
            self._decisions.poll()
            return len(self._decisions.latencies) >= self._oracle.decisions or None

        def seen() -> str:
            return f"{len(self._decisions.latencies)} of {self._oracle.decisions} decisions"

        self._running.wait_for("Deciding on all", _DRAIN_S, all_there, seen)
        hot = customer_of(HOT)
        return [ms for customer, ms in self._decisions.latencies[first:] if customer != hot]

    def check(self) -> None:
        """Raises AnswerWrong for other decisions or profiles than the plain count's."""
        decisions, oracle = self._decisions, self._oracle
        for customer, known in oracle.known.items():
            if decisions.count[customer] != known.orders:
                found = f"{decisions.count[customer]} decisions on {customer}, {known.orders} are right"
                raise AnswerWrong("hot_customer", found)
        sampled = [
            customer_of(n) for n in range(min(50, self._case.hot.customers)) if customer_of(n) in oracle.known
        ]
        give_up = time.monotonic() + _STRAGGLERS_S
        while wrong := wrong_profiles(self._profiles(sampled), oracle, sampled):
            if time.monotonic() > give_up:
                raise AnswerWrong("hot_customer", wrong)
        decisions.close()

    def _profiles(self, sampled: list[str]) -> dict[str, Profile]:
        said = self._ground.bus.latest(self._product.topics.profiles, sampled)
        return {customer: msgspec.json.decode(value, type=Profile) for customer, value in said.items()}

    def _send(self, hot_rate: float) -> Sent:
        """Let a process send, following what is decided meanwhile."""
        case, bus, name = self._case.hot, self._ground.bus, f"events-{self._others}"
        command = [sys.executable, "-m", "load_tests.live_events", bus.kind, bus.address]
        command += [self._product.topics.events, "--customers", str(case.customers)]
        command += ["--others", str(case.others), "--hot", str(hot_rate), "--seconds", str(case.seconds)]
        command += ["--first-other", str(self._others), "--first-hot", str(self._hot)]
        self._running.start(name, command, {})
        log = self._running.log(name)

        def sent() -> Sent | None:
            self._decisions.poll()
            lines = log.read_text().splitlines()
            return msgspec.json.decode(lines[-1], type=Sent) if lines and lines[-1][:1] == "{" else None

        return self._running.wait_for(
            "The customers", case.seconds + _DRAIN_S, sent, lambda: "they did not end"
        )


def measure(ground: Ground, case: Case) -> list[Figure]:
    """Latencies of the others with and without; raises AnswerWrong, NotInTime, ProcessEnded."""
    product = Product(ground.bus, ground.folder, CASE, "hot", settings_of(case.buckets))
    try:
        product.install(OWN_PARTITIONS)
        with processes(product.folder / "logs") as running:
            product.start(CASE, 1, running)
            steady = Steady(ground, case, product, running)
            steady.warm_up()
            steady.drive(0)
            before, beside, after = (steady.drive(rate) for rate in (0, case.hot.rate, 0))
            steady.check()
    finally:
        product.remove()
    return figures_of(case, [*before, *after], beside)


def figures_of(case: Case, alone: list[int], beside: list[int]) -> list[Figure]:
    """p50 and p99 (ms) of the others, alone and beside the hot customer, and the ratios."""
    name = f"others beside one with {case.hot.rate:,.0f} events/s"
    found: list[Figure] = []
    for percent in (50, 99):
        without, with_hot = (
            quantiles(each, n=100, method="inclusive")[percent - 1] for each in (alone, beside)
        )
        found += figure(f"{name}: p{percent}", "ms", [with_hot])
        found += figure(f"{name}: p{percent} without", "ms", [without])
        found += figure(f"{name}: p{percent} ratio", "×", [with_hot / max(without, 1.0)], bar=_RATIO)
    return found
