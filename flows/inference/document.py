"""A proposal as the text of a `streams.yaml`, commented for who has never seen one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from flows.durations import format_duration
from flows.inference.proposal import Proposal
from flows.streams import Field, Stream

_PLAIN = re.compile(r"[A-Za-z_°][A-Za-z0-9_.\-/ ]*[A-Za-z0-9_]\Z|[A-Za-z_]\Z")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_WIDEST = 60


def write_document(proposal: Proposal) -> str:
    """The whole file."""
    stream = proposal.stream
    lines = [*_head(proposal), "streams:", f"  {scalar(stream.name)}:"]
    lines += _aligned((f"    {text}", note) for text, note in _of_stream(stream, proposal.notes))
    if stream.fields:
        lines.append("    fields:                     # a value outside its range becomes missing")
        lines += _aligned((f"      {_field(f)}", proposal.notes.get(f.name, "")) for f in stream.fields)
    else:
        lines.append("    fields: {}")
    if proposal.left:
        lines.append("    # Left out:")
        lines += [f"    #   {_comment(path)} ({why})" for path, why in list(proposal.left.items())[:50]]
    return "\n".join(lines) + "\n"


def _head(proposal: Proposal) -> Iterable[str]:
    sample = proposal.sample
    yield f"# Proposed from the first {sample.rows} rows of {_comment(sample.path.name)}."
    yield "# Read it, mend what is a guess, and see with `telltale streams check` whether all of the archive agrees."
    if sample.broken:
        yield f"# {sample.broken} more could not be read, and would be refused."
    if sample.cut:
        yield f"# There it ends too early: {_comment(sample.cut)}."


def _of_stream(stream: Stream, notes: dict[str, str]) -> Iterable[tuple[str, str]]:
    """The lines of a stream above its fields, each with its remark."""
    yield f"topic: {scalar(stream.topic)}", ""
    yield (f"key: {scalar(stream.key)}" if stream.key else f"device: {scalar(stream.device)}"), notes["key"]
    yield f"time: {scalar(stream.time)}", notes["time"]
    yield f"unit: {stream.time_unit}", ""
    if stream.zone:
        yield f"zone: {stream.zone}", notes.get("zone", "")
    if stream.lateness:
        yield f"lateness: {format_duration(stream.lateness)}", notes["lateness"]
    if stream.shape == "narrow":
        yield "shape: narrow", "one measurement a message"
        yield f"metric: {scalar(stream.metric)}", "says which; it is the field's name, or its `from`"
        yield f"value: {scalar(stream.value)}", ""
    if stream.position is not None:
        latitude, longitude = scalar(stream.position.latitude), scalar(stream.position.longitude)
        yield f"position: {{latitude: {latitude}, longitude: {longitude}}}", "read as latitude, longitude"


def _field(field: Field) -> str:
    """One field on its line."""
    parts = [f"type: {field.type}"]
    if field.unit:
        parts.append(f"unit: {scalar(field.unit)}")
    if field.source:
        parts.append(f"from: {scalar(field.source)}")
    if field.low is not None or field.high is not None:
        parts.append(f"range: [{_number(field.low)}, {_number(field.high)}]")
    if field.values:
        parts.append(f"values: [{', '.join(map(scalar, field.values))}]")
    return f"{scalar(field.name)}: {{{', '.join(parts)}}}"


def _number(number: float | None) -> str:
    if number is None:
        return "null"
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def scalar(text: str) -> str:
    """A text as YAML takes it for one."""
    return text if _PLAIN.match(text) and text.lower() not in _WORDS else json.dumps(text, ensure_ascii=False)


def _comment(text: str) -> str:
    """A text from outside on one line."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _aligned(lines: Iterable[tuple[str, str]]) -> Iterable[str]:
    """Lines with their remarks below each other."""
    listed = list(lines)
    width = max((len(text) for text, _ in listed if len(text) <= _WIDEST), default=0)
    return [f"{text:<{width}}  # {_comment(note)}" if note else text for text, note in listed]
