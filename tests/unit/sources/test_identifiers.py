"""Identifiers come to one spelling and one token, whoever names them."""

from __future__ import annotations

import re

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from flows import ids
from flows.customers.decoding import Decoding, keys
from flows.customers.resolve import EventIn
from flows.schema import Event, encode
from flows.sources.identifiers import IdentifierRefused, identifier, is_thing, is_token, normalised, private
from flows.topics.port import Message

KEY = b"a tenant's key"

_labels = st.from_regex(r"[A-Za-z0-9-]{1,8}", fullmatch=True)
_tops = st.sampled_from(["de", "org", "LOCAL", "test", "arpa", "xn--p1ai", "c", "c1", "museum", "Onion"])
_locals = st.text("abcXYZ019._+-'!#ßÄéİ\u0301 \"", min_size=1, max_size=70)
# Addresses near the border of what is one, and of what the quick way takes.
addresses = st.builds(
    "{}@{}.{}".format, _locals, st.lists(_labels, min_size=0, max_size=3).map(".".join), _tops
) | st.builds("{}@{}.de".format, _locals, st.text("abßÄ東-.", min_size=1, max_size=8))


def by_library(value: str) -> str | None:
    """The obvious way: the library's normal form, folded; None when it refuses."""
    try:
        found = validate_email(value.strip(), check_deliverability=False)
    except EmailNotValidError:
        return None
    return f"{found.local_part}@{found.domain}"


def taken(kind: str, value: str, country: str = "") -> str | None:
    """The one spelling, None when it is refused."""
    try:
        return normalised(kind, value, country)
    except IdentifierRefused:
        return None


@given(addresses)
def test_an_address_is_what_the_library_makes_of_it_without_case(value: str) -> None:
    """The quick way for plain addresses takes and refuses what the library does, and folds what it leaves."""
    expected, found = by_library(value), taken("email", value)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found.casefold() == expected.casefold() or "\u0301" in value or "İ" in value
        assert found.rpartition("@")[2] == expected.rpartition("@")[2]


@given(addresses)
def test_all_spellings_of_an_address_come_to_one_token(value: str) -> None:
    """In capitals, in small letters, with white space around, and once more from its own spelling."""
    found = taken("email", value)
    if found is None:
        return
    assert taken("email", f"  {value} ") == found
    local, _, domain = value.rpartition("@")
    assert taken("email", f"{local}@{domain.swapcase() if domain.isascii() else domain}") == found
    if local.isascii():
        assert (
            taken("email", f"{local.upper()}@{domain}")
            == taken("email", f"{local.lower()}@{domain}")
            == found
        )


@given(addresses.filter(lambda value: taken("email", value) is not None))
def test_an_event_and_a_row_of_one_address_have_one_token(value: str) -> None:
    """What the decoder of events makes of a subject is what a source record holds, and never the address."""
    event = Event(id="e", source="web", type="click", subject=f"email:{value}", time="2025-10-09T08:53:20Z")
    message = Message("events", 0, 0, b"k", encode(event), (), 1_760_000_000_000)
    ((_, item),) = Decoding(keys(4, 8), KEY, "dead-letters").events([message])
    assert isinstance(item, EventIn)
    assert item.event.subject == identifier("email", value, KEY).token
    assert is_token(item.event.subject)


def test_domains_that_differ_stay_apart() -> None:
    """Two names that fold to the same are two domains: their owners are two people."""
    assert normalised("email", "ann@straße.de") != normalised("email", "ann@strasse.de")
    assert normalised("email", "ann@xn--strae-oqa.de") == normalised("email", "Ann@straße.de")


@pytest.mark.parametrize(
    ("value", "country", "expected"),
    [
        ("+49 (30) 123-4567", "", "+49301234567"),
        ("030 / 123 45 67", "DE", "+49301234567"),
        ("0049 30 1234567", "DE", "+49301234567"),
        ("+49301234567", "US", "+49301234567"),
        ("(212) 555-0123", "US", "+12125550123"),
        ("+39 06 1234 5678", "", "+390612345678"),
        ("+49 30 1234567 ext. 12", "", "+49301234567;ext=12"),
        ("+49301234567;ext=12", "", "+49301234567;ext=12"),
        ("tel:+49-30-1234567", "", "+49301234567"),
    ],
)
def test_a_phone_number_has_one_spelling(value: str, country: str, expected: str) -> None:
    """E.164, with the country that is declared for numbers without one; an extension is another phone."""
    assert normalised("phone", value, country) == expected
    assert normalised("phone", expected) == expected


@given(st.text("0123456789+()-/ .exttel:;", max_size=30), st.sampled_from(["", "DE", "US", "GB", "IT"]))
def test_what_becomes_of_a_phone_number_stays_as_it_is(value: str, country: str) -> None:
    """What is taken is E.164 and comes to itself, without a country or with any."""
    found = taken("phone", value, country)
    if found is not None:
        assert re.fullmatch(r"\+[1-9][0-9]{3,17}(;ext=[0-9]+)?", found)
        assert normalised("phone", found) == found


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        ("email", "ann", "must have an @-sign"),
        ("email", "ann@", "after the @-sign"),
        ("email", "Ann <ann@example.org>", "display name"),
        ("email", "ann@printer.local", "special-use"),
        ("phone", "call me", "is none"),
        ("phone", "030 1234567", "no country's code"),
        ("phone", "+49 1", "is none"),
        ("phone", "+1 212 555", "as many digits"),
        ("crm", "   ", "0 characters"),
        ("crm", "x" * 513, "513 characters"),
        ("crm", "\ud800", "not Unicode"),
    ],
)
def test_what_is_no_identifier_is_refused_in_plain_words(kind: str, value: str, why: str) -> None:
    """The sentence says why, and does not repeat what may be private."""
    with pytest.raises(IdentifierRefused, match=re.escape(why)) as refused:
        normalised(kind, value)
    assert value not in str(refused.value).replace(kind, "")


def test_other_kinds_are_taken_as_they_are() -> None:
    """Nobody knows how another system writes its numbers; only white space around them does not count."""
    assert normalised("loyalty", " 00-Ab 7 ") == "00-Ab 7"


def test_things_and_customers_are_no_secrets() -> None:
    """They come through as they are, and a token is known by its form."""
    for subject in ("device:veh-17", "order:9", "household:x", "customer:c-1"):
        assert private(subject, KEY) == subject
    assert private("crm:0031", KEY) == ids.token("crm", "0031", KEY)
    assert is_thing("order:9")
    assert not is_thing("crm:9")
    assert is_token(private("crm-2:0031", KEY))
    assert not is_token("crm:0031")


@pytest.mark.parametrize("subject", ["nobody", "crm:", ":1", "crm:" + "1" * 600, "crm: "])
def test_what_is_no_handle_is_refused(subject: str) -> None:
    """A handle is kind:value and not long."""
    with pytest.raises(IdentifierRefused):
        private(subject, KEY)
