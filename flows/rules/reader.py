"""Reading one rule: from a located document to a `Rule`, all mistakes at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast, get_args

import msgspec

from flows.documents import Located, Mistakes
from flows.fields import Fields, did_you_mean
from flows.rules.actions import ActionReader, Place, Setting
from flows.rules.asking import Asking
from flows.rules.cases import read_cases
from flows.rules.columns import columns_of
from flows.rules.conditions import names_of_decision, names_on_columns
from flows.rules.episodes import read_clear, read_ends, read_severities
from flows.rules.fingerprint import fingerprint
from flows.rules.limits import read_limits, read_share
from flows.rules.look_ups import read_look_ups
from flows.rules.model import (
    Absence,
    Aggregate,
    Budget,
    Entry,
    LookUpEntry,
    LookUpSource,
    Mode,
    Pattern,
    Purpose,
    Rule,
    StreamAggregate,
)
from flows.rules.patterns import PatternReader
from flows.rules.phrases import article
from flows.rules.scope import holes, measured_names, of_sequence, with_look_ups
from flows.rules.sequences import check_event, read_flag, read_sequence
from flows.rules.subject import Subject
from flows.rules.templates import read_template
from flows.stream_files import DASHED_NAME, NAME
from flows.streams import EventType, Stream

SOURCES = ("stream", "event", "sequence")
_FIELDS = (
    *("rule", "about", "team", "mode", *SOURCES, "customer", "when", "severity", "clear", "ends", "look_up"),
    *("guard", "do", "limits", "share", "hold_out", "priority", "sensitive", "explain", "tests"),
)
_OF_DEVICES = ("when", "severity", "clear", "ends")
_LATER = ("alarm", "per", "inhibits")
_MAX_PRIORITY = 1000
# What may go along with an action, by what a rule watches.
_ATTACHMENTS = {"stream": ("evidence",), "event": ("event", "message"), "sequence": ()}


class Surroundings(msgspec.Struct, frozen=True):
    """What rules may refer to; `attributes` are the names of what the sources tell of a customer."""

    streams: Mapping[str, Stream]
    purposes: Mapping[str, Purpose]
    profile: tuple[Aggregate, ...]
    events: Mapping[str, EventType] = {}
    look_ups: Mapping[str, LookUpSource] = {}
    attributes: frozenset[str] = frozenset()
    measured: tuple[StreamAggregate, ...] = ()
    budgets: Mapping[str, Budget] = {}

    def known(self) -> tuple[str, ...]:
        """What rules may read as `profile.<name>`, as far as it is declared."""
        aggregates = (aggregate.name for aggregate in self.profile)
        return (*aggregates, *sorted(self.attributes), *measured_names(self.measured))


def read_rule(document: Located, around: Surroundings, mistakes: Mistakes) -> Rule | None:
    """The rule of a document; None when it is too broken to be one, and the rest is in `mistakes`."""
    fields = Fields(document, mistakes, _FIELDS, _LATER)
    if not isinstance(document.value, dict):
        return None
    fields.require("rule")
    name = fields.text("rule")
    if name and not DASHED_NAME.match(name):
        fields.wrong("rule", f"{name!r} cannot be a rule's name", "Use small letters, digits, - _ and dots.")
    source = _source(fields)
    stream = _stream(fields, around) if source == "stream" else None
    if not source or (source == "stream" and stream is None):
        return None
    rule = _RuleReader(fields, name, source, stream, around).rule()
    return msgspec.structs.replace(rule, fingerprint=fingerprint(rule))


def _source(fields: Fields) -> str:
    """What the rule watches, of which there is one."""
    given = [source for source in SOURCES if fields.has(source)]
    if len(given) > 1:
        both = " or on ".join(f"{article(each)} {each}" for each in given[:2])
        message = f"a rule is on {both}, not both"
        fields.wrong(given[1], message, "Remove one of them.")
    if not given and "alarm" not in (fields.at.keys or fields.at.plain()):
        fields.wrong("stream", "the rule watches nothing", "Add `stream:`, `event:` or `sequence:`.")
    return given[0] if given else ""


def _stream(fields: Fields, around: Surroundings) -> Stream | None:
    """The stream of a rule on devices."""
    name = fields.text("stream")
    if name not in around.streams:
        fields.wrong("stream", f"there is no stream {name!r}", did_you_mean(name, around.streams))
        return None
    return around.streams[name]


class _RuleReader:
    """Reads the fields of one rule of which is known what it watches."""

    def __init__(
        self, fields: Fields, name: str, source: str, stream: Stream | None, around: Surroundings
    ) -> None:
        self.fields, self.name, self.source, self.stream, self.around = fields, name, source, stream, around
        self.mistakes = fields.mistakes
        self.asked: set[str] = set()

    def rule(self) -> Rule:
        """All fields; those that are wrong are left at their defaults."""
        fields, stream = self.fields, self.stream
        customer = fields.text("customer", "owner")
        if not NAME.match(customer):
            fields.wrong("customer", f"{customer!r} is no role", "For example owner, driver or buyer.")
        rule = Rule(
            name=self.name,
            about=fields.text("about"),
            team=fields.text("team"),
            mode=cast("Mode", fields.one_of("mode", get_args(Mode), "live")),
            stream=None if stream is None else stream.name,
            event=self.event() if self.source == "event" else None,
            customer=customer,
            limits=self.limits(),
            share=read_share(fields, "share", 1.0, all_of_it=True),
            hold_out=read_share(fields, "hold_out", 0.0, all_of_it=False),
            priority=fields.whole("priority", -_MAX_PRIORITY, _MAX_PRIORITY) or 0,
            sensitive=read_flag(fields, "sensitive"),
            file=fields.at.file,
        )
        rule = msgspec.structs.replace(rule, **(self.episode() if stream is not None else self.on_events()))
        rule = self.decided(rule, customer)
        reads, attributes = self.read_names(rule)
        return msgspec.structs.replace(rule, tests=self.tests(rule), reads=reads, attributes=attributes)

    def decided(self, rule: Rule, customer: str) -> Rule:
        """What is asked, said and done, which reads what the rule watches and what it looks up."""
        names = names_of_decision(self.stream, self.around.known(), self.around.events.get(rule.event or ""))
        if self.source == "sequence":
            names = of_sequence(self.around.known(), rule.sequence, self.around.events)
        asking = Asking(names, self.asked, self.mistakes)
        explain = self.explain(asking)
        look_ups = self.look_ups(asking)
        asking = Asking(with_look_ups(names, look_ups, self.around.look_ups), self.asked, self.mistakes)
        return msgspec.structs.replace(
            rule,
            explain=explain,
            look_ups=look_ups,
            guard=asking.condition(self.fields, "guard"),
            do=self.actions(customer, asking),
        )

    def event(self) -> str:
        """The type of events, a declared one if any are."""
        check_event(self.fields, "event", self.around.events)
        return self.fields.text("event")

    def on_events(self) -> dict[str, Any]:
        """A rule on events has none of what belongs to episodes; one on a sequence has its steps."""
        for field in _OF_DEVICES:
            if field in self.fields.entries:
                self.fields.wrong(field, f"{field!r} belongs to rules on a stream", "Remove it.")
        if self.source != "sequence":
            return {}
        events = self.around.events
        return {"sequence": read_sequence(self.fields.entries["sequence"], events, self.mistakes)}

    def look_ups(self, asking: Asking) -> tuple[LookUpEntry, ...]:
        """What is asked of other systems."""
        at = self.fields.get("look_up")
        return () if at is None else read_look_ups(at, asking, self.around.look_ups)

    def episode(self) -> dict[str, Any]:
        """What a rule on a stream looks for, and what becomes of its episodes."""
        fields, stream = self.fields, self.stream
        if stream is None:
            return {}
        names = names_on_columns(stream)
        patterns: tuple[Pattern, ...] = ()
        if fields.require("when"):
            patterns = PatternReader(stream, self.mistakes).patterns(fields.entries["when"])
        severity, clear, ends = (fields.get(name) for name in ("severity", "clear", "ends"))
        found = {
            "patterns": patterns,
            "severities": () if severity is None else read_severities(severity, names, self.mistakes),
            "clear": None if clear is None else read_clear(clear, names, self.mistakes),
            "ends_silent": None if ends is None else read_ends(ends, self.mistakes),
        }
        if any(isinstance(pattern, Absence) for pattern in patterns):
            self.of_absence(severity)
        elif clear is None and ends is None and fields.has("when"):
            hint = "Add `clear: {run: 3, of: ...}` or `ends: {silent: 6h}`."
            self.mistakes.add(fields.at, "nothing ever ends an episode of this rule", hint)
        return found

    def of_absence(self, severity: Located | None) -> None:
        """A silent device has no readings, and its next one clears the episode."""
        if "clear" in self.fields.entries:
            self.fields.wrong("clear", "the next reading clears an absence", "Remove `clear`.")
        if severity is not None and isinstance(severity.value, dict) and len(severity.value) > 1:
            self.fields.wrong("severity", "an absence has one severity at most", "Leave one of them.")

    def limits(self) -> tuple[Any, ...]:
        """The limits, of which one must be per rule."""
        if not self.fields.has("limits"):
            hint = "Add `limits: [{per: rule, at_most: 10000, every: 1h}]`."
            self.fields.wrong("limits", "a limit per rule is missing, so nothing bounds the rule", hint)
            return ()
        return read_limits(self.fields.entries["limits"], self.mistakes)

    def explain(self, asking: Asking) -> str:
        """The explanation of an alarm, which knows the device but not the customer."""
        text = self.fields.text("explain")
        if text:
            known = {name: kind for name, kind in holes(asking.names).items() if name != "customer"}
            prefixes = asking.names.open_prefixes
            self.asked |= read_template(self.fields.entries["explain"], known, prefixes, self.mistakes)
        return text

    def actions(self, customer: str, asking: Asking) -> dict[str, tuple[Entry, ...]]:
        """The actions by transition; those of a rule on events stand under `raised`."""
        at = self.fields.get("do")
        if at is None:
            if self.stream is None:
                self.fields.require("do")
            return {}
        setting = Setting(self.name, customer, self.around.purposes, self.around.events)
        reader, place = ActionReader(setting, self.mistakes), Place(asking, _ATTACHMENTS[self.source])
        return (
            {"raised": reader.entries(at, place)} if self.stream is None else reader.by_transition(at, place)
        )

    def tests(self, rule: Rule) -> tuple[dict[str, Any], ...]:
        """The rule's own tests."""
        at = self.fields.get("tests")
        if at is None:
            return ()
        around = self.around
        subject = Subject(
            rule, self.stream, around.known(), around.events, around.purposes, around.budgets, around.look_ups
        )
        return read_cases(at, subject, self.mistakes)

    def read_names(self, rule: Rule) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The columns and the attributes that the rule reads, in the order of their declaration."""
        if self.stream is None:
            return (), ()
        asked = self.asked | columns_of(rule)
        reads = tuple(field.name for field in self.stream.fields if field.name in asked)
        return reads, tuple(a.name for a in self.stream.attributes if f"device.{a.name}" in asked)
