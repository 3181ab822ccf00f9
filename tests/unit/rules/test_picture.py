"""The picture of a failed test: values stand where they belong, and what differs is marked at its time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.expressions import parse
from flows.rules.canvas import ASCII, HEIGHT, UNICODE, WIDTH, Canvas
from flows.rules.case import Case, Expectation, ExpectedAction, Given, read_case
from flows.rules.model import Clear, Rule, Run, Severity, Window
from flows.rules.picture import picture
from flows.rules.testing import Happened, Result
from flows.rules.thresholds import Threshold, thresholds
from tests.unit.rules.mistakes import surroundings

STREAM = surroundings().streams["vehicle"]
HOT = Rule(
    name="hot",
    stream="vehicle",
    patterns=(Run(length=2, of=parse("coolant_c >= device.hot_c")),),
    severities=(Severity(name="low"), Severity(name="high", when=parse("115 <= coolant_c"))),
    clear=Clear(run=1, of=parse("coolant_c < 7")),
    reads=("coolant_c",),
)


def case_of(**plain: object) -> Case:
    """A case without expectations."""
    return read_case({"name": "n", "interval": "10s", "expect": [], **plain}, STREAM)


def drawn(case: Case, rule: Rule = HOT, *, unicode: bool = True, **sides: object) -> list[str]:
    """The picture of a case under a rule."""
    return picture(Result(rule=rule, case=case, **sides), STREAM, unicode=unicode)


def lit(rows: list[str], across: int, down: int) -> set[tuple[int, int]]:
    """The dots of rows of characters, read back from what Unicode says of Braille."""
    order = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
    found: set[tuple[int, int]] = set()
    for y, row in enumerate(rows):
        for x, character in enumerate(row):
            if character == "*":
                found.add((x, y))
            elif 0x2800 < ord(character) <= 0x28FF:
                bits = ord(character) - 0x2800
                found |= {
                    (x * across + dx, y * down + dy) for i, (dx, dy) in enumerate(order) if bits >> i & 1
                }
    return found


@given(
    points=st.lists(st.tuples(st.integers(0, 1000), st.floats(-1e6, 1e6)), min_size=1, max_size=20),
    marks=st.sampled_from([UNICODE, ASCII]),
)
def test_each_value_is_the_dot_nearest_to_it(points, marks):
    """By arithmetic: as far across as its time, as far up as its value, and no other dots."""
    values = [value for _, value in points]
    canvas = Canvas(1000, values, marks)
    for at, value in points:
        canvas.draw(at, at, value)
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 1, high + 1
    right, bottom = WIDTH * marks.across - 1, HEIGHT * marks.down - 1
    wanted = {
        (round(at * right / 1000), bottom - round((value - low) / (high - low) * bottom))
        for at, value in points
    }
    found = lit([text for _, text in canvas.rows()], marks.across, marks.down)
    assert all(any(abs(x - a) <= 1 and abs(y - b) <= 1 for a, b in found) for x, y in wanted)
    assert all(any(abs(x - a) <= 1 and abs(y - b) <= 1 for a, b in wanted) for x, y in found)


@settings(max_examples=60, deadline=None)
@given(
    samples=st.lists(st.sampled_from(["90", "105.5", "_", "gap 5m", "120x3", "-4e5"]), max_size=12),
    unicode=st.booleans(),
    at=st.integers(0, 10**9),
)
def test_any_picture_fits_a_terminal(samples, unicode, at):
    """At most 76 columns, so that it can be indented by four; in ASCII alone where that is asked for."""
    case = case_of(
        readings={"coolant_c": " ".join(samples), "mil": "offx3 on"}, given={"device": {"hot_c": 105}}
    )
    side = (Expectation(at=at, transition="deescalated"),)
    for line in drawn(case, unicode=unicode, missing=side):
        assert len(line) <= 76
        assert unicode or line.replace("°", "").isascii()


def test_the_numbers_that_matter_are_lines():
    """An attribute of the case's device and a number of a severity, each with its label; not what clears."""
    assert thresholds(HOT, "coolant_c", {"hot_c": 105}) == (
        Threshold(105.0, "device.hot_c"),
        Threshold(115.0),
    )
    assert thresholds(HOT, "coolant_c", {}) == (Threshold(115.0),)
    assert thresholds(HOT, "battery_v", {"hot_c": 105}) == ()
    lines = drawn(case_of(readings={"coolant_c": "90x4 120"}, given={"device": {"hot_c": 105}}))
    assert lines[0].strip() == "coolant_c °C; ┈┈ 105 (device.hot_c), 115"
    labelled = {line.split()[0] for line in lines if line.split()[1:] and line.split()[1].startswith("┤┈")}
    assert labelled == {"105", "115"}


