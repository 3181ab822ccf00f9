"""The limit `per: rule`, over all customers: beyond it a raise is held for release.

It stands behind the buckets, which have already noted what they decided: a held action counts as open and a held
raise as acted, so a bucket that folds its decision back comes to the same state. What an episode that is held would
do at its end is held too; its escalations are not, since they act even when the raise was held back. What follows a
held action is held with it, and is never counted: only what begins something is.
"""

from __future__ import annotations

import msgspec

from flows.customers import limits
from flows.customers.rule_index import RuleBook
from flows.customers.state import FORGET_AFTER_MS, Times
from flows.durations import format_duration
from flows.errors import StateUnreadable
from flows.schema import Check, Decision, PlannedAction

_FORMAT = 1
_REASON = "limit per rule"


class Decided(msgspec.Struct, frozen=True):
    """A decision on its way out; one that was `folded` is in the world already and only sends its actions again."""

    decision: Decision
    folded: bool = False


class RuleLimitsState(msgspec.Struct):
    """`counted` by the limit's stretch in ms, `held` episodes, and what waits after something held, with event times.

    An episode is forgotten a week after its last, what waits a week after it is given up at the latest.
    """

    counted: dict[str, Times] = {}
    held: dict[str, int] = {}
    at: int = 0


class RuleLimits:
    """The limits of one rule."""

    def __init__(self, book: RuleBook, snapshot: bytes | None = None) -> None:
        self._book = book
        self._state = RuleLimitsState() if snapshot is None else _read(snapshot)

    def snapshot(self) -> bytes:
        """A format byte and MessagePack."""
        oldest = self._state.at - FORGET_AFTER_MS
        self._state.held = {e: at for e, at in self._state.held.items() if at >= oldest}
        return bytes([_FORMAT]) + msgspec.msgpack.encode(self._state)

    def take(self, decided: Decided) -> Decided:
        """Count it and pass it on, or hold its actions; what was folded passes as it is, counted once."""
        decision = decided.decision
        self._state.at = max(self._state.at, decision.at)
        if decided.folded:
            self._fold(decision)
            return decided
        if decision.verdict != "acted":
            self._pass_on(decision)
            return decided
        if decision.trigger in self._state.held or not _is_raise(decision):
            return self._follow_up(decided)
        refused = self._count(decision)
        if refused is None:
            return decided
        self._hold(decision)
        return Decided(_held(decision, refused))

    def _fold(self, decision: Decision) -> None:
        """Note what a published decision did."""
        if decision.verdict == "held" and decision.reason == _REASON:
            self._hold(decision)
        elif decision.verdict == "acted" and _is_raise(decision):
            for every, _ in self._limits(decision.rule):
                limits.count(self._times(every).times, decision.at, every)
        else:
            self._pass_on(decision)

    def _pass_on(self, decision: Decision) -> None:
        """What follows something held and bids goes out later: that is held then."""
        if decision.trigger in self._state.held:
            self._hold(decision)

    def _follow_up(self, decided: Decided) -> Decided:
        """An end of an episode whose raise is held is held with it, and so is what follows something held."""
        decision = decided.decision
        if decision.trigger in self._state.held:
            what = "what it follows"
        elif decision.follows is None and decision.episode in self._state.held:
            what = "the raise of this episode"
        else:
            return decided
        if decision.transition == "escalated":
            return decided
        self._hold(decision)
        check = Check(kind="limit", text=f"{what} is held", result=False)
        return Decided(_held(decision, check))

    def _count(self, decision: Decision) -> Check | None:
        """Count a raise under every limit, or say which has no room."""
        found = self._limits(decision.rule)
        for every, at_most in found:
            times = self._times(every).times
            if not limits.allows(times, decision.at, at_most, every):
                counted = limits.within(times, decision.at, every)
                values = {"counted": counted, "at_most": at_most}
                return Check(
                    kind="limit",
                    text=f"{at_most} per rule in {format_duration(every)}",
                    result=False,
                    values={**values},
                )
        for every, _ in found:
            limits.count(self._times(every).times, decision.at, every)
        return None

    def _limits(self, rule: str) -> list[tuple[int, int]]:
        """(stretch in ms, at most) of the rule in force."""
        found = self._book.index.rule(rule)
        return [] if found is None else [(x.every, x.at_most) for x in found.limits if x.per == "rule"]

    def _times(self, every: int) -> Times:
        return self._state.counted.setdefault(str(every), Times(every, []))

    def _hold(self, decision: Decision) -> None:
        held = self._state.held
        if decision.episode is not None:
            held[decision.episode] = max(held.get(decision.episode, 0), decision.at)
        for waiting in decision.change.waiting:
            if waiting.kind != "stage":
                held[waiting.id] = waiting.until


def _is_raise(decision: Decision) -> bool:
    """Whether limits count it: a raise, or a decision on an event or a sequence, and not what follows."""
    return decision.transition in (None, "raised") and decision.follows is None


def _held(decision: Decision, check: Check) -> Decision:
    """The decision with what it would have published held."""
    actions = tuple(
        PlannedAction(action=p.action, status="held", reason=_REASON) if p.status == "published" else p
        for p in decision.actions
    )
    return msgspec.structs.replace(
        decision, verdict="held", reason=_REASON, actions=actions, checks=(*decision.checks, check)
    )


def _read(snapshot: bytes) -> RuleLimitsState:
    """Read a snapshot; raises StateUnreadable for a format that is not known."""
    if snapshot[:1] != bytes([_FORMAT]):
        raise StateUnreadable("the rule limits", snapshot[0] if snapshot else 0, _FORMAT)
    return msgspec.msgpack.decode(snapshot[1:], type=RuleLimitsState)
