"""The JSON Schemas of `sources.yaml` and `identity.yaml`."""

from __future__ import annotations

from typing import Any, get_args

from flows.rules.schema_parts import Schema, dashed, duration, listed, mapping, named, one_of, text, whole
from flows.sources.identifiers import KIND, THINGS
from flows.sources.model import ReconcileBy
from flows.stream_files import DASHED_NAME
from flows.streams import TimeUnit

_PATH = "A dotted path in the row."
_UNITS: tuple[str, ...] = get_args(TimeUnit)
_BY: tuple[str, ...] = tuple(word for word in get_args(ReconcileBy) if word != "source_order")
_MOST = 1_000_000


def sources() -> Schema:
    """Source systems, and which of them is believed."""
    return mapping(
        "Which systems tell of customers, and where in their rows everything stands.",
        {
            "sources": named("The source systems by name.", _source(), KIND),
            "reconcile": named(
                "Which source is believed, by attribute, preference or time_zone; `default` for all others.",
                _reconcile(),
            ),
        },
        ["sources"],
    )


def identity() -> Schema:
    """When two handles are one person."""
    either_of: Any = {"not": {"type": "object", "required": ["per_person", "shared_above"]}}
    kind = mapping(
        "One kind of identifier.",
        {
            "per_person": whole("It is unique, an account: one person has at most so many.", 1, _MOST),
            "shared_above": whole(
                "Next to more accounts than this it is shared, and stops linking. Default 3.", 1, _MOST
            ),
            "expires": duration("How long evidence with it counts, in event time."),
        },
        **either_of,
    )
    name = text("A kind of identifier, or an attribute.")
    together = listed("All of these.", name, minItems=1, maxItems=8, uniqueItems=True)
    either: Schema = {"oneOf": [name, together]}
    return mapping(
        "When two handles are one person.",
        {
            "kinds": named("What kinds of identifiers are worth, by kind.", _or_nothing(kind), KIND),
            "match": listed("Any of these joins two people.", either, maxItems=64, uniqueItems=True),
        },
    )


def _source() -> Schema:
    """One system."""
    phone = _placed(
        "Where it stands.", {"country": text("Of phone numbers that name none: ISO 3166, e.g. DE.")}
    )
    identifier: Schema = {"oneOf": [*phone["oneOf"], listed("Several places.", phone)]}
    attribute = _placed(
        "Where it stands.",
        {"personal": {"type": "boolean", "description": "To the vault: rules may not read it."}},
    )
    granted: Schema = {"type": ["string", "boolean", "integer"], "description": "A text that is a yes."}
    consent = _placed(
        "Where it stands.",
        {
            "granted": listed(
                "What is a yes; anything else is a no. Default true, yes, 1.", granted, minItems=1
            ),
            "at": text(f"Since when. {_PATH}"),
        },
    )
    return mapping(
        "One source system.",
        {
            "key": text(f"The row's own id. {_PATH}"),
            "time": text(f"Since when the row says so; else the time of its message counts. {_PATH}"),
            "unit": one_of("The unit of all times of the row. Default rfc3339.", _UNITS),
            "zone": text("With rfc3339: the IANA zone of times that name none, e.g. Europe/Berlin."),
            "identifiers": named("Where identifiers stand, by kind.", identifier, KIND),
            "roles": listed("What the row's person is to things.", _role()),
            "attributes": named("What rules read as profile.<name>.", attribute),
            "consent": named("Where consents stand, by purpose.", consent, DASHED_NAME),
            "preferences": named(
                "What rules and connectors read of wishes.", _placed("Where it stands.", {})
            ),
            "time_zone": text(f"The IANA zone of the person. {_PATH}"),
        },
        ["key"],
    )


def _placed(about: str, more: dict[str, Schema]) -> Schema:
    """A path alone, or a mapping of `from` and more."""
    spelled = mapping(about, {"from": text(_PATH), **more}, ["from"])
    return {"oneOf": [text(_PATH), spelled]}


def _role() -> Schema:
    """A claim about a thing."""
    things = {thing: text(f"The name of the {thing}. {_PATH}") for thing in sorted(THINGS)}
    fields: dict[str, Any] = {
        "role": dashed("owner, driver, buyer, dealer, member …"),
        **things,
        "since": text(f"From when on. {_PATH}"),
        "until": text(f"Until when. {_PATH}"),
    }
    return mapping("One role.", fields, ["role"], oneOf=[{"required": [thing]} for thing in things])


def _reconcile() -> Schema:
    """A word, or an order."""
    order = listed("The sources, best first.", text("A source."), uniqueItems=True)
    by_order = mapping("Whom to believe first.", {"source_order": order}, ["source_order"])
    return {"oneOf": [one_of("How.", _BY), by_order]}


def _or_nothing(schema: Schema) -> Schema:
    """The same, or an empty entry."""
    return {**schema, "type": ["object", "null"]}
