"""What became of a run, so that two runs can be compared: customers by their handles, and nothing of the wall clock."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import msgspec

from flows.schema import Action, CloudEvent, Consents, Decision, Outcome, Profile, decode, encode
from tests.integration.account_book import fold, gaps, sums
from tests.integration.town import Town
from tests.integration.who import Who

_CENT = 2


class Became(msgspec.Struct, frozen=True):
    """All of a run that does not depend on when it happened."""

    partition: frozenset[frozenset[str]]
    roles: dict[str, Any]
    people: dict[str, Any]
    decisions: dict[str, Any]
    actions: dict[str, Any]
    outcomes: dict[str, str]
    profiles: dict[str, Any]
    consents: dict[str, Any]
    accounts: dict[str, int]
    dead_letters: dict[str, int]


def became(town: Town) -> Became:
    """What a town has become; to be called when it is still. Fails where one id has two contents."""
    who = Who(town.identity.all())
    return Became(
        partition=who.partition(),
        roles=who.roles(),
        people=who.people(),
        decisions={each.id: _decision(each, who) for each in town.decisions.all()},
        actions=_actions(town, who),
        outcomes=_outcomes(town),
        profiles=_latest(town.profiles.all(), who, _profile),
        consents=_latest(town.consents.all(), who, _consents),
        accounts=_accounts(town),
        dead_letters=_letters(town),
    )


def differences(wanted: Became, found: Became) -> list[str]:
    """What is otherwise, a line each."""
    said: list[str] = []
    for name in Became.__struct_fields__:
        one, other = getattr(wanted, name), getattr(found, name)
        if isinstance(one, frozenset):
            said += [f"{name}: only unkilled: {sorted(each)}" for each in one - other]
            said += [f"{name}: only killed: {sorted(each)}" for each in other - one]
            continue
        for key in sorted(one.keys() | other.keys()):
            if one.get(key) != other.get(key):
                said.append(f"{name} {key}:\n  unkilled {one.get(key)}\n  killed   {other.get(key)}")
    return said


def _decision(decision: Decision, who: Who) -> dict[str, Any]:
    return {
        "customer": who.name(decision.customer),
        "rule": decision.rule,
        "trigger": decision.trigger,
        "transition": decision.transition,
        "subject": decision.subject,
        "at": decision.at,
        "verdict": decision.verdict,
        "reason": decision.reason,
        "choice": decision.choice,
        "follows": decision.follows,
        "actions": [
            (planned.status, planned.reason, _action(planned.action, who)) for planned in decision.actions
        ],
    }


def _action(action: Action, who: Who) -> dict[str, Any]:
    found = msgspec.to_builtins(action)
    found["customer"] = who.name(action.customer)
    found["decider"] = who.name(action.decider) if action.decider else ""
    return found


def _actions(town: Town, who: Who) -> dict[str, Any]:
    """By id what stands on the topics; whatever came twice is equal."""
    contents: defaultdict[str, set[bytes]] = defaultdict(set)
    for message in town.actions():
        event = decode(CloudEvent, message.value or b"")
        contents[event.id].add(encode((message.topic.removeprefix(town.names.prefix), message.key, event)))
    assert [each for each, found in contents.items() if len(found) > 1] == []
    found: dict[str, Any] = {}
    for each, (content,) in contents.items():
        topic, _, event = msgspec.json.decode(content, type=tuple[str, str, CloudEvent])
        found[each] = (topic, _action(msgspec.convert(event.data, Action), who))
    return found


def _outcomes(town: Town) -> dict[str, str]:
    """By action what became of it: there is one of each."""
    outcomes = [msgspec.convert(event.data, Outcome) for event in town.outcomes.all()]
    assert [each for each, times in Counter(outcome.id for outcome in outcomes).items() if times > 1] == []
    return {outcome.id: outcome.status for outcome in outcomes}


def _latest(messages: list[tuple[bytes, Any]], who: Who, told: Any) -> dict[str, Any]:
    """What was last said of each customer who still is one."""
    latest = dict(messages)
    found: dict[str, Any] = {}
    for key, value in latest.items():
        if value is not None and who.whose(key.decode()) == key.decode():
            found[who.name(key.decode())] = told(value)
    return found


def _profile(profile: Profile) -> dict[str, Any]:
    found = msgspec.to_builtins(profile)
    return _rounded({name: found[name] for name in found if name not in ("customer", "number")})


def _consents(consents: Consents) -> dict[str, Any]:
    found = msgspec.to_builtins(consents)
    return {name: found[name] for name in found if name not in ("customer", "number")}


def _rounded(found: Any) -> Any:
    """Sums come out alike up to the last digits, in whatever order they are added."""
    if isinstance(found, float):
        return round(found, _CENT)
    if isinstance(found, dict):
        return {key: _rounded(value) for key, value in found.items()}
    return [_rounded(each) for each in found] if isinstance(found, list) else found


def _accounts(town: Town) -> dict[str, int]:
    book = fold(town.accounts.all())
    assert not gaps(book)
    return dict(sums(book))


def _letters(town: Town) -> dict[str, int]:
    """How many messages went to the dead letters for each reason; one that was read twice may stand there twice."""
    found = {
        (headers["topic"], headers["partition"], headers["offset"], headers["exception.class.name"])
        for headers in (
            {name.removeprefix("__connect.errors."): value.decode() for name, value in letter.headers}
            for letter in town.dead_letters.all()
        )
    }
    return dict(Counter(f"{reason}" for _, _, _, reason in found))
