"""A row becomes one record; what is broken in it costs itself alone."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import ids
from flows.schema_people import Attested, Consent
from flows.sources.identifiers import IdentifierRefused, normalised
from flows.sources.mapping import Mapped, Mapper
from flows.sources.model import RoleClaim, Source
from flows.sources.row import Row, RowRefused, row_of
from tests.unit.sources.files import identity, sources

KEY = b"a tenant's key"
AT = 1_760_000_000_000
ROW: dict[str, Any] = {
    "contact_id": 31,
    "updated_at": "2025-10-09T08:53:20Z",
    "mail": " Ann@Example.org",
    "contact": {"work": "ann@work.example.org"},
    "phone": "030 1234567",
    "card_no": "x-7",
    "vin": ["veh-1", "veh-2"],
    "bought_at": "2024-01-01",
    "home": "h-1",
    "lang": "de",
    "score": 0.5,
    "born": "1980-02-01",
    "newsletter": "YES",
    "consent_at": "2024-05-01T00:00:00+02:00",
    "mails": False,
    "preferred_channel": "email",
    "tz": "Europe/Berlin",
}

SENT = {"id": "1", "source": "crm", "type": "record.changed", "specversion": "1.0"}


@cache
def mapper(matching: str = "match: [email, [phone, birth_date], birth_date]") -> Mapper:
    """Of the sources that these tests share."""
    return Mapper(sources()[0], identity(matching)[0], KEY)


def mapped(row: dict[str, Any], **envelope: Any) -> Mapped:
    """What becomes of a row of the CRM, as it comes on the topic."""
    return mapper().mapped(row_of(msgspec.json.encode({**SENT, "data": row, **envelope})))


def refused(row: dict[str, Any], **envelope: Any) -> tuple[str, str]:
    """(reason, message) of a row that is refused as a whole."""
    with pytest.raises(RowRefused) as error:
        mapped(row, **envelope)
    return error.value.reason, str(error.value)


def token(kind: str, value: str) -> str:
    """The token of a value in its one spelling."""
    return ids.token(kind, value, KEY)


def test_a_row_in_canonical_form() -> None:
    """Its own id first, tokens for what is personal, things as they are, every value with its source and time."""
    found = mapped(ROW)
    record = found.record
    assert found.refused == ()
    assert (record.source, record.handle, record.at, record.deleted) == ("crm", token("crm", "31"), AT, False)
    assert [(one.kind, one.token, one.value) for one in record.identifiers] == [
        (kind, token(kind, value), value)
        for kind, value in [
            ("crm", "31"),
            ("email", "ann@example.org"),
            ("email", "ann@work.example.org"),
            ("phone", "+49301234567"),
            ("loyalty", "x-7"),
        ]
    ]
    bought = 1_704_063_600_000  # midnight in Berlin
    assert record.roles == (
        RoleClaim(role="owner", thing="device:veh-1", since=bought),
        RoleClaim(role="owner", thing="device:veh-2", since=bought),
        RoleClaim(role="member", thing="household:h-1"),
    )
    assert record.attributes == {
        "language": Attested(value="de", source="crm", at=AT),
        "score": Attested(value=0.5, source="crm", at=AT),
    }
    assert record.personal == {"birth_date": Attested(value="1980-02-01", source="crm", at=AT)}
    assert record.consents == {
        "marketing": Consent(granted=True, source="crm", at=1_714_514_400_000),
        "service": Consent(granted=False, source="crm", at=AT),
    }
    assert record.preferences == {"channel": Attested(value="email", source="crm", at=AT)}
    assert record.time_zone == Attested(value="Europe/Berlin", source="crm", at=AT)


def test_what_matches_only_together_is_one_token() -> None:
    """The same in two systems that spell it differently, another when one part differs, none when one is missing."""
    both = mapped(ROW).record.composites
    assert [one.partition(":")[0] for one in both] == ["phone+birth_date", "birth_date"]
    assert mapped({**ROW, "phone": "+49 30 123 45 67", "born": " 1980-02-01 "}).record.composites == both
    other = mapped({**ROW, "born": "1980-02-02"}).record.composites
    assert set(other).isdisjoint(both)
    assert mapped({**ROW, "phone": None}).record.composites == both[1:]
    shop = {"id": 7, "t": 1_760_000_000, "birthday": "1980-02-01"}
    assert mapped(shop, source="shop").record.composites == both[1:]


def test_several_of_a_kind_match_with_each() -> None:
    """Whoever has two addresses is found by either, together with the rest."""
    made = mapper("match: [[email, birth_date]]")
    sent = {"id": "1", "source": "crm", "type": "record.changed", "specversion": "1.0"}
    one = made.record_of(row_of(msgspec.json.encode({**sent, "data": {**ROW, "contact": None}})))
    two = made.record_of(row_of(msgspec.json.encode({**sent, "data": ROW})))
    assert (len(one.composites), len(two.composites)) == (1, 2)
    assert set(one.composites) < set(two.composites)


def test_no_value_stands_in_the_tokens() -> None:
    """All but the values for the vault may go on a topic."""
    record = mapped(ROW).record
    public = [record.handle, *record.composites, *(one.token for one in record.identifiers)]
    for one in public:
        assert all(part in "0123456789abcdef" for part in one.partition(":")[2])
        assert len(one.partition(":")[2]) == 32


def test_a_deleted_row_has_its_handle_and_its_time() -> None:
    """Named by the subject or by what is left of the row."""
    for row, subject in [({}, "31"), ({"contact_id": "31"}, ""), ({**ROW, "mail": "none"}, "31")]:
        found = mapped(row, subject=subject, type="record.deleted", time="2025-10-09T08:53:20Z")
        assert found.refused == ()
        assert found.record == msgspec.structs.replace(
            found.record, handle=token("crm", "31"), at=AT, deleted=True, identifiers=(), composites=()
        )
        assert (found.record.roles, found.record.personal) == ((), {})


def test_the_time_of_the_row_counts_before_that_of_its_message() -> None:
    """The message's is for sources that have none, and for rows that leave it out."""
    assert mapped(ROW, time="2020-01-01T00:00:00Z").record.at == AT
    late = {**ROW, "updated_at": None}
    assert mapped(late, time="2020-01-01T00:00:00Z").record.at == 1_577_836_800_000
    assert mapped({"id": "a", "t": "1760000000"}, source="shop").record.at == AT
    assert mapped({"id": "a", "t": "1760000000.5"}, source="shop").record.at == AT + 500


