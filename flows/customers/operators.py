"""The plain objects of the customers flow as Bytewax's stateful steps; nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable

from bytewax.operators import StatefulBatchLogic  # pyright: ignore[reportMissingTypeStubs]

from flows.customers.bucket import Bucket
from flows.customers.resolve import Incoming, Resolver
from flows.customers.rule_index import RuleBook
from flows.customers.rule_limits import Decided, RuleLimits
from flows.customers.triggers import AlarmFor, EventFor, Trigger
from flows.engine import names
from flows.engine.told import told
from flows.schema import Profile


class ResolveStep(StatefulBatchLogic[Incoming, AlarmFor | EventFor, bytes]):
    """One partition of identity."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def on_batch(self, values: list[Incoming]) -> tuple[list[AlarmFor | EventFor], bool]:
        """Each in its order."""
        with told(names.CUSTOMERS_RESOLVE):
            found = [trigger for value in values for trigger in self._resolver.take(value)]
        return found, StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes:
        """The resolver's memory."""
        return self._resolver.snapshot()


class BucketStep(StatefulBatchLogic[Trigger, Decided | Profile, bytes]):
    """One bucket of customers."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def on_batch(self, values: list[Trigger]) -> tuple[list[Decided | Profile], bool]:
        """A batch as a whole, so that a profile goes out once."""
        with told(names.CUSTOMERS_BUCKETS):
            return self._bucket.take(values), StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes:
        """The bucket's customers."""
        return self._bucket.snapshot()


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


def bucket_step(
    tenant: str, book: RuleBook, clock: Callable[[], int]
) -> Callable[[bytes | None], BucketStep]:
    """A builder of the bucket step."""
    return lambda state: BucketStep(Bucket(tenant, book, clock, state))


def rule_limits_step(book: RuleBook) -> Callable[[bytes | None], RuleLimitsStep]:
    """A builder of the rule-limits step."""
    return lambda state: RuleLimitsStep(RuleLimits(book, state))
