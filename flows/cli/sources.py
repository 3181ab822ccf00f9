"""`telltale sources`: what the rows of source systems become."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from flows.cli.options import Config, Output, Rows, example, settings_of
from flows.cli.progress import progress
from flows.cli.show import counted, harmless, pairs, rows, say, time_of, value_of
from flows.errors import ArchiveUnreadable, ArgumentWrong, NameUnknown
from flows.hints import did_you_mean
from flows.schema import encode
from flows.sources.mapping import Mapped, Mapper
from flows.sources.model import SourceRecord, Sources
from flows.sources.row import Refusal, RowRefused
from flows.streams import value_at

if TYPE_CHECKING:
    from flows.sources.exports import Exported

app = typer.Typer(help="Check the rows of source systems.", no_args_is_help=True, rich_markup_mode=None)
_FIRST = 3
_MOST_KINDS = 100
_LONGEST = 60


class Seen(msgspec.Struct, frozen=True):
    """A row of a file, what it becomes (nothing: it was refused), and what of it was not taken."""

    file: str
    line: int
    record: SourceRecord | None
    refused: tuple[Refusal, ...]
    data: Mapping[str, Any] = {}


@app.callback()
def sources() -> None:
    """Check the rows of source systems."""


@app.command(
    epilog=example(
        "telltale sources check --source crm contacts.csv", "telltale sources check records.jsonl -o json"
    )
)
def check(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Rows as JSONL or CSV, plain, .gz or .zst.")
    ],
    source: Annotated[
        str | None,
        typer.Option("--source", "-s", metavar="NAME", help="The source of rows that do not name it."),
    ] = None,
    number: Annotated[
        int, typer.Option("--number", "-n", metavar="N", min=0, help="Show the first N rows in the table.")
    ] = 20,
    output: Rows = Output.table,
    config: Config = None,
) -> None:
    """Show what rows of source systems become.

    That is their identifiers, roles, attributes and consents, and what is refused with its line and reason. A row may
    be bare, or the CloudEvent that goes on the topic. Values are shown as they are: nothing is sent or kept. Exits with
    1 if anything is refused.
    """
    from flows.rules.people import load_people
    from flows.sources.exports import exported

    settings = settings_of(config)
    declared, matching = load_people(settings)
    name = _source_named(declared, source)
    found = Found(number)
    mapper = Mapper(declared, matching, settings.tenant_key.encode())
    now = datetime.now(UTC)
    broken: ArchiveUnreadable | None = None
    try:
        with progress(files, "Reading", output is Output.table) as read:
            for path in files:
                for one in exported(path, name, now.isoformat(), read):
                    seen = _seen(str(path), one, mapper, int(now.timestamp() * 1000))
                    found.take(seen)
                    if output is Output.json:
                        print(encode(_whole(seen)).decode())
    except ArchiveUnreadable as error:
        broken = error
    if output is Output.table:
        found.show()
    if broken is not None:
        raise broken
    if not found.counts["rows"]:
        say("There is not one row in it.")
    if found.counts["refused"] or found.counts["values refused"]:
        raise typer.Exit(1)


def _source_named(sources: Sources, name: str | None) -> str | None:
    """The source of bare rows: the one that is named, else the only one; raises NameUnknown, ArgumentWrong."""
    if not sources.systems:
        raise ArgumentWrong("No source is declared", "Write a sources.yaml beside telltale.toml.")
    if name is None:
        return next(iter(sources.systems)) if len(sources.systems) == 1 else None
    if name not in sources.systems:
        raise NameUnknown("source", name, did_you_mean(name, sources.systems))
    return name


def _seen(file: str, one: Exported, mapper: Mapper, now: int) -> Seen:
    """What one row becomes that comes at `now` (ms)."""
    if isinstance(one.row, RowRefused):
        return Seen(file, one.line, None, (_whole_row(one.row),))
    try:
        found: Mapped = mapper.mapped(one.row, now)
    except RowRefused as error:
        return Seen(file, one.line, None, (_whole_row(error),), one.row.data)
    return Seen(file, one.line, found.record, found.refused, one.row.data)


def _whole_row(error: RowRefused) -> Refusal:
    return Refusal(error.path, error.reason, str(error))


class Found:
    """Counts over all rows, the first of them, and what was refused with where it stands first."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._first: list[Seen] = []
        self._refused: dict[tuple[str, str], list[str]] = {}
        self._times: dict[tuple[str, str], int] = {}
        self.counts = dict.fromkeys(("rows", "taken", "deleted", "refused", "values refused"), 0)

    def take(self, seen: Seen) -> None:
        """Count a row."""
        self.counts["rows"] += 1
        self.counts["refused" if seen.record is None else "taken"] += 1
        if seen.record is not None:
            self.counts["deleted"] += seen.record.deleted
            self.counts["values refused"] += len(seen.refused)
            if len(self._first) < self._number:
                self._first.append(seen)
        for refused in seen.refused:
            self._note(seen, refused)

    def _note(self, seen: Seen, refused: Refusal) -> None:
        kind = (refused.reason, refused.message)
        if kind not in self._times and len(self._times) >= _MOST_KINDS:
            kind = ("more", "of other kinds")
        self._times[kind] = self._times.get(kind, 0) + 1
        places = self._refused.setdefault(kind, [])
        if len(places) < _FIRST:
            said = _said(seen, refused.path)
            places.append(f"{seen.file}:{seen.line}" + (f": {said}" if said else ""))

    def show(self) -> None:
        """The first rows, what was refused, and the counts."""
        if self._first:
            rows([_cells(seen) for seen in self._first], Output.table, "")
            more = self.counts["taken"] - len(self._first)
            if more > 0:
                say(f"{counted(more, 'more row')}: see all with -n {self.counts['taken']}.")
        for (reason, message), places in self._refused.items():
            print(f"\n{self._times[reason, message]} × {reason}: {harmless(message)}")
            for place in places:
                print(f"  {place}")
        if self.counts["rows"]:
            print()
            pairs([(name, str(count)) for name, count in self.counts.items() if count or name != "deleted"])


