"""A plan written into a folder: the messages as lines, the records beside them, and the truths."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import msgspec

from flows.archives.jsonl import ArchiveWriter
from flows.errors import ArchiveUnwritable
from flows.simulator.expectation import expected
from flows.simulator.plan import Plan
from flows.simulator.records import Record, events, identities, things
from flows.simulator.simulate import simulate
from flows.simulator.truths import Mode, Truths

_TOLD_EVERY = 10_000

Compression = Literal["", ".gz", ".zst"]


class Answer(msgspec.Struct, frozen=True):
    """The file `truths.json`: the plan, and what must come of it."""

    plan: Plan
    truths: Truths


def write_archive(
    plan: Plan,
    folder: Path,
    compression: Compression = "",
    mode: Mode = "at_once",
    watch: Callable[[int], None] | None = None,
) -> int:
    """Write the plan into a folder and return how many messages there are.

    `telemetry.jsonl` + compression holds the values as they are sent, garbage too; `things.jsonl` and
    `identity.jsonl` hold `{"key":…,"value":…}`, `events.jsonl` CloudEvents, `truths.json` an `Answer` for
    `mode`; `watch` is told now and then how many more messages were written.
    Raises PlanWrong, ArchiveUnwritable, ZstandardMissing.
    """
    answer = Answer(plan, expected(plan, mode))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "truths.json").write_bytes(msgspec.json.encode(answer))
    except OSError as error:
        raise ArchiveUnwritable(str(folder), 0, error.strerror or "cannot be written") from error
    _write_keyed(folder / "things.jsonl", things(plan))
    _write_keyed(folder / "identity.jsonl", identities(plan))
    with ArchiveWriter(folder / "events.jsonl") as writer:
        for _, record in events(plan):
            writer.write(record.value)
    with ArchiveWriter(folder / f"telemetry.jsonl{compression}") as writer:
        for sent in simulate(plan):
            writer.write(sent.value)
            if watch is not None and writer.lines % _TOLD_EVERY == 0:
                watch(_TOLD_EVERY)
        return writer.lines


def _write_keyed(path: Path, records: Iterable[Record]) -> None:
    with ArchiveWriter(path) as writer:
        for record in records:
            writer.write(b'{"key":"' + record.key + b'","value":' + record.value + b"}")
