"""A first rule for a stranger's archive: small, tested, and commented for who wants to change it."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import msgspec

from flows.durations import format_duration, parse_duration
from flows.inference.columns import usual
from flows.inference.document import scalar
from flows.inference.proposal import Proposal
from flows.rules.case import exact
from flows.streams import Field

_MINUTE_MS = 60_000
_DAY_MS = 24 * 60 * _MINUTE_MS
_MOST_MS = 300 * _DAY_MS
_REMARKS_AT = 30
_REMARK = re.compile(r"^(.*?\S)  # ", re.MULTILINE)
_RULE = """\
rule: {name}
about: {about}
team: operations
mode: live  # live | dry_run (decides, but does nothing) | disabled
stream: {stream}
customer: owner  # who decides; a device that nobody owns is a customer of its own
when:
{when}
ends: {{silent: {silent}}}  # after this long a silence the episode is over
do:
  raised:
    - task: {{queue: operations, subject: {subject}}}
limits:
  - {{per: device, at_most: 1, every: 24h}}
  - {{per: rule, at_most: 1000, every: 1h}}  # one per rule is mandatory
tests:  # `telltale rules test` runs them
{tests}
"""
_RUN = """\
  run: 3  # so many readings in a row, of one device
  of: {of}  # {note}
  max_gap: {gap}  # a longer silence breaks the run
clear: {{run: 3, of: {clear}}}"""
_RUN_TESTS = """\
  - name: three in a row
    interval: {interval}
    readings: {{{field}: "{calm}x4 {bad}x3"}}  # x4 is one and four further
    expect: [{{at: {at}, raised: true, do: [task]}}]
  - name: two are not enough
    interval: {interval}
    readings: {{{field}: "{calm}x4 {bad} {bad} {calm}"}}
    expect: []"""

_SILENCE_TESTS = """\
  - name: silent for long, then back
    interval: {interval}
    readings: {{{field}: "{calm}x1 gap {gap} {calm}"}}
    expect:
      - {{at: {at}, raised: true, do: [task]}}
      - {{at: {back}, cleared: true}}"""


class Limits(msgspec.Struct, frozen=True):
    """A condition and when it is over, as text, with a value that is calm and one that is bad, and what it rests on."""

    of: str
    clear: str
    calm: str
    bad: str
    note: str


def first_rule(proposal: Proposal) -> tuple[str, str]:
    """The name and the text of a rule on the first field that can be bad, else on silence."""
    stream = proposal.stream
    # Said roughly, so that whoever reads the tests can do the sum.
    usually = parse_duration(format_duration(proposal.interval)) or _MINUTE_MS
    interval = min(usually, 3 * _DAY_MS)
    for field in stream.fields:
        limits = _limits(field, said_of(proposal, field))
        if limits is not None:
            return f"{_dashed(field.name)}-first", _on_field(stream.name, field, limits, interval)
    return "silent-first", _on_silence(proposal, interval)


def said_of(proposal: Proposal, field: Field) -> list[Any]:
    """What the sample says of a field."""
    stream, columns = proposal.stream, proposal.sample.columns
    if stream.shape == "wide":
        return [value for value in columns.get(field.path, ()) if value is not None]
    pairs = zip(columns[stream.metric], columns[stream.value], strict=True)
    return [value for metric, value in pairs if metric == field.path and value is not None]


def _limits(field: Field, said: list[Any]) -> Limits | None:
    """From when on a field is bad: beyond nearly all that was seen, or what was seen least; None if it never is."""
    if field.type in ("float", "int"):
        numbers = sorted(usual([v for v in said if isinstance(v, int | float) and not isinstance(v, bool)]))
        if not numbers or numbers[0] == numbers[-1]:
            return None
        calm, bad = numbers[len(numbers) // 2], numbers[len(numbers) * 99 // 100]
        if float(_plain(bad)) <= float(_plain(calm)):
            calm, bad = numbers[0], numbers[-1]
        if float(_plain(bad)) <= float(_plain(calm)):
            return None
        shown = f"{field.name} >= {_plain(bad)}", f"{field.name} < {_plain(bad)}"
        return Limits(
            *shown, _plain(calm), _plain(bad), "a guess: only one in a hundred of the sample is above it"
        )
    if field.type == "enum" and len(field.values) > 1 and all(word.isidentifier() for word in field.values):
        counted = Counter(value for value in said if isinstance(value, str)).most_common()
        calm, bad = counted[0][0], counted[-1][0]
        of, clear = f'{field.name} == "{bad}"', f'{field.name} != "{bad}"'
        return Limits(of, clear, calm, bad, "a guess: the value that was seen least")
    return None


def _on_field(stream: str, field: Field, limits: Limits, interval: int) -> str:
    """A run of bad values."""
    when = _RUN.format(of=limits.of, note=limits.note, clear=limits.clear, gap=_duration(10 * interval))
    tests = _RUN_TESTS.format(
        interval=exact(interval), field=field.name, calm=limits.calm, bad=limits.bad, at=exact(7 * interval)
    )
    about = f"A first rule, to be changed: three readings in a row with {field.name} as it seldom is."
    return _rule(
        _dashed(field.name), about, stream, when, f"{field.name} of {{device}} is bad", interval, tests
    )


def _on_silence(proposal: Proposal, interval: int) -> str:
    """A device that used to say something and does not any more."""
    silence = max(10 * interval, 10 * _MINUTE_MS)
    when = f"  absence: {_duration(silence)}  # nothing heard of a device for so long"
    fields = proposal.stream.fields
    tests = "  []"
    if fields:
        calm = _any_value(fields[0], said_of(proposal, fields[0]))
        tests = _SILENCE_TESTS.format(
            interval=exact(interval),
            field=fields[0].name,
            calm=calm,
            gap=exact(2 * silence),
            at=exact(interval + silence),
            back=exact(interval + 2 * silence),
        )
    about = "A first rule, to be changed: a device that used to say something says nothing any more."
    name, stream = "silent", proposal.stream.name
    return _rule(name, about, stream, when, "Nothing is heard of {device} any more", interval, tests)


def _rule(name: str, about: str, stream: str, when: str, subject: str, interval: int, tests: str) -> str:
    return _aligned(
        _RULE.format(
            name=f"{name}-first",
            about=about if ": " not in about else json.dumps(about, ensure_ascii=False),
            stream=scalar(stream),
            when=when,
            silent=_duration(max(_DAY_MS, 100 * interval)),
            subject=json.dumps(subject, ensure_ascii=False),
            tests=tests,
        )
    )


def _aligned(text: str) -> str:
    """The remarks below each other; those of long lines directly behind them."""
    return _REMARK.sub(lambda found: f"{found[1]:<{_REMARKS_AT}}  # ", text)


def _any_value(field: Field, said: list[Any]) -> str:
    """A value as a test writes it."""
    if field.type in ("float", "int"):
        return next((_plain(v) for v in said if isinstance(v, int | float)), "0")
    return "true" if field.type == "bool" else field.values[0] if field.values else "ok"


def _plain(number: float) -> str:
    """A number as rules and tests write it."""
    return str(number) if isinstance(number, int) else f"{number:.6g}"


def _dashed(name: str) -> str:
    """A field's name as a part of a rule's."""
    return name.lower().replace("_", "-").strip("-")


def _duration(ms: int) -> str:
    """A long time, roughly."""
    return format_duration(min(max(ms, _MINUTE_MS), _MOST_MS))