@pytest.mark.parametrize(
    ("row", "envelope", "reason", "said"),
    [
        (ROW, {"source": "cmr"}, "unknown_source", "Did you mean 'crm'?"),
        (ROW, {"type": "record.moved"}, "unknown_type", "neither record.changed nor record.deleted"),
        ({}, {}, "missing_field", "contact_id is missing, and no subject is named instead"),
        ({**ROW, "contact_id": "  "}, {}, "missing_field", "contact_id is missing"),
        (
            {**ROW, "contact_id": {"a": 1}},
            {},
            "wrong_type",
            "contact_id is neither a text nor a whole number",
        ),
        ({**ROW, "contact_id": 1.5}, {}, "wrong_type", "contact_id is neither a text nor a whole number"),
        ({**ROW, "contact_id": "x" * 600}, {}, "bad_identifier", "the crm has 600 characters"),
        (ROW, {"subject": "32"}, "two_ids", "is not the subject that is named beside it"),
        ({**ROW, "updated_at": "yesterday"}, {}, "wrong_type", "updated_at is not an RFC 3339 text"),
        ({**ROW, "updated_at": 5}, {}, "wrong_type", "updated_at is not an RFC 3339 text"),
        (
            {"contact_id": 1},
            {},
            "missing_field",
            "updated_at is missing, and the message names no time either",
        ),
        ({"contact_id": 1}, {"time": "2025-10-09T08:53:20"}, "wrong_type", "the message's time has no zone"),
        ({**ROW, "mail": [f"a{i}@x.org" for i in range(64)]}, {}, "too_big", "68 identifiers"),
        ({**ROW, "mail": ["a@x.org"] * 65}, {}, "too_big", "mail holds 65 values"),
        ({**ROW, "vin": [f"v{i}" for i in range(64)]}, {}, "too_big", "65 roles"),
    ],
)
def test_a_row_that_cannot_be_taken_is_refused_with_its_reason(
    row: dict[str, Any], envelope: dict[str, Any], reason: str, said: str
) -> None:
    """The reason is a dead letter's, the sentence says what is wrong."""
    found, message = refused(row, **envelope)
    assert found == reason
    assert said in message


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff", "not_json"),
        (b"[]", "wrong_type"),
        (b'{"id":"1","source":"crm","type":"record.changed","data":[]}', "wrong_type"),
        (b"[" * 100_000, "wrong_type"),
        (b" " * (1 << 20) + b"{}", "too_big"),
        (b'{"id":"1","source":"crm","type":"record.changed","data":{"a":' + b"[" * 100_000, "too_deep"),
    ],
)
def test_what_is_no_row_is_refused(value: bytes, reason: str) -> None:
    """Whatever the bytes are."""
    with pytest.raises(RowRefused) as error:
        row_of(value)
    assert error.value.reason == reason


