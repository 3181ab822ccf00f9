"""Reading `when:`, the patterns on the readings of one device; a pattern without a bound is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import get_args

from flows.documents import Located, Mistakes
from flows.expressions import Expression
from flows.fields import DAY, Fields, did_you_mean
from flows.rules.conditions import Names, check_alone, names_of_window, names_on_columns, read_condition
from flows.rules.model import Absence, Count, Measure, Pattern, Run, Trend, Window, Worsening
from flows.streams import Stream

MAX_PATTERNS = 8
MAX_READINGS = 64
MAX_RUN = 10_000
MAX_PANES = 64
_COUNT = re.compile(r"(\d{1,6}) of (\d{1,6})\Z")
_MEASURES: tuple[Measure, ...] = get_args(Measure)
_KINDS: dict[str, tuple[str, ...]] = {
    "absence": ("absence",),
    "window": ("window", "every", "of", *_MEASURES),
    "trend": ("trend", "over", "rise", "fall", "of", "max_gap"),
    "run": ("run", "of", "worsening", "max_gap"),
    "count": ("count", "of", "max_gap"),
}
_LATER = ("distinct", "within", "share")
_OF_EVENTS = ("sequence", "event", "no")


class PatternReader:
    """Reads the patterns of one rule on one stream."""

    def __init__(self, stream: Stream, mistakes: Mistakes) -> None:
        self.stream = stream
        self.mistakes = mistakes
        self.on_columns = names_on_columns(stream)
        self.of_window = names_of_window(stream)

    def patterns(self, at: Located) -> tuple[Pattern, ...]:
        """One pattern, or those under `any:`, of which the first that holds counts."""
        if not isinstance(at.value, dict) or "any" not in at.value:
            found = self.pattern(at)
            return () if found is None else (found,)
        items = list(Fields(at, self.mistakes, ("any",)).items("any", MAX_PATTERNS))
        if not items:
            self.mistakes.add(at, "`any` needs one to eight patterns", "List them under it, each with `- `.")
        for item in items:
            if len(items) > 1 and isinstance(item.value, dict) and "absence" in item.value:
                hint = "Give it a rule of its own: only silence can make it true."
                self.mistakes.add(item, "absence cannot stand beside other patterns", hint)
        return tuple(found for found in map(self.pattern, items) if found is not None)

    def pattern(self, at: Located) -> Pattern | None:
        """One pattern, known by the field that names its kind."""
        if not isinstance(at.value, dict):
            kinds = ", ".join(_KINDS)
            self.mistakes.add(at, "a pattern is a mapping", f"It begins with one of {kinds}.")
            return None
        kind = next((kind for kind in _KINDS if kind in at.value), None)
        of_events = next((word for word in _OF_EVENTS if word in at.value), None)
        if kind is None and of_events is not None:
            hint = "Write `event:` or `sequence:` in the place of `stream:` and `when:`."
            self.mistakes.add(at, "a rule on readings waits for no events", hint, key=of_events)
            return None
        if kind is None:
            known = {field for fields in _KINDS.values() for field in fields}
            Fields(at, self.mistakes, known, _LATER)
            if not any(word in at.value for word in _LATER):
                self.mistakes.add(at, "the kind of pattern is missing", f"Add one of {', '.join(_KINDS)}.")
            return None
        fields = Fields(at, self.mistakes, _KINDS[kind], _LATER)
        readers: dict[str, Callable[[Fields], Pattern | None]] = {
            "absence": self.absence,
            "window": self.window,
            "trend": self.trend,
            "run": self.run,
            "count": self.count,
        }
        return readers[kind](fields)

    def run(self, fields: Fields) -> Run | None:
        """`{run: 10, of: …, worsening: {…}, max_gap: 2m}`."""
        length = fields.whole("run", 1, MAX_RUN)
        of = self.condition(fields, "of", self.on_columns)
        gap = fields.duration("max_gap")
        at = fields.get("worsening")
        worsening = None if at is None else self.worsening(at, length)
        if at is not None and worsening is not None and of is not None:
            self.alone(at, {worsening.field, *of.names})
        if length is None or of is None:
            return None
        return Run(length=length, of=of, worsening=worsening, max_gap=gap)

    def worsening(self, at: Located, length: int | None) -> Worsening | None:
        """`{field: coolant_c, rise: 5}` over the last readings of the run."""
        fields = Fields(at, self.mistakes, ("field", "rise", "fall", "over"))
        longest = min(length or MAX_READINGS, MAX_READINGS)
        if length is not None and length < 2:
            self.mistakes.add(at, "a run of one reading cannot get worse", "Make the run longer.")
            return None
        over = fields.whole("over", 2, longest) if fields.has("over") else longest
        field, rise = self.column(fields, "field"), self.rise(fields)
        if over is None or field is None or rise is None:
            return None
        return Worsening(field=field, rise=rise, over=over)

    def count(self, fields: Fields) -> Count | None:
        """`{count: 8 of 10, of: …, max_gap: 10m}`."""
        of = self.condition(fields, "of", self.on_columns)
        gap = fields.duration("max_gap")
        match = _COUNT.match(str(fields.entries["count"].value))
        if match is None:
            message = "a count needs a bound: of how many readings"
            fields.wrong("count", message, f"Write e.g. `8 of 10`, at most of {MAX_READINGS}.")
            return None
        count, out_of = int(match[1]), int(match[2])
        if not 1 <= count <= out_of <= MAX_READINGS:
            fields.wrong("count", "out of bounds", f"Write 1 to n of n, n at most {MAX_READINGS}.")
            return None
        return None if of is None else Count(count=count, out_of=out_of, of=of, max_gap=gap)

    def trend(self, fields: Fields) -> Trend | None:
        """`{trend: battery_v, over: 20, fall: 0.5, of: …, max_gap: 1d}`."""
        field, rise = self.column(fields, "trend"), self.rise(fields)
        if not fields.has("over"):
            message = "a trend needs a bound: over how many readings"
            self.mistakes.add(fields.at, message, f"Add `over:`, 2 to {MAX_READINGS}.")
        over = fields.whole("over", 2, MAX_READINGS)
        of = self.condition(fields, "of", self.on_columns) if fields.has("of") else None
        gap = fields.duration("max_gap")
        if field is not None and of is not None:
            self.alone(fields.at, {field, *of.names})
        if field is None or rise is None or over is None:
            return None
        return Trend(field=field, over=over, rise=rise, of=of, max_gap=gap)

    def window(self, fields: Fields) -> Window | None:
        """`{window: 10m, every: 5m, mean: coolant_c, of: value >= 100}`."""
        if not fields.has("window"):
            fields.wrong("window", "a window needs a bound: its length", "Write e.g. `window: 10m`.")
        length = fields.duration("window", 1000, 31 * DAY) if fields.has("window") else None
        every = fields.duration("every", 1000, 31 * DAY) if fields.has("every") else length
        of = self.condition(fields, "of", self.of_window)
        measures: list[Measure] = [measure for measure in _MEASURES if measure in fields.entries]
        if len(measures) != 1:
            hint = f"Write one of {', '.join(_MEASURES)} with its field."
            self.mistakes.add(fields.at, "a window takes one measure", hint)
            return None
        measure = measures[0]
        field = None
        if measure != "count" or fields.entries[measure].value is not True:
            field = self.column(fields, measure, any_kind=measure == "count")
            if field is None:
                return None
        if length is None or every is None or of is None:
            return None
        if length % every or length // every > MAX_PANES:
            hint = f"Make `window` a multiple of `every`, at most {MAX_PANES} of them."
            fields.wrong("every", "does not divide the window", hint)
            return None
        return Window(length=length, every=every, measure=measure, field=field, of=of)

    def absence(self, fields: Fields) -> Absence | None:
        """`{absence: 10m}`."""
        if not isinstance(fields.entries["absence"].value, str):
            fields.wrong("absence", "absence needs a bound: after how long", "Write e.g. `absence: 10m`.")
            return None
        after = fields.duration("absence", 1000, 31 * DAY)
        return None if after is None else Absence(after=after)

    def condition(self, fields: Fields, name: str, names: Names) -> Expression | None:
        """A checked condition that must be there."""
        if not fields.require(name):
            return None
        return read_condition(fields.entries[name], names, self.mistakes)

    def column(self, fields: Fields, name: str, *, any_kind: bool = False) -> str | None:
        """The name of a field of the stream; of a number unless any kind will do."""
        if not fields.require(name):
            return None
        column = fields.text(name)
        field = self.stream.field(column)
        if field is None:
            if column:
                hint = did_you_mean(column, [f.name for f in self.stream.fields])
                fields.wrong(name, f"the stream {self.stream.name!r} has no {column!r}", hint)
            return None
        if field.type == "text" or (field.type not in ("float", "int") and not any_kind):
            fields.wrong(
                name, f"{column!r} is of type {field.type}, not a number", "Name a float or int field."
            )
            return None
        return column

    def alone(self, at: Located, read: set[str]) -> None:
        """What a pattern follows must come with what its condition reads."""
        check_alone(at, read, self.on_columns.alone, self.mistakes)

    def rise(self, fields: Fields) -> float | None:
        """`rise`, or `fall` as a negative rise; both count above 0."""
        given = [name for name in ("rise", "fall") if fields.has(name)]
        if len(given) != 1:
            self.mistakes.add(fields.at, "one of `rise` and `fall` is needed", "Write e.g. `rise: 5`.")
            return None
        number = fields.number(given[0], above=0)
        return -number if number is not None and given[0] == "fall" else number
