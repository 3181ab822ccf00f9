"""Reading `look_up:`, what a rule asks of other systems: `{stock: {from: inventory, key: event.sku, within: 5s}}`."""

from __future__ import annotations

from collections.abc import Mapping

from flows.documents import Located
from flows.expressions import Expression
from flows.fields import Fields, did_you_mean, read_entries
from flows.rules.asking import Asking
from flows.rules.conditions import read_value
from flows.rules.model import LookUpEntry, LookUpSource
from flows.rules.scope import TAKEN
from flows.stream_files import NAME

MAX_LOOK_UPS = 8
LONGEST = 3_600_000
"""How long (ms) a decision may wait for an answer."""


def read_look_ups(
    at: Located, asking: Asking, sources: Mapping[str, LookUpSource]
) -> tuple[LookUpEntry, ...]:
    """The questions by name; `asking` is what their keys may read."""
    entries = read_entries(at, asking.mistakes)
    if len(entries) > MAX_LOOK_UPS:
        asking.mistakes.add(at, f"more than {MAX_LOOK_UPS} look-ups", "Leave some away.")
        return ()
    found: list[LookUpEntry] = []
    for name, below in entries.items():
        taken = name in {
            known.partition(".")[0] for known in (*asking.names.kinds, *asking.names.open_prefixes)
        }
        if not NAME.match(name) or name.lower() in TAKEN or taken:
            hint = "Use letters, digits and _, and no name that the rule reads already."
            asking.mistakes.add(at, f"{name!r} cannot be a look-up's name", hint, key=name)
        entry = _entry(name, below, asking, sources)
        if entry is not None:
            found.append(entry)
    return tuple(found)


def _entry(name: str, at: Located, asking: Asking, sources: Mapping[str, LookUpSource]) -> LookUpEntry | None:
    """One question."""
    fields = Fields(at, asking.mistakes, ("from", "key", "within"))
    complete = fields.require("from", "key", "within")
    source = fields.text("from")
    if source and source not in sources:
        message = f"the look-up {source!r} is not declared in the file of look-ups"
        fields.wrong("from", message, did_you_mean(source, sources))
    key = _key(fields, asking)
    within = fields.duration("within", 1, LONGEST)
    if not complete or key is None or within is None:
        return None
    return LookUpEntry(name=name, source=source, key=key, within=within)


def _key(fields: Fields, asking: Asking) -> Expression | None:
    """What is asked about: a value, not a truth."""
    if not fields.has("key"):
        return None
    found = read_value(fields.entries["key"], asking.names, asking.mistakes)
    asking.asked |= found.names if found is not None else frozenset()
    return found