@pytest.mark.parametrize(
    ("field", "value", "path", "said"),
    [
        ("mail", "ann", "mail", "must have an @-sign"),
        ("mail", ["ann", "ann@example.org"], "mail", "must have an @-sign"),
        ("mail", {"a": 1}, "mail", "neither a text nor a whole number"),
        ("mail", [True, "ann@example.org"], "mail", "neither a text nor a whole number"),
        ("phone", "ask me", "phone", "the phone number is none"),
        ("card_no", "x" * 600, "card_no", "600 characters"),
        ("vin", "v" * 600, "vin", "more than 512 characters"),
        ("vin", 1.5, "vin", "neither a text nor a whole number"),
        ("bought_at", "long ago", "vin", "the owner's bought_at is not an RFC 3339 text"),
        ("sold_at", "2023-01-01", "vin", "sold_at is not after bought_at"),
        ("lang", ["de"], "lang", "neither a text nor a number"),
        ("lang", "x" * 2000, "lang", "longer than 1024"),
        ("score", 1 << 60, "score", "neither a text nor a number"),
        ("consent_at", "soon", "consent_at", "is not an RFC 3339 text"),
        ("tz", "Europe/Berlim", "tz", "no IANA time zone"),
        ("tz", "../../etc/passwd", "tz", "no IANA time zone"),
    ],
)
def test_a_broken_value_costs_itself_alone(field: str, value: Any, path: str, said: str) -> None:
    """It is told with its path, and all that does not hang on it is as in a row without it."""
    found = mapped({**ROW, field: value})
    assert {one.path for one in found.refused} == {path}
    assert said in found.refused[0].message
    whole = mapped(ROW).record
    same = [
        name
        for name in (
            "handle",
            "at",
            "identifiers",
            "roles",
            "attributes",
            "personal",
            "consents",
            "time_zone",
        )
        if getattr(found.record, name) == getattr(whole, name)
    ]
    assert len(same) >= 7 or (field == "mail" and isinstance(value, list))


@pytest.mark.parametrize(
    ("value", "granted"),
    [
        *((yes, True) for yes in ("yes", " Yes ", True, 1, "true")),
        *((no, False) for no in ("no", "ja", False, 0, {"yes": 1}, ["yes"])),
        *((nothing, None) for nothing in (None, "")),
    ],
)
def test_a_consent_is_a_yes_only_in_the_words_that_are_declared(value: Any, granted: bool | None) -> None:
    """Whatever else stands there is a no; nothing there says nothing."""
    found = mapped({**ROW, "newsletter": value}).record.consents.get("marketing")
    assert (None if found is None else found.granted) == granted


def test_a_consent_whose_time_is_none_counts_from_the_row() -> None:
    """A no must not be lost."""
    found = mapped({**ROW, "newsletter": "no", "consent_at": "soon"}).record
    assert found.consents["marketing"] == Consent(granted=False, source="crm", at=AT)


def test_a_role_from_before_1970_holds_from_ever() -> None:
    """A car of 1965, and the first of January 1900 that many systems write for always."""
    found = mapped({**ROW, "vin": "veh-1", "bought_at": "1900-01-01", "sold_at": "9999-12-31"})
    assert found.refused == ()
    assert found.record.roles[0].since is None
    assert found.record.roles[0].until is not None


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
odd = st.recursive(
    scalars,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below, max_size=3),
)


