"""What a backtest of customers reads, by event time: rows, judgements, alarms, events, outcomes of many archives.

At one time rows come first, then judgements, what devices say, events, outcomes; of one kind, the archives in the order
in which they were given, and each in the order of its lines. An archive may be out of order by as many lines as are
looked ahead, and is refused where it is more: what was decided cannot be taken back.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Any, Literal

import msgspec

from flows.archives.compression import Read, unwatched
from flows.archives.csv import Table, is_csv
from flows.archives.jsonl import numbered_lines
from flows.backtest.dead import Dead
from flows.customers.decoding import time_of
from flows.errors import ArchiveDisordered, TelltaleError
from flows.identity.evidence import Judgement
from flows.identity.judgements import JudgementUnreadable, judgements_of
from flows.schema import Alarm, Audit, Event, Outcome, encode
from flows.sources.exports import exported
from flows.sources.mapping import Mapped, Mapper
from flows.sources.row import RowRefused, SentRow
from flows.streams import EventType

AHEAD = 1 << 16
"""So many lines of an archive are looked ahead, and of alarms, which are bigger, so many:"""
ALARMS_AHEAD = 1 << 13
EVER = datetime.fromtimestamp(0.001, UTC).isoformat()
"""When rows are from that name no time: they are known before all else."""
_NAMELESS = RowRefused(
    "unknown_source",
    "the row does not say which source it is of: name it before the file, as in crm=contacts.csv",
)
_ROWS = 1000
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)
_OWN = ("id", "source", "type", "subject", "time")


class Kind(IntEnum):
    """What comes first at one time."""

    ROW = 0
    JUDGEMENT = 1
    ALARM = 2
    MEASURED = 3
    EVENT = 4
    OUTCOME = 5


class Row(msgspec.Struct, frozen=True):
    """A row as it was sent, and what it becomes."""

    sent: SentRow
    mapped: Mapped


class Judged(msgspec.Struct, frozen=True):
    """What persons judged about who is who, with one command."""

    judgements: tuple[Judgement, ...]


class Input(msgspec.Struct, frozen=True):
    """One thing that happens at `at` (ms); `what` is bytes for an event as it stands in its archive.

    `archive` and `line` are its place. Alarms, and what devices tell of themselves, are of one `side` alone.
    """

    at: int
    kind: Kind
    archive: int
    line: int
    what: bytes | Row | Judged | Alarm | Event | Outcome
    name: str = ""
    side: Literal[0, 1] | None = None

    @property
    def order(self) -> tuple[int, int, int, int, int]:
        """Its place among all."""
        return self.at, self.kind, self.archive, self.line, self.side or 0


class Refused:
    """What could not be read or taken, by archive and reason."""

    def __init__(self) -> None:
        self._dead: dict[tuple[str, str], Dead] = {}
        self.lines: Counter[Kind] = Counter()

    def add(self, archive: str, line: int, reason: str, message: str) -> None:
        """Count one."""
        dead = self._dead.get((archive, reason))
        if dead is None:
            dead = self._dead[archive, reason] = Dead(reason, archive, message)
        dead.add(line)

    def add_line(self, kind: Kind, archive: str, line: int, reason: str, message: str) -> None:
        """Count a line of which nothing was taken."""
        self.lines[kind] += 1
        self.add(archive, line, reason, message)

    @property
    def dead(self) -> list[Dead]:
        """By archive and reason, as they came."""
        return list(self._dead.values())


class _Timed(msgspec.Struct):
    """As much of an event as its place in time needs."""

    time: str


class _OutcomeEvent(msgspec.Struct):
    data: Outcome


def events_of(
    path: Path, place: int, declared: dict[str, EventType], refused: Refused, read: Read = unwatched
) -> Iterator[Input]:
    """The events of an archive: CloudEvents, one a line, or a table with `type`, `time` and what else they say.

    Of a table the columns `id`, `source` and `subject` are the event's, where they are there, all others its data.
    Raises ArchiveUnreadable, CsvHeaderWrong, ZstandardMissing.
    """
    decoder = msgspec.json.Decoder(_Timed)
    lines = _table(path, declared, read) if is_csv(path) else numbered_lines(path, read=read)
    name = str(path)
    for line, raw in lines:
        if raw.isspace():
            continue
        try:
            at = time_of(decoder.decode(raw).time)
        except _UNREADABLE as error:
            refused.add_line(Kind.EVENT, name, line, _reason(error), str(error)[:1000])
            continue
        yield Input(at, Kind.EVENT, place, line, raw, name)


def rows_of(
    path: Path, source: str | None, place: int, mapper: Mapper, refused: Refused, read: Read = unwatched
) -> Iterator[Input]:
    """The rows of an archive, bare ones of `source`; raises ArchiveUnreadable, CsvHeaderWrong, ZstandardMissing."""
    name = str(path)
    for one in exported(path, source, EVER, read):
        try:
            if isinstance(one.row, RowRefused):
                raise _NAMELESS if one.row.reason == _NAMELESS.reason else one.row
            mapped = mapper.mapped(one.row)
        except RowRefused as error:
            refused.add_line(Kind.ROW, name, one.line, error.reason, str(error))
            continue
        for each in mapped.refused:
            refused.add(name, one.line, each.reason, f"{each.path}: {each.message}")
        yield Input(mapped.record.at, Kind.ROW, place, one.line, Row(one.row, mapped), name)


def outcomes_of(path: Path, place: int, refused: Refused, read: Read = unwatched) -> Iterator[Input]:
    """The outcomes of an archive, one a line, bare or in their envelope; raises ArchiveUnreadable, ZstandardMissing."""
    enveloped, bare = msgspec.json.Decoder(_OutcomeEvent), msgspec.json.Decoder(Outcome)
    name = str(path)
    for line, raw in numbered_lines(path, read=read):
        if raw.isspace():
            continue
        try:
            outcome = enveloped.decode(raw).data if b'"specversion"' in raw else bare.decode(raw)
        except _UNREADABLE as error:
            refused.add_line(Kind.OUTCOME, name, line, _reason(error), str(error)[:1000])
            continue
        yield Input(outcome.at, Kind.OUTCOME, place, line, outcome, name)


def judged_of(
    path: Path, place: int, tenant: str, refused: Refused, read: Read = unwatched
) -> Iterator[Input]:
    """The judgements among a tenant's entries of `audit`, one a line; raises ArchiveUnreadable, ZstandardMissing."""
    decoder = msgspec.json.Decoder(Audit)
    name = str(path)
    for line, raw in numbered_lines(path, read=read):
        if raw.isspace():
            continue
        try:
            audit = decoder.decode(raw)
            judgements = judgements_of(audit)
        except JudgementUnreadable as error:
            refused.add_line(Kind.JUDGEMENT, name, line, error.reason, str(error))
            continue
        except _UNREADABLE as error:
            refused.add_line(Kind.JUDGEMENT, name, line, _reason(error), str(error)[:1000])
            continue
        if judgements and audit.tenant == tenant:
            yield Input(audit.at, Kind.JUDGEMENT, place, line, Judged(judgements), name)


