"""Reading one rule: from a located document to a `Rule`, all mistakes at once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, cast, get_args

import msgspec

from flows.documents import Located, Mistakes
from flows.expressions import Expression
from flows.fields import Fields, did_you_mean
from flows.rules.actions import LATER, ActionReader, Setting, read_limits
from flows.rules.cases import Subject, read_cases
from flows.rules.conditions import Names, names_of_decision, names_on_columns, read_condition
from flows.rules.episodes import read_clear, read_ends, read_severities
from flows.rules.model import Absence, ActionEntry, Aggregate, Mode, Pattern, Purpose, Rule, Window
from flows.rules.patterns import PatternReader
from flows.rules.templates import read_template
from flows.stream_files import DASHED_NAME, NAME
from flows.streams import EventType, Stream

_FIELDS = (
    *("rule", "about", "team", "mode", "stream", "event", "customer", "when", "severity", "clear", "ends"),
    *("guard", "do", "limits", "explain", "tests"),
)
_OF_DEVICES = ("when", "severity", "clear", "ends")
_LATER = (*LATER, "sequence", "alarm", "per", "share", "hold_out", "sensitive", "inhibits")
_MORE_HOLES = ("duration", "rule", "customer")


class Surroundings(msgspec.Struct, frozen=True):
    """What rules may refer to."""

    streams: Mapping[str, Stream]
    purposes: Mapping[str, Purpose]
    profile: tuple[Aggregate, ...]
    events: Mapping[str, EventType] = {}


def read_rule(document: Located, around: Surroundings, mistakes: Mistakes) -> Rule | None:
    """The rule of a document; None when it is too broken to be one, and the rest is in `mistakes`."""
    fields = Fields(document, mistakes, _FIELDS, _LATER)
    if not isinstance(document.value, dict):
        return None
    fields.require("rule")
    name = fields.text("rule")
    if name and not DASHED_NAME.match(name):
        fields.wrong("rule", f"{name!r} cannot be a rule's name", "Use small letters, digits, - _ and dots.")
    stream = _stream(fields, around)
    if stream is None and not fields.has("event"):
        return None
    rule = _RuleReader(fields, name, stream, around).rule()
    return msgspec.structs.replace(rule, fingerprint=_fingerprint(rule))


def _stream(fields: Fields, around: Surroundings) -> Stream | None:
    """The stream of a rule on devices."""
    both = [source for source in ("stream", "event") if fields.has(source)]
    if len(both) == 2:
        fields.wrong("event", "a rule is on a stream or on an event, not both", "Remove one of them.")
    if not both:
        if not any(word in ("sequence", "alarm") for word in fields.at.keys or fields.at.plain()):
            fields.wrong("stream", "the rule watches nothing", "Add `stream:` or `event:`.")
        return None
    if "stream" not in both:
        return None
    name = fields.text("stream")
    if name not in around.streams:
        fields.wrong("stream", f"there is no stream {name!r}", did_you_mean(name, around.streams))
        return None
    return around.streams[name]


class _RuleReader:
    """Reads the fields of one rule whose stream or event is known."""

    def __init__(self, fields: Fields, name: str, stream: Stream | None, around: Surroundings) -> None:
        self.fields, self.name, self.stream, self.around = fields, name, stream, around
        self.mistakes = fields.mistakes
        event = around.events.get(fields.text("event"))
        self.decision = names_of_decision(stream, (aggregate.name for aggregate in around.profile), event)
        self.asked: set[str] = set()

    def rule(self) -> Rule:
        """All fields; those that are wrong are left at their defaults."""
        fields = self.fields
        customer = fields.text("customer", "owner")
        if not NAME.match(customer):
            fields.wrong("customer", f"{customer!r} is no role", "For example owner, driver or buyer.")
        rule = Rule(
            name=self.name,
            about=fields.text("about"),
            team=fields.text("team"),
            mode=cast("Mode", fields.one_of("mode", get_args(Mode), "live")),
            stream=None if self.stream is None else self.stream.name,
            event=fields.text("event") if self.stream is None else None,
            customer=customer,
            guard=self.condition("guard", self.decision),
            limits=self.limits(),
            explain=self.explain(),
            file=fields.at.file,
        )
        rule = (
            msgspec.structs.replace(rule, **self.episode())
            if self.stream is not None
            else self.on_event(rule)
        )
        rule = msgspec.structs.replace(rule, do=self.actions(customer))
        reads, attributes = self.read_names(rule)
        return msgspec.structs.replace(rule, tests=self.tests(rule), reads=reads, attributes=attributes)

    def on_event(self, rule: Rule) -> Rule:
        """A rule on events has none of what belongs to episodes, and its event is a declared one if any are."""
        known = self.around.events
        if known and rule.event not in known:
            message = f"the event {rule.event!r} is not declared"
            self.fields.wrong("event", message, did_you_mean(rule.event or "", known))
        for field in _OF_DEVICES:
            if field in self.fields.entries:
                self.fields.wrong(field, f"{field!r} belongs to rules on a stream", "Remove it.")
        return rule

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

    def condition(self, name: str, names: Names) -> Expression | None:
        """An optional condition, whose names are noted as read."""
        if not self.fields.has(name):
            return None
        found = read_condition(self.fields.entries[name], names, self.mistakes)
        self.asked |= found.names if found is not None else frozenset()
        return found

    def limits(self) -> tuple[Any, ...]:
        """The limits, of which one must be per rule."""
        if not self.fields.has("limits"):
            hint = "Add `limits: [{per: rule, at_most: 10000, every: 1h}]`."
            self.fields.wrong("limits", "a limit per rule is missing, so nothing bounds the rule", hint)
            return ()
        return read_limits(self.fields.entries["limits"], self.mistakes)

    def holes(self) -> dict[str, Any]:
        """The names that texts may hold: what the cause tells, and nothing of the profile."""
        known = {**self.decision.kinds, **dict.fromkeys(_MORE_HOLES, "text")}
        return {name: kind for name, kind in known.items() if not name.startswith("profile.")}

    def explain(self) -> str:
        """The explanation of an alarm, which knows the device but not the customer."""
        text = self.fields.text("explain")
        if text:
            known = {name: kind for name, kind in self.holes().items() if name != "customer"}
            prefixes = self.decision.open_prefixes
            self.asked |= read_template(self.fields.entries["explain"], known, prefixes, self.mistakes)
        return text

    def actions(self, customer: str) -> dict[str, tuple[ActionEntry, ...]]:
        """The actions by transition; those of a rule on events stand under `raised`."""
        at = self.fields.get("do")
        if at is None:
            if self.stream is None:
                self.fields.require("do")
            return {}
        attachments = ("event",) if self.stream is None else ("evidence",)
        setting = Setting(self.name, customer, self.around.purposes, self.decision, self.holes(), attachments)
        reader = ActionReader(setting, self.mistakes)
        found = {"raised": reader.entries(at)} if self.stream is None else reader.by_transition(at)
        self.asked |= reader.asked
        return found

    def tests(self, rule: Rule) -> tuple[dict[str, Any], ...]:
        """The rule's own tests."""
        at = self.fields.get("tests")
        if at is None:
            return ()
        profile = tuple(aggregate.name for aggregate in self.around.profile)
        return read_cases(at, Subject(rule, self.stream, profile), self.mistakes)

    def read_names(self, rule: Rule) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The columns and the attributes that the rule reads, in the order of their declaration."""
        if self.stream is None:
            return (), ()
        asked = set(self.asked)
        for expression in _expressions(rule):
            asked |= expression.names
        for pattern in rule.patterns:
            asked |= _columns(pattern)
        reads = tuple(field.name for field in self.stream.fields if field.name in asked)
        return reads, tuple(a.name for a in self.stream.attributes if f"device.{a.name}" in asked)


def _expressions(rule: Rule) -> list[Expression]:
    """The conditions on readings."""
    found = [None if isinstance(pattern, Absence | Window) else pattern.of for pattern in rule.patterns]
    found += [pattern.of for pattern in rule.patterns if isinstance(pattern, Window)]
    found += [each for severity in rule.severities for each in (severity.when, severity.clear)]
    found.append(None if rule.clear is None else rule.clear.of)
    return [expression for expression in found if expression is not None]


def _columns(pattern: Pattern) -> set[str]:
    """The columns that a pattern names as such."""
    worsening = getattr(pattern, "worsening", None)
    names = {getattr(pattern, "field", None), None if worsening is None else worsening.field}
    return {name for name in names if name is not None}


def _fingerprint(rule: Rule) -> str:
    """24 hexadecimal digits over what the device half of a rule means, whatever its spelling."""
    parts = (rule.stream, rule.patterns, rule.severities, rule.clear, rule.ends_silent)
    plain = msgspec.json.encode(_meaning(parts), order="sorted")
    return hashlib.blake2b(plain, digest_size=12).hexdigest()


def _meaning(part: object) -> object:
    """A part as plain data; what is not set is left out, so that a new optional field changes no fingerprint."""
    match part:
        case Expression():
            return part.meaning
        case msgspec.Struct():
            fields = {name: getattr(part, name) for name in part.__struct_fields__}
            return {"kind": type(part).__name__} | {
                n: _meaning(v) for n, v in fields.items() if v is not None
            }
        case tuple():
            return [_meaning(each) for each in cast("tuple[object, ...]", part)]
        case _:
            return part
