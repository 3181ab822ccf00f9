"""Whether an expression fits what it may read: names that are known, values that can be compared.

The checks are of types only; what an expression answers is `flows.expressions`' business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

import msgspec

from flows.documents import Located, Mistakes
from flows.expression_nodes import (
    All,
    Among,
    AnyOf,
    Arithmetic,
    Call,
    Compare,
    Literal,
    Name,
    Negate,
    Node,
    Not,
)
from flows.expressions import COLUMN_FUNCTIONS, VALUE_FUNCTIONS, Expression
from flows.fields import did_you_mean, read_expression
from flows.streams import EventType, Field, Stream

# What a node answers: a number, a truth, a text, one of an enum's values, or what cannot be known before.
Kind = str | tuple[str, ...]
PROFILE_KINDS: dict[str, Kind] = {
    "profile.stage": "text",
    "profile.time_zone": "text",
    "profile.place": "text",
    "profile.latitude": "number",
    "profile.longitude": "number",
}
"""What is known of a customer without a declaration, if it is known at all."""
_PLAIN: dict[str, Kind] = {"float": "number", "int": "number", "bool": "truth", "text": "text"}


class Names(msgspec.Struct, frozen=True):
    """What an expression may read.

    `kinds` are the known names, `open_prefixes` begin names that are known only when they come (`event.`);
    `functions` are those it may call, and `where` is how the hint calls the place. Of `alone`, the measurements of a
    narrow stream, it may read one. On `columns` no texts are compared.
    """

    kinds: Mapping[str, Kind]
    functions: frozenset[str]
    where: str
    open_prefixes: tuple[str, ...] = ()
    alone: frozenset[str] = frozenset()
    columns: bool = False

    def knows(self, name: str) -> bool:
        """Whether a dotted name may be read."""
        return name in self.kinds or name.startswith(self.open_prefixes)


def field_kind(field: Field) -> Kind:
    """What a declared field answers."""
    return field.values if field.type == "enum" else _PLAIN[field.type]


def column_kinds(stream: Stream) -> dict[str, Kind]:
    """The names of a stream's fields and device attributes with what they answer."""
    fields = {field.name: field_kind(field) for field in stream.fields}
    return fields | {f"device.{field.name}": field_kind(field) for field in stream.attributes}


def names_on_columns(stream: Stream) -> Names:
    """What conditions on readings may read: columns that hold numbers, and device attributes."""
    where = f"the stream {stream.name!r}"
    return Names(column_kinds(stream), COLUMN_FUNCTIONS, where, alone=measurements(stream), columns=True)


def measurements(stream: Stream) -> frozenset[str]:
    """The fields of which a message of a narrow stream holds one."""
    return frozenset(f.name for f in stream.fields if stream.shape == "narrow" and not f.derived)


def names_of_window(stream: Stream) -> Names:
    """What the condition of a window may read: its measure, and device attributes."""
    kinds = {name: kind for name, kind in column_kinds(stream).items() if name.startswith("device.")}
    where = "a window (its measure is `value`)"
    return Names({"value": "number", **kinds}, COLUMN_FUNCTIONS, where, columns=True)


def names_of_decision(stream: Stream | None, profile: Iterable[str], event: EventType | None = None) -> Names:
    """What `guard` and `if` may read.

    That is the profile, and for a rule on devices the reading, the device and the facts of its alarm; for a
    rule on events the event: what is declared of it, or anything when nothing is.
    """
    kinds: dict[str, Kind] = {**PROFILE_KINDS, **{f"profile.{name}": "any" for name in profile}}
    if stream is None and event is not None and event.fields:
        kinds |= {f"event.{field.name}": field_kind(field) for field in event.fields}
        return Names(kinds, VALUE_FUNCTIONS, f"the event {event.name!r}")
    if stream is None:
        return Names(kinds, VALUE_FUNCTIONS, "a rule on events", ("event.",))
    facts = dict.fromkeys(("run", "count", "out_of", "rise", "duration_ms", "value"), "number")
    texts = dict.fromkeys(("device", "severity", "transition", "rule", "customer"), "text")
    return Names(
        {**kinds, **facts, **texts, "stale": "truth", **column_kinds(stream)},
        VALUE_FUNCTIONS,
        "a rule on devices",
        alone=measurements(stream),
    )


