"""Archives against the declaration of their stream: what a flow would take of them, and what it would refuse and why.

A shard of the devices flow without rules reads them, and a `readings` step looks at the columns that it decodes.
"""

from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np

from flows.backtest.archive import OneSet
from flows.devices.shard import Shard, ShardPlace
from flows.rules.model import RuleSet
from flows.schema import DeadLetter
from flows.steps import Columns, Steps
from flows.streams import Field, Stream
from flows.topics.port import RawBatch

_FIRST = 3
_MOST_REFUSALS = 100
_MOST_SHOWN = 120


class ColumnFound(msgspec.Struct, kw_only=True):
    """What a field held in the readings that were not refused; None is not known, as it is of texts.

    `least` and `greatest` are of numbers, as rules see them; `refused` counts values that were not believed.
    """

    field: str
    type: str
    present: int | None = None
    missing: int | None = None
    least: float | None = None
    greatest: float | None = None
    refused: int = 0


class Refused(msgspec.Struct, kw_only=True):
    """Dead letters for one reason: how many, and where the first are and how they begin."""

    reason: str
    message: str
    count: int = 0
    first: list[Example] = []


class Example(msgspec.Struct, frozen=True):
    """Where something stands, and how it begins."""

    file: str
    line: int
    value: str


class StreamCheck:
    """Reads the batches of one stream's archives, in their order."""

    def __init__(self, stream: Stream) -> None:
        rules = RuleSet(number=0, tenant="", rules=(), purposes={}, profile=(), streams={stream.name: stream})
        steps = Steps(readings=self._look)
        place = ShardPlace(tenant="", stream=stream, partition=0, partitions=1, steps=steps)
        self._shard = Shard(place, OneSet(rules))
        self._refusals: dict[tuple[str, str], Refused] = {}
        self.columns = {field.name: _begun(field) for field in stream.fields if not field.derived}
        self.counts: Counter[str] = Counter(rows=0, taken=0, late=0, duplicate=0, refused=0, dead_letters=0)
        self.first: int | None = None
        self.last: int | None = None

    def take(self, batch: RawBatch) -> None:
        """Count what becomes of a batch."""
        out = self._shard.on_readings(batch)
        self.counts.update(
            rows=out.counts.messages,
            taken=out.counts.taken,
            late=out.counts.late,
            duplicate=out.counts.duplicate,
            refused=out.counts.dead,
            dead_letters=len(out.dead),
        )
        if out.first is not None and out.last is not None:
            self.first = out.first if self.first is None else min(self.first, out.first)
            self.last = out.last if self.last is None else max(self.last, out.last)
        for letter in out.dead:
            self._refuse(letter)

    @property
    def devices(self) -> int:
        """How many devices there were."""
        return self._shard.devices

    @property
    def refusals(self) -> list[Refused]:
        """The dead letters by reason, most first."""
        return sorted(self._refusals.values(), key=lambda refused: -refused.count)

    def _look(self, columns: Columns) -> Columns:
        """See what the columns hold, and leave them as they are."""
        for name, values in columns.values.items():
            found = self.columns.get(name)
            if found is None or found.present is None or found.missing is None:
                continue
            said = values[~np.isnan(values)]
            found.present += len(said)
            found.missing += len(values) - len(said)
            if len(said) and found.type in ("float", "int"):
                least, greatest = float(said.min()), float(said.max())
                found.least = least if found.least is None else min(found.least, least)
                found.greatest = greatest if found.greatest is None else max(found.greatest, greatest)
        return columns

    def _refuse(self, letter: DeadLetter) -> None:
        """Keep the count and the first examples of a dead letter's reason."""
        column = self.columns.get(letter.message.partition(" is ")[0])
        if column is not None:
            column.refused += 1
        said, value = _said(letter)
        if len(self._refusals) >= _MOST_REFUSALS and (letter.reason, said) not in self._refusals:
            said = "of other kinds"
        found = self._refusals.setdefault((letter.reason, said), Refused(reason=letter.reason, message=said))
        found.count += 1
        if len(found.first) < _FIRST:
            found.first.append(Example(letter.topic, letter.offset, value))


def _said(letter: DeadLetter) -> tuple[str, str]:
    """What a refusal says without what differs from line to line, and how the refused value begins.

    A row of a table that could not be read comes as a text that says why.
    """
    value = letter.value[: 4 * _MOST_SHOWN].decode("utf-8", "replace").strip()
    why, colon, row = value.removeprefix('"').removesuffix('"').partition(": ")
    message = letter.message.partition(" (byte ")[0]
    if value.startswith('"') and colon and letter.reason == "wrong_type":
        message, value = why, row
    return message, value if len(value) <= _MOST_SHOWN else value[: _MOST_SHOWN - 1] + "…"


def _begun(field: Field) -> ColumnFound:
    """A column of which nothing was seen yet; texts are not decoded."""
    counted = None if field.type == "text" else 0
    return ColumnFound(field=field.name, type=field.type, present=counted, missing=counted)
