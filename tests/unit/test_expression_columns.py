"""Expressions on columns against the same expressions on values, which are the slow and obvious oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.expression_nodes import Compare, Literal, Name
from flows.expressions import Expression, parse

NUMBER_COLUMNS = ("a", "b", "device.c")
ENUM = ("off", "on", "auto")

literals = st.one_of(
    st.integers(-5, 5), st.floats(-1e3, 1e3, allow_nan=False), st.sampled_from([1e200, True, False])
).map(repr)
numbers = st.recursive(
    st.one_of(st.sampled_from(NUMBER_COLUMNS), literals, st.just("flag")),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "%"]), inner).map(lambda t: f"({' '.join(t)})"),
        inner.map(lambda text: f"-({text})"),
        inner.map(lambda text: f"abs({text})"),
        inner.map(lambda text: f"round({text})"),
        st.tuples(inner, st.integers(0, 9)).map(lambda t: f"round({t[0]}, {t[1]})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda each: f"min({', '.join(each)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda each: f"max({', '.join(each)})"),
    ),
    max_leaves=6,
)
symbols = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
comparisons = st.one_of(
    st.tuples(numbers, symbols, numbers).map(" ".join),
    st.tuples(numbers, symbols, numbers, symbols, numbers).map(" ".join),
    st.tuples(st.just("mode"), st.sampled_from(["==", "!="]), st.sampled_from(['"off"', '"on"'])).map(
        " ".join
    ),
    st.tuples(st.just("mode"), st.sampled_from(["in", "not in"]), st.just('["on", "auto"]')).map(" ".join),
    st.tuples(numbers, st.sampled_from(["in", "not in"]), st.just("[1, 2, -3.5]")).map(" ".join),
    st.just("flag"),
)
conditions = st.recursive(
    comparisons.map(lambda text: f"({text})"),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda each: f"({' and '.join(each)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda each: f"({' or '.join(each)})"),
        inner.map(lambda text: f"(not {text})"),
    ),
    max_leaves=5,
)
cells = st.one_of(
    st.just(float("nan")), st.integers(-5, 5).map(float), st.floats(-1e6, 1e6), st.sampled_from([1e308, -0.0])
)
rows = st.lists(
    st.tuples(cells, cells, cells, st.sampled_from([None, True, False]), st.sampled_from([None, *ENUM])),
    min_size=1,
    max_size=12,
)
Row = tuple[float, float, float, bool | None, str | None]


def columns_of(rows: list[Row]) -> dict[str, np.ndarray]:
    """The rows as float64 columns, with enum codes and NaN for missing."""
    nan = float("nan")
    each = list(zip(*rows, strict=True))
    return {
        "a": np.array(each[0]),
        "b": np.array(each[1]),
        "device.c": np.array(each[2]),
        "flag": np.array([nan if v is None else float(v) for v in each[3]]),
        "mode": np.array([nan if v is None else float(ENUM.index(v)) for v in each[4]]),
    }


def scope_of(row: Row) -> dict[str, object]:
    """One row as values."""
    return dict(zip(("a", "b", "device.c", "flag", "mode"), row, strict=True))


def code(name: str, text: str) -> float:
    """The place of an enum value."""
    assert name == "mode"
    return float(ENUM.index(text))


@settings(deadline=None)
@given(text=conditions, rows=rows)
def test_a_condition_on_columns_answers_row_by_row_what_it_answers_on_values(
    text: str, rows: list[Row]
) -> None:
    """Whatever the condition and however many values are missing, both evaluators agree on every row."""
    expression = parse(text)
    columns = columns_of(rows)
    found = expression.condition(columns.__getitem__, code, len(rows))
    answers = [expression.evaluate(scope_of(row)) for row in rows]
    wanted = [-1 if answer is None else int(bool(answer)) for answer in answers]
    assert found.dtype == np.int8
    assert found.tolist() == wanted


@settings(deadline=None)
@given(text=numbers, rows=rows)
def test_a_number_on_columns_is_row_by_row_the_number_on_values(text: str, rows: list[Row]) -> None:
    """Arithmetic and the four functions give the same floats, and are missing on the same rows."""
    expression = parse(text)
    columns = columns_of(rows)
    found = np.broadcast_to(expression.columns(columns.__getitem__, code), (len(rows),))
    for row, number in zip(rows, found.tolist(), strict=True):
        value = expression.evaluate(scope_of(row))
        if value is None:
            assert np.isnan(number)
        else:
            assert number == float(value)


def test_a_condition_without_names_fills_the_batch() -> None:
    """A constant condition has the batch's length all the same, and kernels may write to it."""
    found = parse("1 < 2").condition({}.__getitem__, code, 3)
    assert found.tolist() == [1, 1, 1]
    assert found.flags.c_contiguous
    assert found.flags.writeable


@pytest.mark.parametrize("text", ['"on"', "has_open(a)"])
def test_a_tree_that_columns_cannot_answer_is_an_error_of_the_program(text: str) -> None:
    """Texts and functions of customers are never silently taken for numbers."""
    columns = {"a": np.zeros(2)}
    with pytest.raises(TypeError):
        parse(text).columns(columns.__getitem__, code)


def test_a_tree_can_be_looked_into() -> None:
    """The loader reads columns and literals off the tree."""
    found: Expression = parse("coolant_c >= 105")
    assert found.tree == Compare((">=",), (Name("coolant_c"), Literal(105.0)))
