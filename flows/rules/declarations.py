"""Reading `purposes.yaml` and `profile.yaml`: why we may write, and what is known of a customer."""

from __future__ import annotations

from typing import Any, cast, get_args, get_type_hints

from flows.documents import Located, Mistakes
from flows.fields import DAY, Fields, read_entries
from flows.rules.model import Aggregate, Purpose
from flows.stream_files import DASHED_NAME, NAME

LANES = ("urgent", "normal", "bulk")
TAKES: tuple[str, ...] = get_args(get_type_hints(Aggregate)["take"])
_LATER_OF_PURPOSE = ("consent", "quiet_hours", "budget", "sticky", "zone")


def read_purposes(document: Located, mistakes: Mistakes) -> dict[str, Purpose]:
    """The purposes of a document `purposes: {safety: {lane: urgent, rules: […]}, service: {}}`."""
    fields = Fields(document, mistakes, ("purposes",))
    if not fields.require("purposes"):
        return {}
    at = fields.entries["purposes"]
    return {name: _purpose(name, below, at, mistakes) for name, below in read_entries(at, mistakes).items()}


def _purpose(name: str, at: Located, above: Located, mistakes: Mistakes) -> Purpose:
    """One purpose."""
    if not DASHED_NAME.match(name):
        mistakes.add(
            above, f"{name!r} cannot be a purpose", "Use small letters, digits, - _ and dots.", key=name
        )
    if at.value is None and name != "safety":
        return Purpose(name=name)
    fields = Fields(at, mistakes, ("lane", "valid_for", "rules"), _LATER_OF_PURPOSE)
    if name == "safety":
        fields.require("rules")
    return Purpose(
        name=name,
        lane=fields.one_of("lane", LANES, "normal"),
        valid_for=fields.duration("valid_for", 1000, 366 * DAY),
        rules=fields.texts("rules") if fields.has("rules") else None,
    )


def read_profile(document: Located, mistakes: Mistakes) -> tuple[Aggregate, ...]:
    """The aggregates of a document `values: {spent: {event: order.placed, take: sum, field: amount}}`."""
    fields = Fields(document, mistakes, ("values",))
    if not fields.require("values"):
        return ()
    at = fields.entries["values"]
    found: list[Aggregate] = []
    for name, below in read_entries(at, mistakes).items():
        if not NAME.match(name):
            mistakes.add(at, f"{name!r} cannot be a value's name", "Use letters, digits and _.", key=name)
        aggregate = _aggregate(name, below, mistakes)
        if aggregate is not None:
            found.append(aggregate)
    return tuple(found)


def _aggregate(name: str, at: Located, mistakes: Mistakes) -> Aggregate | None:
    """One aggregate over events or alarms."""
    fields = Fields(
        at, mistakes, ("event", "alarm", "take", "field"), ("ewma", "slope", "distinct", "stream")
    )
    fields.require("take")
    take = fields.one_of("take", TAKES, "")
    sources = [kind for kind in ("event", "alarm") if fields.has(kind)]
    if len(sources) != 1:
        mistakes.add(at, "one of `event` and `alarm` is needed", "For example `event: order.placed`.")
        return None
    if take == "count" and fields.has("field"):
        fields.wrong("field", "a count has no field", "Remove it, or take something else.")
    elif take not in ("", "count"):
        fields.require("field")
    source = f"{sources[0]}:{fields.text(sources[0])}"
    return Aggregate(name=name, source=source, take=cast("Any", take), field=fields.text("field") or None)
