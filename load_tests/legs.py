"""The legs of the benchmark: the same readings to each, released at once when it is warm, timed by one rule.

Wall time is from the release to the moment the last reading's answer is out, which is the append time of the last
mark's alarm; for the ceiling, to the last decoded reading. CPU time is that of the leg's processes in between, with all
their threads and without the broker. A leg whose answer is not the oracle's does not count.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from flows.ids import partition_of
from flows.topics.port import TopicSpec
from load_tests import ceiling
from load_tests.bus import Bus, Hold
from load_tests.load import Load, Messages
from load_tests.processes import Processes, processes
from load_tests.product import Product, start_bytewax
from load_tests.results import Results

RULE = "ten-in-a-row"
Release = Callable[[], None]
_WARM_S = 180.0
_ACCOUNTS_S = 60.0
_STRAGGLERS_S = 15.0


class Measured(msgspec.Struct, frozen=True):
    """One run of one leg; `wrong` says what was not right of its answer, None if all was."""

    readings: int
    wall_s: float
    cpu_s: float
    wrong: str | None

    @property
    def rate(self) -> float:
        """Readings per second."""
        return self.readings / max(self.wall_s, 0.001)

    @property
    def cpu_per_million(self) -> float:
        """CPU seconds per million readings."""
        return self.cpu_s / self.readings * 1e6


class Ground(msgspec.Struct, frozen=True):
    """What all legs share: the bus, a folder, and how many partitions and processes."""

    bus: Bus
    folder: Path
    partitions: int
    processes: int

    def patience(self, readings: int) -> float:
        """How long (s) a leg may take before it is given up: far slower than any should be."""
        return 120.0 + readings / 1_000


def write(bus: Bus, topic: str, messages: Messages) -> None:
    """Write messages as devices do, by key, and wait until the bus has them."""
    bus.write(topic, zip(messages.keys, messages.values, strict=True))


def prepare(ground: Ground, topic: str, load: Load) -> Release:
    """Write what comes first, and on Kafka all else held back; the result lets everybody have it.

    SQLite holds nothing back, so there it is written only then, and what is measured is of no account.
    """

    def write_rest() -> None:
        write(ground.bus, topic, load.body)
        write(ground.bus, topic, load.last)

    write(ground.bus, topic, load.first)
    if ground.bus.kind == "sqlite":
        return write_rest
    hold = Hold(ground.bus.address, topic, ground.partitions)
    write_rest()
    return hold.release


def run_ours(
    ground: Ground, load: Load, name: str = "ours", dead: int = 0, rules: dict[str, str] | None = None
) -> Measured:
    """The devices flow; `dead` of the readings cannot be read, `rules` are further ones by file name."""
    product = Product(ground.bus, ground.folder, "bench", name)
    for file, text in (rules or {}).items():
        (product.folder / "rules" / file).write_text(text)
    try:
        product.install(ground.partitions)
        release = prepare(ground, product.telemetry, load)
        results = Results(ground.bus, product.topics.alarms, product.topics.accounts)
        with processes(product.folder / "logs") as running:
            product.start("devices", ground.processes, running)
            measured = _follow(ground, load, RULE, release, results, running)
            wrong = measured.wrong or _wrong_accounts(results, running, load, dead)
        results.close()
        return msgspec.structs.replace(measured, wrong=wrong)
    finally:
        product.remove()


def run_naive(ground: Ground, load: Load) -> Measured:
    """The naive flow, with recovery like ours."""
    product = Product(ground.bus, ground.folder, "bench", "naive")
    topic, out = product.telemetry, product.topics.alarms
    try:
        topics = ground.bus.open()
        topics.create([TopicSpec(topic, ground.partitions), TopicSpec(out, 4)])
        topics.close()
        release = prepare(ground, topic, load)
        results = Results(ground.bus, out, None)
        with processes(product.folder / "logs") as running:
            dataflow = f"load_tests.naive_flow:flow('{ground.bus.address}', '{topic}', '{out}')"
            start_bytewax(dataflow, "naive", ground.processes, product.folder, {}, running)
            measured = _follow(ground, load, "", release, results, running)
        results.close()
        return measured
    finally:
        product.remove()


def _follow(
    ground: Ground, load: Load, rule: str, release: Release, results: Results, running: Processes
) -> Measured:
    """Wait until the leg is warm, release, wait for the last marks, and compare."""

    def all_of(wanted: set[tuple[str, int]]) -> list[int] | None:
        results.poll()
        return results.when(wanted, rule)

    def seen() -> str:
        return f"{len(results.appended.get(rule, {}))} of {len(load.expected)} alarms were out"

    running.wait_for("Warming up", _WARM_S, lambda: all_of(load.warm), seen)
    cpu, released = running.cpu_s(), time.time_ns() // 1_000_000
    release()
    done = running.wait_for(
        "Handling all readings", ground.patience(load.size), lambda: all_of(load.marks), seen
    )
    cpu = running.cpu_s() - cpu
    # Alarms leave by several writers, so a mark may overtake the alarm of a reading before it.
    give_up = time.monotonic() + _STRAGGLERS_S
    while (late := all_of(load.expected)) is None and time.monotonic() < give_up:
        running.check()
    ended = max(late or done)
    return Measured(load.size, (ended - released) / 1000, cpu, _wrong_alarms(results, rule, load))


def _wrong_alarms(results: Results, rule: str, load: Load) -> str | None:
    """What differs from the oracle."""
    got = results.appended.get(rule, {}).keys()
    missing, extra = len(load.expected - got), len(got - load.expected)
    if missing or extra or results.repeated:
        return f"{missing} alarms missing, {extra} that should not be, {results.repeated} repeated"
    return None


def _wrong_accounts(results: Results, running: Processes, load: Load, dead: int) -> str | None:
    """Whether the accounts speak of every message once, and of as many dead readings as there were."""
    total = load.size + len(load.first.values)

    def all_accounts() -> dict[str, int] | None:
        results.poll()
        sums = results.readings()
        return sums if sums["messages"] >= total else None

    sums = running.wait_for("Accounting", _ACCOUNTS_S, all_accounts, lambda: str(results.readings()))
    right = {"messages": total, "taken": total - dead, "late": 0, "duplicate": 0, "future": 0, "dead": dead}
    if sums != right or results.overlapping():
        return f"the accounts say {sums}, right is {right}"
    return None


def run_ceiling(ground: Ground, load: Load) -> Measured:
    """Consume and decode alone, with the partitions divided among as many processes."""
    product = Product(ground.bus, ground.folder, "bench", "ceiling")
    topic = product.telemetry
    try:
        topics = ground.bus.open()
        topics.create([TopicSpec(topic, ground.partitions)])
        topics.close()
        release = prepare(ground, topic, load)
        with processes(product.folder / "logs") as running:
            names = _start_ceiling(ground, topic, load, running)
            return _follow_ceiling(ground, load, names, release, running)
    finally:
        product.remove()


def _start_ceiling(ground: Ground, topic: str, load: Load, running: Processes) -> list[str]:
    """Each process is told its partitions and how many readings they hold."""
    first = _by_partition(load.first, ground.partitions)
    rest = _by_partition(load.body, ground.partitions)
    last = _by_partition(load.last, ground.partitions)
    names: list[str] = []
    for i in range(ground.processes):
        own = list(range(i, ground.partitions, ground.processes))
        command = [sys.executable, "-m", "load_tests.ceiling", ground.bus.kind, ground.bus.address, topic]
        command += ["--partitions", ",".join(map(str, own)), "--first", str(sum(first[p] for p in own))]
        command += ["--count", str(sum(rest[p] + last[p] for p in own))]
        names.append(f"ceiling-{i}")
        running.log(names[-1]).unlink(missing_ok=True)
        running.start(names[-1], command, {})
    return names


def _by_partition(messages: Messages, partitions: int) -> list[int]:
    """How many messages each partition gets."""
    counts = [0] * partitions
    known: dict[bytes, int] = {}
    for key in messages.keys:
        partition = known.get(key)
        if partition is None:
            partition = known[key] = partition_of(key, partitions)
        counts[partition] += 1
    return counts


def _follow_ceiling(
    ground: Ground, load: Load, names: list[str], release: Release, running: Processes
) -> Measured:
    """Wait until all are warm, release, wait for their last words, and compare."""

    def lines(count: int) -> list[list[str]] | None:
        time.sleep(0.005)  # a file is looked at: nobody tells when it grows
        said = [running.log(name).read_text().splitlines() for name in names]
        return said if all(len(words) >= count for words in said) else None

    running.wait_for("Warming up", _WARM_S, lambda: lines(1), lambda: "not all were ready")
    cpu, released = running.cpu_s(), time.time_ns() // 1_000_000
    release()
    said = running.wait_for(
        "Decoding all readings", ground.patience(load.size), lambda: lines(2), lambda: "not all had ended"
    )
    cpu = running.cpu_s() - cpu
    ended = [msgspec.json.decode(words[1], type=ceiling.Ended) for words in said]
    wanted = load.size + len(load.first.values)
    decoded = sum(one.readings for one in ended)
    wrong = None if decoded == wanted else f"{decoded} readings were decoded, {wanted} were there"
    return Measured(load.size, (max(one.ended for one in ended) - released) / 1000, cpu, wrong)
