"""Reading `suppress:`, what rests and until when: at most so long, whatever happens."""

from __future__ import annotations

from collections.abc import Mapping

from flows.documents import Located
from flows.fields import DAY, Fields, did_you_mean
from flows.rules.asking import Asking
from flows.rules.matches import read_match
from flows.rules.model import EventMatch, Purpose, Suppress, Until
from flows.streams import EventType

MAX_EVENTS = 8
LONGEST = 3660 * DAY
_SAFETY = "safety"


def read_suppress(
    at: Located, asking: Asking, purposes: Mapping[str, Purpose], events: Mapping[str, EventType]
) -> Suppress | None:
    """Purposes with all below them, items as texts, and the bound; None when it is too broken."""
    fields = Fields(at, asking.mistakes, ("purposes", "items", "until"))
    if isinstance(at.value, dict) and not fields.has("purposes") and not fields.has("items"):
        asking.mistakes.add(at, "nothing is said to rest", "Add `purposes: [marketing]`, or `items:`.")
    for name in fields.texts("purposes"):
        _check_purpose(fields, name, purposes)
    for item in fields.items("items"):
        asking.text(item)
    until = None
    if fields.require("until"):
        until = _until(fields.entries["until"], asking, events)
    if until is None:
        return None
    return Suppress(purposes=fields.texts("purposes"), items=fields.texts("items"), until=until)


def _check_purpose(fields: Fields, name: str, purposes: Mapping[str, Purpose]) -> None:
    """A declared purpose, or one above some that are declared; safety never rests."""
    if name == _SAFETY:
        fields.wrong("purposes", "what serves safety never rests", "Remove it.")
    elif not any(known == name or known.startswith(f"{name}.") for known in purposes):
        message = f"the purpose {name!r} is not declared in the purposes file"
        fields.wrong("purposes", message, did_you_mean(name, purposes))


def _until(at: Located, asking: Asking, events: Mapping[str, EventType]) -> Until | None:
    """`{all: [events], rest: 14d, at_most: 180d}`."""
    fields = Fields(at, asking.mistakes, ("all", "any", "rest", "at_most"))
    at_most = fields.duration("at_most", 1000, LONGEST)
    if isinstance(at.value, dict) and not fields.has("at_most"):
        hint = "Add `at_most:`, e.g. 180d: then it is released whatever happens."
        fields.wrong("at_most", "nothing bounds how long it lasts", hint)
    if fields.has("all") and fields.has("any"):
        fields.wrong("any", "`all` and `any` cannot stand beside each other", "Remove one of them.")
    found: list[EventMatch] = []
    inside = asking.following(outcome="outcome." in asking.names.open_prefixes)
    for item in fields.items("any" if fields.has("any") else "all", MAX_EVENTS):
        match = read_match(item, inside, events)
        found += [] if match is None else [match]
    rest = fields.duration("rest", 0, LONGEST)
    if fields.has("rest") and not fields.has("all") and not fields.has("any"):
        fields.wrong("rest", "it rests after events, and names none", "Add `all:` or `any:`, or remove it.")
    if at_most is None:
        return None
    return Until(events=tuple(found), all=not fields.has("any"), rest=rest or 0, at_most=at_most)
