"""Reading actions: what can be carried out, and what goes to the dead letters with which reason."""

from __future__ import annotations

import pytest

from connectors.actions import read_action
from flows.schema import DeadLetter
from flows.topics.port import Message
from tests.unit.connectors.examples import an_action, as_message

WHOLE = as_message(an_action())


def message(value: bytes | None) -> Message:
    return Message("actions.notify.urgent", 2, 41, b"customer-1", value, (), 0)


def test_an_action_is_read_whole() -> None:
    """What was published is what is carried out."""
    action = an_action()
    assert read_action(message(as_message(action))) == action


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "truncated"),
        (b"\xff\xfe", "malformed"),
        (WHOLE.replace(b'"pull-over"', b'"\xff"'), "utf-8"),
        (WHOLE.replace(b'"pull-over"', b"[" * 100_000 + b"]" * 100_000), "recursion"),
        (WHOLE.replace(b'"pull-over"', b"[" * 40 + b"]" * 40), "nested"),
        (WHOLE.replace(b'"pull-over"', b'{"a":' * 40 + b"1" + b"}" * 40), "nested"),
        (WHOLE.replace(b'"rule_set":3', b'"rule_set":"three"'), "rule_set"),
        (WHOLE.replace(b'"id":"000', b'"id":"111', 1), "envelope"),
        (as_message(an_action(id="../../etc/passwd")), "other characters"),
        (as_message(an_action(id=".hidden")), "other characters"),
        (as_message(an_action(kind="a/b")), "other characters"),
        (as_message(an_action(id="x" * 129)), "other characters"),
    ],
)
def test_what_is_no_action_is_kept_with_the_reason(value: bytes | None, why: str) -> None:
    """A message that cannot be carried out comes back whole, with its place and why; nothing is raised."""
    letter = read_action(message(value))
    assert isinstance(letter, DeadLetter)
    assert why in letter.message
    assert (letter.topic, letter.partition, letter.offset) == ("actions.notify.urgent", 2, 41)
    assert (letter.key, letter.value) == (b"customer-1", value or b"")
