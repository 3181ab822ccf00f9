"""Reading `profile.yaml`."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from flows.documents import Mistakes, read_text
from flows.rules.json_schema import schema_of
from flows.rules.model import Aggregate, NamedPlace, StreamAggregate, StreamPosition
from flows.rules.profile_checks import check_profile
from flows.rules.profile_files import ProfileFile, read_profile
from flows.streams import EventType, Field, Position, Stream

HOUR, DAY = 3_600_000, 86_400_000
WHOLE = """
values:
  lifetime_value: {event: order.placed, take: sum, field: amount}
  mood: {event: message.posted, take: ewma, field: sentiment, half_life: 14d}
  spending: {event: order.placed, take: slope, field: amount, over: 180d}
  days_since_seen: {event: any, take: since}
  open_complaints: {event: complaint.opened, take: open_set, field: case, closed_by: case.resolved, most: 50}
  brands: {event: order.placed, take: distinct, field: brand, most: 1000}
  overheatings: {alarm: hot, take: count}
streams:
  engine_temp: {stream: vehicle, field: coolant_c, every: 1h, keep: [last, mean, slope]}
places:
  workshop: {latitude: 52.5, longitude: 13.4, radius_km: 0.5}
position: {stream: vehicle, every: 10m}
"""
STREAMS = {
    "vehicle": Stream(
        name="vehicle",
        topic="t",
        key="vin",
        time="at",
        fields=(
            Field(name="coolant_c", type="float"),
            Field(name="note", type="text"),
            Field(name="gear", type="enum", values=("p", "d")),
        ),
        position=Position("lat", "lon"),
    ),
    "scale": Stream(name="scale", topic="s", key="id", time="at"),
}
EVENTS = {
    "order.placed": EventType(
        name="order.placed",
        fields=(Field(name="amount", type="float"), Field(name="brand", type="text")),
    ),
    "message.posted": EventType(name="message.posted"),
    "complaint.opened": EventType(name="complaint.opened"),
    "case.resolved": EventType(name="case.resolved", fields=(Field(name="case", type="text"),)),
}


def read(text: str) -> tuple[ProfileFile, list[str]]:
    """What is read of a text, and all that is wrong with it."""
    mistakes = Mistakes()
    document = read_text(text, "profile.yaml", mistakes)
    assert document is not None
    found = read_profile(document, mistakes)
    check_profile(document, STREAMS, EVENTS, ["hot", "cold"], mistakes)
    return found, [str(finding) for finding in mistakes.found]


def test_everything_a_profile_may_hold_is_read() -> None:
    """Values over events, any event and alarms, stream aggregates, places and the position."""
    found, mistakes = read(WHOLE)
    assert mistakes == []
    assert found.values == (
        Aggregate(name="lifetime_value", source="event:order.placed", take="sum", field="amount"),
        Aggregate(
            name="mood", source="event:message.posted", take="ewma", field="sentiment", half_life=14 * DAY
        ),
        Aggregate(name="spending", source="event:order.placed", take="slope", field="amount", over=180 * DAY),
        Aggregate(name="days_since_seen", source="event:any", take="since"),
        Aggregate(
            name="open_complaints",
            source="event:complaint.opened",
            take="open_set",
            field="case",
            closed_by="case.resolved",
            most=50,
        ),
        Aggregate(name="brands", source="event:order.placed", take="distinct", field="brand", most=1000),
        Aggregate(name="overheatings", source="alarm:hot", take="count"),
    )
    assert found.measured == (
        StreamAggregate(
            name="engine_temp",
            stream="vehicle",
            field="coolant_c",
            every=HOUR,
            keep=("last", "mean", "slope"),
        ),
    )
    assert found.places == (NamedPlace(name="workshop", latitude=52.5, longitude=13.4, radius_km=0.5),)
    assert found.position == StreamPosition(stream="vehicle", every=HOUR // 6)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("values: {a: {take: count}}", "one of `event` and `alarm`"),
        ("values: {a: {event: order.placed, alarm: hot, take: count}}", "one of `event` and `alarm`"),
        ("values: {a: {event: order.placed, take: sum}}", "'field' is missing"),
        ("values: {a: {event: order.placed, take: count, field: amount}}", "a count has no field"),
        ("values: {a: {event: any, take: since, field: amount}}", "`take: since` has no field"),
        ("values: {a: {event: order.placed, take: median, field: amount}}", "'median' is not known here"),
        ("values: {a: {event: order.placed, take: ewma, field: amount}}", "'half_life' is missing"),
        ("values: {a: {event: order.placed, take: slope, field: amount}}", "'over' is missing"),
        (
            "values: {a: {event: order.placed, take: sum, field: amount, over: 1d}}",
            "belongs to `take: slope`",
        ),
        ("values: {a: {event: order.placed, take: distinct, field: brand}}", "needs a bound"),
        ("values: {a: {event: order.placed, take: sum, field: amount, most: 5}}", "'most' belongs to"),
        (
            "values: {a: {event: order.placed, take: distinct, field: brand, most: 1000000}}",
            "from 1 to 4096",
        ),
        (
            "values: {a: {event: complaint.opened, take: open_set, field: case, most: 5}}",
            "'closed_by' is missing",
        ),
        (
            "values: {a: {event: complaint.opened, take: open_set, field: c, most: 5, closed_by: complaint.opened}}",
            "what opens a value cannot close it",
        ),
        (
            "values: {a: {event: complaint.opened, take: open_set, field: case, most: 5, closed_by: case.resolve}}",
            "Did you mean 'case.resolved'?",
        ),
        (
            "values: {a: {event: complaint.opened, take: open_set, field: id, most: 5, closed_by: case.resolved}}",
            "the event 'case.resolved' has no field 'id'",
        ),
        ("values: {a b: {event: order.placed, take: count}}", "cannot be a value's name"),
        ("values: {stage: {event: order.placed, take: count}}", "profile.stage has a meaning of its own"),
        ("values: {a: {event: order.placed, take: sum, field: amont}}", "Did you mean 'amount'?"),
        ("values: {a: {event: order.place, take: count}}", "Did you mean 'order.placed'?"),
        ("values: {a: {alarm: hott, take: count}}", "Did you mean 'hot'?"),
        ("streams: {a: {stream: vehicle, field: coolant_f, every: 1h, keep: [last]}}", "'coolant_c'?"),
        ("streams: {a: {stream: vehicles, field: coolant_c, every: 1h, keep: [last]}}", "'vehicle'?"),
        ("streams: {a: {stream: vehicle, field: note, every: 1h, keep: [last]}}", "which is evidence only"),
        ("streams: {a: {stream: vehicle, field: gear, every: 1h, keep: [mean]}}", "cannot be reckoned with"),
        ("streams: {a: {stream: vehicle, field: coolant_c, every: 1s, keep: [last]}}", "out of bounds"),
        ("streams: {a: {stream: vehicle, field: coolant_c, every: 1h, keep: [meen]}}", "'mean'?"),
        ("streams: {a: {stream: vehicle, field: coolant_c, every: 1h, keep: []}}", "measures that differ"),
        ("streams: {a: {stream: vehicle, field: coolant_c, keep: [last]}}", "'every' is missing"),
        ("places: {w: {latitude: 91, longitude: 0, radius_km: 1}}", "no such place on Earth"),
        ("places: {w: {latitude: 9, longitude: 0, radius_km: 0}}", "a number above 0"),
        ("places: {w: {latitude: 9, longitude: 0}}", "'radius_km' is missing"),
        ("position: {stream: scale, every: 10m}", "has no position"),
        ("position: {stream: vehicle}", "'every' is missing"),
        ("value: {}", "Did you mean 'values'?"),
        ("{}", "the profile says nothing"),
        (
            "values: {t: {event: order.placed, take: count}}\n"
            "streams: {t: {stream: vehicle, field: coolant_c, every: 1h, keep: [last]}}",
            "'t' is a value of the profile already",
        ),
    ],
)
def test_a_mistake_is_said_with_what_mends_it(text: str, part: str) -> None:
    """Each with its reason, and alone."""
    _, mistakes = read(text)
    assert part in "\n".join(mistakes)
    assert len(mistakes) <= 2


def test_the_schema_for_editors_takes_what_the_loader_takes() -> None:
    """The whole of it; and it refuses what a kind of value lacks, or cannot have."""
    schema = Draft202012Validator(schema_of("profile"))
    mistakes = Mistakes()
    document = read_text(WHOLE, "profile.yaml", mistakes)
    assert document is not None
    plain = document.plain()
    assert [error.message for error in schema.iter_errors(plain)] == []
    for name, without in (
        ("mood", "half_life"),
        ("spending", "over"),
        ("brands", "most"),
        ("brands", "field"),
        ("open_complaints", "closed_by"),
    ):
        value = {key: said for key, said in plain["values"][name].items() if key != without}
        assert not schema.is_valid({"values": {name: value}})
    assert not schema.is_valid({"values": {"a": {"event": "any", "take": "since", "field": "x"}}})


def test_a_slip_in_what_is_taken_brings_no_second_mistake() -> None:
    """Which fields belong there is not known before."""
    assert len(read("values: {a: {event: order.placed, take: summ, field: amount, most: 3}}")[1]) == 1


def test_an_enum_may_be_told_as_it_was_last() -> None:
    """Its last value, and how many there were."""
    assert read("streams: {a: {stream: vehicle, field: gear, every: 1h, keep: [last, count]}}")[1] == []
