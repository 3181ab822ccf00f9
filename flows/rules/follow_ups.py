"""Reading `then:`, what follows an action at its outcome, after a while, or a while after its outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flows.documents import Located
from flows.fields import DAY, Fields, read_items
from flows.rules.asking import Asking
from flows.rules.matches import read_match
from flows.rules.model import Entry, FollowUp
from flows.stream_files import DASHED_NAME
from flows.streams import EventType

MAX_FOLLOW_UPS = 8
MAX_OUTCOMES = 8
_FIELDS = ("outcome", "after", "if", "unless", "do")


def read_follow_ups(
    at: Located,
    asking: Asking,
    events: Mapping[str, EventType],
    do: Callable[[Located, Asking], tuple[Entry, ...]],
) -> tuple[FollowUp, ...]:
    """The follow-ups; `do` reads what one of them does, by what may be read then."""
    items = read_items(at, asking.mistakes, MAX_FOLLOW_UPS)
    return tuple(_follow_up(item, asking, events, do) for item in items)


def _follow_up(
    at: Located,
    asking: Asking,
    events: Mapping[str, EventType],
    do: Callable[[Located, Asking], tuple[Entry, ...]],
) -> FollowUp:
    """One of them."""
    fields = Fields(at, asking.mistakes, _FIELDS)
    if isinstance(at.value, dict) and not fields.has("outcome") and not fields.has("after"):
        hint = "Add `outcome: accepted`, or `after: 24h`."
        asking.mistakes.add(at, "nothing says when this follows", hint)
    then = asking.following(outcome=fields.has("outcome"))
    unless = read_match(fields.entries["unless"], then, events) if fields.has("unless") else None
    condition = then.condition(fields, "if")
    entries = do(fields.entries["do"], then) if fields.require("do") else ()
    return FollowUp(
        outcomes=_outcomes(fields),
        after=fields.duration("after", 1000, 366 * DAY),
        condition=condition,
        unless=unless,
        do=entries,
    )


def _outcomes(fields: Fields) -> tuple[str, ...]:
    """One outcome or several: a status such as `failed`, or a result such as `booked`."""
    at = fields.get("outcome")
    if at is None:
        return ()
    found = (fields.text("outcome"),) if not isinstance(at.value, list) else fields.texts("outcome")
    if isinstance(at.value, list) and not 1 <= len(at.value) <= MAX_OUTCOMES:
        fields.wrong("outcome", f"1 to {MAX_OUTCOMES} outcomes are needed", "For example [no_slot, expired].")
    for name in found:
        if name and not DASHED_NAME.match(name):
            hint = "Write a status or a result, e.g. failed or booked."
            fields.wrong("outcome", f"{name!r} is no outcome", hint)
    return found
