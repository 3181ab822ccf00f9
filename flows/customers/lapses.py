"""A customer's episodes when a role ends: they lapse for this customer, and what they opened is closed."""

from __future__ import annotations

from collections.abc import Iterator

from flows import ids
from flows.customers.cause import Cause
from flows.customers.rule_index import RuleIndex
from flows.customers.state import Customer
from flows.customers.triggers import AlarmFor, RoleEnded

ROLE_ENDED = "role ended"
_DRY = "dry:"


def ended(customer: Customer, found: RoleEnded, rules: RuleIndex) -> list[tuple[Cause, tuple[str, ...]]]:
    """(cause, ids of what waited for it) of each episode that goes on, which this role made the customer's."""
    kind, _, device = found.thing.partition(":")
    causes: list[tuple[Cause, tuple[str, ...]]] = []
    if kind != "device":
        return causes
    for key, part in sorted(_going_on(customer, device)):
        episode = customer.episode(key)
        rule = None if episode is None else rules.rule(episode.rule)
        if episode is None or (rule is not None and rule.customer != found.role):
            continue
        name = key.removeprefix(_DRY)
        cause = Cause(
            decision=ids.end_of_role_id(key, part),
            trigger=f"{found.thing} {found.role}",
            rule=episode.rule,
            rule_set=rules.rule_set.number,
            subject=found.thing,
            name=device,
            customer=customer.name or found.customer,
            part=part,
            roles={},
            at=max(found.at, episode.at),
            moment="lapsed",
            transition="lapsed",
            number=episode.number,
            device=device,
            episode=name,
            dry_run=key.startswith(_DRY),
            reason=ROLE_ENDED,
            values={"device": device, "rule": episode.rule, "transition": "lapsed"},
        )
        causes.append((cause, tuple(_waits_for(customer, name))))
    return causes


def _going_on(customer: Customer, device: str) -> Iterator[tuple[str, str]]:
    """(key, part) of the episodes of a device, once each."""
    seen: set[str] = set()
    for name, part in sorted(customer.parts.items()):
        for key, episode in part.episodes.items():
            newest = customer.episode(key)
            if episode.device == device and key not in seen and newest is not None and not newest.over:
                seen.add(key)
                yield key, name


def _waits_for(customer: Customer, episode: str) -> Iterator[str]:
    for _, waiting in customer.waiting():
        if waiting.kind in ("follow_up", "bid") and waiting.cause and waiting.cause.episode == episode:
            yield waiting.id
    for part in customer.parts.values():
        for decision, asked in part.asked.items():
            if isinstance(asked.trigger, AlarmFor) and asked.trigger.alarm.episode == episode:
                yield decision
