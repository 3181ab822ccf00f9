"""The team's `readings` step in a shard: rules read what it makes of the columns, and what it cannot take is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from flows.devices.shard import Shard, ShardPlace
from flows.expressions import parse
from flows.rules.model import Clear, Rule, Run
from flows.schema import Alarm, DeadLetter
from flows.steps import Columns, Steps
from flows.streams import Field, Stream
from tests.unit.devices.driving import Sets, raw_batch

NOW = 1_700_000_000_000
STREAM = Stream(
    name="vehicle", topic="telemetry", key="device", time="at",
    fields=(
        Field(name="volts", type="float", low=0, high=900),
        Field(name="amps", type="float"),
        Field(name="power_kw", type="float", low=-50, high=200, derived=True),
        Field(name="gear", type="enum", values=("r", "n", "d")),
        Field(name="note", type="text"),
        Field(name="door", type="bool", derived=True),
        Field(name="cells", type="int", derived=True),
    ),
)  # fmt: skip
STRONG = Rule(
    name="strong", stream="vehicle", patterns=(Run(length=1, of=parse("power_kw >= 20")),),
    clear=Clear(run=1, of=parse("power_kw < 20")), reads=("power_kw",), fingerprint="strong",
)  # fmt: skip


def power(columns: Columns) -> Columns:
    """What the example of the page does."""
    return columns.replace(power_kw=columns.values["volts"] * columns.values["amps"] / 1000)


class Stepped:
    """A shard with a step, and what it said."""

    def __init__(self, step: Callable[[Any], Any]) -> None:
        steps = Steps(file=Path(__file__), readings=step)
        place = ShardPlace(tenant="t", stream=STREAM, partition=0, partitions=1, steps=steps)
        self.shard = Shard(place, Sets(STRONG))
        self.alarms: list[Alarm] = []
        self.dead: list[DeadLetter] = []
        self.refused = 0
        self._offset = 0

    def send(self, *readings: dict[str, Any] | bytes) -> Stepped:
        """One batch of one device, ten seconds apart."""
        messages = [
            r if isinstance(r, bytes) else msgspec.json.encode({"device": "d", "at": NOW + n * 10_000, **r})
            for n, r in enumerate(readings, self._offset)
        ]
        found = self.shard.on_readings(raw_batch(messages, NOW + 10_000_000, self._offset))
        self._offset += len(messages)
        self.alarms += found.alarms
        self.dead += found.dead
        self.refused += found.counts.dead
        return self

    def transitions(self) -> list[tuple[str, int | None]]:
        return [(alarm.transition, alarm.offset) for alarm in self.alarms]


def test_a_rule_reads_a_field_that_only_the_step_knows() -> None:
    """A derived field is in no message; the evidence shows what the rule saw."""
    found = Stepped(power).send({"volts": 400, "amps": 10}, {"volts": 400, "amps": 60})
    assert found.transitions() == [("raised", 1)]
    assert found.alarms[0].evidence.reading["power_kw"] == 24.0


def test_the_step_is_shown_all_fields_their_times_and_their_devices() -> None:
    """Texts excepted; what is missing is NaN, and an enum its place."""
    shown: list[Columns] = []

    def look(columns: Columns) -> Columns:
        shown.append(columns)
        return columns

    Stepped(look).send({"volts": 1, "gear": "d"}, {"amps": 2.5, "note": "x"})
    (columns,) = shown
    assert columns.stream == "vehicle"
    assert columns.at.tolist() == [NOW, NOW + 10_000]
    assert (list(columns.devices), columns.devices[-1], columns.devices[:1]) == (["d", "d"], "d", ["d"])
    values = {name: [None if math.isnan(v) else v for v in column] for name, column in columns.values.items()}
    assert values == {
        "volts": [1, None], "amps": [None, 2.5], "power_kw": [None, None], "gear": [2, None],
        "door": [None, None], "cells": [None, None],
    }  # fmt: skip


def test_what_the_step_gives_out_of_range_is_missing_with_a_copy() -> None:
    """As if a message had said so."""
    found = Stepped(power).send({"volts": 900, "amps": 900}, {"volts": 400, "amps": 60})
    assert found.transitions() == [("raised", 1)]
    assert [(d.reason, d.offset) for d in found.dead] == [("out_of_range", 0)]
    assert "power_kw is out of its range after the readings step" in found.dead[0].message


@pytest.mark.parametrize(
    ("name", "good", "wrong"),
    [
        ("gear", [0, 2, math.nan], [3, -1, 1.5, 1e300]),
        ("door", [0, 1, math.nan], [2, -1, 0.5, math.inf]),
        ("cells", [-7, 1 << 53, math.nan], [0.5, 1e19, -1e19]),
    ],
)
def test_a_value_that_no_field_of_its_type_has_is_missing_with_a_copy(
    name: str, good: list[float], wrong: list[float]
) -> None:
    """Evidence, which names it, is written without it, and the shard goes on; what is missing is no mistake."""
    for value in [*good, *wrong]:

        def give(columns: Columns, value: float = value) -> Columns:
            return power(columns).replace(**{name: np.full(len(columns.at), value)})

        found = Stepped(give).send({"volts": 400, "amps": 60})
        assert found.transitions() == [("raised", 0)]
        said = [(d.reason, d.message) for d in found.dead]
        out = ("out_of_range", f"{name} is out of its range after the readings step")
        assert said == ([] if value in good else [out])
        assert (name in found.alarms[0].evidence.reading) == (value in good and not math.isnan(value))


def test_a_reading_that_it_cannot_take_is_kept_whole_with_file_line_and_reason() -> None:
    """The others of the batch go on, and the error is told once."""

    def picky(columns: Columns) -> Columns:
        if np.any(columns.values["amps"] == 13):
            raise ValueError("unlucky amps")
        return power(columns)

    with capture_logs() as log:
        found = Stepped(picky).send(
            *({"volts": 400, "amps": amps} for amps in (10, 13, 60, 13)), b'{"device":', {"volts": 1}
        )
    assert found.transitions() == [("raised", 2)]
    line = picky.__code__.co_firstlineno + 2
    said = f"readings step, test_readings_step.py:{line}: ValueError: unlucky amps"
    kept = [d for d in found.dead if d.reason == "step_failed"]
    assert [(d.offset, d.message) for d in kept] == [(1, said), (3, said)]
    assert msgspec.json.decode(kept[0].value)["amps"] == 13
    assert found.refused == 3
    assert [entry["event"] for entry in log] == [said]


def write_in_place(columns: Columns) -> Columns:
    columns.values["volts"][0] = 1  # type: ignore[index]
    return columns


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (lambda columns: columns.replace(power=columns.values["amps"]), "no field 'power'. Did you mean"),
        (lambda columns: columns.replace(amps=columns.values["amps"][:0]), "'amps' has the shape (0,) for 1"),
        (lambda columns: columns.replace(amps=3), "'amps' has the shape () for 1"),
        (lambda columns: columns.replace(amps=["x"]), "could not convert string to float"),
        (lambda columns: columns.values, "must return Columns, and returned a dict"),
        (write_in_place, "read-only"),
        (lambda columns: msgspec.structs.replace(columns, at=columns.at + 1), "changed times or devices"),
        (lambda columns: msgspec.structs.replace(columns, devices=["x"]), "changed times or devices"),
    ],
)
def test_what_it_must_not_give_or_do_is_said(step: Callable[[Any], Any], said: str) -> None:
    """Each reading is a dead letter that names what is wrong."""
    found = Stepped(step).send({"volts": 400, "amps": 60})
    assert found.alarms == []
    assert [d.reason for d in found.dead] == ["step_failed"]
    assert said in found.dead[0].message


@settings(deadline=None)  # the first example compiles kernels, and others share the machine
@given(
    amps=st.lists(st.sampled_from([10.0, 60.0, 13.0, None]), max_size=24),
    cuts=st.sets(st.integers(1, 23)),
)
def test_what_comes_out_does_not_depend_on_how_batches_were_cut(
    amps: Sequence[float | None], cuts: set[int]
) -> None:
    """Against a slow watcher that takes one reading at a time; those with 13 A cannot be taken."""

    def picky(columns: Columns) -> Columns:
        if np.any(columns.values["amps"] == 13):
            raise ValueError("unlucky")
        return power(columns)

    found = Stepped(picky)
    edges = [0, *sorted(cut for cut in cuts if cut < len(amps)), len(amps)]
    for begin, end in pairwise(edges):
        if begin < end:
            found.send(*({"volts": 400, "amps": a} for a in amps[begin:end]))
    wanted: list[tuple[str, int]] = []
    strong = False
    for offset, a in enumerate(amps):
        if a in (10.0, 60.0) and strong != (a == 60.0):
            strong = not strong
            wanted.append(("raised" if strong else "cleared", offset))
    assert found.transitions() == wanted
    assert [d.offset for d in found.dead] == [offset for offset, a in enumerate(amps) if a == 13]
