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
SLOTS = mappings(
    {"purpose": st.just("service"), "with": st.just("dealer")},
    {
        "to": st.just("driver"),
        "calendars": st.just(["dealer", "driver"]),
        "slots": st.integers(2, 9),
        "reserve": mappings({"what": st.just("loaner")}, {"if": ASKED}),
    },
)
PROCESSES = mappings({"process": st.just("replace-order")}, {"order": TEXT, "about": st.just("shipment")})
MATCHES = mappings(
    {"event": st.sampled_from(["case.resolved", "order.placed"])},
    {"where": st.sampled_from(["event.score >= 4", 'event.kind == "x" and event.score in [3, 5]'])},
)
BOUND = mappings({"at_most": st.sampled_from(["180d", "365d"])})
SOME = st.lists(MATCHES, min_size=1, max_size=2)
UNTILS = st.one_of(
    BOUND,
    joined(BOUND, mappings({"all": SOME}, {"rest": DURATIONS})),
    joined(BOUND, mappings({"any": SOME}, {"rest": DURATIONS})),
)
SUPPRESSIONS = st.one_of(
    mappings(
        {"purposes": st.just(["marketing", "service"]), "until": UNTILS}, {"items": st.just(["a {rule}"])}
    ),
    mappings({"items": st.just(["all of {customer}"]), "until": UNTILS}),
)
STAGES = mappings({"stage": st.sampled_from(["bereaved", "moving"])}, {"for": DURATIONS})
OTHERS = st.one_of(
    SLOTS.map(lambda of: {"offer_appointment": of}),
    PROCESSES.map(lambda of: {"start_process": of}),
    SUPPRESSIONS.map(lambda of: {"suppress": of}),
    STAGES.map(lambda of: {"set_stage": of}),
)
BESIDE: dict[str, Any] = {"if": ASKED, "valid_for": DURATIONS}


_FLAT = joined(st.one_of(ACTIONS, ACTIONS, OTHERS), mappings({}, BESIDE))


@st.composite
def flat(draw: st.DrawFn) -> Plain:
    """One action without what follows it; a function, so that what Hypothesis prints of it is short."""
    return draw(_FLAT)


def entries(inside: st.SearchStrategy[Plain]) -> st.SearchStrategy[Plain]:
    """Actions with what follows them, and choices; `inside` draws the entries of the lists in them."""
    do = st.lists(inside, max_size=2)
    outcomes = st.sampled_from(["booked", ["failed", "no_slot"]])
    later: dict[str, Any] = {"if": ASKED, "unless": MATCHES}
    follow_ups = st.one_of(
        mappings({"outcome": outcomes, "do": do}, {**later, "after": DURATIONS}),
        mappings({"after": DURATIONS, "do": do}, later),
    )
    followed = joined(flat(), mappings({}, {"then": st.lists(follow_ups, min_size=1, max_size=2)}))
    first = mappings({"name": st.just("replace"), "if": ASKED, "do": do})
    last = mappings({"name": st.just("ask"), "do": do}, {"if": ASKED})
    return st.one_of(flat(), followed, st.tuples(first, last).map(lambda both: {"choose": list(both)}))


def named(listed: list[Plain], begin: str = "action") -> list[Plain]:
    """The same with a name for each action, none of them twice where they could be done together."""
    found: list[Plain] = []
    for i, drawn in enumerate(listed):
        entry = dict(drawn)
        if "choose" in entry:
            entry["choose"] = [{**of, "do": named(of["do"], f"{begin}-{i}")} for of in entry["choose"]]
        else:
            entry["name"] = f"{begin}-{i}"
        if "then" in entry:
            entry["then"] = [{**of, "do": named(of["do"], "later")} for of in entry["then"]]
        found.append(entry)
    return found


_NESTED = entries(flat())


@st.composite
def nested(draw: st.DrawFn) -> Plain:
    """An entry whose lists hold actions alone."""
    return draw(_NESTED)


_LISTS = st.lists(entries(nested()), max_size=3)


@st.composite
def lists(draw: st.DrawFn) -> list[Plain]:
    """A list of entries, nested twice at most."""
    return named(draw(_LISTS))


LISTS = lists()
SHARES = st.sampled_from(["5 %", "12.5%", 0.25])
HEAD: dict[str, Any] = {
    "about": st.just("What it is for."),
    "team": st.just("roadside"),
    "mode": st.sampled_from(["live", "dry_run", "disabled"]),
    "customer": st.sampled_from(["owner", "driver"]),
    "guard": ASKED,
    "share": SHARES,
    "hold_out": SHARES,
    "priority": st.integers(2, 9),
    "sensitive": st.booleans(),
}


def asking(key: str) -> dict[str, Any]:
    """A rule may ask another system about what its events or readings say."""
    question = mappings({"from": st.just("inventory"), "key": st.just(key), "within": st.just("45s")})
    return {"look_up": mappings({"stock": question})}


TRANSITIONS = mappings({}, dict.fromkeys(("raised", "escalated", "deescalated", "cleared", "lapsed"), LISTS))
ENDS = DURATIONS.map(lambda silent: {"silent": silent})
CLEARS = mappings({"of": CONDITIONS}, {"run": st.integers(1, 40)})
ON_READINGS = mappings(
    {"rule": st.just("drawn"), "stream": st.just("vehicle"), "when": WHENS, "ends": ENDS, "limits": LIMITS},
    {**HEAD, **asking("device"), "severity": SEVERITIES, "clear": CLEARS, "do": TRANSITIONS},
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
    {**HEAD, **asking("event.sku")},
)
BEGINNINGS = mappings(
    {"event": st.just("cart.updated"), "as": st.just("cart")},
    {"where": st.just("event.amount > 5"), "restart": st.booleans()},
)
ENDINGS = st.one_of(
    mappings(
        {"no": st.just("order.placed"), "within": DURATIONS}, {"where": st.just("event.cart == cart.cart")}
    ),
    mappings(
        {"event": st.just("order.placed"), "within": DURATIONS},
        {"as": st.just("order"), "where": st.just("event.amount >= cart.amount")},
    ),
)
ON_SEQUENCES = mappings(
    {
        "rule": st.just("drawn"),
        "sequence": st.tuples(BEGINNINGS, ENDINGS).map(list),
        "do": LISTS.filter(bool),
        "limits": LIMITS,
    },
    {**HEAD, **asking("cart.sku")},
)


@st.composite
def rules(draw: st.DrawFn) -> Plain:
    """A rule of any kind; a function, so that what Hypothesis prints of it is short."""
    kinds = (ON_READINGS, ON_READINGS, ON_SILENCE, ON_EVENTS, ON_SEQUENCES)
    return draw(kinds[draw(st.integers(0, len(kinds) - 1))])


RULES = rules()
