"""Runs a step of one's own over a few items, for the tests of whoever wrote it.

```python
from flows.steps_testing import run_step
from steps import actions

assert run_step(actions, [notify])[0].parameters["map"].startswith("https://")
```
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import bytewax.operators as op  # pyright: ignore[reportMissingTypeStubs]
import numpy as np
from bytewax.dataflow import Dataflow
from bytewax.testing import (  # pyright: ignore[reportMissingTypeStubs]
    TestingSink,
    TestingSource,
    run_main,  # pyright: ignore[reportUnknownVariableType]
)

from flows.engine.attach import Joint, attach
from flows.engine.sink import Outgoing
from flows.errors import StepFailed
from flows.steps import Columns, StreamStep

T = TypeVar("T")


def run_step(step: StreamStep, items: Sequence[T]) -> list[T]:
    """What a stream step makes of items of one kind, in a dataflow that holds nothing else.

    Raises StepFailed, with file and line, for the first item that it cannot take, where the flow goes on and writes a
    dead letter; and StepsUnreadable when it cannot be built.
    """
    flow = Dataflow("run-step")
    joint = Joint(
        point=getattr(step, "__name__", "step"),
        step_id="step",
        step=step,
        file=Path(inspect.getfile(step)).resolve(),
        kind=type(items[0]) if items else object,
        topic="",
        dead_letters="",
        go_on=lambda item: item,
    )
    given: list[T] = []
    dead: list[tuple[str, Outgoing]] = []
    attached = attach(op.input("items", flow, TestingSource(items)), joint)
    op.output("given", attached.given, TestingSink(given))
    op.output("dead", attached.dead, TestingSink(dead))
    run_main(flow)
    if dead:
        raise StepFailed(dict(dead[0][1].headers)["__connect.errors.exception.message"].decode())
    return given


def columns(
    stream: str = "vehicle",
    *,
    at: Sequence[int] | None = None,
    devices: Sequence[str] | None = None,
    **values: Sequence[float],
) -> Columns:
    """Columns to call a `readings` step with: fields by their names, ten seconds apart unless `at` (ms) says when."""
    n = len(next(iter(values.values()), ()))
    arrays = {name: np.array(column, np.float64) for name, column in values.items()}
    for array in arrays.values():
        array.flags.writeable = False
    return Columns(
        stream=stream,
        at=np.array(range(0, n * 10_000, 10_000) if at is None else at, np.int64),
        values=arrays,
        devices=["veh-1"] * n if devices is None else devices,
    )
