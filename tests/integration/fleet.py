"""The whole product over one fleet: a folder with the starter configuration, a bus, and real processes.

Nothing here waits for a time to pass: every wait is for a condition, up to a deadline that no machine should need,
and ends early, with the last lines of the logs, when a process has ended by itself.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

import flows
from flows.provision import publish_rules
from flows.schema import Account, Alarm, CloudEvent, Decision, decode
from flows.settings import Settings, load_settings
from flows.topics.names import TopicNames
from flows.topics.open import open_topics
from flows.topics.port import Message
from tests.buses import Bus
from tests.integration.tail import Tail

ROOT = Path(__file__).parents[2]
STARTER = Path(flows.__file__).parent / "starter"
NO_MORE: Mapping[str, str] = {}
PATIENCE_S = 120.0
_LOOK_S = 0.05
_LINES = 15


class Fleet:
    """One fleet's configuration, topics and processes; made by `a_fleet`.

    `configuration` is the folder that is copied, `more` are settings of the environment.
    """

    def __init__(
        self,
        bus: Bus,
        folder: Path,
        epoch_s: float,
        customers_epoch_s: float,
        steps: str = "",
        configuration: Path = STARTER,
        more: Mapping[str, str] = NO_MORE,
    ) -> None:
        shutil.copytree(configuration, folder)
        if steps:
            (folder / "steps.py").write_text(steps)
        prefix = f"f{uuid.uuid4().hex[:8]}."
        self._folder = folder
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TELLTALE_")},
            "TELLTALE_CONFIG": str(folder / "telltale.toml"),
            "TELLTALE_TOPICS_BUS": bus.kind,
            "TELLTALE_TOPICS_PREFIX": prefix,
            "TELLTALE_DEVICES_EPOCH_S": str(epoch_s),
            "TELLTALE_CUSTOMERS_EPOCH_S": str(customers_epoch_s),
            "TELLTALE_STEPS": "steps.py" if steps else "",
            "PYTHONPATH": str(ROOT),
            "TELLTALE_TOPICS_PATH"
            if bus.kind == "sqlite"
            else "TELLTALE_TOPICS_BOOTSTRAP_SERVERS": bus.address,
            **more,
        }
        self.settings: Settings = load_settings(folder / "telltale.toml", self._environment)
        self.names = TopicNames(prefix)
        self.rule_set = publish_rules(self.settings)
        self.topics = open_topics(self.settings)
        self._processes: dict[str, list[subprocess.Popen[bytes]]] = {}
        self._pause = threading.Event()
        self.alarms = Tail(self.topics, self.names.alarms, lambda m: decode(Alarm, m.value or b""))
        self.accounts = Tail(self.topics, self.names.accounts, lambda m: decode(Account, m.value or b""))
        self.decisions = Tail(self.topics, self.names.decisions, lambda m: decode(Decision, m.value or b""))
        self.outcomes = Tail(self.topics, self.names.outcomes, lambda m: decode(CloudEvent, m.value or b""))
        self.dead_letters = Tail(self.topics, self.names.dead_letters, lambda m: m)
        self._actions = [
            Tail(self.topics, topic, lambda m: m)
            for topic in sorted(self.topics.list())
            if topic.startswith(f"{prefix}actions.")
        ]

    @property
    def outbox(self) -> Path:
        """The folder of what would be sent."""
        return self.settings.path(self.settings.outbox.folder)

    def actions(self) -> list[Message]:
        """All that stands on the topics of actions."""
        return [message for tail in self._actions for message in tail.all()]

    # -- processes ------------------------------------------------------------------------------------------------

    def start(self, part: str, processes: int = 1) -> None:
        """Start devices, customers or outbox, devices perhaps among several processes that know each other."""
        program = [sys.executable, "-m", "tests.integration.flow_process", part]
        clusters = [[]] if processes == 1 else _clusters(processes)
        self._processes[part] = [
            self._launch(part, i, [*program, *cluster]) for i, cluster in enumerate(clusters)
        ]

    def start_program(self, part: str, program: list[str]) -> None:
        """Start a part by a command line of its own."""
        self._processes[part] = [self._launch(part, 0, program)]

    def _launch(self, part: str, number: int, program: list[str]) -> subprocess.Popen[bytes]:
        with self._log(part, number).open("ab") as log:
            return subprocess.Popen(
                program,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=ROOT,
            )

    def kill(self, part: str, which: int = 0) -> None:
        """SIGKILL to one process of a part, then to what is left of that part, as its other processes are of no use."""
        running = self._processes.pop(part)
        running[which % len(running)].kill()
        for process in running:
            process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()

    def stop(self) -> None:
        """End all processes and let go of the bus."""
        for part in list(self._processes):
            self.kill(part)
        tails = (self.alarms, self.accounts, self.decisions, self.outcomes, self.dead_letters, *self._actions)
        for tail in tails:
            tail.close()
        self.topics.close()

    # -- waiting --------------------------------------------------------------------------------------------------

    def wait(self, true: Callable[[], bool], what: Callable[[], str] | str) -> None:
        """Until it is so; fails when it is not in time, or when a process has ended."""
        give_up = time.monotonic() + PATIENCE_S
        while not true():
            ended = self.ended()
            if ended or time.monotonic() > give_up:
                why = f"{', '.join(ended)} ended by itself" if ended else f"not within {PATIENCE_S:g} s"
                said = what if isinstance(what, str) else what()
                pytest.fail(f"{why}: {said}\n{self.logs()}", pytrace=False)
            self._pause.wait(_LOOK_S)

    def ended(self) -> list[str]:
        """The parts of which a process has ended."""
        return [
            part for part, running in self._processes.items() if any(p.poll() is not None for p in running)
        ]

    def said(self, part: str, text: str) -> int:
        """How often a text stands in the logs of a part."""
        return sum(
            path.read_text(errors="replace").count(text) for path in self._folder.glob(f"{part}-*.log")
        )

    def logs(self) -> str:
        """The last lines of each log."""
        parts = sorted(self._folder.glob("*.log"))
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-_LINES:])
            for path in parts
        )

    def _log(self, part: str, number: int) -> Path:
        return self._folder / f"{part}-{number}.log"


@contextmanager
def a_fleet(
    bus: Bus, folder: Path, epoch_s: float = 0.3, customers_epoch_s: float = 0.3, steps: str = ""
) -> Iterator[Fleet]:
    """A fleet with its own prefix on a bus, perhaps with a file of steps; in the end nothing of it runs."""
    fleet = Fleet(bus, folder, epoch_s, customers_epoch_s, steps)
    try:
        yield fleet
    finally:
        fleet.stop()


def _clusters(processes: int) -> list[list[str]]:
    """For each process of a cluster its number and the addresses of all, on free ports."""
    held = [socket.socket() for _ in range(processes)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in held]
    for each in held:
        each.close()
    return [[str(i), *addresses] for i in range(processes)]
