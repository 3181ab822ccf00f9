"""The product as its users run it: a folder with its configuration, its topics, and its flows as processes."""

from __future__ import annotations

import shutil
import sys
import uuid
from pathlib import Path

from flows.topics.names import TopicNames
from flows.topics.port import TopicSpec
from load_tests.bus import Bus
from load_tests.case import CASES
from load_tests.processes import Processes, free_addresses, run_once

OWN_PARTITIONS = 4
_PUBLISH_S = 120.0


class Product:
    """One installation with topics and a folder of its own, below `work`; recovery stores are in the folder.

    `more` is added to the settings, which begin with those of the bus.
    """

    def __init__(self, bus: Bus, work: Path, case: str, name: str, more: str = "") -> None:
        self.bus = bus
        self.prefix = f"bench-{uuid.uuid4().hex[:8]}-{name}-"
        self.topics = TopicNames(self.prefix)
        self.folder = work / self.prefix
        shutil.copytree(CASES / case, self.folder)
        self._config = self.folder / "telltale.toml"
        self._config.write_text(f"{more}\n{bus.settings(self.prefix, OWN_PARTITIONS)}")

    @property
    def telemetry(self) -> str:
        """The topic of the readings."""
        return self.topics.telemetry("telemetry")

    @property
    def environment(self) -> dict[str, str]:
        """What its processes are told."""
        return {"TELLTALE_CONFIG": str(self._config)}

    def install(self, partitions: int) -> None:
        """Create the readings' topic, then let the product publish its rules and create all others."""
        topics = self.bus.open()
        try:
            topics.create([TopicSpec(self.telemetry, partitions)])
        finally:
            topics.close()
        run_once(self.command("rules", "publish"), self.environment, self.folder / "logs", _PUBLISH_S)

    def start(self, flow: str, count: int, running: Processes, epoch_s: int = 1) -> None:
        """Start a flow (`devices`, `customers`) in so many processes, recovery on."""
        dataflow = f"flows.pipeline:{flow}"
        start_bytewax(dataflow, flow, count, self.folder, self.environment, running, epoch_s)

    def command(self, *arguments: str) -> list[str]:
        """How `telltale` is called with some arguments."""
        return [sys.executable, "-m", "flows.cli", *arguments]

    def recovery(self, flow: str) -> Path:
        """The folder of a flow's recovery store."""
        return recovery_in(self.folder, flow)

    def remove(self) -> None:
        """Its topics and its folder are no longer needed."""
        self.bus.remove(self.prefix)
        shutil.rmtree(self.folder)


def recovery_in(folder: Path, name: str) -> Path:
    """Where the recovery store of a dataflow is."""
    return folder / f"recovery-{name}"


def start_bytewax(
    dataflow: str,
    name: str,
    count: int,
    folder: Path,
    environment: dict[str, str],
    running: Processes,
    epoch_s: int = 1,
) -> None:
    """Start any dataflow in so many processes with `python -m bytewax.run`, recovery on."""
    store = recovery_in(folder, name)
    if not store.exists():
        store.mkdir(parents=True)
        make = [sys.executable, "-m", "bytewax.recovery", str(store), "4"]
        run_once(make, {}, folder / "logs", _PUBLISH_S)
    command = [sys.executable, "-m", "bytewax.run", dataflow, "-r", str(store)]
    command += ["-s", str(epoch_s), "-b", "0"]
    addresses = free_addresses(count)
    for i in range(count):
        among = ["-i", str(i), "-a", addresses] if count > 1 else []
        running.start(f"{name}-{i}", [*command, *among], environment)
