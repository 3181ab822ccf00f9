"""The plain objects of the customers flow as Bytewax's stateful steps; nothing is decided here."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Never

import msgspec
from bytewax.operators import StatefulBatchLogic  # pyright: ignore[reportMissingTypeStubs]

from flows.customers.bases import Bases, NewBase, read_base, saved_base
from flows.customers.batch import Out, due
from flows.customers.brakes import Brakes
from flows.customers.bucket import Bucket
from flows.customers.decoding import AllIdentity
from flows.customers.packed import Packed, generation_of
from flows.customers.resolve import Incoming, Resolved, Resolver
from flows.customers.rule_index import RuleBook
from flows.customers.rule_limits import Decided, RuleLimits
from flows.customers.triggers import RulesChanged, Trigger, whose
from flows.engine import names
from flows.engine.clock import moment
from flows.engine.ticks import Dues
from flows.engine.told import told
from flows.errors import BaseMissing, StateUnreadable
from flows.metrics import Metrics

# 2 was all customers of a bucket, whole; 1 those before they had parts.
_FORMAT = 3


class ResolveStep(StatefulBatchLogic[Incoming | AllIdentity, Resolved, bytes]):
    """One partition of identity."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def on_batch(self, values: list[Incoming | AllIdentity]) -> tuple[list[Resolved], bool]:
        """Each in its order."""
        found: list[Resolved] = []
        with told(names.CUSTOMERS_RESOLVE):
            for value in values:
                for each in value.entries if isinstance(value, AllIdentity) else (value,):
                    found += self._resolver.take(each)
        return found, StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes:
        """The resolver's memory."""
        return self._resolver.snapshot()


class Buckets(msgspec.Struct, frozen=True, kw_only=True):
    """What all buckets of a process share; `key_of` gives the state key of a customer's bucket."""

    tenant: str
    book: RuleBook
    clock: Callable[[], int]
    key_of: Callable[[str], str]
    bases: Bases
    dues: Dues
    metrics: Metrics
    brakes: Brakes


class Saved(msgspec.Struct, array_like=True):
    """What is saved of a bucket: its key, the rule set that it has taken up, what changed since its base."""

    key: str
    rules: int
    delta: bytes


class BucketStep(StatefulBatchLogic[Trigger, Out | NewBase, bytes]):
    """One bucket of customers; it does nothing before its base has come, which the step of the bases has read."""

    def __init__(self, buckets: Buckets, state: bytes | None) -> None:
        self._buckets = buckets
        self._saved = None if state is None else _read(state)
        self._waiting: list[Trigger] = []
        self._bucket: Bucket | None = None
        self._customers = Packed()

    def on_batch(self, values: list[Trigger]) -> tuple[list[Out | NewBase], bool]:
        """A batch as a whole, so that a profile goes out once."""
        self._waiting += values
        with told(names.CUSTOMERS_BUCKETS):
            bucket = self._open()
            if bucket is None or self._saved is None or not self._waiting:
                return [], StatefulBatchLogic.RETAIN
            values, self._waiting = self._waiting, []
            out: list[Out | NewBase] = [*bucket.take(values)]
            self._saved.rules = max(
                (value.number for value in values if isinstance(value, RulesChanged)),
                default=self._saved.rules,
            )
            self._note(self._saved)
            return out + self._new_base(self._saved.key), StatefulBatchLogic.RETAIN

    def notify_at(self) -> datetime | None:
        """At once, as long as the base has not come."""
        return moment(self._buckets.clock()) if self._saved is not None and self._bucket is None else None

    def on_notify(self) -> tuple[list[Out | NewBase], bool]:
        """Look whether the base has come."""
        return self.on_batch([])

    def snapshot(self) -> bytes:
        """What changed of the bucket's customers since their base."""
        if self._saved is None:
            raise RuntimeError("a bucket was saved before its first item")
        with told(names.CUSTOMERS_BUCKETS, self._saved.key):
            if self._waiting:
                raise BaseMissing(generation_of(self._saved.delta), 0)
            if self._bucket is not None:
                began = time.perf_counter()
                self._saved.delta = self._bucket.snapshot()
                self._buckets.bases.saved(len(self._saved.delta))
                self._buckets.metrics.stopped(names.CUSTOMERS_FLOW, time.perf_counter() - began)
            return bytes([_FORMAT]) + msgspec.msgpack.encode(self._saved)

    def _open(self) -> Bucket | None:
        """The bucket, once its base is there; a new one learns its key from its first item."""
        if self._bucket is not None:
            return self._bucket
        buckets, delta = self._buckets, None
        if self._saved is None:
            customer = next((name for name in map(whose, self._waiting) if name is not None), "")
            rules = buckets.book.index.rule_set.number
            self._saved, base = Saved(buckets.key_of(customer), rules, b""), None
        else:
            delta = self._saved.delta
            base = buckets.bases.take(self._saved.key) if generation_of(delta) else None
            if base is None and generation_of(delta):
                return None
        self._customers = Packed(base, delta, due)
        self._bucket = Bucket(
            buckets.tenant, buckets.book, buckets.clock, self._customers, brakes=buckets.brakes
        )
        self._note(self._saved)
        return self._bucket

    def _note(self, saved: Saved) -> None:
        self._buckets.dues.note(saved.key, self._customers.due(), saved.rules)

    def _new_base(self, key: str) -> list[NewBase]:
        """A new base, if one is wanted and may be written in this epoch."""
        size = self._customers.wants_base()
        if not size or not self._buckets.bases.may_write(size):
            return []
        return [NewBase(key, self._customers.rebase())]


