"""Plays all rules over archives of alarms, events and rows in event time: identity, resolver, bucket, limits.

They are the flow's own objects, and all that goes through a topic there comes round at once here: identity's entries,
handoffs, answers and, where no archive has them, outcomes. One bucket holds everybody. Time is that of the last
input: what is due before the next one is decided before it, at its own time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from flows.backtest.people_answers import Answers
from flows.backtest.people_identity import WhoIsWho
from flows.backtest.people_inputs import Input, Judged, Kind, Refused, Row
from flows.customers.batch import due
from flows.customers.bucket import Bucket
from flows.customers.declared import EventRefused, SentEvent, as_declared
from flows.customers.decoding import time_of
from flows.customers.packed import Packed
from flows.customers.resolve import AlarmIn, EventIn, IdentityIn, Incoming, Resolver
from flows.customers.rule_index import RuleBook
from flows.customers.rule_limits import Decided, RuleLimits
from flows.customers.triggers import AnswerOf, HandedOver, OutcomeOf, Tick, Trigger
from flows.rules.model import RuleSet
from flows.schema import Action, Alarm, Decision, Event, Handoff, Identity, LookUp, Outcome
from flows.sources.identifiers import IdentifierRefused, private

_ROWS_AT_ONCE = 500
_FORGET_EVERY = 86_400_000
_MOST_ACTIONS = 1 << 20


class _OneSet:
    """A rule set that never changes, as the book asks for it."""

    def __init__(self, rule_set: RuleSet) -> None:
        self.current = rule_set


class Told(Protocol):
    """Who hears what comes of it; `now` is the event time reached (ms)."""

    def decided(self, decision: Decision, now: int) -> None:
        """A decision, with what became of its actions."""
        ...

    def known(self, key: str, entry: Identity) -> None:
        """Somebody is somebody else from now on, or something is somebody's."""
        ...


class Playing(msgspec.Struct, frozen=True, kw_only=True):
    """What a side plays with: `folder` is for its identity database, `again` says that its sources are its own.

    With `accepted` every action is taken as accepted at once.
    """

    tenant_key: bytes
    folder: Path
    answers: Answers
    accepted: bool = True
    again: bool = False


