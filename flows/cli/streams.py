"""`telltale streams`: what a stranger's archive seems to be, and whether archives agree with their declaration."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from flows.cli.backtest_input import stream_named
from flows.cli.options import Config, Output, Rows, example, settings_of
from flows.cli.progress import progress
from flows.cli.show import harmless, pairs, say, table, time_of, value_of
from flows.errors import ArchiveUnreadable
from flows.schema import encode

if TYPE_CHECKING:
    from flows.backtest.stream_check import StreamCheck

app = typer.Typer(
    help="Declare what an archive holds, and check archives.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class ShapeAsked(Enum):
    """How many measurements a message holds."""

    wide = "wide"
    narrow = "narrow"


@app.command(
    epilog=example(
        "telltale streams infer may.csv > streams.yaml", "telltale streams infer may.jsonl.zst --key vin"
    )
)
def infer(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Readings as JSONL or CSV, plain, .gz or .zst.")
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The stream's name; else the file's.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column that names the device.")
    ] = None,
    time: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column of the event time.")] = None,
    shape: Annotated[
        ShapeAsked | None, typer.Option(help="wide: many measurements a row; narrow: one, by its name.")
    ] = None,
    rows: Annotated[
        int, typer.Option(metavar="N", min=1, max=1_000_000, help="How many rows to look at, from the first.")
    ] = 20_000,
) -> None:
    """Propose a streams.yaml for an archive, from its first rows.

    It declares device, time, and fields with types and ranges; guesses say so.
    """
    from flows.inference.document import write_document
    from flows.inference.proposal import Asked, propose
    from flows.inference.sample import read_sample

    asked = Asked(name=name, key=key, time=time, shape=None if shape is None else shape.value)
    print(write_document(propose(read_sample(file, rows), asked)), end="")


@app.command(epilog=example("telltale streams check --stream vehicle may.jsonl.zst june.csv"))
def check(
    archives: Annotated[
        list[Path], typer.Argument(metavar="ARCHIVE...", help="Readings as JSONL or CSV, plain, .gz or .zst.")
    ],
    stream: Annotated[
        str | None,
        typer.Option("--stream", "-s", metavar="NAME", help="The stream they are of, if there are several."),
    ] = None,
    output: Rows = Output.table,
    config: Config = None,
) -> None:
    """Read archives as a flow would, and say what it would refuse.

    Also what it would take, and why it would refuse the rest. Exits with 1 if anything is refused or not believed;
    late readings and duplicates are none of that.
    """
    from flows.archives.batches import read_batches
    from flows.backtest.stream_check import StreamCheck
    from flows.stream_files import load_streams

    settings = settings_of(config)
    streams = load_streams(settings.path(settings.streams))
    name = stream_named(streams, stream)
    found = StreamCheck(streams[name])
    broken: ArchiveUnreadable | None = None
    try:
        with progress(archives, "Reading") as read:
            for path in archives:
                for batch in read_batches(path, streams[name], read=read):
                    found.take(batch)
    except ArchiveUnreadable as error:
        broken = error
    if broken is None or found.counts["rows"]:
        _json(name, found) if output is Output.json else _table(found)
    if broken is not None:
        raise broken
    if not found.counts["rows"]:
        say("There is not one reading in it.")
    if found.counts["dead_letters"]:
        raise typer.Exit(1)


def _json(name: str, found: StreamCheck) -> None:
    """Everything as one object."""
    everything: dict[str, Any] = {
        "stream": name,
        **found.counts,
        "devices": found.devices,
        "first": found.first,
        "last": found.last,
        "columns": [msgspec.to_builtins(column) for column in found.columns.values()],
        "refusals": [msgspec.to_builtins(refused) for refused in found.refusals],
    }
    print(encode(everything).decode())


def _table(found: StreamCheck) -> None:
    """Counts, the columns, and what was refused with where it stands first."""
    count = found.counts
    span = (
        ""
        if found.first is None or found.last is None
        else f"{time_of(found.first)} – {time_of(found.last)} UTC"
    )
    pairs(
        [
            ("rows", str(count["rows"])),
            ("taken", str(count["taken"])),
            ("late", str(count["late"] or "")),
            ("duplicates", str(count["duplicate"] or "")),
            ("refused", str(count["refused"])),
            ("devices", str(found.devices)),
            ("times", span),
        ]
    )
    if found.columns:
        print()
        headers = ["field", "type", "present", "missing", "min", "max", "refused"]
        table(headers, [_cells(msgspec.structs.astuple(column)) for column in found.columns.values()])
    for refused in found.refusals:
        print(f"\n{refused.count} × {refused.reason}: {harmless(refused.message)}")
        for one in refused.first:
            print(f"  {one.file}:{one.line}: {harmless(one.value)}")


def _cells(column: tuple[Any, ...]) -> list[str]:
    """A row of the table; what is not known is a dash."""
    return ["-" if value is None else value_of(value) for value in column]
