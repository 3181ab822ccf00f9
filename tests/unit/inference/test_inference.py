"""Proposals of `streams.yaml`: they load, they say what was guessed, and clean archives pass them whole."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.archives.batches import read_batches
from flows.backtest.stream_check import StreamCheck
from flows.errors import InferenceFailed, NameUnknown, NothingToInfer
from flows.inference.columns import judge, range_of
from flows.inference.document import write_document
from flows.inference.first_rule import first_rule
from flows.inference.order import lateness_of, order_of
from flows.inference.proposal import Asked, propose
from flows.inference.sample import read_sample
from flows.simulator.archive import write_archive
from flows.simulator.plan import Plan
from flows.stream_files import load_streams
from flows.streams import Position

STARTER = Path(__file__).parents[3] / "flows" / "starter"


def proposed(path, rows=20_000, **asked):
    """The stream as it is loaded from the text of the proposal, and that text."""
    text = write_document(propose(read_sample(path, rows), Asked(**asked)))
    file = path.parent / "proposed.yaml"
    file.write_text(text, encoding="utf-8")
    (stream,) = load_streams(file).values()
    return stream, text


def checked(path, stream):
    """What becomes of all of an archive."""
    check = StreamCheck(stream)
    for batch in read_batches(path, stream):
        check.take(batch)
    return check


def written(path, text):
    path.write_text(text, encoding="utf-8", newline="")
    return path


def lines(path, readings):
    return written(path, "".join(json.dumps(one) + "\n" for one in readings))


def test_nested_messages_become_paths(tmp_path):
    """Objects in objects are read with `from`, latitude and longitude as a position, lists are left out and named."""
    path = lines(
        tmp_path / "fleet.jsonl",
        [
            {
                "vehicle": {"vin": f"v{i % 5}"},
                "sent": {"at": 1_700_000_000_000 + i * 1000},
                "engine": {"coolant": {"temp": 80 + i % 7}, "oil": {"temp": 90.5 + i}},
                "gps": {"lat": 48.1, "lon": 11.5 + i / 1000},
                "mil": ["off", "on"][i % 2],
                "ok": i % 2 == 0,
                "faults": [],
                "spare": None,
            }
            for i in range(100)
        ],
    )
    stream, text = proposed(path)
    assert (stream.key, stream.time, stream.time_unit) == ("vehicle.vin", "sent.at", "ms")
    assert stream.position == Position("gps.lat", "gps.lon")
    assert {field.name: (field.path, field.type) for field in stream.fields} == {
        "temp": ("engine.coolant.temp", "int"),
        "engine_oil_temp": ("engine.oil.temp", "float"),
        "mil": ("mil", "enum"),
        "ok": ("ok", "bool"),
        "latitude": ("gps.lat", "float"),
        "longitude": ("gps.lon", "float"),
    }
    assert "faults (holds lists)" in text
    assert "spare (holds nothing)" in text
    assert checked(path, stream).counts["dead_letters"] == 0


def test_one_measurement_a_row_is_recognised(tmp_path):
    """Columns of names and values make a narrow stream with a field a name, unless a wide one is asked for."""
    rows = [
        f"{i // 2},pump{i // 20},{('Flow (l/min)', 'on')[i % 2]},{i % 2 or 3.5 + i}" for i in range(2, 200)
    ]
    path = written(tmp_path / "plant.csv", "\n".join(["seconds,machine,tag,value", *rows]))
    stream, text = proposed(path)
    assert (stream.shape, stream.metric, stream.value, stream.key) == ("narrow", "tag", "value", "machine")
    assert {field.name: field.source for field in stream.fields} == {"Flow_l_min": "Flow (l/min)", "on": ""}
    assert stream.fields[0].unit == "l/min"
    assert checked(path, stream).counts["dead_letters"] == 0
    assert proposed(path, shape="wide")[0].shape == "wide"
    with pytest.raises(InferenceFailed, match="metric and value"):
        proposed(written(tmp_path / "wide.csv", "time,a\n1,2\n2,3\n"), shape="narrow")
    assert "one as 1s" in text


@pytest.mark.parametrize(
    ("first", "unit"),
    [
        ("1700000000", "s"), ("1700000000.25", "s"), ("1700000000000", "ms"), ("1700000000000000", "us"),
        ("1700000000000000000", "ns"), ("2024-01-07T02:55:00Z", "rfc3339"), ("2024-01-07 02:55:00+01:00", "rfc3339"),
    ],
)  # fmt: skip
def test_the_unit_of_a_time_is_told_by_its_size(tmp_path, first, unit):
    """Seconds to nanoseconds since the epoch, and texts with a zone, need no guess."""
    stream, text = proposed(written(tmp_path / "a.csv", f"ts,device,a\n{first},d,1\n{first},d,2\n"))
    assert (stream.time, stream.time_unit, stream.zone, stream.key) == ("ts", unit, "", "device")
    assert "guess" not in text.partition("streams:")[2]


def test_a_broken_clock_and_an_absurd_value_do_not_decide(tmp_path):
    """One time years ahead gives no lateness of years, and one value of a broken sensor no range to hold it."""
    rows = [f"{1_700_000_000 + i},d,{20 + i % 5}" for i in range(1000)]
    rows[500] = "1900000000,d,99999"
    stream, text = proposed(written(tmp_path / "a.csv", "\n".join(["ts,device,a", *rows])))
    assert stream.lateness == 0
    assert stream.fields[0].high == 36
    assert "1 is far from all others and not believed, e.g. 99999" in text


def test_what_would_surprise_is_said_where_it_stands(tmp_path):
    """Decimal commas, names in another encoding, an archive that is cut off; whole numbers with all their digits."""
    table = written(tmp_path / "a.csv", "ts;device;t\n" + "1700000000;d;20,5\n1700000001;d;21,5\n" * 9)
    assert "a decimal comma is not read as a number: write a point" in proposed(table)[1]

    latin = tmp_path / "b.csv"
    latin.write_bytes("ts,device,Öl\n1700000000,d,1\n".encode("latin-1"))
    assert "(its name is no UTF-8: save the file as UTF-8)" in proposed(latin)[1]

    cut = tmp_path / "c.csv.gz"
    cut.write_bytes(gzip.compress(b"ts,device,n\n" + b"1700000000,d,12899779\n1700000001,d,7\n" * 5)[:-8])
    text = proposed(cut)[1]
    assert "# There it ends too early: the gzip stream is cut off.\n" in text
    assert "# seen 7 to 12899779" in text


def test_null_instead_of_an_object_leaves_what_stands_in_it(tmp_path):
    """A reading without an engine is nothing to tell of."""
    readings = [{"device": "d", "ts": 1_700_000_000 + i, "engine": {"rpm": 900 + i}} for i in range(5)]
    stream, text = proposed(lines(tmp_path / "a.jsonl", [*readings, {**readings[-1], "engine": None}]))
    assert [field.path for field in stream.fields] == ["engine.rpm"]
    assert "Left out" not in text


def test_the_remarks_of_a_first_rule_stand_below_each_other(tmp_path):
    """Behind a line that is longer, a remark stands directly."""
    rows = "".join(f"{1_700_000_000 + i},d,{20 + i % 50}\n" for i in range(500))
    table = written(tmp_path / "a.csv", f"ts,device,bearing_temperature\n{rows}")
    _, rule = first_rule(propose(read_sample(table), Asked()))
    found = [line.split("  # ")[0] for line in rule.splitlines() if "  # " in line]
    assert len(found) >= 6
    assert {len(code) for code in found if code.rstrip() != code} == {30}
    assert "  max_gap: 1m                   # a longer silence breaks the run" in rule


def test_a_simulated_fleet_passes_what_is_proposed_of_it(tmp_path):
    """The archive of the simulator gives back the starter's stream in all but its ranges, and nothing is refused."""
    plan = Plan(start=1_760_000_000_000, vehicles=40, duration=30 * 60_000)
    write_archive(plan, tmp_path, "")
    stream, _ = proposed(tmp_path / "telemetry.jsonl")
    assert (stream.key, stream.time, stream.time_unit) == ("device", "at", "ms")
    declared = load_streams(STARTER / "streams.yaml")["vehicle"]
    assert {field.name: field.type for field in stream.fields if field.name != "note"} == {
        field.name: field.type for field in declared.fields if field.name != "note"
    }
    clean = {letter.message for letter in checked(tmp_path / "telemetry.jsonl", declared).refusals}
    assert {refused.message for refused in checked(tmp_path / "telemetry.jsonl", stream).refusals} <= clean


