"""What a rule means, as one short text: its state is kept as long as that stays the same."""

from __future__ import annotations

import hashlib
from typing import cast

import msgspec

from flows.expressions import Expression
from flows.rules.model import Rule


def fingerprint(rule: Rule) -> str:
    """24 hexadecimal digits over what a rule looks for, whatever its spelling: what its state is about."""
    parts = (rule.stream, rule.patterns, rule.severities, rule.clear, rule.ends_silent)
    parts = (*parts, rule.sequence) if rule.sequence else parts
    plain = msgspec.json.encode(_meaning(parts), order="sorted")
    return hashlib.blake2b(plain, digest_size=12).hexdigest()


def _meaning(part: object) -> object:
    """A part as plain data; what is not set is left out, so that a new optional field changes no fingerprint."""
    match part:
        case Expression():
            return part.meaning
        case msgspec.Struct():
            fields = {name: getattr(part, name) for name in part.__struct_fields__}
            return {"kind": type(part).__name__} | {
                n: _meaning(v) for n, v in fields.items() if v is not None
            }
        case tuple():
            return [_meaning(each) for each in cast("tuple[object, ...]", part)]
        case _:
            return part
