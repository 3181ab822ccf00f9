"""What the rules of a stream ask of a batch, evaluated once on columns, however many rules ask it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from flows.expressions import Expression
from flows.streams import Stream

Truths = NDArray[np.int8]
Numbers = NDArray[np.float64]


def code_of(stream: Stream, name: str, text: str) -> float:
    """The code of a text of an enum field or of a `device.` attribute; raises KeyError for one that is not declared."""
    field = stream.column(name)
    if field is None or text not in field.values:
        raise KeyError(name)
    return float(field.values.index(text))


class Conditions:
    """One batch's answers: `truths` of an expression (int8 [n]: 1, 0, -1 unknown) and `numbers` of a column.

    `unknown` and `missing` are those of nothing; none of the arrays is to be written to.
    """

    def __init__(self, stream: Stream, n: int, lookup: Callable[[str], Numbers]) -> None:
        self._stream, self._n, self._lookup = stream, n, lookup
        self._truths: dict[str, Truths] = {}
        self.unknown: Truths = np.full(n, -1, np.int8)
        self.missing: Numbers = np.full(n, np.nan)

    def truths(self, expression: Expression) -> Truths:
        """The truths of one expression for every reading of the batch."""
        found = self._truths.get(expression.text)
        if found is None:
            with np.errstate(all="ignore"):
                found = expression.condition(
                    self._lookup, lambda name, text: code_of(self._stream, name, text), self._n
                )
            self._truths[expression.text] = found
        return found

    def numbers(self, name: str) -> Numbers:
        """The column of a field, NaN where missing."""
        return self._lookup(name)

    def known(self, name: str, of: Expression | None) -> Truths:
        """1 where the field is there (and `of` holds), 0 where `of` does not hold, -1 where either is unknown."""
        there = np.where(np.isnan(self.numbers(name)), np.int8(-1), np.int8(1))
        if of is None:
            return there
        return np.where(there < 0, np.int8(-1), self.truths(of))