def test_a_few_broken_rows_decide_nothing_and_are_counted(tmp_path):
    """One odd value in each column, and an object that is missing, leave roles and types as all others say."""
    good = [
        {
            "vin": f"v{i}",
            "sent": 1_700_000_000_000 + i * 1000,
            "gps": {"lat": 48.1, "lon": 11.5 + i / 1000},
            "mil": ["off", "on"][i % 2],
            "ok": i % 2 == 0,
            "load": i,
        }
        for i in range(100)
    ]
    odd = {"vin": True, "sent": "later", "gps": None, "mil": 3, "ok": "maybe", "load": [1]}
    bad = [{**good[0], name: value} for name, value in odd.items()]
    path = lines(
        tmp_path / "fleet.jsonl", [*good[:20], *bad, {**good[1], "gps": {"lat": 999, "lon": 0}}, *good]
    )
    stream, text = proposed(path)
    assert (stream.key, stream.time, stream.time_unit) == ("vin", "sent", "ms")
    assert stream.position == Position("gps.lat", "gps.lon")
    assert {
        field.name: field.type for field in stream.fields if field.name not in ("latitude", "longitude")
    } == {
        "mil": "enum",
        "ok": "bool",
        "load": "int",
    }
    assert "100 devices in the sample; 1 row names no device and will be refused" in text
    assert "1 row names no time and will be refused" in text
    assert "1 is no text and will be refused, e.g. 3" in text
    assert "1 is no truth and will be refused, e.g. maybe" in text
    assert "gps (" not in text
    assert checked(path, stream).counts["refused"] == 5


