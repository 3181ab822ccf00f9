"""Whatever stands in a document, reading it ends in findings or a rule, never in an exception."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.documents import Mistakes, locate, read_text
from flows.errors import RulesWrong
from flows.look_up_files import read_look_ups
from flows.rules.load import Documents, compile_documents
from flows.rules.reader import read_rule
from tests.unit.rules.drawn import RULES
from tests.unit.rules.mistakes import surroundings
from tests.unit.rules.test_starter import starter

DOCUMENTS = starter().documents
AROUND = surroundings()
WORDS = st.sampled_from(
    [
        "run",
        "of",
        "any",
        "{run",
        "10s",
        "8 of 10",
        "x[",
        "on",
        "a.b",
        "event",
        "gap",
        "1x9",
        "{a:{b}}",
        "true",
    ]
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), WORDS)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=6,
)


def places(plain: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values below."""
    below = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    return [path] + [found for key, value in below for found in places(value, (*path, key))]


def put(plain: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at a path."""
    if not path:
        return value
    found = copy.copy(plain)
    found[path[0]] = put(plain[path[0]], path[1:], value)
    return found


WHOLE: dict[str, Any] = {name: getattr(DOCUMENTS, name) for name in DOCUMENTS.__struct_fields__}
PLACES = [path for path in places(WHOLE) if len(path) > 1 and path != ("rules",)]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_value_of_any_kind_anywhere_is_a_finding_at_most(data: st.DataObject) -> None:
    """One value of the starter's streams, rules, purposes or profile is exchanged for anything."""
    changed = put(WHOLE, data.draw(st.sampled_from(PLACES)), data.draw(ANYTHING))
    found = 0
    with contextlib.suppress(RulesWrong):
        found = len(compile_documents(Documents(**changed)).rules)
    assert found in (0, len(DOCUMENTS.rules))


@settings(max_examples=100, deadline=None)
@given(
    text=st.one_of(
        st.text(max_size=80), st.lists(WORDS | st.sampled_from([":", "- ", "\n", "{", "}", ","])).map("".join)
    )
)
def test_any_text_is_read_without_an_exception(text: str) -> None:
    """YAML or not, rule or not."""
    mistakes = Mistakes()
    document = read_text(text, "f", mistakes)
    rule = None if document is None else read_rule(document, AROUND, mistakes)
    assert rule is not None or mistakes.found


@settings(max_examples=100, deadline=None)
@given(when=ANYTHING)
def test_any_pattern_is_read_without_an_exception(when: Any) -> None:
    """What is no pattern is said so."""
    mistakes = Mistakes()
    plain = {"rule": "r", "stream": "vehicle", "when": when, "limits": []}
    read_rule(locate(plain, "f"), AROUND, mistakes)
    assert mistakes.found


@settings(max_examples=150, deadline=None)
@given(data=st.data(), plain=RULES)
def test_any_value_in_any_rule_is_read_without_an_exception(
    data: st.DataObject, plain: dict[str, Any]
) -> None:
    """One value of a drawn rule, whatever it says, is exchanged for anything; its own tests are read after it."""
    case = {
        "name": "x",
        "events": [{"at": "0s", "type": "a.b"}],
        "expect": [{"at": "1h", "refused": "guard"}],
    }
    changed = put(plain, data.draw(st.sampled_from(places(plain)[1:])), data.draw(ANYTHING))
    mistakes = Mistakes()
    rule = read_rule(locate({**changed, "tests": [case]}, "f"), AROUND, mistakes)
    assert rule is not None or mistakes.found


@settings(max_examples=100, deadline=None)
@given(look_ups=ANYTHING)
def test_any_look_ups_are_read_without_an_exception(look_ups: Any) -> None:
    """Whatever stands in the file, it is a finding at most."""
    mistakes = Mistakes()
    found = read_look_ups(locate({"look_ups": {"stock": look_ups}}, "f"), mistakes)
    assert found.keys() == {"stock"}
    assert mistakes.found