@pytest.mark.parametrize(
    ("window", "found"),
    [
        (Window(length=1, every=1, measure="mean", field="coolant_c", of=parse("value > -3")), (Threshold(-3.0),)),
        (Window(length=1, every=1, measure="slope", field="coolant_c", of=parse("value > 3")), ()),
        (Window(length=1, every=1, measure="mean", field="battery_v", of=parse("value > 3")), ()),
        (Window(length=1, every=1, measure="max", field="coolant_c", of=parse("not 1 < value < 2")),
         (Threshold(1.0), Threshold(2.0))),
    ],
)  # fmt: skip
def test_a_window_compares_the_field_it_measures(window, found):
    """Its `value` is in the field's unit unless it counts, sums or takes a slope."""
    assert thresholds(Rule(name="w", patterns=(window,)), "coolant_c", {}) == found


def test_both_sides_are_marked_at_their_times():
    """Where something was expected, and where it came, in the columns of the axis."""
    lines = drawn(
        case_of(readings={"coolant_c": "90x59"}),
        missing=(Expectation(at=0, transition="raised"),),
        unexpected=(Happened(at=300_000, transition="cleared"),),
    )
    axis = next(line for line in lines if "└" in line)
    expected, got = (
        next(line for line in lines if line.strip().startswith(side)) for side in ("expected", "got")
    )
    begin = axis.index("└") + 1
    assert expected.index("▲") == begin
    assert got.index("▲") == begin + round(300 / 600 * (WIDTH - 1))
    assert "raised" in expected
    assert "cleared" in got


def test_marks_whose_words_have_no_room_take_a_row_each():
    """Nothing is written over."""
    three = tuple(Happened(at=at, transition="deescalated") for at in (0, 10_000, 20_000))
    lines = drawn(case_of(readings={"coolant_c": "90x59"}), unexpected=three)
    assert sum("▲ deescalated" in line for line in lines) == 3


def test_words_and_truths_have_lanes():
    """One lane for each that comes, in their declared order."""
    rule = Rule(name="lamp", stream="vehicle", reads=("mil", "door_open"))
    lines = drawn(case_of(readings={"mil": "onx2 off", "door_open": "true"}), rule)
    assert [line.split()[0] for line in lines if "┤" in line] == ["true", "off", "on"]
    on, off = (next(line for line in lines if line.split()[0] == word) for word in ("on", "off"))
    assert on.index("━") < off.index("━")


def test_events_and_outcomes_stand_above_the_axis():
    """A rule on events has nothing else to show."""
    plain = {
        "name": "n",
        "events": [{"at": "0s", "type": "order.placed"}],
        "outcomes": [{"at": "10s", "action": "task", "status": "failed"}],
        "expect": [],
    }
    side = (Expectation(at=0, do=(ExpectedAction("task"),)), Expectation(at=0, refused="guard"))
    lines = picture(
        Result(rule=Rule(name="e", event="order.placed"), case=read_case(plain, None), missing=side), None
    )
    assert [line.split()[0] for line in lines if line.split()][:2] == ["events", "outcomes"]
    assert "task failed" in "".join(lines)
    assert "▲ guard" in "".join(lines)


def test_what_comes_by_time_alone_has_its_place_after_all_that_was_sent():
    """The axis goes on to the last that was expected or came; an outcome is told by its result."""
    plain = {
        "name": "n",
        "events": [{"at": "0s", "type": "order.placed"}],
        "outcomes": [{"at": "1d", "action": "open_case", "result": "resolved"}],
        "expect": [],
    }
    lines = picture(
        Result(
            rule=Rule(name="e", event="order.placed"),
            case=read_case(plain, None),
            missing=(Expectation(at=5 * 86_400_000, released="suppress"),),
            unexpected=(Happened(at=10 * 86_400_000, released="suppress"),),
        ),
        None,
    )
    begin = next(line for line in lines if "└" in line).index("└") + 1
    resolved, expected, got = (
        next(line for line in lines if line.split()[:1] == [word]) for word in ("outcomes", "expected", "got")
    )
    assert resolved[begin + round((WIDTH - 1) / 10) :].startswith("▲ open_case resolved")
    assert expected[begin + round((WIDTH - 1) / 2) :].startswith("▲ released suppress")
    assert got.endswith("released suppress ▲")
    assert len(got) == begin + WIDTH


def test_nothing_sent_is_nothing_drawn():
    """An empty picture would say nothing."""
    assert picture(Result(rule=HOT, case=Case(name="n", start=0, end=0, given=Given())), STREAM) == []
