"""The stories that the rule language was agreed on, with what is declared around them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from flows.documents import Mistakes, read_text
from flows.rules.load import Configuration, Documents, compile_documents

_STORIES = Path(__file__).parents[4] / "shared" / "stories.yaml"
STREAMS: dict[str, Any] = {
    "vehicle": {
        "topic": "telemetry", "key": "device", "time": "at",
        "fields": {
            "coolant_c": {"type": "float", "unit": "°C"}, "mil": {"type": "enum", "values": ["off", "on"]},
        },
        "attributes": {"hot_c": {"type": "float"}},
    },
}  # fmt: skip
EVENTS: dict[str, Any] = {
    "shipment.damaged": {"fields": {"sku": {"type": "text"}, "order": {"type": "text"}}},
    "cart.updated": {"fields": {"cart": {"type": "text"}}},
    "order.placed": {"fields": {"cart": {"type": "text"}, "amount": {"type": "float"}}},
    "complaint.opened": {"fields": {"item": {"type": "text"}, "case": {"type": "text"}}},
    "case.resolved": {"fields": {"case": {"type": "text"}}},
    "survey.answered": {"fields": {"case": {"type": "text"}, "score": {"type": "int"}}},
    "life.bereavement": {},
    "message.posted": {"fields": {"sentiment": {"type": "float"}}},
}
PURPOSES: dict[str, Any] = {
    "purposes": {
        "safety": {"lane": "urgent", "rules": ["engine-overheating"]},
        "service": {},
        "marketing.cart": {"consent": "marketing", "quiet_hours": "21:00-08:00", "budget": "marketing"},
        "marketing.fashion": {}, "marketing.celebration": {}, "marketing.upsell": {}, "adverts": {},
    },
    "budgets": {"marketing": {"at_most": 2, "every": "7d", "window": "10m"}},
}  # fmt: skip
PROFILE: dict[str, Any] = {
    "lifetime_value": {"event": "order.placed", "take": "sum", "field": "amount"},
    "last_score": {"event": "survey.answered", "take": "last", "field": "score"},
}
LOOK_UPS: dict[str, Any] = {
    "inventory": {"http": "https://stock.example/items/{key}", "fields": {"available": "quantity"}}
}


def read_stories() -> dict[str, dict[str, Any]]:
    """The documents by the rules' names; skips where there are none, or fails under TELLTALE_REQUIRE_DATA=1."""
    if not _STORIES.is_file():
        if os.environ.get("TELLTALE_REQUIRE_DATA") == "1":
            pytest.fail(f"The stories are required here, and there is no {_STORIES}.", pytrace=False)
        pytest.skip(f"No stories: there is no {_STORIES}")
    mistakes = Mistakes()
    texts = _STORIES.read_text(encoding="utf-8").split("\n---\n")
    found = [read_text(text, "stories.yaml", mistakes) for text in texts]
    assert mistakes.found == []
    plain = [each.plain() for each in found if each is not None]
    return {each["rule"]: each for each in plain}


def told(rules: dict[str, Any], events: dict[str, Any] | None = None) -> Configuration:
    """A configuration that declares what the stories speak of, with these rules."""
    streams = {"streams": STREAMS, **({} if events is None else {"events": events})}
    return compile_documents(
        Documents(
            streams=streams,
            rules=rules,
            purposes=PURPOSES,
            profile={"values": PROFILE},
            look_ups={"look_ups": LOOK_UPS},
        )
    )
