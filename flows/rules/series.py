"""The notation of a series in a rule's tests, which is promtool's: `90x4 105 107 _ gap 5m 100-2x3`.

`90` is one sample, `90x4` is 90 and 4 further, `90+2x4` is 90 and 4 further that each rise by 2, `90-2x4`
that fall; `_` is a reading without the field, `_x3` three of them. Samples are one interval apart. `gap 5m` is
a silence: the next sample comes that long after the last. Source: Prometheus, "Unit testing for rules".
"""

from __future__ import annotations

import re

import msgspec

from flows.durations import parse_duration
from flows.schema import Value
from flows.streams import Field

MAX_SAMPLES = 100_000
_NUMBER = r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_STEPS = re.compile(rf"({_NUMBER})(?:([-+]\d+(?:\.\d+)?))?(?:x(\d{{1,6}}))?\Z")
_WORD = re.compile(r"([A-Za-z][\w-]*?)(?:x(\d{1,6}))?\Z")
_MISSING = re.compile(r"_(?:x(\d{1,6}))?\Z")


class Sample(msgspec.Struct, frozen=True):
    """One reading's value, `offset` ms after the start; None means that the reading lacks the field."""

    offset: int
    value: Value


class Series(msgspec.Struct, frozen=True):
    """Samples in order; `end` is the offset (ms) of the last sample or the end of a last silence."""

    samples: tuple[Sample, ...]
    end: int


def parse_series(text: str, interval: int, field: Field | None = None) -> Series:
    """Read a series of samples `interval` ms apart; raises ValueError with what is wrong.

    `field` tells enum values and truths from mistakes; without it only numbers and `_` are read.
    """
    samples: list[Sample] = []
    last, following = 0, 0
    words = iter(text.split())
    for word in words:
        if word == "gap":
            silence = parse_duration(next(words, ""))
            if silence is None:
                raise ValueError("after `gap` a duration is needed, e.g. `gap 5m`")
            last = following = (last if samples or following else 0) + silence
            continue
        for value in _values(word, field):
            last = following
            samples.append(Sample(last, value))
            following = last + interval
            if len(samples) > MAX_SAMPLES:
                raise ValueError(f"a series has at most {MAX_SAMPLES} samples")
    return Series(tuple(samples), last)


def _values(word: str, field: Field | None) -> list[Value]:
    """The values that one word stands for."""
    if match := _MISSING.match(word):
        return [None] * _bounded(int(match[1] or 1))
    if field is not None and field.type in ("enum", "bool", "text"):
        return _words(word, field)
    match = _STEPS.match(word)
    if match is None or (match[2] and not match[3]):
        raise ValueError(f"{word!r} is no sample; write 90, 90x4, 90+2x4, 90-2x4, _ or `gap 5m`")
    first, step = float(match[1]), float(match[2] or 0)
    return [first + step * i for i in range(_bounded(int(match[3] or 0)) + 1)]


def _words(word: str, field: Field) -> list[Value]:
    """The values of an enum, a truth or a text: `on` or `onx3`."""
    known = ("true", "false") if field.type == "bool" else field.values
    match = _WORD.match(word)
    value, further = (word, 0) if word in known or match is None else (match[1], int(match[2] or 0))
    if field.type != "text" and value not in known:
        raise ValueError(f"{value!r} is no value of {field.name}; known are {', '.join(known)}")
    shown: Value = value == "true" if field.type == "bool" else value
    return [shown] * (_bounded(further) + 1)


def _bounded(times: int) -> int:
    """How many samples, if not too many."""
    if times > MAX_SAMPLES:
        raise ValueError(f"a series has at most {MAX_SAMPLES} samples")
    return times