def read_condition(at: Located, names: Names, mistakes: Mistakes) -> Expression | None:
    """A checked condition; None, with findings, when it does not fit."""
    expression = read_expression(at, mistakes)
    if expression is None:
        return None
    check = _Check(names, lambda message, hint: mistakes.add(at, message, hint))
    before = len(mistakes.found)
    kind = check.kind(expression.tree)
    if len(mistakes.found) == before and kind not in ("truth", "any"):
        mistakes.add(at, f"`{expression.text[:80]}` is no condition", "Compare it, e.g. `coolant_c >= 105`.")
    check_alone(at, expression.names, names.alone, mistakes)
    return expression if len(mistakes.found) == before else None


def read_value(at: Located, names: Names, mistakes: Mistakes) -> Expression | None:
    """A checked expression that answers a value and is no condition; None, with findings, when it does not fit."""
    expression = read_expression(at, mistakes)
    if expression is None:
        return None
    before = len(mistakes.found)
    kind = _Check(names, lambda message, hint: mistakes.add(at, message, hint)).kind(expression.tree)
    if len(mistakes.found) == before and kind == "truth":
        mistakes.add(at, f"`{expression.text[:80]}` is a condition", "Write a value, e.g. `event.sku`.")
    check_alone(at, expression.names, names.alone, mistakes)
    return expression if len(mistakes.found) == before else None


def check_alone(at: Located, read: Iterable[str], alone: frozenset[str], mistakes: Mistakes) -> None:
    """Of what a narrow stream says one at a time, two together are never known."""
    several = sorted(alone & set(read))
    if len(several) > 1:
        said = " and ".join(f"{name!r}" for name in several)
        message = f"{said} never come in one message of a narrow stream"
        mistakes.add(at, message, "Write a condition for each, e.g. under `any:`.")


