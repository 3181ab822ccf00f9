"""Reading `sequence:`, events in an order, and one that does not come.

`[{event: cart.updated, as: cart, restart: true}, {no: order.placed, where: event.cart == cart.cart, within: 30m}]`
"""

from __future__ import annotations

from collections.abc import Mapping

from flows.documents import Located, Mistakes
from flows.fields import DAY, Fields, did_you_mean, read_items
from flows.rules.conditions import read_condition
from flows.rules.model import SequenceStep
from flows.rules.scope import TAKEN, of_step
from flows.stream_files import NAME
from flows.streams import EventType

MIN_STEPS, MAX_STEPS = 2, 8
_FIELDS = ("event", "no", "as", "where", "within", "restart")


def read_sequence(
    at: Located, events: Mapping[str, EventType], mistakes: Mistakes
) -> tuple[SequenceStep, ...]:
    """The steps; the first is an event that comes, each other has a bound in time."""
    items = read_items(at, mistakes, MAX_STEPS)
    if isinstance(at.value, list) and len(at.value) < MIN_STEPS:
        mistakes.add(at, "a sequence has two steps at least", "For one event write `event:` instead.")
    found: list[SequenceStep] = []
    for item in items:
        step = _step(item, tuple(found), events, mistakes)
        if step is not None:
            found.append(step)
    return tuple(found)


def check_event(fields: Fields, name: str, events: Mapping[str, EventType]) -> None:
    """A type of events must be declared, if any is."""
    given = fields.text(name)
    if given and events and given not in events:
        fields.wrong(name, f"the event {given!r} is not declared", did_you_mean(given, events))


def read_flag(fields: Fields, name: str) -> bool:
    """True or false; nothing is false."""
    at = fields.get(name)
    if at is None or isinstance(at.value, bool):
        return at is not None and bool(at.value)
    fields.wrong(name, "true or false is needed", f"Write `{name}: true`, or leave it away.")
    return False


def _step(
    at: Located, earlier: tuple[SequenceStep, ...], events: Mapping[str, EventType], mistakes: Mistakes
) -> SequenceStep | None:
    """One step, after those before it."""
    fields = Fields(at, mistakes, _FIELDS)
    kinds = [kind for kind in ("event", "no") if fields.has(kind)]
    if len(kinds) != 1:
        if isinstance(at.value, dict):
            mistakes.add(at, "one of `event` and `no` is needed", "For example `event: cart.updated`.")
        return None
    check_event(fields, kinds[0], events)
    event, absent = fields.text(kinds[0]), kinds[0] == "no"
    where = None
    if fields.has("where"):
        where = read_condition(fields.entries["where"], of_step(earlier, events, event), mistakes)
    called = _called(fields, earlier)
    restart = read_flag(fields, "restart")
    _check_place(fields, first=not earlier, absent=absent)
    return SequenceStep(
        event=event,
        absent=absent,
        called=called,
        where=where,
        within=fields.duration("within", 1000, 366 * DAY),
        restart=restart,
    )


def _called(fields: Fields, earlier: tuple[SequenceStep, ...]) -> str:
    """The name under which later steps read this event."""
    name = fields.text("as")
    if name and (not NAME.match(name) or name.lower() in TAKEN):
        hint = "Use letters, digits and _, and no word that rules give a meaning."
        fields.wrong("as", f"{name!r} cannot name a step", hint)
        return ""
    if name and name in [step.called for step in earlier]:
        fields.wrong("as", f"another step is called {name!r}", "Name them apart.")
    return name


def _check_place(fields: Fields, *, first: bool, absent: bool) -> None:
    """What only the first step has, what it has not, and what an event that does not come cannot have."""
    if first and absent:
        fields.wrong("no", "a sequence begins with an event that comes", "Begin with `event:`.")
    if first and fields.has("within"):
        fields.wrong(
            "within", "nothing comes before the first step", "Remove it, or put it at the next step."
        )
    if not first and not fields.has("within"):
        hint = "Add `within:`, e.g. 30m: how long after the step before."
        fields.wrong("within", "nothing bounds how long this step is waited for", hint)
    if not first and "restart" in fields.entries:
        fields.wrong("restart", "only the first step begins a sequence", "Remove it.")
    if absent and "as" in fields.entries:
        fields.wrong("as", "what does not come has no fields to read", "Remove it.")
