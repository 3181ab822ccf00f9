"""How steps are tested: columns in and out of `readings`, and any other step run over a few items."""

from __future__ import annotations

import numpy as np
from steps import actions, readings

from flows.ids import action_id
from flows.schema import Action
from flows.steps_testing import columns, run_step

CASE = Action(
    id=action_id("d-1", "open_case"),
    name="open_case",
    kind="open_case",
    lane="normal",
    tenant="default",
    customer="olga",
    rule="engine-overheating",
    rule_set=1,
    decision="d-1",
    device="veh-7",
    at=0,
    valid_until=1,
    parameters={"queue": "roadside"},
)


def test_a_parked_vehicle_stands_still() -> None:
    """What is missing stays missing."""
    found = readings(columns(speed_kmh=[0.4, 30.0, np.nan]))
    np.testing.assert_array_equal(found.values["speed_kmh"], [0.0, 30.0, np.nan])


def test_a_case_links_to_the_card_of_its_vehicle() -> None:
    """Beside what the rule wrote."""
    assert run_step(actions, [CASE])[0].parameters == {
        "queue": "roadside",
        "card": "https://fleet.example/vehicles/veh-7",
    }