def test_a_few_broken_rows_leave_one_measurement_a_row(tmp_path):
    """A row without the name of its metric, and one whose name is no text, are left aside."""
    rows = [
        {"t": 1_700_000_000 + i, "device": "d", "metric": ["flow", "heat"][i % 2], "value": i}
        for i in range(100)
    ]
    rows[7] = {"t": 1_700_000_007, "device": "d", "value": 7}
    rows[9] = {"t": 1_700_000_009, "device": "d", "metric": 4, "value": 9}
    stream, _ = proposed(lines(tmp_path / "a.jsonl", rows))
    assert (stream.shape, [field.name for field in stream.fields]) == ("narrow", ["flow", "heat"])


def test_what_is_said_is_not_guessed(tmp_path):
    """Name, device and time as asked; a column that is not there is answered with the nearest."""
    path = written(
        tmp_path / "a.csv", "when,logged,who,a\n1700000000,1700000009,x,1\n1700000001,1700000010,y,2\n"
    )
    stream, _ = proposed(path, name="Pumps 2", key="who", time="logged")
    assert (stream.name, stream.topic, stream.key, stream.time) == ("pumps-2", "pumps-2", "who", "logged")
    with pytest.raises(NameUnknown, match="Did you mean 'logged'"):
        proposed(path, time="loged")
    with pytest.raises(InferenceFailed, match="'who' is not a time that can be read: x, y"):
        proposed(path, time="who")


