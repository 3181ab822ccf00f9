"""A plan written into a folder: the messages as lines, the records beside them, and the truths."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import msgspec

from flows.archives.jsonl import ArchiveWriter
from flows.errors import ArchiveUnwritable
from flows.simulator.expectation import expected
from flows.simulator.people.expectation import expected as expected_of_people
from flows.simulator.people.plan import PeoplePlan
from flows.simulator.people.simulate import simulate as simulate_people
from flows.simulator.people.told import Told
from flows.simulator.people.truths import PeopleTruths
from flows.simulator.plan import Plan
from flows.simulator.records import Record, events, identities, things
from flows.simulator.simulate import simulate
from flows.simulator.truths import Mode, Truths

_TOLD_EVERY = 10_000

Compression = Literal["", ".gz", ".zst"]


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The file `truths.json`: the plan, and what must come of it; of people, too, if there are any."""

    plan: Plan
    truths: Truths
    people: PeoplePlan | None = None
    people_truths: PeopleTruths | None = None


def write_archive(
    plan: Plan,
    folder: Path,
    compression: Compression = "",
    mode: Mode = "at_once",
    watch: Callable[[int], None] | None = None,
    people: PeoplePlan | None = None,
) -> int:
    """Write the plan into a folder and return how many messages of vehicles there are.

    `telemetry.jsonl` + compression holds the values as they are sent, garbage too; `things.jsonl` and
    `identity.jsonl` hold `{"key":…,"value":…}`, `events.jsonl` CloudEvents, with `people` theirs too, and their rows in
    `source-records.jsonl`; `truths.json` is an `Answer` for `mode`; `watch` is told now and then how many more messages
    were written. Raises PlanWrong, ArchiveUnwritable, ZstandardMissing.
    """
    told = [] if people is None else simulate_people(people)
    answer = Answer(
        plan, expected(plan, mode), people, None if people is None else expected_of_people(people)
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "truths.json").write_bytes(msgspec.json.encode(answer))
    except OSError as error:
        raise ArchiveUnwritable(str(folder), 0, error.strerror or "cannot be written") from error
    _write_keyed(folder / "things.jsonl", things(plan))
    _write_keyed(folder / "identity.jsonl", identities(plan))
    _write_events(folder / "events.jsonl", plan, told)
    if told:
        with ArchiveWriter(folder / "source-records.jsonl") as writer:
            for one in told:
                if one.topic == "source_records":
                    writer.write(one.value)
    with ArchiveWriter(folder / f"telemetry.jsonl{compression}") as writer:
        for sent in simulate(plan):
            writer.write(sent.value)
            if watch is not None and writer.lines % _TOLD_EVERY == 0:
                watch(_TOLD_EVERY)
        return writer.lines


def _write_events(path: Path, plan: Plan, told: Iterable[Told]) -> None:
    """Events about vehicles and of people, in the order in which they are sent."""
    theirs = ((one.appended, one.value) for one in told if one.topic == "events")
    with ArchiveWriter(path) as writer:
        for _, value in heapq.merge(((at, record.value) for at, record in events(plan)), theirs, key=_when):
            writer.write(value)


def _when(sent: tuple[int, bytes]) -> int:
    return sent[0]


def _write_keyed(path: Path, records: Iterable[Record]) -> None:
    with ArchiveWriter(path) as writer:
        for record in records:
            writer.write(b'{"key":"' + record.key + b'","value":' + record.value + b"}")
