"""Messages become items; what cannot be read goes whole to the dead letters."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from flows import ids
from flows.customers.decoding import Decoding, keys, time_of
from flows.customers.resolve import AlarmIn, EventIn, IdentityIn
from flows.customers.triggers import OutcomeOf
from flows.engine.sink import Outgoing
from flows.schema import CloudEvent, Identity, encode
from flows.sources.identifiers import private
from flows.streams import EventType, Field
from flows.topics.port import Message
from tests.unit.customers.world import T0, alarm, event, outcome

KEY = b"a tenant's key"
WHERE = keys(4, 8)


def message(value: bytes | None, key: bytes = b"k", offset: int = 5, partition: int = 2) -> Message:
    """A message as the bus gives it."""
    return Message("t", partition, offset, key, value, (), T0)


def decoding(*declared: EventType) -> Decoding:
    """With a key, four views and eight buckets."""
    return Decoding(WHERE, KEY, "dead-letters", lambda: {one.name: one for one in declared})


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b'{"id": 1}',
        b"\xff\xfe",
        b"[" * 20_000,
        b'{"id":"e","source":"s","type":"t","subject":"x"}',
    ],
)
def test_a_broken_message_goes_whole_to_the_dead_letters_and_the_batch_goes_on(value: bytes) -> None:
    """Its neighbours come through; the letter says where it lay and why."""
    good = message(encode(event("click", "crm:1", 1)))
    first, broken, last = decoding().events([good, message(value, offset=6), good])
    assert isinstance(first[1], EventIn)
    assert isinstance(last[1], EventIn)
    letter = broken[1]
    assert isinstance(letter, Outgoing)
    assert (letter.topic, letter.key, letter.value) == ("dead-letters", b"k", value)
    headers = dict(letter.headers)
    assert headers["__connect.errors.offset"] == b"6"
    assert headers["__connect.errors.partition"] == b"2"
    assert headers["__connect.errors.exception.message"]


@pytest.mark.parametrize(("ahead", "buried"), [(300_000, False), (300_001, True)])
def test_an_event_of_the_future_goes_to_the_dead_letters(ahead: int, buried: bool) -> None:
    """A producer's wrong clock decides nothing about anybody, and five minutes are no wrong clock."""
    time = datetime.fromtimestamp((T0 + ahead) / 1000, UTC).isoformat()
    said = msgspec.structs.replace(event("click", "crm:1", 1), time=time)
    ((_, found),) = decoding().events([message(encode(said))])
    assert isinstance(found, Outgoing if buried else EventIn)
    if buried:
        assert dict(found.headers)["__connect.errors.exception.class.name"] == b"future"


@pytest.mark.parametrize(
    ("subject", "time"),
    [
        ("nobody", "2025-10-09T08:53:20Z"),
        ("crm:", "2025-10-09T08:53:20Z"),
        ("crm:1", "2025-10-09T08:53:20"),
        ("crm:1", "soon"),
    ],
)
def test_an_event_without_a_handle_or_an_exact_time_is_a_dead_letter(subject: str, time: str) -> None:
    """A local time without its offset is no time."""
    broken = {"id": "e", "source": "s", "type": "t", "subject": subject, "time": time, "specversion": "1.0"}
    ((_, letter),) = decoding().events([message(encode(broken))])
    assert isinstance(letter, Outgoing)


def test_personal_identifiers_are_tokens_behind_the_decoder_and_things_are_not() -> None:
    """Neither the item nor its key holds the address; spellings of one address give one token."""
    items = decoding().events(
        [message(encode(event("click", s, 1))) for s in ("email:A@b.c ", "email:a@B.C")]
    )
    assert items[0] == items[1]
    assert "a@b.c" not in repr(items).lower()
    found = items[0][1]
    assert isinstance(found, EventIn)
    assert found.event.subject == ids.token("email", "a@b.c", KEY)
    assert private("device:veh-17", KEY) == "device:veh-17"
    assert private("order:9", KEY) == "order:9"
    assert private("customer:c-1", KEY) == "customer:c-1"
    assert private("crm:17", KEY) != "crm:17"


def test_an_identifier_that_is_none_of_its_kind_is_a_dead_letter_that_does_not_repeat_it() -> None:
    """A number without a country is nobody's: the letter says so in a sentence that may go into a log."""
    ((_, letter),) = decoding().events([message(encode(event("click", "phone:030 123456", 1)))])
    assert isinstance(letter, Outgoing)
    headers = dict(letter.headers)
    assert headers["__connect.errors.exception.class.name"] == b"bad_identifier"
    assert b"country" in headers["__connect.errors.exception.message"]
    assert b"123456" not in headers["__connect.errors.exception.message"]


def test_times_are_milliseconds_in_utc() -> None:
    """An offset is taken into account, fractions are cut to ms."""
    assert time_of("2025-10-09T10:53:20.1239+02:00") == T0 + 123


def test_an_alarm_goes_to_the_view_that_knows_its_device() -> None:
    """The same partition in which identity keeps the thing."""
    ((key, found),) = decoding().alarms([message(encode(alarm()))])
    assert found == AlarmIn(alarm())
    assert key == WHERE.identity[ids.partition_of(b"device:veh-17", 4)]


