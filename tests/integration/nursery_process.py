"""A process that has the product loaded, and forks the processes of the product that tests start and kill.

Loading takes seconds, and a test that kills fifteen times starts as often. It reads orders from its standard input, a
line of JSON each, and answers each with one. It ends, and all that it forked, when its input does.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from connectors import outbox
from flows import pipeline, processes
from flows.customers import flow as customers_flow
from flows.customers import packed
from flows.devices import flow as devices_flow
from flows.engine.clock import moment
from flows.identity import service
from flows.topics import kafka, sqlite
from tests.integration.dying import arm
from tests.integration.flow_process import end_with_parent, run_connector, run_flow, run_identity
from tests.integration.hand import Hand
from tests.integration.nursery import Birth, Question

LOADED = (processes, customers_flow, devices_flow, service, kafka, outbox)
_SMALL = 600
"""Bases of so few bytes are written, so that there are some."""


def main() -> None:
    """Answer orders."""
    gc.collect()
    gc.freeze()
    alive, life = os.pipe()
    order = msgspec.json.Decoder(Birth | Question)
    ended: dict[int, int] = {}
    for line in sys.stdin.buffer:
        asked = order.decode(line)
        answer: int | None
        if isinstance(asked, Birth):
            answer = os.fork()
            if answer == 0:
                os.close(life)
                os.dup2(alive, 0)
                _live(asked)
        else:
            if asked.process not in ended:
                found, status = os.waitpid(asked.process, os.WNOHANG)
                if found:
                    ended[asked.process] = os.waitstatus_to_exitcode(status)
            answer = ended.get(asked.process)
        sys.stdout.write(f"{msgspec.json.encode(answer).decode()}\n")
        sys.stdout.flush()


def _live(birth: Birth) -> NoReturn:
    """Be a process of the product."""
    log = os.open(birth.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(birth.environment)
    end_with_parent()
    packed._SMALLEST = _SMALL
    hand = Hand(Path(birth.hand))
    if not birth.timely:
        _turn_back(hand)
    if birth.death is not None:
        arm(birth.death, partial(hand.may_die, birth.part))
    try:
        _run(birth.part, hand.now)
    finally:
        error = sys.exception()
        if error is not None:
            traceback.print_exception(error)
        os._exit(error is not None)


def _run(part: str, clock: Callable[[], int]) -> None:
    if part == "outbox":
        run_connector(clock)
    elif part == "identity":
        run_identity(clock)
    else:
        run_flow(part, [])


def _turn_back(hand: Hand) -> None:
    """Hand the flows and the bus the test's clock; when to wake is still Bytewax's affair, which has its own."""
    turned: Any = partial(pipeline.Watch, clock=hand.now)
    bus: Any = partial(sqlite.SqliteTopics, clock=lambda: hand.now() / 1000)
    pipeline.Watch, sqlite.SqliteTopics = turned, bus  # type: ignore[misc]
    awake: Any = lambda at: moment(at + hand.behind)  # noqa: E731
    for module in list(sys.modules.values()):
        if getattr(module, "moment", None) is moment:
            module.moment = awake  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
