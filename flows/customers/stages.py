"""The stage of life that a rule has set: the newest that still lasts is the customer's."""

from __future__ import annotations

from flows.customers.state import Customer
from flows.schema_change import Waiting

FOR_EVER = 1 << 53
"""When (ms) a stage ends that has no end."""


def stage_at(customer: Customer, at: int) -> str | None:
    """The stage at event time `at` (ms); of several the one that began last. A dry run sets none."""
    lasting = [w for _, w in customer.waiting() if w.kind == "stage" and not w.dry_run and at < w.until]
    newest = max(lasting, key=lambda w: (w.since, w.id), default=None)
    return None if newest is None else newest.stage


def outlasted(customer: Customer, new: Waiting) -> tuple[str, ...]:
    """The stages that will never be seen again once a new one is set: older ones that do not end later."""
    return tuple(
        w.id
        for _, w in customer.waiting()
        if w.kind == "stage" and w.id != new.id and w.dry_run == new.dry_run
        if w.since <= new.since and w.until <= new.until
    )
