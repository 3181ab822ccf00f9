"""The expression language as `rules.md` shows it: operators, functions, and the names each place knows."""

from __future__ import annotations

from flows.expression_reader import FUNCTIONS
from flows.expressions import COLUMN_FUNCTIONS, VALUE_FUNCTIONS, parse
from flows.reference.markdown import code, table
from flows.rules.conditions import Names, names_of_decision, names_of_window
from flows.rules.model import LookUpEntry, LookUpSource, SequenceStep
from flows.rules.scope import following, matching, of_sequence, of_step, with_look_ups
from flows.streams import Field, Stream

_OPERATORS = (
    ("`+ - * / %`", "numbers, true as 1 and false as 0", "by zero, or not finite: missing"),
    (
        "`== != < <= > >=`",
        "two numbers, two texts, an enum and one of its values",
        "chains: `20 <= coolant_c < 105`",
    ),
    ("`in [...]`, `not in [...]`", "values written out, all numbers or all texts", '`mil in ["on", "off"]`'),
    ("`and`, `or`, `not`", "conditions", "three-valued, as below"),
)
_ABOUT = {
    "abs": ("abs(number)", "the number without its sign"),
    "min": ("min(a, b, …)", "the smallest of 2 to 16"),
    "max": ("max(a, b, …)", "the greatest of 2 to 16"),
    "round": ("round(number, digits)", "to 0 to 9 decimals, half to even; without digits to whole numbers"),
    "distance_km": (
        "distance_km(latitude, longitude)",
        "how far the device is from this point, along a great circle; of four numbers, how far two points are",
    ),
    "has_open": (
        'has_open("case", about)',
        "whether the customer has one open, about this if given; the asking episode's own does not count",
    ),
    "last_action": (
        "last_action(kind, about)",
        "seconds since the last action for the customer, of this kind and about this if given; missing without one",
    ),
    "local_hour": (
        "local_hour(zone)",
        "the hour, 0 to 23, where the customer is: in the zone, else in that of the profile's value `time_zone`",
    ),
}
_STREAM = Stream(
    name="", topic="", key="", time="",
    fields=(Field(name="<field>", type="float"),), attributes=(Field(name="<attribute>", type="float"),),
)  # fmt: skip

_STEP = SequenceStep(event="", called="<as>")
_LOOK_UP = LookUpEntry(name="<look-up>", source="", key=parse("1"), within=0)
_SYSTEMS = {"": LookUpSource(name="", fields=("<field>",))}


def operators() -> str:
    """What may stand between names and numbers."""
    return table(["operator", "of", "remark"], _OPERATORS)


def functions() -> str:
    """The functions that a rule may call now, and where; raises KeyError for one that nothing is said of."""
    rows: list[tuple[str, str, str]] = []
    for name in FUNCTIONS:
        if name in VALUE_FUNCTIONS:
            called, about = _ABOUT[name]
            where = "everywhere" if name in COLUMN_FUNCTIONS else "`guard`, `if`"
            rows.append((code(called), about, where))
    return table(["function", "gives", "where"], rows)


def names() -> str:
    """What each place may read."""
    window = names_of_window(_STREAM)
    alarm = with_look_ups(names_of_decision(_STREAM, ("<value>",)), (_LOOK_UP,), _SYSTEMS)
    event = with_look_ups(names_of_decision(None, ("<value>",)), (_LOOK_UP,), _SYSTEMS)
    sequence = with_look_ups(of_sequence(("<value>",), (_STEP,), {}), (_LOOK_UP,), _SYSTEMS)
    shown = (
        ("`of`, `when` and `clear` on readings", ["<field>", "device.<attribute>"]),
        ("`of` of a window", [*window.kinds]),
        ("`guard` and `if` of a rule on a stream", _all(alarm)),
        ("`guard` and `if` of a rule on events", _all(event)),
        ("`guard` and `if` of a rule on a sequence", _all(sequence)),
        ("`where` of a step of a sequence", _all(of_step((_STEP,), {}, ""))),
        ("`if` of what follows an event's action", _all(following(event, outcome=True))),
        ("`where` of an event to come", _all(matching(following(event, outcome=True), None))),
    )
    return table(["in", "may be read"], ((place, ", ".join(map(code, known))) for place, known in shown))


def _all(names: Names) -> list[str]:
    """The names, and those whose beginning alone is known."""
    return [*names.kinds, *(f"{prefix}<field>" for prefix in names.open_prefixes)]
