"""Every changing command is written down before it counts: who, when, what, why, on the topic `audit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows import ids
from flows.schema import Audit, encode
from flows.topics.names import TopicNames
from flows.topics.port import Topics


def write_audit(
    topics: Topics,
    names: TopicNames,
    tenant: str,
    at: int,
    who: str,
    command: str,
    what: Mapping[str, Any],
    reason: str,
) -> Audit:
    """Write an entry under the key `who` and return it when the bus has it; `at` is the wall clock in ms.

    Raises TopicMissing and DeliveryFailed.
    """
    number = ids.audit_id(tenant, who, command, encode(what).decode(), at)
    entry = Audit(id=number, tenant=tenant, at=at, who=who, command=command, what=dict(what), reason=reason)
    writer = topics.writer()
    try:
        writer.write(names.audit, encode(entry), key=who.encode())
        writer.flush()
    finally:
        writer.close()
    return entry
