"""The tree of a parsed expression: a handful of frozen nodes that the two evaluators walk.

Numbers are floats and names are whole dotted names, so that two spellings of one meaning have one tree.
"""

from __future__ import annotations

from typing import Literal as OneOf

import msgspec

EARTH_KM = 6371.0088
"""The Earth's mean radius (Moritz, Geodetic Reference System 1980), for great-circle distances."""
ArithmeticOperator = OneOf["+", "-", "*", "/", "%"]
CompareOperator = OneOf["<", "<=", ">", ">=", "==", "!="]


class Literal(msgspec.Struct, frozen=True, tag="literal"):
    """A number, a text, True or False."""

    value: float | str | bool


class Name(msgspec.Struct, frozen=True, tag="name"):
    """A dotted name, e.g. `coolant_c` or `device.hot_c`."""

    name: str


class Call(msgspec.Struct, frozen=True, tag="call"):
    """A function of the closed list with its arguments."""

    function: str
    arguments: tuple[Node, ...]


class Negate(msgspec.Struct, frozen=True, tag="negate"):
    """The negative of a number."""

    operand: Node


class Not(msgspec.Struct, frozen=True, tag="not"):
    """The Kleene complement of a truth."""

    operand: Node


class Arithmetic(msgspec.Struct, frozen=True, tag="arithmetic"):
    """Two numbers and what joins them."""

    operator: ArithmeticOperator
    left: Node
    right: Node


class Compare(msgspec.Struct, frozen=True, tag="compare"):
    """A chain `a < b <= c`; there is one operand more than operators."""

    operators: tuple[CompareOperator, ...]
    operands: tuple[Node, ...]


class Among(msgspec.Struct, frozen=True, tag="among"):
    """Whether the operand is one of `items`, all texts or all numbers; `negated` for `not in`."""

    operand: Node
    items: tuple[float | str, ...]
    negated: bool


class All(msgspec.Struct, frozen=True, tag="all"):
    """Kleene `and` of several."""

    operands: tuple[Node, ...]


class AnyOf(msgspec.Struct, frozen=True, tag="any"):
    """Kleene `or` of several."""

    operands: tuple[Node, ...]


Node = Literal | Name | Call | Negate | Not | Arithmetic | Compare | Among | All | AnyOf


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below one."""
    match node:
        case Literal() | Name():
            return ()
        case Negate() | Not() | Among():
            return (node.operand,)
        case Arithmetic():
            return (node.left, node.right)
        case Call():
            return node.arguments
        case Compare() | All() | AnyOf():
            return node.operands
