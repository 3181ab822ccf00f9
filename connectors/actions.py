"""Reading what came on `actions.*`: an action that can be carried out, or the reason why not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import cast

import msgspec

from flows.schema import Action, DeadLetter
from flows.topics.port import Message

# Ids and kinds become names of files and keys of the ledger.
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_MOST_LEVELS = 32


class _Envelope(msgspec.Struct, frozen=True):
    """What is read of the CloudEvents envelope; the rest says the same again."""

    id: str
    data: Action


_decoder = msgspec.json.Decoder(_Envelope)


def read_action(message: Message) -> Action | DeadLetter:
    """The action of a message, or the dead letter that says why it cannot be carried out."""
    try:
        envelope = _decoder.decode(message.value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _dead(message, str(error))
    action = envelope.data
    if envelope.id != action.id:
        return _dead(message, f"the envelope's id is {envelope.id!r}, the action's is {action.id!r}")
    for what, name in (("id", action.id), ("kind", action.kind)):
        if not _NAME.fullmatch(name):
            return _dead(
                message, f"the {what} {name[:80]!r} has other characters than letters, digits, '.', '_', '-'"
            )
    if not _is_shallow(action.parameters, _MOST_LEVELS):
        return _dead(message, f"its parameters are nested more than {_MOST_LEVELS} levels deep")
    return action


def _is_shallow(value: object, levels: int) -> bool:
    """Whether no list or mapping in it lies deeper than so many levels."""
    if not isinstance(value, dict | list):
        return True
    inside = cast("Iterable[object]", value.values() if isinstance(value, dict) else value)
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inside)


def _dead(message: Message, why: str) -> DeadLetter:
    """The message kept whole, with the reason."""
    return DeadLetter(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        reason="ActionMalformed",
        message=why,
        value=message.value or b"",
        key=message.key,
    )
