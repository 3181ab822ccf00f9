"""Expressions on columns: a batch of readings at once, with the same answers as on values.

Numbers are float64 with NaN for missing; truths are int8 with 1 true, 0 false and -1 unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from flows.expression_nodes import (
    EARTH_KM,
    All,
    Among,
    AnyOf,
    Arithmetic,
    Call,
    Compare,
    CompareOperator,
    Literal,
    Name,
    Negate,
    Node,
    Not,
)

Numbers = NDArray[np.float64]
Truths = NDArray[np.int8]
Lookup = Callable[[str], Numbers]
Codes = Callable[[str, str], float]

UNKNOWN = -1

_COMPARE: dict[str, Any] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
_ARITHMETIC: dict[str, Any] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.mod,
}


def column_of(node: Node, lookup: Lookup, codes: Codes) -> Numbers | Truths:  # noqa: PLR0911 - one return a kind
    """Evaluate a tree on columns; without names in it the arrays have no dimension.

    Raises TypeError for a tree that columns cannot answer, which the loader has ruled out.
    """
    match node:
        case Literal():
            if isinstance(node.value, str):
                raise TypeError(f"the text {node.value!r} stands where a number is needed")
            return np.asarray(float(node.value))
        case Name():
            return lookup(node.name)
        case Compare():
            pairs = zip(node.operators, node.operands, node.operands[1:], strict=False)
            return reduce(_and, [_compare(o, a, b, lookup, codes) for o, a, b in pairs])
        case All():
            return reduce(_and, [as_truths(column_of(o, lookup, codes)) for o in node.operands])
        case AnyOf():
            return reduce(_or, [as_truths(column_of(o, lookup, codes)) for o in node.operands])
        case Not():
            return _not(as_truths(column_of(node.operand, lookup, codes)))
        case Among():
            return _among(node, lookup, codes)
        case Negate():
            return -_finite(as_numbers(column_of(node.operand, lookup, codes)))
        case Arithmetic():
            left = as_numbers(column_of(node.left, lookup, codes))
            return _arithmetic(node.operator, left, as_numbers(column_of(node.right, lookup, codes)))
        case Call():
            return _call(node, lookup, codes)


def as_truths(column: Numbers | Truths) -> Truths:
    """A number is true unless it is zero; NaN is unknown."""
    if column.dtype == np.int8:
        return cast("Truths", column)
    return _with_unknown(np.not_equal(column, 0.0), np.isnan(column))


def as_numbers(column: Numbers | Truths) -> Numbers:
    """A truth is 1 or 0, unknown is NaN."""
    if column.dtype != np.int8:
        return cast("Numbers", column)
    return np.where(column == UNKNOWN, np.nan, column.astype(np.float64))


def _with_unknown(held: Any, unknown: Any) -> Truths:
    """Truths from what held and what is not known."""
    truths = np.asarray(held).astype(np.int8)
    if np.any(unknown):
        truths = np.where(unknown, np.int8(UNKNOWN), truths)
    return truths


def _finite(numbers: Any) -> Numbers:
    """What is not finite becomes missing."""
    column = np.asarray(numbers, dtype=np.float64)
    return np.where(np.isfinite(column), column, np.nan)


def _compare(symbol: CompareOperator, left: Node, right: Node, lookup: Lookup, codes: Codes) -> Truths:
    """One comparison; a text beside a name becomes the code of that enum value."""
    first, second = _side(left, right, lookup, codes), _side(right, left, lookup, codes)
    return _with_unknown(_COMPARE[symbol](first, second), np.isnan(first) | np.isnan(second))


def _side(node: Node, other: Node, lookup: Lookup, codes: Codes) -> Numbers:
    """One side of a comparison as numbers."""
    if isinstance(node, Literal) and isinstance(node.value, str) and isinstance(other, Name):
        return np.asarray(codes(other.name, node.value))
    return as_numbers(column_of(node, lookup, codes))


def _among(node: Among, lookup: Lookup, codes: Codes) -> Truths:
    """`in` and `not in` as a Kleene `or` of equalities."""
    each = [_compare("==", node.operand, Literal(item), lookup, codes) for item in node.items]
    found = reduce(_or, each)
    return _not(found) if node.negated else found


def _arithmetic(symbol: str, left: Numbers, right: Numbers) -> Numbers:
    """One operation; by zero, or not finite, is missing."""
    left, right = _finite(left), _finite(right)
    with np.errstate(all="ignore"):
        if symbol in "/%":
            right = np.where(right == 0, np.nan, right)
        return _finite(_ARITHMETIC[symbol](left, right))


def _call(node: Call, lookup: Lookup, codes: Codes) -> Numbers:
    """The functions that columns know."""
    numbers = [_finite(as_numbers(column_of(a, lookup, codes))) for a in node.arguments]
    match node.function:
        case "abs":
            return np.abs(numbers[0])
        case "min":
            return reduce(np.minimum, numbers)
        case "max":
            return reduce(np.maximum, numbers)
        case "round":
            scale = 10.0 ** (int(numbers[1]) if len(numbers) > 1 else 0)
            with np.errstate(all="ignore"):
                return _finite(np.rint(numbers[0] * scale) / scale)
        case "distance_km":
            return _distance_km(*map(np.radians, numbers))
        case _:
            raise TypeError(f"the function {node.function!r} does not work on columns")


def _distance_km(
    latitude: Numbers, longitude: Numbers, to_latitude: Numbers, to_longitude: Numbers
) -> Numbers:
    """Great-circle distance of two points in radians (haversine: Sinnott, "Virtues of the Haversine", 1984)."""
    across = np.sin((to_latitude - latitude) / 2) ** 2
    along = np.sin((to_longitude - longitude) / 2) ** 2
    half = across + np.cos(latitude) * np.cos(to_latitude) * along
    return _finite(2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1))))


def _and(left: Truths, right: Truths) -> Truths:
    """Kleene `and`: false wins, then unknown."""
    false = (left == 0) | (right == 0)
    return np.where(false, np.int8(0), np.where((left < 0) | (right < 0), np.int8(UNKNOWN), np.int8(1)))


def _or(left: Truths, right: Truths) -> Truths:
    """Kleene `or`: true wins, then unknown."""
    true = (left == 1) | (right == 1)
    return np.where(true, np.int8(1), np.where((left < 0) | (right < 0), np.int8(UNKNOWN), np.int8(0)))


def _not(truths: Truths) -> Truths:
    """Kleene `not`."""
    return np.where(truths < 0, truths, np.int8(1) - truths).astype(np.int8)
