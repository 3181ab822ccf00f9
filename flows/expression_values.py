"""Expressions on values: one customer, one event, one window at a time.

A missing value is None. Logic is Kleene's strong three-valued logic (Introduction to Metamathematics, 1952):
a comparison with a missing value is unknown; `and`, `or`, `not` pass the unknown on only where it matters.
Arithmetic on a missing value, on a text, by zero, or with a result that is not finite, is missing.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import cast

from flows.expression_nodes import (
    EARTH_KM,
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
from flows.schema import Value

Scope = Mapping[str, object] | Callable[[str], Value]
Functions = Mapping[str, Callable[..., Value]]

_COMPARE: dict[str, Callable[[object, object], bool]] = {
    "<": cast("Callable[[object, object], bool]", operator.lt),
    "<=": cast("Callable[[object, object], bool]", operator.le),
    ">": cast("Callable[[object, object], bool]", operator.gt),
    ">=": cast("Callable[[object, object], bool]", operator.ge),
    "==": operator.eq,
    "!=": operator.ne,
}
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda left, right: left / right,
    "%": operator.mod,
}


def value_of(node: Node, scope: Scope, functions: Functions) -> Value:  # noqa: PLR0911 - one return a kind of node
    """Evaluate a tree; raises KeyError for a function not handed in, which the loader has ruled out."""
    match node:
        case Literal():
            return node.value
        case Name():
            return _look_up(node.name, scope)
        case Compare():
            values = [value_of(operand, scope, functions) for operand in node.operands]
            pairs = zip(node.operators, values, values[1:], strict=False)
            return _all(_compare(symbol, left, right) for symbol, left, right in pairs)
        case All():
            return _all(truth(value_of(operand, scope, functions)) for operand in node.operands)
        case AnyOf():
            return _any(truth(value_of(operand, scope, functions)) for operand in node.operands)
        case Not():
            return _not(truth(value_of(node.operand, scope, functions)))
        case Among():
            left = value_of(node.operand, scope, functions)
            found = _any(_compare("==", left, item) for item in node.items)
            return _not(found) if node.negated else found
        case Negate():
            number = _number(value_of(node.operand, scope, functions))
            return None if number is None else -number
        case Arithmetic():
            left = value_of(node.left, scope, functions)
            return _arithmetic(node.operator, left, value_of(node.right, scope, functions))
        case Call():
            return _call(node.function, [value_of(a, scope, functions) for a in node.arguments], functions)


def truth(value: Value) -> bool | None:
    """A value as a truth: a number is true unless it is zero, a text or a missing value is unknown."""
    if value is None or isinstance(value, str) or (isinstance(value, float) and math.isnan(value)):
        return None
    return bool(value)


def _look_up(name: str, scope: Scope) -> Value:
    """The value under a dotted name: the name as a whole first, then mapping by mapping."""
    if callable(scope):
        return _scalar(scope(name))
    if name in scope:
        return _scalar(scope[name])
    found: object = scope
    for part in name.split("."):
        if not isinstance(found, Mapping):
            return None
        found = cast("Mapping[object, object]", found).get(part)
    return _scalar(found)


def _scalar(found: object) -> Value:
    """What an expression can handle; all else, and NaN, is missing."""
    if isinstance(found, float):
        return None if math.isnan(found) else found
    return found if isinstance(found, bool | int | str) else None


def _number(value: Value) -> float | None:
    """A value as a finite float, or None."""
    if value is None or isinstance(value, str):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _compare(symbol: str, left: Value, right: Value) -> bool | None:
    """One comparison; unknown when either side is missing or one is a text and the other is not."""
    if left is None or right is None or isinstance(left, str) != isinstance(right, str):
        return None
    return _COMPARE[symbol](left, right)


def _arithmetic(symbol: str, left: Value, right: Value) -> float | None:
    """One operation on two numbers."""
    first, second = _number(left), _number(right)
    if first is None or second is None or (symbol in "/%" and second == 0):
        return None
    return _number(_ARITHMETIC[symbol](first, second))


def _call(function: str, values: list[Value], functions: Functions) -> Value:
    """A built-in function of numbers, else one that was handed in."""
    if function not in ("abs", "min", "max", "round", "distance_km"):
        return _scalar(functions[function](*values))
    numbers = [number for number in map(_number, values) if number is not None]
    if len(numbers) < len(values):
        return None
    match function:
        case "abs":
            return abs(numbers[0])
        case "min" | "max":
            return (min if function == "min" else max)(numbers)
        case "distance_km":
            return distance_km(*numbers)
        case _:
            return rounded(numbers[0], int(numbers[1]) if len(numbers) > 1 else 0)


def distance_km(latitude: float, longitude: float, to_latitude: float, to_longitude: float) -> float:
    """Great-circle distance of two points in degrees (haversine: Sinnott, "Virtues of the Haversine", 1984)."""
    here, west, there, east = map(math.radians, (latitude, longitude, to_latitude, to_longitude))
    across = math.sin((there - here) / 2) ** 2
    along = math.sin((east - west) / 2) ** 2
    half = across + math.cos(here) * math.cos(there) * along
    return 2 * EARTH_KM * math.asin(math.sqrt(min(max(half, 0.0), 1.0)))


def rounded(number: float, digits: int) -> float | None:
    """Half to even at so many decimals, by scaling, which is what columns do too."""
    scale = 10.0**digits
    scaled = number * scale
    return round(scaled) / scale if math.isfinite(scaled) else None


def _all(truths: Iterable[bool | None]) -> bool | None:
    """Kleene `and`."""
    seen = list(truths)
    return False if False in seen else (None if None in seen else True)


def _any(truths: Iterable[bool | None]) -> bool | None:
    """Kleene `or`."""
    seen = list(truths)
    return True if True in seen else (None if None in seen else False)


def _not(value: bool | None) -> bool | None:
    """Kleene `not`."""
    return None if value is None else not value