def _said(seen: Seen, path: str) -> str:
    """What a row says at a path, on one line."""
    said = value_at(seen.data, path) if path else None
    if said is None:
        return ""
    text = harmless(said if isinstance(said, str) else encode(said).decode())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _cells(seen: Seen) -> dict[str, str]:
    """A row of the table."""
    record = seen.record
    if record is None or record.deleted:
        return dict.fromkeys(("line", "source", "identifiers", "roles", "attributes", "consents"), "") | {
            "line": str(seen.line),
            "source": "" if record is None else record.source,
            "identifiers": "(deleted)",
        }
    named = {**record.attributes, **record.personal, **record.preferences}
    if record.time_zone is not None:
        named["time_zone"] = record.time_zone
    return {
        "line": str(seen.line),
        "source": record.source,
        "identifiers": _joined(f"{one.kind}:{one.value}" for one in record.identifiers),
        "roles": _joined(f"{one.role} of {one.thing}{_span(one.since, one.until)}" for one in record.roles),
        "attributes": _joined(f"{name}={value_of(one.value)}" for name, one in named.items()),
        "consents": _joined(
            f"{purpose}: {'yes' if one.granted else 'no'}" for purpose, one in record.consents.items()
        ),
    }


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(map(harmless, texts))


def _span(since: int | None, until: int | None) -> str:
    """From when until when, as days."""
    days = {
        word: time_of(at).partition(" ")[0]
        for word, at in (("since", since), ("until", until))
        if at is not None
    }
    return "".join(f" {word} {day}" for word, day in days.items())


def _whole(seen: Seen) -> dict[str, Any]:
    """A row as one object of JSON."""
    refused = [
        {
            "path": one.path,
            "reason": one.reason,
            "message": one.message,
            "value": value_at(seen.data, one.path) if one.path else None,
        }
        for one in seen.refused
    ]
    found: dict[str, Any] = {"file": seen.file, "line": seen.line, "taken": seen.record is not None}
    if seen.record is not None:
        found |= _of_record(seen.record)
    return {**found, "refused": refused}


def _of_record(record: SourceRecord) -> dict[str, Any]:
    """What is taken of a row: values, not tokens."""
    named = ("attributes", "personal", "preferences", "consents")
    return {
        "source": record.source,
        "at": record.at,
        "deleted": record.deleted,
        "identifiers": [{"kind": one.kind, "value": one.value} for one in record.identifiers],
        "roles": [msgspec.to_builtins(one) for one in record.roles],
        **{name: msgspec.to_builtins(getattr(record, name)) for name in named},
        "time_zone": None if record.time_zone is None else record.time_zone.value,
        "matches": [one.partition(":")[0] for one in record.composites],
    }