class BaseStep(StatefulBatchLogic[NewBase, Never, bytes]):
    """The base of one bucket, under the bucket's key: so it is on the same worker."""

    def __init__(self, bases: Bases, state: bytes | None) -> None:
        self._base: NewBase | None = None
        if state is not None:
            self._base = read_base(state)
            bases.found(self._base)

    def on_batch(self, values: list[NewBase]) -> tuple[list[Never], bool]:
        """The last is the one to keep."""
        self._base = values[-1]
        return [], StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes:
        """The base, compressed; asked for only in an epoch that brought a new one."""
        if self._base is None:
            raise RuntimeError("a base was saved before it came")
        return saved_base(self._base)


class RuleLimitsStep(StatefulBatchLogic[Decided, Decided, bytes]):
    """The limits of one rule."""

    def __init__(self, limits: RuleLimits) -> None:
        self._limits = limits

    def on_batch(self, values: list[Decided]) -> tuple[list[Decided], bool]:
        """Each in its order."""
        with told(names.CUSTOMERS_RULE_LIMITS):
            return [self._limits.take(value) for value in values], StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes:
        """What was counted."""
        return self._limits.snapshot()


def resolve_step(book: RuleBook) -> Callable[[bytes | None], ResolveStep]:
    """A builder of the resolve step."""
    return lambda state: ResolveStep(Resolver(book, state))


def bucket_step(buckets: Buckets) -> Callable[[bytes | None], BucketStep]:
    """A builder of the bucket step."""
    return lambda state: BucketStep(buckets, state)


def base_step(bases: Bases) -> Callable[[bytes | None], BaseStep]:
    """A builder of the step that keeps the bases."""
    return lambda state: BaseStep(bases, state)


def rule_limits_step(book: RuleBook) -> Callable[[bytes | None], RuleLimitsStep]:
    """A builder of the rule-limits step."""
    return lambda state: RuleLimitsStep(RuleLimits(book, state))


def _read(state: bytes) -> Saved:
    """Read what was saved of a bucket; raises StateUnreadable for a format that is not known."""
    if state[:1] != bytes([_FORMAT]):
        raise StateUnreadable("a bucket of customers", state[0] if state else 0, _FORMAT)
    return msgspec.msgpack.decode(state[1:], type=Saved)
