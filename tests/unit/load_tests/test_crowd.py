"""What the customers' legs are given, and what the plain count makes of it."""

from __future__ import annotations

import json
from collections import Counter

import msgspec

from flows.schema import Identity
from load_tests.crowd import Crowd, Known, Oracle, customer_of, fill, identity_of, probes, rush, warm

CROWD = Crowd(seed=7, customers=200, active=20, events=1_000, began=1_760_000_000_000)


def event(number: int, kind: str, **data: object) -> tuple[bytes, bytes]:
    return b"", json.dumps({"type": kind, "subject": f"shop:{number:07}", "data": data}).encode()


def test_the_same_seed_gives_the_same_bytes() -> None:
    """The flow, its objects alone and the oracle get the same events, and another seed gives others."""
    other = msgspec.structs.replace(CROWD, seed=8)
    for of in (fill, rush, probes):
        assert list(of(CROWD)) == list(of(CROWD)) != list(of(other))


def test_everybody_orders_once_and_few_go_on() -> None:
    """The fill is one order of each customer; all after it are of the active, and the last of them are orders."""
    filled = [json.loads(value) for _, value in fill(CROWD)]
    assert {e["type"] for e in filled} == {"order.placed"}
    assert Counter(e["subject"] for e in filled) == {f"shop:{n:07}": 1 for n in range(CROWD.customers)}
    went_on = [json.loads(value) for _, value in rush(CROWD)]
    assert len({e["subject"] for e in went_on}) == CROWD.active
    assert Counter(e["type"] for e in went_on).keys() == {"page.viewed", "order.placed", "message.posted"}
    assert {e["type"] for e in went_on[-10:]} == {"order.placed"}
    assert {e["subject"] for e in map(json.loads, dict(probes(CROWD)).values())} <= {
        e["subject"] for e in went_on
    }


def test_no_two_events_have_one_id_or_time() -> None:
    """Every event counts, and those of a customer come in the order of their times."""
    sent = [*warm(4, CROWD.began), *fill(CROWD), *rush(CROWD), *probes(CROWD)]
    events = [json.loads(value) for _, value in sent]
    assert len({e["id"] for e in events}) == len({e["time"] for e in events}) == len(events)
    assert [e["time"] for e in events] == sorted(e["time"] for e in events)


def test_identity_knows_every_account() -> None:
    """Each account is one customer's, and what is said of it stands under a token."""
    entries = {key: msgspec.json.decode(value, type=Identity) for key, value in identity_of(CROWD)}
    assert all(key.startswith(b"shop:") and len(key) == 37 for key in entries)
    assert {entry.customer for entry in entries.values()} == set(map(customer_of, range(CROWD.customers)))


def test_the_plain_count_thanks_twice() -> None:
    """Of five orders the small one is not thanked for, and of the others the first two are; all go into the profile."""
    oracle = Oracle()
    amounts = (80.0, 49.99, 50.0, 100.0, 60.0)
    oracle.take([event(3, "order.placed", amount=amount, brand="b") for amount in amounts])
    oracle.take([event(3, "message.posted", sentiment=0.5), event(3, "message.posted", sentiment=-0.25)])
    oracle.take([event(4, "page.viewed", page="/")])
    assert oracle.verdicts == {"acted": 2, "refused": 3}
    assert oracle.decisions == 5
    known = oracle.known[customer_of(3)]
    assert known == Known(spent=339.99, orders=5, last=60.0, mood=0.25, posted=2, thanked=2)
    right = {"lifetime_value": 339.99, "orders": 5, "last_amount": 60.0, "mood": 0.125}
    assert known.differs(right) is None
    assert known.differs(right | {"orders": 4}) == "orders is 4, 5 is right"
    assert oracle.known[customer_of(4)].differs({"lifetime_value": 0, "orders": 0, "last_amount": 0}) is None
