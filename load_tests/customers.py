"""The customers flow on one core: many customers in its state, few of them active, with the bars for a million.

Each customer's profile is filled through the real flow, by an order; then the active do all kinds of things, held back
and released at once. Beside it the same objects alone, in a process without Bytewax, disk or bus. Nothing counts unless
decisions and sampled profiles are the oracle's.
"""

from __future__ import annotations

import sys
import time

import msgspec

from load_tests.alone import Alone
from load_tests.case import CASES, Case
from load_tests.crowd import Crowd, Oracle, customer_of, fill, rush
from load_tests.crowded import CASE, Crowded, Rushed, wrong_profiles
from load_tests.failures import AnswerWrong
from load_tests.figures import Figure, figure
from load_tests.legs import Ground
from load_tests.processes import run_once
from load_tests.product import OWN_PARTITIONS

FULL = 1_000_000
_SAMPLED = 200


def crowd_of(case: Case, events: int) -> Crowd:
    """The customers of a case, whose last event is a minute old."""
    active = max(1, round(case.customers * case.active))
    began = time.time_ns() // 1_000_000 - case.customers - events - 60_000
    return Crowd(seed=case.seed, customers=case.customers, active=active, events=events, began=began)


def measure(ground: Ground, case: Case) -> list[Figure]:
    """Rate, what is written, stops, memory and restart; raises AnswerWrong, NotInTime, ProcessEnded."""
    crowd, oracle = crowd_of(case, case.customer_events), Oracle()
    oracle.take(fill(crowd))
    oracle.take(rush(crowd))
    sampled = [customer_of(n) for n in range(0, crowd.customers, max(1, crowd.customers // _SAMPLED))]
    alone = _alone(ground, case, crowd, sampled)
    wrong = wrong_profiles(alone.profiles, oracle, sampled)
    if alone.verdicts != oracle.verdicts or wrong:
        raise AnswerWrong("the objects alone", wrong or f"{alone.verdicts}, {oracle.verdicts} is right")
    with Crowded(ground, case, crowd, oracle) as crowded:
        rushed = crowded.run(sampled)
    return figures_of(crowd, alone, rushed)


def _alone(ground: Ground, case: Case, crowd: Crowd, sampled: list[str]) -> Alone:
    """The objects in a process of their own."""
    command = [sys.executable, "-m", "load_tests.customers_child", str(CASES / CASE / "telltale.toml")]
    command += [msgspec.json.encode(crowd).decode(), ",".join(sampled)]
    command += ["--partitions", str(OWN_PARTITIONS), "--buckets", str(case.buckets)]
    patience = ground.patience(crowd.customers + crowd.events)
    said = run_once(command, {}, ground.folder / "customers-alone", patience)
    return msgspec.json.decode(said.splitlines()[-1], type=Alone)


def figures_of(crowd: Crowd, alone: Alone, rushed: Rushed) -> list[Figure]:
    """What is said of a run; of how much is written there is a bar for a million alone, for bases have a least size."""
    name, count = f"{crowd.customers:,} customers", crowd.customers
    ours, objects = crowd.events / rushed.wall_s, crowd.events / alone.rush_s
    whole = count >= FULL
    cpu = [seconds / crowd.events * 1e6 for seconds in (rushed.cpu_s, alone.cpu_s)]
    return [
        *figure(f"{name}: fill", "events/s", [rushed.fill_rate], more=True),
        *figure(f"{name}: rate", "events/s", [ours], more=True, bar=10_000, aim=25_000),
        *figure(f"{name}: CPU", "µs per event", [cpu[0]]),
        *figure(f"{name}: objects alone", "events/s", [objects], more=True),
        *figure(f"{name}: objects alone, CPU", "µs per event", [cpu[1]]),
        *figure(f"{name}: flow ÷ objects", "×", [ours / objects], more=True),
        *figure(f"{name}: written in an epoch", "% of state", [rushed.written], bar=10 if whole else None),
        *figure(f"{name}: longest stop", "ms", [rushed.longest_stop], bar=500),
        *figure(f"{name}: longest silence", "ms", [rushed.longest_silence]),
        *figure(f"{name}: memory, state alone", "bytes a customer", [alone.state / count], aim=400),
        *figure(f"{name}: memory, packed", "bytes a customer", [alone.packed / count]),
        *figure(f"{name}: memory, identity alone", "bytes a customer", [alone.view / count]),
        *figure(f"{name}: memory, flow", "bytes a customer", [rushed.resident / count]),
        *figure(f"{name}: on disk", "bytes a customer", [rushed.on_disk / count], aim=200),
        *figure(f"{name}: restart to right decision", "s", [rushed.restart_s], bar=10),
    ]
