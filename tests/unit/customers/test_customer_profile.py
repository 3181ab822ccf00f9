"""The declared profile, against a slow oracle that keeps all observations."""

from __future__ import annotations

import math
from random import Random
from statistics import fmean
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.customers import cells as kinds
from flows.customers import profile, slope
from flows.customers.cells import Cell
from flows.rules.model import Aggregate
from flows.schema import Evidence, Value
from tests.unit.customers.world import alarm, event

DAY = 86_400_000
HALF_LIFE, OVER = 3 * DAY, 16 * DAY
PANE = DAY
BASE = 20_000 * DAY


class Seen(NamedTuple):
    """One observation; `closes` takes a value out of an open set."""

    at: int
    value: Value
    closes: bool = False


times = st.integers(BASE, BASE + 40 * DAY) | st.integers(BASE, BASE + 9)
numbers = st.integers(-9, 9) | st.floats(-1e6, 1e6)
of_numbers = st.lists(st.builds(Seen, times, st.none() | numbers), max_size=20)
of_names = st.lists(
    st.builds(Seen, times, st.none() | st.sampled_from(["a", "b", "c", 4, 5.0]), st.booleans()), max_size=20
)
parts_of = st.lists(st.integers(0, 3), min_size=20, max_size=20)


def declared(take: str, **more: Any) -> Aggregate:
    """An aggregate of one kind."""
    bounds = {"half_life": HALF_LIFE, "over": OVER, "most": 50, **more}
    return Aggregate(name="x", source="event:order", take=take, field="euros", **bounds)  # type: ignore[arg-type]


def divided(aggregate: Aggregate, seen: list[Seen], to: list[int], random: Random) -> list[dict[str, Cell]]:
    """The observations, in any order, as parts keep them; saved and read again, as they lie on disk."""
    parts: list[dict[str, Cell]] = [{} for _ in range(4)]
    pairs = list(zip(seen, to, strict=False))
    random.shuffle(pairs)
    for one, part in pairs:
        kind = "closed" if one.closes else "order"
        data = {} if one.value is None else {"euros": one.value}
        profile.take_event(parts[part], profile.kept(aggregate), one.at, event(kind, "crm:1", 1, **data))
    return msgspec.msgpack.decode(msgspec.msgpack.encode(parts), type=list[dict[str, Cell]])


def said_by(cells: dict[str, Cell], aggregate: Aggregate, now: int = BASE) -> Value:
    """What one part says."""
    return profile.value_over((cells,), profile.kept(aggregate), now)


def known(seen: list[Seen]) -> list[Seen]:
    """The observations that hold a value."""
    return [one for one in seen if one.value is not None]


def oracle(take: str, seen: list[Seen], now: int) -> Value:  # noqa: PLR0911 - one return a kind
    """What a plain reading of all observations says."""
    held = known(seen)
    values: list[Any] = [one.value for one in held]
    match take:
        case "count":
            return len(seen)
        case "sum":
            return math.fsum(values)
        case "since":
            return oracle_since([one.at for one in seen], now)
        case _ if not held:
            return None
        case "min":
            return min(values)
        case "max":
            return max(values)
        case "mean":
            return fmean(values)
        case "ewma":
            weights = [0.5 ** ((now - one.at) / HALF_LIFE) for one in held]
            return math.fsum(w * v for w, v in zip(weights, values, strict=True)) / math.fsum(weights)
        case _:
            return oracle_slope(held, now)


def oracle_since(seen: list[int], now: int) -> float | None:
    """Days since the last time before now; 0 when there is one after it."""
    if any(at > now for at in seen):
        return 0
    return min(((now - at) / DAY for at in seen if at < now), default=None)


