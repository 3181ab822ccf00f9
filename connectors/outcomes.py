"""Publishing outcomes once: the ledger says what is still to be published, the topic says what already was."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from connectors.ledger import Ledger, Settled
from flows.schema import Action, CloudEvent, Outcome, OutcomeStatus, encode
from flows.topics.port import Topics, Writer

_AT_ONCE = 1_000


class _Known(msgspec.Struct, frozen=True):
    """What is read of an outcome to know it again."""

    id: str


_known = msgspec.json.Decoder(_Known)


class Outcomes:
    """The way from the ledger to the topic `outcomes`.

    A kill between writing and confirming leaves a row that the topic may hold or not: `reconcile` reads the topic
    from the ledger's marks to its end, once, before anything is published. What a dead process had sent must have
    arrived by then; the ledger's lock is free only after that process is gone.
    """

    def __init__(self, ledger: Ledger, topics: Topics, writer: Writer, topic: str) -> None:
        self._ledger, self._topics, self._writer, self._topic = ledger, topics, writer, topic

    def reconcile(self) -> None:
        """Confirm the recorded outcomes that the topic holds behind the marks; raises TopicMissing."""
        marks = self._ledger.marks()
        if not marks:  # a new ledger: nothing was ever published from here
            self.advance()
            return
        for partition in range(self._topics.partitions(self._topic)):
            bounds = self._topics.bounds(self._topic, partition)
            self._confirm_found(partition, max(marks.get(partition, 0), bounds.low), bounds.end)

    def publish(self) -> None:
        """Write all that is not confirmed, wait until the bus has it, and confirm it; raises DeliveryFailed."""
        while waiting := self._ledger.unconfirmed(_AT_ONCE):
            for settled in waiting:
                self._writer.write(self._topic, settled.value, key=settled.key)
            self._writer.flush()
            self._ledger.confirm(settled.id for settled in waiting)

    def advance(self) -> None:
        """Remember the topic's ends while nothing is unconfirmed, so that the next start reads from there."""
        partitions = range(self._topics.partitions(self._topic))
        self._ledger.mark({each: self._topics.bounds(self._topic, each).end for each in partitions})

    def _confirm_found(self, partition: int, start: int, end: int) -> None:
        """Confirm what stands in one partition between two offsets."""
        if start >= end:
            return
        reader = self._topics.reader(self._topic, partition, start)
        try:
            while reader.position < end:
                self._ledger.confirm(
                    known for message in reader.read(_AT_ONCE, wait=0.2) if (known := _id_of(message.value))
                )
        finally:
            reader.close()


def settled(
    action: Action, status: OutcomeStatus, now: int, connector: str, *, reason: str = "", reference: str = ""
) -> Settled:
    """The record of an outcome, with its message: a CloudEvent whose id is the action's, keyed by the customer."""
    outcome = Outcome(
        id=action.id,
        tenant=action.tenant,
        customer=action.customer,
        decider=action.decider,
        kind=action.kind,
        status=status,
        at=now,
        connector=connector,
        reason=reason or None,
        reference=reference or None,
    )
    event = CloudEvent(
        id=action.id,
        source=f"telltale/connectors/{connector}",
        type=f"telltale.outcome.{status}",
        subject=action.customer,
        time=datetime.fromtimestamp(now / 1000, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z"),
        data=outcome,
    )
    return Settled(action.id, status, action.customer.encode(), encode(event))


def _id_of(value: bytes | None) -> str | None:
    """The action id of an outcome; None for what is no outcome."""
    try:
        return _known.decode(value or b"").id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
