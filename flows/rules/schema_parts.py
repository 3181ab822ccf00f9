"""The small pieces that the JSON Schemas of all files are made of: mappings, durations, conditions, names.

The schemas serve editors: they know every field and its form. What a field refers to, only the loader knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from re import Pattern
from typing import Any

from flows.stream_files import DASHED_NAME, NAME

Schema = dict[str, Any]

_DURATION = r"^(?=\d)(\d{1,6}d)?(\d{1,6}h)?(\d{1,6}m)?(\d{1,6}s)?(\d{1,6}ms)?$"
_MAX_EXPRESSION = 1000
TIMES = r"^([01]\d|2[0-3]):[0-5]\d$"


def mapping(about: str, fields: Mapping[str, Schema], required: Sequence[str] = (), **more: object) -> Schema:
    """A mapping of known fields; a field that is not among them is refused."""
    found: Schema = {"type": "object", "description": about, "properties": dict(fields)}
    if required:
        found["required"] = list(required)
    return {**found, "additionalProperties": False, **more}


def named(about: str, below: Schema, name: Pattern[str] | None = NAME, **more: object) -> Schema:
    """A mapping whose keys are names that the author chooses."""
    found: Schema = {"type": "object", "description": about, "additionalProperties": below}
    if name is not None:
        found["propertyNames"] = {"pattern": _anchored(name)}
    return {**found, **more}


def listed(about: str, items: Schema, **more: object) -> Schema:
    """A list."""
    return {"type": "array", "description": about, "items": items, **more}


def text(about: str, **more: object) -> Schema:
    """A text."""
    return {"type": "string", "description": about, **more}


def name(about: str) -> Schema:
    """A name of letters, digits and _."""
    return text(about, pattern=_anchored(NAME))


def dashed(about: str) -> Schema:
    """A name of small letters, digits, - _ and dots."""
    return text(about, pattern=_anchored(DASHED_NAME))


def whole(about: str, low: int, high: int) -> Schema:
    """A whole number between two bounds."""
    return {"type": "integer", "description": about, "minimum": low, "maximum": high}


def number(about: str, **more: object) -> Schema:
    """A number."""
    return {"type": "number", "description": about, **more}


def one_of(about: str, words: Sequence[str]) -> Schema:
    """A word of a closed list."""
    return {"description": about, "enum": list(words)}


def duration(about: str) -> Schema:
    """A duration, e.g. `1h30m`."""
    return text(f"{about} A duration, e.g. 500ms, 10s, 1h30m, 7d.", pattern=_DURATION)


def condition(about: str) -> Schema:
    """An expression; a number and a truth are ones too."""
    return {
        "type": ["string", "number", "boolean"],
        "description": f"{about} For example `coolant_c >= device.hot_c`.",
        "minLength": 1,
        "maxLength": _MAX_EXPRESSION,
    }


def _anchored(pattern: Pattern[str]) -> str:
    r"""A pattern of ours, which ends in `\Z`, as JSON Schema's: begun and ended."""
    return f"^{pattern.pattern.removesuffix(chr(92) + 'Z')}$"
