"""The JSON Schemas of the files: what the loader takes they take, and a misspelt field they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from flows.documents import Mistakes, locate
from flows.rules.json_schema import KINDS, schema_of
from flows.rules.load import Documents, compile_documents
from flows.rules.reader import read_rule
from tests.unit.rules.drawn import RULES
from tests.unit.rules.mistakes import surroundings
from tests.unit.rules.test_starter import starter

AROUND = surroundings()
DOCUMENTS = starter().documents
SCHEMAS = {kind: Draft202012Validator(schema_of(kind)) for kind in KINDS}
STREAMS: dict[str, Any] = {
    "streams": {
        "bus": {
            "topic": "buses",
            "device": "office",
            "time": "head.at",
            "unit": "rfc3339",
            "zone": "Europe/Berlin",
            "shape": "narrow",
            "metric": "name",
            "value": "value",
            "fields": {
                "coolant_c": {
                    "type": "float",
                    "from": "engine.coolant",
                    "scale": 0.1,
                    "offset": -40,
                    "range": [-60, None],
                },
                "mil": {"type": "enum", "values": ["off", "on"]},
            },
        },
        "tram": {
            "topic": "trams",
            "key": "head.id",
            "time": "head.at",
            "lateness": "30s",
            "max_ahead": "5m",
            "position": {"latitude": "gps.lat", "longitude": "gps.lon"},
            "fields": {"power_kw": {"type": "float", "derived": True}, "open": {"type": "bool"}},
            "attributes": {"hot_c": {"type": "float", "unit": "°C", "range": [0, 200]}},
            "things": "trams-known",
        },
    },
    "events": {
        "order.shipped": None,
        "order.placed": {
            "identifiers": {"email": "customer.email"},
            "fields": {"amount": {"type": "float", "unit": "EUR", "range": [0, None]}},
        },
    },
}
WHOLE: list[tuple[Any, dict[str, Any]]] = [
    ("streams", DOCUMENTS.streams),
    ("streams", STREAMS),
    ("purposes", DOCUMENTS.purposes),
    ("profile", DOCUMENTS.profile),
    ("sources", DOCUMENTS.sources),
    ("identity", DOCUMENTS.identity),
    ("look_ups", DOCUMENTS.look_ups),
    *(("rule", plain) for plain in DOCUMENTS.rules.values()),
]
# Below these every key is a name that the author chose.
CHOSEN = frozenset(
    {"streams", "events", "fields", "attributes", "purposes", "values", "severity", "identifiers"}
    | {"budgets", "sources", "kinds", "consent", "preferences", "reconcile"}
    | {"device", "profile", "roles", "readings", "data", "look_up", "look_ups", "consents", "start_process"}
)


def fields_of(plain: Any, last: Any = None, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all keys that are words of the language."""
    found: list[tuple[Any, ...]] = []
    if isinstance(plain, dict):
        # In `expect: [{do: [{NAME: {…}}]}]` the key is the name of an action, below it what it was given.
        chosen = last in CHOSEN or any(
            place[-back : 1 - back] == ("expect",) and place[2 - back] == "do" for back in (4, 5)
        )
        # What a look-up answers, in `given: {look_ups: {NAME: {FIELD: …}}}`.
        chosen = chosen or place[-3:-1] == ("given", "look_ups")
        for key, below in plain.items():
            found += [] if chosen else [(*place, key)]
            # A name that an author chose may be a word of the language: below it that means nothing.
            found += fields_of(below, None if chosen else key, (*place, key))
    elif isinstance(plain, list):
        for i, below in enumerate(plain):
            found += fields_of(below, None, (*place, i))
    return found


def misspelt(plain: Any, path: tuple[Any, ...]) -> Any:
    """The same with the key at a path written otherwise."""
    key, *rest = path
    if isinstance(plain, list):
        return [misspelt(below, tuple(rest)) if i == key else below for i, below in enumerate(plain)]
    if rest:
        return {k: misspelt(below, tuple(rest)) if k == key else below for k, below in plain.items()}
    return {f"{k}x" if k == key else k: below for k, below in plain.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_a_schema_of_the_draft_that_it_names(kind) -> None:
    """Editors read the draft from `$schema`."""
    Draft202012Validator.check_schema(schema_of(kind))
    assert schema_of(kind)["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize(("kind", "plain"), WHOLE)
def test_what_is_right_is_accepted(kind, plain) -> None:
    """Every file of the starter, and streams with all that they can say."""
    assert [error.message for error in SCHEMAS[kind].iter_errors(plain)] == []


def test_the_loader_takes_the_streams_that_say_all() -> None:
    """So that the two agree on what is right."""
    found = compile_documents(
        Documents(streams=STREAMS, rules={}, purposes={"purposes": {}}, profile={"values": {}})
    )
    assert sorted(found.streams) == ["bus", "tram"]


@settings(max_examples=150, deadline=None)
@given(plain=RULES)
def test_a_rule_that_the_loader_takes_is_accepted(plain: dict[str, Any]) -> None:
    """Whatever patterns, episodes, actions and limits it has."""
    mistakes = Mistakes()
    assert read_rule(locate(plain, "f"), AROUND, mistakes) is not None
    assert mistakes.found == []
    assert [error.message for error in SCHEMAS["rule"].iter_errors(plain)] == []


@settings(max_examples=150, deadline=None)
@given(data=st.data(), plain=RULES)
def test_a_misspelt_field_is_refused_by_loader_and_schema_alike(
    data: st.DataObject, plain: dict[str, Any]
) -> None:
    """Any one word of the language, anywhere in a rule."""
    wrong = misspelt(plain, data.draw(st.sampled_from(fields_of(plain))))
    mistakes = Mistakes()
    read_rule(locate(wrong, "f"), AROUND, mistakes)
    assert mistakes.found
    assert not SCHEMAS["rule"].is_valid(wrong)


@pytest.mark.parametrize(("kind", "plain"), WHOLE)
def test_every_word_of_every_file_is_held_to(kind, plain) -> None:
    """Each word of the starter's files, their tests included, is refused when it is misspelt."""
    for path in fields_of(plain):
        assert not SCHEMAS[kind].is_valid(misspelt(plain, path)), path


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_tells_an_editor_what_it_is_for(kind) -> None:
    """The text of a hover is the field's description."""

    def untold(schema: Any, path: str) -> list[str]:
        found: list[str] = []
        if isinstance(schema, list):
            return [each for i, below in enumerate(schema) for each in untold(below, f"{path}[{i}]")]
        if not isinstance(schema, dict):
            return found
        for name, below in schema.get("properties", {}).items():
            # What narrows a field that is described elsewhere needs no description.
            narrows = isinstance(below, bool) or "const" in below
            if not narrows and "description" not in below:
                found.append(f"{path}.{name}")
        return found + [each for key, below in schema.items() for each in untold(below, f"{path}.{key}")]

    assert untold(schema_of(kind), kind) == []
