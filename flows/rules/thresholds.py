"""The numbers that a rule compares a field with, as lines of a picture and words of a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

import msgspec

from flows.expression_nodes import Compare, Literal, Name, Negate, Node, children
from flows.expressions import Expression
from flows.rules.model import Absence, Rule, Window
from flows.schema import Value


class Threshold(msgspec.Struct, frozen=True, order=True):
    """A number that a field is compared with; `name` is the attribute it comes from, empty if it is written out."""

    number: float
    name: str = ""


def thresholds(rule: Rule, field: str, device: Mapping[str, Value]) -> tuple[Threshold, ...]:
    """What raising and escalating compares a field with, for a device with these attributes: distinct, lowest first.

    The condition of a window speaks of the field that it measures, unless it counts.
    """
    found: set[Threshold] = set()
    for expression in _on_readings(rule):
        found |= set(_of(expression.tree, field, device))
    for pattern in rule.patterns:
        if (
            isinstance(pattern, Window)
            and pattern.field == field
            and pattern.measure not in ("count", "sum", "slope")
        ):
            found |= set(_of(pattern.of.tree, "value", device))
    return tuple(sorted(found))


def _on_readings(rule: Rule) -> Iterable[Expression]:
    """The conditions that raise and escalate, and whose names are fields."""
    patterns = [None if isinstance(p, Window | Absence) else p.of for p in rule.patterns]
    whens = [severity.when for severity in rule.severities]
    return [expression for expression in (*patterns, *whens) if expression is not None]


def _of(node: Node, name: str, device: Mapping[str, Value]) -> Iterator[Threshold]:
    """The numbers beside a name in all comparisons below a node."""
    if isinstance(node, Compare):
        for left, right in pairwise(node.operands):
            for this, other in ((left, right), (right, left)):
                found = _number(other, device) if isinstance(this, Name) and this.name == name else None
                if found is not None:
                    yield found
    for below in children(node):
        yield from _of(below, name, device)


def _number(node: Node, device: Mapping[str, Value]) -> Threshold | None:
    """A literal number or a known attribute of the device."""
    match node:
        case Literal(value=bool() | str()):
            return None
        case Literal():
            return Threshold(float(node.value))
        case Negate(operand=Literal() as literal):
            return None if isinstance(literal.value, bool | str) else Threshold(-float(literal.value))
        case Name():
            short = node.name.removeprefix("device.")
            value = device.get(short) if short != node.name else None
            if isinstance(value, bool) or not isinstance(value, int | float):
                return None
            return Threshold(float(value), node.name)
        case _:
            return None