class People:
    """The customers of one rule set; `now` is the event time reached (ms), `refused` what could not be taken."""

    def __init__(self, rule_set: RuleSet, playing: Playing, told: Told) -> None:
        """Raises what opening a database raises."""
        book = RuleBook(_OneSet(rule_set))
        self._rule_set, self._playing, self._told, self._book = rule_set, playing, told, book
        self._events = msgspec.json.Decoder(SentEvent)
        self._resolver = Resolver(book)
        self._customers = Packed(due=due)
        self._bucket = Bucket(rule_set.tenant, book, lambda: self.now, self._customers)
        self._limits: dict[str, RuleLimits] = {}
        self._rows: list[Row] = []
        self._done: dict[str, tuple[str, str]] = {}
        self.now = self._forgot = 0
        self.refused = Refused()
        self.answers = playing.answers
        self.unplaced = 0
        matched = rule_set.sources.systems or rule_set.identity.match
        self.identity = WhoIsWho(rule_set, playing.tenant_key, playing.folder) if matched else None
        # Nothing was published before: from the first item on all is decided.
        self._deliver([Tick(0)])

    def close(self) -> None:
        """Let go of the identity database."""
        if self.identity is not None:
            self.identity.close()

    @property
    def customers(self) -> int:
        """How many customers something is known of."""
        return len(self._customers)

    def take(self, one: Input) -> None:
        """Whatever comes next in time."""
        if not isinstance(one.what, Row) or len(self._rows) >= _ROWS_AT_ONCE:
            self._take_rows()
        self._decide_due(one.at)
        self.now = max(self.now, one.at)
        match one.what:
            case Row():
                # Rows between which nothing else happens are taken in together.
                self._rows.append(one.what)
            case Judged():
                if self.identity is not None:
                    self._learn(self.identity.judged(one.what.judgements))
            case Alarm():
                self._resolve([AlarmIn(one.what)])
            case Event():
                self._resolve([EventIn(one.what, time_of(one.what.time))])
            case Outcome():
                self._outcome(one.what)
            case bytes():
                self._event(one, one.what)

    def until(self, end: int | None) -> None:
        """All has been played: decide what is due by the last input, or with `end` (ms) before that."""
        self._take_rows()
        self._decide_due(self.now + 1 if end is None else end)

    def _decide_due(self, before: int) -> None:
        """What is due before a time (ms), each at its own."""
        while (first := self._bucket.due()) is not None and first < before:
            if self._rows:
                self._take_rows()
                continue
            self.now = max(self.now, first)
            self._deliver([Tick(self.now)])
        if self.now - self._forgot > _FORGET_EVERY:
            # Saving is when they let go of what is long over.
            self._forgot = self.now
            for each in (self._resolver, *self._limits.values()):
                each.snapshot()

    def _take_rows(self) -> None:
        if self._rows and self.identity is not None:
            rows, self._rows = self._rows, []
            self._learn(self.identity.rows(rows, again=self._playing.again))
        self._rows = []

    def _learn(self, entries: Sequence[IdentityIn]) -> None:
        """What identity says now."""
        for each in entries:
            self._told.known(each.key, each.identity)
        self._resolve(entries)

    def _event(self, one: Input, raw: bytes) -> None:
        """An event: who is who comes first, as evidence says that stands in it, then what it means."""
        try:
            sent = self._events.decode(raw)
            declared = as_declared(sent, self._rule_set.events)
            subject = private(declared.event.subject, self._playing.tenant_key)
        except (EventRefused, IdentifierRefused) as error:
            self.refused.add_line(Kind.EVENT, one.name, one.line, error.reason, str(error))
            return
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
            self.refused.add_line(Kind.EVENT, one.name, one.line, "wrong_type", str(error)[:1000])
            return
        for field in declared.disbelieved:
            self.refused.add(one.name, one.line, "out_of_range", f"{field} is out of its range")
        if self.identity is not None:
            entries, letters = self.identity.event(raw, one.at, one.name, one.line)
            for letter in letters:
                self.refused.add(one.name, one.line, letter.reason, letter.message)
            self._learn(entries)
        self._resolve([EventIn(msgspec.structs.replace(declared.event, subject=subject), one.at)])

    def _resolve(self, incoming: Sequence[Incoming]) -> None:
        self._deliver([trigger for each in incoming for trigger in self._resolver.take(each)])

    def _deliver(self, triggers: list[Trigger]) -> None:
        """Give triggers to the bucket, and what comes round of it, until nothing does."""
        while triggers:
            coming: list[Trigger] = []
            for out in self._bucket.take(triggers):
                match out:
                    case Decided():
                        coming += self._decided(out)
                    case Handoff():
                        coming.append(HandedOver(handoff=out, customer=out.target))
                    case LookUp():
                        coming.append(AnswerOf(self.answers.to(out, self.now)))
                    case _:
                        pass
            triggers = coming

    def _decided(self, decided: Decided) -> list[Trigger]:
        """Tell of a decision, within the limit over all customers; returns what becomes of its actions at once."""
        limits = self._limits.get(decided.decision.rule)
        if limits is None:
            limits = self._limits[decided.decision.rule] = RuleLimits(self._book)
        decision = limits.take(decided).decision
        self._told.decided(decision, self.now)
        done = [each.action for each in decision.actions if each.status == "published"]
        if self._playing.accepted:
            return [OutcomeOf(_accepted(action, self.now)) for action in done]
        for action in done:
            self._done[action.id] = (action.customer, action.decider)
        while len(self._done) > _MOST_ACTIONS:
            del self._done[next(iter(self._done))]
        return []

    def _outcome(self, outcome: Outcome) -> None:
        """What became of an action, by its id: its customer has another id here than where it was written."""
        whose = self._done.get(outcome.id)
        if whose is None:
            self.unplaced += 1
            return
        customer, decider = whose
        self._deliver([OutcomeOf(msgspec.structs.replace(outcome, customer=customer, decider=decider))])


def _accepted(action: Action, now: int) -> Outcome:
    return Outcome(
        id=action.id,
        tenant=action.tenant,
        customer=action.customer,
        kind=action.kind,
        status="accepted",
        at=now,
        connector="backtest",
        decider=action.decider,
    )
