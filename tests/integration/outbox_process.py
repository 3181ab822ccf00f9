"""The outbox connector as a process that dies by SIGKILL at a given step of one of its functions.

A step is a call or a return in that function, of what is called from there too (SQLite, files, the bus), so that a
kill can fall between any two of them, on a slow machine as on a fast one.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

import connectors
from connectors.outbox import run_outbox
from flows.settings import OutboxSettings, Settings, TopicsSettings
from tests.buses import Bus

_OURS = str(Path(connectors.__file__).parent)


def die_in(function: str, step: int) -> None:
    """Kill this process at a step of a function, counted over all its calls."""
    taken = 0

    def count(frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal taken
        taken += _is(frame, function) or (frame.f_back is not None and _is(frame.f_back, function))
        if taken >= step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)


def _is(frame: FrameType, function: str) -> bool:
    """Whether a frame is of a function of ours."""
    return frame.f_code.co_qualname == function and frame.f_code.co_filename.startswith(_OURS)


def main() -> None:
    """`kind address prefix folder [function step]`: carry out all there is, or die on the way."""
    kind, address, prefix, folder, *death = sys.argv[1:]
    settings = Settings(
        topics=TopicsSettings(prefix=prefix),
        outbox=OutboxSettings(folder="outbox", ledger="ledger.db"),
        folder=folder,
    )
    topics = Bus(kind, address).open()
    if death:
        die_in(death[0], int(death[1]))
    run_outbox(settings, topics, lambda: time.time_ns() // 1_000_000, threading.Event(), until_idle=True)


if __name__ == "__main__":
    main()
