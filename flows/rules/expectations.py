"""Checking what a test expects against what its rule can do, and when."""

from __future__ import annotations

import msgspec

from flows.documents import Located, Mistakes
from flows.fields import Fields, did_you_mean, read_duration, read_entries
from flows.rules.action_kinds import FIELDS, TRANSITIONS
from flows.rules.case import exact
from flows.rules.model import ActionEntry, Rule, actions_in
from flows.rules.possible import at_readings_only, severities_after, whyever_not, whyever_not_refused
from flows.schema import Transition

REFUSALS = ("guard", "limit", "held", "too_late", "dry_run", "role")
UNSEEN = ("attach",)
"""What an action takes and no test asks for, because it is not a text."""


class Times(msgspec.Struct, frozen=True):
    """When something can happen in a case (ms after its start): where it ends, its readings and its events."""

    end: int
    readings: frozenset[int] = frozenset()
    events: frozenset[int] = frozenset()


class ExpectationReader:
    """Checks the expectations of one case; `times` is None when what is sent could not be read."""

    def __init__(self, rule: Rule, times: Times | None, mistakes: Mistakes) -> None:
        self.rule, self.times, self.mistakes = rule, times, mistakes

    def expected(self, at: Located) -> None:
        """One transition or refusal, when it comes and what it does."""
        fields = Fields(at, self.mistakes, ("at", "do", "refused", "device", *TRANSITIONS))
        before = len(self.mistakes.found)
        given: list[Transition] = [name for name in TRANSITIONS if name in fields.entries]
        if self.rule.stream is None and given:
            fields.wrong(given[0], "a rule on events has no transitions", "Write `do: [...]` or `refused:`.")
        elif self.rule.stream is not None and len(given) != 1:
            hint = f"Write one of {', '.join(TRANSITIONS)}."
            self.mistakes.add(at, "one transition is needed", hint)
        for transition in given:
            self.transition(fields, transition)
        moment: Transition = given[0] if given else "raised"
        entries = {entry.name: entry for entry in actions_in(self.rule.do.get(moment, ()))}
        for item in fields.items("do"):
            self.action(item, moment, entries)
        self.refused(fields, moment)
        if fields.require("at"):
            time = read_duration(fields.entries["at"], self.mistakes, 0)
            if time is not None and self.times is not None and len(self.mistakes.found) == before:
                self.time(fields, time, self.times, given[0] if given else None)

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

    def action(self, at: Located, moment: Transition, entries: dict[str, ActionEntry]) -> None:
        """The name of an action of this moment, or `{name: {parameter: text}}`."""
        if isinstance(at.value, str):
            self.named(at, at.value, moment, entries)
            return
        if not isinstance(at.value, dict) or len(at.value) != 1:
            hint = "Write its name, or e.g. `{notify: {to: driver}}`."
            self.mistakes.add(at, "an action is needed", hint)
            return
        for name, below in at.value.items():
            entry = self.named(at, name, moment, entries)
            for parameter, value in read_entries(below, self.mistakes).items() if entry is not None else ():
                known = [field for field in FIELDS[entry.kind] if field not in UNSEEN] if entry else []
                if parameter not in known:
                    message = f"{name!r} has no {parameter!r}"
                    self.mistakes.add(below, message, did_you_mean(parameter, known), key=parameter)
                elif not isinstance(value.value, str):
                    self.mistakes.add(value, "a text is needed", "Quote it.")

    def named(
        self, at: Located, name: str, moment: Transition, entries: dict[str, ActionEntry]
    ) -> ActionEntry | None:
        """The action of a name, if the rule takes it at this moment."""
        if name in entries:
            return entries[name]
        every = {entry.name for listed in self.rule.do.values() for entry in actions_in(listed)}
        if name in every:
            does = f"It does {', '.join(entries)} then." if entries else "It does nothing then."
            self.mistakes.add(at, f"the rule does not do {name!r} when {moment}", does)
        else:
            self.mistakes.add(at, f"the rule has no action {name!r}", did_you_mean(name, every))
        return None

    def refused(self, fields: Fields, moment: Transition) -> None:
        """A refusal that this rule can make."""
        refusal = fields.one_of("refused", REFUSALS, "")
        if not refusal:
            return
        reason = whyever_not_refused(self.rule, moment, refusal)
        if reason is not None:
            fields.wrong(
                "refused", f"nothing is ever refused by {refusal!r}: {reason}", "Expect something else."
            )
        elif refusal != "dry_run" and list(fields.items("do")):
            fields.wrong(
                "do", f"what is refused by {refusal!r} does nothing", "Leave `do` or `refused` away."
            )

    def time(self, fields: Fields, time: int, times: Times, transition: Transition | None) -> None:
        """Whether anything can happen then."""
        if time > times.end:
            what = "last event" if self.rule.stream is None else "end of the series"
            hint = "Send more" if self.rule.stream is None else "Add readings, or a last `gap 5m`"
            fields.wrong(
                "at", f"{exact(time)} is after the {what}, {exact(times.end)}", f"{hint}, or mend the time."
            )
            return
        on_event = self.rule.stream is None
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