class _Check:
    """Walks a tree once and notes what does not fit."""

    def __init__(self, names: Names, wrong: Callable[[str, str], None]) -> None:
        self.names = names
        self.wrong = wrong

    def kind(self, node: Node) -> Kind:  # noqa: PLR0911 - one return a kind of node
        """What a node answers; `any` also where something was wrong, so that it is said once."""
        match node:
            case Literal():
                value = node.value
                return "truth" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
            case Name():
                return self.name(node.name)
            case Compare():
                for symbol, (left, right) in zip(node.operators, pairwise(node.operands), strict=True):
                    self.compare(symbol, left, right)
                return "truth"
            case Among():
                kind = self.kind(node.operand)
                unknown = [i for i in node.items if not isinstance(kind, tuple) or i not in kind]
                for item in unknown[:1]:
                    self.fits("==", kind, "text" if isinstance(item, str) else "number", Literal(item))
                return "truth"
            case All() | AnyOf():
                for operand in node.operands:
                    self.truth(operand)
                return "truth"
            case Not():
                self.truth(node.operand)
                return "truth"
            case Negate():
                return self.number(node.operand)
            case Arithmetic():
                self.number(node.left)
                return self.number(node.right)
            case Call():
                return self.call(node)

    def name(self, name: str) -> Kind:
        """What a name answers."""
        if not self.names.knows(name):
            self.wrong(f"{self.names.where} has no {name!r}", self.meant(name))
            return "any"
        kind = self.names.kinds.get(name, "any")
        if kind == "text" and self.names.columns:
            self.wrong(f"{name!r} is a text, which is evidence only", "Declare it as an enum to compare it.")
            return "any"
        return kind

    def meant(self, name: str) -> str:
        """How to read what an unknown name may stand for."""
        beginnings = {known.partition(".")[0] for known in (*self.names.kinds, *self.names.open_prefixes)}
        first, dot, _ = name.partition(".")
        if first == "event" and "cause" in beginnings and "event" not in beginnings:
            return "What began it is read as `cause.<field>` here."
        if first == "profile" and "profile" not in beginnings:
            return "The profile is asked in `guard` and `if`."
        if "event" in beginnings and self.names.open_prefixes and not dot:
            return "What the event holds is read as `event.<field>`."
        return did_you_mean(name, self.names.kinds.keys())

    def compare(self, symbol: str, left: Node, right: Node) -> None:
        """One comparison of a chain."""
        first, second = self.kind(left), self.kind(right)
        if isinstance(second, tuple) and not isinstance(first, tuple):
            self.fits(symbol, second, first, left)
        else:
            self.fits(symbol, first, second, right)

    def fits(self, symbol: str, first: Kind, second: Kind, other: Node) -> None:
        """Whether two kinds can be compared so; `other` is the node of the second."""
        if "any" in (first, second):
            return
        if isinstance(first, tuple):
            self.enum(symbol, first, second, other)
        elif (first == "text") != (second == "text"):
            self.wrong("a text and a number are never equal nor ordered", "Compare values of one kind.")
        elif first == "text" and self.names.columns:
            self.wrong("two texts are compared", "Compare a column with a value.")

    def enum(self, symbol: str, values: tuple[str, ...], second: Kind, other: Node) -> None:
        """An enum is compared with one of its values."""
        known = ", ".join(f'"{value}"' for value in values)
        if symbol not in ("==", "!="):
            self.wrong("the values of an enum have no order", "Use ==, != or `in [...]`.")
        elif isinstance(second, tuple):
            if second != values:
                self.wrong("two enums of other values are compared", f"Compare with one of {known}.")
        elif second != "text":
            self.wrong("an enum is compared with a number", f"Compare with one of {known}.")
        elif isinstance(other, Literal) and other.value not in values:
            self.wrong(f"the enum has no value {other.value!r}", did_you_mean(str(other.value), values))

    def truth(self, node: Node) -> None:
        """An operand of and, or, not."""
        if self.kind(node) not in ("truth", "any"):
            self.wrong("`and`, `or`, `not` need conditions", "Write a comparison, e.g. `speed_kmh > 0`.")

    def number(self, node: Node) -> Kind:
        """An operand of arithmetic."""
        kind = self.kind(node)
        if kind not in ("number", "truth", "any"):
            self.wrong("a text or an enum cannot be reckoned with", "Use columns that hold numbers.")
        return "number"

    def call(self, node: Call) -> Kind:
        """A function and its arguments."""
        if node.function not in self.names.functions:
            known = ", ".join(sorted(self.names.functions))
            if node.function in VALUE_FUNCTIONS:
                hint = f"It asks the customer: use it in `guard` or `if`. Here are known {known}."
            else:
                hint = f"It is not available yet in this version; here are known {known}."
            self.wrong(f"the function {node.function!r} cannot be used here", hint)
            return "any"
        if node.function == "distance_km" and _from_device(node) and not self.names.knows("latitude"):
            hint = "Declare the stream's `position:`, or give both points: latitude, longitude, twice."
            self.wrong(f"{self.names.where} has no position to measure from", hint)
            return "any"
        if node.function in COLUMN_FUNCTIONS:
            for argument in node.arguments:
                self.number(argument)
            return "number"
        for argument in node.arguments:
            self.kind(argument)
        return {"has_open": "truth", "local_hour": "number"}.get(node.function, "any")


def _from_device(node: Call) -> bool:
    """Whether a distance is that of the device, whose position its reader has put first."""
    return node.arguments[0] == Name("latitude")
