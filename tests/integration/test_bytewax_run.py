"""The flows are dataflows like any other: `python -m bytewax.run` runs them, with and without a recovery store."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from bytewax.recovery import init_db_dir

from flows.schema import Identity, Role, encode
from tests.buses import Bus
from tests.integration.fleet import Fleet, a_fleet
from tests.integration.settled import published

HOT = [105, 107, 106, 109, 108, 111, 110, 113, 112, 115]


def send_overheating(fleet: Fleet) -> None:
    """A car with a driver, ten readings that climb, the last from now."""
    writer = fleet.topics.writer()
    now = time.time_ns() // 1_000_000
    roles = (Role(role="owner", customer="olga"), Role(role="driver", customer="dan"))
    writer.write(fleet.names.identity, encode(Identity(number=1, roles=roles)), key=b"device:car")
    writer.write(fleet.names.things, encode({"hot_c": 105}), key=b"car")
    for i, coolant in enumerate(HOT):
        reading = {"device": "car", "at": now - (len(HOT) - i) * 10_000, "coolant_c": coolant}
        writer.write(fleet.names.telemetry("telemetry"), encode(reading), key=b"car")
    writer.close()


@pytest.mark.slow
@pytest.mark.parametrize("recovery", [True, False])
def test_bytewax_run_runs_both_flows(recovery: bool, tmp_path: Path) -> None:
    """From readings to decided actions with the settings of TELLTALE_CONFIG, as people of this ecosystem type it."""
    with a_fleet(Bus("sqlite", str(tmp_path / "topics.db")), tmp_path / "fleet") as fleet:
        send_overheating(fleet)
        for part in ("devices", "customers"):
            program = [sys.executable, "-m", "bytewax.run", f"flows.pipeline:{part}"]
            if recovery:
                store = tmp_path / part
                store.mkdir()
                init_db_dir(store, 1)
                program += ["-r", str(store), "-b", "0"]
            fleet.start_program(part, [*program, "-s", "1"])
        fleet.wait(lambda: len(published(fleet.decisions.so_far())) >= 2, "the actions of an overheating")
        done = published(fleet.decisions.all()).values()
        assert [(action.kind, action.customer) for action in done] == [
            ("open_case", "olga"),
            ("notify", "dan"),
        ]
        assert [alarm.transition for alarm in fleet.alarms.all()] == ["raised"]
