"""The objects of the customers flow alone: no Bytewax, no disk, no bus. The denominator of the flow's speed.

It builds the product's own objects, because only so is it known what the flow adds to them; and because the memory of
a running flow cannot be told from that of all around it. What the flow does message by message is done here too, in
the same batches: decode, resolve, decide, count, encode. It prints one JSON line.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from flows.customers.batch import due
from flows.customers.bucket import Bucket
from flows.customers.decoding import AllIdentity, Decoding, keys
from flows.customers.outgoing import of_decided, of_known
from flows.customers.packed import Packed
from flows.customers.resolve import Incoming, Resolver
from flows.customers.rule_index import RuleBook
from flows.customers.rule_limits import Decided, RuleLimits
from flows.customers.triggers import Trigger, whose
from flows.ids import partition_of
from flows.rules.load import load_configuration
from flows.schema import Profile
from flows.settings import Settings, load_settings
from flows.topics.names import TopicNames
from flows.topics.port import Message
from load_tests.alone import Alone
from load_tests.children import OneSet, resident
from load_tests.crowd import TENANT_KEY, Crowd, fill, identity_of, rush

_EPOCH = 50_000
_TENANT = "default"


class Objects:
    """Resolvers, buckets and limits of one process, by the keys that the flow gives them."""

    def __init__(self, settings: Settings, partitions: int, sampled: Iterable[str] = ()) -> None:
        configuration = load_configuration(settings)
        self._book = RuleBook(OneSet(configuration.rule_set(_TENANT, 1)))
        self._where = keys(partitions, settings.customers.buckets)
        self._names = TopicNames()
        events = self._book.index.rule_set.events
        self._decoding = Decoding(self._where, settings.tenant_key.encode(), "dead", lambda: events)
        self._batch = settings.customers.batch
        self._resolvers = {key: Resolver(self._book) for key in self._where.identity}
        self._customers = {key: Packed(due=due) for key in self._where.buckets}
        self._buckets = {
            key: Bucket(_TENANT, self._book, _now, customers) for key, customers in self._customers.items()
        }
        self._limits: dict[str, RuleLimits] = {}
        self._profiles = dict[str, Profile | None].fromkeys(sampled)
        self.verdicts = Counter[str]()

    def identity(self, messages: Iterable[Message]) -> None:
        """Let the views know who is who."""
        for some in _by(messages, self._batch):
            for key, found in self._decoding.identity_at_start(some, None):
                for each in found.entries if isinstance(found, AllIdentity) else ():
                    self._resolvers[key].take(each)

    def events(self, messages: Iterable[Message]) -> None:
        """Take events, in batches as large as those of the flow."""
        for some in _by(messages, self._batch):
            self._take(some)

    def rest(self) -> None:
        """What an epoch's end does to the memory: what has grown gets a new base."""
        for customers in self._customers.values():
            if customers.wants_base():
                customers.rebase()

    @property
    def packed(self) -> int:
        """The bytes of all packed customers."""
        return sum(customers.nbytes() for customers in self._customers.values())

    @property
    def profiles(self) -> dict[str, Profile]:
        """The last profiles of those that were asked for."""
        return {name: profile for name, profile in self._profiles.items() if profile is not None}

    def _take(self, messages: list[Message]) -> None:
        by_view: dict[str, list[Incoming]] = {}
        for key, found in self._decoding.events(messages):
            by_view.setdefault(key, []).append(found)  # type: ignore[arg-type]
        by_bucket: dict[str, list[Trigger]] = {}
        for key, incoming in by_view.items():
            for each in incoming:
                for trigger in self._resolvers[key].take(each):
                    bucket = self._where.of_customer(whose(trigger) or "")
                    by_bucket.setdefault(bucket, []).append(trigger)
        for key, triggers in by_bucket.items():
            for out in self._buckets[key].take(triggers):
                if isinstance(out, Decided):
                    self._decided(out)
                    continue
                of_known(out, self._names)
                if isinstance(out, Profile) and out.customer in self._profiles:
                    self._profiles[out.customer] = out

    def _decided(self, found: Decided) -> None:
        rule = found.decision.rule
        limits = self._limits.get(rule)
        if limits is None:
            limits = self._limits[rule] = RuleLimits(self._book)
        decided = limits.take(found)
        self.verdicts[decided.decision.verdict] += 1
        of_decided(decided, self._names)


def measure(settings: Settings, crowd: Crowd, partitions: int, sampled: list[str]) -> Alone:
    """Fill and rush; some customers before, so that code and tables are not counted as theirs."""
    few = msgspec.structs.replace(crowd, customers=200, active=20, events=200)
    small = Objects(settings, partitions)
    small.identity(_messages(identity_of(few), partitions))
    small.events(_messages(fill(few), partitions))
    objects = Objects(settings, partitions, sampled)
    before = resident()
    objects.identity(_messages(identity_of(crowd), partitions))
    view = resident()
    began, messages = time.perf_counter(), _messages(fill(crowd), partitions)
    while some := list(itertools.islice(messages, _EPOCH)):
        objects.events(some)
        objects.rest()
    filled = time.perf_counter() - began
    state = resident()
    messages = list(_messages(rush(crowd), partitions))
    began, cpu = time.perf_counter(), time.process_time()
    objects.events(messages)
    return Alone(
        fill_s=filled,
        rush_s=time.perf_counter() - began,
        cpu_s=time.process_time() - cpu,
        view=view - before,
        state=state - view,
        packed=objects.packed,
        verdicts=dict(objects.verdicts),
        profiles=objects.profiles,
    )


def _messages(sent: Iterable[tuple[bytes, bytes]], partitions: int) -> Iterator[Message]:
    """As a bus gives them."""
    appended = _now()
    for offset, (key, value) in enumerate(sent):
        yield Message("events", partition_of(key, partitions), offset, key, value, (), appended)


def _by(messages: Iterable[Message], size: int) -> Iterator[list[Message]]:
    """Batches of one partition each."""
    waiting: dict[int, list[Message]] = {}
    for message in messages:
        some = waiting.setdefault(message.partition, [])
        some.append(message)
        if len(some) >= size:
            yield waiting.pop(message.partition)
    yield from waiting.values()


def _now() -> int:
    return time.time_ns() // 1_000_000


def main() -> None:
    """As the leg calls it: the crowd as JSON, whose profiles to print joined by commas."""
    parser = argparse.ArgumentParser(description="The objects of the customers flow alone.")
    parser.add_argument("config", type=Path)
    parser.add_argument("crowd")
    parser.add_argument("sampled")
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--buckets", required=True)
    chosen = parser.parse_args()
    changed = {"TELLTALE_TENANT_KEY": TENANT_KEY, "TELLTALE_CUSTOMERS_BUCKETS": chosen.buckets}
    settings = load_settings(chosen.config, changed)
    crowd = msgspec.json.decode(chosen.crowd, type=Crowd)
    found = measure(settings, crowd, chosen.partitions, chosen.sampled.split(","))
    print(msgspec.json.encode(found).decode(), flush=True)


if __name__ == "__main__":
    main()
