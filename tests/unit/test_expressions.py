"""Parsing of expressions, and what they answer for one set of values."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.errors import ExpressionWrong
from flows.expressions import parse
from flows.schema import Value

VALUES: dict[str, object] = {
    "coolant_c": 110.0,
    "device.hot_c": 105,
    "mil": "on",
    "open": True,
    "missing": None,
    "broken": math.nan,
    "event": {"amount": 20, "item": {"sku": "a-1"}},
}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("coolant_c >= device.hot_c", True),
        ("100 < coolant_c < 105", False),
        ('mil == "on"', True),
        ('mil in ["off", "on"]', True),
        ('mil not in ("off",)', True),
        ("event.amount * 2 + 1", 41.0),
        ('event.item.sku == "a-1"', True),
        ("open and coolant_c", True),
        ("open == 1", True),
        ("not open", False),
        ("-coolant_c", -110.0),
        ("-5 < 3", True),
        ("abs(-3) + min(4, 2, 3) + max(1, 9)", 14.0),
        ("round(2.5) + round(0.125, 2)", 2.12),
        ("7 % 4", 3.0),
        ("  coolant_c\n > 5", True),
    ],
)
def test_an_expression_answers_from_the_values_it_names(text: str, answer: Value) -> None:
    """Comparison, arithmetic, text, lists, functions and nested data come out as in Python."""
    assert parse(text).evaluate(VALUES) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("missing > 1", None),
        ("broken > 1", None),
        ("nobody.knows == 1", None),
        ("missing == missing", None),
        ("missing > 1 and coolant_c < 0", False),
        ("missing > 1 and coolant_c > 0", None),
        ("missing > 1 or coolant_c > 0", True),
        ("missing > 1 or coolant_c < 0", None),
        ("not missing", None),
        ("missing + 1", None),
        ("1 / (coolant_c - 110)", None),
        ("5 % 0", None),
        ("mil < 5", None),
        ("mil == 5", None),
        ("mil + 1", None),
        ("mil and open", None),
        ("missing in [1, 2]", None),
        ("missing not in [1, 2]", None),
        ("1e308 * 10", None),
        ("max(1, missing)", None),
        ("event > 1", None),
    ],
)
def test_what_is_missing_makes_an_answer_unknown_only_where_it_matters(text: str, answer: Value) -> None:
    """Kleene's three values hold, and what cannot be computed is missing rather than an error."""
    assert parse(text).evaluate(VALUES) is answer


def test_names_and_calls_are_known_without_evaluating() -> None:
    """The loader can tell which columns and functions an expression needs."""
    found = parse(
        'not profile.has_open("case", "engine") and max(event.amount, device.hot_c) > profile.spent'
    )
    assert found.names == {"event.amount", "device.hot_c", "profile.spent"}
    assert found.calls == {"has_open", "max"}


def test_functions_and_names_may_be_handed_in_as_callables() -> None:
    """Customers hand in has_open, and may answer names one at a time."""
    asked: list[tuple[Value, ...]] = []

    def has_open(*arguments: Value) -> Value:
        asked.append(arguments)
        return False

    found = parse('not profile.has_open("case", "engine") and profile.spent > 3')
    assert found.evaluate(lambda name: 5 if name == "profile.spent" else None, {"has_open": has_open}) is True
    assert asked == [("case", "engine")]


def test_one_meaning_has_one_canonical_text() -> None:
    """Spacing, parentheses and the spelling of numbers change the text but not the meaning."""
    plain, fancy = parse("coolant_c >= 105 and x < 1"), parse("((coolant_c>=105.0) and (x < 1e0))")
    assert plain.meaning == fancy.meaning
    assert plain != fancy
    assert parse("coolant_c > 105").meaning != parse("coolant_c >= 105").meaning
    assert len({plain, parse("coolant_c >= 105 and x < 1")}) == 1


