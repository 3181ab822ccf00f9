"""What a benchmark runs on: `cases/<name>/case.toml` beside the configuration of the product."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from load_tests.failures import CaseWrong

CASES = Path(__file__).parent / "cases"


Database = Literal["sqlite", "postgresql"]


class Live(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fleet that reports now: rates in readings a second from `first` by `factor` to `highest`, times in s."""

    first: int
    factor: float
    highest: int
    step_s: float
    seconds: float
    episodes: float


class Hot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One customer with a `rate` of events a second beside the `others`, so many customers; all for some seconds."""

    customers: int
    others: float
    rate: float
    seconds: float


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sizes of one benchmark; readings of all devices together, `processes` of the flow and of the ceiling.

    Of the `customers` a share is `active`, with so many events; they are kept in so many `buckets` and put on disk
    every `epoch_s`. With so many `identifiers` in each of its databases, identity gets so many pieces of `evidence`;
    in the `storm` so many people turn out to share one.
    """

    seed: int
    readings: int
    devices: int
    partitions: int
    processes: int
    rounds: int
    planted: int
    near_misses: int
    naive_readings: int
    rules_readings: int
    memory_devices: int
    restart_devices: tuple[int, ...]
    customers: int
    customer_events: int
    active: float
    buckets: int
    epoch_s: int
    identifiers: int
    evidence: int
    storm: int
    databases: tuple[Database, ...]
    live: Live
    hot: Hot


def load_case(name: str, changes: Mapping[str, Any]) -> Case:
    """The case with some of its values changed (None: as it is); raises CaseWrong.

    Fewer devices than planted ones, or fewer readings than those need, plant less.
    """
    file = CASES / name / "case.toml"
    try:
        plain = msgspec.toml.decode(file.read_bytes())
        plain |= {field: value for field, value in changes.items() if value is not None}
        case = msgspec.convert(plain, Case)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise CaseWrong(str(file), str(error)) from error
    if min(case.readings, case.devices, case.partitions, case.processes, case.rounds, case.customers) < 1:
        raise CaseWrong(
            str(file), "readings, devices, partitions, processes, rounds and customers are at least 1"
        )
    most = min(case.devices // 4, case.readings // 100)
    return msgspec.structs.replace(
        case,
        planted=min(case.planted, most),
        near_misses=min(case.near_misses, most),
        naive_readings=min(case.naive_readings, case.readings),
        rules_readings=min(case.rules_readings, case.readings),
    )
