"""A bucket of customers: it folds in what was published, decides what is new, and remembers.

`decisions` and `handoffs` are the write-ahead log of what is here. After a start everything published behind the mark
comes first: each decision with a number above the customer's own is applied, its actions go out again (same ids), and
its id is remembered until the trigger is read again, which then goes into the profile and decides nothing; each
handoff is taken by its target, and its source lets go of what it had handed over.
"""

from __future__ import annotations

from collections.abc import Callable

from flows.customers.batch import Batch, Out, due
from flows.customers.brakes import Brakes, NoBrakes
from flows.customers.decide import Decider
from flows.customers.folding import Unbound, bind_all
from flows.customers.judge import Judge
from flows.customers.packed import Packed
from flows.customers.rule_index import RuleBook
from flows.customers.triggers import Trigger


class Bucket:
    """Some of the customers; `clock` is the wall clock in ms, `zone` that of customers whose profile tells none.

    `customers` is built with `batch.due`, so that it knows who is due.
    """

    def __init__(
        self,
        tenant: str,
        book: RuleBook,
        clock: Callable[[], int],
        customers: Packed | None = None,
        zone: str | None = None,
        brakes: Brakes | None = None,
    ) -> None:
        self._tenant = tenant
        self._book = book
        self._clock = clock
        self._zone = zone
        self._brakes = brakes or NoBrakes()
        self._customers = Packed(due=due) if customers is None else customers
        self._unbound: Unbound | None = {}
        self._bound: list[str] = []

    def snapshot(self) -> bytes:
        """What changed of its customers since their base; the epoch that ends with it has brought all published."""
        if self._unbound is not None:
            self._bound = bind_all(self._customers, self._unbound)
            self._unbound = None
        return self._customers.snapshot()

    def due(self) -> int | None:
        """When (ms) the next of its customers is due."""
        return self._customers.due()

    def take(self, triggers: list[Trigger]) -> list[Out]:
        """The decisions and handoffs on a batch in its order, then the profile of each customer it changed."""
        now = self._clock()
        decider = Decider(self._tenant, self._book.index, now, self._zone, self._brakes)
        batch = Batch(self._customers, Judge(decider), decider.rules, now, self._unbound)
        batch.fresh(self._bound)
        for trigger in triggers:
            batch.take(trigger)
        out = batch.finish()
        self._unbound, self._bound = batch.unbound, []
        self._customers.cool()
        return out
