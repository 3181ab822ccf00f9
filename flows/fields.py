"""Reading the fields of a located mapping, each as what it must be; what is wrong is noted, not raised.

A field that is missing or wrong is None to the caller, so that one pass finds all mistakes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from flows.documents import Located, Mistakes
from flows.durations import format_duration, parse_duration
from flows.errors import ExpressionWrong
from flows.expressions import Expression, parse
from flows.hints import did_you_mean

DAY = 86_400_000
LATER = "is not available in this version"


class Fields:
    """One mapping being read; raises nothing, notes everything in `mistakes`.

    `known` are the fields it may have, `later` the words that the language has but this version does not.
    """

    def __init__(
        self, at: Located, mistakes: Mistakes, known: Collection[str], later: Collection[str] = ()
    ) -> None:
        self.at = at
        self.mistakes = mistakes
        self.entries: dict[str, Located] = {}
        if not isinstance(at.value, dict):
            mistakes.add(at, "a mapping is needed here", f"Its fields are {', '.join(known)}.")
            return
        for name, value in at.value.items():
            if name in known:
                self.entries[name] = value
            elif name in later:
                mistakes.add(at, f"{name!r} {LATER}", "Leave it away for now.", key=name)
            else:
                mistakes.add(at, f"unknown field {name!r}", did_you_mean(name, known), key=name)

    def has(self, name: str) -> bool:
        """Whether the field is there and not empty."""
        return name in self.entries and self.entries[name].value is not None

    def get(self, name: str) -> Located | None:
        """The value of a field, or None."""
        return self.entries.get(name)

    def wrong(self, name: str, message: str, hint: str) -> None:
        """Note a mistake at a field, or at the mapping when the field is not there."""
        at = self.entries.get(name)
        self.mistakes.add(at if at is not None else self.at, message, hint)

    def require(self, *names: str) -> bool:
        """Note each field that is missing; whether none is."""
        missing = [name for name in names if not self.has(name)]
        if isinstance(self.at.value, dict):
            for name in missing:
                self.wrong(name, f"{name!r} is missing", f"Add `{name}:`.")
        return not missing

    def text(self, name: str, default: str = "") -> str:
        """A text."""
        at = self.get(name)
        if at is None:
            return default
        if not isinstance(at.value, str):
            self.mistakes.add(at, "a text is needed", "Quote it.")
            return default
        return at.value

    def one_of(self, name: str, known: Collection[str], default: str) -> str:
        """A text of a closed list."""
        found = self.text(name, default)
        if found != default and found not in known:
            self.wrong(name, f"{found!r} is not known here", did_you_mean(found, known))
            return default
        return found

    def whole(self, name: str, low: int, high: int) -> int | None:
        """A whole number between two bounds."""
        at = self.get(name)
        if at is None:
            return None
        hint = f"Write a whole number from {low} to {high}."
        if isinstance(at.value, bool) or not isinstance(at.value, int):
            self.mistakes.add(at, "not a whole number", hint)
            return None
        if not low <= at.value <= high:
            self.mistakes.add(at, "out of bounds", hint)
            return None
        return at.value

    def number(self, name: str, above: float | None = None) -> float | None:
        """A finite number, greater than `above` if given."""
        at = self.get(name)
        return None if at is None else read_number(at, self.mistakes, above)

    def duration(self, name: str, low: int = 1, high: int = 3660 * DAY) -> int | None:
        """A duration in milliseconds between two bounds."""
        at = self.get(name)
        return None if at is None else read_duration(at, self.mistakes, low, high)

    def expression(self, name: str) -> Expression | None:
        """A parsed expression; a number or True is one too."""
        at = self.get(name)
        return None if at is None else read_expression(at, self.mistakes)

    def items(self, name: str, most: int = 1000) -> Iterable[Located]:
        """The items of a list, at most so many."""
        at = self.get(name)
        return () if at is None else read_items(at, self.mistakes, most)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        found: list[str] = []
        for at in self.items(name):
            if isinstance(at.value, str):
                found.append(at.value)
            else:
                self.mistakes.add(at, "a text is needed", "Quote it.")
        return tuple(found)


def read_items(at: Located, mistakes: Mistakes, most: int = 1000) -> list[Located]:
    """The items of a list, at most so many."""
    if not isinstance(at.value, list):
        mistakes.add(at, "a list is needed", "Begin each item with `- `, or put them in [ ].")
        return []
    if len(at.value) > most:
        mistakes.add(at, f"more than {most} items", "Leave some away.")
        return []
    return at.value


def read_entries(at: Located, mistakes: Mistakes) -> dict[str, Located]:
    """The entries of a mapping whose keys are names chosen by the author."""
    if not isinstance(at.value, dict):
        mistakes.add(at, "a mapping is needed here", "Write `name: …` for each.")
        return {}
    return at.value


def read_number(at: Located, mistakes: Mistakes, above: float | None = None) -> float | None:
    """A finite number, greater than `above` if given."""
    if isinstance(at.value, bool) or not isinstance(at.value, int | float):
        mistakes.add(at, "a number is needed", "Write it without a unit and without quotes.")
        return None
    if abs(at.value) > 1e300 or (above is not None and not at.value > above):
        bound = "a smaller number" if above is None else f"a number above {above:g}"
        mistakes.add(at, "out of bounds", f"Write {bound}.")
        return None
    return float(at.value)


def read_duration(at: Located, mistakes: Mistakes, low: int = 1, high: int = 3660 * DAY) -> int | None:
    """A duration in milliseconds between two bounds."""
    ms = parse_duration(at.value) if isinstance(at.value, str) else None
    if ms is None:
        mistakes.add(
            at, f"{at.plain()!r} is not a duration", "Write it with a unit, e.g. 500ms, 10s, 1h30m, 7d."
        )
        return None
    if not low <= ms <= high:
        bounds = f"from {format_duration(low)} to {format_duration(high)}"
        mistakes.add(at, f"the duration {at.value} is out of bounds", f"Write one {bounds}.")
        return None
    return ms


def read_expression(at: Located, mistakes: Mistakes) -> Expression | None:
    """A parsed expression; a number or True is one too."""
    text = str(at.value) if isinstance(at.value, bool | int | float) else at.value
    if not isinstance(text, str):
        mistakes.add(at, "a condition is needed", "For example `coolant_c >= 105`.")
        return None
    try:
        return parse(text)
    except ExpressionWrong as error:
        mistakes.add(at, f"{error.what} in `{text[:80]}`", error.hint, offset=error.column - 1)
        return None
