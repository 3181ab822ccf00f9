"""How long after a kill the first right alarm is out: from the start of the processes, with a whole fleet in the state.

Before the kill each mark was nine times hot; its tenth comes while the flow is down. So the alarm is right only if the
state came back.
"""

from __future__ import annotations

import time

import msgspec

from load_tests.case import Case
from load_tests.failures import AnswerWrong
from load_tests.figures import Figure, figure
from load_tests.legs import RULE, Ground, write
from load_tests.load import Load, Messages, make_load, make_readings
from load_tests.processes import processes
from load_tests.product import Product
from load_tests.results import Results

_START_S = 180.0


def measure(ground: Ground, case: Case) -> list[Figure]:
    """Seconds by the number of devices; raises AnswerWrong, NotInTime, ProcessEnded."""
    found: list[Figure] = []
    for devices in case.restart_devices:
        quiet = msgspec.structs.replace(case, readings=devices, devices=devices, planted=0, near_misses=0)
        seconds = _restart(ground, make_load(make_readings(quiet), ground.partitions))
        name = f"restart with {devices:,} devices: first right alarm"
        found += figure(name, "s", [seconds], bar=5.0, aim=1.0)
    return found


def _restart(ground: Ground, load: Load) -> float:
    """Fill, kill, write the tenth reading of each mark, start again."""
    product = Product(ground.bus, ground.folder, "memory", "restart")
    tenth = len(load.last.values) - ground.partitions
    before, after = load.last.prefix(tenth), Messages(load.last.keys[tenth:], load.last.values[tenth:])
    try:
        product.install(ground.partitions)
        results = Results(ground.bus, product.topics.alarms, product.topics.accounts)
        _fill(ground, product, [load.body, before], results)
        write(ground.bus, product.telemetry, after)
        with processes(product.folder / "logs") as running:
            began = time.time_ns() // 1_000_000
            product.start("devices", ground.processes, running)

            def all_marks() -> list[int] | None:
                results.poll()
                return results.when(load.marks, RULE)

            done = running.wait_for("Starting again", _START_S, all_marks, lambda: str(results.appended))
        results.close()
    finally:
        product.remove()
    extra = results.appended[RULE].keys() - load.marks
    if extra or min(done) < began:
        raise AnswerWrong("restart", f"{len(extra)} alarms that should not be")
    return (min(done) - began) / 1000


def _fill(ground: Ground, product: Product, parts: list[Messages], results: Results) -> None:
    """Let the flow take all of it and have it on disk, then kill it."""
    total = sum(len(part.values) for part in parts)
    for part in parts:
        write(ground.bus, product.telemetry, part)
    with processes(product.folder / "logs") as running:
        product.start("devices", ground.processes, running)

        def all_accounts() -> bool | None:
            results.poll()
            return results.readings()["messages"] >= total or None

        running.wait_for("Filling the state", _START_S + ground.patience(total), all_accounts, lambda: "")
