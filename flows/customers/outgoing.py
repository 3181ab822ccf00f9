"""What leaves the customers flow: decisions first, then the actions they want and the profiles."""

from __future__ import annotations

from datetime import UTC, datetime

from flows.customers.rule_limits import Decided
from flows.engine.sink import Outgoing
from flows.schema import Action, CloudEvent, Profile, encode
from flows.topics.names import TopicNames

DECISIONS, ACTIONS = 0, 1
Addressed = tuple[str, Outgoing]


def of_decided(decided: Decided, names: TopicNames) -> list[Addressed]:
    """A decision and what it publishes, by its customer; of one that is in the world already only the actions."""
    decision = decided.decision
    out: list[Addressed] = []
    if not decided.folded:
        value = encode(decision)
        message = Outgoing(names.decisions, decision.customer.encode(), value, stage=DECISIONS)
        out.append((decision.customer, message))
    for planned in decision.actions:
        if planned.status == "published":
            out.append((decision.customer, _of_action(planned.action, names)))
    return out


def of_profile(profile: Profile, names: TopicNames) -> Addressed:
    """A profile as it is now."""
    message = Outgoing(names.profiles, profile.customer.encode(), encode(profile), stage=ACTIONS)
    return profile.customer, message


def _of_action(action: Action, names: TopicNames) -> Outgoing:
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
