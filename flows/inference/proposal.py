"""From a sample to a stream's declaration, with a remark wherever something is a guess."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Any

import msgspec

from flows.durations import format_duration
from flows.errors import InferenceFailed, NameUnknown
from flows.field_files import MAX_FIELDS, NAME, RESERVED
from flows.hints import did_you_mean
from flows.inference.columns import Judged, judge, shown
from flows.inference.order import Order, lateness_of, order_of
from flows.inference.roles import Time, find_device, find_metric, find_position, find_time, is_name, times_of
from flows.inference.sample import Sample
from flows.path_files import wrong_path
from flows.stream_files import DASHED_NAME
from flows.streams import Field, Shape, Stream

# Two more come with a position.
_MOST_FIELDS = MAX_FIELDS - 2
# Fields that a position gives have these names already.
_PLACE = ("latitude", "longitude")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is said instead of guessed; None is to be guessed."""

    name: str | None = None
    key: str | None = None
    time: str | None = None
    shape: Shape | None = None


class Proposal(msgspec.Struct, frozen=True):
    """A declaration from a sample, whose columns are those that a path leads to.

    `notes` are by what they belong to (`key`, `time`, `lateness`, a field's name), `left` what was left out and why;
    `interval` is the usual time between two readings of a device, in ms, 0 if none came again.
    """

    stream: Stream
    sample: Sample
    notes: dict[str, str]
    left: dict[str, str]
    interval: float


def propose(sample: Sample, asked: Asked) -> Proposal:
    """What the sample seems to be; raises InferenceFailed, NameUnknown."""
    for path in (asked.key, asked.time):
        if path is not None and path not in sample.columns:
            raise NameUnknown("column", path, did_you_mean(path, list(sample.columns)))
    sample, left = _usable(sample)
    time = find_time(sample, asked.time)
    if time is None:
        raise InferenceFailed(str(sample.path), _no_time(sample, asked.time))
    timeless = sum(at is None for at in times_of(time, sample.columns[time.path]))
    notes = {"time": "; ".join((*([time.note] if time.note else []), *_refused(timeless, "time")))}
    if time.zone:
        notes["zone"] = "a guess: the times name no zone"
    taken = {time.path, *([asked.key] if asked.key else [])}
    key = asked.key or find_device(sample, taken)
    narrow = _metric_and_value(sample, asked.shape, key, taken)
    if narrow is not None and key in narrow and asked.key is None:
        key = find_device(sample, {*taken, *narrow})
    position = None if narrow else find_position(sample, {*taken, key or time.path})
    stream = Stream(
        name=_stream_name(asked.name or _stem(sample.path)),
        topic=_stream_name(asked.name or _stem(sample.path)),
        key=key or "",
        device="" if key else _stem(sample.path),
        time=time.path,
        time_unit=time.unit,
        zone=time.zone,
        position=position,
    )
    notes["key"] = _of_devices(sample, key)
    order = _order(stream, sample, time, narrow)
    if order.interval:
        every = f"a device says something about every {_roughly(order.interval)}"
        notes["time"] = f"{notes['time']}; {every}" if notes["time"] else every
    if order.late:
        behind = format_duration(order.behind)
        notes["lateness"] = f"{order.late} of {sample.rows} came late, by at most {behind}; for windows only"
        stream = msgspec.structs.replace(stream, lateness=lateness_of(order))
    begun = Proposal(stream, sample, notes, left, order.interval)
    return _wide(begun) if narrow is None else _narrow(begun, *narrow)


def _usable(sample: Sample) -> tuple[Sample, dict[str, str]]:
    """The sample without the columns that no path leads to, and these with the reason."""
    left: dict[str, str] = {}
    said = {path: sum(v is not None for v in values) for path, values in sample.columns.items()}
    below: dict[str, int] = {}
    for path, times in said.items():
        for outer in _outer(path):
            below[outer] = max(below.get(outer, 0), times)
    # Where now an object stands and now something else, what stands there more often counts.
    objects = {path for path, times in said.items() if below.get(path, 0) > times}
    for path, times in said.items():
        outer = next((other for other in _outer(path) if other in said and other not in objects), None)
        if not _is_text(path):
            left[path] = "its name is no UTF-8: save the file as UTF-8"
        elif wrong := wrong_path(path):
            left[path] = f"no path leads there: {wrong}"
        elif outer is not None:
            left[path] = f"its name leads through that of {outer!r}"
        elif path in objects and times:
            left[path] = f"an object nearly always; {times} times something else"
    kept = {path: v for path, v in sample.columns.items() if path not in left and path not in objects}
    return msgspec.structs.replace(sample, columns=kept), left


def _is_text(path: str) -> bool:
    """Whether a name is all characters: a table keeps bytes that are none as half of one."""
    return not any("\ud800" <= sign <= "\udfff" for sign in path)


def _outer(path: str) -> list[str]:
    """The paths that a path leads through, from the outermost on."""
    return [path[:i] for i, sign in enumerate(path) if sign == "."]


def _no_time(sample: Sample, named: str | None) -> str:
    columns = ", ".join(list(sample.columns)[:20])
    if named is not None:
        values = shown([v for v in sample.columns[named] if v is not None])
        return f"{named!r} is not a time that can be read: {values}"
    return f"none of its columns can be told to be a time ({columns})"


