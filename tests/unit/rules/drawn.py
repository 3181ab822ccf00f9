"""Random rules that are right, as plain data of a file, over the streams, purposes and profile of `mistakes`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Plain = dict[str, Any]

CONDITIONS = st.sampled_from(
    [
        "coolant_c >= device.hot_c",
        "coolant_c > 9.5 and door_open",
        'mil == "on" or battery_v < 11.25',
        'not (mil in ["on", "off"])',
        "min(coolant_c, battery_v) - 3 < -abs(battery_v) / 7",
        "7 < coolant_c <= 90",
        'device.model != "m2"',
    ]
)
OF_VALUE = st.sampled_from(["value >= 88", "value < device.hot_c - 3"])
ASKED = st.sampled_from(
    [
        'not profile.has_open("case", "engine")',
        "profile.spent >= 500",
        'last_action("notify") > 3600 or profile.spent < 17',
        "local_hour() >= 8 and local_hour() < 21",
    ]
)
DURATIONS = st.sampled_from(["30s", "2m", "1h30m", "6h"])
FIELDS = st.sampled_from(["coolant_c", "battery_v"])
RISES = st.sampled_from([{"rise": 5}, {"fall": 0.75}, {"rise": 2.5}])


def mappings(needed: dict[str, Any], optional: dict[str, Any] | None = None) -> st.SearchStrategy[Plain]:
    """Mappings with fields that must and fields that may be there."""
    return st.fixed_dictionaries(needed, optional=optional or {})


def joined(*parts: st.SearchStrategy[Plain]) -> st.SearchStrategy[Plain]:
    """Mappings laid together."""
    return st.tuples(*parts).map(lambda found: {key: value for part in found for key, value in part.items()})


WORSENING = joined(mappings({"field": FIELDS}, {"over": st.integers(2, 3)}), RISES)
RUNS = mappings({"run": st.integers(3, 70), "of": CONDITIONS}, {"worsening": WORSENING, "max_gap": DURATIONS})
COUNTS = mappings({"count": st.sampled_from(["8 of 10", "1 of 2"]), "of": CONDITIONS}, {"max_gap": DURATIONS})
TRENDS = joined(
    mappings({"trend": FIELDS, "over": st.integers(2, 64)}, {"of": CONDITIONS, "max_gap": DURATIONS}), RISES
)
MEASURES = st.one_of(
    st.builds(
        lambda measure, field: {measure: field},
        st.sampled_from(["sum", "mean", "min", "max", "last", "slope", "count"]),
        FIELDS,
    ),
    st.just({"count": True}),
)
LENGTHS = st.sampled_from([{"window": "10m"}, {"window": "10m", "every": "5m"}])
WINDOWS = joined(LENGTHS, MEASURES, mappings({"of": OF_VALUE}))
PATTERNS = st.one_of(RUNS, COUNTS, TRENDS, WINDOWS)
WHENS = st.one_of(PATTERNS, st.lists(PATTERNS, min_size=1, max_size=3).map(lambda several: {"any": several}))
SEVERITIES = st.one_of(
    st.sampled_from([{"warning": {}}, {"warning": None}]),
    mappings({"when": CONDITIONS}, {"clear": CONDITIONS}).map(lambda high: {"warning": {}, "critical": high}),
)
LIMITS = st.sampled_from(
    [
        [{"per": "rule", "at_most": 10_000, "every": "1h"}],
        [{"per": "device", "at_most": 3, "every": "24h"}, {"per": "rule", "at_most": 77, "every": "1h"}],
    ]
)
TEXT = st.sampled_from(["Something about {customer}", "A plain text"])
ACTIONS = st.one_of(
    st.builds(lambda of: {"open_case": of}, mappings({"about": st.just("engine")}, {"subject": TEXT})),
    st.builds(lambda of: {"close_case": of}, mappings({"about": st.just("engine")})),
    st.builds(
        lambda of: {"notify": of},
        mappings(
            {"purpose": st.just("service"), "template": st.just("overheating")},
            {"to": st.sampled_from(["driver", "owner"])},
        ),
    ),
    st.builds(lambda of: {"task": of}, mappings({"queue": st.just("fleet"), "subject": TEXT})),
)
ENTRIES = joined(ACTIONS, mappings({}, {"if": ASKED, "valid_for": DURATIONS}))
LISTS = st.lists(ENTRIES, max_size=3).map(
    lambda entries: [{**entry, "name": f"action-{i}"} for i, entry in enumerate(entries)]
)
HEAD: dict[str, Any] = {
    "about": st.just("What it is for."),
    "team": st.just("roadside"),
    "mode": st.sampled_from(["live", "dry_run", "disabled"]),
    "customer": st.sampled_from(["owner", "driver"]),
    "guard": ASKED,
}
TRANSITIONS = mappings({}, dict.fromkeys(("raised", "escalated", "deescalated", "cleared", "lapsed"), LISTS))
ENDS = DURATIONS.map(lambda silent: {"silent": silent})
CLEARS = mappings({"of": CONDITIONS}, {"run": st.integers(1, 40)})
ON_READINGS = mappings(
    {"rule": st.just("drawn"), "stream": st.just("vehicle"), "when": WHENS, "ends": ENDS, "limits": LIMITS},
    {**HEAD, "severity": SEVERITIES, "clear": CLEARS, "do": TRANSITIONS},
)
ON_SILENCE = mappings(
    {
        "rule": st.just("drawn"),
        "stream": st.just("vehicle"),
        "when": DURATIONS.map(lambda after: {"absence": after}),
        "limits": LIMITS,
    },
    {**HEAD, "ends": ENDS, "do": TRANSITIONS},
)
ON_EVENTS = mappings(
    {
        "rule": st.just("drawn"),
        "event": st.just("order.placed"),
        "do": LISTS.filter(bool),
        "limits": LIMITS,
    },
    HEAD,
)
RULES = st.one_of(ON_READINGS, ON_READINGS, ON_SILENCE, ON_EVENTS)
