"""Steps of your own. They take part once `steps = "steps.py"` stands in telltale.toml; test_steps.py tests them."""

from __future__ import annotations

import bytewax.operators as op
import msgspec
import numpy as np
from bytewax.dataflow import Stream

from flows.schema import Action
from flows.steps import Columns

CARDS = "https://fleet.example/vehicles/"


def readings(columns: Columns) -> Columns:
    """Below 1 km/h it is the receiver that moves, and not the vehicle."""
    speed = columns.values["speed_kmh"]
    return columns.replace(speed_kmh=np.where(speed < 1, 0, speed))


def actions(stream: Stream[Action]) -> Stream[Action]:
    """Who works on a case wants the vehicle's card at hand."""
    return op.map("card", stream, with_card)


def with_card(action: Action) -> Action:
    """A case with a link to the card of its vehicle; any other action as it is."""
    if action.kind != "open_case" or action.device is None:
        return action
    return msgspec.structs.replace(action, parameters={**action.parameters, "card": CARDS + action.device})
