"""Messages become items; what cannot be read goes whole to the dead letters."""

from __future__ import annotations

import pytest

from flows import ids
from flows.customers.decoding import Decoding, keys, normalised, private, time_of
from flows.customers.resolve import AlarmIn, EventIn, IdentityIn
from flows.customers.triggers import OutcomeOf
from flows.engine.sink import Outgoing
from flows.schema import CloudEvent, Identity, encode
from flows.topics.port import Message
from tests.unit.customers.world import T0, alarm, event, outcome

KEY = b"a tenant's key"
WHERE = keys(4, 8)


def message(value: bytes | None, key: bytes = b"k", offset: int = 5, partition: int = 2) -> Message:
    """A message as the bus gives it."""
    return Message("t", partition, offset, key, value, (), T0)


def decoding() -> Decoding:
    """With a key, four views and eight buckets."""
    return Decoding(WHERE, KEY, "dead-letters")


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


def test_a_phone_number_is_its_digits() -> None:
    """However it is spelled."""
    assert normalised("phone", "+49 (30) 123-45") == normalised("phone", "+493012345") == "+493012345"
    assert normalised("phone", "030 1") == "0301"


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