def test_an_outcome_goes_to_the_bucket_of_its_customer() -> None:
    """Out of its CloudEvents envelope."""
    mine = outcome("a1", "c-ann", "failed")
    sent = CloudEvent(
        id="a1", source="x", type="telltale.outcome.failed", subject="c-ann", time="", data=mine
    )
    ((key, found),) = decoding().outcomes([message(encode(sent))])
    assert (key, found) == (WHERE.of_customer("c-ann"), OutcomeOf(mine))


def test_identity_goes_to_its_partition_and_survivors_to_every_view() -> None:
    """Any view may name a customer who was merged."""
    plain = message(encode(Identity(number=1, customer="c-1")), key=b"crm:1")
    merged = message(encode(Identity(number=2, survivor="c-2")), key=b"c-1")
    gone = message(None, key=b"crm:1")
    ((key, found),) = decoding().identity([plain])
    assert (key, found) == (WHERE.identity[2], IdentityIn("crm:1", Identity(number=1, customer="c-1")))
    assert [name for name, _ in decoding().identity([merged])] == list(WHERE.identity)
    assert all(item == IdentityIn("crm:1", None) for _, item in decoding().identity([gone]))


ORDER = EventType(
    name="order.placed",
    identifiers={"email": "customer.email", "device": "vin"},
    fields=(
        Field(name="amount", type="float", low=0.0, source="cents", scale=0.01),
        Field(name="item", type="text"),
        Field(name="kind", type="enum", values=("web", "shop")),
    ),
)


def sent(data: object, **more: object) -> Message:
    """An order as a shop sends it."""
    envelope = {
        "id": "e",
        "source": "s",
        "type": "order.placed",
        "time": "2025-10-09T08:53:20Z",
        "data": data,
    }
    return message(msgspec.json.encode({**envelope, **more}))


def read(data: object, **more: object) -> tuple[list[EventIn], list[tuple[str, bytes]]]:
    """(the events, (reason, value) of the dead letters) of one order."""
    found = [item for _, item in decoding(ORDER).events([sent(data, **more)])]
    letters = [item for item in found if isinstance(item, Outgoing)]
    reasons = [dict(letter.headers)["__connect.errors.exception.class.name"] for letter in letters]
    events = [item for item in found if isinstance(item, EventIn)]
    return events, [(r.decode(), v.value or b"") for r, v in zip(reasons, letters, strict=True)]


@pytest.mark.parametrize(
    ("data", "more", "subject"),
    [
        ({"customer": {"email": "A@b.c"}, "vin": "v1"}, {}, ids.token("email", "a@b.c", KEY)),
        ({"vin": "v1"}, {}, "device:v1"),
        ({"customer": {"email": ""}, "vin": 17}, {}, "device:17"),
        ({"vin": "v1"}, {"subject": "order:9"}, "order:9"),
    ],
)
def test_the_first_identifier_is_the_subject_of_an_event_that_names_none(
    data: object, more: dict[str, object], subject: str
) -> None:
    """In the order of the declaration; personal ones are tokens as any subject is."""
    ((event,), dead) = read(data, **more)
    assert (event.event.subject, dead) == (subject, [])


def test_an_event_of_nobody_is_a_dead_letter() -> None:
    """It names no subject and carries none of the identifiers of its type."""
    events, dead = read({"customer": {"email": None}})
    assert (events, [reason for reason, _ in dead]) == ([], ["missing_field"])


def test_declared_data_are_read_from_their_places() -> None:
    """Scaled and renamed as declared; what is not declared stays as it came."""
    ((event,), dead) = read({"vin": "v", "cents": 1250, "item": "hat", "kind": "web", "more": [1]})
    assert event.event.data == {
        "vin": "v", "cents": 1250, "amount": 12.5, "item": "hat", "kind": "web", "more": [1],
    }  # fmt: skip
    assert dead == []


@pytest.mark.parametrize("wrong", [{"cents": "12"}, {"item": 7}, {"kind": True}, {"cents": {"eur": 1}}])
def test_a_declared_value_of_the_wrong_type_costs_the_event(wrong: dict[str, object]) -> None:
    """It goes whole to the dead letters."""
    events, dead = read({"vin": "v", **wrong})
    assert (events, [reason for reason, _ in dead]) == ([], ["wrong_type"])


@pytest.mark.parametrize(("wrong", "field"), [({"cents": -1}, "amount"), ({"kind": "phone"}, "kind")])
def test_a_declared_value_out_of_range_is_missing(wrong: dict[str, object], field: str) -> None:
    """The event goes on without it, and a copy goes to the dead letters."""
    ((event,), dead) = read({"vin": "v", "amount": 3, **wrong})
    assert field not in event.event.data
    assert [reason for reason, _ in dead] == ["out_of_range"]
    assert dead[0][1] == sent({"vin": "v", "amount": 3, **wrong}).value


def test_a_type_that_is_not_declared_passes_unchecked() -> None:
    """As all do when none are declared."""
    ((event,), dead) = read({"cents": "x"}, type="click", subject="crm:1")
    assert (event.event.data, dead) == ({"cents": "x"}, [])
