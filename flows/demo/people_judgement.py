"""Whether everybody is who they were planned to be, is known as such, and got what was due to them alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from flows.demo.news import Newsroom
from flows.demo.people import TOLD, planted_people
from flows.demo.registry import Registry
from flows.schema import Decision, PlannedAction, Profile
from flows.simulator.people.expectation import expected
from flows.simulator.people.plan import PeoplePlan
from flows.simulator.people.truths import ExpectedAction, ExpectedChange, ExpectedPerson, PeopleTruths

_CENT = 0.005


class PeopleLine(msgspec.Struct, frozen=True):
    """One planted truth: of how many people, how many changes and actions must come and came, and how many must not."""

    told: str
    people: int
    wanted: int
    came: int
    unwanted: int


class PeopleJudgement(msgspec.Struct, frozen=True):
    """A line a truth, and what is not as planted, a sentence each."""

    lines: tuple[PeopleLine, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    otherwise: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """Whether all came, and nothing else."""
        return not (self.missing or self.unexpected or self.otherwise)


def is_known(truths: PeopleTruths, newsroom: Newsroom) -> bool:
    """Whether all who are to be one or two are, and all that they spent is counted where it belongs."""
    registry = newsroom.registry
    return all(map(registry.has_come, truths.changes)) and not any(
        _profiles(truths, registry, newsroom.profiles, ("lifetime_value", "orders"))
    )


def judge_people(plan: PeoplePlan, newsroom: Newsroom) -> PeopleJudgement:
    """Compare what the plan must bring with who is who, what is known of them, and what was decided."""
    truths, registry = expected(plan), newsroom.registry
    of_handle = {
        registry.token(handle): person.truth for person in truths.persons for handle in person.handles
    }
    changes = [change for change in truths.changes if not registry.has_come(change)]
    absent, extra = _actions(truths, registry, of_handle, newsroom.decisions)
    missing = Counter(one.truth for one in (*changes, *absent))
    wanted = Counter(one.truth for one in (*truths.changes, *truths.actions))
    unwanted = Counter(of_handle[decision.subject] for decision, _ in extra)
    lines = tuple(
        PeopleLine(TOLD[name], count, wanted[name], wanted[name] - missing[name], unwanted[name])
        for name, count in planted_people(plan).items()
    )
    return PeopleJudgement(
        lines,
        missing=(*map(_change, changes), *map(_action, absent)),
        unexpected=tuple(_found(registry, decision, planned) for decision, planned in extra),
        otherwise=(*_mistaken(truths, registry), *_profiles(truths, registry, newsroom.profiles)),
    )


Found = tuple[Decision, PlannedAction]


def _actions(
    truths: PeopleTruths, registry: Registry, known: Iterable[str], decisions: Iterable[Decision]
) -> tuple[list[ExpectedAction], list[Found]]:
    """(what was not done, what was done besides), of those that were published or refused; each may be decided once."""
    theirs = frozenset(known)
    open_ = list(truths.actions)
    extra: list[Found] = []
    for decision in {decision.id: decision for decision in decisions}.values():
        for planned in decision.actions if decision.subject in theirs else ():
            if planned.status in ("skipped", "dry_run"):
                continue
            match = next((one for one in open_ if _fits(one, registry, decision, planned)), None)
            if match is None:
                extra.append((decision, planned))
            else:
                open_.remove(match)
    return open_, extra


def _fits(one: ExpectedAction, registry: Registry, decision: Decision, planned: PlannedAction) -> bool:
    return (
        registry.token(one.handle) == decision.subject
        and (one.rule, one.kind, one.status) == (decision.rule, planned.action.kind, planned.status)
        and (planned.reason or "").startswith(one.reason)
    )


def _mistaken(truths: PeopleTruths, registry: Registry) -> Iterable[str]:
    """Who is not one, or one with somebody else."""
    whose: dict[str, ExpectedPerson] = {}
    for person in truths.persons:
        found = {handle: registry.whose(handle) for handle in person.handles}
        if len(set(found.values())) > 1:
            yield f"{', '.join(map(_name, found))} are {len(set(found.values()))} people, not one"
        for customer in set(found.values()):
            other = whose.setdefault(customer, person)
            if other is not person:
                yield f"{_name(person.handles[0])} and {_name(other.handles[0])} are one person, not two"


def _profiles(
    truths: PeopleTruths, registry: Registry, profiles: Mapping[str, Profile], names: Iterable[str] = ()
) -> Iterable[str]:
    """Whose profile says something else, of these values or all."""
    for person in truths.persons:
        profile = profiles.get(registry.whose(person.handles[0]))
        for name, wanted in person.values.items():
            if names and name not in names:
                continue
            found = None if profile is None else profile.values.get(name)
            number = found if isinstance(found, int | float) else 0.0
            if abs(number - wanted) > _CENT:
                yield f"{name} of {_name(person.handles[0])} is {found}, not {wanted:g}"


def _change(change: ExpectedChange) -> str:
    became = "one person" if change.kind == "merge" else "two people"
    return f"{_name(change.one)} and {_name(change.other)} become {became}"


def _action(one: ExpectedAction) -> str:
    return f"{one.rule}: {one.kind} {one.status} for {_name(one.handle)}"


def _found(registry: Registry, decision: Decision, planned: PlannedAction) -> str:
    reason = f" ({planned.reason})" if planned.reason else ""
    return f"{decision.rule}: {planned.action.kind} {planned.status} for {registry.name(decision.subject)}{reason}"


def _name(handle: str) -> str:
    return handle.partition(":")[2]