def oracle_slope(held: list[Seen], now: int) -> float | None:
    """Least squares over the last 16 panes, before now and before the newest value; none over less than 4."""
    newest = max(now, *(one.at for one in held)) // PANE
    points = [(one.at / DAY, float(one.value or 0)) for one in held if one.at // PANE > newest - slope.PANES]
    panes = [one.at // PANE for one in held if one.at // PANE > newest - slope.PANES]
    if not panes or max(panes) - min(panes) < 4:
        return None
    t_mean, y_mean = fmean(t for t, _ in points), fmean(y for _, y in points)
    spread = math.fsum((t - t_mean) ** 2 for t, _ in points)
    return math.fsum((t - t_mean) * (y - y_mean) for t, y in points) / spread


@pytest.mark.parametrize("take", ["count", "sum", "min", "max", "mean", "ewma", "since"])
@given(of_numbers, parts_of, st.randoms(use_true_random=False), st.integers(0, 10 * DAY))
def test_an_aggregate_is_what_a_plain_reading_of_all_observations_says(
    take: str, seen: list[Seen], to: list[int], random: Random, later: int
) -> None:
    """In any order, and however divided among parts; count and since take what has no value, too."""
    aggregate = declared(take)
    now = max((one.at for one in seen), default=BASE) + later
    said = profile.value_over(divided(aggregate, seen, to, random), profile.kept(aggregate), now)
    expected = oracle(take, seen, now)
    assert said == (pytest.approx(expected, rel=1e-9, abs=1e-6) if expected is not None else None)


@given(
    st.lists(st.builds(Seen, times.map(lambda at: at // PANE * PANE), numbers), max_size=20),
    parts_of,
    st.randoms(use_true_random=False),
    st.integers(0, 20 * DAY),
)
def test_a_slope_is_least_squares_over_the_panes_of_the_stretch(
    seen: list[Seen], to: list[int], random: Random, later: int
) -> None:
    """Per day, in any order and division; of less than a quarter of the stretch there is none."""
    aggregate = declared("slope")
    now = max((one.at for one in seen), default=BASE) + later
    said = profile.value_over(divided(aggregate, seen, to, random), profile.kept(aggregate), now)
    expected = oracle("slope", seen, now)
    assert said == (pytest.approx(expected, rel=1e-6, abs=1e-3) if expected is not None else None)


@pytest.mark.parametrize("take", ["last", "first"])
@given(of_numbers, parts_of, st.randoms(use_true_random=False))
def test_last_and_first_go_by_event_time(take: str, seen: list[Seen], to: list[int], random: Random) -> None:
    """Of values of one moment it is the same one in any order, and one of theirs."""
    aggregate = declared(take)
    said = profile.value_over(divided(aggregate, seen, to, random), profile.kept(aggregate), BASE)
    held = known(seen)
    pick = max if take == "last" else min
    at = pick((one.at for one in held), default=None)
    assert said in ([one.value for one in held if one.at == at] or [None])
    assert said == profile.value_over(
        divided(aggregate, seen, to[::-1], random), profile.kept(aggregate), BASE
    )


@given(of_names, parts_of, st.randoms(use_true_random=False))
def test_what_is_open_was_opened_after_it_was_last_closed(
    seen: list[Seen], to: list[int], random: Random
) -> None:
    """A close that comes before its opening in any order of arrival wins over it when it is the later event."""
    aggregate = declared("open_set", closed_by="closed")
    lasting = 0
    for value in {str(one.value) for one in known(seen)}:
        mine = [one for one in seen if str(one.value) == value]
        begun = max((one.at for one in mine if not one.closes), default=None)
        ended = max((one.at for one in mine if one.closes), default=None)
        lasting += begun is not None and (ended is None or begun > ended)
    assert profile.value_over(divided(aggregate, seen, to, random), profile.kept(aggregate), BASE) == lasting


@given(of_names, parts_of, st.randoms(use_true_random=False), st.integers(1, 9))
def test_distinct_is_exact_up_to_its_bound(
    seen: list[Seen], to: list[int], random: Random, most: int
) -> None:
    """Beyond it the cell says so, and what it says is at least the bound; never does it grow."""
    aggregate = declared("distinct", most=most)
    exact = len({str(one.value) for one in known(seen)})
    cell = profile.combined(divided(aggregate, seen, to, random), profile.kept(aggregate))
    said = kinds.value_of(cell, aggregate, BASE)
    assert kinds.is_full(cell, aggregate) == (exact > most)
    assert said == exact if exact <= most else isinstance(said, int) and said >= most
    assert cell is None or len(cell) <= most + 2


def test_far_more_distinct_values_than_the_bound_are_well_estimated() -> None:
    """The estimate is off by about 1/√most; here by less than four times that."""
    aggregate = declared("distinct", most=200)
    cells: dict[str, Cell] = {}
    for i in range(50_000):
        profile.take_in(cells, profile.kept(aggregate), BASE, f"v{i}")
    cell = cells[profile.cell_key(aggregate)]
    assert (len(cell), kinds.is_full(cell, aggregate)) == (202, True)
    assert kinds.value_of(cell, aggregate, BASE) == pytest.approx(50_000, rel=4 / math.sqrt(200))


def test_an_open_set_that_is_full_keeps_the_newest_and_says_so() -> None:
    """However many are opened: what is kept stays bounded, and counts at least its bound."""
    aggregate = declared("open_set", most=3, closed_by="closed")
    cells: dict[str, Cell] = {}
    for i in range(1000):
        profile.take_in(cells, profile.kept(aggregate), BASE + i, f"case-{i}")
    cell = cells[profile.cell_key(aggregate)]
    assert (kinds.value_of(cell, aggregate, BASE), kinds.is_full(cell, aggregate)) == (3, True)
    assert [value for value in cell if isinstance(value, str)] == ["case-997", "case-998", "case-999"]
    for i in range(1000):
        profile.take_event(
            cells, profile.kept(aggregate), BASE + 2000, event("closed", "crm:1", 1, euros=f"case-{i}")
        )
    cell = cells[profile.cell_key(aggregate)]
    assert (kinds.value_of(cell, aggregate, BASE), kinds.is_full(cell, aggregate)) == (0, True)
    assert len(cell) <= 2 + 3 * 3


def test_a_long_value_of_a_set_is_itself_and_kept_short() -> None:
    """Two that differ at their ends alone are two; none takes more than 64 characters."""
    aggregate = declared("open_set", closed_by="closed")
    cells: dict[str, Cell] = {}
    for end in "ab":
        profile.take_in(cells, profile.kept(aggregate), BASE, "long" * 1000 + end)
    assert said_by(cells, aggregate) == 2
    cell = cells[profile.cell_key(aggregate)]
    assert max(len(value) for value in cell if isinstance(value, str)) <= 64


@pytest.mark.parametrize("take", ["sum", "last", "min", "mean", "ewma", "slope"])
@pytest.mark.parametrize("value", [10**400, -(10**30), 1.5e308, float("inf"), float("nan"), "x" * 100_000])
def test_no_value_can_break_what_is_kept(take: str, value: Value) -> None:
    """Whatever an event says, what is kept can be written and is small."""
    aggregate = declared(take)
    cells: dict[str, Cell] = {}
    for at in (BASE, BASE + DAY, BASE + 2 * DAY):
        profile.take_in(cells, profile.kept(aggregate), at, value)
    said = said_by(cells, aggregate, BASE)
    assert said is None or math.isfinite(said) if not isinstance(said, str) else len(said) <= 1000
    assert len(msgspec.msgpack.encode(cells)) < 1200


def test_a_text_is_no_number() -> None:
    """A sum passes over what it cannot add, and `last` keeps it."""
    for take, said in (("sum", 2), ("last", "many")):
        cells: dict[str, Cell] = {}
        profile.take_in(cells, profile.kept(declared(take)), 1, 2)
        profile.take_in(cells, profile.kept(declared(take)), 2, "many")
        assert said_by(cells, declared(take)) == said


def test_since_an_event_is_since_the_one_before_it() -> None:
    """What an event's own rule asks is how long before it the last one was; later, how long it is since."""
    aggregate = declared("since")
    cells: dict[str, Cell] = {}
    assert said_by(cells, aggregate, BASE) is None
    profile.take_in(cells, profile.kept(aggregate), BASE, None)
    assert said_by(cells, aggregate, BASE) is None
    profile.take_in(cells, profile.kept(aggregate), BASE + 40 * DAY, None)
    assert said_by(cells, aggregate, BASE + 40 * DAY) == 40
    assert said_by(cells, aggregate, BASE + 41 * DAY) == 1


@pytest.mark.parametrize(
    "change",
    [{"field": "cents"}, {"half_life": DAY}, {"over": DAY}, {"closed_by": "x"}, {"source": "event:x"}],
)
def test_an_aggregate_declared_otherwise_begins_anew(change: dict[str, Any]) -> None:
    """The same name with another meaning is another value."""
    cells: dict[str, Cell] = {}
    profile.take_in(cells, profile.kept(declared("sum")), 1, 5)
    other = msgspec.structs.replace(declared("sum"), **change)
    assert said_by(cells, other) == 0


@pytest.mark.parametrize(
    ("take", "value"),
    [
        *(("count", 3), ("sum", 4.5), ("mean", 2), ("ewma", -0.5), ("min", 1), ("max", 1), ("last", "a")),
        *(("first", True), ("slope", -2.5), ("distinct", 7), ("open_set", 2), ("since", 40), ("distinct", 0)),
    ],
)
def test_a_cell_can_be_made_to_say_a_value(take: str, value: Value) -> None:
    """As the tests of rules give it."""
    aggregate = declared(take)
    cell = profile.cell_of(aggregate, BASE, value)
    assert kinds.value_of(cell, aggregate, BASE + 1) == pytest.approx(value)


def test_fields_lie_deep_in_an_event_and_among_the_facts_of_an_alarm() -> None:
    """Dotted names reach into data; a fact of the evidence comes before a field of the reading."""
    found = event("order", "crm:1", 1, basket={"euros": 9, "items": [1]})
    assert profile.field_of_event(found, "basket.euros") == 9
    assert profile.field_of_event(found, "basket.items") is None
    assert profile.field_of_event(found, "basket.none.deeper") is None
    hot = alarm(evidence=Evidence(values={"value": 3}, reading={"value": 4, "coolant_c": 5}))
    assert (profile.field_of_alarm(hot, "value"), profile.field_of_alarm(hot, "coolant_c")) == (3, 5)
    cells: dict[str, Cell] = {}
    profile.take_alarm(cells, profile.kept(msgspec.structs.replace(declared("last"), field="value")), hot)
    assert [cell[1] for cell in cells.values()] == [3]
