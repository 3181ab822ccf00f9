"""The identity service as a process that dies by SIGKILL at a given step of one of its functions.

A step is a call or a return in that function, of what is called from there too, so that a kill can fall between any two
of them, on a slow machine as on a fast one.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType

from flows import identity
from tests.buses import Bus
from tests.integration.identity_site import Site

_OURS = str(Path(identity.__file__).parent)


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
    """`kind address prefix folder database [function step]`: take in all there is, or die on the way."""
    kind, address, prefix, folder, database, *death = sys.argv[1:]
    site = Site(Bus(kind, address).open(), Path(folder), database, prefix)
    if death:
        die_in(death[0], int(death[1]))
    site.run()


if __name__ == "__main__":
    main()
