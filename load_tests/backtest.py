"""The backtest over the same readings in a file: a process, timed by its CPU beside the flow's."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from flows.archives.jsonl import ArchiveWriter
from load_tests.legs import RULE, Ground, Measured
from load_tests.load import Load
from load_tests.oracle import Raised
from load_tests.processes import run_once
from load_tests.product import Product
from load_tests.results import RaisedMessage

# Of few readings the difference may be lost in how long starting takes.
_LEAST_S = 0.001


class _Run(msgspec.Struct, frozen=True):
    """One process: what it raised, and the wall and CPU time (s) from its start to its end."""

    raised: set[Raised]
    wall_s: float
    cpu_s: float


def run_backtest(ground: Ground, load: Load) -> Measured:
    """The archive of a whole load: wall time with starting, CPU without, which an archive of a few readings tells.

    A first process, which is not counted, lets the kernels be compiled if they are not yet.
    """
    product = Product(ground.bus, ground.folder, "bench", "backtest")
    try:
        short, whole = product.folder / "short.jsonl", product.folder / "whole.jsonl"
        _write(short, load.first.values)
        _write(whole, [*load.first.values, *load.body.values, *load.last.values])
        patience = ground.patience(load.size)
        _run(product, short, patience)
        started = _run(product, short, patience)
        done = _run(product, whole, patience)
    finally:
        product.remove()
    missing, extra = len(load.expected - done.raised), len(done.raised - load.expected)
    wrong = f"{missing} alarms missing, {extra} that should not be" if missing or extra else None
    return Measured(load.size, done.wall_s, max(done.cpu_s - started.cpu_s, _LEAST_S), wrong)


def _write(path: Path, values: Iterable[bytes]) -> None:
    with ArchiveWriter(path) as writer:
        for value in values:
            writer.write(value)


def _run(product: Product, archive: Path, patience: float) -> _Run:
    """Run the command to its end; raises ProcessEnded, NotInTime."""
    command = [sys.executable, "-m", "flows.cli", "backtest", "--json", "--rule", RULE, str(archive)]
    cpu, began = _cpu_s(), time.monotonic()
    printed = run_once(command, product.environment, product.folder / "logs", patience)
    wall, cpu = time.monotonic() - began, _cpu_s() - cpu
    alarms = [msgspec.json.decode(line, type=RaisedMessage) for line in printed.splitlines()]
    raised = {(alarm.device, alarm.opened_at) for alarm in alarms if alarm.transition == "raised"}
    return _Run(raised, wall, cpu)


def _cpu_s() -> float:
    """What all children that have ended took of the processor so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