@given(st.dictionaries(st.sampled_from([*ROW, "contact.work", "sold_at"]), odd, max_size=6))
def test_whatever_a_row_holds_it_is_taken_or_refused(changed: dict[str, Any]) -> None:
    """Nothing else is raised, and the row's own id and time are right whenever it is taken."""
    row = {**ROW, **changed}
    sent = {"id": "1", "source": "crm", "type": "record.changed", "specversion": "1.0", "data": row}
    try:
        record = mapper().record_of(row_of(msgspec.json.encode(sent)))
    except RowRefused:
        return
    assert record.identifiers[0].token == record.handle
    assert 0 < record.at < 1 << 53


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["mail", "phone", "card_no"]),
            st.sampled_from(
                ["a@x.org", "A@X.org", "b@x.org", "030 1234567", "+4930 1234567", "x", " ", "x "]
            ),
        ),
        max_size=5,
        unique_by=lambda pair: pair[0],
    )
)
def test_the_identifiers_are_those_that_can_be_read(pairs: list[tuple[str, str]]) -> None:
    """Against one by one: what normalises is there once, what does not is told."""
    kinds = {"mail": "email", "phone": "phone", "card_no": "loyalty"}
    expected, wrong = set[tuple[str, str]](), 0
    for path, value in pairs:
        if not value.strip():
            continue
        try:
            expected.add((kinds[path], normalised(kinds[path], value, "DE" if path == "phone" else "")))
        except IdentifierRefused:
            wrong += 1
    found = mapped({"contact_id": 1, "updated_at": ROW["updated_at"], **dict(pairs)})
    assert {(one.kind, one.value) for one in found.record.identifiers[1:]} == expected
    assert len(found.refused) == wrong


def test_a_time_far_ahead_of_when_the_row_came_is_not_believed() -> None:
    """Five minutes are a fast clock; beyond that the row is refused, and of a consent the time alone."""
    event = row_of(msgspec.json.encode({**SENT, "data": ROW}))
    assert mapper().mapped(event, AT - 300_000).record.at == AT
    with pytest.raises(RowRefused, match="updated_at is over 5 min ahead") as error:
        mapper().mapped(event, AT - 300_001)
    assert error.value.reason == "future"
    untimed = row_of(msgspec.json.encode({**SENT, "data": {"contact_id": 1}, "time": "2999-01-01T00:00:00Z"}))
    with pytest.raises(RowRefused, match="the message's time is over 5 min ahead"):
        mapper().mapped(untimed, AT)
    promised = {**ROW, "consent_at": "2999-01-01T00:00:00Z", "sold_at": "2999-01-01"}
    found = mapper().mapped(row_of(msgspec.json.encode({**SENT, "data": promised})), AT)
    assert [one.reason for one in found.refused] == ["future"]
    assert found.record.consents["marketing"] == Consent(granted=True, source="crm", at=AT)
    assert found.record.roles[0].until is not None


@pytest.mark.parametrize(
    ("time", "said"),
    [
        ("2025-10-09T08:53:20", "t has no zone: declare the source's `zone`"),
        (1_760_000_000, "such as 2026-03-01T08:00:00Z: declare the source's `unit` if it is a number"),
    ],
)
def test_a_time_that_is_none_says_how_to_mend_it(time: Any, said: str) -> None:
    """By what is to be declared of the source; and it says where the value stands."""
    with pytest.raises(RowRefused) as error:
        Row({"t": time}, Source(name="crm", key="id", time="t")).moment("t")
    assert said in str(error.value)
    assert error.value.path == "t"


def test_no_value_is_in_a_repr() -> None:
    """Of the row as it was sent, of what becomes of it, and of its identifiers."""
    sent = row_of(msgspec.json.encode({**SENT, "subject": "31", "data": ROW}))
    found = mapper().mapped(sent)
    told = repr((sent, found, found.record.identifiers)).lower()
    assert found.record.handle in told
    assert not any(value in told for value in ("ann@", "30123", "x-7", "1980", "veh-1", "'31'"))


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("1980-02-01", "1980-02-01T00:00:00Z", True),
        ("1980-02-01", "1980-02-01 00:00:00.000", True),
        ("1980-02-01", "19800201", True),
        ("1980-02-01", "1980/2/1", True),
        ("1980-02-01", "01.02.1980", True),
        ("1980-02-01", "1.2.1980", True),
        ("1980-02-13", "02/13/1980", True),
        ("1980-02-13", "13/02/1980", True),
        ("1980-02-02", "2/2/1980", True),
        ("1980-02-01", "02/01/1980", False),
        ("1980-02-01", "1980-02-01T12:00:00Z", False),
        ("1980-02-30", "30.02.1980", False),
        ("1980-02-01", "1980-02-10", False),
        ("Straße  5", "STRASSE 5", True),
    ],
)
def test_attributes_match_whatever_their_spelling(one: str, two: str, same: bool) -> None:
    """A date by its day, unless day and month could be either way round; any other text without case and odd spaces."""
    tokens = [mapped({**ROW, "born": born}).record.composites for born in (one, two)]
    assert (tokens[0] == tokens[1]) is same