def test_what_holds_no_time_or_nothing_is_refused(tmp_path):
    """No column of times, an empty table and text that is no JSON are said in a paragraph."""
    with pytest.raises(InferenceFailed, match=r"none of its columns .* \(a, b\)"):
        proposed(written(tmp_path / "a.csv", "a,b\n1,07/01/2014 2:55\n2,x\n"))
    with pytest.raises(NothingToInfer, match="no row at all"):
        proposed(written(tmp_path / "b.csv", "a,b\n"))
    with pytest.raises(NothingToInfer, match="2 lines, but no whole JSON object"):
        proposed(written(tmp_path / "c.jsonl", "hello\n[1]\n"))


def test_names_that_rules_could_not_read_are_changed(tmp_path):
    """Words with a meaning, words of Python's, signs and digits in front get another name and `from`."""
    path = written(
        tmp_path / "a.csv", "at,value,run,class,1st,Öl °C,a.b,a\n" + "1700000000,1,2,3,4,5,6,7\n" * 2
    )
    stream, text = proposed(path)
    assert {field.name: field.path for field in stream.fields} == {
        "measurement": "value", "run_said": "run", "class_said": "class", "f_1st": "1st", "l_C": "Öl °C", "a": "a",
    }  # fmt: skip
    assert "a.b (its name leads through that of 'a')" in text
    assert checked(path, stream).counts["refused"] == 0


def test_texts_numbers_and_truths_are_told_apart():
    """Few words are an enum, yes and no of a table a bool, mostly numbers a number with its exceptions named."""
    kinds = {
        "enum": judge("a", ["eco", "sport"] * 8, table=True),
        "bool": judge("a", ["yes", "No"] * 8, table=True),
        "text": judge("a", [f"note {i}" for i in range(30)], table=True),
        "int": judge("a", [1, 2, None, 3], table=True),
        "float": judge("a", [1, 2.5] * 10 + ["n/a"], table=True),
    }
    assert {expected: found.type for expected, found in kinds.items()} == {kind: kind for kind in kinds}
    assert kinds["enum"].values == ("eco", "sport")
    assert kinds["float"].note.endswith("1 is no number and will be refused, e.g. n/a")
    assert judge("a", ["yes", "no"] * 8, table=False).type == "enum"
    assert judge("a", [None], table=True) is None


@given(st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=20), st.booleans())
def test_a_range_holds_all_that_was_seen_with_room(values, percent):
    """What was seen lies inside; what was never negative may not become so; where all is alike none is given."""
    low, high = range_of(min(values), max(values), percent)
    if low is None or high is None:
        assert min(values) == max(values)
        return
    assert low <= min(values) < max(values) <= high
    assert (low == 0) == (min(values) >= 0)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 100_000_000)), max_size=40))
def test_lateness_covers_what_came_late(readings):
    """The order agrees with the obvious count, and the proposed lateness is at least the greatest one seen."""
    order = order_of(readings)
    behind = [
        max(at for d, at in readings[: i + 1] if d == device) - at for i, (device, at) in enumerate(readings)
    ]
    assert order.late == sum(one > 0 for one in behind)
    assert order.behind == max(behind, default=0)
    assert order.behind <= lateness_of(order)


NAMES = st.text(st.sampled_from("abV_. %:#'\"[]{}°-1"), min_size=1, max_size=8)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(NAMES, min_size=1, max_size=6, unique=True), st.lists(NAMES, min_size=1, max_size=3, unique=True)
)
def test_whatever_columns_and_words_are_called_the_proposal_loads(tmp_path_factory, names, words):
    """Signs that mean something in YAML, in paths or in comments are quoted, renamed or left out."""
    folder = tmp_path_factory.mktemp("archive")
    readings = [
        {"at": 1_700_000_000 + i, "w": words[i % len(words)], **dict.fromkeys(names, i)} for i in range(20)
    ]
    path = lines(folder / "a b#'.jsonl", readings)
    stream, _ = proposed(path)
    assert stream.device == "a b#'"
    assert checked(path, stream).counts["taken"] == 20
