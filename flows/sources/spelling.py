"""What two values of an attribute have in common that are the same to a person, whoever wrote them down."""

from __future__ import annotations

import re
from datetime import date
from unicodedata import normalize

_MIDNIGHT = r"(?:[t ]00:00(?::00(?:\.0+)?)?(?:z|[+-]00:?00)?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.]?)(\d\d?)\2(\d\d?){_MIDNIGHT}")
_YEAR_LAST = re.compile(rf"(\d\d?)([-/.])(\d\d?)\2(\d{{4}}){_MIDNIGHT}")


def folded(value: object) -> str:
    """A text without case and odd spaces."""
    return " ".join(normalize("NFKC", str(value)).casefold().split())


def compared(value: object) -> str:
    """What matches: of a date its day as ISO 8601, of a whole number its digits, of anything else its folded text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = folded(value)
    day = _day(text)
    return text if day is None else day.isoformat()


def _day(text: str) -> date | None:
    """The day that a text names; None for what names none, or leaves open which number is the month."""
    if found := _YEAR_FIRST.fullmatch(text):
        year, between, month, day = found.groups()
        # Without anything between them only two digits each tell where the month ends.
        return _made(year, month, day) if between or len(month) == len(day) == 2 else None
    if found := _YEAR_LAST.fullmatch(text):
        one, between, two, year = found.groups()
        day_first = _made(year, two, one)
        if between == ".":
            return day_first
        month_first = _made(year, one, two)
        if day_first is None or month_first is None or day_first == month_first:
            return day_first or month_first
    return None


def _made(year: str, month: str, day: str) -> date | None:
    """A day, if there is such a one."""
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
