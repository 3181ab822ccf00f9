"""A plan straight onto a bus: all at once, or at the pace of life or a multiple of it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence

import msgspec

from flows.simulator.people.told import Act, Told
from flows.simulator.plan import Plan
from flows.simulator.records import Record, events, identities, things
from flows.simulator.simulate import simulate
from flows.simulator.truths import Mode
from flows.topics.port import Writer

_POLL_EVERY = 10_000
_LOOK_EVERY_S = 0.05


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """The topics to write to, with their prefix."""

    telemetry: str = "telemetry"
    things: str = "things"
    identity: str = "identity"
    events: str = "events"
    source_records: str = "source-records"


def mode_of(pace: float | None) -> Mode:
    """In which mode the truths hold for messages sent at a pace (None: all at once)."""
    if pace is None:
        return "at_once"
    return "live" if pace == 1 else "paced"


def start_for(now: int, duration: int, pace: float | None) -> int:
    """The start (ms) of a plan sent from `now` (ms) on, so that its last reading is sent at its own time."""
    return now - duration if pace is None else now - duration + round(duration / pace)


def introduce(plan: Plan, writer: Writer, names: Names) -> None:
    """Write what is known of the fleet before it drives; raises PlanWrong, DeliveryFailed."""
    for topic, records in ((names.things, things(plan)), (names.identity, identities(plan))):
        for record in records:
            writer.write(topic, record.value, key=record.key)
    writer.flush()


def tell(told: Sequence[Told], act: Act, writer: Writer, names: Names) -> None:
    """Write what people do in one act, all at once; raises DeliveryFailed."""
    for one in told:
        if one.act == act:
            writer.write(_topic(one, names), one.value, key=one.key)
    writer.flush()


def send(
    plan: Plan,
    writer: Writer,
    names: Names,
    *,
    pace: float | None,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    watch: Callable[[int], None] | None = None,
    people: Sequence[Told] = (),
) -> int:
    """Write the plan's things, identities, events and messages, and return how many messages of vehicles there were.

    Around and among them goes all that `people` do. `pace` multiplies time, 1 is life, None sends all at once; `clock`
    and `sleep` are in seconds; `watch` is told now and then how many more were sent. The bus gives the append times, so
    the truths hold when `plan.start` is `start_for` the moment this begins. Raises PlanWrong, DeliveryFailed.
    """
    introduce(plan, writer, names)
    tell(people, "before", writer, names)
    count = drive(plan, writer, names, pace=pace, clock=clock, sleep=sleep, watch=watch, people=people)
    tell(people, "after", writer, names)
    return count


def drive(
    plan: Plan,
    writer: Writer,
    names: Names,
    *,
    pace: float | None,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    watch: Callable[[int], None] | None = None,
    people: Sequence[Told] = (),
) -> int:
    """Write what vehicles say, and what people do meanwhile, as `send` does; raises PlanWrong, DeliveryFailed."""
    began = clock()
    coming = heapq.merge(_events(plan, names), _during(people, names), key=_when)
    event = next(coming, None)
    look_at = plan.start
    count = 0
    for sent in simulate(plan):
        if pace is not None and sent.appended >= look_at:
            writer.flush()
            wait = began + (sent.appended - plan.start) / 1000 / pace - clock()
            if wait > 0:
                sleep(wait)
            look_at = sent.appended + round(_LOOK_EVERY_S * 1000 * pace)
        while event is not None and event[0] <= sent.appended:
            writer.write(event[1], event[2].value, key=event[2].key)
            event = next(coming, None)
        writer.write(names.telemetry, sent.value, key=sent.key)
        count += 1
        if count % _POLL_EVERY == 0:
            writer.poll()
            if watch is not None:
                watch(_POLL_EVERY)
    while event is not None:
        writer.write(event[1], event[2].value, key=event[2].key)
        event = next(coming, None)
    writer.flush()
    return count


def _events(plan: Plan, names: Names) -> Iterator[tuple[int, str, Record]]:
    """Events about vehicles: when, on which topic, what."""
    return ((at, names.events, record) for at, record in events(plan))


def _during(people: Sequence[Told], names: Names) -> Iterator[tuple[int, str, Record]]:
    """What people do while the plan lasts."""
    return (
        (one.appended, _topic(one, names), Record(one.key, one.value))
        for one in people
        if one.act == "during"
    )


def _when(coming: tuple[int, str, Record]) -> int:
    return coming[0]


def _topic(told: Told, names: Names) -> str:
    return names.source_records if told.topic == "source_records" else names.events
