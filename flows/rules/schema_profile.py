"""The JSON Schema of `profile.yaml`."""

from __future__ import annotations

from flows.rules.profile_files import BOUNDED, MEASURES, MOST, OF_TAKE, TAKES, WITHOUT_FIELD
from flows.rules.schema_parts import (
    Schema,
    dashed,
    duration,
    listed,
    mapping,
    named,
    number,
    one_of,
    text,
    whole,
)


def profile() -> Schema:
    """What is known of a customer."""
    return mapping(
        "What is known of a customer now; rules read it as profile.<name>.",
        {
            "values": named("The values by name.", _value()),
            "streams": named(
                "What devices tell once a window, read as profile.<name>.<measure>.", _measured()
            ),
            "places": named(
                "Named places; profile.place is the one somebody is at, empty at none.", _place()
            ),
            "position": mapping(
                "Where a customer's device is, read as profile.latitude and profile.longitude.",
                {
                    "stream": dashed("The stream whose `position:` tells it."),
                    "every": duration("It is told at most once in so long."),
                },
                ["stream", "every"],
            ),
        },
        minProperties=1,
    )


def _value() -> Schema:
    """One value over events or alarms."""
    fields: dict[str, Schema] = {
        "event": text("The type of the events it is made of; `any` is every event of the customer."),
        "alarm": dashed("The rule whose raised alarms it is made of."),
        "take": one_of("What is taken of them.", TAKES),
        "field": text(
            "Of which field: of the event's data, or of the alarm's facts or reading. Not for a count or since."
        ),
        "half_life": duration("Of an ewma: after so long a value counts half."),
        "over": duration(
            "Of a slope, per day: the stretch it is laid over. It is unknown before its values span a quarter."
        ),
        "closed_by": text("Of an open_set: the event that takes a value out."),
        "most": whole(
            "Of an open_set how many values are kept; of a distinct up to how many it is exact.", 1, MOST
        ),
    }
    one = {"oneOf": [{"required": ["event"]}, {"required": ["alarm"]}]}
    fitting = [
        _when(WITHOUT_FIELD, forbidden="field"),
        *(_when((take,), required=field) for field, take in OF_TAKE.items()),
        _when(BOUNDED, required="most"),
    ]
    return mapping("One value of the profile.", fields, ["take"], **one, allOf=fitting)


def _when(takes: tuple[str, ...], *, required: str = "", forbidden: str = "") -> Schema:
    """A field belongs to some kinds and to no others, or to all but some."""
    have: Schema = {"required": [required or forbidden]}
    without: Schema = {"not": have}
    return {
        "if": {"properties": {"take": one_of("What is taken of them.", takes)}},
        "then": have if required else without,
        "else": without if required else have,
    }


def _measured() -> Schema:
    """One field of a stream, told once a window."""
    return mapping(
        "What is told of one field.",
        {
            "stream": dashed("The stream."),
            "field": text("Which of its fields."),
            "every": duration("The window; each begins at a multiple of it since 1970."),
            "keep": listed(
                "What is told of a window; a slope is per hour.",
                one_of("One measure.", MEASURES),
                minItems=1,
                uniqueItems=True,
            ),
        },
        ["stream", "field", "every", "keep"],
    )


def _place() -> Schema:
    """One named place."""
    return mapping(
        "A circle on the Earth.",
        {
            "latitude": number("Of its middle, in degrees.", minimum=-90, maximum=90),
            "longitude": number("Of its middle, in degrees.", minimum=-180, maximum=180),
            "radius_km": number("How far around that is still the place.", exclusiveMinimum=0),
        },
        ["latitude", "longitude", "radius_km"],
    )
