"""What each place of a rule may read: when it is decided, when something follows, when an event is waited for.

`event.` is the event that is asked about just now. Once something follows later, what began it is `cause.`, so that
`event.` can be the new one; what a sequence or a look-up gave a name keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from flows.expressions import COLUMN_FUNCTIONS, VALUE_FUNCTIONS
from flows.field_files import RESERVED
from flows.rules.conditions import PROFILE_KINDS, Kind, Names, field_kind
from flows.rules.model import LookUpEntry, LookUpSource, SequenceStep, StreamAggregate
from flows.streams import EventType

TAKEN = RESERVED | {"cause", "outcome", "latitude", "longitude"}
"""Names that a step of a sequence or a look-up cannot have."""
_FOLLOWS = "what follows"
_MORE_HOLES = ("duration", "rule", "customer")


def measured_names(measured: Iterable[StreamAggregate]) -> tuple[str, ...]:
    """What stream aggregates are read as, without `profile.`: `engine_temp.mean`."""
    return tuple(f"{each.name}.{measure}" for each in measured for measure in each.keep)


def of_sequence(
    profile: Iterable[str], steps: Iterable[SequenceStep], events: Mapping[str, EventType]
) -> Names:
    """What a rule on a sequence may read: the profile, and the events that its steps name."""
    kinds: dict[str, Kind] = {**PROFILE_KINDS, **{f"profile.{name}": "any" for name in profile}}
    prefixes: list[str] = []
    for step in steps:
        if step.called:
            known, opened = _fields(step.called, events.get(step.event))
            kinds |= known
            prefixes += opened
    return Names(kinds, VALUE_FUNCTIONS, "a sequence", tuple(prefixes))


def with_look_ups(names: Names, entries: Iterable[LookUpEntry], sources: Mapping[str, LookUpSource]) -> Names:
    """The same, and the answers of other systems."""
    kinds: dict[str, Kind] = dict(names.kinds)
    for entry in entries:
        source = sources.get(entry.source)
        kinds |= {f"{entry.name}.{field}": "any" for field in (() if source is None else source.fields)}
    return msgspec.structs.replace(names, kinds=kinds)


def following(names: Names, *, outcome: bool) -> Names:
    """What may be read later: what began it, the profile as it is then and, at an outcome, its data."""
    kinds = {_later(name): kind for name, kind in names.kinds.items()}
    prefixes = [_later(prefix) for prefix in names.open_prefixes if prefix != "outcome."]
    prefixes += ["outcome."] if outcome else []
    return msgspec.structs.replace(names, kinds=kinds, open_prefixes=tuple(prefixes), where=_FOLLOWS)


def matching(names: Names, event: EventType | None) -> Names:
    """What the `where` of an event still to come may read: it, and what was known before; not the profile."""
    then = following(names, outcome="outcome." in names.open_prefixes)
    kinds = {name: kind for name, kind in then.kinds.items() if not name.startswith("profile.")}
    known, opened = _fields("event", event)
    where = "an event to come" if event is None else f"the event {event.name!r}"
    return Names({**kinds, **known}, COLUMN_FUNCTIONS, where, (*opened, *then.open_prefixes), names.alone)


def of_step(earlier: Iterable[SequenceStep], events: Mapping[str, EventType], event: str) -> Names:
    """What the `where` of a step may read: its event, and those that earlier steps name."""
    return matching(of_sequence((), earlier, events), events.get(event))


def holes(names: Names) -> Mapping[str, object]:
    """What texts may name: all that is no matter of the profile."""
    known = {**names.kinds, **dict.fromkeys(_MORE_HOLES, "text")}
    return {name: kind for name, kind in known.items() if not name.startswith("profile.")}


def _fields(prefix: str, event: EventType | None) -> tuple[dict[str, Kind], tuple[str, ...]]:
    """The names of an event's fields, and what begins them where none are declared."""
    if event is None or not event.fields:
        return {}, (f"{prefix}.",)
    return {f"{prefix}.{field.name}": field_kind(field) for field in event.fields}, ()


def _later(name: str) -> str:
    """What an event's name becomes once another event may come."""
    return f"cause.{name.removeprefix('event.')}" if name.startswith("event.") else name
