"""A plan straight onto a bus: all at once, or at the pace of life or a multiple of it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from flows.simulator.plan import Plan
from flows.simulator.records import events, identities, things
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


def mode_of(pace: float | None) -> Mode:
    """In which mode the truths hold for messages sent at a pace (None: all at once)."""
    if pace is None:
        return "at_once"
    return "live" if pace == 1 else "paced"


def start_for(now: int, duration: int, pace: float | None) -> int:
    """The start (ms) of a plan sent from `now` (ms) on, so that its last reading is sent at its own time."""
    return now - duration if pace is None else now - duration + round(duration / pace)


def send(
    plan: Plan,
    writer: Writer,
    names: Names,
    *,
    pace: float | None,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    watch: Callable[[int], None] | None = None,
) -> int:
    """Write the plan's things, identities, events and messages, and return how many messages there were.

    `pace` multiplies time, 1 is life, None sends all at once; `clock` and `sleep` are in seconds;
    `watch` is told now and then how many more were sent. The bus
    gives the append times, so the truths hold when `plan.start` is `start_for` the moment this begins. Raises
    PlanWrong, DeliveryFailed.
    """
    for topic, records in ((names.things, things(plan)), (names.identity, identities(plan))):
        for record in records:
            writer.write(topic, record.value, key=record.key)
    writer.flush()
    began = clock()
    coming = events(plan)
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
            writer.write(names.events, event[1].value, key=event[1].key)
            event = next(coming, None)
        writer.write(names.telemetry, sent.value, key=sent.key)
        count += 1
        if count % _POLL_EVERY == 0:
            writer.poll()
            if watch is not None:
                watch(_POLL_EVERY)
    writer.flush()
    return count
