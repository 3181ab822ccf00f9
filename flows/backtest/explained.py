"""What is asked of one rule and one device, and what is told of it: a step a reading."""

from __future__ import annotations

from typing import Literal

import msgspec

from flows.backtest.progress import Break, ClosedWindow
from flows.devices.standing import Standing
from flows.rules.model import Rule, RuleSet
from flows.schema import Transition, Value
from flows.steps import NO_STEPS, Steps

Status = Literal["taken", "late", "duplicate", "future", "refused", "clock"]
KEPT = 1_000


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Which rule of which set, and which device; up to `until` and, of what is shown, from `since` (ms, None: open).

    `thing` is what `things` says of the device. The last `kept` readings are told one at a time.
    """

    rule_set: RuleSet
    rule: Rule
    device: str
    thing: bytes | None = None
    until: int | None = None
    since: int | None = None
    kept: int = KEPT
    stale_after: int = 900_000
    max_bytes: int = 1_048_576
    steps: Steps = NO_STEPS


class Changed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A transition of the rule's episode."""

    transition: Transition
    severity: str | None = None
    at: int
    opened_at: int
    episode: str
    explanation: str = ""
    reason: str | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What one reading did, or (`clock`) what ended between two by the shard's clock; times in ms.

    `offset` is its place in the topic's partition or its line in the archive `source`. `holds` is the answer of each
    pattern's condition, None unknown. `refused` says what of the message was not believed. `standing` is after it.
    """

    at: int
    status: Status
    source: str = ""
    offset: int | None = None
    appended: int | None = None
    values: dict[str, Value] = {}
    holds: tuple[bool | None, ...] = ()
    refused: tuple[str, ...] = ()
    breaks: tuple[Break, ...] = ()
    closed: tuple[ClosedWindow, ...] = ()
    transitions: tuple[Changed, ...] = ()
    standing: Standing


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """The steps up to `until`; `earlier` are transitions before the first, `passed` how many readings lie there.

    `until` is what was asked for, else the time of the last step; `clock` the shard's then. `standing` is None when
    nothing was read; not `settled`, something may have begun before what was read.
    """

    rule: Rule
    device: str
    until: int | None
    steps: tuple[Step, ...]
    earlier: tuple[Changed, ...] = ()
    passed: int = 0
    standing: Standing | None = None
    clock: int = 0
    attributes: dict[str, Value] = {}
    settled: bool = True

    @property
    def transitions(self) -> tuple[Changed, ...]:
        """All transitions in their order."""
        return (*self.earlier, *(changed for step in self.steps for changed in step.transitions))
