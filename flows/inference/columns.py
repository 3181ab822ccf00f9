"""What a column holds: its type, and a range with room around what was seen."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from flows.inference.sample import NEARLY_ALL
from flows.streams import FieldType

_MOST_VALUES = 12
_LONGEST_VALUE = 24
_TRUTHS = {"true", "false", "yes", "no"}
_COMMA = re.compile(r"[-+]?\d+,\d+\Z")
_PERCENT = re.compile(r"(?:^|_)(?:pct|percent|percentage|humidity|soc)(?:_|$)|%", re.IGNORECASE)
_BRACKETS = re.compile(r"[(\[]\s*([^()\[\]]{1,20}?)\s*[)\]]\s*\Z")
# Units that the end of a name gives away.
_UNITS = {
    "c": "°C", "celsius": "°C", "f": "°F", "k": "K", "v": "V", "mv": "mV", "a": "A", "ma": "mA", "w": "W", "kw": "kW",
    "kwh": "kWh", "kmh": "km/h", "mph": "mph", "km": "km", "m": "m", "mm": "mm", "bar": "bar", "psi": "psi",
    "kpa": "kPa", "hpa": "hPa", "rpm": "rpm", "hz": "Hz", "pct": "%", "percent": "%", "kg": "kg", "l": "l",
}  # fmt: skip


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What a column seems to be; `note` says what was seen, and what is a guess."""

    type: FieldType
    note: str
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    unit: str = ""


def judge(path: str, values: Sequence[Any], table: bool) -> Judged | None:
    """The type of a column by its values; None for one that holds nothing, or lists."""
    said = [value for value in values if value is not None]
    most = NEARLY_ALL * len(said)
    numbers = [value for value in said if isinstance(value, int | float) and not isinstance(value, bool)]
    truths = [value for value in said if isinstance(value, bool)]
    texts = [value for value in said if isinstance(value, str)]
    if not said or len(numbers) + len(truths) + len(texts) < most:
        return None
    if len(numbers) >= most:
        return _number(path, numbers, [value for value in said if isinstance(value, str | bool | list)])
    if len(truths) >= most:
        others = [value for value in said if not isinstance(value, bool)]
        return Judged(type="bool", note="; ".join(_refused(others, "truth")))
    # What a table's cell holds can be read as a text, whatever it looks like.
    if len(texts) < (len(said) if table else most):
        return Judged(type="text", note=f"numbers, texts and truths are mixed here, e.g. {shown(said[:200])}")
    return _text(texts, [value for value in said if not isinstance(value, str)], table)


def _text(said: list[str], others: Sequence[Any], table: bool) -> Judged:
    """A truth, one of a few words, or any text."""
    distinct = sorted(set(said))
    if table and {value.lower() for value in distinct} <= _TRUTHS:
        return Judged(type="bool", note=f"written as {shown(distinct)}")
    refused = _refused(others, "text")
    if all(_COMMA.match(value) for value in distinct):
        refused.append("a decimal comma is not read as a number: write a point")
    few = len(distinct) <= _MOST_VALUES and len(said) >= 4 * len(distinct)
    if few and all(0 < len(value) <= _LONGEST_VALUE for value in distinct):
        return Judged(
            type="enum",
            values=tuple(distinct),
            note="; ".join(("all that was seen; any other value would be missing", *refused)),
        )
    return Judged(type="text", note="; ".join(("evidence only", *refused)))


def _refused(others: Sequence[Any], kind: str) -> list[str]:
    """The remark on values of another kind, if there are any."""
    are = f"is no {kind}" if len(others) == 1 else f"are no {kind}s"
    return [f"{len(others)} {are} and will be refused, e.g. {shown(others)}"] if others else []


def _exact(number: float) -> str:
    """A number as a person compares it: a whole one with all its digits."""
    return str(number) if isinstance(number, int) else f"{number:.6g}"


def _number(path: str, numbers: Sequence[float], others: Sequence[Any]) -> Judged:
    """A number: whole when all are."""
    whole = all(isinstance(number, int) for number in numbers)
    unit, guessed = unit_of(path)
    believed = usual(numbers)
    smallest, greatest = min(believed), max(believed)
    notes = [f"seen {_exact(smallest)} to {_exact(greatest)}"]
    if len(believed) < len(numbers):
        absurd = [number for number in numbers if not smallest <= number <= greatest]
        far = "is" if len(absurd) == 1 else "are"
        notes.append(f"{len(absurd)} {far} far from all others and not believed, e.g. {shown(absurd)}")
    low, high = range_of(smallest, greatest, unit == "%" or _PERCENT.search(path) is not None)
    if smallest == greatest:
        notes = [f"always {_exact(smallest)} here, so no range is known"]
    elif whole and (smallest, greatest) == (0, 1):
        notes.append("a bool if messages say true and false")
    if guessed:
        notes.append("the unit is a guess")
    notes += _refused(others, "number")
    kind: FieldType = "int" if whole else "float"
    return Judged(type=kind, low=low, high=high, unit=unit, note="; ".join(notes))


def usual(numbers: Sequence[float]) -> Sequence[float]:
    """The numbers without those that are ten times as far out as all but the outermost hundredth."""
    ordered = sorted(numbers)
    low, high = ordered[len(ordered) // 200], ordered[-1 - len(ordered) // 200]
    reach = 10 * max(high - low, abs(low), abs(high))
    if ordered[0] >= low - reach and ordered[-1] <= high + reach:
        return numbers
    return [number for number in numbers if low - reach <= number <= high + reach]


def range_of(smallest: float, greatest: float, percent: bool) -> tuple[float | None, float | None]:
    """A range with room: on each side as much as was seen in all, and half as far from zero again, rounded outward.

    What is never negative stays so.
    """
    span = greatest - smallest
    if span <= 0 or not math.isfinite(span):
        return None, None
    if percent and smallest >= 0 and greatest <= 100:
        return 0.0, 100.0
    if (smallest, greatest) == (0, 1):
        return 0.0, 1.0
    low = 0.0 if smallest >= 0 else -outward(max(span - smallest, -1.5 * smallest))
    high = max(greatest + span, 1.5 * greatest)
    return low, outward(high) if high > 0 else 0.0


def outward(number: float) -> float:
    """The next number from a positive one on, away from zero, that has at most two digits that count."""
    step = 10.0 ** (math.floor(math.log10(number)) - 1)
    # through a text, so that 0.30000000000000004 comes out as 0.3
    return float(f"{math.ceil(number / step) * step:.6g}")


def unit_of(path: str) -> tuple[str, bool]:
    """The unit that a name says in brackets, or gives away by its end, which is a guess."""
    brackets = _BRACKETS.search(path)
    if brackets is not None:
        return brackets.group(1), False
    words = re.split(r"[^a-z0-9%]+", path.lower())
    unit = _UNITS.get(words[-1], "") if len(words) > 1 else ""
    return unit, bool(unit)


def shown(values: Sequence[Any]) -> str:
    """A few different values, as a comment can hold them."""
    distinct = list(dict.fromkeys(str(value) for value in values))
    cut = [ascii(value if len(value) <= 20 else value[:19] + "…")[1:-1] for value in distinct[:3]]
    return ", ".join(cut) + (" …" if len(distinct) > 3 else "")
