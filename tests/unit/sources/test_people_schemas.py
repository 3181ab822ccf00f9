"""The JSON Schemas of `sources.yaml` and `identity.yaml`: they take what the reader takes, and no misspelt words."""

from __future__ import annotations

from textwrap import dedent

import pytest
from jsonschema import Draft202012Validator

from flows.documents import Mistakes, read_text
from flows.rules.json_schema import Kind, schema_of
from tests.unit.sources.files import IDENTITY, SOURCES, identity, sources


def valid(kind: Kind, text: str) -> bool:
    """Whether a document is valid under its schema, which is a schema itself."""
    schema = schema_of(kind)
    Draft202012Validator.check_schema(schema)
    document = read_text(dedent(text), "f", Mistakes())
    assert document is not None
    return Draft202012Validator(schema).is_valid(document.plain())


RECONCILED = SOURCES + "reconcile: {default: last_updated, language: {source_order: [crm, shop]}}\n"
KINDS = "kinds: {crm: {per_person: 1}, email: {shared_above: 3, expires: 90d}, phone: }\n" + IDENTITY


def test_what_the_reader_takes_is_valid() -> None:
    """Short and long forms, with all that there is."""
    for text in (SOURCES, RECONCILED, "sources: {}"):
        assert (valid("sources", text), sources(text)[1]) == (True, [])
    for text in (IDENTITY, KINDS, "{}"):
        assert (valid("identity", text), identity(text)[1]) == (True, [])


@pytest.mark.parametrize(
    "text",
    [
        "source: {}",
        "sources: {crm: {}}",
        "sources: {Crm: {key: a}}",
        "sources: {crm: {key: a, atributes: {}}}",
        "sources: {crm: {key: a, identifiers: {email: {form: m}}}}",
        "sources: {crm: {key: a, unit: fortnight}}",
        "sources: {crm: {key: a, roles: [{role: owner}]}}",
        "sources: {crm: {key: a, roles: [{role: owner, device: d, order: o}]}}",
        "sources: {crm: {key: a, consent: newsletter}}",
        "sources: {crm: {key: a, preferences: {n: {from: a, personal: true}}}}",
        "sources: {crm: {key: a}}\nreconcile: {default: newest}",
    ],
)
def test_a_source_of_the_wrong_form_is_not_valid(text: str) -> None:
    """The reader refuses it too."""
    assert (valid("sources", text), sources(text)[1] != []) == (False, True)


@pytest.mark.parametrize(
    "text",
    [
        "kind: {}",
        "kinds: {crm: {per_person: 0}}",
        "kinds: {email: {expires: 90}}",
        "kinds: {email: {per_person: 1, shared_above: 1}}",
        "match: email",
        "match: [[]]",
        "match: [[phone, phone]]",
        "match: [email, email]",
    ],
)
def test_an_identity_of_the_wrong_form_is_not_valid(text: str) -> None:
    """The reader refuses it too."""
    assert (valid("identity", text), identity(text)[1] != []) == (False, True)
