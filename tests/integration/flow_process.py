"""One process of the product, to be started and killed by tests: `devices|customers|outbox [number address...]`.

Settings come from the environment. The process ends when the one that started it does, however that ends.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path


def end_with_parent() -> None:
    """End this process as soon as its standard input does; read without a buffer, whose lock an exit would want."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def run_flow(part: str, cluster: list[str]) -> None:
    """A flow, alone or as one process of several."""
    from flows import processes  # noqa: PLC0415 - the connector starts faster without kernels
    from flows.pipeline import settings_here  # noqa: PLC0415

    run = {"devices": processes.run_devices, "customers": processes.run_customers}[part]
    run(settings_here(), int(cluster[0]) if cluster else None, cluster[1:] or None)


def run_connector(clock: Callable[[], int] | None = None) -> None:
    """The outbox, for ever, by the wall clock or another (ms)."""
    from connectors.outbox import run_outbox  # noqa: PLC0415
    from flows.engine.clock import wall_clock  # noqa: PLC0415
    from flows.settings import load_settings  # noqa: PLC0415
    from flows.topics.open import open_topics  # noqa: PLC0415

    settings = load_settings(Path(os.environ["TELLTALE_CONFIG"]), os.environ)
    run_outbox(settings, open_topics(settings), clock or wall_clock, threading.Event())


def run_identity(clock: Callable[[], int]) -> None:
    """The identity service, for ever."""
    from flows.identity import service  # noqa: PLC0415
    from flows.settings import load_settings  # noqa: PLC0415
    from flows.topics.open import open_topics  # noqa: PLC0415

    settings = load_settings(Path(os.environ["TELLTALE_CONFIG"]), os.environ)
    service.run_identity(settings, open_topics(settings), clock, threading.Event())


if __name__ == "__main__":
    end_with_parent()
    if sys.argv[1] == "outbox":
        run_connector()
    else:
        run_flow(sys.argv[1], sys.argv[2:])
