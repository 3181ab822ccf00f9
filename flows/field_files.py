"""Reading the fields of streams and events as `streams.yaml` declares them."""

from __future__ import annotations

import keyword
import re
from typing import cast, get_args

from flows.documents import Located, Mistakes
from flows.fields import Fields, read_entries, read_number
from flows.streams import Field, FieldType

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}\Z")
# Names that expressions and explanations give a meaning of their own.
RESERVED = frozenset(
    {"device", "profile", "event", "value", "run", "count", "out_of", "rise", "duration", "duration_ms"}
    | {"severity", "transition", "stale", "rule", "customer", "true", "false", "none", "null"}
)
PLAIN = ("type", "unit", "range", "values")
IN_EVENTS = (*PLAIN, "from", "scale", "offset")
IN_READINGS = (*IN_EVENTS, "derived")
MAX_FIELDS = 256


def read_fields(
    at: Located | None, mistakes: Mistakes, known: tuple[str, ...], reserved: frozenset[str] = RESERVED
) -> tuple[Field, ...]:
    """Fields in their order; `known` is what may be said of each, `reserved` the names that none may have."""
    if at is None or at.value is None:
        return ()
    entries = read_entries(at, mistakes)
    if len(entries) > MAX_FIELDS:
        mistakes.add(at, f"more than {MAX_FIELDS} fields", "Declare only what rules read.")
        return ()
    for name in entries:
        _check_name(name, at, mistakes, reserved, can_move="from" in known)
    return tuple(_field(name, below, mistakes, known) for name, below in entries.items())


def _check_name(
    name: str, above: Located, mistakes: Mistakes, reserved: frozenset[str], *, can_move: bool
) -> None:
    """A name that expressions can read."""
    elsewhere = f" and add `from: {name}`" if can_move else ""
    if not NAME.match(name) or keyword.iskeyword(name):
        hint = f"Use letters, digits and _, beginning with a letter, and no word of Python's{elsewhere}."
        mistakes.add(above, f"{name!r} cannot be a field's name", hint, key=name)
    elif name.lower() in reserved:
        hint = f"Rules give this word a meaning of its own: name the field otherwise{elsewhere}."
        mistakes.add(above, f"{name!r} cannot be a field's name", hint, key=name)


def _field(name: str, at: Located, mistakes: Mistakes, known: tuple[str, ...]) -> Field:
    """One field; what is wrong with it falls back to a float without a range."""
    fields = Fields(at, mistakes, known)
    fields.require("type")
    kind = cast("FieldType", fields.one_of("type", get_args(FieldType), "float"))
    low, high = _range(fields, kind)
    scale, offset = _scale(fields, kind)
    return Field(
        name=name,
        type=kind,
        unit=fields.text("unit"),
        low=low,
        high=high,
        values=_values(fields, kind),
        source=fields.text("from"),
        scale=scale,
        offset=offset,
        derived=_derived(fields, kind),
    )


def _values(fields: Fields, kind: FieldType) -> tuple[str, ...]:
    """What an enum may be."""
    values = fields.texts("values")
    if kind == "enum":
        given = [at.value for at in fields.items("values")]
        if fields.require("values") and (not given or len(set(values)) < len(values)):
            fields.wrong("values", "an enum needs values that differ", "For example [off, on].")
    elif fields.has("values"):
        fields.wrong("values", f"a field of type {kind} has no values", "Make it an enum, or remove them.")
    return values


def _range(fields: Fields, kind: FieldType) -> tuple[float | None, float | None]:
    """The bounds of what is believed; `null` leaves a side open."""
    if not fields.has("range"):
        return None, None
    bounds = list(fields.items("range"))
    if kind not in ("float", "int"):
        fields.wrong("range", f"a field of type {kind} has no range", "Remove it.")
        return None, None
    if len(bounds) != 2:
        fields.wrong("range", "a range has two ends", "Write [low, high], null for an open one.")
        return None, None
    low, high = (None if at.value is None else read_number(at, fields.mistakes) for at in bounds)
    if low is not None and high is not None and low >= high:
        fields.wrong("range", "the range is empty", "Write the lower end first.")
    return low, high


def _scale(fields: Fields, kind: FieldType) -> tuple[float, float]:
    """What a message's number is multiplied by, and what is then added."""
    found = {"scale": 1.0, "offset": 0.0}
    for name in found:
        number = fields.number(name)
        if number is None:
            continue
        if kind not in ("float", "int"):
            fields.wrong(name, f"a field of type {kind} has no {name}", "Remove it.")
        elif kind == "int" and not number.is_integer():
            fields.wrong(name, "an int stays whole", "Make the field a float, or write a whole number.")
        elif name == "scale" and number == 0:
            fields.wrong(name, "a scale of 0 makes every value the same", "Write the factor, e.g. 0.1.")
        else:
            found[name] = number
    return found["scale"], found["offset"]


def _derived(fields: Fields, kind: FieldType) -> bool:
    """Whether a step fills the field."""
    at = fields.get("derived")
    if at is None:
        return False
    if not isinstance(at.value, bool):
        fields.wrong("derived", "true or false is needed", "Write `derived: true`, or leave it away.")
        return False
    if at.value and kind == "text":
        fields.wrong("derived", "a step fills columns, which hold no texts", "Make it an enum.")
    for name in ("from", "scale", "offset"):
        if at.value and name in fields.entries:
            hint = "Remove it: the step gives the value itself."
            fields.wrong(name, f"a derived field is in no message and has no {name!r}", hint)
    return at.value
