"""A grid of dots in characters: Braille where there is Unicode, else stars."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

WIDTH = 60
HEIGHT = 7
_BRAILLE = 0x2800
# The bits of the dots of a Braille character, by column, from the top (Unicode 16, chapter 21.1).
_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """The characters of a picture; a character holds `across` × `down` dots."""

    across: int
    down: int
    side: str
    corner: str
    flat: str
    tick: str
    dash: str
    bar: str
    mark: str


UNICODE = Marks(across=2, down=4, side="┤", corner="└", flat="─", tick="┬", dash="┈", bar="━", mark="▲")
ASCII = Marks(across=1, down=1, side="|", corner="+", flat="-", tick="+", dash="-", bar="=", mark="^")


class Canvas:
    """Dots over a time from 0 to `end` ms and over the range of some numbers."""

    def __init__(self, end: int, numbers: Sequence[float], marks: Marks) -> None:
        self._end, self._marks = end, marks
        self._low, self._high = min(numbers, default=0.0), max(numbers, default=1.0)
        if self._low == self._high:
            self._low, self._high = self._low - 1, self._high + 1
        self._dots: set[tuple[int, int]] = set()
        self._lines: dict[int, str] = {}

    def draw(self, at: int, until: int, value: float) -> None:
        """A value from one time until just before another."""
        begin, stop = self._across(at), self._across(until)
        down = self._down(value)
        self._dots |= {(x, down) for x in range(begin, max(begin + 1, stop))}

    def line(self, number: float) -> None:
        """A dashed line across, with its number beside it."""
        self._lines[self._down(number) // self._marks.down] = f"{number:.6g}"

    def rows(self) -> list[tuple[str, str]]:
        """The label and the text of each row, from the top; the ends of the range are labelled."""
        labels = {0: f"{self._high:.6g}", HEIGHT - 1: f"{self._low:.6g}", **self._lines}
        return [(labels.get(row, ""), self._text(row)) for row in range(HEIGHT)]

    def _text(self, row: int) -> str:
        empty = self._marks.dash if row in self._lines else " "
        return "".join(self._character(column, row, empty) for column in range(WIDTH))

    def _character(self, column: int, row: int, empty: str) -> str:
        across, down = self._marks.across, self._marks.down
        lit = [
            (x, y)
            for x in range(across)
            for y in range(down)
            if (column * across + x, row * down + y) in self._dots
        ]
        if not lit:
            return empty
        return "*" if across == 1 else chr(_BRAILLE + sum(_BITS[x][y] for x, y in lit))

    def _across(self, at: int) -> int:
        most = WIDTH * self._marks.across - 1
        return round(at * most / self._end) if self._end else 0

    def _down(self, value: float) -> int:
        most = HEIGHT * self._marks.down - 1
        return most - round((value - self._low) / (self._high - self._low) * most)