def in_order(found: Iterable[Input], ahead: int = AHEAD) -> Iterator[Input]:
    """By time, as far as looking ahead by so many puts it right; raises ArchiveDisordered where it does not.

    When the archive breaks, what stands before that comes first.
    """
    waiting: list[tuple[tuple[int, ...], Input]] = []
    reached, broken = -1, None
    try:
        for each in found:
            if each.at < reached:
                raise ArchiveDisordered(each.name, each.line, each.at, reached, ahead)
            heapq.heappush(waiting, (each.order, each))
            if len(waiting) > ahead:
                one = heapq.heappop(waiting)[1]
                reached = one.at
                yield one
    except TelltaleError as error:
        broken = error
    while waiting:
        yield heapq.heappop(waiting)[1]
    if broken is not None:
        raise broken


def merged(
    streams: Iterable[Iterator[Input]], end: int | None, left_out: Callable[[Kind], None]
) -> Iterator[Input]:
    """All streams in one order, without what is not before `end` (ms), of which `left_out` is told."""
    for each in heapq.merge(*streams, key=lambda one: one.order):
        if end is None or each.at < end:
            yield each
        else:
            left_out(each.kind)


def _table(path: Path, declared: dict[str, EventType], read: Read) -> Iterator[tuple[int, bytes]]:
    """The rows of a table as CloudEvents; one that is none comes as a text that says why."""
    table = Table(path, read)
    for rows, lines, unread in table.read(_ROWS):
        found = [
            _of_cells(table.header, row, declared, f"{path.name}:{lines[i]}") for i, row in enumerate(rows)
        ]
        found += [encode(unread)] if unread else []
        yield from zip(lines.tolist(), found, strict=True)


def _of_cells(header: list[str], row: list[str], declared: dict[str, EventType], place: str) -> bytes:
    """A row as a CloudEvent; an empty cell says nothing."""
    if len(row) != len(header):
        return encode(f"{len(row)} cells where the header has {len(header)}")
    cells = {name: cell.strip() for name, cell in zip(header, row, strict=True) if cell.strip()}
    kind = declared.get(cells.get("type", ""))
    texts = set[str]() if kind is None else {f.path for f in kind.fields if f.type in ("text", "enum")}
    data = {n: c if n in texts else _value(c) for n, c in cells.items() if n not in _OWN}
    own = {name: cells[name] for name in _OWN if name in cells}
    return encode({"id": place, "source": "archive", "specversion": "1.0", **own, "data": data})


def _value(cell: str) -> Any:
    """A cell as JSON has it: a number or a truth bare, anything else text."""
    try:
        found = msgspec.json.decode(cell)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return cell
    return found if isinstance(found, bool | int | float) else cell


def _reason(error: Exception) -> str:
    """A dead letter's word for why something could not be read."""
    if isinstance(error, msgspec.ValidationError):
        return "wrong_type"
    return "not_json" if isinstance(error, msgspec.MsgspecError | UnicodeDecodeError) else "bad_time"
