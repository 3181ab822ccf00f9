"""What leaves the customers flow: decisions first, then the actions they want and the profiles.

Handoffs come when all else of their epoch is in the world: a state that goes to another customer holds what decisions
did, and these may take a longer way to the topic. Their routing key is who gives, as that of his decisions.
"""

from __future__ import annotations

from datetime import UTC, datetime

from flows.customers.batch import Gone, Out
from flows.customers.rule_limits import Decided
from flows.engine.sink import AT_END, Outgoing
from flows.schema import Action, CloudEvent, Consents, Handoff, LookUp, Profile, encode
from flows.topics.names import TopicNames

AMENDED, DECISIONS, ACTIONS = -1, 0, 1
Addressed = tuple[str, Outgoing]


def of_decided(decided: Decided, names: TopicNames) -> list[Addressed]:
    """A decision and what it publishes, by its customer."""
    customer = decided.decision.customer
    actions = [(customer, of_action(action, names)) for action in actions_of(decided)]
    return [*of_decision(decided, names), *actions]


def of_decision(decided: Decided, names: TopicNames) -> list[Addressed]:
    """A decision, unless it is in the world already."""
    if decided.folded:
        return []
    customer, value = decided.decision.customer, encode(decided.decision)
    return [(customer, Outgoing(names.decisions, customer.encode(), value, stage=DECISIONS))]


def actions_of(decided: Decided) -> list[Action]:
    """What a decision publishes; again, also of one that is in the world already."""
    return [planned.action for planned in decided.decision.actions if planned.status == "published"]


def of_known(out: Out, names: TopicNames) -> list[Addressed]:
    """All but decisions: profiles and consents as they are now, tombstones, handoffs, questions."""
    match out:
        case Decided():
            return of_decided(out, names)
        case Handoff():
            return [(out.source, Outgoing(names.handoffs, out.target.encode(), encode(out), stage=AT_END))]
        case Profile():
            return [_stated(names.profiles, out.customer, encode(out))]
        case Consents():
            return [_stated(names.consents, out.customer, encode(out))]
        case LookUp():
            return [_stated(names.look_ups, out.customer, encode(out))]
        case Gone():
            # What was on its way to somebody who was merged is still judged by his last consents.
            topics = (names.profiles, names.consents) if out.erased else (names.profiles,)
            return [_stated(topic, out.customer, None) for topic in topics]


def _stated(topic: str, customer: str, value: bytes | None) -> Addressed:
    return customer, Outgoing(topic, customer.encode(), value, stage=ACTIONS)


def of_action(action: Action, names: TopicNames) -> Outgoing:
    """An action as a CloudEvent whose id is the action's; nothing in it depends on the wall clock."""
    event = CloudEvent(
        id=action.id,
        source=f"telltale/{action.tenant}",
        type=f"telltale.action.{action.kind}",
        subject=action.customer,
        time=rfc3339(action.at),
        data=action,
    )
    return Outgoing(
        names.actions(action.kind, action.lane), action.customer.encode(), encode(event), stage=ACTIONS
    )


def rfc3339(at: int) -> str:
    """A time in ms since the epoch as text, UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
