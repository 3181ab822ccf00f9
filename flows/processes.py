"""Running a flow as a process: its recovery store, then Bytewax."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from bytewax._bytewax import cli_main  # pyright: ignore[reportUnknownVariableType]
from bytewax.dataflow import Dataflow
from bytewax.recovery import (
    RecoveryConfig,
    init_db_dir,  # pyright: ignore[reportUnknownVariableType]
)

from flows import pipeline
from flows.engine.recovery import forget_unfinished
from flows.logs import log_as_json
from flows.settings import Settings

_RECOVERY_PARTS = 4


def recovery_store(folder: Path) -> Path:
    """The folder of a flow's recovery partitions, made whole at once if it is not there."""
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    init_db_dir(new, _RECOVERY_PARTS)
    try:
        new.rename(folder)
    except OSError:  # another process of the flow was first
        shutil.rmtree(new)
    return folder


def _run(
    build: Callable[[Settings], Dataflow],
    settings: Settings,
    store: str,
    epoch_s: float,
    process: int | None,
    addresses: list[str] | None,
) -> None:
    """Run one flow until it is killed, which is safe at any moment."""
    log_as_json()
    folder = recovery_store(settings.path(store))
    forget_unfinished(folder)
    cli_main(
        build(settings),
        workers_per_process=1,
        process_id=process,
        addresses=addresses,
        epoch_interval=timedelta(seconds=epoch_s),
        recovery_config=RecoveryConfig(str(folder)),
    )


def run_devices(settings: Settings, process: int | None = None, addresses: list[str] | None = None) -> None:
    """Run the devices flow in this process; several processes know each other by their addresses (host:port)."""
    _run(pipeline.devices, settings, settings.devices.recovery, settings.devices.epoch_s, process, addresses)


def run_customers(settings: Settings, process: int | None = None, addresses: list[str] | None = None) -> None:
    """Run the customers flow in this process; see `run_devices`."""
    customers = settings.customers
    _run(pipeline.customers, settings, customers.recovery, customers.epoch_s, process, addresses)
