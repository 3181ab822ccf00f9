"""JSON Schemas (2020-12) of the files that people write, for editors and for checks in other languages.

A schema knows every field and its form, so that a misspelt one is refused while it is typed; whether a name is
declared, `telltale check` says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from flows.rules import schema_declarations, schema_look_ups, schema_people, schema_profile, schema_rule
from flows.rules.schema_parts import Schema

DRAFT = "https://json-schema.org/draft/2020-12/schema"
Kind = Literal["rule", "streams", "purposes", "profile", "look_ups", "sources", "identity"]

_TITLES: dict[Kind, str] = {
    "rule": "A rule of Telltale",
    "streams": "Streams and events of Telltale",
    "purposes": "Purposes of Telltale",
    "profile": "The profile of Telltale",
    "look_ups": "Look-ups of Telltale",
    "sources": "Source systems of Telltale",
    "identity": "Identity of Telltale",
}
_MAKERS: dict[Kind, Callable[[], Schema]] = {
    "rule": schema_rule.rule,
    "streams": schema_declarations.streams,
    "purposes": schema_declarations.purposes,
    "profile": schema_profile.profile,
    "look_ups": schema_look_ups.look_ups,
    "sources": schema_people.sources,
    "identity": schema_people.identity,
}
KINDS: tuple[Kind, ...] = tuple(_MAKERS)


def schema_of(kind: Kind) -> Schema:
    """The JSON Schema of one kind of file, as plain data in a fixed order."""
    return {"$schema": DRAFT, "title": _TITLES[kind], **_MAKERS[kind]()}