def _of_devices(sample: Sample, key: str | None) -> str:
    if key is None:
        return "no column seems to name one, so all readings are of this device; else write key: COLUMN"
    named = [value for value in sample.columns[key] if is_name(value)]
    count = len({str(value) for value in named})
    devices = f"{count} device{'s' if count != 1 else ''} in the sample"
    return "; ".join((devices, *_refused(sample.rows - len(named), "device")))


def _roughly(ms: float) -> str:
    """How long, as nobody needs it more exactly: from a second on whole seconds."""
    return format_duration(ms if ms < 1000 else round(ms / 1000) * 1000)


def _refused(rows: int, what: str) -> list[str]:
    """The remark on rows that lack what every one needs, if there are any."""
    return [f"{rows} row{'s name' if rows != 1 else ' names'} no {what} and will be refused"] if rows else []


def _metric_and_value(
    sample: Sample, shape: Shape | None, key: str | None, taken: set[str]
) -> tuple[str, str] | None:
    """The columns of a narrow archive; one that is asked to be and is not raises InferenceFailed."""
    if shape == "wide":
        return None
    found = find_metric(sample, taken | ({key} if key else set()))
    # `sensor` or `unit` may be the metric when nothing else is.
    found = found or find_metric(sample, taken)
    if found is None and shape == "narrow":
        what = "no pair of columns can be told to be metric and value (such as `metric` and `value`)"
        raise InferenceFailed(str(sample.path), what)
    return found


def _order(stream: Stream, sample: Sample, time: Time, narrow: tuple[str, str] | None) -> Order:
    """How readings of a device, in a narrow archive of each of its metrics, follow each other."""
    nothing: list[Any] = [None] * sample.rows
    devices = sample.columns[stream.key] if stream.key else nothing
    metrics = sample.columns[narrow[0]] if narrow else nothing
    times = times_of(time, sample.columns[time.path])
    told = zip(devices, metrics, times, strict=True)
    return order_of(((str(device), metric), at) for device, metric, at in told if at is not None)


def _wide(begun: Proposal) -> Proposal:
    """A field a column."""
    stream, sample, left = begun.stream, begun.sample, begun.left
    place = stream.position
    roles = {stream.key, stream.time, *((place.latitude, place.longitude) if place else ())}
    judged: dict[str, Judged] = {}
    for path, values in sample.columns.items():
        if path in roles:
            continue
        found = judge(path, values, sample.table)
        if found is None:
            left[path] = "holds nothing" if all(v is None for v in values) else "holds lists"
        elif len(judged) < _MOST_FIELDS:
            judged[path] = found
        else:
            left[path] = f"more than {_MOST_FIELDS} fields"
    return _with_fields(begun, judged)


def _narrow(begun: Proposal, metric: str, value: str) -> Proposal:
    """A field a metric."""
    sample, left = begun.sample, begun.left
    values: dict[str, list[Any]] = {}
    for name, said in zip(sample.columns[metric], sample.columns[value], strict=True):
        if isinstance(name, str):
            values.setdefault(name, []).append(said)
    judged: dict[str, Judged] = {}
    for name in sorted(values):
        found = judge(name, values[name], sample.table)
        if found is not None:
            judged[name] = found
        else:
            left[name] = "has no value"
    stream = msgspec.structs.replace(begun.stream, shape="narrow", metric=metric, value=value)
    roles = {stream.key, stream.time, metric, value}
    left.update((path, "not the value of a metric") for path in sample.columns if path not in roles)
    return _with_fields(msgspec.structs.replace(begun, stream=stream), judged)


def _with_fields(begun: Proposal, judged: dict[str, Judged]) -> Proposal:
    """The stream with a field for each that was judged, under names that rules can use."""
    stream = begun.stream
    taken = {stream.key, stream.time, *(_PLACE if stream.position else ())}
    fields: list[Field] = []
    for path, found in judged.items():
        name = field_name(path, taken)
        taken.add(name)
        fields.append(
            Field(
                name=name,
                type=found.type,
                unit=found.unit,
                low=found.low,
                high=found.high,
                values=found.values,
                source="" if name == path else path,
            )
        )
        begun.notes[name] = found.note
    return msgspec.structs.replace(begun, stream=msgspec.structs.replace(stream, fields=tuple(fields)))


def field_name(path: str, taken: set[str]) -> str:
    """A name that expressions can use and nothing else has: the last part of the path, or all of it."""
    last = _plain(path.rpartition(".")[2])
    for name in (last, _plain(path)):
        if name not in taken:
            return name
    return next(name for name in (f"{last[:60]}_{i}" for i in range(2, len(taken) + 3)) if name not in taken)


def _plain(text: str) -> str:
    """A text as a field's name."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")[:60] if not NAME.match(text) else text
    name = name if name[:1].isalpha() else f"f_{name}".rstrip("_")
    if name.lower() == "value":
        return "measurement"
    return f"{name}_said" if name.lower() in RESERVED or keyword.iskeyword(name) else name


def _stem(path: Path) -> str:
    """A file's name without what says its kind."""
    return re.sub(r"(\.(jsonl|json|ndjson|csv|tsv|txt))?(\.(gz|zst))?\Z", "", path.name)[:100] or "device"


def _stream_name(text: str) -> str:
    """A text as a stream's name."""
    name = re.sub(r"[^a-z0-9.-]+", "-", text.lower()).strip("-.")[:100]
    return name if DASHED_NAME.match(name) else "readings"
