"""A rule as the flows see it: parsed, checked, every duration in milliseconds, every expression parsed once.

`load` turns YAML into these; nothing else makes them, save tests. What each pattern means is stated in
`PATTERNS.md` beside this file and proved against an obvious implementation in the tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Literal

import msgspec

from flows.expressions import Expression
from flows.sources.model import IdentityRules, Sources
from flows.streams import EventType, Stream

Mode = Literal["live", "dry_run", "disabled"]
Measure = Literal["count", "sum", "mean", "min", "max", "last", "slope"]
ActionKind = Literal[
    "open_case", "close_case", "notify", "task", "offer_appointment", "start_process", "suppress", "set_stage"
]
Take = Literal[
    "count", "sum", "last", "first", "min", "max", "mean", "ewma", "slope", "distinct", "open_set", "since"
]

MEASURED = "telltale.measured."
"""Begins the type of the events in which shards tell of stream aggregates; their name follows."""
POSITION = "position"
"""The name under which shards tell where a device is."""
EVERY_EVENT = "event:any"
"""The source of an aggregate over every event of a customer."""


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


class EventMatch(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a type that satisfies `where`, which reads `event.<field>` and what is named before it."""

    event: str
    where: Expression | None = None


class FollowUp(msgspec.Struct, frozen=True, kw_only=True):
    """A `then` beside an action: at one of its `outcomes` (statuses or results), `after` so long (ms), or both.

    With both it is so long after the outcome. What `unless` describes, coming before, calls it off.
    """

    outcomes: tuple[str, ...] = ()
    after: int | None = None
    condition: Expression | None = None
    unless: EventMatch | None = None
    do: tuple[Entry, ...] = ()


class Until(msgspec.Struct, frozen=True, kw_only=True):
    """When a suppression is released: `rest` ms after all (or any) of `events` came, `at_most` ms after it began."""

    events: tuple[EventMatch, ...] = ()
    all: bool = True
    rest: int = 0
    at_most: int


class Suppress(msgspec.Struct, frozen=True, kw_only=True):
    """Which purposes (with all below them) rest, and which items (texts with holes) leave adverts, until when."""

    purposes: tuple[str, ...]
    items: tuple[str, ...] = ()
    until: Until


class SetStage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of life and how long (ms) it lasts; None is until another is set."""

    stage: str
    lasts: int | None = None


class ActionEntry(msgspec.Struct, frozen=True, kw_only=True, tag="action"):
    """One action a rule may take.

    `parameters` are its YAML fields other than those named here; their texts may hold `{…}`, and a mapping among them
    may have an `if` of its own under `conditions`, by its name (`reserve: {what: loaner, if: …}`).
    """

    name: str
    kind: ActionKind
    to: str | None = None
    purpose: str | None = None
    about: str | None = None
    condition: Expression | None = None
    valid_for: int | None = None
    parameters: dict[str, Any] = {}
    conditions: dict[str, Expression] = {}
    then: tuple[FollowUp, ...] = ()
    suppress: Suppress | None = None
    stage: SetStage | None = None


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """One of a choice; without a `condition` it always holds."""

    name: str
    condition: Expression | None = None
    do: tuple[Entry, ...] = ()


class Choose(msgspec.Struct, frozen=True, kw_only=True, tag="choose"):
    """The first alternative that holds."""

    alternatives: tuple[Alternative, ...]


Entry = ActionEntry | Choose


def actions_in(entries: Iterable[Entry]) -> Iterator[ActionEntry]:
    """Every action of a list, also those of alternatives and of what follows."""
    for entry in entries:
        if isinstance(entry, Choose):
            for alternative in entry.alternatives:
                yield from actions_in(alternative.do)
        else:
            yield entry
            for follow_up in entry.then:
                yield from actions_in(follow_up.do)


class SequenceStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a sequence: an event that comes, or (`absent`) one that does not come `within` ms of the step before.

    `called` is the name under which later steps and texts read its fields; with `restart` another such event begins
    the sequence anew. The first step has no `within`, each other must.
    """

    event: str
    absent: bool = False
    called: str = ""
    where: Expression | None = None
    within: int | None = None
    restart: bool = False


class LookUpEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that a rule asks for before it decides: read as `<name>.<field>`, unknown after `within` ms."""

    name: str
    source: str
    key: Expression
    within: int


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """At most `at_most` raises acted on, per device, customer or rule, in any `every` ms of event time."""

    per: Literal["device", "customer", "rule"]
    at_most: int
    every: int


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A checked rule.

    Device rules have `stream` and `patterns` (several mean `any`: the first that holds); customer rules have
    `event` or `sequence`. `do` is by transition; a customer rule's actions stand under `raised`. `share` and `hold_out`
    are parts of 1: of which customers the rule is for, and of those who are decided but not acted on; of several rules
    that want to use one budget in one window the greatest `priority` wins. `fingerprint` is of what the
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
    do: dict[str, tuple[Entry, ...]] = {}
    sequence: tuple[SequenceStep, ...] = ()
    look_ups: tuple[LookUpEntry, ...] = ()
    share: float = 1.0
    hold_out: float = 0.0
    priority: int = 0
    sensitive: bool = False
    limits: tuple[Limit, ...] = ()
    explain: str = ""
    tests: tuple[dict[str, Any], ...] = ()
    fingerprint: str = ""
    reads: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    file: str = ""


class Purpose(msgspec.Struct, frozen=True, kw_only=True):
    """Why we may write to somebody: the lane it goes by, and for `safety` the rules that may use it.

    `consent` names the consent it needs (none: no consent), `quiet_hours` two times of day in the customer's zone in
    which connectors wait, `budget` the budget it is counted in.
    """

    name: str
    lane: str = "normal"
    valid_for: int | None = None
    rules: tuple[str, ...] | None = None
    consent: str | None = None
    quiet_hours: tuple[str, str] | None = None
    budget: str | None = None


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """At most `at_most` messages of its purposes to one customer in any `every` ms of event time.

    With a `window` (ms) those that come within it compete, and the rule of the greatest priority wins.
    """

    name: str
    at_most: int
    every: int
    window: int | None = None


class LookUpSource(msgspec.Struct, frozen=True, kw_only=True):
    """What `look_ups.yaml` says of a system that can be asked, as far as rules need it: the fields it answers."""

    name: str
    fields: tuple[str, ...] = ()


class StreamAggregate(msgspec.Struct, frozen=True, kw_only=True):
    """What a device's shard tells of a field once `every` ms: the measures to `keep`.

    They are read as `profile.<name>.<measure>`; a slope is per hour, as that of a window.
    """

    name: str
    stream: str
    field: str
    every: int
    keep: tuple[Measure, ...]


class StreamPosition(msgspec.Struct, frozen=True, kw_only=True):
    """Whose devices' last position is told at most once `every` ms, as `profile.latitude` and `profile.longitude`."""

    stream: str
    every: int


class NamedPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A place somebody can be at: within `radius_km` of a point."""

    name: str
    latitude: float
    longitude: float
    radius_km: float


class Aggregate(msgspec.Struct, frozen=True, kw_only=True):
    """A declared value of the profile: `take` of `field` over events (their data) or alarms (their facts).

    `source` is `event:<type>`, `event:any` or `alarm:<rule>` (only `raised`); all but `count` and `since` need a
    `field`. `half_life` (ms) is of an `ewma`, `over` (ms) the stretch of a `slope` (per day), `most` how many values
    an `open_set` keeps and up to how many a `distinct` is exact. An `open_set` gains a value at its source and loses
    it at `closed_by`.
    """

    name: str
    source: str
    take: Take
    field: str | None = None
    half_life: int | None = None
    over: int | None = None
    most: int | None = None
    closed_by: str | None = None


class RuleSet(msgspec.Struct, frozen=True, kw_only=True):
    """A whole checked set: streams, events (none: they are not declared), rules, purposes and profile, and more.

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
    sources: Sources = Sources()
    identity: IdentityRules = IdentityRules()
    budgets: dict[str, Budget] = {}
    look_ups: dict[str, LookUpSource] = {}
    measured: tuple[StreamAggregate, ...] = ()
    places: tuple[NamedPlace, ...] = ()
    position: StreamPosition | None = None

    def kept(self) -> tuple[Aggregate, ...]:
        """All that is kept of a customer: the declared values, and the last of what shards tell."""
        return (*self.profile, *_last_measures(self.measured, located=self.position is not None))

    def for_stream(self, stream: str) -> tuple[Rule, ...]:
        """The rules, not disabled, that watch a stream, by name."""
        return tuple(r for r in self.rules if r.stream == stream and r.mode != "disabled")


@lru_cache(maxsize=16)
def _last_measures(measured: tuple[StreamAggregate, ...], *, located: bool) -> tuple[Aggregate, ...]:
    """The last of each measure that shards tell, as values over the events in which they do."""
    told = [(each.name, measure, f"{each.name}.{measure}") for each in measured for measure in each.keep]
    told += [(POSITION, field, field) for field in ("latitude", "longitude") if located]
    return tuple(
        Aggregate(name=name, source=f"event:{MEASURED}{of}", take="last", field=field)
        for of, field, name in told
    )
