"""What becomes of an item that a team's step could not take: a failure in the stream, then a dead letter."""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec

from flows.schema import DeadLetter, encode
from flows.step_errors import StepErrors
from flows.steps import STEP_FAILED

MOST_BYTES: Final = 900_000
"""Of an item as JSON, so that its message stays below what Kafka takes by default, envelope and headers included."""


class Failed(msgspec.Struct, frozen=True):
    """What takes the place of an item that could not be handled: its bytes, and the reason in words."""

    value: bytes
    message: str


class Blame(StepErrors):
    """Makes failures of the items of one step, and dead letters of those."""

    def failed(self, item: Any, error: Exception) -> Failed:
        """An item that an error was raised for; of a keyed one its value is kept."""
        return Failed(_bytes_of(item), self.tell(error))

    def letter(self, failed: Failed, topic: str) -> DeadLetter:
        """The dead letter of a failure; `topic` is where items of its kind live, the place in it is not known."""
        return DeadLetter(
            topic=topic,
            partition=-1,
            offset=-1,
            reason=STEP_FAILED,
            message=failed.message,
            value=failed.value,
        )


def is_keyed(item: Any) -> bool:
    """Whether an item is (key, value), as Bytewax wants it where state is kept by key."""
    return isinstance(item, tuple) and len(cast("tuple[Any, ...]", item)) == 2 and isinstance(item[0], str)


def _bytes_of(item: Any) -> bytes:
    """An item as JSON, or what can be said of one that JSON or a message cannot hold."""
    value = item[1] if is_keyed(item) else item
    try:
        written = encode(value)
        return (
            written
            if len(written) <= MOST_BYTES
            else encode(f"a {type(value).__name__} of {len(written)} bytes")
        )
    except (TypeError, ValueError, msgspec.MsgspecError, RecursionError, OverflowError):
        return encode(f"a {type(value).__name__}, which is no JSON")
