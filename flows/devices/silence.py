"""Absences, and when not to believe them: if much of a shard falls silent at once, it is the stream that is silent."""

from __future__ import annotations

from flows.devices.alarms import Place
from flows.devices.kernels.layout import Clocks
from flows.devices.rule_state import RuleState, Transitions
from flows.ids import episode_id, transition_id
from flows.schema import Alarm, Evidence

RULE = "stream_silent"
SHARE = 0.2
LEAST_DEVICES = 10
_LIVE_MS = 24 * 3600 * 1000


def absences(
    state: RuleState,
    clock: int,
    clocks: Clocks,
    count: int,
    place: Place,
) -> tuple[Transitions | None, list[Alarm]]:
    """The absences that the shard's clock brings, or none and one `stream_silent` alarm when they are too many.

    Held while more than a fifth of the live devices, and at least ten, wait to be raised; then the stream's alarm is
    cleared and those still silent are raised. Live is a device heard of within a day or four times the absence.
    """
    live, overdue = state.count_absent(clock, clocks, count, max(_LIVE_MS, 4 * state.absent_after))
    many = overdue >= LEAST_DEVICES and overdue > SHARE * live
    if many:
        if state.held_since >= 0:
            return None, []
        state.held_since = clock
        return None, [_alarm(state, place, clock, 1, live, overdue)]
    alarms: list[Alarm] = []
    if state.held_since >= 0:
        alarms.append(_alarm(state, place, clock, 2, live, overdue))
        state.held_since = -1
    return state.raise_absent(clock, clocks, count), alarms


def release(state: RuleState, clock: int, place: Place) -> list[Alarm]:
    """The end of the stream's alarm when the rule that held its absences is gone, or holds no more."""
    return [] if state.held_since < 0 else [_alarm(state, place, clock, 2, 0, 0)]


def _alarm(state: RuleState, place: Place, clock: int, number: int, live: int, overdue: int) -> Alarm:
    """The stream's own alarm, raised (number 1) or cleared (2)."""
    device = f"{place.stream}/{place.partition}"
    episode = episode_id(place.tenant, f"{RULE}:{state.rule.name}", device, state.held_since)
    return Alarm(
        id=transition_id(episode, number),
        episode=episode,
        number=number,
        tenant=place.tenant,
        rule=RULE,
        rule_set=place.rule_set,
        stream=place.stream,
        device=device,
        transition="raised" if number == 1 else "cleared",
        at=clock,
        opened_at=state.held_since,
        partition=place.partition,
        explanation=(
            f"{overdue} of {live} live devices are silent: absences of {state.rule.name} are held."
            if number == 1
            else f"Absences of {state.rule.name} are no longer held."
        ),
        evidence=Evidence(values={"live": live, "overdue": overdue}),
    )
