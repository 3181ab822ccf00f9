"""Customers who order now, at a steady rate, and beside them perhaps one who does far more; started by the leg.

It prints one JSON line: how long it took, and how many events there were of the others and of the hot customer. What
the n-th of them was follows from n, but for its time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from flows.topics.kafka import KafkaTopics
from flows.topics.port import Writer
from flows.topics.sqlite import SqliteTopics
from load_tests.crowd import Message, account_of

HOT = 0
_TICK_S = 0.005


class Sent(msgspec.Struct, frozen=True):
    """What was sent: of the others and of the hot customer, both from the number on that was asked for."""

    seconds: float
    others: int
    hot: int


def other_event(n: int, customers: int, at: int) -> Message:
    """An order of one of the others, who take turns; the hot customer is none of them."""
    data = f'{{"amount":{10 + n % 90}.5,"brand":"b{n % 97}"}}'
    return _event(f"o{n}", 1 + n % (customers - 1), "order.placed", data, at)


def hot_event(n: int, at: int) -> Message:
    """What the hot customer does: looks, writes and orders in turn."""
    if n % 10 == 0:
        return _event(f"h{n}", HOT, "message.posted", f'{{"sentiment":{(n % 21 - 10) / 10}}}', at)
    if n % 5 == 1:
        return _event(f"h{n}", HOT, "order.placed", f'{{"amount":{10 + n % 90}.5,"brand":"b1"}}', at)
    return _event(f"h{n}", HOT, "page.viewed", f'{{"page":"/p/{n}"}}', at)


def drive(
    writer: Writer, topic: str, others: tuple[Callable[[int, int], Message], float],
    hot: tuple[Callable[[int, int], Message], float], seconds: float,
) -> Sent:  # fmt: skip
    """Send for a time; of each kind the event by its number and time (ms), and the rate."""
    began, sent = time.monotonic(), [0, 0]
    while (passed := time.monotonic() - began) < seconds:
        for kind, (make, rate) in enumerate((others, hot)):
            at = time.time_ns() // 1_000_000
            while sent[kind] < int(passed * rate):
                key, value = make(sent[kind], at)
                writer.write(topic, value, key=key)
                sent[kind] += 1
        writer.poll()
        # The embedded bus gathers what it is given; the other sends by itself.
        writer.flush()
        time.sleep(_TICK_S)  # this is the pace of the customers
    return Sent(time.monotonic() - began, *sent)


def _event(id_: str, number: int, kind: str, data: str, at: int) -> Message:
    said = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
    account = account_of(number)
    event = (
        f'{{"specversion":"1.0","id":"{id_}","source":"shop","type":"{kind}","subject":"{account}",'
        f'"time":"{said}","data":{data}}}'
    )
    return account.encode(), event.encode()


def main() -> None:
    """As the leg calls it."""
    parser = argparse.ArgumentParser(description="Customers who order now.")
    parser.add_argument("bus", choices=["sqlite", "kafka"])
    parser.add_argument("address")
    parser.add_argument("topic")
    for name, kind in (
        ("customers", int),
        ("others", float),
        ("hot", float),
        ("seconds", float),
        ("first-other", int),
        ("first-hot", int),
    ):
        parser.add_argument(f"--{name}", type=kind, required=True)
    chosen: Any = parser.parse_args()
    bus = SqliteTopics(Path(chosen.address)) if chosen.bus == "sqlite" else KafkaTopics(chosen.address)
    writer = bus.writer()

    def other(n: int, at: int) -> Message:
        return other_event(chosen.first_other + n, chosen.customers, at)

    def hot(n: int, at: int) -> Message:
        return hot_event(chosen.first_hot + n, at)

    sent = drive(writer, chosen.topic, (other, chosen.others), (hot, chosen.hot), chosen.seconds)
    print(msgspec.json.encode(sent).decode(), flush=True)


if __name__ == "__main__":
    main()
