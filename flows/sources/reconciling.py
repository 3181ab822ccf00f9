"""Reading `reconcile` of `sources.yaml`: which of several sources is believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast, get_args

from flows.documents import Located, Mistakes
from flows.fields import Fields, did_you_mean, read_entries
from flows.sources.model import Reconcile, ReconcileBy, Source

_WORDS: tuple[str, ...] = tuple(word for word in get_args(ReconcileBy) if word != "source_order")
_HINT = "Write last_updated, most_frequent, or {source_order: [crm, shop]}."


def read_reconcile(fields: Fields, systems: Mapping[str, Source]) -> tuple[Reconcile, dict[str, Reconcile]]:
    """(the default, what holds for single names) of `reconcile`."""
    at = fields.get("reconcile")
    if at is None or at.value is None:
        return Reconcile(), {}
    known = {one.name for s in systems.values() for one in (*s.attributes, *s.preferences)} | {"time_zone"}
    default, found = Reconcile(), dict[str, Reconcile]()
    for name, below in read_entries(at, fields.mistakes).items():
        one = _reconcile(below, systems, fields.mistakes)
        if name == "default":
            default = one
        elif name not in known:
            message = f"no source has an attribute or a preference {name!r}"
            fields.mistakes.add(at, message, did_you_mean(name, {*known, "default"}), key=name)
        else:
            found[name] = one
    return default, found


def _reconcile(at: Located, systems: Mapping[str, Source], mistakes: Mistakes) -> Reconcile:
    """One way: a word, or an order of sources."""
    if isinstance(at.value, str) and at.value in _WORDS:
        return Reconcile(by=cast("ReconcileBy", at.value))
    if not isinstance(at.value, dict):
        mistakes.add(at, f"{at.plain()!r} is no way to reconcile", _HINT)
        return Reconcile()
    fields = Fields(at, mistakes, ("source_order",))
    fields.require("source_order")
    order = fields.texts("source_order")
    for place, name in zip(fields.items("source_order"), order, strict=False):
        if name not in systems:
            mistakes.add(place, f"there is no source {name!r}", did_you_mean(name, systems))
        elif order.count(name) > 1:
            mistakes.add(place, f"the source {name!r} is named twice", "Leave it away once.")
    return Reconcile(by="source_order", order=order)
