"""Whether an event that was heard is the one that is waited for."""

from __future__ import annotations

from collections.abc import Mapping

from flows.customers.state import Heard
from flows.expression_values import truth
from flows.expressions import Expression
from flows.rules.model import EventMatch
from flows.schema import Value


def is_match(match: EventMatch, heard: Heard, known: Mapping[str, Value]) -> bool:
    """Whether an event is of the type and satisfies `where`; `known` is what was known before. Unknown is no."""
    return heard.kind == match.event and holds(match.where, heard, known)


def holds(where: Expression | None, heard: Heard, known: Mapping[str, Value]) -> bool:
    """Whether a condition on an event to come is true of it."""
    return where is None or truth(where.evaluate({**known, **heard.values})) is True
