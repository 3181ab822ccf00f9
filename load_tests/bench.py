"""`python -m load_tests bench`: the legs interleaved round by round on one bus, then what is measured once."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from rich.console import Console

from load_tests import backtest, customers, hot_customer, identity, latency, legs, memory, restart, rules
from load_tests.bus import Bus, open_bus
from load_tests.case import Case
from load_tests.failures import LoadTestFailed, NoSuchLeg
from load_tests.figures import Figure, Round, figures_of, valid_rounds
from load_tests.legs import Ground, Measured
from load_tests.load import Load, Messages, make_load, make_readings, with_garbage
from load_tests.report import Report

_GARBAGE_SHARE = 0.01
INTERLEAVED = ("ceiling", "ours", "backtest", "naive", "ours_garbage")
ONCE = ("rules", "memory", "restart", "latency", "customers", "identity", "merge_storm", "hot_customer")
_NOT_ON_SQLITE = ("naive",)


def known_legs(bus: str) -> list[str]:
    """The legs that a bus has; the naive flow reads Kafka alone."""
    return [leg for leg in (*INTERLEAVED, *ONCE) if bus == "kafka" or leg not in _NOT_ON_SQLITE]


class Bench:
    """One benchmark of a case."""

    def __init__(self, case: Case, legs: Sequence[str], console: Console) -> None:
        self._case, self._legs, self._console = case, legs, console
        self._wrong: list[str] = []

    def run(self, bus: Bus, folder: Path) -> Report:
        """Run all legs; a leg that fails is said in the report, and the others go on."""
        case = self._case
        ground = Ground(bus, folder, case.partitions, case.processes)
        interleaved = [leg for leg in INTERLEAVED if leg in self._legs]
        rounds: list[Round] = []
        figures: list[Figure] = []
        body = Messages([], [])
        if interleaved or "rules" in self._legs:
            self._say(f"Making {case.readings:,} readings of {case.devices:,} devices.")
            body = make_readings(case)
        if interleaved:
            self._say("Asking the oracle.")
            runners = self._runners(ground, body)
            rounds = [self._round(number, interleaved, runners) for number in range(1, case.rounds + 1)]
        valid = valid_rounds(rounds)
        figures += figures_of(valid, interleaved)
        for leg, measure in self._measures(ground, body).items():
            if leg in self._legs:
                self._say(f"{leg} …")
                figures += self._measure(leg, measure)
        return Report(
            bus=bus.kind,
            readings=case.readings,
            devices=case.devices,
            partitions=case.partitions,
            processes=case.processes,
            rounds=len(rounds),
            void_rounds=len(rounds) - len(valid),
            figures=figures,
            wrong=self._wrong,
        )

    def _runners(self, ground: Ground, body: Messages) -> dict[str, Callable[[], Measured]]:
        """How each interleaved leg is run."""
        case = self._case
        load = make_load(body, case.partitions)
        short = make_load(body.prefix(case.naive_readings), case.partitions)
        dirty, dead = with_garbage(load, _GARBAGE_SHARE, case.seed)
        return {
            "ceiling": lambda: legs.run_ceiling(ground, load),
            "ours": lambda: legs.run_ours(ground, load),
            "backtest": lambda: backtest.run_backtest(ground, load),
            "naive": lambda: legs.run_naive(ground, short),
            "ours_garbage": lambda: legs.run_ours(ground, dirty, "garbage", dead),
        }

    def _measures(self, ground: Ground, body: Messages) -> dict[str, Callable[[], list[Figure]]]:
        """How each leg that is run once is run."""
        case = self._case
        few = body.prefix(case.rules_readings)

        def short() -> Load:
            return make_load(few, case.partitions)

        return {
            "rules": lambda: rules.measure(ground, short()),
            "memory": lambda: memory.measure(ground, case.memory_devices),
            "restart": lambda: restart.measure(ground, case),
            "latency": lambda: latency.measure(ground, case),
            "customers": lambda: customers.measure(ground, case),
            "identity": lambda: identity.measure(ground, case),
            "hot_customer": lambda: hot_customer.measure(ground, case),
            "merge_storm": lambda: identity.measure_storm(ground, case),
        }

    def _round(self, number: int, names: Sequence[str], runners: dict[str, Callable[[], Measured]]) -> Round:
        """All interleaved legs, one after the other."""
        done = Round()
        for leg in names:
            try:
                measured = done.measured[leg] = runners[leg]()
            except LoadTestFailed as error:
                done.failed[leg] = str(error)
                self._say(f"round {number}  {leg}: failed")
                continue
            said = f"{measured.rate:,.0f} readings/s, {measured.cpu_per_million:.2f} CPU s per million"
            self._say(f"round {number}  {leg}: {said}, {measured.wrong or 'right'}")
        self._wrong += [f"round {number}, {leg}: {words}" for leg, words in done.wrong().items()]
        return done

    def _measure(self, leg: str, measure: Callable[[], list[Figure]]) -> list[Figure]:
        """One leg that is run once."""
        try:
            return measure()
        except LoadTestFailed as error:
            self._wrong.append(f"{leg}: {error}")
            return []

    def _say(self, words: str) -> None:
        self._console.print(words, markup=False, highlight=False)


def bench(
    kind: Literal["sqlite", "kafka"],
    servers: str | None,
    case: Case,
    wanted: Sequence[str] | None,
    console: Console,
) -> Report:
    """Run a benchmark and clean up behind it; raises NoSuchLeg, NoBrokerError. Progress goes to the console."""
    known = known_legs(kind)
    for leg in wanted or ():
        if leg not in known:
            raise NoSuchLeg(leg, known)
    temporary = tempfile.TemporaryDirectory(prefix="telltale-bench-", ignore_cleanup_errors=True)
    with temporary as folder, open_bus(kind, servers, Path(folder)) as bus:
        return Bench(case, wanted or known, console).run(bus, Path(folder))
