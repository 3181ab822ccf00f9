"""Customers flows that kill themselves: `FOLDER POINT…`, one execution a point, the last (0) to the end.

Each step of saving is a point: the n-th after an execution saved its first base ends it by SIGKILL. Loading the product
takes longer than an execution, so this process loads it once and each execution is a fork of it. Prints, as JSON, where
each was killed and, of the last, what every bucket holds.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from hashlib import sha256
from pathlib import Path
from typing import Any

from bytewax.recovery import RecoveryConfig
from bytewax.testing import cluster_main

from flows.customers import operators, packed
from flows.customers.flow import customers_flow
from flows.engine.clock import wall_clock
from flows.engine.gate import Bound
from flows.engine.messages import Watch
from flows.engine.recovery import forget_unfinished
from flows.metrics import Metrics
from flows.rules.model import Aggregate, RuleSet
from flows.schema import Profile, decode, encode
from flows.settings import CustomersSettings, Settings
from flows.topics.names import TopicNames
from flows.topics.port import Topics
from flows.topics.sqlite import SqliteTopics

BUCKETS, BATCH = 8, 5
SETTINGS = Settings(
    tenant="acme", tenant_key="key", customers=CustomersSettings(buckets=BUCKETS, batch=BATCH)
)
CLICKS = Aggregate(name="clicks", source="event:click", take="count")
POINTS = (
    (operators.BucketStep, "snapshot"),
    (operators.BaseStep, "on_batch"),
    (operators.BaseStep, "snapshot"),
)


class Points:
    """Counts the points of one execution, and ends it at one of them."""

    def __init__(self, deadly: int, said: Path) -> None:
        self._deadly, self._said, self._passed = deadly, said, 0

    def watch(self) -> None:
        """Have all points counted, before and after."""
        for owner, name in POINTS:
            setattr(owner, name, self._watched(f"{owner.__name__}.{name}", getattr(owner, name)))

    def _watched(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*arguments: Any) -> Any:
            self._pass(f"before {name}")
            found = method(*arguments)
            self._pass(f"after {name}")
            return found

        return call

    def _pass(self, name: str) -> None:
        if self._passed or name == "after BaseStep.snapshot":
            self._passed += 1
        if self._passed == self._deadly > 0:
            self._said.write_text(json.dumps({"killed": name}))
            os.kill(os.getpid(), signal.SIGKILL)


class Sets:
    """One rule set without rules."""

    current = RuleSet(number=1, tenant="acme", rules=(), purposes={}, profile=(CLICKS,))

    def poll(self) -> None:
        """Nothing new."""


class Until:
    """Says stop once the profiles on the topic have counted all events, or after far too many questions."""

    def __init__(self, topics: Topics, wanted: int) -> None:
        self._wanted, self._asked, self._over = wanted, 0, False
        profiles = TopicNames().profiles
        self._readers = [topics.reader(profiles, p, 0) for p in range(topics.partitions(profiles))]
        self._counts: dict[str, int] = {}

    def __call__(self) -> bool:
        self._asked += 1
        if not self._over and self._asked % 50 == 0:
            for message in (m for reader in self._readers for m in reader.read(10_000)):
                profile = decode(Profile, message.value or b"")
                self._counts[profile.customer] = int(profile.values["clicks"] or 0)
            self._over = sum(self._counts.values()) >= self._wanted
        return self._over or self._asked > 50_000


def held(steps: list[operators.BucketStep]) -> list[tuple[str, packed.Customer]]:
    """All customers by name."""
    found: list[tuple[str, packed.Customer]] = []
    for step in list(steps):
        customers = step._customers
        found += [(name, customer) for name in customers.names() if (customer := customers.get(name))]
    return sorted(found, key=lambda each: each[0])


def execute(folder: Path, point: int, wanted: int, said: Path) -> None:
    """One execution of two workers, to its end or its kill."""
    steps: list[operators.BucketStep] = []
    restored = [0]
    begin, found = operators.BucketStep.__init__, operators.Bases.found

    def begin_bucket(self: operators.BucketStep, *arguments: Any) -> None:
        begin(self, *arguments)
        steps.append(self)

    def base_found(self: operators.Bases, base: operators.NewBase) -> None:
        restored[0] += 1
        found(self, base)

    operators.BucketStep.__init__, operators.Bases.found = begin_bucket, base_found  # type: ignore[method-assign]
    Points(point, said).watch()
    bus = SqliteTopics(folder / "topics.db")
    watch = Watch(clock=wall_clock, stopping=Until(bus, wanted), bound=Bound())
    flow = customers_flow(SETTINGS, lambda: bus, Sets(), watch, Metrics(), lambda: None)  # type: ignore[arg-type]
    forget_unfinished(folder / "recovery")
    recovery = RecoveryConfig(str(folder / "recovery"))
    cluster_main(
        flow,
        [],
        0,
        epoch_interval=timedelta(milliseconds=20),
        recovery_config=recovery,
        worker_count_per_proc=2,
    )
    customers = held(steps)
    digest = sha256(b"".join(name.encode() + encode(customer) for name, customer in customers)).hexdigest()
    generations = [step._customers.generation for step in steps]
    counts = {name: sum(len(p.events) for p in customer.parts.values()) for name, customer in customers}
    said.write_text(
        json.dumps({"digest": digest, "counts": counts, "generations": generations, "restored": restored[0]})
    )


def main() -> None:
    """Each execution in a fork of this process."""
    folder, wanted = Path(sys.argv[1]), int(sys.argv[2])
    packed._SMALLEST = 500
    said = folder / "said.json"
    for point in map(int, sys.argv[3:]):
        said.write_text("{}")
        child = os.fork()
        if child == 0:
            execute(folder, point, wanted, said)
            os._exit(0)
        os.waitpid(child, 0)
        # What waits to be written would be the next fork's too.
        print(said.read_text(), flush=True)


if __name__ == "__main__":
    main()
