"""A rule as the flows see it: parsed, checked, every duration in milliseconds, every expression parsed once.

`load` turns YAML into these; nothing else makes them, save tests. What each pattern means is stated in
`PATTERNS.md` beside this file and proved against an obvious implementation in the tests.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from flows.expressions import Expression
from flows.streams import EventType, Stream

Mode = Literal["live", "dry_run", "disabled"]
Measure = Literal["count", "sum", "mean", "min", "max", "last", "slope"]
ActionKind = Literal["open_case", "close_case", "notify", "task"]


class Worsening(msgspec.Struct, frozen=True, kw_only=True):
    """Theil–Sen slope of `field` over the last `over` readings of the run × their time span ≥ `rise`.

    A negative `rise` asks for a fall of at least that much. `over` is at most 64.
    """

    field: str
    rise: float
    over: int


class Run(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """`length` known readings in a row that satisfy `of`; a silence longer than `max_gap` breaks the run."""

    length: int
    of: Expression
    worsening: Worsening | None = None
    max_gap: int | None = None


class Count(msgspec.Struct, frozen=True, kw_only=True, tag="count"):
    """At least `count` of the last `out_of` known readings (≤ 64) satisfy `of`.

    A silence over `max_gap` forgets them.
    """

    count: int
    out_of: int
    of: Expression
    max_gap: int | None = None


class Trend(msgspec.Struct, frozen=True, kw_only=True, tag="trend"):
    """The Theil–Sen rise of `field` over its last `over` readings (2–64), of `of` if given, is ≥ `rise`.

    Unlike a run, readings that do not satisfy `of` are passed over and break nothing; a silence over
    `max_gap` forgets the readings. A negative `rise` asks for a fall.
    """

    field: str
    over: int
    rise: float
    of: Expression | None = None
    max_gap: int | None = None


class Window(msgspec.Struct, frozen=True, kw_only=True, tag="window"):
    """Windows of `length` ms begun at each multiple of `every` ms since the epoch, each asked `of` as it closes.

    `of` may read `value` (the measure of the window) and `device.*`. `length` is a multiple of `every`, at
    most 64 of them. A window without a known reading is not evaluated. `slope` is least squares, in the
    field's unit per hour.
    """

    length: int
    every: int
    measure: Measure
    field: str | None
    of: Expression


class Absence(msgspec.Struct, frozen=True, kw_only=True, tag="absence"):
    """No reading of a device seen before for `after` ms of the shard's clock; the next reading clears it."""

    after: int


Pattern = Run | Count | Trend | Window | Absence


class Severity(msgspec.Struct, frozen=True, kw_only=True):
    """One severity, lowest first; the lowest has no `when`. `clear`: when it falls back to a lower one."""

    name: str
    when: Expression | None = None
    clear: Expression | None = None


class Clear(msgspec.Struct, frozen=True, kw_only=True):
    """`run` known readings in a row that satisfy `of` end an episode as `cleared`."""

    run: int
    of: Expression


class ActionEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One action a rule may take.

    `parameters` are its YAML fields other than those named here; their texts may hold `{…}`.
    """

    name: str
    kind: ActionKind
    to: str | None = None
    purpose: str | None = None
    about: str | None = None
    condition: Expression | None = None
    valid_for: int | None = None
    parameters: dict[str, Any] = {}


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """At most `at_most` raises acted on, per device, customer or rule, in any `every` ms of event time."""

    per: Literal["device", "customer", "rule"]
    at_most: int
    every: int


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A checked rule.

    Device rules have `stream` and `patterns` (several mean `any`: the first that holds); customer rules have
    `event`. `do` is by transition; an event rule's actions stand under `raised`. `fingerprint` is of what the
    patterns, severities, clear and ends mean (not of the file); `reads` are the stream's columns and
    `attributes` the device attributes that the device half of the rule needs.
    """

    name: str
    about: str = ""
    team: str = ""
    mode: Mode = "live"
    stream: str | None = None
    event: str | None = None
    customer: str = "owner"
    patterns: tuple[Pattern, ...] = ()
    severities: tuple[Severity, ...] = ()
    clear: Clear | None = None
    ends_silent: int | None = None
    guard: Expression | None = None
    do: dict[str, tuple[ActionEntry, ...]] = {}
    limits: tuple[Limit, ...] = ()
    explain: str = ""
    tests: tuple[dict[str, Any], ...] = ()
    fingerprint: str = ""
    reads: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    file: str = ""


class Purpose(msgspec.Struct, frozen=True, kw_only=True):
    """Why we may write to somebody: the lane it goes by, and for `safety` the rules that may use it."""

    name: str
    lane: str = "normal"
    valid_for: int | None = None
    rules: tuple[str, ...] | None = None


class Aggregate(msgspec.Struct, frozen=True, kw_only=True):
    """A declared value of the profile: `take` of `field` over events (their data) or alarms (their facts).

    `source` is `event:<type>` or `alarm:<rule>` (only `raised`); all but `count` need a `field`.
    """

    name: str
    source: str
    take: Literal["count", "sum", "last", "first", "min", "max", "mean"]
    field: str | None = None


class RuleSet(msgspec.Struct, frozen=True, kw_only=True):
    """A whole checked set: streams, events (none: they are not declared), rules, purposes and profile.

    `number` is its number on the topic `rules` (0: not published), `fingerprint` is of what its files say.
    """

    number: int
    tenant: str
    rules: tuple[Rule, ...]
    purposes: dict[str, Purpose]
    profile: tuple[Aggregate, ...]
    streams: dict[str, Stream] = {}
    events: dict[str, EventType] = {}
    fingerprint: str = ""

    def for_stream(self, stream: str) -> tuple[Rule, ...]:
        """The rules, not disabled, that watch a stream, by name."""
        return tuple(r for r in self.rules if r.stream == stream and r.mode != "disabled")
