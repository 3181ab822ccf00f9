"""The JSON Schema of `when:`, what a rule looks for in the readings of one device."""

from __future__ import annotations

from typing import get_args

from flows.rules.model import Measure
from flows.rules.patterns import MAX_PATTERNS, MAX_READINGS, MAX_RUN
from flows.rules.schema_parts import Schema, condition, duration, listed, mapping, number, text, whole

_MEASURES: tuple[str, ...] = get_args(Measure)


def when() -> Schema:
    """One pattern, or several under `any`."""
    patterns = [_run(), _count(), _trend(), _window(), _absence()]
    several = mapping(
        "Several patterns: the first that holds raises.",
        {"any": listed("The patterns.", {"anyOf": patterns}, minItems=1, maxItems=MAX_PATTERNS)},
        ["any"],
    )
    return {"description": "What it looks for in the readings of one device.", "anyOf": [*patterns, several]}


def _run() -> Schema:
    worsening = mapping(
        "The run must also be getting worse, by its Theil–Sen slope × its time.",
        {
            "field": text("The field that rises or falls."),
            **_rise(),
            "over": _over("Over its last readings."),
        },
        ["field"],
        oneOf=_ONE_RISE,
    )
    return mapping(
        "Readings in a row of which a condition is true.",
        {
            "run": whole("How many in a row.", 1, MAX_RUN),
            "of": condition("The condition."),
            "worsening": worsening,
            "max_gap": _gap("breaks the run"),
        },
        ["run", "of"],
    )


def _count() -> Schema:
    return mapping(
        "At least so many of the last readings.",
        {
            "count": text(f"`8 of 10`; of {MAX_READINGS} at most.", pattern=r"^\d{1,6} of \d{1,6}$"),
            "of": condition("The condition."),
            "max_gap": _gap("forgets them"),
        },
        ["count", "of"],
    )


def _trend() -> Schema:
    return mapping(
        "A field that rises or falls over its last readings, by its Theil–Sen slope × their time.",
        {
            "trend": text("The field."),
            "over": _over("Over so many readings."),
            **_rise(),
            "of": condition("Only readings of which this is true; others are passed over."),
            "max_gap": _gap("forgets them"),
        },
        ["trend", "over"],
        oneOf=_ONE_RISE,
    )


def _window() -> Schema:
    measures: dict[str, Schema] = {
        measure: text(f"The {measure} of this field.") for measure in _MEASURES if measure != "count"
    }
    measures["count"] = {
        "description": "How many readings: `true` for all, or those that carry this field.",
        "anyOf": [{"const": True}, {"type": "string"}],
    }
    return mapping(
        "A measure over a stretch of time; its condition reads it as `value`.",
        {
            "window": duration("Its length."),
            "every": duration("A new one begins so often; it divides the length. Default: its length."),
            "of": condition("Asked as the window closes, of `value` and device.*."),
            **measures,
        },
        ["window", "of"],
        oneOf=[{"required": [measure]} for measure in _MEASURES],
    )


def _absence() -> Schema:
    return mapping("Silence of a device.", {"absence": duration("After so long.")}, ["absence"])


_ONE_RISE: list[Schema] = [{"required": ["rise"]}, {"required": ["fall"]}]


def _rise() -> dict[str, Schema]:
    return {
        "rise": number("By at least so much, in the field's unit.", exclusiveMinimum=0),
        "fall": number("Or a fall by at least so much.", exclusiveMinimum=0),
    }


def _over(about: str) -> Schema:
    return whole(about, 2, MAX_READINGS)


def _gap(what: str) -> Schema:
    return duration(f"A longer silence {what}.")
