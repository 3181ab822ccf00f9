"""A failed test as a small picture: each field over time, the numbers it is compared with, and where the two differ.

The picture is text of a given width. Where the terminal has Unicode, a character holds 2 × 4 dots of Braille;
elsewhere one star. A reading's value is drawn until the next reading is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from flows.rules.canvas import ASCII, UNICODE, WIDTH, Canvas, Marks
from flows.rules.case import Case, Expectation, exact
from flows.rules.model import Rule
from flows.rules.testing import Happened, Result
from flows.rules.thresholds import Threshold, thresholds
from flows.schema import Value
from flows.streams import Field, Stream

_MOST_FIELDS = 3
_MOST_VALUES = 5
_LABEL = 9
_TICKS = 5
_SECOND = 1000
_STEPS = tuple(
    seconds * _SECOND
    for seconds in (
        *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 3 * 3600, 6 * 3600, 12 * 3600),
        *(86_400, 2 * 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400),
    )
)


class _Point(msgspec.Struct, frozen=True):
    """A value, and until when it is drawn (ms)."""

    at: int
    until: int
    value: Value


def picture(result: Result, stream: Stream | None, *, unicode: bool = True) -> list[str]:
    """The lines of the picture of a case; none when nothing was sent that could be drawn."""
    marks = UNICODE if unicode else ASCII
    case = result.case
    end = case.end + (_usual(case) if case.readings and case.readings[-1].offset == case.end else 0)
    # What comes by time alone may come long after all that was sent.
    end = max([end, *(each.at for each in (*result.missing, *result.unexpected))])
    lines: list[str] = []
    for field in _fields(result.rule, case, stream):
        points = _points(case, field)
        lines += (
            _chart(field, points, thresholds(result.rule, field.name, case.given.device), end, marks)
            if field.type in ("float", "int")
            else _lanes(field, points, end, marks)
        )
    lines += _moments("events", [(event.offset, event.type) for event in case.events], end, marks)
    told = [(each.offset, f"{each.action} {each.result or each.status}") for each in case.outcomes]
    lines += _moments("outcomes", told, end, marks)
    if not lines:
        return []
    lines += _axis(end, marks)
    lines += _moments("expected", [(each.at, _called(each)) for each in result.missing], end, marks)
    return lines + _moments("got", [(each.at, _called(each)) for each in result.unexpected], end, marks)


def _fields(rule: Rule, case: Case, stream: Stream | None) -> list[Field]:
    """What the rule reads of what the case sends; where it reads nothing, what is sent."""
    sent = {name for reading in case.readings for name in reading.values}
    every = () if stream is None else stream.fields
    known = [field for field in every if field.name in sent and field.type != "text"]
    return ([field for field in known if field.name in rule.reads] or known)[:_MOST_FIELDS]


def _usual(case: Case) -> int:
    """The shortest time (ms) between two readings."""
    times = [reading.offset for reading in case.readings]
    return min((later - at for at, later in pairwise(times)), default=0)


def _points(case: Case, field: Field) -> list[_Point]:
    """The values of one field; none is drawn over a silence."""
    times, usual = [reading.offset for reading in case.readings], _usual(case)
    ends = [min(later, at + usual) for at, later in pairwise(times)] + [at + usual for at in times[-1:]]
    return [
        _Point(reading.offset, until, value)
        for reading, until in zip(case.readings, ends, strict=True)
        if (value := reading.values.get(field.name)) is not None
    ]


def _chart(
    field: Field, points: Sequence[_Point], lines: Sequence[Threshold], end: int, marks: Marks
) -> list[str]:
    """A field of numbers: its line, and a dashed one for each number that it is compared with."""
    numbers = [(p, float(p.value)) for p in points if isinstance(p.value, int | float)]
    canvas = Canvas(end, [value for _, value in numbers] + [line.number for line in lines], marks)
    for point, value in numbers:
        canvas.draw(point.at, point.until, value)
    for line in lines:
        canvas.line(line.number)
    compared = ", ".join(f"{line.number:.6g}" + (f" ({line.name})" if line.name else "") for line in lines)
    unit = f" {field.unit}" if field.unit else ""
    title = f"{field.name}{unit}" + (f"; {marks.dash}{marks.dash} {compared}" if lines else "")
    return [_row(title, "", " "), *(_row(text, label, marks.side) for label, text in canvas.rows())]


def _lanes(field: Field, points: Sequence[_Point], end: int, marks: Marks) -> list[str]:
    """A field of words or truths: a lane for each that comes."""
    known = ("true", "false") if field.type == "bool" else field.values
    words = [(point, _word(point.value)) for point in points]
    came = [word for word in known if word in {w for _, w in words}][:_MOST_VALUES]
    found = [_row(field.name, "", " ")]
    for lane in came:
        row = [" "] * WIDTH
        for point, word in words:
            if word == lane:
                begin, stop = _column(point.at, end), _column(point.until, end)
                row[begin : max(begin + 1, stop)] = marks.bar * max(1, stop - begin)
        found.append(_row("".join(row), lane, marks.side))
    return found


def _word(value: Value) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _axis(end: int, marks: Marks) -> list[str]:
    """The line of time, with ticks at round times."""
    step = next((step for step in _STEPS if end <= step * _TICKS), max(1, end))
    if end < _SECOND:
        step = max(1, end)
    ticks = range(0, end + 1, step)
    line, words = [marks.flat] * WIDTH, [" "] * (WIDTH + _LABEL)
    free = 0
    for tick in ticks:
        place, label = _column(tick, end), exact(tick)
        line[place] = marks.tick
        begin = max(0, min(place - len(label) // 2, WIDTH - len(label)))
        if begin >= free:
            words[begin : begin + len(label)] = label
            free = begin + len(label) + 1
    return [_row("".join(line), "", marks.corner), _row("".join(words), "", " ")]


def _moments(name: str, moments: Iterable[tuple[int, str]], end: int, marks: Marks) -> list[str]:
    """Rows with a mark at each moment and its word beside it; a word that has no room goes to the next row."""
    rows: list[list[str]] = []
    for at, word in sorted(moments):
        place = min(WIDTH - 1, _column(at, end))
        right = f"{marks.mark} {word}"
        left = f"{word} {marks.mark}"
        begin, text = (place, right) if place + len(right) <= WIDTH else (max(0, place - len(left) + 1), left)
        text = text[:WIDTH]
        around = slice(max(0, begin - 1), begin + len(text) + 1)
        row = next((row for row in rows if not "".join(row[around]).strip()), None)
        if row is None:
            row = [" "] * WIDTH
            rows.append(row)
        row[begin : begin + len(text)] = text
    return [_row("".join(row), name if i == 0 else "", " ") for i, row in enumerate(rows)]


def _called(found: Expectation | Happened) -> str:
    """What stands at a mark."""
    if found.transition is not None:
        return found.transition
    if found.released is not None:
        return f"released {found.released}"
    return found.refused or ", ".join(each.name for each in found.do or ()) or "nothing"


def _column(at: int, end: int) -> int:
    return round(at * (WIDTH - 1) / end) if end else 0


def _row(text: str, label: str, side: str) -> str:
    shown = label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}."
    return f"{shown:>{_LABEL}} {side}{text}".rstrip()
