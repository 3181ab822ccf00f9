"""What a rule's window patterns ask of the windows that closed, ready for the kernel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from flows.devices.attributes import Attributes
from flows.devices.conditions import code_of
from flows.devices.kernels.layout import ClosedWindows
from flows.devices.rule_state import RuleState
from flows.devices.windows import Closed, WindowState
from flows.rules.model import Window
from flows.streams import Stream


def _nothing() -> ClosedWindows:
    """No windows: a cursor is written to, so each has its own."""
    return ClosedWindows(np.empty((0, 4), np.int64), np.empty((0, 3)), np.zeros(1, np.int64))


def closings(
    state: RuleState,
    stream: Stream,
    attributes: Attributes,
    close: Callable[[int, Window, WindowState], Closed],
) -> ClosedWindows:
    """Close windows of every window pattern of a rule: rows (row, slot, pattern, condition).

    In order of row, then of the windows' ends, then as the patterns are written.
    """
    if not state.windows:
        return _nothing()
    rows: list[NDArray[np.int64]] = []
    facts: list[NDArray[np.float64]] = []
    for p, windows in state.windows.items():
        pattern = state.rule.patterns[p]
        if not isinstance(pattern, Window):
            continue
        closed = close(p, pattern, windows)
        m = len(closed.rows)
        if m == 0:
            continue
        slots = closed.rows[:, 1].astype(np.int32)

        def lookup(
            name: str, values: NDArray[np.float64] = closed.facts[:, 1], at: NDArray[np.int32] = slots
        ) -> NDArray[np.float64]:
            return values if name == "value" else attributes.column(name.removeprefix("device."), at)

        with np.errstate(all="ignore"):
            condition = pattern.of.condition(lookup, lambda name, text: code_of(stream, name, text), m)
        rows.append(np.column_stack([closed.rows, np.full(m, p), condition.astype(np.int64)]))
        facts.append(closed.facts)
    if not rows:
        return _nothing()
    joined, values = np.concatenate(rows), np.concatenate(facts)
    order = np.lexsort((joined[:, 2], values[:, 0], joined[:, 0]))
    return ClosedWindows(
        np.ascontiguousarray(joined[order]), np.ascontiguousarray(values[order]), np.zeros(1, np.int64)
    )
