"""As much of a cause as what follows later needs: the names that conditions and texts still to come read, no more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from flows.customers.cause import Cause
from flows.rules.model import ActionEntry, Choose, Entry, EventMatch, FollowUp, Rule
from flows.rules.templates import holes
from flows.schema import Evidence, Value
from flows.schema_change import KeptCause

ATTACHED = {"event": ("event.", "cause."), "message": ("event.", "cause."), "slot": ("outcome.",)}
"""What begins the names of what goes along with an action, by what the rule calls it."""
_ALWAYS = frozenset({"rule", "customer", "device"})


class Wanted(msgspec.Struct):
    """Names that are read later, what begins further ones, and whether the evidence goes along."""

    names: set[str]
    beginnings: set[str]
    evidence: bool = False

    def wants(self, name: str) -> bool:
        """Whether a name is read."""
        return name in self.names or name.startswith(tuple(self.beginnings) or ("\0",))


def wanted_by(follow_up: FollowUp) -> Wanted:
    """What a follow-up reads when its time comes."""
    found = Wanted(set(_ALWAYS), set())
    _follow_up(follow_up, found)
    return found


def wanted_by_matches(matches: Iterable[EventMatch]) -> Wanted:
    """What the conditions of a suppression's end read."""
    found = Wanted(set(_ALWAYS), set())
    for match in matches:
        _match(match, found)
    return found


def wanted_by_rule(rule: Rule) -> Wanted:
    """What a whole rule reads, at any time."""
    found = Wanted(set(_ALWAYS), set())
    for entries in rule.do.values():
        _entries(entries, found)
    for step in rule.sequence:
        found.names |= frozenset() if step.where is None else step.where.names
    for look_up in rule.look_ups:
        found.names |= look_up.key.names
    found.names |= frozenset() if rule.guard is None else rule.guard.names
    _texts(rule.explain, found)
    return found


def keep(cause: Cause, wanted: Wanted, *, later: bool) -> KeptCause:
    """What is kept of a cause; what happens `later` reads the data of its event as `cause.<field>`."""
    values = {name: value for name, value in _named(cause.values, later=later) if _is_kept(name, wanted)}
    root = cause.root
    evidence = cause.evidence if wanted.evidence else None
    return KeptCause(
        trigger=cause.trigger if root is None else root.trigger,
        decision=cause.decision if root is None else root.decision,
        subject=cause.subject,
        name=cause.name,
        at=cause.at if root is None else root.at,
        roles=dict(cause.roles),
        device=cause.device,
        episode=cause.episode,
        values=values,
        evidence=None if evidence is None else msgspec.to_builtins(evidence),
        explanation=cause.explanation,
    )


def keep_all(cause: Cause) -> KeptCause:
    """All of a cause that is decided on soon."""
    return keep(cause, Wanted(set(cause.values), set(), evidence=True), later=False)


def with_outcome(kept: KeptCause, data: Mapping[str, object], wanted: Wanted) -> KeptCause:
    """The same with what an outcome said, as far as it is read."""
    found: dict[str, Value] = {}
    for name, value in data.items():
        if wanted.wants(f"outcome.{name}") and (value is None or isinstance(value, bool | int | float | str)):
            found[f"outcome.{name}"] = value
    return msgspec.structs.replace(kept, values={**kept.values, **found})


def evidence_of(kept: KeptCause) -> Evidence | None:
    """The evidence that was kept."""
    return None if kept.evidence is None else msgspec.convert(kept.evidence, Evidence)


def _named(values: Mapping[str, Value], *, later: bool) -> Iterable[tuple[str, Value]]:
    for name, value in values.items():
        yield (f"cause.{name.removeprefix('event.')}" if later and name.startswith("event.") else name), value


def _is_kept(name: str, wanted: Wanted) -> bool:
    """Whether a name is read, also under the name that it will have once more has happened."""
    field = name.removeprefix("event.")
    return wanted.wants(name) or (field != name and wanted.wants(f"cause.{field}"))


def _follow_up(follow_up: FollowUp, into: Wanted) -> None:
    if follow_up.condition is not None:
        into.names |= follow_up.condition.names
    if follow_up.unless is not None:
        _match(follow_up.unless, into)
    _entries(follow_up.do, into)


def _entries(entries: Iterable[Entry], into: Wanted) -> None:
    for entry in entries:
        if isinstance(entry, Choose):
            for alternative in entry.alternatives:
                into.names |= frozenset() if alternative.condition is None else alternative.condition.names
                _entries(alternative.do, into)
        else:
            _action(entry, into)


def _action(entry: ActionEntry, into: Wanted) -> None:
    if entry.condition is not None:
        into.names |= entry.condition.names
    for condition in entry.conditions.values():
        into.names |= condition.names
    _texts(entry.parameters, into)
    for attached in entry.parameters.get("attach") or ():
        into.evidence = into.evidence or attached == "evidence"
        into.beginnings |= set(ATTACHED.get(attached, ()))
    if entry.suppress is not None:
        _texts(entry.suppress.items, into)
        for match in entry.suppress.until.events:
            _match(match, into)
    for follow_up in entry.then:
        _follow_up(follow_up, into)


def _match(match: EventMatch, into: Wanted) -> None:
    """The fields of an event still to come are not kept: they come with it."""
    if match.where is not None:
        into.names |= {name for name in match.where.names if not name.startswith("event.")}


def _texts(value: object, into: Wanted) -> None:
    if isinstance(value, str):
        into.names |= {name for name, _ in holes(value)}
        if "duration" in into.names:
            into.names.add("duration_ms")
    elif isinstance(value, Mapping):
        for below in value.values():  # pyright: ignore[reportUnknownVariableType]
            _texts(below, into)  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, list | tuple):
        for below in value:  # pyright: ignore[reportUnknownVariableType]
            _texts(below, into)  # pyright: ignore[reportUnknownArgumentType]
