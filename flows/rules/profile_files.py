"""Reading `profile.yaml`: what is known of a customer.

```yaml
values:                           # read as profile.<name>
  lifetime_value: {event: order.placed, take: sum, field: amount}
  mood: {event: message.posted, take: ewma, field: sentiment, half_life: 14d}
  spending: {event: order.placed, take: slope, field: amount, over: 180d}         # per day
  days_since_seen: {event: any, take: since}
  open_complaints: {event: complaint.opened, take: open_set, field: case, closed_by: case.resolved, most: 50}
  brands: {event: order.placed, take: distinct, field: brand, most: 1000}
  overheatings: {alarm: engine-overheating, take: count}
streams:                          # read as profile.<name>.<measure>; told at most once `every` so long
  engine_temp: {stream: vehicle, field: coolant_c, every: 1h, keep: [last, mean, slope]}
places:                           # profile.place is the name of the nearest one somebody is at, else ""
  workshop: {latitude: 52.5, longitude: 13.4, radius_km: 0.5}
position: {stream: vehicle, every: 10m}           # profile.latitude, profile.longitude
```
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast, get_args, get_type_hints

import msgspec

from flows.documents import Located, Mistakes
from flows.fields import DAY, Fields, did_you_mean, read_entries
from flows.rules.model import Aggregate, Measure, NamedPlace, StreamAggregate, StreamPosition
from flows.stream_files import NAME

TAKES: tuple[str, ...] = get_args(get_type_hints(Aggregate)["take"])
MEASURES: tuple[str, ...] = get_args(Measure)
RESERVED = frozenset(
    {"stage", "place", "latitude", "longitude", "labels", "position", "has_open", "last_action"}
)
"""Names that `profile.` gives a meaning of their own; a value `time_zone` says what it always means."""

OF_TAKE = {"half_life": "ewma", "over": "slope", "closed_by": "open_set"}
WITHOUT_FIELD = ("count", "since")
BOUNDED = ("distinct", "open_set")
MOST = 4096
_PLACES = 10_000
_MINUTE = 60_000
T = TypeVar("T")


class ProfileFile(msgspec.Struct, frozen=True):
    """All that `profile.yaml` says."""

    values: tuple[Aggregate, ...] = ()
    measured: tuple[StreamAggregate, ...] = ()
    places: tuple[NamedPlace, ...] = ()
    position: StreamPosition | None = None


def read_profile(document: Located, mistakes: Mistakes) -> ProfileFile:
    """What a document says, as far as it is right by itself."""
    known = ("values", "streams", "places", "position")
    fields = Fields(document, mistakes, known)
    if isinstance(document.value, dict) and not fields.entries:
        mistakes.add(document, "the profile says nothing", "Add `values:`.")
    values = _named(fields, "values", "value", _aggregate)
    measured = _named(fields, "streams", "stream aggregate", _measured)
    places = _named(fields, "places", "place", _place)
    _check_names(fields, mistakes)
    position = fields.get("position")
    return ProfileFile(
        tuple(values),
        tuple(measured),
        tuple(places),
        None if position is None else _position(position, mistakes),
    )


def _named(
    fields: Fields, field: str, noun: str, one: Callable[[str, Located, Mistakes], T | None]
) -> list[T]:
    """The entries under a field, by their names."""
    at, mistakes = fields.get(field), fields.mistakes
    if at is None or at.value is None:
        return []
    entries = read_entries(at, mistakes)
    if len(entries) > _PLACES:
        mistakes.add(at, f"more than {_PLACES} entries", "Leave some away.")
        return []
    found: list[T] = []
    for name, below in entries.items():
        if not NAME.match(name):
            mistakes.add(at, f"{name!r} cannot be a {noun}'s name", "Use letters, digits and _.", key=name)
        read = one(name, below, mistakes)
        if read is not None:
            found.append(read)
    return found


def _check_names(fields: Fields, mistakes: Mistakes) -> None:
    """What is read as `profile.<name>` has one meaning."""
    seen: set[str] = set()
    for field in ("values", "streams"):
        at = fields.get(field)
        for name in at.value if at is not None and isinstance(at.value, dict) else ():
            if at is not None and name in RESERVED:
                message = f"profile.{name} has a meaning of its own"
                mistakes.add(at, message, "Choose another name.", key=name)
            elif at is not None and name in seen:
                message = f"{name!r} is a value of the profile already"
                mistakes.add(at, message, "Choose another name for one of them.", key=name)
            seen.add(name)


def _aggregate(name: str, at: Located, mistakes: Mistakes) -> Aggregate | None:
    """One aggregate over events or alarms."""
    fields = Fields(at, mistakes, ("event", "alarm", "take", "field", "most", *OF_TAKE))
    fields.require("take")
    take = fields.one_of("take", TAKES, "")
    sources = [kind for kind in ("event", "alarm") if fields.has(kind)]
    if isinstance(at.value, dict) and len(sources) != 1:
        mistakes.add(at, "one of `event` and `alarm` is needed", "For example `event: order.placed`.")
    if take:
        _fitting(fields, take)
    half_life, over = fields.duration("half_life", _MINUTE), fields.duration("over", _MINUTE)
    most, closed_by = fields.whole("most", 1, MOST), fields.text("closed_by")
    if len(sources) != 1 or not take:
        return None
    if closed_by and closed_by == fields.text("event"):
        fields.wrong("closed_by", "what opens a value cannot close it", "Name another event.")
    source = f"{sources[0]}:{fields.text(sources[0])}"
    return Aggregate(
        name=name,
        source=source,
        take=cast("Any", take),
        field=fields.text("field") or None,
        half_life=half_life,
        over=over,
        most=most,
        closed_by=closed_by or None,
    )


def _fitting(fields: Fields, take: str) -> None:
    """Each kind has the fields it needs and no others: what is kept of a customer is always bounded."""
    if take in WITHOUT_FIELD and fields.has("field"):
        said = "a count has no field" if take == "count" else f"`take: {take}` has no field"
        fields.wrong("field", said, "Remove it, or take something else.")
    elif take not in WITHOUT_FIELD:
        fields.require("field")
    for field, owner in OF_TAKE.items():
        if take == owner:
            fields.require(field)
        elif field in fields.entries:
            fields.wrong(field, f"{field!r} belongs to `take: {owner}`", "Remove it, or take something else.")
    if take in BOUNDED:
        if not fields.has("most"):
            fields.wrong("most", f"`take: {take}` needs a bound", "Add `most: 50`.")
    elif "most" in fields.entries:
        hint = "Remove it, or take something else."
        fields.wrong("most", "'most' belongs to `take: distinct` and `take: open_set`", hint)
    if take == "open_set" and fields.has("alarm"):
        fields.wrong("alarm", "an open_set is over events", "Use `event:`.")


def _measured(name: str, at: Located, mistakes: Mistakes) -> StreamAggregate | None:
    """What a shard tells of a field once a window."""
    fields = Fields(at, mistakes, ("stream", "field", "every", "keep"))
    whole = fields.require("stream", "field", "every", "keep")
    every, keep = fields.duration("every", _MINUTE, 31 * DAY), fields.texts("keep")
    for unknown in [word for word in keep if word not in MEASURES][:1]:
        fields.wrong("keep", f"{unknown!r} is no measure", did_you_mean(unknown, MEASURES))
    if fields.has("keep") and (not keep or len(set(keep)) < len(keep)):
        fields.wrong("keep", "measures that differ are needed", "For example [last, mean].")
    if not whole or every is None:
        return None
    stream, field = fields.text("stream"), fields.text("field")
    return StreamAggregate(name=name, stream=stream, field=field, every=every, keep=cast("Any", keep))


def _place(name: str, at: Located, mistakes: Mistakes) -> NamedPlace | None:
    """One named place."""
    fields = Fields(at, mistakes, ("latitude", "longitude", "radius_km"))
    fields.require("latitude", "longitude", "radius_km")
    found: dict[str, float] = {}
    for field, most in (("latitude", 90), ("longitude", 180)):
        number = fields.number(field)
        if number is not None and abs(number) > most:
            fields.wrong(field, "no such place on Earth", f"Write degrees from -{most} to {most}.")
        elif number is not None:
            found[field] = number
    radius = fields.number("radius_km", above=0)
    if radius is None or len(found) < 2:
        return None
    return NamedPlace(name=name, radius_km=radius, **found)


def _position(at: Located, mistakes: Mistakes) -> StreamPosition | None:
    """Whose readings tell where somebody is."""
    fields = Fields(at, mistakes, ("stream", "every"))
    whole = fields.require("stream", "every")
    every = fields.duration("every", _MINUTE, 31 * DAY)
    return StreamPosition(stream=fields.text("stream"), every=every) if whole and every is not None else None
