"""Actions as the customers flow publishes them, and a clock that stands where a test puts it."""

from __future__ import annotations

from typing import Any

from flows.schema import Action, CloudEvent, Evidence, Point, encode

NOON = 1_767_268_800_000  # 2026-01-01 12:00:00 UTC
HOUR = 3_600_000


def an_action(number: int = 1, **changes: Any) -> Action:
    """A notification about an overheating engine; `number` makes its id, `changes` replace fields."""
    fields: dict[str, Any] = {
        "id": f"{number:024x}",
        "name": "notify",
        "kind": "notify",
        "lane": "urgent",
        "purpose": "safety",
        "tenant": "default",
        "customer": f"customer-{number % 7}",
        "to": "driver",
        "rule": "engine-overheating",
        "rule_set": 3,
        "decision": f"decision-{number}",
        "episode": "e1",
        "device": "veh-17",
        "transition": "escalated",
        "at": NOON,
        "valid_until": NOON + HOUR,
        "about": "engine",
        "parameters": {"template": "pull-over", "subject": "Stop the car", "tags": ["hot", 1]},
        "evidence": Evidence(
            points=(Point(NOON - 10_000, 117.0), Point(NOON, 118.5)), device={"hot_c": 105.0}
        ),
        "explanation": "10 readings in a row at or above 105 °C, up 7.0 °C in 90 s.",
    }
    return Action(**{**fields, **changes})


def as_message(action: Action) -> bytes:
    """The CloudEvent that stands on `actions.*`."""
    event = CloudEvent(
        id=action.id,
        source="telltale/customers",
        type=f"telltale.action.{action.kind}",
        subject=action.customer,
        time="2026-01-01T12:00:00Z",
        data=action,
    )
    return encode(event)
