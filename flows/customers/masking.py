"""What is not shown of a sensitive rule's decisions: values, evidence, explanations, and the values in texts."""

from __future__ import annotations

from collections.abc import Mapping

from flows.schema import Value

MASK = "(not shown: sensitive)"


def masked(values: Mapping[str, Value]) -> dict[str, Value]:
    """The same names, each with the mask instead of its value."""
    return dict.fromkeys(values, MASK)
