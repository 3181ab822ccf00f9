"""The topics and their messages as `topics.md` shows them: what the names and structs say, and who writes and reads."""

from __future__ import annotations

from typing import Any

from msgspec import inspect

from flows.durations import format_duration
from flows.message_schemas import messages
from flows.reference.markdown import code, table
from flows.reference.types import described, shown
from flows.topics.names import TopicNames
from flows.topics.port import TopicSpec

_KIND, _LANE = "<kind>", "<lane>"
# By topic: the key, who writes, who reads, and the struct of the value.
_ROUTES: dict[str, tuple[str, str, str, str]] = {
    "<stream>": ("device", "your devices", "devices", "as [declared](streams.md)"),
    "things": ("device", "you", "devices", "the declared attributes"),
    "events": ("subject", "you, devices for aggregates of streams", "customers, identity", "Event"),
    "source-records": ("`system:row`", "you", "identity", "Event of a row"),
    "identity": ("identifier, customer or thing", "identity, or you", "customers", "Identity"),
    "rules": (
        "`tenant/number`, `tenant/brake/id`",
        "`telltale rules publish`, `telltale silence`, `telltale actions pause`",
        "devices, customers, identity",
        "PublishedSet or Brake",
    ),
    "alarms": ("device", "devices", "customers", "Alarm"),
    "accounts": ("`topic/partition`", "devices", "whoever checks that nothing was lost", "Account"),
    "clocks": (
        "`process:topic/partition`",
        "devices, customers, identity",
        "customers",
        "[how far](#clocks)",
    ),
    "decisions": ("customer", "customers", "customers at their start, `telltale why`", "Decision"),
    "handoffs": ("the customer who takes", "customers", "customers", "Handoff"),
    "profiles": ("customer", "customers", "whoever likes", "Profile"),
    "consents": ("customer", "customers", "whoever sends", "Consents"),
    "look-ups": ("customer", "customers", "look-ups", "LookUp"),
    "answers": ("customer", "look-ups", "customers", "Answer"),
    "actions.<kind>.<lane>": ("customer", "customers", "connectors", "CloudEvent of an Action"),
    "outcomes": ("customer", "connectors", "customers", "CloudEvent of an Outcome"),
    "audit": ("who commanded", "every command that changes something", "identity", "Audit"),
    "dead-letters": ("as it came", "all", "`telltale dead-letters`", "as it came"),
}
_STRUCTS = {struct.__name__: struct for struct in messages()}


def topics() -> str:
    """All topics; raises KeyError when one is not told of here."""
    stream = TopicSpec("<stream>", 1)
    rows: list[tuple[str, ...]] = []
    for spec in (stream, *TopicNames().own_topics(4, [_KIND], [_LANE])):
        key, writer, reader, value = _ROUTES[spec.name]
        rows.append((code(spec.name), key, _kept(spec), writer, reader, _linked(value)))
    return table(["topic", "key", "kept", "written by", "read by", "value"], sorted(rows, key=_place))


def message(name: str) -> str:
    """The fields of a message, under what it is."""
    kind: Any = inspect.type_info(_STRUCTS[name])
    rows = [
        (code(field.name) + (" *" if field.required else ""), shown(field.type), described(field.type)[1])
        for field in kind.fields
    ]
    about = " ".join((kind.cls.__doc__ or "").split())
    return f"{about}\n\n{table(['field', 'value', 'what it says'], rows)}"


def _place(row: tuple[str, ...]) -> int:
    return list(map(code, _ROUTES)).index(row[0])


def _kept(spec: TopicSpec) -> str:
    if spec.compacted:
        return "the last of each key"
    return "as the bus has it" if spec.retention_ms is None else format_duration(spec.retention_ms)


def _linked(value: str) -> str:
    """The structs in a cell as links to where they stand on the page."""
    words = (f"[{w}](#{w.lower()})" if w in _STRUCTS else w for w in value.split())
    return " ".join(words)
