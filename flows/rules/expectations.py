"""Checking what a test expects against what its rule can do, and when."""

from __future__ import annotations

import msgspec

from flows.documents import Located, Mistakes
from flows.fields import Fields, did_you_mean, read_duration, read_entries
from flows.rules.action_kinds import FIELDS, TRANSITIONS
from flows.rules.case import exact
from flows.rules.model import ActionEntry, actions_in
from flows.rules.possible import (
    REFUSALS,
    at_readings_only,
    severities_after,
    whyever_not,
    whyever_not_refused,
)
from flows.rules.subject import Subject
from flows.schema import Transition

UNSEEN = ("attach", "calendars", "slots", "reserve", "purposes", "items", "until", "for")
"""What an action takes and no test asks for, because it is not a text."""


class Times(msgspec.Struct, frozen=True):
    """When something can happen in a case (ms after its start): its end, its readings and its events."""

    end: int
    readings: frozenset[int] = frozenset()
    events: frozenset[int] = frozenset()


class ExpectationReader:
    """Checks the expectations of one case; `times` is None when what is sent could not be read."""

    def __init__(self, subject: Subject, times: Times | None, mistakes: Mistakes) -> None:
        self.subject, self.rule, self.times, self.mistakes = subject, subject.rule, times, mistakes

    def expected(self, at: Located) -> None:
        """One transition, refusal or release, when it comes and what it does."""
        fields = Fields(at, self.mistakes, ("at", "do", "refused", "released", "device", *TRANSITIONS))
        before = len(self.mistakes.found)
        given: list[Transition] = [name for name in TRANSITIONS if name in fields.entries]
        # Of a rule on readings what follows later comes without a transition.
        if self.rule.stream is None and given:
            fields.wrong(given[0], "a rule on events has no transitions", "Write `do: [...]` or `refused:`.")
        elif self.rule.stream is not None and len(given) != 1 and (given or not self.subject.later()):
            hint = f"Write one of {', '.join(TRANSITIONS)}."
            self.mistakes.add(at, "one transition is needed", hint)
        for transition in given:
            self.transition(fields, transition)
        moment: Transition | None = given[0] if given else "raised" if self.rule.stream is None else None
        for item in fields.items("do"):
            self.action(item, moment, self.entries(moment))
        self.refused(fields, moment)
        self.released(fields)
        if fields.require("at"):
            time = read_duration(fields.entries["at"], self.mistakes, 0)
            if time is not None and self.times is not None and len(self.mistakes.found) == before:
                self.time(fields, time, self.times, given[0] if given else None)

    def entries(self, moment: Transition | None) -> dict[str, tuple[ActionEntry, ...]]:
        """What may be done at a moment by name, in the order of the rule; at no moment whatever it does later."""
        listed = self.rule.do.values() if moment is None else [self.rule.do.get(moment, ())]
        found: dict[str, tuple[ActionEntry, ...]] = {}
        for entry in (each for entries in listed for each in actions_in(entries)):
            found[entry.name] = (*found.get(entry.name, ()), entry)
        return found

    def transition(self, fields: Fields, transition: Transition) -> None:
        """Whether the rule has it, with this severity; `true` where it has none or that does not matter."""
        reason = whyever_not(self.rule, transition) if self.rule.stream is not None else None
        if reason is not None:
            fields.wrong(
                transition, f"{transition!r} never comes: {reason}", "Leave it away, or mend the rule."
            )
            return
        value = fields.entries[transition].value
        known = severities_after(self.rule, transition)
        if value is True or value in known:
            return
        every = [each.name for each in self.rule.severities]
        if value in every:
            fields.wrong(
                transition, f"{transition!r} never leads to {value!r}", f"Known are {', '.join(known)}."
            )
        else:
            hint = did_you_mean(str(value), every) if every else "The rule has none: write `true`."
            fields.wrong(transition, f"no severity {value!r}", hint)

    def action(
        self, at: Located, moment: Transition | None, entries: dict[str, tuple[ActionEntry, ...]]
    ) -> None:
        """The name of an action of this moment, or `{name: {parameter: text}}`."""
        if isinstance(at.value, str):
            self.named(at, at.value, moment, entries)
            return
        if not isinstance(at.value, dict) or len(at.value) != 1:
            hint = "Write its name, or e.g. `{notify: {to: driver}}`."
            self.mistakes.add(at, "an action is needed", hint)
            return
        for name, below in at.value.items():
            found = self.named(at, name, moment, entries)
            known = [field for each in found for field in (*FIELDS[each.kind], *each.parameters)]
            for parameter, value in read_entries(below, self.mistakes).items() if found else ():
                if parameter not in known or parameter in UNSEEN:
                    seen = [field for field in known if field not in UNSEEN]
                    message = f"{name!r} has no {parameter!r}"
                    self.mistakes.add(below, message, did_you_mean(parameter, seen), key=parameter)
                elif not isinstance(value.value, str):
                    self.mistakes.add(value, "a text is needed", "Quote it.")

    def named(
        self, at: Located, name: str, moment: Transition | None, entries: dict[str, tuple[ActionEntry, ...]]
    ) -> tuple[ActionEntry, ...]:
        """The actions of a name, if the rule takes one at this moment."""
        if name in entries:
            return entries[name]
        every = {entry.name for entry in self.subject.actions()}
        if name in every:
            does = f"It does {', '.join(entries)} then." if entries else "It does nothing then."
            self.mistakes.add(at, f"the rule does not do {name!r} when {moment}", does)
        else:
            self.mistakes.add(at, f"the rule has no action {name!r}", did_you_mean(name, every))
        return ()

    def released(self, fields: Fields) -> None:
        """The name of a suppression of the rule."""
        known = {action.name for action in self.subject.actions() if action.suppress is not None}
        name = fields.text("released")
        if name and name not in known:
            hint = did_you_mean(name, known) if known else "Expect something else."
            fields.wrong("released", f"the rule lets nothing rest as {name!r}", hint)

    def refused(self, fields: Fields, moment: Transition | None) -> None:
        """A refusal that this rule can make."""
        refusal = fields.one_of("refused", REFUSALS, "")
        if not refusal:
            return
        reason = whyever_not_refused(self.subject, moment, refusal)
        if reason is not None:
            fields.wrong(
                "refused", f"nothing is ever refused by {refusal!r}: {reason}", "Expect something else."
            )
        elif refusal != "dry_run" and list(fields.items("do")):
            fields.wrong(
                "do", f"what is refused by {refusal!r} does nothing", "Leave `do` or `refused` away."
            )

    def time(self, fields: Fields, time: int, times: Times, transition: Transition | None) -> None:
        """Whether anything can happen then; what comes later by time alone may come at any time."""
        if transition is None and self.subject.later():
            return
        on_event = self.rule.stream is None
        if time > times.end:
            what = "last event" if on_event else "end of the series"
            hint = "Send more" if on_event else "Add readings, or a last `gap 5m`"
            fields.wrong(
                "at", f"{exact(time)} is after the {what}, {exact(times.end)}", f"{hint}, or mend the time."
            )
            return
        moments = times.events if on_event else times.readings
        if time not in moments and (on_event or at_readings_only(self.rule, transition)):
            noun = "event" if on_event else "reading"
            fields.wrong("at", f"no {noun} comes at {exact(time)}", _nearest(time, moments, noun))


def _nearest(time: int, moments: frozenset[int], noun: str) -> str:
    """The moments around a time, as a hint."""
    if not moments:
        return f"The test has no {noun}s."
    before = max((m for m in moments if m < time), default=None)
    after = min((m for m in moments if m > time), default=None)
    return f"The nearest {noun}s are at {' and '.join(exact(m) for m in (before, after) if m is not None)}."
