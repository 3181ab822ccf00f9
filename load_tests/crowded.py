"""The customers flow with a crowd in its state: filled, rushed at, looked at, killed and started again."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

import msgspec

from flows.schema import Profile
from load_tests.bus import held
from load_tests.case import Case
from load_tests.crowd import (
    TENANT_KEY,
    Crowd,
    Message,
    Oracle,
    customer_of,
    fill,
    identity_of,
    probes,
    rush,
    warm,
)
from load_tests.decisions import Decisions
from load_tests.failures import AnswerWrong
from load_tests.legs import Ground
from load_tests.processes import Processes, free_addresses, processes
from load_tests.product import OWN_PARTITIONS, Product
from load_tests.scrape import scrape
from load_tests.snapshots import Snapshots

CASE = "customers"
_START_S = 180.0
_STRAGGLERS_S = 30.0
_LOOK_S = 0.5
_STOPPED = "telltale_snapshot_stop_seconds_sum"


class Rushed(msgspec.Struct, frozen=True):
    """What the flow did: events a second while it was filled; wall and CPU time (s) of what followed.

    `resident` is by how many bytes the process grew, `written` what the worst epoch wrote, in percent of the
    state; stops are in ms.
    """

    fill_rate: float
    wall_s: float
    cpu_s: float
    resident: int
    on_disk: int
    written: float
    longest_stop: float
    longest_silence: float
    restart_s: float


def wrong_profiles(profiles: Mapping[str, Profile], oracle: Oracle, sampled: Iterable[str]) -> str | None:
    """What one of them says that it should not."""
    for customer in sampled:
        if customer not in profiles:
            return f"nothing is said of {customer}"
        wrong = oracle.known[customer].differs(profiles[customer].values)
        if wrong is not None:
            return f"of {customer} {wrong}"
    return None


def settings_of(buckets: int, port: int = 0) -> str:
    """What the settings say besides the bus."""
    metrics = f"[metrics]\nport = {port}\n"
    return f'tenant_key = "{TENANT_KEY}"\n[customers]\nbuckets = {buckets}\n{metrics}'


class Crowded:
    """The flow with all around it, for as long as the block lasts."""

    def __init__(self, ground: Ground, case: Case, crowd: Crowd, oracle: Oracle) -> None:
        self._ground, self._crowd, self._oracle = ground, crowd, oracle
        self._epoch_s = case.epoch_s
        self._metrics = free_addresses(1)
        port = int(self._metrics.rpartition(":")[2])
        self._product = Product(ground.bus, ground.folder, CASE, CASE, settings_of(case.buckets, port))
        self._events = self._product.topics.events
        self._snapshots = Snapshots(self._product.recovery(CASE))
        self._next_look = 0.0
        self._stopped: list[float] = []

    def __enter__(self) -> Self:
        self._product.install(OWN_PARTITIONS)
        self._decisions = Decisions(self._ground.bus, self._product.topics.decisions, "customer:")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._decisions.close()
        self._product.remove()

    def run(self, sampled: list[str]) -> Rushed:
        """All of it; raises AnswerWrong, NotInTime, ProcessEnded."""
        bus, topics = self._ground.bus, self._product.topics
        bus.write(topics.identity, identity_of(self._crowd))
        bus.write(self._events, warm(OWN_PARTITIONS, self._crowd.began))
        with processes(self._product.folder / "logs") as running:
            self._start(running)
            running.wait_for("Warming up", _START_S, self._warm, lambda: "nothing was decided")
            before = running.resident()
            bus.write(self._events, fill(self._crowd))
            self._wait(running, "Filling the state", self._crowd.customers)
            times = self._decisions.appended
            fill_s = max(0.001, (max(times) - min(times)) / 1000)
            wall_s, cpu_s, written, silence = self._rush(running)
            resident, longest_stop = running.resident() - before, self._longest_stop()
            self._check(sampled)
        return Rushed(
            fill_rate=self._crowd.customers / fill_s,
            wall_s=wall_s,
            cpu_s=cpu_s,
            resident=resident,
            on_disk=self._snapshots.all,
            written=written,
            longest_stop=longest_stop,
            longest_silence=silence,
            restart_s=self._restart(),
        )

    def _start(self, running: Processes) -> None:
        self._product.start(CASE, 1, running, self._epoch_s)
        running.pin()

    def _warm(self) -> bool | None:
        self._decisions.poll()
        return self._decisions.others > 0 or None

    def _wait(self, running: Processes, what: str, decisions: int) -> None:
        """Until so many decisions are out, with an eye on metrics and snapshots."""

        def all_there() -> bool | None:
            self._look()
            self._decisions.poll()
            return len(self._decisions.appended) >= decisions or None

        patience = self._ground.patience(10 * (self._crowd.customers + self._crowd.events))
        running.wait_for(
            what, patience, all_there, lambda: f"{len(self._decisions.appended)} of {decisions} decisions"
        )

    def _look(self) -> None:
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LOOK_S
            self._snapshots.look()
            self._stopped.append(scrape(self._metrics, _STOPPED, flow=CASE) or 0.0)

    def _longest_stop(self) -> float:
        """The longest time (ms) that all buckets together took to be saved at one epoch's end.

        The flow measures bucket by bucket. What they took lies between two looks, or a look fell into it.
        """
        sums = self._stopped
        return 1000 * max((c - a for a, c in zip(sums, sums[2:], strict=False)), default=0.0)

    def _rest(self, running: Processes) -> None:
        """Until what filled the state is on disk, which is so when two more epochs have ended."""
        seen = max(self._snapshots.epochs, default=0)

        def ended() -> bool | None:
            self._look()
            self._decisions.poll()
            return max(self._snapshots.epochs, default=0) > seen + 1 or None

        running.wait_for("Putting the state on disk", _START_S, ended, lambda: "no epoch ended")

    def _rush(self, running: Processes) -> tuple[float, float, float, int]:
        """(wall s, CPU s, percent of the state written in the worst epoch, the longest silence in ms)."""
        self._rest(running)
        filled, first = max(self._snapshots.epochs), len(self._decisions.appended)
        del self._stopped[:-1]
        release = held(self._ground.bus, self._events, OWN_PARTITIONS, rush(self._crowd))
        cpu, released = running.cpu_s(), time.time_ns() // 1_000_000
        release()
        self._wait(running, "Deciding on all", self._oracle.decisions)
        cpu = running.cpu_s() - cpu
        wall = (max(self._decisions.appended) - released) / 1000
        self._rest(running)
        sizes = [size for epoch, size in self._snapshots.epochs.items() if epoch > filled]
        written = 100 * max(sizes) / max(1, self._snapshots.all)
        return wall, cpu, written, self._decisions.longest_silence(first)

    def _check(self, sampled: list[str]) -> None:
        """Raises AnswerWrong for other decisions or profiles than the oracle's."""
        decisions, oracle = self._decisions, self._oracle
        if decisions.verdicts != oracle.verdicts:
            raise AnswerWrong(CASE, f"{dict(decisions.verdicts)} were decided, {oracle.verdicts} are right")
        for customer, known in oracle.known.items():
            if decisions.count[customer] != known.orders:
                found = f"{decisions.count[customer]} decisions on {customer}"
                raise AnswerWrong(CASE, f"{found}, {known.orders} are right")
        give_up = time.monotonic() + _STRAGGLERS_S
        while wrong := wrong_profiles(self._profiles(sampled), oracle, sampled):
            # A profile comes after its decision, so the last ones may be on their way.
            if time.monotonic() > give_up:
                raise AnswerWrong(CASE, wrong)

    def _profiles(self, sampled: list[str]) -> dict[str, Profile]:
        """What was last said of some."""
        said = self._ground.bus.latest(self._product.topics.profiles, sampled)
        return {customer: msgspec.json.decode(value, type=Profile) for customer, value in said.items()}

    def _restart(self) -> float:
        """How long (s) after a kill the first decision is out that only the whole state gives; all are looked at."""
        sent = list(probes(self._crowd))
        before = dict(self._decisions.last)
        self._oracle.take(sent)
        self._ground.bus.write(self._events, sent)
        with processes(self._product.folder / "logs") as running:
            began = time.time_ns() // 1_000_000
            first = len(self._decisions.appended)
            self._start(running)
            self._wait(running, "Starting again", self._oracle.decisions)
        if self._decisions.verdicts != self._oracle.verdicts:
            raise AnswerWrong(
                "restart", f"{dict(self._decisions.verdicts)}, {self._oracle.verdicts} is right"
            )
        for customer in map(_customer_in, sent):
            number, (now, _) = before[customer][0], self._decisions.last[customer]
            if now != number + 1:
                raise AnswerWrong(
                    "restart", f"the decision on {customer} is its {now}th, not its {number + 1}th"
                )
        return (min(self._decisions.appended[first:]) - began) / 1000


def _customer_in(message: Message) -> str:
    return customer_of(int(message[0].partition(b":")[2]))
