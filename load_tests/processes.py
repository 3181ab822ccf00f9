"""The processes of one leg: started together, watched, their CPU time summed, killed in the end."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import psutil

from load_tests.failures import NotInTime, ProcessEnded

ROOT = Path(__file__).resolve().parent.parent
_POLITE_S = 5.0

T = TypeVar("T")


class Processes:
    """What they say goes to a log file each in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: Sequence[str], environment: dict[str, str]) -> None:
        """Start one, with nothing of this process's environment that is meant for the product."""
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=_own_environment() | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def log(self, name: str) -> Path:
        """Where a process's words are."""
        return self._folder / f"{name}.log"

    def check(self) -> None:
        """Raise ProcessEnded when one ended with an error."""
        for name, process in self._running.items():
            if process.poll():
                raise ProcessEnded(name, process.returncode, self.log(name))

    def pin(self) -> None:
        """Let all of them together use no more than the machine's last core."""
        if psutil.LINUX:
            for process in self._all():
                process.cpu_affinity([max(os.sched_getaffinity(0))])

    def resident(self) -> int:
        """The memory (bytes) that all of them hold now."""
        return sum(process.memory_info().rss for process in self._all())

    def cpu_s(self) -> float:
        """User and system time of all of them so far, with their threads and what they started themselves."""
        total = 0.0
        for process in self._all():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def wait_for(self, what: str, seconds: float, look: Callable[[], T | None], seen: Callable[[], str]) -> T:
        """Look until there is something; `look` itself waits a little. Raises NotInTime, ProcessEnded."""
        give_up = time.monotonic() + seconds
        while True:
            found = look()
            if found is not None:
                return found
            self.check()
            if time.monotonic() > give_up:
                raise NotInTime(what, seconds, seen(), [self.log(name) for name in self._running])

    def kill(self) -> None:
        """End all at once, which a flow survives at any moment."""
        for process in self._all():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for process in self._running.values():
            process.wait()
        self._running.clear()

    def _all(self) -> list[psutil.Process]:
        """Those that were started, and those that they started."""
        found: list[psutil.Process] = []
        for process in self._running.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                started = psutil.Process(process.pid)
                found += [started, *started.children(recursive=True)]
        return found


@contextlib.contextmanager
def processes(folder: Path) -> Iterator[Processes]:
    """Processes that do not outlive the block."""
    running = Processes(folder)
    try:
        yield running
    finally:
        running.kill()


def run_once(command: Sequence[str], environment: dict[str, str], folder: Path, seconds: float) -> str:
    """Run a short command to its end and return what it printed; raises ProcessEnded, NotInTime."""
    folder.mkdir(parents=True, exist_ok=True)
    name, log = " ".join(command[:4]), folder / "once.log"
    own = _own_environment() | environment
    with log.open("wb") as said:
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=own, stdout=subprocess.PIPE, stderr=said, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            raise NotInTime(name, seconds, "still running", [log]) from None
    if done.returncode:
        raise ProcessEnded(name, done.returncode, log)
    return done.stdout.decode(errors="replace")


def _own_environment() -> dict[str, str]:
    """This process's environment without what is meant for the product."""
    return {key: value for key, value in os.environ.items() if not key.startswith("TELLTALE_")}


def free_addresses(count: int) -> str:
    """Addresses that nobody listens on now, as Bytewax wants them."""
    with contextlib.ExitStack() as stack:
        ports: list[int] = []
        for _ in range(count):
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
    return ";".join(f"127.0.0.1:{port}" for port in ports)
