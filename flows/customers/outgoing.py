"""What leaves the customers flow: decisions first, then the actions they want and the profiles."""

from __future__ import annotations

from datetime import UTC, datetime

from flows.customers.rule_limits import Decided
from flows.engine.sink import Outgoing
from flows.schema import Action, CloudEvent, Profile, encode
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


def of_profile(profile: Profile, names: TopicNames) -> Addressed:
    """A profile as it is now."""
    message = Outgoing(names.profiles, profile.customer.encode(), encode(profile), stage=ACTIONS)
    return profile.customer, message


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
