"""The step ids of both flows: renaming one silently drops the state kept under it, so none changes."""

from __future__ import annotations

from typing import Final

DEVICES_FLOW: Final = "devices"
DEVICES_RULES: Final = "rules"
DEVICES_THINGS: Final = "things"
DEVICES_READINGS: Final = "readings"
DEVICES_SHARDS: Final = "shards"
DEVICES_ALARMS_STEP: Final = "alarms-step"
DEVICES_OUT: Final = "out"

CUSTOMERS_FLOW: Final = "customers"
CUSTOMERS_RULES: Final = "rules"
CUSTOMERS_TICKS: Final = "ticks"
CUSTOMERS_PUBLISHED: Final = "published"
CUSTOMERS_IDENTITY: Final = "identity"
CUSTOMERS_ALARMS: Final = "alarms"
CUSTOMERS_EVENTS: Final = "events"
CUSTOMERS_OUTCOMES: Final = "outcomes"
CUSTOMERS_ANSWERS: Final = "answers"
CUSTOMERS_HANDOFFS: Final = "handoffs"
CUSTOMERS_RESOLVE: Final = "resolve"
CUSTOMERS_BUCKETS: Final = "customers"
CUSTOMERS_BASES: Final = "bases"
CUSTOMERS_RULE_LIMITS: Final = "rule-limits"
CUSTOMERS_EVENTS_STEP: Final = "events-step"
CUSTOMERS_DECISIONS_STEP: Final = "decisions-step"
CUSTOMERS_ACTIONS_STEP: Final = "actions-step"
CUSTOMERS_OUT: Final = "out"