@pytest.mark.parametrize(
    ("text", "column", "part"),
    [
        ("", None, "Write a condition"),
        ("a >", None, "as in Python"),
        ('mil = "on"', 5, "`==` for `=`"),
        ("a > 1 && b > 2", None, "`and` for `&&`"),
        ("a => 1", None, "`>=` for `=>`"),
        ("min(a", None, "quote the expression"),
        ("a ** 2", 1, "operator"),
        ("a // 2", 1, "operator"),
        ("a[0] > 1", 1, "`[...]`"),
        ("(lambda: 1)()", 2, "dot may only stand"),
        ("[x for x in y]", 1, "listcomp"),
        ("f'{a}'", 1, "f-string"),
        ("(a := 5)", 2, "`:=`"),
        ("1 if a else 2", 1, "`if ... else`"),
        ("a is True", 1, "Write `==`"),
        ("a == None", 6, "neither true nor false"),
        ("a == true", 6, "True or False"),
        ("a > 1j", 5, "only numbers"),
        ("a > 1e999", 5, "too large"),
        ("exec(a)", 1, "no function 'exec'"),
        ("a.__class__.mro()", 1, "no function"),
        ("abs(a, b)", 1, "takes 1 arguments, not 2"),
        ("has_open(kind=1)", 1, "cannot be named"),
        ("round(a, b)", 10, "digits"),
        ("a in b", 6, "list of values"),
        ("a in []", 6, "list of values"),
        ('a in [1, "x"]', 6, "mixes"),
        ("a in [b]", 7, "only values"),
        ("1 < a in [2]", 1, "chain"),
        ('ä == 1 and "é" == a[1]', 19, "`[...]`"),
        ("a" * 1001, 1, "longer than 1000"),
        ("-" * 40 + "a", 33, "deeper than 32"),
        ("(" * 300 + "a" + ")" * 300, None, "as in Python"),
        ("not " * 240 + "a", 129, "deeper than 32"),
        ("a\0b", None, ""),
    ],
)
def test_what_the_language_does_not_have_is_refused_with_its_place_and_a_mend(
    text: str, column: int | None, part: str
) -> None:
    """Every form outside the whitelist is refused; the column is counted in characters."""
    with pytest.raises(ExpressionWrong) as wrong:
        parse(text)
    assert part in str(wrong.value)
    assert column in (None, wrong.value.column)
    assert wrong.value.hint


TOKENS = [
    "a",
    "b.c",
    "1",
    "-",
    "(",
    ")",
    "[",
    "]",
    ",",
    " and ",
    " not ",
    " in ",
    "==",
    "<",
    "min",
    '"x"',
    ".",
    "\n",
    "ß",
]


@settings(deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(TOKENS), max_size=20).map("".join)))
def test_any_text_is_an_expression_or_is_refused(text: str) -> None:
    """Parsing raises ExpressionWrong alone, and what it lets through can be evaluated on nothing at all."""
    found = None
    with contextlib.suppress(ExpressionWrong):
        found = parse(text)
    value = None if found is None else found.evaluate({}, dict.fromkeys(found.calls, lambda *_: None))
    assert value is None or isinstance(value, bool | float | str)


PLACES = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


def by_chord(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Great-circle distance in km by the chord between two points of the unit sphere."""
    points = [
        (math.cos(a) * math.cos(b), math.cos(a) * math.sin(b), math.sin(a))
        for a, b in ((math.radians(a), math.radians(b)) for a, b in (first, second))
    ]
    return 2 * 6371.0088 * math.asin(min(1.0, math.dist(*points) / 2))


@given(PLACES, PLACES)
def test_distances_on_values_and_columns(first: tuple[float, float], second: tuple[float, float]) -> None:
    """Both are the great-circle distance; of the device, when one point is given."""
    scope = {"latitude": first[0], "longitude": first[1], "a": second[0], "b": second[1]}
    for text in ("distance_km(a, b)", "distance_km(latitude, longitude, a, b)"):
        expression = parse(text)
        found = expression.evaluate(scope)
        columns = expression.columns(lambda name: np.array([scope[name]]), lambda _name, _text: 0.0)
        assert isinstance(found, float)
        assert found == pytest.approx(by_chord(first, second), abs=1e-3)
        assert columns[0] == pytest.approx(found, rel=1e-9, abs=1e-6)


def test_a_distance_of_an_unknown_place_is_missing() -> None:
    """On values and on columns."""
    expression = parse("distance_km(48.1, 11.6) < 5")
    assert expression.evaluate({"latitude": 48.1}) is None
    assert expression.condition(lambda _name: np.array([np.nan]), lambda _name, _text: 0.0, 1).tolist() == [
        -1
    ]


def test_a_known_distance() -> None:
    """Munich to Berlin, about 504 km."""
    found = parse("distance_km(48.137, 11.575, 52.52, 13.405)").evaluate({})
    assert found == pytest.approx(504.4, abs=0.5)
